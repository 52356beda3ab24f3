"""What a report says of a channel's runs, and the summary of one run since the last. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from bot.core.model.report import Report
from bot.core.model.run import Run
from bot.core.model.run_state import ProgressSnapshot, RunStatus, Summary, SummaryInterval
from bot.core.rules.costs import CostTotals, Month, MonthlyCosts, RunCharge, belongs_to_month, compute_charge

LEASE_NOTICE_WINDOW = timedelta(hours=24)
"""A lease that ends within this time is shown in a report."""


@dataclass(frozen=True, slots=True)
class DigestDollars:
    """Dollars since the last report, and this month."""

    since: float = 0.0
    month: float = 0.0

    def __add__(self, more: "DigestDollars") -> "DigestDollars":
        return DigestDollars(self.since + more.since, self.month + more.month)


@dataclass(frozen=True, slots=True)
class BestValidation:
    """The best validation of a run."""

    run: Run
    step: int
    value: float


@dataclass(frozen=True, slots=True)
class DigestContent:
    """What a report shows.

    Attributes:
        since: when the last report was sent, or this one was set up.
        active: active runs, newest first; ended: runs that ended since then, in the order of their ends.
        by_person, by_recipe, by_infra: dollars of what has a price, the largest since the last report first.
        month_costs: this month's costs of all runs that the report covers.
        best: for each recipe, the run with the best validation that its record holds.
        ending_soon: active runs whose lease ends within a day, the next one first.
        failed_ids: ids of runs whose costs or results cannot be computed.
    """

    since: datetime
    active: Sequence[Run]
    ended: Sequence[Run]
    by_person: Mapping[str, DigestDollars]
    by_recipe: Mapping[str, DigestDollars]
    by_infra: Mapping[str, DigestDollars]
    month_costs: MonthlyCosts
    best: Mapping[str, BestValidation]
    ending_soon: Sequence[Run]
    failed_ids: Sequence[str] = ()

    @property
    def dollars(self) -> DigestDollars:
        """Return the dollars of all runs together."""
        return sum(self.by_recipe.values(), DigestDollars())

    @property
    def people(self) -> Sequence[str]:
        """Return Slack's ids of the people whom the report names."""
        return list(dict.fromkeys([*(run.requester for run in self.runs), *self.by_person]))

    @property
    def runs(self) -> Sequence[Run]:
        """Return all runs that the report shows, the active ones first."""
        return [*self.active, *self.ended]


def build_digest_content(
    report: Report, open_runs: Iterable[Run], ended_runs: Iterable[Run], month: Month, now: datetime
) -> DigestContent:
    """Return what a report shows now.

    A run that the last report showed as active and that has ended counts as ended since, even if the clocks disagree.
    """
    covered: dict[str, Run] = {}
    charges: dict[str, RunCharge] = {}
    for run in chain(open_runs, ended_runs):
        if report.covers(run) and is_in_digest(report, run):
            covered[run.id] = run
        if report.covers(run) and belongs_to_month(run, month, now):
            charges[run.id] = compute_charge(run, now)
    active = sorted(
        (run for run in covered.values() if run.status is not RunStatus.ENDED), key=lambda run: run.created_at
    )
    ended = sorted(
        (run for run in covered.values() if run.status is RunStatus.ENDED), key=lambda run: run.closed_at or now
    )
    runs, costs = [*active, *ended], MonthlyCosts.from_charges(month, charges.values())
    return DigestContent(
        since=report.covered_until,
        active=active[::-1],
        ended=ended,
        by_person=sum_dollars(runs, report, now, costs.by_person, lambda run: run.requester),
        by_recipe=sum_dollars(runs, report, now, costs.by_recipe, lambda run: run.recipe),
        by_infra=sum_dollars(runs, report, now, costs.by_infra, lambda run: run.infra),
        month_costs=costs,
        best=find_best(runs),
        ending_soon=sorted((run for run in active if ends_soon(run, now)), key=lambda run: run.lease_ends_at or now),
    )


def compute_run_content(run: Run, now: datetime) -> object:
    """Return everything that a report computes of one run, so that a caller can test each run by itself."""
    return compute_charge(run, now), ends_soon(run, now), find_best([run]), estimate_cost_before(run, now, now)


def is_in_digest(report: Report, run: Run) -> bool:
    """Return whether the report shows the run: it is active, or has ended since the last report."""
    if run.status is not RunStatus.ENDED:
        return True
    return run.closed_at is not None and (run.closed_at > report.covered_until or run.id in report.run_costs)


