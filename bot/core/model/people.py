"""People and channels as Slack describes them, the roles that a policy grants them, and the actor that both make.

Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from bot.phrase import Text


class PersonKind(StrEnum):
    """The relation of a person to this workspace."""

    MEMBER = "member"  # a full member
    GUEST = "guest"  # a guest of one or of several channels
    STRANGER = "stranger"  # a member of another workspace, in a shared channel
    BOT = "bot"  # another app, or a workflow
    DEACTIVATED = "deactivated"


@dataclass(frozen=True, slots=True)
class Person:
    """A person who acts in Slack.

    Attributes:
        user: Slack's id.
        groups: Slack's ids of the user groups that the person is in, limited to those that the policy names.
    """

    user: str
    kind: PersonKind
    groups: frozenset[str] = frozenset()


class ChannelKind(StrEnum):
    """The kind of conversation that a person acts in."""

    PUBLIC = "public"
    PRIVATE = "private"  # a private channel, or a direct message of several people
    SHARED = "shared"  # a channel with another workspace (Slack Connect), public or private
    DIRECT = "direct"  # with the bot alone, its App Home included


@dataclass(frozen=True, slots=True)
class Channel:
    """The place in Slack where a person acts.

    Attributes:
        id: Slack's id; empty for the bot's App Home.
        is_hidden: whether Slack hides it from the bot, which is not in it and cannot write there.
    """

    id: str
    kind: ChannelKind
    is_hidden: bool = False


APP_HOME = Channel("", ChannelKind.DIRECT)


class Role(IntEnum):
    """Roles, each of which includes those below it."""

    NONE = 0
    VIEWER = 1
    LAUNCHER = 2
    APPROVER = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """Return the name of the role in the policy file."""
        return self.name.lower()


MEMBERS, GUESTS = "members", "guests"
"""Words in place of an id: every full member of this workspace; every guest of it."""

ROLES_IN_FILE = (Role.VIEWER, Role.LAUNCHER, Role.APPROVER, Role.ADMIN)
"""Roles that can be granted."""

BOUNDED_ROLES = tuple(role for role in ROLES_IN_FILE if Role.LAUNCHER <= role < Role.ADMIN)
"""Roles that may launch within the bounds; admins have none unless the policy file has some for them."""

KIND_WORDS: Mapping[PersonKind, str] = {PersonKind.MEMBER: MEMBERS, PersonKind.GUEST: GUESTS}
"""The word that grants a role to all people of a kind. Strangers are granted one by their ids alone."""


class Act(StrEnum):
    """An act of a person, as far as roles distinguish acts."""

    READ = "read"  # look at runs, recipes, costs and reports
    LAUNCH = "launch"  # launch, retry, resume
    STOP = "stop"  # stop a run; its model is saved
    TUNE = "tune"  # mute a finding, follow a log, set summaries
    EXTEND = "extend"  # let a run live longer; keep its cluster for its model
    SET_BUDGET = "set budget"  # let a run spend more, or less
    DISCARD = "discard"  # stop a run and lose its model
    REPORT = "report"  # have reports sent to a channel on a schedule
    APPROVE = "approve"  # approve or refuse a launch
    SET_MONTHLY_BUDGET = "set monthly budget"
    MANAGE_CLUSTER = "manage cluster"  # remove, keep or adopt a cluster without a run
    FORGET = "forget"  # delete the records of a run
    AUDIT = "audit"  # read who did what


@dataclass(frozen=True, slots=True)
class RequiredRole:
    """The least role for an act.

    Attributes:
        role: on anything; on_own: on one's own run, where less is enough.
    """

    role: Role
    on_own: Role


REQUIRED_ROLES: Mapping[Act, RequiredRole] = {
    Act.READ: RequiredRole(Role.VIEWER, Role.VIEWER),
    Act.LAUNCH: RequiredRole(Role.LAUNCHER, Role.LAUNCHER),
    Act.STOP: RequiredRole(
        Role.LAUNCHER, Role.NONE
    ),  # a requester may always stop a run that spends in that person's name
    Act.TUNE: RequiredRole(Role.LAUNCHER, Role.VIEWER),
    Act.EXTEND: RequiredRole(Role.APPROVER, Role.LAUNCHER),
    Act.SET_BUDGET: RequiredRole(Role.APPROVER, Role.LAUNCHER),
    Act.DISCARD: RequiredRole(Role.APPROVER, Role.NONE),
    Act.REPORT: RequiredRole(Role.LAUNCHER, Role.LAUNCHER),
    Act.APPROVE: RequiredRole(Role.APPROVER, Role.APPROVER),
    Act.SET_MONTHLY_BUDGET: RequiredRole(Role.APPROVER, Role.APPROVER),
    Act.MANAGE_CLUSTER: RequiredRole(Role.APPROVER, Role.APPROVER),
    Act.FORGET: RequiredRole(Role.ADMIN, Role.LAUNCHER),
    Act.AUDIT: RequiredRole(Role.ADMIN, Role.ADMIN),
}
"""The least role for each act, unless the policy says otherwise."""

COSTS_OR_ENDS = frozenset(Act) - {Act.READ, Act.TUNE}
"""Acts that are refused while Slack does not identify the person; reading continues with the last known identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """The roles that are granted, and the highest role that each channel allows.

    Attributes:
        holders_by_role: ids of people (`U…`, `W…`) and of user groups (`S…`), and the words `members` and `guests`, by
            role.
        highest_by_channel: the highest role that is valid in a channel, by its id or its kind.
    """

    holders_by_role: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)
    highest_by_channel: Mapping[str, Role] = field(default_factory=dict)

    def own_role(self, person: Person) -> Role:
        """Return the highest role that is granted to a person, wherever it is valid."""
        if person.kind in (PersonKind.BOT, PersonKind.DEACTIVATED):
            return Role.NONE
        names = {person.user, *person.groups} | ({KIND_WORDS[person.kind]} if person.kind in KIND_WORDS else set())
        return max((role for role, holders in self.holders_by_role.items() if names & set(holders)), default=Role.NONE)

    def highest_role_in(self, channel: Channel) -> Role:
        """Return the highest role that is valid in a channel: its own, or that of its kind; any role if neither is
        set.
        """
        by_kind = self.highest_by_channel.get(channel.kind, Role.ADMIN)
        return self.highest_by_channel.get(channel.id, by_kind)

    def effective_role(self, person: Person, channel: Channel) -> Role:
        """Return the role that a person has in a channel."""
        return min(self.own_role(person), self.highest_role_in(channel))

    def list_holders(self, least: Role) -> tuple[str, ...]:
        """Return the ids of those who have at least this role, the lowest such role first, for users to turn to."""
        holder_ids = [
            holder
            for role in ROLES_IN_FILE
            if role >= least
            for holder in self.holders_by_role.get(role, ())
            if is_id(holder)
        ]
        return tuple(dict.fromkeys(holder_ids))

    @property
    def groups(self) -> frozenset[str]:
        """Return the ids of the user groups that have a role."""
        return frozenset(
            holder for holders in self.holders_by_role.values() for holder in holders if holder.startswith("S")
        )


