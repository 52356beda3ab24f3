"""Access control: makes an actor of Slack's description of a person and a channel, and of the policy."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bot.core.model.people import APP_HOME, Act, Actor, Channel, ChannelKind, Person, PersonKind, Role
from bot.core.model.policy import Policy
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.errors import Denied, Unavailable, UserError
from bot.phrase import Phrase, Text

log = logging.getLogger(__name__)


class PeopleDirectory(Protocol):
    """What Slack says of people and channels. Every call answers within about a second, or raises Unavailable."""

    def get_person(self, user: str, team: str, groups: frozenset[str], workspaces: frozenset[str]) -> Person:
        """Return Slack's description of a person.

        Args:
            team: workspace of the delivery, as Slack signed it; empty if it names none.
            groups: the user groups whose members the policy names.
            workspaces: other workspaces and organisations whose people are members here.
        """

    def get_channel(self, channel_id: str) -> Channel:
        """Return the kind of a conversation."""

    def is_in(self, user: str, channel_id: str) -> bool:
        """Return whether a person is in a channel."""


@dataclass(frozen=True, slots=True)
class AccessControl:
    """Makes actors, and decides who may see what."""

    directory: PeopleDirectory
    read_policy: Callable[[], Policy]

    def find_actor(self, user: str, team: str, channel_id: str) -> Actor:
        """Return the person with the role that counts in a channel; what Slack does not answer is None.

        Args:
            channel_id: empty for the bot's own page.
        """
        policy = self.read_policy()
        person: Person | None = None
        channel: Channel | None = None
        trouble: Text = ""
        try:
            person = self.directory.get_person(user, team, policy.grants.groups, policy.member_workspaces)
            channel = self.directory.get_channel(channel_id) if channel_id else APP_HOME
        except Unavailable as error:
            trouble = error.message
            log.warning("who %s is in %s is not known: %s", user, channel_id or "the bot's page", error)
        if person is not None and channel is not None:
            return Actor(
                user, channel, person, policy.grants.effective_role(person, channel), policy.grants.own_role(person)
            )
        own_role = policy.grants.own_role(person) if person else Role.NONE
        return Actor(user, channel, person, Role.NONE, own_role, trouble or "no answer")

    def can_see(self, actor: Actor, run: Run) -> bool:
        """Return whether an actor may read what a run prints and how it was set up.

        Its owner may, in any channel, and admins; in a public channel every member of the workspace; and approvers
        while it
        waits for one, since they approve what they have seen. If the whole channel reads the answer, the whole channel
        must
        be allowed to as well.
        """
        if actor.is_channel_audience and actor.channel and not self.can_channel_see(actor.channel.id, run):
            return False
        if actor.user == run.requester or actor.role is Role.ADMIN:
            return True
        if run.status is RunStatus.AWAITING_APPROVAL and actor.role >= Role.APPROVER:
            return True
        if (
            actor.channel is not None
            and actor.channel.id
            and actor.channel.id in (run.channel, run.messages.thread_channel)
        ):
            return True
        return self.can_see_channel(actor, run.channel)

    def can_see_channel(self, actor: Actor, channel_id: str) -> bool:
        """Return whether an actor may read a channel: a member of the workspace a public one, and people who are in
        it any.
        """
        try:
            is_member = actor.person is not None and actor.person.kind is PersonKind.MEMBER
            if self.directory.get_channel(channel_id).kind is ChannelKind.PUBLIC and is_member:
                return True
            return self.directory.is_in(actor.user, channel_id)
        except Unavailable as error:
            log.warning("whether %s may see %s is not known: %s", actor.user, channel_id, error)
            return False

    def refuse_non_member(self, user: str, channel_id: str) -> None:
        """Raise an error if a person posts where the person is not: in a private channel, or a conversation of others.

        Raises:
            UserError: the person is not there, or Slack does not say.
        """
        try:
            if self.directory.get_channel(channel_id).kind is ChannelKind.PUBLIC:
                return
            if self.directory.is_in(user, channel_id):
                return
        except Unavailable as error:
            raise UserError(
                Phrase("I could not check whether you are in that channel: {trouble}", trouble=error.message)
            ) from error
        absent = Phrase("You are not in that channel, or I am not.")
        raise Denied(absent, Phrase("Choose another channel, or invite me there."), act=Act.LAUNCH, on=channel_id)

    def can_channel_see(self, channel_id: str, run: Run) -> bool:
        """Return whether everyone in a channel may read of a run.

        It must be the run's channel, or the run's channel must be public. People of another workspace may be in a
        shared
        channel, and they see no public one.
        """
        if channel_id in (run.channel, run.messages.thread_channel):
            return True
        try:
            is_run_public = self.directory.get_channel(run.channel).kind is ChannelKind.PUBLIC
            return is_run_public and self.directory.get_channel(channel_id).kind is not ChannelKind.SHARED
        except Unavailable:
            return False
