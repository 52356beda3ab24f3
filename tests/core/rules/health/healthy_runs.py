"""Healthy trainings as rows, shaped after public logs of verl, and those of rldoctor's simulator.

`simulated` takes the runs of rldoctor's simulator under the keys that verl would log them by. What verl does not log,
such as the share of groups without variance, is left out: a bot does not see it either.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import exp
from random import Random

from rl_doctor.simulate import simulate

from bot.core.model.finding import HealthRules
from bot.core.model.metrics import StepMetrics

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

GROUPED = HealthRules(group_size=8)
"""The rules where the recipe says how many answers a prompt gets, as rldoctor's simulator has it."""

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


def modern(seed: int) -> list[StepMetrics]:
    """verl 0.9 with all its numbers: a small gap of rollout and training, fresh samples, memory that fills caches, and
    now and then a rollout that fails."""
    random, failing, scattering = Random(seed + 1000), Random(seed + 3000), Random(seed + 4000)

    def values(at: int) -> dict[str, float]:
        return {
            "training/rollout_probs_diff_valid": 1.0,
            "training/rollout_probs_diff_mean": 0.003 * random.uniform(0.7, 1.4),
            "training/rollout_actor_probs_pearson_corr": 0.997 - 0.002 * random.random(),
            "rollout_corr/kl": random.gauss(0.0005, 0.0005),
            "rollout_corr/rollout_rs_masked_fraction": 0.01 + at % 7 * 0.004,
            "actor/lr": 1e-6,
            "critic/vf_explained_var": 0.5 - 0.5 * exp(-at / 40) - 8.0 * exp(-at / 5) + scattering.gauss(0, 0.1),
            "rollout_corr/chi2_token": random.gauss(0.002, 0.002),
            "response/aborted_ratio": max(random.gauss(0.0, 0.003), 0.0),
            "actor/perf/cpu_memory_used_gb": 180.0 + 25.0 * (1 - exp(-at / 12)) + random.gauss(0, 1.5) + at % 20 * 0.3,
            **({"log/failed_rollouts": 1.0} if at == 30 or failing.random() < 0.01 else {}),
        }

    return changed(replace(Shape(), tools=True).rows(seed), 0, lambda row: values(row.step))


def asynchronous(seed: int) -> list[StepMetrics]:
    """The fully asynchronous trainer: half of the samples are one version old, hardly any are dropped."""
    random, counts = Random(seed + 2000), {"generated": 0.0, "dropped": 0.0, "stale": 0.0}

    def values(row: StepMetrics) -> dict[str, float]:
        counts["generated"] += 512
        counts["dropped"] += random.random() < 0.1
        counts["stale"] += random.randint(150, 300)
        return {
            "fully_async/count/total_generated_samples": counts["generated"],
            "fully_async/count/dropped_stale_samples": counts["dropped"],
            "fully_async/count/stale_trajectory_processed": counts["stale"],
            "fully_async/count/staleness_samples": float(random.randint(20, 180)),
            "fully_async/static/required_samples": 512.0,
            "training/off_policy/trajectory_staleness/mean": random.uniform(0.3, 0.9),
            "rollout_corr/rollout_is_eff_sample_size": random.uniform(0.85, 0.99),
            "rollout_corr/rollout_is_mean": random.uniform(0.97, 1.0),
        }

    return changed(dapo(seed), 0, values)


def changed(
    rows: list[StepMetrics], begin: int, change: Callable[[StepMetrics], Mapping[str, float]]
) -> list[StepMetrics]:
    """The rows, and from the one of that number on what the change says."""
    return [row if at < begin else replace(row, values={**row.values, **change(row)}) for at, row in enumerate(rows)]


ALL_METRICS = "GRPO of rldoctor's simulator"
MODERN, ASYNCHRONOUS = "verl 0.9 with all its numbers", "the fully asynchronous trainer"
DAPO = "scores of -1 and 1, responses that grow"

HEALTHY: Mapping[str, Callable[[int], list[StepMetrics]]] = {
    "PPO as in the public logs": Shape().rows,
    "an old version: from step 0, three decimals, no clip ratio": replace(Shape(), first=0, digits=3, cut=None).rows,
    "longer than what is kept": replace(Shape(), steps=900).rows,
    "tools that are learned": replace(Shape(), tools=True).rows,
    "reasoning that grows and pays": replace(Shape(), length=(400.0, 900.0), cut=(0.01, 0.02)).rows,
    DAPO: dapo,
    "a reward model": reward_model,
    "small batches and few questions": small,
    MODERN: modern,
    ASYNCHRONOUS: asynchronous,
    ALL_METRICS: lambda seed: simulated("healthy", seed),
    "the same over 1,000 steps": lambda seed: simulated("healthy", seed, 1000),
}

HEALTHY_BY_DETECTOR: Mapping[str, str] = {
    "not-a-number": ALL_METRICS,
    "reward-collapse": ALL_METRICS,
    "kl-blow-up": ALL_METRICS,
    "entropy-collapse": ALL_METRICS,
    "clip-saturation": ALL_METRICS,
    "gradient-spikes": ALL_METRICS,
    "critic-diverges": MODERN,
    "gradient-clipped": ALL_METRICS,
    "gradient-vanished": ALL_METRICS,
    "zero-learning-rate": MODERN,
    "saturated-groups": ALL_METRICS,
    "hopeless-groups": ALL_METRICS,
    "reward-parts": ALL_METRICS,
    "validation-falls": ALL_METRICS,
    "length-growth": ALL_METRICS,
    "truncation": ALL_METRICS,
    "silent-tools": "tools that are learned",
    "plateau": ALL_METRICS,
    "entropy-rise": ALL_METRICS,
    "length-collapse": ALL_METRICS,
    "no-variance": DAPO,
    "rollout-mismatch": MODERN,
    "stale-samples": ASYNCHRONOUS,
    "aborted-responses": MODERN,
    "lost-rollouts": MODERN,
    "memory-growth": MODERN,
    "slow-steps": ALL_METRICS,
}
"""The healthy run that has what a detector measures, and of which it says nothing, by the detector's name."""
