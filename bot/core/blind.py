"""Missing safeguards: what a launch would lack, so that people see it before it costs anything. Pure."""

import re
from collections.abc import Sequence
from enum import StrEnum

from bot.core.autostop import read_idle_minutes
from bot.core.managed import is_managed
from bot.core.plan import LaunchPlan


class Safeguard(StrEnum):
    """A safeguard that a run may lack."""

    CHECKPOINTS = "checkpoints"
    VALIDATION = "validation"
    AUTOSTOP = "autostop"


def find_missing_safeguards(plan: LaunchPlan) -> tuple[Safeguard, ...]:
    """Return the safeguards that the plan lacks. Parameters cannot switch these off; Hydra overrides and a recipe can.

    The autostop of a managed job is not counted: its controller removes the cluster in any case.
    """
    missing = {
        Safeguard.CHECKPOINTS: plan.recipe.checkpoints is None or is_switched_off(plan.overrides, "trainer.save_freq"),
        Safeguard.VALIDATION: is_switched_off(plan.overrides, "trainer.test_freq"),
        Safeguard.AUTOSTOP: read_idle_minutes(plan.task) is None and not is_managed(plan.task),
    }
    return tuple(safeguard for safeguard, is_missing in missing.items() if is_missing)


def is_switched_off(overrides: Sequence[str], key: str) -> bool:
    """Return whether verl never does something periodic: its interval is zero, negative or null.

    The last override counts.

    >>> is_switched_off(("trainer.save_freq=20", "++trainer.save_freq=-1"), "trainer.save_freq")
    True
    >>> is_switched_off(("trainer.save_freq=-1", "trainer.save_freq=20"), "trainer.save_freq")
    False
    """
    values = [
        matched[1] for override in overrides if (matched := re.fullmatch(rf"\+{{0,2}}{re.escape(key)}=(.*)", override))
    ]
    return bool(values) and re.fullmatch(r"0|-\d+|null", values[-1].strip()) is not None
