"""A team's own findings: rules from a YAML file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from bot.adapters.files.yaml_reader import READ_ERRORS, describe_error, read_yaml_as
from bot.core.frameworks import FRAMEWORK
from bot.core.model.finding import MetricRule, Severity
from bot.errors import UserError
from bot.phrase import Phrase, join_list

RESERVED_NAMES = {detector.name for detector in FRAMEWORK.detectors} | {"stall"}
"""Names of verlbot's own findings, which a team's rule must not use."""


SLUG_PATTERN = r"[a-z0-9]+(-[a-z0-9]+)*"


class MetricRuleYaml(msgspec.Struct, forbid_unknown_fields=True):
    """One rule in the file; the fields are those of `MetricRule`."""

    name: Annotated[str, msgspec.Meta(pattern=f"^{SLUG_PATTERN}$", max_length=40)]
    metric: Annotated[str, msgspec.Meta(min_length=1)]
    above: float | None = None
    below: float | None = None
    for_steps: Annotated[int, msgspec.Meta(ge=1)] = 5
    after_step: int = 0
    severity: Severity = Severity.WARNING
    what: str = ""
    advice: str = ""


class FindingsFileYaml(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file of rules."""

    findings: list[MetricRuleYaml]


def read_rules(path: Path) -> tuple[MetricRule, ...]:
    """Return the rules of a YAML file.

    Raises:
        UserError: the file has no such rules; the message names the place.
    """
    hint = Phrase(
        "The file needs a list `findings:`. Each entry has `name`, `metric`, and `above` or `below`; "
        "`for_steps`, `after_step`, `severity`, `what` and `advice` are optional."
    )
    try:
        rules = read_yaml_as(path, FindingsFileYaml).findings
    except READ_ERRORS as error:
        why = describe_error(error)
        raise UserError(
            Phrase("The findings of {path} cannot be read: {why}.", path=str(path), why=why), hint
        ) from error
    if problems := find_mistakes(rules):
        raise UserError(
            Phrase("The findings of {path} cannot be used: {why}.", path=str(path), why=join_list(problems)), hint
        )
    return tuple(MetricRule(**msgspec.structs.asdict(rule)) for rule in rules)


def find_mistakes(rules: Sequence[MetricRuleYaml]) -> list[Phrase]:
    """Return what is wrong with rules that can be parsed, a clause each."""
    names = [rule.name for rule in rules]
    duplicates = {name for name in names if names.count(name) > 1}
    boundless = [rule.name for rule in rules if rule.above is None and rule.below is None]
    return [
        *(Phrase("`{name}` needs `above` or `below`", name=name) for name in boundless),
        *(Phrase("`{name}` occurs twice", name=name) for name in sorted(duplicates)),
        *(Phrase("`{name}` is the name of a built-in finding", name=name) for name in names if name in RESERVED_NAMES),
    ]
