"""What a team allows: who may do what, what is asked before a launch, how much may run and be spent. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from bot.core.bounds import DENIED_OVERRIDES, OWN, UNBOUNDED, Bounds
from bot.core.people import Channel, ChannelKind
from bot.core.roles import MEMBERS, NEEDED, Act, Grants, Needed, Role


class Scope(StrEnum):
    """Whose runs are counted together."""

    PERSON = "person"
    TEAM = "team"  # those of one channel
    EVERYBODY = "everybody"


class Measure(StrEnum):
    """What is counted of them."""

    RUNS = "runs"
    GPUS = "gpus"
    DOLLARS_PER_HOUR = "dollars_per_hour"
    DOLLARS_PER_MONTH = "dollars_per_month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most of each measure; None for as much as you like.

    Attributes:
        runs: at once, those that wait for an approval included; gpus: of those together.
        dollars_per_hour: of what runs, as far as it is priced.
        dollars_per_month: spent in the calendar month, and what the budgets of open runs allow.
    """

    runs: int | None = None
    gpus: int | None = None
    dollars_per_hour: float | None = None
    dollars_per_month: float | None = None

    def of(self, measure: Measure) -> float | None:
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
    """What becomes of a launch outside Slack without the autostop that it should have."""

    ADD = "add"
    REFUSE = "refuse"


