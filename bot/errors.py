"""Errors sorted by who must act: the person who typed, or time."""

from collections.abc import Sequence

from bot.language import together


class UserError(Exception):
    """The request cannot be done as it was made.

    The message says what is wrong and the hint what to type instead; both are shown to the person
    who asked, and to nobody else. Nothing has been changed when this is raised.

    Args:
        people: Slack's ids of those who can help.
    """

    def __init__(self, message: str, hint: str = "", people: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.hint = hint
        self.people = people

    @property
    def sentence(self) -> str:
        """Message and hint as one line."""
        return together(str(self), self.hint)


class Denied(UserError):
    """The person may not, or it is more than is allowed: for the audit too.

    Args:
        act: what was not done, such as `stop`. on: a run's id, or what else it would have been done to.
    """

    def __init__(self, message: str, hint: str = "", people: Sequence[str] = (), act: str = "", on: str = "") -> None:
        super().__init__(message, hint, people)
        self.act = act
        self.on = on


class NameTaken(UserError):
    """A cluster of that name is somebody else's: nothing of ours stands under it, and it is not ours to remove."""


class NotWhole(UserError):
    """A checkpoint is not whole: parts of it are missing, or cannot be opened. The message says which."""


class Unavailable(Exception):
    """Something outside gave no answer that can be trusted: it may have acted, or not.

    Never a change of state. Who catches it leaves the record as it is and looks again later.
    """


class UnreadableRecord(Exception):
    """A run's record in the store cannot be read: of another version, spoilt, or missing.

    Not Unavailable: waiting does not mend it. Its cluster is looked after by its stub (bot/unreadable_runs.py).

    Args:
        run_id: of the run.
        why: what is wrong with the record, a clause.
        is_open: whether the run had not ended when its record was last written.
    """

    def __init__(self, run_id: str, why: str, is_open: bool = True) -> None:
        super().__init__(f"the record of {run_id} cannot be read: {why}")
        self.run_id = run_id
        self.why = why
        self.is_open = is_open


class UnwritableRecord(Exception):
    """A run's record would not be readable if it were written so: the old one stays. A mistake of ours."""


class BeingStopped(Unavailable):
    """The bot ends: nothing was asked, or the answer is not waited for.

    It tells nothing of what was asked, so that it is recorded as no failure: the next start goes on from there.
    """
