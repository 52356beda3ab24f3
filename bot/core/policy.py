"""The policy of a team: who may do what, which launches need a confirmation or an approval, and how much may run and
be spent. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from bot.core.bounds import DENIED_OVERRIDES, OWN, UNBOUNDED, Bounds
from bot.core.people import Channel, ChannelKind
from bot.core.roles import MEMBERS, NEEDED, Act, Grants, Needed, Role


class Scope(StrEnum):
    """The group of runs that a cap counts together."""

    PERSON = "person"
    TEAM = "team"  # the runs of one channel
    EVERYBODY = "everybody"


class Measure(StrEnum):
    """The quantity that a cap counts."""

    RUNS = "runs"
    GPUS = "gpus"
    DOLLARS_PER_HOUR = "dollars_per_hour"
    DOLLARS_PER_MONTH = "dollars_per_month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The maximum of each measure; None for no cap.

    Attributes:
        runs: at once, those that wait for an approval included; gpus: of these runs together.
        dollars_per_hour: of running clusters, as far as they are priced.
        dollars_per_month: spent in the calendar month, plus the budgets of open runs.
    """

    runs: int | None = None
    gpus: int | None = None
    dollars_per_hour: float | None = None
    dollars_per_month: float | None = None

    def of(self, measure: Measure) -> float | None:
        """Return the cap of a measure."""
        match measure:
            case Measure.RUNS:
                return self.runs
            case Measure.GPUS:
                return self.gpus
            case Measure.DOLLARS_PER_HOUR:
                return self.dollars_per_hour
            case Measure.DOLLARS_PER_MONTH:
                return self.dollars_per_month


class Remedy(StrEnum):
    """The treatment of an external launch without the autostop that the policy requires."""

    ADD = "add"
    REFUSE = "refuse"


