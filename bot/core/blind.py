"""Missing safeguards: what a launch would lack, so that people see it before it costs anything. Pure."""

import re
from collections.abc import Sequence
from enum import StrEnum

from bot.core.autostop import asked_minutes
from bot.core.managed import is_managed
from bot.core.plan import Plan


class Blind(StrEnum):
    """A safeguard that a run may lack."""

    CHECKPOINTS = "checkpoints"
    VALIDATION = "validation"
    AUTOSTOP = "autostop"


def blind(made: Plan) -> tuple[Blind, ...]:
    """Return the safeguards that the plan lacks. Parameters cannot switch these off; Hydra overrides and a recipe can.

    The autostop of a managed job is not counted: its controller removes the cluster in any case.
    """
    lacks = {
        Blind.CHECKPOINTS: made.recipe.checkpoints is None or switched_off(made.overrides, "trainer.save_freq"),
        Blind.VALIDATION: switched_off(made.overrides, "trainer.test_freq"),
        Blind.AUTOSTOP: asked_minutes(made.task) is None and not is_managed(made.task),
    }
    return tuple(one for one, lacking in lacks.items() if lacking)


def switched_off(overrides: Sequence[str], key: str) -> bool:
    """Return whether verl never does something periodic: its interval is zero, negative or null.

    The last override counts.

    >>> switched_off(("trainer.save_freq=20", "++trainer.save_freq=-1"), "trainer.save_freq")
    True
    >>> switched_off(("trainer.save_freq=-1", "trainer.save_freq=20"), "trainer.save_freq")
    False
    """
    values = [found[1] for one in overrides if (found := re.fullmatch(rf"\+{{0,2}}{re.escape(key)}=(.*)", one))]
    return bool(values) and re.fullmatch(r"0|-\d+|null", values[-1].strip()) is not None
