"""Trainings as rows: healthy ones shaped after public logs of verl, and sick ones of every kind.

`simulated` takes the runs of rldoctor's simulator under the keys that verl would log them by. What verl does not log,
such as the share of groups without variance, is left out: a bot does not see it either.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from math import exp, inf, nan
from random import Random

from rl_doctor.simulate import simulate

from bot.core.frameworks import FRAMEWORK
from bot.core.model.finding import Finding, HealthRules
from bot.core.model.health_state import HealthState
from bot.core.model.metrics import StepMetrics
from bot.core.model.training_framework import Framework
from bot.core.rules.health.judge import judge

VERL_KEYS = {
    "reward": "critic/rewards/mean",
    "rewards/correctness/mean": "critic/score/mean",
    "entropy": "actor/entropy",
    "kl": "actor/kl_loss",
    "clip_ratio/region_mean": "actor/pg_clipfrac",
    "grad_norm": "actor/grad_norm",
    "completions/mean_length": "response_length/mean",
    "completions/clipped_ratio": "response_length/clip_ratio",
    "step_time": "timing_s/step",
    "eval/accuracy": "val-core/task/acc/mean@1",
}
"""rldoctor's records speak TRL; of the parts of a reward there is no word of verl's, so that they keep theirs."""

PARTS = ("rewards/correctness/mean", "rewards/format/mean")

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

GROUPED = HealthRules(group_size=8)
"""The rules where the recipe says how many answers a prompt gets, as rldoctor's simulator has it."""

KEPT = 512
BEGAN = 1_760_000_000.0


def simulated(scenario: str, seed: int, steps: int = 400) -> list[StepMetrics]:
    """A run of rldoctor's simulator, as verl would log it."""
    records, _ = simulate(scenario, n_steps=steps, seed=seed)
    top = 0.05 if scenario == "format_domination" else 1.0  # as the simulator scales what a right answer earns
    return [
        StepMetrics(
            record["step"] + 1,
            {VERL_KEYS[key]: value for key, value in record.items() if key in VERL_KEYS}
            | {key: record[key] for key in PARTS}
            | {"critic/score/min": 0.0, "critic/score/max": top},
            BEGAN + 41.0 * record["step"],
        )
        for record in records
    ]


@dataclass(frozen=True, slots=True)
class Shape:
    """A healthy run of PPO: how its numbers move, by the share of 435 steps that has passed.

    Attributes:
        first: the number of its first step; digits: how many decimals it prints.
    """

    steps: int = 300
    first: int = 1
    digits: int | None = None
    ceiling: float = 0.68
    entropy: tuple[float, float] = (0.5, 0.055)
    length: tuple[float, float] = (235.0, 150.0)
    cut: tuple[float, float] | None = (0.55, 0.06)
    tools: bool = False

    def rows(self, seed: int) -> list[StepMetrics]:
        random = Random(seed)
        return [StepMetrics(self.first + at, self._values(at, random), BEGAN + 57.0 * at) for at in range(self.steps)]

    def _values(self, at: int, random: Random) -> dict[str, float]:
        learned, early = 1 / (1 + exp(-(at - 35) / 7)), exp(-at / 60)
        score = self.ceiling * learned * (0.85 + 0.15 * min(at / 400, 1)) + random.gauss(0, 0.02)
        values = {
            "critic/score/mean": max(score, 0.0),
            "critic/rewards/mean": max(score - 0.03 * learned, 0.0) + 0.001,
            "critic/score/max": 1.0,
            "critic/score/min": 0.0,
            "actor/entropy": self.entropy[1] + (self.entropy[0] - self.entropy[1]) * early * random.uniform(0.9, 1.1),
            "actor/grad_norm": (8.0 if at == 0 else 42.0 if at == 43 else 2.0 + 2 * at / 400)
            * random.uniform(0.8, 1.3),
            "critic/grad_norm": 6.0 + 950.0 * exp(-at / 3) * random.uniform(0.5, 1.0),
            "critic/kl": 0.32 * (1 - exp(-at / 120)) * random.uniform(0.95, 1.05),
            "actor/ppo_kl": 0.0 if at == 0 else random.gauss(0, 0.001),
            "actor/pg_clipfrac": 0.004 * random.uniform(0.5, 1.5),
            "critic/vf_loss": 0.08 + 14 * exp(-at / 4),
            "response_length/mean": self.length[1] + (self.length[0] - self.length[1]) * early + random.gauss(0, 4),
            "response_length/max": 256.0,
            "timing_s/step": random.uniform(54, 60) + (56 if at % 10 == 9 else 0),
        }
        if self.cut:
            values["response_length/clip_ratio"] = self.cut[1] + (self.cut[0] - self.cut[1]) * early
        if self.tools:
            values |= {"num_turns/mean": 2 + 2 * learned, "tool_call_counts/mean": 0.05 + 1.4 * learned}
        if at % 10 == 9:
            values["val-core/openai/gsm8k/reward/mean@1"] = max(0.53 * learned + random.gauss(0, 0.013), 0.0)
            values["timing_s/testing"] = 56.0
        if self.digits is not None:
            return {key: round(value, self.digits) for key, value in values.items()}
        return values


