"""Labels of the outcomes of runs: one entry per reason."""

from dataclasses import dataclass

from bot.core.status import Reason
from bot.language import mark


@dataclass(frozen=True, slots=True)
class Became:
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


ENDINGS = {
    Reason.SUCCEEDED: Became(
        ":white_check_mark:", mark("succeeded"), mark("It succeeded."), mark("{run} *succeeded* after {time}")
    ),
    Reason.FAILED: Became(":x:", mark("failed"), mark("It failed."), mark("{run} *failed* after {time}")),
    Reason.SETUP_FAILED: Became(
        ":x:",
        mark("failed in its setup"),
        mark("It failed in its setup."),
        mark("{run} *failed in its setup* after {time}"),
    ),
    Reason.DRIVER_DIED: Became(
        ":x:",
        mark("failed, its driver died"),
        mark("It failed because its driver died."),
        mark("{run} *failed because its driver died* after {time}"),
    ),
    Reason.LAUNCH_FAILED: Became(
        ":x:",
        mark("not launched"),
        mark("It could not be launched."),
        mark("{run} *could not be launched* after {time}"),
    ),
    Reason.CANCELLED_OUTSIDE: Became(
        ":black_square_for_stop:",
        mark("cancelled by others"),
        mark("It was cancelled outside of verlbot."),
        mark("{run} *was cancelled outside of verlbot* after {time}"),
    ),
    Reason.STOPPED: Became(
        ":black_square_for_stop:",
        mark("stopped"),
        mark("It was stopped by {person}."),
        mark("{run} *was stopped by {person}* after {time}"),
    ),
    Reason.OVER_BUDGET: Became(
        ":moneybag:",
        mark("ended, budget spent"),
        mark("It was ended because its budget is spent."),
        mark("{run} *was ended because its budget is spent* after {time}"),
    ),
    Reason.MONTH_SPENT: Became(
        ":moneybag:",
        mark("ended, month spent"),
        mark("It was ended because this month's dollars are spent."),
        mark("{run} *was ended because this month's dollars are spent* after {time}"),
    ),
    Reason.LEASE_OVER: Became(
        ":alarm_clock:",
        mark("ended, lease over"),
        mark("It was ended because its lease is over."),
        mark("{run} *was ended because its lease is over* after {time}"),
    ),
    Reason.AUTODOWNED: Became(
        ":zzz:",
        mark("removed by autostop"),
        mark("It was removed by autostop."),
        mark("{run} *was removed by autostop* after {time}"),
    ),
    Reason.DOWNED_OUTSIDE: Became(
        ":black_square_for_stop:",
        mark("removed by others"),
        mark("It was removed outside of verlbot."),
        mark("{run} *was removed outside of verlbot* after {time}"),
    ),
    Reason.CLUSTER_LOST: Became(
        ":x:", mark("cluster lost"), mark("It lost its cluster."), mark("{run} *lost its cluster* after {time}")
    ),
    Reason.REFUSED: Became(
        ":no_entry_sign:", mark("refused"), mark("It was refused."), mark("{run} *was refused* and not launched")
    ),
    Reason.NOT_APPROVED: Became(
        ":no_entry_sign:",
        mark("not approved in time"),
        mark("No approver answered in time."),
        mark("{run} *was not launched*: no approver answered in time"),
    ),
    Reason.OVER_CAP: Became(
        ":no_entry_sign:",
        mark("no room under the caps"),
        mark("There was no room for it under the caps."),
        mark("{run} *was not launched*: there is no room for it under the caps"),
    ),
}

DRAINING = {
    Reason.LEASE_OVER: mark("lease over, saving first"),
    Reason.OVER_BUDGET: mark("budget spent, saving first"),
    Reason.MONTH_SPENT: mark("month spent, saving first"),
    Reason.STOPPED: mark("saving first"),
}
"""The state of a run that is about to end for these reasons and has not saved yet."""
