"""Errors sorted by who must act: the person who typed, or time."""

from collections.abc import Sequence
from datetime import datetime

from bot.phrase import N_, Phrase, Text, join_sentences


class UserError(Exception):
    """The request cannot be done as it was made.

    The message says what is wrong and the hint what to type instead. Both are shown only to the person who made the
    request, in that person's language; `str()` of the error is English. Nothing has been changed when this is raised.

    Args:
        people: Slack ids of the people who can help.
    """

    def __init__(self, message: Text, hint: Text = "", people: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.people = people

    @property
    def sentence(self) -> Text:
        """Return message and hint as one line."""
        return join_sentences(self.message, self.hint)


class UnsuitableSetting(UserError):
    """One setting of a launch cannot be as it is.

    Args:
        setting: the parameter's name, or the key of the override.
    """

    def __init__(self, message: Text, hint: Text = "", *, setting: str) -> None:
        super().__init__(message, hint)
        self.setting = setting


class Denied(UserError):
    """The person may not do this, or it exceeds what is allowed. The audit records it.

    Args:
        act: what was not done, such as `stop`. on: a run's id, or what else the act was aimed at.
    """

    def __init__(self, message: Text, hint: Text = "", people: Sequence[str] = (), act: str = "", on: str = "") -> None:
        super().__init__(message, hint, people)
        self.act = act
        self.on = on


class UnknownName(UserError):
    """A name is none of the valid ones.

    Args:
        near: the valid name that is nearly the same; empty where there is none.
    """

    def __init__(self, message: Text, hint: Text, near: str) -> None:
        super().__init__(message, hint)
        self.near = near


class AmbiguousRun(UserError):
    """Several runs may be meant.

    Args:
        choices: their ids with the times of their launches.
    """

    def __init__(self, message: Text, hint: Text, choices: Sequence[tuple[str, datetime]]) -> None:
        super().__init__(message, hint)
        self.choices = tuple(choices)


APPROVED_ALREADY = N_("An approver has already approved `{run}`.")
DECLINED_ALREADY = N_("An approver has already declined `{run}`.")


class LaunchDecided(UserError):
    """An approver has decided on this launch already.

    Args:
        run_id: the run's id; by: Slack's id of the approver; at: when; granted: whether the launch was approved.
    """

    def __init__(self, run_id: str, by: str, at: datetime | None, granted: bool, hint: Text) -> None:
        super().__init__(Phrase(APPROVED_ALREADY if granted else DECLINED_ALREADY, run=run_id), hint)
        self.run_id = run_id
        self.by = by
        self.at = at
        self.granted = granted


class ClusterNameInUse(UserError):
    """A cluster of that name belongs to someone else: the bot has none under it, and must not remove this one."""


class IncompleteCheckpoint(UserError):
    """A checkpoint is incomplete: parts of it are missing or cannot be opened. The message says which."""


class Unavailable(Exception):
    """Something outside gave no answer that can be trusted: it may have acted or not.

    This is never a change of state. The code that catches it leaves the record as it is and looks again later.

    Args:
        message: what gave no answer, a sentence for people.
    """

    def __init__(self, message: Text = "") -> None:
        super().__init__(message)
        self.message = message


class UnreadableRecord(Exception):
    """A run's record in the store cannot be read: it is of another version, damaged or missing.

    This is not Unavailable: waiting does not repair it. The run's stub is used to look after its cluster
    (bot/app/unreadable_runs.py).

    Args:
        run_id: the run's id.
        why: what is wrong with the record, a clause.
        is_open: whether the run had not ended when its record was last written.
    """

    def __init__(self, run_id: str, why: Text, is_open: bool = True) -> None:
        super().__init__(f"the record of {run_id} cannot be read: {why}")
        self.run_id = run_id
        self.why = why
        self.is_open = is_open


class UnwritableRecord(Exception):
    """A run's record would not be readable if it were written so: the old one stays. This is the bot's own mistake."""


class LeadershipLost(Unavailable):
    """Another bot on the same store leads now: what this one was about to write or send is for that one to decide."""


class BeingStopped(Unavailable):
    """The bot is stopping: no request was sent, or the bot does not wait for the answer.

    This says nothing about the request, so it is not recorded as a failure: the next start continues from there.
    """