def is_id(holder: str) -> bool:
    return holder not in (MEMBERS, GUESTS)


def exclude_person(people: Sequence[str], excluded: str) -> tuple[str, ...]:
    """Return these people without one of them."""
    return tuple(person for person in people if person != excluded)


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who does something in Slack.

    Attributes:
        user: Slack's id of the person.
        person, channel: as Slack describes them; None if Slack does not, and `trouble` says why.
        role: the role that counts here; own_role: the role in a channel without a limit.
        is_channel_audience: whether everyone in the channel reads the answer.
    """

    user: str
    channel: Channel | None
    person: Person | None
    role: Role
    own_role: Role
    trouble: Text = ""
    is_channel_audience: bool = False

    @property
    def is_known(self) -> bool:
        """Return whether Slack has said who the person is and where."""
        return self.person is not None and self.channel is not None

    @property
    def may_raise_months(self) -> bool:
        """Return whether the person may raise monthly budgets here, by id or by user group."""
        return self.role >= REQUIRED_ROLES[Act.SET_MONTHLY_BUDGET].role


def create_trusted_actor(user: str, role: Role = Role.ADMIN) -> Actor:
    """Return an actor on whose behalf the bot itself acts, as when a demo ends its own runs."""
    return Actor(user, APP_HOME, None, role, role)
