"""Sick trainings of every kind as rows, and what is reported of a training while it runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from math import inf, nan
from random import Random

from bot.core.frameworks import FRAMEWORK
from bot.core.model.finding import Finding, HealthRules
from bot.core.model.health_state import HealthState
from bot.core.model.metrics import StepMetrics
from bot.core.model.training_framework import Framework
from bot.core.rules.health.judge import judge
from tests.core.rules.health.healthy_runs import GROUPED, Shape, asynchronous, changed, modern, simulated

EXPECTED = {
    "entropy_collapse": "entropy-collapse",
    "saturated_groups": "saturated-groups",
    "too_hard": "hopeless-groups",
    "reward_hacking": "validation-falls",
    "length_hacking": "length-growth",
    "truncation": "truncation",
    "kl_blowup": "kl-blow-up",
    "clip_saturation": "clip-saturation",
    "grad_spikes": "gradient-spikes",
    "plateau": "plateau",
    "format_domination": "reward-parts",
}
"""What is to be found in each scenario of rldoctor's."""

KEPT = 512


def lost(begin: int, steps: int | None = None) -> Callable[[int], list[StepMetrics]]:
    """Gradients that are not a number, for so long."""

    def rows(seed: int) -> list[StepMetrics]:
        found = Shape().rows(seed)
        end = len(found) if steps is None else begin + steps
        value = nan if seed % 2 else inf
        return [*changed(found[:end], begin, lambda _: {"actor/grad_norm": value}), *found[end:]]

    return rows


def collapsed(seed: int) -> list[StepMetrics]:
    """What NaN leaves behind: no reward, and responses at full length."""
    zero = {"critic/score/mean": 0.0, "critic/rewards/mean": 0.0, "response_length/mean": 256.0}
    return changed(Shape().rows(seed), 150, lambda _: zero)


MISMATCH = {"training__rollout_probs_diff_mean": 0.5, "training__rollout_actor_probs_pearson_corr": 0.5}


def without_tools(seed: int) -> list[StepMetrics]:
    return changed(replace(Shape(), tools=True).rows(seed), 0, lambda _: {"tool_call_counts/mean": 0.0})


def tools_forgotten(seed: int) -> list[StepMetrics]:
    forgotten = {"tool_call_counts/mean": 0.0, "num_turns/mean": 2.0}
    return changed(replace(Shape(), tools=True).rows(seed), 150, lambda _: forgotten)


def no_difference(seed: int) -> list[StepMetrics]:
    """Every group scores alike: advantages of 0, and no gradient."""
    alike = {"critic/advantages/max": 0.0, "critic/advantages/min": 0.0, "actor/grad_norm": 0.0}
    return changed(Shape().rows(seed), 120, lambda _: alike)


def run_away(seed: int) -> list[StepMetrics]:
    return changed(Shape().rows(seed), 120, lambda _: {"actor/ppo_kl": 0.4})


def faded(
    begin: int, key: str, at_first: float, per_step: float, limit: float = inf
) -> Callable[[int], list[StepMetrics]]:
    """A healthy run of verl 0.9 of which one number drifts away from a step on, and scatters by a twentieth."""

    def rows(seed: int) -> list[StepMetrics]:
        random = Random(seed + 3000)

        def change(row: StepMetrics) -> dict[str, float]:
            value = at_first + per_step * (row.step - 1 - begin)
            return {key: (min if per_step > 0 else max)(value, limit) * random.uniform(0.95, 1.05)}

        return changed(modern(seed), begin, change)

    return rows


def fixed(begin: int, make: Callable[[int], list[StepMetrics]], **values: float) -> Callable[[int], list[StepMetrics]]:
    """The runs with other values from a step on, by the keys with `__` for `/`."""
    new = {key.replace("__", "/"): value for key, value in values.items()}
    return lambda seed: changed(make(seed), begin, lambda _: new)


