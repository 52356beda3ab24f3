"""Notices a jump of this machine's clock, lets Slack's clock decide what it means, and reports it once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import urlopen

from bot.app.operator_notices import Announcer
from bot.app.process_health import Clock
from bot.core.model.bot_clock import SLEW_RATE, ClockVerdict, has_passed
from bot.phrase import N_, Phrase, Text, describe_duration, join_sentences

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 3.0
"""Maximum seconds to wait for an answer: the bot's start waits for it."""

MEAN_TRUNCATION_SECONDS = 0.5
"""Mean seconds by which Slack's clock is ahead of its header, which omits fractions of a second."""


def fetch_time(api_url: str) -> float | None:
    """Return Unix seconds by Slack's clock, known to a second; None where Slack does not answer.

    Only a server that is reached by TLS is queried: another one may be on this very machine, and show the same clock.
    """
    if not api_url.startswith("https://"):
        return None
    try:
        return parse_date_header(fetch_date_header(f"{api_url}api.test"))
    except (OSError, HTTPException, ValueError) as error:
        log.warning("Slack does not give its time: %s", error)
        return None


def fetch_date_header(url: str) -> str:
    """Return the date of an answer, of a refusal too; empty without one.

    Raises:
        OSError: there is no answer.
        HTTPException: the answer is not HTTP.
    """
    try:
        with urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  # a setting's address, not a person's
            return str(answer.headers.get("date", ""))
    except HTTPError as refusal:
        with refusal:
            return refusal.headers.get("date", "")


def parse_date_header(date: str) -> float:
    """Return the Unix seconds of a header.

    >>> parse_date_header("Fri, 02 Jan 2026 12:00:00 GMT")
    1767355200.5

    Raises:
        ValueError: the header is not a date.
    """
    return parsedate_to_datetime(date).timestamp() + MEAN_TRUNCATION_SECONDS


QUERY_INTERVAL = timedelta(minutes=1)
"""Time between two queries of Slack's clock while no answer has explained a jump."""

CLOCK_JUMPED_AHEAD = N_(":alarm_clock: *This machine's clock jumped ahead by {time}.*")
CLOCK_JUMPED_BACK = N_(":alarm_clock: *This machine's clock jumped back by {time}.*")
TIMES_UNAFFECTED = N_("I go by the time that has really passed: no lease, budget or schedule moves.")
VERDICT_PHRASES = {
    ClockVerdict.PASSED: N_(
        "Slack's clock agrees with it: that time has passed, as while a virtual machine is paused, and I count it."
    ),
    ClockVerdict.AHEAD: N_(
        "Slack's clock agrees with it, so my own time is ahead. I bring it back by {seconds} s an hour; until then the "
        "times that I show are ahead."
    ),
    ClockVerdict.WRONG: N_("Slack's clock agrees with mine: set this machine's clock right."),
    ClockVerdict.UNKNOWN: N_("Slack's clock agrees with neither: set this machine's clock right."),
    None: N_("Slack does not tell me the time. If this machine's clock is wrong, set it right."),
}
CLOCKS_AGREE = N_(":white_check_mark: This machine's clock and mine agree again.")


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
    fetch_reference_time: Callable[[], float | None]
    announcer: Announcer
    jump_started_at: datetime | None = None
    last_queried_at: datetime | None = None
    verdict: ClockVerdict | None = None
    announced_verdicts: set[ClockVerdict | None] = field(default_factory=set)

    def check_clock(self) -> timedelta | None:
        """Compare the clocks once, and announce what is new."""
        if jump := self.clock.measure_jump():
            self._investigate_jump(jump)
        elif self.jump_started_at is not None:
            self._close_jump()
        return None

    def _investigate_jump(self, jump: float) -> None:
        """Query the other clock about a jump, at most once per `QUERY_INTERVAL`, and announce a new verdict."""
        now = self.clock.now()
        self.jump_started_at = self.jump_started_at or now
        is_open = self.verdict in (None, ClockVerdict.UNKNOWN)
        if is_open and (self.last_queried_at is None or has_passed(QUERY_INTERVAL, self.last_queried_at, now)):
            reference_time = self.fetch_reference_time()
            # Without an answer the last verdict stays.
            self.verdict = self.verdict if reference_time is None else self.clock.judge_jump(reference_time)
            self.last_queried_at = self.clock.now()
        if self.verdict not in self.announced_verdicts:
            self.announced_verdicts.add(self.verdict)
            name = self.verdict or "noticed"
            self.announcer.announce(
                f"clock-{self.jump_started_at.timestamp():.0f}-{name}", describe_jump(jump, self.verdict)
            )

    def _close_jump(self) -> None:
        """Announce that the clocks agree again: the machine's clock was corrected, or the bot counted that time."""
        if self.jump_started_at and self.verdict is not ClockVerdict.PASSED:
            self.announcer.announce(f"clock-{self.jump_started_at.timestamp():.0f}-agree", Phrase(CLOCKS_AGREE))
        self.jump_started_at, self.last_queried_at, self.verdict, self.announced_verdicts = None, None, None, set()


def describe_jump(jump: float, verdict: ClockVerdict | None) -> Text:
    """Return what has happened, and what it means as far as is known.

    Args:
        jump: seconds by which the machine's clock is ahead; negative if it is behind.
    """
    headline = Phrase(
        CLOCK_JUMPED_AHEAD if jump > 0 else CLOCK_JUMPED_BACK, time=describe_duration(timedelta(seconds=abs(jump)))
    )
    meaning = Phrase(VERDICT_PHRASES[verdict], seconds=f"{3600 * SLEW_RATE:.0f}")
    return join_sentences(headline, *([] if verdict is ClockVerdict.PASSED else [Phrase(TIMES_UNAFFECTED)]), meaning)
