"""Who asks for something in Slack, with the role that applies there."""

from dataclasses import dataclass
from typing import Any

from bot.app.access_control import AccessControl
from bot.app.run_queries import Requester
from bot.app.run_service import RunService
from bot.core.model.orphan import ListedCluster
from bot.core.model.people import Act, PersonKind, Role
from bot.core.rules.approval_rules import refuse_expensive_adoption
from bot.slack.inbound.bolt_app import (
    find_team,
)
from bot.slack.views.launch_form import (
    read_values,
)


@dataclass(frozen=True, slots=True)
class Requesters:
    """Finds the requester of a delivery.

    Attributes:
        access: roles and permissions.
    """

    service: RunService
    access: AccessControl

    def build_requester(
        self, body: dict[str, Any], user: str, channel: str, delivery_id: str | None = None
    ) -> Requester:
        """Return the requester, with the role that applies in the channel."""
        return Requester(user, channel, self.access.find_actor(user, find_team(body), channel), delivery_id)

    def build_button_requester(self, body: dict[str, Any], delivery_id: str | None = None) -> Requester:
        """Return the requester who pressed a button; the channel is empty for buttons of the App Home page and of
        views.
        """
        return self.build_requester(body, body["user"]["id"], (body.get("channel") or {}).get("id") or "", delivery_id)

    def build_form_requester(self, body: dict[str, Any], delivery_id: str | None = None) -> Requester:
        """Return the requester who filled in a form, with the role in the channel of the run's card.

        Raises:
            UserError: the person is not in that channel.
        """
        user, form_input = body["user"]["id"], read_values(body.get("view") or {})
        # A form that is still being filled in may not name its channel yet; a submitted one does.
        if form_input.asks_channel and (form_input.channel or delivery_id):
            self.access.refuse_non_member(user, form_input.channel)
        return self.build_requester(body, user, form_input.channel, delivery_id)

    def build_relaunch_requester(self, run_id: str, requester: Requester, body: dict[str, Any]) -> Requester:
        """Return the requester of a relaunch from the App Home page, with the role in the channel of the new run's
        card.

        Raises:
            UserError: the person may not read the run, or is not in its channel.
        """
        run = self.service.queries.find(run_id, requester.actor)
        self.access.refuse_non_member(requester.user, run.channel)
        return self.build_requester(body, requester.user, run.channel)

    def check_may_manage_cluster(self, body: dict[str, Any], cluster: ListedCluster | None, adopts: bool) -> str:
        """Return the person who pressed a button of a cluster without a run.

        Args:
            cluster: the cluster; the person whom SkyPilot names as its owner needs no role for it. None if the
                cluster is gone.
            adopts: whether the cluster is to be kept under the person's name, which costs money.

        Raises:
            UserError: the person may not.
        """
        requester, policy = self.build_button_requester(body), self.service.policy
        owner = policy.external_launches.people.get(cluster.user) if cluster and cluster.user else None
        person = requester.actor.person
        # The owner by SkyPilot's name needs no role, but must be a full member of the workspace.
        if cluster is None or owner != requester.user or person is None or person.kind is not PersonKind.MEMBER:
            self.service.refuse(Act.MANAGE_CLUSTER, requester)
        # An owner may always remove the cluster, but may adopt only what is not too expensive.
        elif adopts and requester.actor.role < Role.APPROVER:
            refuse_expensive_adoption(policy, cluster)
        return requester.user
