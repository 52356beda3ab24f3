"""External clusters: what a launch outside Slack requests, whether the policy allows it, and what it reserves. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Self

from bot.core.model.ledger import Ledger, Reservation, build_ledger_key, format_month
from bot.core.model.orphan import RUN_CLUSTER_PREFIX, ListedCluster, Ownership
from bot.core.model.policy import ExternalLaunchPolicy, Measure, Policy, Scope, external_cap_rule
from bot.core.model.recipe import Task
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules.admission import find_cap_violations
from bot.core.rules.task_identity import secret_names, task_fingerprint
from bot.phrase import Text

EXTERNAL_PREFIX = "sky/"
"""Begins the run id of an external cluster in the ledger, before the cluster's name: no run's id contains a slash. It
also begins a person who is known by a SkyPilot name only.
"""

MIN_RESERVED_TIME = timedelta(hours=1)
"""The time for which a launch reserves a month's dollars: its real duration is not known."""

CONFIRM_AFTER = timedelta(seconds=30)
"""Time between the two lists that must both omit a cluster."""

UNLISTED_AFTER = timedelta(minutes=5)
"""Time after which people are notified that a cluster is no longer listed, without proof that it is gone."""

UNLISTED_RETENTION = timedelta(days=7)
"""Time for which such a cluster keeps its reservation, unless a list shows it again, or SkyPilot's history shows its
end.
"""


@dataclass(frozen=True, slots=True)
class ExternalLaunch:
    """What an external launch requests.

    Attributes:
        cluster: the cluster's name.
        user: SkyPilot's name of the person who launches.
        person: Slack's id of that person, or the SkyPilot name behind `EXTERNAL_PREFIX`.
        gpus: number of all nodes together.
        dollars_per_hour: zero where the price is not known, or not in time.
    """

    cluster: str
    user: str
    person: str
    gpus: int
    dollars_per_hour: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalCluster:
    """The record of a cluster that was launched without the bot.

    Attributes:
        launch: what it reserves.
        started_at: since when.
        admitted_at: when its launch was last admitted; None where it was running before the bot saw it.
        last_seen_at: when a list last showed it since then.
        missing_since: since when no list shows it.
        cluster_id: the cloud's own id, as last listed; empty before.
    """

    launch: ExternalLaunch
    started_at: datetime
    admitted_at: datetime | None
    last_seen_at: datetime | None = None
    missing_since: datetime | None = None
    cluster_id: str = ""

    def is_unlisted(self, now: datetime) -> bool:
        """Return whether no list has shown it for `UNLISTED_AFTER`, though an earlier one did."""
        return self._is_missing_for(UNLISTED_AFTER, now)

    def has_expired(self, now: datetime) -> bool:
        """Return whether its reservation ends although nothing shows its end.

        People have known for `UNLISTED_RETENTION` then that it is not listed.
        """
        return self._is_missing_for(UNLISTED_RETENTION, now)

    def _is_missing_for(self, wait: timedelta, now: datetime) -> bool:
        return self.cluster_id != "" and self.last_seen_at is not None and now >= self.last_seen_at + wait

    @property
    def cluster(self) -> str:
        return self.launch.cluster

    @property
    def reservation(self) -> Reservation:
        """Return what it reserves under the caps."""
        return replace(
            build_external_reservation(self.launch, self.reservation_dollars), spent_dollars=self.cost_dollars
        )

    @property
    def reservation_dollars(self) -> float:
        """Return its cost as far as it was seen, but at least what is expected of it."""
        return max(self.cost_dollars, compute_external_cost(self.launch, MIN_RESERVED_TIME))

    @property
    def cost_dollars(self) -> float:
        """Return its cost up to the last list that showed it."""
        return compute_external_cost(self.launch, self.last_seen_at - self.started_at) if self.last_seen_at else 0.0

    def readmit(self, launch: ExternalLaunch, now: datetime) -> Self:
        """Return the record after another launch under its name.

        The existing cluster remains, so the larger of the two numbers counts.
        """
        combined = replace(
            launch,
            gpus=max(launch.gpus, self.launch.gpus),
            dollars_per_hour=max(launch.dollars_per_hour, self.launch.dollars_per_hour),
        )
        return replace(self, launch=combined, admitted_at=now, missing_since=None, cluster_id="")

    def record_observation(self, cluster: ListedCluster, now: datetime) -> Self:
        """Return the record after a list that shows it.

        SkyPilot's own price and number of GPUs count, once it has them.
        """
        rate = cluster.dollars_per_hour or self.launch.dollars_per_hour
        launch = replace(self.launch, dollars_per_hour=rate, gpus=cluster.gpus or self.launch.gpus)
        return replace(self, launch=launch, last_seen_at=now, missing_since=None, cluster_id=cluster.id)

    def record_absence(self, now: datetime, grace: timedelta) -> Self | None:
        """Return the record after a list without it.

        None once it is gone, or did not appear in time: its reservation ends.
        """
        admitted_at = self.admitted_at or self.started_at
        # A launch that was just admitted takes a while to appear in a list.
        is_awaited = now < admitted_at + grace and (self.last_seen_at is None or self.last_seen_at < admitted_at)
        since = self.missing_since or now
        if is_awaited or now < since + CONFIRM_AFTER:
            return replace(self, missing_since=since)
        return None