class WhenDown(StrEnum):
    """The treatment of an external launch that cannot be checked because the store is down."""

    REFUSE = "refuse"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The rules for launches with SkyPilot's own command line (docs/admin-policy.md).

    Attributes:
        autostop_idle_minutes: the longest idle time that is allowed; None for any time, or no autostop.
        autostop: the treatment of a launch that has no autostop, or a longer one.
        caps: for all clusters that were launched in this way together.
        people: Slack's ids by SkyPilot's names of the same people.
        reservation_ttl_minutes: how long a reservation is kept for a cluster that no observation has shown yet.
        on_store_outage: the treatment of a launch while the store is down.
    """

    autostop_idle_minutes: int | None = 30
    autostop: Remedy = Remedy.ADD
    caps: Caps = field(default_factory=Caps)
    people: Mapping[str, str] = field(default_factory=dict)
    appears_minutes: float = 30.0
    when_store_is_down: WhenDown = WhenDown.REFUSE

    @property
    def grace(self) -> timedelta:
        """Return how long a reservation is kept for a cluster that no observation has shown yet."""
        return timedelta(minutes=self.appears_minutes)


def cap_rule(scope: Scope, measure: Measure) -> str:
    """Return the name of the rule of a cap.

    >>> cap_rule(Scope.TEAM, Measure.DOLLARS_PER_MONTH)
    'team.dollars_per_month'
    """
    return f"{scope}.{measure}"


BUDGET_RULE, LEASE_RULE, APPROVAL_RULE = "budget", "lease", "approval"
"""Names of the rules beside the caps: those that end a run, and the one that makes it wait."""

RULES = (
    BUDGET_RULE,
    LEASE_RULE,
    APPROVAL_RULE,
    *(cap_rule(scope, measure) for scope in Scope for measure in Measure),
    *(f"outside.{measure}" for measure in (Measure.RUNS, Measure.GPUS, Measure.DOLLARS_PER_HOUR)),
)
"""Names of all rules, as in the policy's `report_only`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """The limit on what one person may request in a minute, so that other people are served too.

    Attributes:
        launches_per_minute: launches, retries and resumes; questions_per_minute: all other commands and buttons. None
            for no limit.
    """

    launches_per_minute: int | None = None
    questions_per_minute: int | None = None


MEMBERS_LAUNCH = Grants(given={Role.LAUNCHER: (MEMBERS,)})
"""Grants by which every full member of the workspace may launch, and no person may approve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of an installation. Without arguments it lets every member of the workspace do anything.

    Attributes:
        grants: who has which role, and which role is valid where.
        member_workspaces: Slack's ids of other workspaces (`T…`) and organisations (`E…`) whose members count as
            members.
        stop_role: the least role that may stop another person's run.
        bounds: of one launch by role; a role without an entry has none. channel_bounds: likewise, by a channel's id or
            kind.
        fairness: how much one person may request in a minute.
        confirm_above_dollars: a typed launch with a larger budget needs a confirmation first.
        approve_above_dollars: a launch that may cost more waits for an approver other than the requester; the launches
            of one person within a day count together.
        approve_above_gpu_hours: likewise; approve_unpriced: whether a launch without a known price waits too.
        approval_timeout_hours: how long it waits.
        lease_warnings_minutes: minutes before the end of a lease at which its run is warned, if the run has lived as
            long already.
        month_grace_minutes: how long runs continue after a month's dollars are spent, so that an approver can raise the
            monthly budget.
        person, team, workspace: caps; teams: caps of single channels, by id, in place of `team`.
        external_launches: rules for launches that bypass the bot.
        report_only: names of rules that only report what they would have done.
    """

    grants: Grants = MEMBERS_LAUNCH
    workspaces: frozenset[str] = frozenset()
    stop_role: Role = Role.LAUNCHER
    bounds: Mapping[Role, Bounds] = field(default_factory=dict)
    channel_bounds: Mapping[str, Bounds] = field(default_factory=dict)
    fairness: Fairness = field(default_factory=Fairness)
    confirm_over_dollars: float | None = 100.0
    approve_over_dollars: float | None = None
    approve_over_gpu_hours: float | None = None
    approve_unpriced: bool = False
    approval_lapses_hours: float = 24.0
    lease_warnings_minutes: tuple[float, ...] = (60.0, 15.0)
    month_grace_minutes: float = 15.0
    person: Caps = field(default_factory=Caps)
    team: Caps = field(default_factory=Caps)
    teams: Mapping[str, Caps] = field(default_factory=dict)
    everybody: Caps = field(default_factory=Caps)
    outside: Outside = field(default_factory=Outside)
    shadow: tuple[str, ...] = ()

    @property
    def approval_lapses(self) -> timedelta:
        return timedelta(hours=self.approval_lapses_hours)

    @property
    def lease_warnings(self) -> tuple[timedelta, ...]:
        return tuple(timedelta(minutes=one) for one in self.lease_warnings_minutes)

    @property
    def month_grace(self) -> timedelta:
        return timedelta(minutes=self.month_grace_minutes)

    def most(self, scope: Scope, measure: Measure, team: str) -> float | None:
        """Return the cap of a measure for a scope; None for no cap."""
        match scope:
            case Scope.PERSON:
                return self.person.of(measure)
            case Scope.TEAM:
                return self.teams.get(team, self.team).of(measure)
            case Scope.EVERYBODY:
                return self.everybody.of(measure)

    @property
    def approvers(self) -> tuple[str, ...]:
        """Return the ids of people and user groups who may approve, for users to turn to."""
        return self.grants.holders(Role.APPROVER)

    @property
    def admins(self) -> tuple[str, ...]:
        return self.grants.holders(Role.ADMIN)

    def needed(self, act: Act) -> Needed:
        """Return the least role for an act."""
        needed = NEEDED[act]
        return replace(needed, role=self.stop_role) if act is Act.STOP else needed

    def bounds_of(self, role: Role, channel: Channel) -> tuple[Bounds, ...]:
        """Return the bounds of a launch by a person with this role in this channel; all of them apply.

        A channel's own bounds apply in place of those of its kind.
        """
        by_kind = self.channel_bounds.get(channel.kind, UNBOUNDED)
        return self.bounds.get(role, UNBOUNDED), self.channel_bounds.get(channel.id, by_kind)

    def is_shadow(self, rule: str) -> bool:
        return rule in self.shadow

    def asks_first(self, budget_dollars: float) -> bool:
        """Return whether the user must confirm a launch with this budget."""
        return self.confirm_over_dollars is not None and budget_dollars > self.confirm_over_dollars

    @property
    def needs_price(self) -> bool:
        """Return whether a rule can only be applied once the hourly price is known."""
        caps = (self.person, self.team, *self.teams.values(), self.everybody)
        approves = self.approve_over_dollars is not None or self.approve_unpriced
        return approves or any(one.dollars_per_hour is not None for one in caps)

    def problems(self) -> list[str]:
        """Return the contradictions in the policy, one sentence each."""
        found = [
            f"`shadow` names {rule}, which is none of {', '.join(RULES)}." for rule in self.shadow if rule not in RULES
        ]
        found += [
            f"`channels.{key}` has `caps`, which count the runs of one channel: write them under its id."
            for key in self.teams
            if key in set(ChannelKind)
        ]
        asks = self.approve_over_dollars is not None or self.approve_over_gpu_hours is not None or self.approve_unpriced
        # A user group (`S…`) may have any number of members.
        lone = len(set(self.approvers)) < 2 and not any(one.startswith("S") for one in self.approvers)
        if asks and lone and not self.is_shadow(APPROVAL_RULE):
            found.append(
                "Approvals need two people at least with the role `approver` or `admin`, or a user group: "
                "you cannot approve your own launch."
            )
        return found


UNSET = Policy()
"""A policy without any bound: the base for code and tests. An installation without a policy file has `SAFE_POLICY`."""

SAFE_BOUNDS = Bounds(
    infra=(OWN,),
    images=(OWN,),
    accelerators={"*": 8},
    nodes=4,
    gpu_hours=200.0,
    lease_hours=24.0,
    budget_dollars=100.0,
    denied_overrides=DENIED_OVERRIDES,
    absolute_outputs=False,
)
"""Bounds for all roles below admin, unless the policy file says otherwise."""

SAFE = Policy(
    grants=Grants(given={Role.LAUNCHER: (MEMBERS,)}, most={ChannelKind.SHARED: Role.VIEWER}),
    bounds=dict.fromkeys((Role.LAUNCHER, Role.APPROVER), SAFE_BOUNDS),
    person=Caps(runs=2),
    fairness=Fairness(launches_per_minute=10, questions_per_minute=60),
)
"""The policy of an installation without a policy file, and the defaults of a policy file."""