class WhenDown(StrEnum):
    """What becomes of a launch outside Slack that cannot be weighed, because the store is down."""

    REFUSE = "refuse"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What holds for launches by SkyPilot's own command line (docs/admin-policy.md).

    Attributes:
        autostop_idle_minutes: the longest; None for as long as you like, or never.
        autostop: what becomes of one that has none, or a longer one.
        caps: of everything together that was launched so.
        people: Slack's ids by SkyPilot's names of the same people.
        appears_minutes: how long a place is held for a cluster that nobody has seen yet.
    """

    autostop_idle_minutes: int | None = 30
    autostop: Remedy = Remedy.ADD
    caps: Caps = field(default_factory=Caps)
    people: Mapping[str, str] = field(default_factory=dict)
    appears_minutes: float = 30.0
    when_store_is_down: WhenDown = WhenDown.REFUSE

    @property
    def grace(self) -> timedelta:
        return timedelta(minutes=self.appears_minutes)


def cap_rule(scope: Scope, measure: Measure) -> str:
    """
    >>> cap_rule(Scope.TEAM, Measure.DOLLARS_PER_MONTH)
    'team.dollars_per_month'
    """
    return f"{scope}.{measure}"


BUDGET_RULE, LEASE_RULE, APPROVAL_RULE = "budget", "lease", "approval"
"""Rules beside the caps: what ends a run, and what it waits for."""

RULES = (
    BUDGET_RULE,
    LEASE_RULE,
    APPROVAL_RULE,
    *(cap_rule(scope, measure) for scope in Scope for measure in Measure),
    *(f"outside.{measure}" for measure in (Measure.RUNS, Measure.GPUS, Measure.DOLLARS_PER_HOUR)),
)
"""Names of all rules, as they stand in the policy's `shadow`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """What one person may ask for in a minute, so that others are answered too.

    Attributes:
        launches_per_minute: launches, retries and resumes; questions_per_minute: everything else that is typed or
            pressed. None for as many as you like.
    """

    launches_per_minute: int | None = None
    questions_per_minute: int | None = None


MEMBERS_LAUNCH = Grants(given={Role.LAUNCHER: (MEMBERS,)})
"""Every full member of the workspace may launch, and nobody may approve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of an installation. Made without arguments it lets every member of the workspace do anything.

    Attributes:
        grants: who has which role, and what counts where.
        workspaces: Slack's ids of other workspaces (`T…`) and organisations (`E…`) whose members count as members.
        stop_role: the least role that may stop somebody else's run.
        bounds: of one launch by role; a role without an entry has none. channel_bounds: likewise, by a
            channel's id or kind.
        fairness: what one person may ask for in a minute.
        confirm_over_dollars: a typed launch with a larger budget is asked about first.
        approve_over_dollars: a launch that may cost more waits for an approver, another than who asks; what one
            person launches within a day counts together.
        approve_over_gpu_hours: likewise; approve_unpriced: whether one without a known price waits too.
        approval_lapses_hours: how long it waits.
        lease_warnings_minutes: before the end of a lease, at which its run is told of that, where as much has passed.
        month_grace_minutes: how long runs go on once a month's dollars are spent, for an approver to give more.
        person, team, everybody: caps; teams: of single channels, by id, in place of `team`.
        outside: for launches beside the bot.
        shadow: names of rules that only tell what they would have done.
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
        match scope:
            case Scope.PERSON:
                return self.person.of(measure)
            case Scope.TEAM:
                return self.teams.get(team, self.team).of(measure)
            case Scope.EVERYBODY:
                return self.everybody.of(measure)

    @property
    def approvers(self) -> tuple[str, ...]:
        """Return the ids of people and user groups who may approve, for people to ask."""
        return self.grants.holders(Role.APPROVER)

    @property
    def admins(self) -> tuple[str, ...]:
        return self.grants.holders(Role.ADMIN)

    def needed(self, act: Act) -> Needed:
        """Return the least role for an act."""
        needed = NEEDED[act]
        return replace(needed, role=self.stop_role) if act is Act.STOP else needed

    def bounds_of(self, role: Role, channel: Channel) -> tuple[Bounds, ...]:
        """Return the bounds of a launch by somebody of this role there; all of them hold.

        A channel's own bounds count in place of those of its kind.
        """
        by_kind = self.channel_bounds.get(channel.kind, UNBOUNDED)
        return self.bounds.get(role, UNBOUNDED), self.channel_bounds.get(channel.id, by_kind)

    def is_shadow(self, rule: str) -> bool:
        return rule in self.shadow

    def asks_first(self, budget_dollars: float) -> bool:
        """Whether a person is asked once more before a launch."""
        return self.confirm_over_dollars is not None and budget_dollars > self.confirm_over_dollars

    @property
    def needs_price(self) -> bool:
        """Whether some rule can only be held once an hour's price is known."""
        caps = (self.person, self.team, *self.teams.values(), self.everybody)
        approves = self.approve_over_dollars is not None or self.approve_unpriced
        return approves or any(one.dollars_per_hour is not None for one in caps)

    def problems(self) -> list[str]:
        """What contradicts itself, a sentence each."""
        found = [
            f"`shadow` names {rule}, which is none of {', '.join(RULES)}." for rule in self.shadow if rule not in RULES
        ]
        found += [
            f"`channels.{key}` has `caps`, which count the runs of one channel: write them under its id."
            for key in self.teams
            if key in set(ChannelKind)
        ]
        asks = self.approve_over_dollars is not None or self.approve_over_gpu_hours is not None or self.approve_unpriced
        lone = len(set(self.approvers)) < 2 and not any(one.startswith("S") for one in self.approvers)
        if asks and lone and not self.is_shadow(APPROVAL_RULE):
            found.append(
                "Approvals need two people at least with the role `approver` or `admin`, or a user group: "
                "you cannot approve your own launch."
            )
        return found


UNSET = Policy()
"""Without any bound: what code and tests begin from. An installation without a file has `SAFE`."""

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
"""What anybody but an admin may ask for, where the policy file says nothing else."""

SAFE = Policy(
    grants=Grants(given={Role.LAUNCHER: (MEMBERS,)}, most={ChannelKind.SHARED: Role.VIEWER}),
    bounds=dict.fromkeys((Role.LAUNCHER, Role.APPROVER), SAFE_BOUNDS),
    person=Caps(runs=2),
    fairness=Fairness(launches_per_minute=10, questions_per_minute=60),
)
"""Of an installation without a policy file, and of what a file leaves out."""
