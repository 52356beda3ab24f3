"""Where a person's wish came from, for the audit: known at the door, and needed where the wish is recorded."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a wish came from.

    Attributes:
        user: Slack's id of the person. door: `command`, `mention`, `button`, `form` or `page`.
        channel: Slack's id; empty for the bot's own page.
    """

    user: str
    door: str
    channel: str = ""


CURRENT: ContextVar[Origin | None] = ContextVar("origin", default=None)
"""Of the delivery that is being served: each is served in a context of its own."""


def set_origin(found: Origin | None) -> None:
    """Note where the delivery that is being served came from."""
    CURRENT.set(found)


def current_origin() -> Origin | None:
    """Return it; None where the bot acts by itself."""
    return CURRENT.get()
