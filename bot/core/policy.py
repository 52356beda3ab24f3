"""What a team allows: who leads, what is asked before a launch, how much may run and be spent at once. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


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
class Policy:
    """The rules of an installation. Without a file of its own it asks before what is dear, and caps nothing.

    Attributes:
        leads: Slack's ids of those who may approve, and give more than others may.
        confirm_over_dollars: a typed launch with a larger budget is asked about first.
        approve_over_dollars: a launch with a larger budget waits for a lead, another than who asks.
        approval_lapses_hours: how long it waits.
        lease_warnings_minutes: before the end of a lease, at which its run is told of that, where as much has passed.
        month_grace_minutes: how long runs go on once a month's dollars are spent, for a lead to give more.
        person, team, everybody: caps; teams: of single channels, by id, in place of `team`.
        outside: for launches beside the bot.
        shadow: names of rules that only tell what they would have done.
    """

    leads: tuple[str, ...] = ()
    confirm_over_dollars: float | None = 100.0
    approve_over_dollars: float | None = None
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

    def is_lead(self, user: str) -> bool:
        return user in self.leads

    def is_shadow(self, rule: str) -> bool:
        return rule in self.shadow

    def asks_first(self, budget_dollars: float) -> bool:
        """Whether a person is asked once more before a launch."""
        return self.confirm_over_dollars is not None and budget_dollars > self.confirm_over_dollars

    def wants_approval(self, budget_dollars: float) -> bool:
        """Whether a lead must agree to a launch. A lead's own waits for another lead."""
        return self.approve_over_dollars is not None and budget_dollars > self.approve_over_dollars

    @property
    def needs_price(self) -> bool:
        """Whether some cap can only be held once an hour's price is known."""
        caps = (self.person, self.team, *self.teams.values(), self.everybody)
        return any(one.dollars_per_hour is not None for one in caps)

    def problems(self) -> list[str]:
        """What contradicts itself, a sentence each."""
        found = [
            f"`shadow` names {rule}, which is none of {', '.join(RULES)}." for rule in self.shadow if rule not in RULES
        ]
        if self.approve_over_dollars is not None and len(set(self.leads)) < 2 and not self.is_shadow(APPROVAL_RULE):
            found.append("`approve_over_dollars` needs two `leads` at least: nobody approves a launch of his own.")
        return found


UNSET = Policy()
"""Of an installation without a file of its own."""