def list_costs(runs: Iterable[Run], now: datetime) -> Mapping[str, float | None]:
    """Return the dollars that each active run has cost, from which the next report counts."""
    return {run.id: run.cost(now) for run in runs if run.status is not RunStatus.ENDED}


def sum_dollars(
    runs: Iterable[Run], report: Report, now: datetime, month: Mapping[str, CostTotals], key: Callable[[Run], str]
) -> Mapping[str, DigestDollars]:
    """Return dollars by person, recipe or infra, the largest since the last report first."""
    dollars: dict[str, DigestDollars] = defaultdict(DigestDollars)
    for run in runs:
        total = run.cost(now)
        if total is not None and run.launch.first_requested_at:
            before = report.run_costs.get(run.id)
            before = estimate_cost_before(run, report.covered_until, now) if before is None else before
            dollars[key(run)] += DigestDollars(since=max(total - before, 0.0))
    for name, entry in month.items():
        if entry.runs > entry.unpriced:
            dollars[name] += DigestDollars(month=entry.dollars)
    return dict(sorted(dollars.items(), key=lambda entry: (-entry[1].since, -entry[1].month, entry[0])))


def estimate_cost_before(run: Run, moment: datetime, now: datetime) -> float:
    """Return a run's dollars at a moment, computed back by its rate: for a run that the last report did not show."""
    if run.spending.hourly_rate is None or run.launch.first_requested_at is None:
        return 0.0
    since = max((run.closed_at or now) - max(run.launch.first_requested_at, moment), timedelta())
    return max((run.cost(now) or 0.0) - run.spending.hourly_rate.dollars_per_hour * since.total_seconds() / 3600, 0.0)


def find_best(runs: Iterable[Run]) -> Mapping[str, BestValidation]:
    """Return the best validation by recipe; validations of two recipes do not compare."""
    best: dict[str, BestValidation] = {}
    for run in runs:
        for step, value in run.training.progress.validations.points:
            if run.recipe not in best or value > best[run.recipe].value:
                best[run.recipe] = BestValidation(run, step, value)
    return best


def ends_soon(run: Run, now: datetime) -> bool:
    """Return whether an active run's lease ends within `LEASE_NOTICE_WINDOW`."""
    return not run.is_finished and run.lease_ends_at is not None and run.lease_ends_at <= now + LEASE_NOTICE_WINDOW


def take_snapshot(run: Run, now: datetime) -> ProgressSnapshot:
    """Return a snapshot of the progress now."""
    progress = run.training.progress
    return ProgressSnapshot(now, progress.step, progress.reward, progress.validation, run.cost(now), progress.loss)


def prepare_summary(run: Run, now: datetime, default_interval: SummaryInterval) -> Run:
    """Return the run, with a summary to send if one is due.

    The first step is where the first summary begins. A summary that is not sent yet grows into the next one; the run
    waits for an unconfirmed one.

    Args:
        default_interval: the interval of a run for which no person has set one.
    """
    if run.training.progress.step is None or run.is_finished:
        return run
    current = take_snapshot(run, now)
    # The first summary begins at the first step.
    if run.training.summary is None:
        return replace(run, training=replace(run.training, summary=Summary(0, current, current)))
    last = run.training.summary
    if not is_summary_due(last.now, current, run.requests.summary_interval or default_interval):
        return run
    last_message = run.messages.sent.get(last.key)
    # The last summary is unconfirmed.
    if last_message and last_message.ts is None:
        return run
    # The last summary is not sent yet, so it extends to now.
    if last.number and last_message is None:
        return replace(run, training=replace(run.training, summary=replace(last, now=current)))
    other_messages = {key: message for key, message in run.messages.sent.items() if key != last.key}
    return replace(
        run,
        training=replace(run.training, summary=Summary(last.number + 1, last.now, current)),
        messages=replace(run.messages, sent=other_messages),
    )


def is_summary_due(last: ProgressSnapshot, current: ProgressSnapshot, interval: SummaryInterval) -> bool:
    """Return whether there is progress to report, and its time has come."""
    if current.step == last.step or current.step is None:
        return False
    enough = interval.steps is not None and current.step - (last.step or 0) >= interval.steps
    return enough or (interval.period is not None and current.at - last.at >= interval.period)
