"""What may be done about a run: one of these a tick. Values; what they do is the tick's."""

from dataclasses import dataclass
from datetime import datetime

from bot.core.doubt import Doubt
from bot.core.keeping import Draining
from bot.core.money import Bill
from bot.core.seen import Seen
from bot.core.status import Reason


@dataclass(frozen=True, slots=True)
class Ask:
    """Record that a cluster is asked for, then ask.

    Attributes:
        server: identity of the memory that is asked, as the look showed it.
    """

    server: str = ""


@dataclass(frozen=True, slots=True)
class Price:
    """Learn what it would cost, while it waits for an approval: an approver is shown that."""


@dataclass(frozen=True, slots=True)
class Look:
    """Keep what was seen."""

    seen: Seen


@dataclass(frozen=True, slots=True)
class Wonder:
    """Keep that a puzzle was seen, and look again soon."""

    doubt: Doubt


@dataclass(frozen=True, slots=True)
class NoteMemoryLoss:
    """Keep that the cloud does not remember the cluster, so that its absence proves nothing."""


@dataclass(frozen=True, slots=True)
class SetAutostop:
    """Set the autostop that was asked for: a look has shown another, or none.

    Attributes:
        minutes: as asked for; found: as seen.
    """

    minutes: int
    found: int | None


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is over: say why; its cluster goes next."""

    reason: Reason
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Rehearse:
    """Keep that a rule would have ended the run, which it is not to do yet."""

    rule: str


@dataclass(frozen=True, slots=True)
class Drain:
    """Keep until when the end of the run waits for a checkpoint; None, it waits no more, because it is not to end."""

    draining: Draining | None


@dataclass(frozen=True, slots=True)
class FetchModel:
    """Fetch the newest checkpoint, or see how far that is.

    Attributes:
        until: when that is given up; the cluster must not remove itself before.
    """

    until: datetime


@dataclass(frozen=True, slots=True)
class RecallModel:
    """Ask the bot's own disk what has come of a model, before that is called lost."""


@dataclass(frozen=True, slots=True)
class PutOffAutostop:
    """Put off the autostop of a cluster whose job is over, so that it is there while its model is looked for.

    Attributes:
        until: when that is given up; the cluster must not remove itself before.
    """

    until: datetime


@dataclass(frozen=True, slots=True)
class LoseModel:
    """Give up a checkpoint that could not be fetched in time."""


@dataclass(frozen=True, slots=True)
class SaveLog:
    """Keep the last lines while there is a cluster to read them from."""


@dataclass(frozen=True, slots=True)
class TearDown:
    """Ask for the removal of the cluster."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """The cluster does not go: people must know."""


@dataclass(frozen=True, slots=True)
class End:
    """The cluster is gone: close the record."""

    reason: Reason
    bill: Bill | None = None


Settle = Finish | Rehearse | Drain | LoseModel
"""What becomes of the run, and of its model, as far as only its record is concerned."""

Keep = PutOffAutostop | SaveLog | FetchModel | RecallModel
"""What is done so that nothing of a run is lost with its cluster."""

Action = Ask | Price | Look | Wonder | NoteMemoryLoss | SetAutostop | Settle | Keep | TearDown | Alarm | End
