"""Watch for jumps of this machine's clock: Slack's clock decides what a jump means, and the bot announces it once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.announcer import Announcer
from bot.clock import Clock
from bot.core.clock import SLEW, Verdict, has_passed
from bot.language import ENGLISH, mark, say, speaking, together
from bot.slack.words import lasted

log = logging.getLogger(__name__)

ASK_AGAIN = timedelta(minutes=1)
"""Time between two queries of Slack's clock while no answer has explained a jump."""

AHEAD = mark(":alarm_clock: *This machine's clock jumped ahead by {time}.*")
BACK = mark(":alarm_clock: *This machine's clock jumped back by {time}.*")
GOES_ON = mark("I go by the time that has really passed: no lease, budget or schedule moves.")
VERDICTS = {
    Verdict.PASSED: mark(
        "Slack's clock agrees with it: that time has passed, as while a virtual machine is paused, and I count it."
    ),
    Verdict.AHEAD: mark(
        "Slack's clock agrees with it, so my own time is ahead. I bring it back by {seconds} s an hour; until then the "
        "times that I show are ahead."
    ),
    Verdict.WRONG: mark("Slack's clock agrees with mine: set this machine's clock right."),
    Verdict.UNKNOWN: mark("Slack's clock agrees with neither: set this machine's clock right."),
    None: mark("Slack does not tell me the time. If this machine's clock is wrong, set it right."),
}
AGREE = mark(":white_check_mark: This machine's clock and mine agree again.")


@dataclass(slots=True)
class ClockWatch:
    """Compares the machine's clock with the bot's own time.

    Attributes:
        fetch_reference_time: returns Unix seconds by another clock, or None; may take seconds.
        jump_started_at: when the current jump was noticed; last_queried_at: when the other clock was last queried
            about it;
            verdict: what it showed.
        announced_verdicts: the verdicts on this jump that were announced.
    """

    clock: Clock
    ask_time: Callable[[], float | None]
    announcer: Announcer
    language: str = ENGLISH
    began: datetime | None = None
    asked_at: datetime | None = None
    verdict: Verdict | None = None
    said: set[Verdict | None] = field(default_factory=set)

    def look(self) -> timedelta | None:
        """Compare the clocks once, and announce what is new."""
        with speaking(self.language):
            if jump := self.clock.jump():
                self._look_into(jump)
            elif self.began is not None:
                self._end()
        return None

    def _look_into(self, jump: float) -> None:
        """Query the other clock about a jump, at most once per `QUERY_INTERVAL`, and announce a new verdict."""
        now = self.clock.now()
        self.began = self.began or now
        is_open = self.verdict in (None, Verdict.UNKNOWN)
        if is_open and (self.asked_at is None or has_passed(ASK_AGAIN, self.asked_at, now)):
            other = self.ask_time()
            # Without an answer the last verdict stays.
            self.verdict = self.verdict if other is None else self.clock.judge(other)
            self.asked_at = self.clock.now()
        if self.verdict not in self.said:
            self.said.add(self.verdict)
            name = self.verdict or "noticed"
            self.announcer.announce(f"clock-{self.began.timestamp():.0f}-{name}", describe(jump, self.verdict))

    def _end(self) -> None:
        """Announce that the clocks agree again: the machine's clock was corrected, or the bot counted that time."""
        if self.began and self.verdict is not Verdict.PASSED:
            self.announcer.announce(f"clock-{self.began.timestamp():.0f}-agree", say(AGREE))
        self.began, self.asked_at, self.verdict, self.said = None, None, None, set()


def describe(jump: float, verdict: Verdict | None) -> str:
    """Return what has happened, and what it means as far as is known.

    Args:
        jump: seconds by which the machine's clock is ahead; negative if it is behind.
    """
    what = say(AHEAD if jump > 0 else BACK, time=lasted(timedelta(seconds=abs(jump))))
    means = say(VERDICTS[verdict], seconds=f"{3600 * SLEW:.0f}")
    return together(what, *([] if verdict is Verdict.PASSED else [say(GOES_ON)]), means)
