"""Times and counts for the decisions about a run."""

from dataclasses import dataclass, field
from datetime import timedelta

from bot.core.rules.save_grace import CheckpointGrace


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileTimings:
    """The times and counts that decisions depend on.

    Attributes:
        launch_confirm: after which a launch without any trace is requested again, and an absence without confirmation
            is believed. Longer than any request may be on its way.
        max_launch_attempts: how often a launch is requested.
        teardown_confirm: between two observations that show a confirmed absence.
        max_observation_gap: the longest time between two observations of the same state for which that state is taken
            to have lasted in between.
        unhealthy_grace: after which a cluster that stays unhealthy is given up.
        teardown_retry: after which a teardown is requested again.
        max_log_attempts: how often the last lines of the log are requested before the cluster is removed without them;
            log_retry: the time between two such requests.
        autostop_retry: after which an autostop that differs from the requested one is set again.
        teardown_overdue: after which a cluster that is still not removed is reported.
        report_only: names of rules that only report what they would have done.
        needs_price: whether a launch waits for its price while the price is unavailable, because a cap depends on it.
        checkpoint_grace: how long the end of a run waits for its checkpoint.
    """

    launch_confirm: timedelta = timedelta(seconds=30)
    max_launch_attempts: int = 3
    teardown_confirm: timedelta = timedelta(seconds=5)
    max_observation_gap: timedelta = timedelta(seconds=45)
    unhealthy_grace: timedelta = timedelta(minutes=3)
    teardown_retry: timedelta = timedelta(seconds=60)
    max_log_attempts: int = 3
    log_retry: timedelta = timedelta(seconds=10)
    autostop_retry: timedelta = timedelta(seconds=60)
    teardown_overdue: timedelta = timedelta(minutes=10)
    report_only: tuple[str, ...] = ()
    needs_price: bool = False
    checkpoint_grace: CheckpointGrace = field(default_factory=CheckpointGrace)