def stale(seed: int) -> list[StepMetrics]:
    """More stale samples wait than one version of the weights trains on."""
    return changed(asynchronous(seed), 100, lambda row: {"fully_async/count/staleness_samples": 700.0 + row.step % 7})


def evicting(seed: int) -> list[StepMetrics]:
    """Every fourth sample is dropped."""
    return changed(
        asynchronous(seed), 0, lambda row: {"fully_async/count/dropped_stale_samples": 128.0 * max(row.step - 101, 0)}
    )


def evicting_groups(seed: int) -> list[StepMetrics]:
    """verl 0.9's own trainer drops groups, and the size of a batch is unknown."""
    return fixed(100, modern, training__off_policy__evicted_samples=24.0)(seed)


def all_cut(seed: int) -> list[StepMetrics]:
    """Every answer is cut at the limit from the first step on; so none scores, and there is no gradient."""
    return fixed(
        0,
        Shape().rows,
        response_length__mean=256.0,
        response_length__clip_ratio=1.0,
        critic__score__mean=0.0,
        critic__score__max=0.0,
        critic__rewards__mean=0.0,
        critic__advantages__max=0.0,
        critic__advantages__min=0.0,
        actor__grad_norm=0.0,
    )(seed)


def several_arms(seed: int) -> list[StepMetrics]:
    """Eight trainings of twelve steps in one job, of which each scores the same for every answer."""
    same = {"critic/score/mean": 0.1, "critic/advantages/max": 0.0, "critic/advantages/min": 0.0}
    arms = [changed(Shape(steps=12).rows(seed + arm), 0, lambda _: same) for arm in range(8)]
    return [replace(row, at=row.at + 1e5 * arm) for arm, rows in enumerate(arms) for row in rows]


def entropy_runs_away(seed: int) -> list[StepMetrics]:
    return changed(modern(seed), 100, lambda row: {"actor/entropy": 0.15 + 0.045 * (row.step - 100)})


def shrinking(seed: int) -> list[StepMetrics]:
    """Answers lose a tenth of their tokens each step, and what they earned."""

    def change(row: StepMetrics) -> dict[str, float]:
        length = max(160.0 * 0.9 ** (row.step - 100), 2.0)
        return {"response_length/mean": length, "critic/rewards/mean": 0.01, "critic/score/mean": 0.01}

    return changed(Shape().rows(seed), 100, change)


def value_loss_grows(seed: int) -> list[StepMetrics]:
    """A critic of an old verl, which logs no explained variance, beside returns between 0 and 1."""
    returns = {"critic/returns/min": 0.0, "critic/returns/max": 1.0}
    growing = changed(
        Shape().rows(seed), 100, lambda row: {"critic/vf_loss": min(0.05 * 1.15 ** (row.step - 101), 9.0)}
    )
    return changed(growing, 0, lambda _: returns)


