"""Takes back the runs that the store has lost, from the tags of their clusters."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from bot.app.operator_notices import Announcer
from bot.app.ports import EventRecorder, Notifier, Now, RecipeSource, TaskEstimator, discard_event
from bot.app.run_queries import Requester, new_run
from bot.app.store_ports import RunWriter
from bot.core.model.audit import BOT, AuditEvent
from bot.core.model.launch_plan import LaunchPlan, build_launch_plan
from bot.core.model.money import Rate
from bot.core.model.orphan import ListedCluster
from bot.core.model.people import Actor, Role
from bot.core.model.policy import Policy
from bot.core.model.store_identity import StoreIdentity
from bot.core.rules.lost_runs import RunTags, rebuild_run
from bot.core.rules.waiting_runs import find_listed_rate
from bot.errors import Unavailable, UserError
from bot.phrase import N_, Phrase

log = logging.getLogger(__name__)

RECOVERY_NOTICE = N_(
    ":rotating_light: *My database had lost `{run}`; its cluster is up.* I took the run back from the cluster's "
    "labels, with the budget and the lease that it was launched with. Check both: `/verl status {run}`."
)


@dataclass(frozen=True, slots=True)
class LostRunRecovery:
    """Takes runs back.

    Attributes:
        find_bot_name: returns the name of this bot in Slack, which its clusters carry; empty while it is unknown.
        read_identity: returns the identity of the store: only what it may have lost is taken back.
        read_policy: returns what is allowed now.
        wake: lets the tick run now.
        record: writes to the audit.
    """

    store: RunWriter
    cloud: TaskEstimator
    recipes: RecipeSource
    announcer: Announcer
    notifier: Notifier
    now: Now
    find_bot_name: Callable[[], str]
    read_identity: Callable[[], StoreIdentity]
    read_policy: Callable[[], Policy]
    wake: Callable[[], None]
    record: EventRecorder = discard_event

    def take_back(self, cluster: ListedCluster) -> bool:
        """Record the run that a cluster's tags name, if the store may have lost it. Return whether it is recorded."""
        tags = self._read_tags(cluster)
        if tags is None or not self.read_identity().may_have_lost(tags.created_at):
            return False
        try:
            plan = build_launch_plan(self.recipes.get(tags.recipe), (), (), tags.run_id)
        except UserError as error:
            log.warning("run %s cannot be taken back from its cluster: %s", tags.run_id, error)
            return False
        actor = Actor(tags.requester, None, None, Role.LAUNCHER, Role.LAUNCHER)
        draft = new_run(plan, Requester(tags.requester, tags.channel, actor), self.now(), self.read_policy())
        run = self.store.add(rebuild_run(draft, tags, cluster, self._find_rate(cluster, plan), self.now()), plan.task)
        if run is None:  # the id is used: the run was deleted
            return False
        log.warning("run %s: its record was lost, and is taken back from its cluster", run.id)
        self.record(AuditEvent(at=self.now(), who=BOT, what="take back", on=run.id, rule="store_lost"))
        self.announcer.announce(f"taken-back-{run.id}", Phrase(RECOVERY_NOTICE, run=run.id), run.channel, run.requester)
        self.notifier.show([run])
        self.wake()
        return True

    def find_owner(self, cluster: ListedCluster) -> tuple[str, str]:
        """Return the channel and the person that the tags of a cluster of this bot name; empty where they name none."""
        tags = self._read_tags(cluster)
        return (tags.channel, tags.requester) if tags else ("", "")

    def _read_tags(self, cluster: ListedCluster) -> RunTags | None:
        """Return what the tags say of a cluster that this bot has launched; None of any other cluster."""
        tags = RunTags.from_cluster(cluster)
        return tags if tags and tags.bot_name == self.find_bot_name() else None

    def _find_rate(self, cluster: ListedCluster, plan: LaunchPlan) -> Rate | None:
        """Return what the cluster costs, as it is listed, or else as its recipe would cost."""
        if listed_rate := find_listed_rate(cluster):
            return listed_rate
        try:
            return self.cloud.estimate_rate({**plan.task, "num_nodes": max(cluster.nodes, plan.nodes)})
        except Unavailable as error:
            log.warning("the price of %s is not known yet: %s", cluster.name, error)
            return None
