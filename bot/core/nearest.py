"""Refusals that name what is valid, the nearest first."""

from collections.abc import Iterable
from difflib import get_close_matches

from bot.core.line import shown
from bot.errors import UserError

MOST_NAMED = 24
"""Valid names listed in one refusal; the rest are counted."""


def unknown(noun: str, word: str, valid: Iterable[str], otherwise: str = "", of: str = "") -> UserError:
    """The refusal of a name that is not one of the valid ones.

    Args:
        otherwise: the hint where none is valid.
        of: what it would belong to.

    >>> unknown("recipe", "pppo", ["grpo", "ppo"]).sentence
    'There is no recipe `pppo`. Did you mean `ppo`? Valid: `ppo`, `grpo`.'
    >>> unknown("parameter", "node", ["nodes"], of="ppo").sentence
    '`ppo` has no parameter `node`. Did you mean `nodes`? Valid: `nodes`.'
    """
    names = sorted(valid)
    near = get_close_matches(word.lower(), names, n=3, cutoff=0.6)
    ordered = near + [name for name in names if name not in near]
    guess = f"Did you mean `{near[0]}`? " if near else ""
    missing = f"`{of}` has no {noun} {shown(word)}." if of else f"There is no {noun} {shown(word)}."
    return UserError(missing, f"{guess}{listed(ordered) or otherwise}")


def listed(names: list[str]) -> str:
    """The valid names as a sentence; empty where there are none."""
    if not names:
        return ""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"Valid: {', '.join(f'`{name}`' for name in names[:MOST_NAMED])}{more}."
