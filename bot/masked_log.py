"""The bot's own log, and whatever Python prints of an exception that was not caught: every line of both is masked."""

import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.adapters.secret_filter import UNKNOWING

Mask = Callable[[str], str]

FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"

QUIETER = (("apscheduler", "ERROR"), ("httpx", "WARNING"), ("bot.bolt", "ERROR"))
"""Libraries that tell of every step, each with what it still tells of."""

AUDIT = "bot.audit"
"""The logger of events (bot/adapters/audits.py)."""

log = logging.getLogger(__name__)


class MaskingFormatter(logging.Formatter):
    """Masks records whole: message, arguments, exception, stack, whichever library they come from."""

    def __init__(self, mask: Mask, form: str = FORM) -> None:
        super().__init__(form)
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        try:
            text = super().format(record)
        except Exception as error:  # else logging itself prints the arguments to standard error, as they are
            text = f"a record of {record.name} cannot be formatted: {type(error).__name__}"
        finally:
            record.exc_text = None  # no other handler gets it from here unmasked
        return self._mask(text)


def log_to(path: Path | None, level: str, mask: Mask = UNKNOWING.mask) -> None:
    """Send the bot's own log to a file, or to standard error, without what may not be read.

    Where that is standard error, each event of the audit is a line on standard output; in a file it is one of the log.
    """
    handler = logging.FileHandler(path) if path else logging.StreamHandler()
    handler.setFormatter(MaskingFormatter(mask))
    logging.basicConfig(level=level, handlers=[handler])
    if path is None:
        print_audit(mask)
    for name, least in QUIETER:
        logging.getLogger(name).setLevel(least)


def print_audit(mask: Mask) -> None:
    """Write each event of the audit to standard output, a line of JSON by itself."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(MaskingFormatter(mask, "%(message)s"))
    audit = logging.getLogger(AUDIT)
    audit.handlers, audit.propagate = [handler], False
    audit.setLevel(logging.INFO)


def mask_uncaught() -> None:
    """Have exceptions that nothing catches written to the masked log, in place of standard error."""
    sys.excepthook = tell_of
    threading.excepthook = lambda met: tell_of(met.exc_type, met.exc_value, met.exc_traceback)
    sys.unraisablehook = lambda met: tell_of(met.exc_type, met.exc_value, met.exc_traceback)


def tell_of(kind: type[BaseException], error: BaseException | None, trace: Any) -> None:
    if not issubclass(kind, (KeyboardInterrupt, SystemExit)):
        log.critical("uncaught %s", kind.__name__, exc_info=(kind, error or kind(), trace))
