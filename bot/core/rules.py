"""Times and counts that decisions about a run rest on."""

from dataclasses import dataclass, field
from datetime import timedelta

from bot.core.drain import Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Times and counts that decisions rest on.

    Attributes:
        ask_again: after which a launch without any trace is asked for again, and an absence that
            nothing confirms is believed. Longer than any request may be on its way.
        most_asks: how often a launch is asked for.
        gone: between two looks that show a confirmed absence.
        steady: the longest that two looks may be apart so that what both show held in between.
        unhealthy: after which a cluster that stays unhealthy is given up.
        down_again: after which a removal is asked for again.
        log_tries: how often the last lines are asked for before the cluster goes without them; log_again: after
            which they are asked for once more.
        autostop_again: after which an autostop that is not as asked for is set again.
        stopping_alarm: after which a cluster that does not go is told of.
        shadow: names of rules that only tell what they would have done.
        needs_price: whether a launch waits for its price while nobody answers for that, because a cap hangs on it.
        patience: how long the end of a run waits for its model.
    """

    ask_again: timedelta = timedelta(seconds=30)
    most_asks: int = 3
    gone: timedelta = timedelta(seconds=5)
    steady: timedelta = timedelta(seconds=45)
    unhealthy: timedelta = timedelta(minutes=3)
    down_again: timedelta = timedelta(seconds=60)
    log_tries: int = 3
    log_again: timedelta = timedelta(seconds=10)
    autostop_again: timedelta = timedelta(seconds=60)
    stopping_alarm: timedelta = timedelta(minutes=10)
    shadow: tuple[str, ...] = ()
    needs_price: bool = False
    patience: Patience = field(default_factory=Patience)
