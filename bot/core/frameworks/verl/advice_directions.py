"""Which way advice changes each setting that it names, for programs that have only some of these settings. Pure.

The advice is the bot's own English, whose words of direction stand before the settings: a test pins what is found.
"""

import re
from collections.abc import Iterable

from bot.core.model.training_framework import AdvisedSetting, Direction

DIRECTION_WORDS: tuple[tuple[str, Direction | None], ...] = (
    (r"more often|fewer|lower|smaller|shorter|cap", Direction.LOWER),
    (r"more answers|raise|higher|too small", Direction.RAISE),
    (r"set|use", Direction.SET),
    (r"check|compare|read|look", Direction.CHECK),
    (r"another|try|make|give", Direction.CHANGE),
    # The settings after these words are not changed by themselves.
    (r"resume|at least|keep the checkpoint|longer than|trust its authors", None),
)
"""Words of advice, each with the direction of the settings after it; None: those settings are left out. A condition
such as trust in a model's authors would be lost with the words around the setting."""

TOKEN = re.compile(
    "|".join(
        [
            r"`\+?(?P<option>[a-z_]+(?:\.[a-z0-9_]+)+)(?P<value>=[^`\n]*)?`",
            r"(?P<end>[.;] )",
            *(rf"(?P<word{number}>\b(?i:{words})\b)" for number, (words, _) in enumerate(DIRECTION_WORDS)),
        ]
    )
)


def find_directions(advice: str) -> tuple[AdvisedSetting, ...]:
    """Return the settings that advice changes or has people check, in its order, each once.

    >>> [(one.option, one.direction.name, one.value) for one in find_directions("Lower `a.b`, or set `c.d=True`.")]
    [('a.b', 'LOWER', ''), ('c.d', 'SET', '=True')]
    """
    return tuple({setting.option: setting for setting in reversed(list(list_settings(advice)))}.values())[::-1]


def list_settings(advice: str) -> Iterable[AdvisedSetting]:
    """Return each mention of a setting with the direction of the last word before it in its sentence."""
    direction: Direction | None = Direction.CHANGE
    for match in TOKEN.finditer(advice):
        if option := match["option"]:
            value = match["value"] or ""
            if direction is not None:
                yield AdvisedSetting(option, Direction.SET if value else direction, value)
        elif match["end"]:
            direction = Direction.CHANGE
        else:
            direction = next(
                way for number, (_, way) in enumerate(DIRECTION_WORDS) if match[f"word{number}"] is not None
            )