SICK: Mapping[str, tuple[str, Callable[[int], list[StepMetrics]], int]] = {
    "NaN for good": ("not-a-number", lost(120), 120),
    "NaN from the first step": ("not-a-number", lost(0), 0),
    "reward lost": ("reward-collapse", collapsed, 150),
    "tools never called": ("silent-tools", without_tools, 0),
    "tools forgotten": ("silent-tools", tools_forgotten, 150),
    "a learning rate of 0": ("gradient-vanished", fixed(120, Shape().rows, actor__grad_norm=0.0), 120),
    "updates too large": ("kl-blow-up", run_away, 120),
    "tools dropped, told by turns": ("silent-tools", fixed(150, modern, num_turns__mean=2.0), 150),
    "a gap of probabilities from the start": ("rollout-mismatch", fixed(0, modern, **MISMATCH), 0),
    "a gap of probabilities that grows": (
        "rollout-mismatch",
        faded(100, "training/rollout_probs_diff_mean", 0.004, 0.0009),
        100,
    ),
    "a gap of the two policies": ("rollout-mismatch", faded(100, "rollout_corr/kl", 0.0, 0.01), 100),
    "importance weights that degenerate": (
        "rollout-mismatch",
        faded(100, "rollout_corr/rollout_is_eff_sample_size", 0.9, -0.03, 0.02),
        100,
    ),
    "tokens that rejection sampling leaves out": (
        "rollout-mismatch",
        faded(100, "rollout_corr/rollout_rs_masked_fraction", 0.02, 0.03, 0.95),
        100,
    ),
    "a learning rate that falls to 0": ("zero-learning-rate", fixed(100, modern, actor__lr=0.0), 100),
    "stale samples": ("stale-samples", stale, 100),
    "answers of old weights": (
        "stale-samples",
        fixed(100, asynchronous, training__off_policy__trajectory_staleness__mean=5.0),
        100,
    ),
    "evictions": ("stale-samples", evicting, 100),
    "evictions of groups": ("stale-samples", evicting_groups, 100),
    "entropy that rises": ("entropy-rise", entropy_runs_away, 100),
    "responses that shrink to nothing": ("length-collapse", shrinking, 100),
    "aborted responses": ("aborted-responses", faded(100, "response/aborted_ratio", 0.0, 0.02, 0.6), 100),
    "rollouts that fail": ("lost-rollouts", fixed(100, modern, log__failed_rollouts=4.0, log__padded_share=0.12), 100),
    "batches that do not divide": ("lost-rollouts", fixed(0, modern, log__padded_share=0.5), 0),
    "all cut from the first step": ("truncation", all_cut, 0),
    "a critic that diverges": ("critic-diverges", faded(100, "critic/vf_explained_var", 0.5, -0.05, -6.0), 100),
    "a critic that diverges, told by its loss": ("critic-diverges", value_loss_grows, 100),
    "a gradient always clipped": ("gradient-clipped", faded(100, "actor/grad_norm", 15.0, 5.0, 300.0), 100),
    "no variance": ("no-variance", no_difference, 120),
    "no variance over several arms": ("no-variance", several_arms, 0),
    "memory that grows": ("memory-growth", faded(100, "actor/perf/cpu_memory_used_gb", 205.0, 2.5), 100),
    "steps that take longer": ("slow-steps", faded(100, "timing_s/step", 57.0, 2.5), 100),
}
"""What is to be found, how such a run is made, and at which row it falls ill."""

SIMULATED = {name: partial(simulated, scenario) for scenario, name in EXPECTED.items()}
SICK_BY_DETECTOR: Mapping[str, Sequence[Callable[[int], list[StepMetrics]]]] = {
    name: [
        *(rows for detector, rows, _ in SICK.values() if detector == name),
        *([SIMULATED[name]] if name in SIMULATED else []),
    ]
    for name in sorted({*SIMULATED, *(detector for detector, _, _ in SICK.values())})
}
"""The runs of both tables in which a detector finds something, by its name."""


@dataclass(frozen=True, slots=True)
class Said:
    """A finding as it was said."""

    step: int
    finding: Finding


def streamed(
    rows: list[StepMetrics], rules: HealthRules | None = None, framework: Framework = FRAMEWORK
) -> Iterator[HealthState]:
    """The watch after each row, as a bot has it that reads along."""
    watch, rules = HealthState(), rules or HealthRules()
    for end in range(1, len(rows) + 1):
        watch = judge(rows[max(0, end - KEPT) : end], watch, rules, framework=framework)
        yield watch


def said(rows: list[StepMetrics], rules: HealthRules | None = None, framework: Framework = FRAMEWORK) -> list[Said]:
    """Everything that is said while the run goes on."""
    found: list[Said] = []
    before: tuple[Finding, ...] = ()
    for watch in streamed(rows, rules, framework):
        found += [Said(watch.step or 0, finding) for finding in watch.open_findings if finding not in before]
        before = watch.open_findings
    return found


@cache
def said_of(scenario: str, seed: int) -> tuple[Said, ...]:
    return tuple(said(simulated(scenario, seed), GROUPED))