def compute_external_cost(launch: ExternalLaunch, duration: timedelta) -> float:
    return launch.dollars_per_hour * max(duration / timedelta(hours=1), 0.0)


def build_external_reservation(launch: ExternalLaunch, dollars: float) -> Reservation:
    """Return the reservation of an external launch."""
    return Reservation(
        f"{EXTERNAL_PREFIX}{launch.cluster}", launch.person, "", launch.gpus, launch.dollars_per_hour, dollars
    )


def build_external_spending(cluster: ExternalCluster, now: datetime, zone: tzinfo) -> dict[str, float]:
    """Return what a cluster that is gone adds to the ledger, by entry: in the month of its end, like a run."""
    reservation = build_external_reservation(cluster.launch, cluster.cost_dollars)
    scopes = (Scope.PERSON, Scope.WORKSPACE)
    return {
        build_ledger_key(format_month(now, zone), reservation.budget_key(scope)): reservation.dollars
        for scope in scopes
        if reservation.dollars
    }


def find_person(external_policy: ExternalLaunchPolicy, user: str) -> str:
    """Return Slack's id of a SkyPilot user, or the user's name behind `EXTERNAL_PREFIX` where the policy names none.

    >>> find_person(ExternalLaunchPolicy(people={"ben": "U0BEN"}), "ben"), find_person(ExternalLaunchPolicy(), "ben")
    ('U0BEN', 'sky/ben')
    """
    return external_policy.people.get(user) or f"{EXTERNAL_PREFIX}{user}"


def discover_cluster(cluster: ListedCluster, external_policy: ExternalLaunchPolicy, now: datetime) -> ExternalCluster:
    """Return the record of a listed cluster without an admission.

    It was launched before the bot, or while the records were not available.
    """
    rate = cluster.dollars_per_hour or 0.0
    launch = ExternalLaunch(cluster.name, cluster.user, find_person(external_policy, cluster.user), cluster.gpus, rate)
    return ExternalCluster(launch=launch, started_at=cluster.launched_at or now, admitted_at=None, last_seen_at=now)


def needs_reservation(ownership: Ownership | None) -> bool:
    """Return whether a cluster needs a reservation of its own.

    A run's cluster is covered by the run's reservation, and what an ended run has left is being removed.
    """
    match ownership:
        case Ownership.OUR_NAME | Ownership.UNCLAIMED | Ownership.REAPPEARED:
            return True
        case Ownership.ENDED_RUN | None:
            return False


# Policy checks


