"""What an operator watches of the runs: how many there are, what they cost, and which are sick. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.core.model.finding import Severity
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules.costs import compute_dollars_per_hour

BILLING_STATES = (RunStatus.LAUNCHING, RunStatus.RUNNING, RunStatus.STOPPING)
"""The states in which a run may have a cluster."""


@dataclass(frozen=True, slots=True)
class OperatingState:
    """Numbers about the open runs. None of them names a run, a person or a channel.

    Attributes:
        runs: how many open runs are in each state; all states are there.
        dollars_per_hour: what the clusters of runs cost, as far as their price is known.
        unpriced_runs: how many runs with a cluster have no known price; the sum leaves them out.
        findings: how many open findings there are of each severity.
        unreadable_runs: open runs whose record cannot be read.
        orphans: clusters that no run owns.
    """

    runs: Mapping[RunStatus, int]
    dollars_per_hour: float
    unpriced_runs: int
    findings: Mapping[Severity, int]
    unreadable_runs: int
    orphans: int


def count_state(runs: Sequence[Run], unreadable_runs: int, orphans: int) -> OperatingState:
    """Return the state of these open runs."""
    states = Counter(run.status for run in runs)
    severities = Counter(
        finding.severity
        for run in runs
        if run.status is not RunStatus.ENDED
        for finding in run.training.health.open_findings
    )
    billing = [run for run in runs if run.status in BILLING_STATES]
    return OperatingState(
        runs={state: states[state] for state in RunStatus},
        dollars_per_hour=sum(map(compute_dollars_per_hour, billing)),
        unpriced_runs=sum(run.spending.hourly_rate is None for run in billing),
        findings={severity: severities[severity] for severity in Severity},
        unreadable_runs=unreadable_runs,
        orphans=orphans,
    )
