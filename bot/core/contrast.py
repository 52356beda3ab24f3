"""The settings in which two runs differ, by the commands that launched them."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.core.command import Launch
from bot.core.parse import parse
from bot.core.run import Run
from bot.errors import UserError


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that two runs do not share; None if a run did not set it, so that the recipe's own value applies."""

    name: str
    a: str | None
    b: str | None


def differences(a: Run, b: Run) -> list[Difference]:
    """Return the settings that differ, in the order in which they were typed, the recipe first."""
    mine, theirs = settings(a), settings(b)
    found = [Difference(name, mine.get(name), theirs.get(name)) for name in {**mine, **theirs}]
    return [one for one in found if one.a != one.b]


def settings(run: Run) -> Mapping[str, str]:
    """Return what was typed, by name; of an override that was given twice, the last, which is the one that Hydra uses.

    >>> from tests.builders import a_run
    >>> settings(a_run(line="launch ppo nodes=2 +a.b=1 a.b=2 ~c"))
    {'recipe': 'ppo', 'nodes': '2', 'a.b': '2', '~c': ''}
    """
    found = {"recipe": run.recipe}
    try:
        launched = parse(run.line)
    except UserError:  # an older verlbot accepted commands that this one does not
        return found
    if isinstance(launched, Launch):
        found |= dict(launched.parameters)
        for override in launched.overrides:
            name, _, value = override.partition("=")
            found[name.lstrip("+")] = value
    return found