EXCEEDED_CAPS = {
    Measure.RUNS: "The limit of clusters launched outside Slack at once is {most}; this one would make it {would}.",
    Measure.GPUS: "The limit of GPUs for launches outside Slack is {most}; with this one they would use {would}.",
    Measure.DOLLARS_PER_HOUR: "Launches outside Slack would cost ${would} an hour; the limit is ${most}.",
    Measure.DOLLARS_PER_MONTH: "Launches outside Slack would cost ${would} this month; the limit is ${most}.",
}
"""Sentences by measure. They are read at a command line, so they exist in English only."""

CAP_SUGGESTION = (
    "Stop a run or cluster first, and try again in a minute: `sky status` shows the clusters; "
    "in Slack, `/verl list` shows the runs and `/verl budget` what they use."
)


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """Rules that a launch would break.

    Attributes:
        refusals: a sentence for each enforced rule.
        report_only_rules: names of the rules that are report only.
    """

    refusals: tuple[Text, ...] = ()
    report_only_rules: tuple[str, ...] = ()


def check_external_launch(launch: ExternalLaunch, ledger: Ledger, policy: Policy, month: str) -> PolicyVerdict:
    """Return what the caps of its person, of the workspace, and of all external launches decide about a launch.

    No channel's caps count: it was launched in none.
    """
    reservation = build_external_reservation(launch, compute_external_cost(launch, MIN_RESERVED_TIME))
    broken_rules = {
        violation.rule: violation.sentence
        for violation in find_cap_violations(policy, ledger, reservation, month)
        if violation.scope is not Scope.TEAM
    } | dict(find_external_violations(reservation, ledger, policy.external_launches))
    return PolicyVerdict(
        tuple(sentence for rule, sentence in broken_rules.items() if not policy.is_report_only(rule)),
        tuple(rule for rule in broken_rules if policy.is_report_only(rule)),
    )


def find_external_violations(
    reservation: Reservation, ledger: Ledger, external_policy: ExternalLaunchPolicy
) -> list[tuple[str, str]]:
    """Return the caps on all external launches that a launch would exceed, as rule and sentence."""
    other_reservations = [
        other
        for other in ledger.reservations
        if other.run_id.startswith(EXTERNAL_PREFIX) and other.run_id != reservation.run_id
    ]
    violations = []
    for measure in Measure:
        most, requested_amount = external_policy.caps.limit_for(measure), reservation.get_amount(measure)
        would = sum(other.get_amount(measure) for other in other_reservations) + requested_amount
        if most is not None and requested_amount > 0 and would > most:
            is_count = measure in (Measure.RUNS, Measure.GPUS)
            amounts = {
                name: f"{value:,.0f}" if is_count else f"{value:,.2f}"
                for name, value in (("would", would), ("most", most))
            }
            violations.append((external_cap_rule(measure), EXCEEDED_CAPS[measure].format(**amounts)))
    return violations


# Ownership of a launch


def is_own_launch(
    task: Task, cluster: str | None, find_run: Callable[[str], Run | None], load_task: Callable[[str], Task]
) -> bool:
    """Return whether a launch is the bot's own, in progress now.

    Labels prove nothing here: a run of that name must be recorded and launching, and the task must be that run's:
    scripts, image, mounts, volumes, machines and all else. It may contain no secret that the run does not name, because
    each becomes a variable of the scripts. A person who sends the same task under the same name gets no more than what
    was admitted already.
    """
    run = find_run(str(task.get("name") or ""))
    # Admission must not depend on labels, which anyone can set.
    if run is None or run.status is not RunStatus.LAUNCHING or cluster not in (None, run.cluster):
        return False
    recorded_task = load_task(run.id)
    return secret_names(task) <= secret_names(recorded_task) | set(run.plan.secrets) and task_fingerprint(
        recorded_task
    ) == task_fingerprint(task)


def find_owner(cluster: str | None, find_run: Callable[[str], Run | None]) -> Run | None:
    """Return the run that owns a cluster of this name; None where that run has ended, or there is none."""
    run = (
        find_run(cluster.removeprefix(RUN_CLUSTER_PREFIX))
        if cluster and cluster.startswith(RUN_CLUSTER_PREFIX)
        else None
    )
    return run if run and run.status is not RunStatus.ENDED else None
