"""Labels of the outcomes of runs: one entry per reason."""

from dataclasses import dataclass

from bot.core.model.run_state import Reason
from bot.phrase import N_


@dataclass(frozen=True, slots=True)
class OutcomeLabels:
    """The phrases for one reason for which a run ends.

    Attributes:
        state: the state on its card.
        stopping: a sentence for its thread while its cluster is being removed.
        ended: the headline of its end. `stopping` and `ended` may name the `person` who stopped the run.
    """

    icon: str
    state: str
    stopping: str
    ended: str


OUTCOME_LABELS = {
    Reason.SUCCEEDED: OutcomeLabels(
        ":white_check_mark:", N_("succeeded"), N_("It succeeded."), N_("{run} *succeeded* after {time}")
    ),
    Reason.FAILED: OutcomeLabels(":x:", N_("failed"), N_("It failed."), N_("{run} *failed* after {time}")),
    Reason.SETUP_FAILED: OutcomeLabels(
        ":x:",
        N_("failed in its setup"),
        N_("It failed in its setup."),
        N_("{run} *failed in its setup* after {time}"),
    ),
    Reason.DRIVER_DIED: OutcomeLabels(
        ":x:",
        N_("failed, its driver died"),
        N_("It failed because its driver died."),
        N_("{run} *failed because its driver died* after {time}"),
    ),
    Reason.LAUNCH_FAILED: OutcomeLabels(
        ":x:",
        N_("not launched"),
        N_("It could not be launched."),
        N_("{run} *could not be launched* after {time}"),
    ),
    Reason.CANCELLED_EXTERNALLY: OutcomeLabels(
        ":black_square_for_stop:",
        N_("cancelled by others"),
        N_("It was cancelled outside of verlbot."),
        N_("{run} *was cancelled outside of verlbot* after {time}"),
    ),
    Reason.STOPPED: OutcomeLabels(
        ":black_square_for_stop:",
        N_("stopped"),
        N_("It was stopped by {person}."),
        N_("{run} *was stopped by {person}* after {time}"),
    ),
    Reason.BUDGET_EXCEEDED: OutcomeLabels(
        ":moneybag:",
        N_("ended, budget spent"),
        N_("It was ended because its budget is spent."),
        N_("{run} *was ended because its budget is spent* after {time}"),
    ),
    Reason.MONTHLY_BUDGET_EXCEEDED: OutcomeLabels(
        ":moneybag:",
        N_("ended, month spent"),
        N_("It was ended because this month's dollars are spent."),
        N_("{run} *was ended because this month's dollars are spent* after {time}"),
    ),
    Reason.LEASE_EXPIRED: OutcomeLabels(
        ":alarm_clock:",
        N_("ended, lease over"),
        N_("It was ended because its lease is over."),
        N_("{run} *was ended because its lease is over* after {time}"),
    ),
    Reason.AUTODOWNED: OutcomeLabels(
        ":zzz:",
        N_("removed by autostop"),
        N_("It was removed by autostop."),
        N_("{run} *was removed by autostop* after {time}"),
    ),
    Reason.DOWNED_EXTERNALLY: OutcomeLabels(
        ":black_square_for_stop:",
        N_("removed by others"),
        N_("It was removed outside of verlbot."),
        N_("{run} *was removed outside of verlbot* after {time}"),
    ),
    Reason.CLUSTER_LOST: OutcomeLabels(
        ":x:", N_("cluster lost"), N_("It lost its cluster."), N_("{run} *lost its cluster* after {time}")
    ),
    Reason.REFUSED: OutcomeLabels(
        ":no_entry_sign:", N_("refused"), N_("It was refused."), N_("{run} *was refused* and not launched")
    ),
    Reason.NOT_APPROVED: OutcomeLabels(
        ":no_entry_sign:",
        N_("not approved in time"),
        N_("No approver answered in time."),
        N_("{run} *was not launched*: no approver answered in time"),
    ),
    Reason.CAP_EXCEEDED: OutcomeLabels(
        ":no_entry_sign:",
        N_("no room under the caps"),
        N_("There was no room for it under the caps."),
        N_("{run} *was not launched*: there is no room for it under the caps"),
    ),
}

SAVING_LABELS = {
    Reason.LEASE_EXPIRED: N_("lease over, saving first"),
    Reason.BUDGET_EXCEEDED: N_("budget spent, saving first"),
    Reason.MONTHLY_BUDGET_EXCEEDED: N_("month spent, saving first"),
    Reason.STOPPED: N_("saving first"),
}
"""The state of a run that is about to end for these reasons and has not saved yet."""
