"""A policy: who may do what, within which bounds, and how much may be spent. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from bot.core.model.finding import FindingAction
from bot.core.model.people import (
    BOUNDED_ROLES,
    MEMBERS,
    REQUIRED_ROLES,
    Act,
    Channel,
    ChannelKind,
    Grants,
    RequiredRole,
    Role,
)

FROM_RECIPE = "recipe"
"""Allows, in place of a pattern, the value that the recipe itself has."""

DENIED_OVERRIDES = (
    "hydra.*", "hydra/*", "*ray_kwargs*", "*runtime_env*", "*trust_remote_code*", "*_target_*", "*external_lib*",
    "${*",
)  # fmt: skip
"""Settings by which a run executes code that the recipe does not contain, or prints its environment.

They are denied to all but admins. The last is any resolver of OmegaConf's: `${oc.env:…}` puts a secret of the
environment into a value that verl prints and sends to its loggers.
"""

OUTPUT_SETTINGS = (
    "*default_local_dir*", "*default_hdfs_dir*", "*data_dir", "*output*", "*save*dir*", "*save*path*", "*log_dir*",
    "*ckpt*dir*", "*checkpoint*dir*", "*checkpoint*path*", "*profile*save*", "*.run.dir", "*.sweep.dir",
)  # fmt: skip
"""Settings that set where verl writes; only admins may set them to a place outside of the run's own folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one launch may use. None is no bound; patterns are globs and ignore case.

    Attributes:
        recipes: names of recipes. code: repositories, such as `acme/rl`.
        infra: names of SkyPilot's infra. images, buckets, volumes: likewise; `recipe` means the recipe's own.
        accelerators: the most of one node by pattern of kind, `*` for any other; a kind without an entry is denied.
        nodes: the most nodes. gpu_hours: the most of nodes × accelerators × lease.
        lease_hours, budget_dollars: the most of a run. keep_hours: the most that a launch keeps a failed cluster.
        overrides: patterns of Hydra settings that are allowed; denied_overrides: patterns of those that are denied.
        absolute_outputs: whether settings of `OUTPUT_SETTINGS` may name a place outside of the run's folder.
    """

    recipes: tuple[str, ...] | None = None
    code: tuple[str, ...] | None = None
    infra: tuple[str, ...] | None = None
    images: tuple[str, ...] | None = None
    buckets: tuple[str, ...] | None = None
    volumes: tuple[str, ...] | None = None
    accelerators: Mapping[str, int] | None = None
    nodes: int | None = None
    gpu_hours: float | None = None
    lease_hours: float | None = None
    budget_dollars: float | None = None
    keep_hours: float | None = None
    overrides: tuple[str, ...] | None = None
    denied_overrides: tuple[str, ...] | None = None
    absolute_outputs: bool = True


UNBOUNDED = Bounds()


class Scope(StrEnum):
    """The group of runs that a cap counts together."""

    PERSON = "person"
    TEAM = "team"  # the runs of one channel
    WORKSPACE = "workspace"


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

    def limit_for(self, measure: Measure) -> float | None:
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


class AutostopRemedy(StrEnum):
    """The treatment of an external launch without the autostop that the policy requires."""

    ADD = "add"
    REFUSE = "refuse"


class StoreOutageBehaviour(StrEnum):
    """The treatment of an external launch that cannot be checked because the store is down."""

    REFUSE = "refuse"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalLaunchPolicy:
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
    autostop: AutostopRemedy = AutostopRemedy.ADD
    caps: Caps = field(default_factory=Caps)
    people: Mapping[str, str] = field(default_factory=dict)
    reservation_ttl_minutes: float = 30.0
    on_store_outage: StoreOutageBehaviour = StoreOutageBehaviour.REFUSE

    @property
    def reservation_ttl(self) -> timedelta:
        """Return how long a reservation is kept for a cluster that no observation has shown yet."""
        return timedelta(minutes=self.reservation_ttl_minutes)


def cap_rule(scope: Scope, measure: Measure) -> str:
    """Return the name of the rule of a cap.

    >>> cap_rule(Scope.TEAM, Measure.DOLLARS_PER_MONTH)
    'team.dollars_per_month'
    """
    return f"{scope}.{measure}"


def external_cap_rule(measure: Measure) -> str:
    """Return the name of the rule of a cap on all external launches together.

    >>> external_cap_rule(Measure.GPUS)
    'external_launches.gpus'
    """
    return f"external_launches.{measure}"


BUDGET_RULE, LEASE_RULE, APPROVAL_RULE = "budget", "lease", "approval"
"""Names of the rules beside the caps: those that end a run, and the one that makes it wait."""

RULE_NAMES = (
    BUDGET_RULE,
    LEASE_RULE,
    APPROVAL_RULE,
    *(cap_rule(scope, measure) for scope in Scope for measure in Measure),
    *(external_cap_rule(measure) for measure in (Measure.RUNS, Measure.GPUS, Measure.DOLLARS_PER_HOUR)),
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


MEMBER_LAUNCH_GRANTS = Grants(holders_by_role={Role.LAUNCHER: (MEMBERS,)})
"""Grants by which every full member of the workspace may launch, and no person may approve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of an installation. Without arguments it lets every member of the workspace do anything.

    Attributes:
        grants: who has which role, and which role is valid where.
        member_workspaces: Slack's ids of other workspaces (`T…`) and organisations (`E…`) whose members count as
            members.
        stop_others: the least role that may stop another person's run.
        bounds_by_role: of one launch; a role without an entry has none. channel_bounds: likewise, by a channel's id or
            kind.
        fairness: how much one person may request in a minute.
        confirm_above_dollars: a typed launch with a larger budget needs a confirmation first.
        approve_above_dollars: a launch that may cost more waits for an approver other than the requester; so does
            one that brings the most that the launches of one person within a day can cost above it.
        approve_above_gpu_hours: likewise; approve_unpriced: whether a launch without a known price waits too.
        approval_timeout_hours: how long it waits.
        lease_warnings_minutes: minutes before the end of a lease at which its run is warned, if the run has lived as
            long already.
        month_grace_minutes: how long runs continue after a month's dollars are spent, so that an approver can raise the
            monthly budget.
        person, team, workspace: caps; teams: caps of single channels, by id, in place of `team`.
        external_launches: rules for launches that bypass the bot.
        report_only: names of rules that only report what they would have done.
        finding_actions: what is done about a finding besides posting it, by its name; it counts before the recipe's.
        keep_hours: how long a failed run's cluster is kept for a look where neither the launch nor the recipe says it.
    """

    grants: Grants = MEMBER_LAUNCH_GRANTS
    member_workspaces: frozenset[str] = frozenset()
    stop_others: Role = Role.LAUNCHER
    bounds_by_role: Mapping[Role, Bounds] = field(default_factory=dict)
    channel_bounds: Mapping[str, Bounds] = field(default_factory=dict)
    fairness: Fairness = field(default_factory=Fairness)
    confirm_above_dollars: float | None = 100.0
    approve_above_dollars: float | None = None
    approve_above_gpu_hours: float | None = None
    approve_unpriced: bool = False
    approval_timeout_hours: float = 24.0
    lease_warnings_minutes: tuple[float, ...] = (60.0, 15.0)
    month_grace_minutes: float = 15.0
    person: Caps = field(default_factory=Caps)
    team: Caps = field(default_factory=Caps)
    teams: Mapping[str, Caps] = field(default_factory=dict)
    workspace: Caps = field(default_factory=Caps)
    external_launches: ExternalLaunchPolicy = field(default_factory=ExternalLaunchPolicy)
    report_only: tuple[str, ...] = ()
    finding_actions: Mapping[str, FindingAction] = field(default_factory=dict)
    keep_hours: float = 0.0

    @property
    def approval_timeout(self) -> timedelta:
        return timedelta(hours=self.approval_timeout_hours)

    @property
    def lease_warnings(self) -> tuple[timedelta, ...]:
        return tuple(timedelta(minutes=minutes) for minutes in self.lease_warnings_minutes)

    @property
    def month_grace(self) -> timedelta:
        return timedelta(minutes=self.month_grace_minutes)

    def cap_for(self, scope: Scope, measure: Measure, team: str) -> float | None:
        """Return the cap of a measure for a scope; None for no cap."""
        match scope:
            case Scope.PERSON:
                return self.person.limit_for(measure)
            case Scope.TEAM:
                return self.teams.get(team, self.team).limit_for(measure)
            case Scope.WORKSPACE:
                return self.workspace.limit_for(measure)

    @property
    def approvers(self) -> tuple[str, ...]:
        """Return the ids of people and user groups who may approve, for users to turn to."""
        return self.grants.list_holders(Role.APPROVER)

    @property
    def admins(self) -> tuple[str, ...]:
        return self.grants.list_holders(Role.ADMIN)

    def least_role(self, act: Act) -> RequiredRole:
        """Return the least role for an act."""
        required = REQUIRED_ROLES[act]
        return replace(required, role=self.stop_others) if act is Act.STOP else required

    def bounds_for(self, role: Role, channel: Channel) -> tuple[Bounds, ...]:
        """Return the bounds of a launch by a person with this role in this channel; all of them apply.

        A channel's own bounds apply in place of those of its kind.
        """
        by_kind = self.channel_bounds.get(channel.kind, UNBOUNDED)
        return self.bounds_by_role.get(role, UNBOUNDED), self.channel_bounds.get(channel.id, by_kind)

    def is_report_only(self, rule: str) -> bool:
        return rule in self.report_only

    def needs_confirmation(self, budget_dollars: float) -> bool:
        """Return whether the user must confirm a launch with this budget."""
        return self.confirm_above_dollars is not None and budget_dollars > self.confirm_above_dollars

    @property
    def needs_price(self) -> bool:
        """Return whether a rule can only be applied once the hourly price is known."""
        caps = (self.person, self.team, *self.teams.values(), self.workspace)
        approval_needs_price = self.approve_above_dollars is not None or self.approve_unpriced
        return approval_needs_price or any(cap.dollars_per_hour is not None for cap in caps)

    def find_contradictions(self) -> list[str]:
        """Return the contradictions in the policy, one sentence each."""
        problems = [
            f"`report_only` names {rule}, which is none of {', '.join(RULE_NAMES)}."
            for rule in self.report_only
            if rule not in RULE_NAMES
        ]
        problems += [
            f"`channels.{key}` has `caps`, which count the runs of one channel: write them under its id."
            for key in self.teams
            if key in set(ChannelKind)
        ]
        needs_approval = (
            self.approve_above_dollars is not None or self.approve_above_gpu_hours is not None or self.approve_unpriced
        )
        # A user group (`S…`) may have any number of members.
        has_single_approver = len(set(self.approvers)) < 2 and not any(
            approver.startswith("S") for approver in self.approvers
        )
        if needs_approval and has_single_approver and not self.is_report_only(APPROVAL_RULE):
            problems.append(
                "Approvals need two people at least with the role `approver` or `admin`, or a user group: "
                "you cannot approve your own launch."
            )
        return problems


UNRESTRICTED = Policy()
"""A policy without any bound: the base for code and tests. An installation without a policy file has `SAFE_POLICY`."""

SAFE_BOUNDS = Bounds(
    code=(),
    infra=(FROM_RECIPE,),
    images=(FROM_RECIPE,),
    accelerators={"*": 8},
    nodes=4,
    gpu_hours=200.0,
    lease_hours=24.0,
    budget_dollars=100.0,
    keep_hours=2.0,
    denied_overrides=DENIED_OVERRIDES,
    absolute_outputs=False,
)
"""Bounds for all roles below admin, unless the policy file says otherwise."""

SAFE_POLICY = Policy(
    grants=Grants(holders_by_role={Role.LAUNCHER: (MEMBERS,)}, highest_by_channel={ChannelKind.SHARED: Role.VIEWER}),
    bounds_by_role=dict.fromkeys(BOUNDED_ROLES, SAFE_BOUNDS),
    person=Caps(runs=2),
    fairness=Fairness(launches_per_minute=10, questions_per_minute=60),
)
"""The policy of an installation without a policy file, and the defaults of a policy file."""
