"""The bot's own log, and what Python prints of uncaught exceptions: every line of both is masked."""

import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.runtime.secret_filter import GENERAL_FILTER

Mask = Callable[[str], str]

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

QUIET_LIBRARIES = (("apscheduler", "ERROR"), ("httpx", "WARNING"), ("bot.bolt", "ERROR"), ("opentelemetry", "CRITICAL"))
"""Libraries that log every step, each with the lowest level that is kept of it."""

AUDIT_LOGGER = "bot.audit"
"""Name of the logger of audit events (bot/adapters/redis/audit_store.py)."""

log = logging.getLogger(__name__)


class MaskingFormatter(logging.Formatter):
    """Masks whole records: message, arguments, exception and stack, from any library."""

    def __init__(self, mask: Mask, log_format: str = LOG_FORMAT) -> None:
        super().__init__(log_format)
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        try:
            text = super().format(record)
        except Exception as error:  # otherwise logging prints the unmasked arguments to standard error
            text = f"a record of {record.name} cannot be formatted: {type(error).__name__}"
        finally:
            record.exc_text = None  # no other handler gets the unmasked text from here
        return self._mask(text)


def log_to(
    path: Path | None, level: str, mask: Mask = GENERAL_FILTER.mask, formatter: logging.Formatter | None = None
) -> None:
    """Send the bot's own log, masked, to a file or to standard error.

    With standard error, each audit event is a line on standard output; with a file, it is a line of that file.

    Args:
        formatter: makes the lines, and masks them; lines of text unless given.
    """
    handler = logging.FileHandler(path) if path else logging.StreamHandler()
    handler.setFormatter(formatter or MaskingFormatter(mask))
    logging.basicConfig(level=level, handlers=[handler])
    if path is None:
        print_audit(mask)
    for name, least in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(least)


def print_audit(mask: Mask) -> None:
    """Write each audit event to standard output, one line of JSON each."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(MaskingFormatter(mask, "%(message)s"))
    audit = logging.getLogger(AUDIT_LOGGER)
    audit.handlers, audit.propagate = [handler], False
    audit.setLevel(logging.INFO)


def mask_uncaught() -> None:
    """Write uncaught exceptions to the masked log instead of standard error."""
    sys.excepthook = log_uncaught
    threading.excepthook = lambda details: log_uncaught(details.exc_type, details.exc_value, details.exc_traceback)
    sys.unraisablehook = lambda details: log_uncaught(details.exc_type, details.exc_value, details.exc_traceback)


def log_uncaught(kind: type[BaseException], error: BaseException | None, trace: Any) -> None:
    """Log an uncaught exception, unless it only ends the process."""
    if not issubclass(kind, (KeyboardInterrupt, SystemExit)):
        log.critical("uncaught %s", kind.__name__, exc_info=(kind, error or kind(), trace))
