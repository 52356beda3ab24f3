"""The actions that a tick may take on a run, one a tick, and the times and counts that the choice depends on.

Actions are values; the reconciler carries them out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.core.model.checkpoint import SaveGrace
from bot.core.model.cluster import Observation, PendingConfirmation
from bot.core.model.finding import FindingAction
from bot.core.model.lineage import PolicyResume
from bot.core.model.money import Bill
from bot.core.model.run_state import Reason
from bot.core.rules.save_grace import CheckpointGrace
from bot.phrase import Text


@dataclass(frozen=True, slots=True)
class Provision:
    """Record that a cluster is requested, then request it from the cloud.

    Attributes:
        server: identity of the cloud's memory that the request goes to, as the observation showed it.
    """

    server: str = ""


@dataclass(frozen=True, slots=True)
class EstimatePrice:
    """Ask the cloud for the price of a launch that waits for an approval, so that approvers can see it."""


@dataclass(frozen=True, slots=True)
class RecordObservation:
    """Record what the observation showed."""

    observation: Observation


@dataclass(frozen=True, slots=True)
class AwaitConfirmation:
    """Record an ambiguity that was observed, and observe again soon."""

    pending_confirmation: PendingConfirmation


@dataclass(frozen=True, slots=True)
class NoteMemoryLoss:
    """Record that the cloud does not remember the cluster, so that its absence proves nothing."""


@dataclass(frozen=True, slots=True)
class SetAutostop:
    """Set the cluster's autostop again: an observation showed another, or none.

    Attributes:
        minutes: idle minutes as the task requests them; observed_minutes: as observed, None for no autostop.
    """

    minutes: int
    observed_minutes: int | None


@dataclass(frozen=True, slots=True)
class BeginTeardown:
    """Record that the run is finished and why; its cluster is torn down next, and a resume may follow."""

    reason: Reason
    detail: Text | None = None
    resume: PolicyResume | None = None


@dataclass(frozen=True, slots=True)
class RecordPolicyHit:
    """Record that a rule would have ended the run, which is not done because the rule is report-only."""

    rule: str


@dataclass(frozen=True, slots=True)
class WaitForCheckpoint:
    """Record until when the end of the run waits for a checkpoint; None if it no longer waits,
    since it is not to end."""

    save_grace: SaveGrace | None


@dataclass(frozen=True, slots=True)
class RequestCheckpoint:
    """Ask the program to save a checkpoint when its running step ends."""


@dataclass(frozen=True, slots=True)
class DownloadCheckpoint:
    """Download the newest checkpoint, or check the progress of its download.

    Attributes:
        until: when the download is given up; the cluster must not remove itself before.
    """

    until: datetime


@dataclass(frozen=True, slots=True)
class FindDownloadedCheckpoint:
    """Look for the checkpoint on the bot's own disk, before it is reported as lost."""


@dataclass(frozen=True, slots=True)
class PostponeAutostop:
    """Postpone the autostop of a cluster whose job has ended, so that its checkpoint can be looked for.

    Attributes:
        until: when the checkpoint is given up; the cluster must not remove itself before.
    """

    until: datetime


@dataclass(frozen=True, slots=True)
class AbandonCheckpoint:
    """Give up a checkpoint that could not be downloaded in time."""


@dataclass(frozen=True, slots=True)
class SaveLog:
    """Save the last log lines while there is a cluster to read them from."""


@dataclass(frozen=True, slots=True)
class CheckResumePoint:
    """Look whether the checkpoint that a resume continues from is whole, while its cluster is up."""


@dataclass(frozen=True, slots=True)
class RequestTeardown:
    """Request the removal of the cluster."""


@dataclass(frozen=True, slots=True)
class RaiseAlarm:
    """Record that the cluster is not being removed, so that people are notified."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the record: the cluster is gone."""

    reason: Reason
    bill: Bill | None = None


UsualAction = Provision | EstimatePrice | Close
"""Actions for a run that was not launched yet."""


@dataclass(frozen=True, slots=True)
class RecoverLaunch:
    """Find out whether what an observation has shown is the launch of a run whose record of it the store has lost; if
    so, record the launch, else take the usual action.
    """

    observation: Observation
    usual: UsualAction | None


RecordOnlyAction = BeginTeardown | RecordPolicyHit | WaitForCheckpoint | AbandonCheckpoint
"""Actions that change only the record of the run."""


CheckpointAction = RequestCheckpoint | PostponeAutostop | DownloadCheckpoint | FindDownloadedCheckpoint
"""Actions that preserve the checkpoint of a run before its cluster goes."""

PreservationAction = CheckpointAction | SaveLog | CheckResumePoint
"""Actions that preserve the checkpoint and the log of a run before its cluster goes."""

Action = (
    Provision
    | RecoverLaunch
    | EstimatePrice
    | RecordObservation
    | AwaitConfirmation
    | NoteMemoryLoss
    | SetAutostop
    | RecordOnlyAction
    | PreservationAction
    | RequestTeardown
    | RaiseAlarm
    | Close
)


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
        min_confirming_gaps: number of longer gaps in succession, with the same state after each, for which it is taken
            to have lasted all the same: a cloud that answers slowly must not keep a run open for ever.
        unhealthy_grace: after which a cluster that stays unhealthy is given up.
        teardown_retry: after which a teardown is requested again.
        max_log_attempts: how often the last lines of the log are requested before the cluster is removed without them;
            log_retry: the time between two such requests.
        autostop_retry: after which an autostop that differs from the requested one is set again.
        teardown_overdue: after which a cluster that is still not removed is reported.
        report_only: names of rules that only report what they would have done.
        finding_actions: what the policy does about findings, by their names.
        needs_price: whether a launch waits for its price while the price is unavailable, because a cap depends on it.
        checkpoint_grace: how long the end of a run waits for its checkpoint.
        store_changed_at: when the store was last found changed: it may lack records from before; None for never.
    """

    launch_confirm: timedelta = timedelta(seconds=30)
    max_launch_attempts: int = 3
    teardown_confirm: timedelta = timedelta(seconds=5)
    max_observation_gap: timedelta = timedelta(seconds=45)
    min_confirming_gaps: int = 2
    unhealthy_grace: timedelta = timedelta(minutes=3)
    teardown_retry: timedelta = timedelta(seconds=60)
    max_log_attempts: int = 3
    log_retry: timedelta = timedelta(seconds=10)
    autostop_retry: timedelta = timedelta(seconds=60)
    teardown_overdue: timedelta = timedelta(minutes=10)
    report_only: tuple[str, ...] = ()
    finding_actions: Mapping[str, FindingAction] = field(default_factory=dict)
    needs_price: bool = False
    checkpoint_grace: CheckpointGrace = field(default_factory=CheckpointGrace)
    store_changed_at: datetime | None = None
