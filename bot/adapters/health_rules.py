"""A team's own findings: rules from a YAML file, and code from installed packages."""

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import msgspec

from bot.adapters.yaml_files import FAILURES, describe_error, read_as
from bot.core.health.detectors import DETECTORS
from bot.core.health.finding import Finding, Severity
from bot.core.health.rules import Rule
from bot.core.row import Row
from bot.errors import UserError
from bot.isolation import report_once
from bot.language import listing, say

log = logging.getLogger(__name__)

GROUP = "verlbot.findings"
"""Entry point group of packages with findings: functions from a run's last rows, oldest first, to findings."""

Plugin = Callable[[Sequence[Row]], Iterable[Finding]]

TAKEN = {one.name for one in DETECTORS} | {"stall"}
"""Names of verlbot's own findings, which a team's rule or plugin must not use."""


SLUG = r"[a-z0-9]+(-[a-z0-9]+)*"


class RuleYaml(msgspec.Struct, forbid_unknown_fields=True):
    """One rule in the file; the fields are those of `MetricRule`."""

    name: Annotated[str, msgspec.Meta(pattern=f"^{SLUG}$", max_length=40)]
    metric: Annotated[str, msgspec.Meta(min_length=1)]
    above: float | None = None
    below: float | None = None
    for_steps: Annotated[int, msgspec.Meta(ge=1)] = 5
    after_step: int = 0
    severity: Severity = Severity.WARNING
    what: str = ""
    advice: str = ""


class FileYaml(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file of rules."""

    findings: list[RuleYaml]


def read(path: Path) -> tuple[Rule, ...]:
    """Return the rules of a YAML file.

    Raises:
        UserError: the file has no such rules; the message names the place.
    """
    hint = say(
        "It holds `findings:`, a list whose entries have `name`, `metric`, `above` or `below`, and where wanted"
        " `for_steps`, `after_step`, `severity`, `what` and `advice`."
    )
    try:
        found = read_as(path, FileYaml).findings
    except FAILURES as error:
        why = describe_error(error)
        raise UserError(say("The findings of {path} cannot be read: {why}", path=path, why=why), hint) from error
    if wrong := mistakes(found):
        raise UserError(say("The findings of {path} cannot be used: {why}", path=path, why=listing(wrong)), hint)
    return tuple(Rule(**msgspec.structs.asdict(rule)) for rule in found)


def mistakes(rules: Sequence[RuleYaml]) -> list[str]:
    """Return what is wrong with rules that can be parsed, a clause each."""
    names = [rule.name for rule in rules]
    twice = {name for name in names if names.count(name) > 1}
    boundless = [rule.name for rule in rules if rule.above is None and rule.below is None]
    return [
        *(say("`{name}` needs `above` or `below`", name=name) for name in boundless),
        *(say("`{name}` is there twice", name=name) for name in sorted(twice)),
        *(say("`{name}` is a finding of verlbot's own", name=name) for name in names if name in TAKEN),
    ]


def plugins() -> dict[str, Plugin]:
    """Return the installed functions by name. One that cannot be loaded is logged and left out."""
    found: dict[str, Plugin] = {}
    for point in entry_points(group=GROUP):
        try:
            found[point.name] = point.load()
        except Exception:
            log.exception("The findings of %s cannot be loaded; they are left out", point.value)
    return found


def is_whole(one: object) -> bool:
    """Return whether a finding can be stored in a run's record and read back.

    Without this check, one bad finding would end the monitoring of its run.
    """
    try:
        msgspec.json.decode(msgspec.json.encode(one), type=Finding)
    except (TypeError, ValueError, msgspec.MsgspecError):
        log.error("A package's finding is none: %r", one)
        return False
    return isinstance(one, Finding) and re.fullmatch(SLUG, one.name) is not None


def found_by(plugins: dict[str, Plugin], rows: Sequence[Row]) -> tuple[Finding, ...]:
    """Return the findings of all plugins.

    A plugin that fails is logged and finds nothing. A finding with a reserved name is left out.
    """
    found: list[Finding] = []
    for name, plugin in plugins.items():
        try:
            theirs = list(plugin(rows))
        except Exception as error:
            report_once(f"The findings of {name} failed", error, f"step {rows[-1].step if rows else None}")
            continue
        found += [one for one in theirs if is_whole(one) and one.name not in TAKEN]
    return tuple(found)