def dapo(seed: int) -> list[StepMetrics]:
    """Scores of -1 and 1, no KL, responses that grow with what they earn."""
    random = Random(seed)

    def values(at: int) -> dict[str, float]:
        learned = 1 - exp(-at / 150)
        score = 2 * (0.1 + 0.5 * learned) - 1 + random.gauss(0, 0.05)
        told = {
            "critic/score/mean": score,
            "critic/rewards/mean": score,
            "critic/score/min": -1.0,
            "critic/score/max": 1.0,
            "critic/advantages/max": 1.8,
            "critic/advantages/min": -1.7,
            "actor/entropy": 0.9 * exp(-at / 200) + 0.15 + random.gauss(0, 0.02),
            "actor/grad_norm": 0.15 * exp(random.gauss(0, 0.3)),
            "response_length/mean": 900 + 8 * at + random.gauss(0, 60),
            "response_length/clip_ratio": 0.02 + abs(random.gauss(0, 0.01)),
        }
        validation = {"val-core/aime/acc/mean@32": 0.05 + 0.3 * learned + random.gauss(0, 0.02)}
        return told | validation if at % 20 == 0 else told

    return [StepMetrics(at + 1, values(at), BEGAN + 60.0 * at) for at in range(400)]


def reward_model(seed: int) -> list[StepMetrics]:
    """Scores without bounds, gradients that scatter, no validation."""
    random = Random(seed)

    def values(at: int) -> dict[str, float]:
        score = -3 + 4 * (1 - exp(-at / 120)) + random.gauss(0, 0.4)
        return {
            "critic/score/mean": score,
            "critic/rewards/mean": score - 0.1,
            "critic/score/min": score - 4,
            "critic/score/max": score + 4,
            "actor/entropy": 1.2 - 0.001 * at + random.gauss(0, 0.05),
            "actor/grad_norm": exp(random.gauss(0, 0.6)),
            "critic/kl": 0.01 * at**0.5 + abs(random.gauss(0, 0.01)),
            "response_length/mean": 200 + random.gauss(0, 20),
        }

    return [StepMetrics(at + 1, values(at), BEGAN + 60.0 * at) for at in range(400)]


def small(seed: int) -> list[StepMetrics]:
    """Thirty-two answers a step, a hundred questions a validation: all scatters that may."""
    random = Random(seed)

    def right(chance: float, of: int) -> float:
        return sum(random.random() < chance for _ in range(of)) / of

    def values(at: int) -> dict[str, float]:
        chance = 0.3 + 0.3 * (1 - exp(-at / 200))
        score = right(chance, 32)
        told = {
            "critic/score/mean": score,
            "critic/rewards/mean": score,
            "critic/score/min": 0.0,
            "critic/score/max": 1.0,
            "actor/entropy": 0.35 * exp(-at / 300) + abs(random.gauss(0, 0.05)),
            "actor/grad_norm": exp(random.gauss(-1, 0.8)),
            "actor/kl_loss": 0.001 * at**0.8 * exp(random.gauss(0, 0.5)),
            "response_length/mean": 500 + random.gauss(0, 80),
        }
        return told | {"val-core/x/acc/mean@1": right(chance - 0.02, 100)} if at % 10 == 9 else told

    return [StepMetrics(at + 1, values(at), BEGAN + 60.0 * at) for at in range(400)]


ALL_METRICS = "GRPO of rldoctor's simulator"

HEALTHY: Mapping[str, Callable[[int], list[StepMetrics]]] = {
    "PPO as in the public logs": Shape().rows,
    "an old version: from step 0, three decimals, no clip ratio": replace(Shape(), first=0, digits=3, cut=None).rows,
    "longer than what is kept": replace(Shape(), steps=900).rows,
    "tools that are learned": replace(Shape(), tools=True).rows,
    "reasoning that grows and pays": replace(Shape(), length=(400.0, 900.0), cut=(0.01, 0.02)).rows,
    "scores of -1 and 1, responses that grow": dapo,
    "a reward model": reward_model,
    "small batches and few questions": small,
    ALL_METRICS: lambda seed: simulated("healthy", seed),
    "the same over 1,000 steps": lambda seed: simulated("healthy", seed, 1000),
}


def changed(
    rows: list[StepMetrics], begin: int, change: Callable[[StepMetrics], Mapping[str, float]]
) -> list[StepMetrics]:
    """The rows, and from the one of that number on what the change says."""
    return [row if at < begin else replace(row, values={**row.values, **change(row)}) for at, row in enumerate(rows)]


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


SICK: Mapping[str, tuple[str, Callable[[int], list[StepMetrics]], int]] = {
    "NaN for good": ("not-a-number", lost(120), 120),
    "NaN from the first step": ("not-a-number", lost(0), 0),
    "reward lost": ("reward-collapse", collapsed, 150),
    "tools never called": ("silent-tools", without_tools, 0),
    "tools forgotten": ("silent-tools", tools_forgotten, 150),
    "no difference in any group": ("gradient-vanished", no_difference, 120),
    "updates too large": ("kl-blow-up", run_away, 120),
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

HEALTHY_BY_DETECTOR: Mapping[str, str] = {
    "not-a-number": ALL_METRICS,
    "reward-collapse": ALL_METRICS,
    "kl-blow-up": ALL_METRICS,
    "entropy-collapse": ALL_METRICS,
    "clip-saturation": ALL_METRICS,
    "gradient-spikes": ALL_METRICS,
    "gradient-vanished": ALL_METRICS,
    "saturated-groups": ALL_METRICS,
    "hopeless-groups": ALL_METRICS,
    "reward-parts": ALL_METRICS,
    "validation-falls": ALL_METRICS,
    "length-growth": ALL_METRICS,
    "truncation": ALL_METRICS,
    "silent-tools": "tools that are learned",
    "plateau": ALL_METRICS,
}
"""The healthy run that has what a detector measures, and of which it says nothing, by the detector's name."""


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
