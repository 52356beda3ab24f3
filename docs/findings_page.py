"""The page of the findings: `docs/findings.md`, from the detectors and their thresholds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, fields
from inspect import getdoc

from bot.core.frameworks import FRAMEWORK
from bot.core.frameworks.verl.detectors import DETECTORS
from bot.core.model.finding import HealthRules
from bot.core.model.training_framework import SettingChange
from bot.core.rules.health.stall import STALL_NAME, STALL_REFERENCE, STALL_SIGN, UNREACHABLE_CLUSTER_ADVICE

COMMON_THRESHOLDS = ("persist_steps", "heal_steps", "healthy_below", "cooldown_steps", "start_steps")
"""Thresholds of every finding that is judged by the step."""

SIGNS = ("name", "what is seen", "sick steps until it is posted")
THRESHOLDS = ("finding", "threshold", "what it bounds, and where it comes from")
CHANGES = ("finding", "what changes")
ADVICE = ("finding", "what to change", "on what that rests")

Row = tuple[str, ...]


def list_signs() -> Iterator[Row]:
    """Yield what each finding looks like."""
    yield SIGNS
    yield (f"`{STALL_NAME}`", STALL_SIGN, "")
    for detector in DETECTORS:
        yield (f"`{detector.name}`", detector.sign, str(detector.get_persist_steps(HealthRules())))


def list_thresholds() -> Iterator[Row]:
    """Yield each threshold of a finding, with its value and its source."""
    yield THRESHOLDS
    yield from describe_thresholds("every one but `stall`", COMMON_THRESHOLDS)
    yield from describe_thresholds(f"`{STALL_NAME}`", tuple(name for name in read_defaults() if is_of_stall(name)))
    for detector in DETECTORS:
        yield from describe_thresholds(f"`{detector.name}`", detector.thresholds)


def is_of_stall(threshold: str) -> bool:
    """Return whether a threshold is one of a stall, by its name.

    >>> is_of_stall("stall_multiple"), is_of_stall("kl_high")
    (True, False)
    """
    return threshold.startswith(f"{STALL_NAME}_")


def describe_thresholds(finding: str, names: tuple[str, ...]) -> Iterator[Row]:
    """Yield the thresholds of these names, those that the code explains together in one row."""
    defaults = read_defaults()
    for entry, meaning in read_meanings().items():
        shown = [f"`{name}` {defaults[name]:g}" for name in entry if name in names]
        if shown:
            yield (finding, ", ".join(shown), meaning)


def read_defaults() -> Mapping[str, float]:
    """Return the numbers among the rules, by name: what is no number is a setting, no threshold."""
    rules = HealthRules()
    values = {one.name: getattr(rules, one.name) for one in fields(rules)}
    return {name: value for name, value in values.items() if type(value) in (int, float)}


def read_meanings() -> Mapping[tuple[str, ...], str]:
    """Return what the docstring of the rules says of its attributes, by their names."""
    _, _, attributes = (getdoc(HealthRules) or "").partition("Attributes:\n")
    meanings: dict[tuple[str, ...], str] = {}
    for line in filter(str.strip, attributes.splitlines()):
        if line.startswith(" " * 8):
            names = list(meanings)[-1]
            meanings[names] += f" {line.strip()}"
        else:
            entry, _, meaning = line.strip().partition(": ")
            meanings[tuple(entry.split(", "))] = meaning
    return meanings


def list_advice() -> Iterator[Row]:
    """Yield what each finding advises, and the source of that."""
    yield ADVICE
    for advice in (*astuple(FRAMEWORK.stall_advice), UNREACHABLE_CLUSTER_ADVICE):
        yield (f"`{STALL_NAME}`", advice, link(STALL_REFERENCE))
    for detector in DETECTORS:
        for advice in detector.advice:
            yield (f"`{detector.name}`", advice, link(detector.reference))


def list_changes() -> Iterator[Row]:
    """Yield the settings that a resume after each finding changes."""
    yield CHANGES
    for name, changes in FRAMEWORK.finding_changes.items():
        yield (f"`{name}`", ", or ".join(map(describe_change, changes)))


def describe_change(change: SettingChange) -> str:
    """Return a changed setting as the page shows it.

    >>> describe_change(SettingChange("a.b=0.4", 0.5)), describe_change(SettingChange("a.b=0"))
    ('`a.b` × 0.5', '`a.b=0`')
    """
    return f"`{change.override}`" if change.factor is None else f"`{change.override.split('=')[0]}` × {change.factor:g}"


def link(address: str) -> str:
    """Return a link that shows its address without the scheme.

    >>> link("https://arxiv.org/abs/1710.03740")
    '[arxiv.org/abs/1710.03740](https://arxiv.org/abs/1710.03740)'
    """
    return f"[{address.removeprefix('https://')}]({address})"


def page(table: Callable[..., str]) -> str:
    """Return the page.

    Args:
        table: makes a table of rows, the first of which is its head.
    """
    return f"""# Findings: what looks sick in a training

