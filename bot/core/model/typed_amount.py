"""Amounts of money as people type them: judged, never guessed. In half of the world `3,50` is not three hundred."""

import re

from bot.core.model.typed_characters import to_half_width
from bot.core.model.typed_text import format_inline_code
from bot.errors import UserError
from bot.phrase import N_, Phrase

AMOUNT = re.compile(r"\$?(?:\d{1,3}(?:,\d{3}){1,4}|\d{1,12})(?:\.\d{1,6})?", re.ASCII)
"""Digits with commas between groups of three, or plain ones, and a decimal point."""

MAX_DOLLARS = 9_999_999
"""Maximum dollars of a monthly budget."""

HOW_TO_WRITE_AMOUNTS = N_("Write the amount as `3.50`.")


def parse_amount(text: str) -> float | None:
    """Return the dollars; None if the text is not an amount that can be read in one way only.

    >>> [parse_amount(text) for text in ("$3", "1,000.50", "3.5", "3,50", "1e3", "3€", "٣")]
    [3.0, 1000.5, 3.5, None, None, None, None]
    """
    amount = to_half_width(text.strip())
    return float(amount.removeprefix("$").replace(",", "")) if AMOUNT.fullmatch(amount) else None


def parse_budget(text: str) -> float:
    """Return the dollars of a budget.

    Raises:
        UserError: the text is no such amount, is zero, or is more than `MAX_DOLLARS`.
    """
    dollars = parse_amount(text)
    if dollars is None:
        raise UserError(
            Phrase("{text} is not an amount of dollars.", text=format_inline_code(text)), Phrase(HOW_TO_WRITE_AMOUNTS)
        )
    if not 0.01 <= dollars <= MAX_DOLLARS:
        bounds = Phrase("A budget must be from $0.01 to ${most}.", most=f"{MAX_DOLLARS:,}")
        raise UserError(bounds, Phrase(HOW_TO_WRITE_AMOUNTS))
    return dollars
