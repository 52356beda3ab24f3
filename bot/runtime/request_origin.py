"""The origin of a person's request, for the audit: known where it enters, needed where it is recorded."""

from contextvars import ContextVar

from bot.core.model.audit import Origin

CURRENT_ORIGIN: ContextVar[Origin | None] = ContextVar("origin", default=None)
"""Origin of the delivery that is being served: each is served in a context of its own."""


def set_origin(origin: Origin | None) -> None:
    """Record where the delivery that is being served came from."""
    CURRENT_ORIGIN.set(origin)


def get_origin() -> Origin | None:
    """Return the origin of the current delivery; None where the bot acts by itself."""
    return CURRENT_ORIGIN.get()
