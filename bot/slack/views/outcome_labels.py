"""Labels of the outcomes of runs: one entry per reason."""

from dataclasses import dataclass

from bot.core.model.run_state import Reason
from bot.core.model.state_names import REASON_STATES
from bot.phrase import N_


@dataclass(frozen=True, slots=True)
class OutcomeLabels:
    """The phrases for one reason for which a run ends.

    Attributes:
        state: the state on its card.
        stopping: a sentence for its thread while its cluster is being removed.
        ended: the headline of its end; title: that of its card. All may name the `person` who stopped or declined it.
    """

    icon: str
    state: str
    stopping: str
    ended: str
    title: str


OUTCOME_LABELS = {
    Reason.SUCCEEDED: OutcomeLabels(
        ":white_check_mark:",
        REASON_STATES[Reason.SUCCEEDED],
        N_("{run} succeeded."),
        N_("{run} *succeeded* after {time}"),
        N_("{run} finished"),
    ),
    Reason.FAILED: OutcomeLabels(
        ":x:",
        REASON_STATES[Reason.FAILED],
        N_("{run} failed."),
        N_("{run} *failed* after {time}"),
        N_("{run} failed"),
    ),
    Reason.SETUP_FAILED: OutcomeLabels(
        ":x:",
        REASON_STATES[Reason.SETUP_FAILED],
        N_("The setup of {run} failed."),
        N_("{run} *failed during setup* after {time}"),
        N_("{run} failed during setup"),
    ),
    Reason.DRIVER_DIED: OutcomeLabels(
        ":x:",
        REASON_STATES[Reason.DRIVER_DIED],
        N_("{run} failed because the driver process died."),
        N_("{run} *failed* after {time}: the driver process died"),
        N_("{run} failed: the driver process died"),
    ),
    Reason.LAUNCH_FAILED: OutcomeLabels(
        ":x:",
        REASON_STATES[Reason.LAUNCH_FAILED],
        N_("{run} could not be launched."),
        N_("{run} *could not be launched* after {time}"),
        N_("{run} could not be launched"),
    ),
    Reason.CANCELLED_EXTERNALLY: OutcomeLabels(
        ":black_square_for_stop:",
        REASON_STATES[Reason.CANCELLED_EXTERNALLY],
        N_("{run} was cancelled outside verlbot."),
        N_("{run} *was cancelled outside verlbot* after {time}"),
        N_("{run} was cancelled outside verlbot"),
    ),
    Reason.STOPPED: OutcomeLabels(
        ":black_square_for_stop:",
        REASON_STATES[Reason.STOPPED],
        N_("{person} stopped {run}."),
        N_("{run} *was stopped by {person}* after {time}"),
        N_("{run} was stopped by {person}"),
    ),
    Reason.BUDGET_EXCEEDED: OutcomeLabels(
        ":moneybag:",
        REASON_STATES[Reason.BUDGET_EXCEEDED],
        N_("{run} was stopped: budget used up."),
        N_("{run} *was stopped* after {time}: budget used up"),
        N_("{run} was stopped: budget used up"),
    ),
    Reason.MONTHLY_BUDGET_EXCEEDED: OutcomeLabels(
        ":moneybag:",
        REASON_STATES[Reason.MONTHLY_BUDGET_EXCEEDED],
        N_("{run} was stopped: monthly budget used up."),
        N_("{run} *was stopped* after {time}: monthly budget used up"),
        N_("{run} was stopped: monthly budget used up"),
    ),
    Reason.LEASE_EXPIRED: OutcomeLabels(
        ":alarm_clock:",
        REASON_STATES[Reason.LEASE_EXPIRED],
        N_("{run} was stopped: lease ended."),
        N_("{run} *was stopped* after {time}: lease ended"),
        N_("{run} was stopped: lease ended"),
    ),
    Reason.SICK: OutcomeLabels(
        ":stethoscope:",
        REASON_STATES[Reason.SICK],
        N_("{run} was stopped: its training is sick."),
        N_("{run} *was stopped* after {time}: its training is sick"),
        N_("{run} was stopped: its training is sick"),
    ),
    Reason.AUTODOWNED: OutcomeLabels(
        ":zzz:",
        REASON_STATES[Reason.AUTODOWNED],
        N_("Autostop stopped {run}."),
        N_("{run} *was stopped by autostop* after {time}"),
        N_("{run} was stopped by autostop"),
    ),
    Reason.DOWNED_EXTERNALLY: OutcomeLabels(
        ":black_square_for_stop:",
        REASON_STATES[Reason.DOWNED_EXTERNALLY],
        N_("The cluster of {run} was deleted outside verlbot."),
        N_("The cluster of {run} *was deleted outside verlbot* after {time}"),
        N_("{run} was deleted outside verlbot"),
    ),
    Reason.CLUSTER_LOST: OutcomeLabels(
        ":x:",
        REASON_STATES[Reason.CLUSTER_LOST],
        N_("{run} lost its cluster."),
        N_("{run} *lost its cluster* after {time}"),
        N_("{run} lost its cluster"),
    ),
    Reason.REFUSED: OutcomeLabels(
        ":no_entry_sign:",
        REASON_STATES[Reason.REFUSED],
        N_("{run} was declined."),
        N_("{run} *was declined* and not launched"),
        N_("{run} was declined by {person}"),
    ),
    Reason.NOT_APPROVED: OutcomeLabels(
        ":no_entry_sign:",
        REASON_STATES[Reason.NOT_APPROVED],
        N_("No approver decided about {run} in time."),
        N_("{run} *was not launched*: no approver answered in time"),
        N_("{run} was not approved in time"),
    ),
    Reason.CAP_EXCEEDED: OutcomeLabels(
        ":no_entry_sign:",
        REASON_STATES[Reason.CAP_EXCEEDED],
        N_("{run} would exceed a spending limit."),
        N_("{run} *was not launched*: it would exceed a spending limit"),
        N_("{run} was not launched: it would exceed a spending limit"),
    ),
}

DEMO_CLOSED_LABELS = OutcomeLabels(
    ":black_square_for_stop:",
    N_("stopped"),
    N_("{run} was stopped because the demo was closed."),
    N_("{run} *was stopped because the demo was closed* after {time}"),
    N_("{run} was stopped because the demo was closed"),
)
"""In place of the labels of a stopped run, where the demo stopped it."""

SAVING_LABELS = {
    Reason.LEASE_EXPIRED: N_("lease ended"),
    Reason.BUDGET_EXCEEDED: N_("budget used up"),
    Reason.MONTHLY_BUDGET_EXCEEDED: N_("monthly budget used up"),
    Reason.SICK: N_("training is sick"),
    Reason.STOPPED: N_("stop requested"),
}
"""Why a run is about to end that saves first."""
