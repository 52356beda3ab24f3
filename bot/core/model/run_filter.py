"""Which runs a list shows: those of a recipe, a person, a state, or since a day. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.model.state_names import REASON_STATES, STATUS_STATES, list_states_of
from bot.core.model.typed_quantities import parse_timespan
from bot.core.model.typed_text import quote_word

DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""The days of a week; three letters of a name are enough."""

MAX_AGE = timedelta(days=9_999)
"""Maximum time span before now."""

ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

STATE_TESTS: Mapping[str, Callable[[Run], bool]] = {
    "approval": lambda run: run.status is RunStatus.AWAITING_APPROVAL,
    "waiting": lambda run: run.status is RunStatus.PENDING,
    "launching": lambda run: run.status is RunStatus.LAUNCHING,
    "running": lambda run: run.status is RunStatus.RUNNING,
    "stopping": lambda run: run.status is RunStatus.STOPPING,
    "ended": lambda run: run.status is RunStatus.ENDED,
    "succeeded": lambda run: run.reason is Reason.SUCCEEDED,
    "failed": lambda run: run.reason is not None and run.reason.is_failure,
    "stopped": lambda run: run.reason is not None and run.reason is not Reason.SUCCEEDED and not run.reason.is_failure,
    "declined": lambda run: run.reason is Reason.REFUSED,
}
"""The states that may be typed, with what they mean."""

ENDED_STATES = ("ended", "succeeded", "failed", "stopped", "declined")
"""States that ended runs have too."""


ME = "me"
"""The word for the person who types."""

PERSON_ID = re.compile("[UW][A-Z0-9]{1,40}")


def is_person_id(text: str) -> bool:
    """Return whether a text is Slack's id of a person, not a name.

    >>> is_person_id("U0BEN"), is_person_id("ben"), is_person_id("")
    (True, False, False)
    """
    return PERSON_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What the runs of a list have in common; an empty field leaves out none.

    Attributes:
        who: Slack's id of the person who launched them, `me`, or a name in small letters, with or without `@`.
        state: a key of `STATE_TESTS`, or a text that names `shown_states`, in English.
        since: a day or a time span, as `parse_since` takes it.
        name: a part of the name that a person gave the run, in small letters.
    """

    recipe: str = ""
    who: str = ""
    state: str = ""
    since: str = ""
    name: str = ""
    shown_states: tuple[str, ...] = ()

    @property
    def includes_ended(self) -> bool:
        """Return whether it looks for ended runs too."""
        outcomes = {STATUS_STATES[RunStatus.ENDED], *REASON_STATES.values()}
        return bool(self.since) or self.state in ENDED_STATES or not outcomes.isdisjoint(self.shown_states)

    @property
    def is_empty(self) -> bool:
        """Return whether it leaves out no run."""
        return self == EVERY_RUN

    @property
    def person_name(self) -> str:
        """Return the name by which it means a person; empty where it has an id, `me`, or no person."""
        return "" if self.who == "me" or self.who.isupper() else self.who.removeprefix("@")

    def to_words(self, person: str | None = None) -> str:
        """Return the filter as a person types it.

        Args:
            person: the name to type for Slack's id of a person.

        >>> RunFilter(recipe="ppo", who="U0BEN", name="big batch").to_words("Ben")
        'recipe=ppo who=@Ben name="big batch"'
        """
        who = f"@{person or self.who}" if self.who.isupper() else self.who
        values = {
            "recipe": self.recipe,
            "who": who,
            "state": self.state,
            "since": self.since,
            "name": self.name,
        }
        return " ".join(f"{key}={quote_word(value)}" for key, value in values.items() if value)

    def matches(self, run: Run, user: str, begin: datetime | None) -> bool:
        """Return whether a run is one of those.

        Args:
            user: the person who asks; begin: the earliest launch, which `parse_since` gives.
        """
        return (
            self.recipe in ("", run.recipe)
            and (not self.who or run.requester == (user if self.who == "me" else self.who))
            and self.matches_state(run)
            and (begin is None or run.created_at >= begin)
            and self.name in run.name.lower()
        )

    def matches_state(self, run: Run) -> bool:
        """Return whether a run is in the state, or in one of the shown states."""
        if self.state in STATE_TESTS:
            return STATE_TESTS[self.state](run)
        return not self.state or not list_states_of(run).isdisjoint(self.shown_states)


EVERY_RUN = RunFilter()
"""The filter that leaves out no run."""


def parse_since(text: str, now: datetime, tz: tzinfo) -> datetime | None:
    """Return the moment that a text names: a span before now, or the beginning of a day; None if it names none.

    >>> from datetime import UTC
    >>> friday = datetime(2026, 1, 2, 12, tzinfo=UTC)
    >>> [f"{parse_since(text, friday, UTC):%a %d %H:%M}" for text in ("mon", "fri", "yesterday", "12h", "2025-12-31")]
    ['Mon 29 00:00', 'Fri 02 00:00', 'Thu 01 00:00', 'Fri 02 00:00', 'Wed 31 00:00']
    """
    word = text.lower()
    span = parse_timespan(word)
    if span is not None:
        return now - min(span, MAX_AGE)
    day = find_day(word, now.astimezone(tz).date())
    return datetime.combine(day, time(), tz) if day else None


def find_day(word: str, today: date) -> date | None:
    """Return the last day of that name, or that date; None if there is none."""
    if word in ("today", "yesterday"):
        return today - timedelta(days=word == "yesterday")
    for number, name in enumerate(DAY_NAMES):
        if len(word) >= 3 and name.startswith(word):
            return today - timedelta(days=(today.weekday() - number) % 7)
    try:
        return date.fromisoformat(word) if ISO_DATE.fullmatch(word) else None
    except ValueError:
        return None
