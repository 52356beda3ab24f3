"""The bot's own log as JSON lines, for programs that collect logs: each line with its run and its trace."""

import logging
from datetime import UTC, datetime

import msgspec

from bot.bootstrap.masked_log import Mask
from bot.runtime.telemetry import CURRENT_RUN, CURRENT_SPAN

RUN_PREFIX = "run "
"""How a line begins that is about one run: `run ppo-7f3a: …`."""

MAX_ID_CHARACTERS = 100


class JsonLogLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line; a field that is empty is left out.

    Attributes:
        time: in UTC, as RFC 3339 has it; logger: the module; exception: the traceback.
        run: the run's id; trace, span: ids of the operation within which the line was written.
    """

    time: str
    level: str
    logger: str
    message: str
    run: str = ""
    trace: str = ""
    span: str = ""
    exception: str = ""


class JsonFormatter(logging.Formatter):
    """Makes a line of JSON of each record. Every text in it is masked before it is a part of the JSON."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        try:
            message = record.getMessage()
            exception = self.formatException(record.exc_info) if record.exc_info else ""
        except Exception as error:  # otherwise logging prints the unmasked arguments to standard error
            message, exception = f"a record of {record.name} cannot be formatted: {type(error).__name__}", ""
        span = CURRENT_SPAN.get()
        line = JsonLogLine(
            time=datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            level=record.levelname,
            logger=record.name,
            message=self._mask(message),
            run=self._mask(CURRENT_RUN.get() or find_run(message)),
            trace=span.trace_id if span else "",
            span=span.span_id if span else "",
            exception=self._mask(exception),
        )
        return msgspec.json.encode(line).decode()


def find_run(message: str) -> str:
    """Return the run that a line is about; empty where its beginning names none.

    >>> find_run("run ppo-7f3a: the tick failed"), find_run("run for your lives: now"), find_run("policy: a")
    ('ppo-7f3a', '', '')
    """
    start, colon, _ = message[: MAX_ID_CHARACTERS + len(RUN_PREFIX)].partition(":")
    run_id = start.removeprefix(RUN_PREFIX)
    return run_id if colon and start != run_id and " " not in run_id else ""