The bot judges every new step of a run. It posts a finding in the run's thread, and in its channel where the finding is
a warning or says to stop: what it is, with which numbers, since which step and what has been spent since, what to
change in verl's own option names, and what that rests on. The bot says it once, and takes it back when the numbers have
been healthy for a while; *Mute this* silences it for a run. What follows from a finding stays silent unless it is
graver: where all answers are cut, the bot does not mention the gradient that vanishes. A finding says what was
measured, not what will be.

A finding stops no run: a person decides, unless `finding_actions` in the recipe or in
[the policy](policy.md#trying-a-rule-first) says that it only reports what it would have stopped, that it stops, or that
it stops and [resumes once](#a-finding-that-resumes).

{table(*list_signs())}

Made from `bot/core/frameworks/verl/detectors/__init__.py` and `bot/core/model/finding.py` by `make docs`.
`python -m benchmarks findings` shows [when each sickness is found](findings-measured.md). `verlbot replay FILE` shows
the findings for a log of your own.

A recipe may say which of them mean nothing for it (`findings_off`); a stall is always reported.

Numbers that mislead are shown as *unknown*, with the reason: a share of cut answers that is 0 although something else
cuts them, a utilisation of a GPU that verl does not know, a KL that nothing computes.

## Thresholds

They were set by two public runs of verl's that succeeded and by simulated ones. "The two logs" are verl's public PPO
runs of Qwen2.5-0.5B on GSM8K. rldoctor is another program that judges trainings: it simulated the other runs, and some
of the bounds are its own.

{table(*list_thresholds())}

## Advice

What a finding says to change. Where one has several rows, what was measured decides which of them it shows.

{table(*list_advice())}

## A finding that resumes

`finding_actions: {{not-a-number: resume}}`, in the policy or in a recipe, stops the run as `stop` does. Once its
machines are gone, the bot resumes it from the newest checkpoint from before the step at which the finding began (where
only the machines are sick: from the newest of all) with one changed setting, the first of these that the run can take:

{table(*list_changes())}

A multiple is taken of the override that the run was launched with, or else of the recipe's parameter that names the
option (`option`); a fixed value of a setting needs a recipe that takes overrides. While the cluster is up, the bot
checks that checkpoint, and takes the one before if it is not whole.

The new run is the same person's, in the same channel, with the same budget and lease, and is checked as if that person
had typed `/verl resume`: role, bounds, caps, approval. A training is resumed once, also where a person resumes it
later. `/verl stop RUN` before the machines are gone prevents it. Where there is no such checkpoint, no setting, no
`volume=` or `bucket=`, or where the launch is refused, the run is only stopped, and its card says why. Both cards name
the rule, the step and the setting.

## Your own

Rules in a YAML file, which `VERLBOT_FINDINGS` names:

    findings:
      - name: tool-errors
        metric: tools/error_rate
        above: 0.2
        for_steps: 10        # in a row; default 5
        after_step: 50
        severity: warning    # note, warning or stop
        what: Every fifth tool call fails.
        advice: Look at the sandbox's log.
"""
