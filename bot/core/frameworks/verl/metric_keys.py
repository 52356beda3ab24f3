"""The keys that verl has given each metric, newest first (verl 0.1 to 0.9)."""

from bot.core.model.metrics import MetricWord
from bot.core.model.training_framework import MetricKeys

REWARD = ("critic/rewards/mean",)
SCORE = ("critic/score/mean",)
KL = ("actor/kl_loss", "actor/ppo_kl", "actor/reward_kl_penalty", "critic/kl")
ENTROPY = ("actor/entropy", "actor/entropy_loss")
GRADIENT = ("actor/grad_norm",)
LENGTH = ("response_length/mean",)
CUT = ("response_length/clip_ratio",)
ABORTED = ("response/aborted_ratio",)
TURNS = ("num_turns/mean",)
TOOLS = ("tool_call_counts/mean",)
SECONDS = ("timing_s/step", "perf/time_per_step")
THROUGHPUT = ("perf/throughput",)

VALIDATION_METRICS = ("val-core/", "val/test_score/")
"""Beginnings of the keys of validation metrics, newest first."""

VALIDATION_PREFIXES = ("val-", "val/")
"""Beginnings of all keys of a validation; verl's SFT trainer has `val/loss`."""

VERL_KEYS = MetricKeys(
    by_word={
        MetricWord.REWARD: REWARD,
        MetricWord.SCORE: SCORE,
        MetricWord.KL: KL,
        MetricWord.ENTROPY: ENTROPY,
        MetricWord.GRADIENT: GRADIENT,
        MetricWord.LENGTH: LENGTH,
        MetricWord.CUT: CUT,
        MetricWord.ABORTED: ABORTED,
        MetricWord.TURNS: TURNS,
        MetricWord.TOOLS: TOOLS,
        MetricWord.SECONDS: SECONDS,
        MetricWord.THROUGHPUT: THROUGHPUT,
    },
    validation=VALIDATION_METRICS,
    validation_rows=VALIDATION_PREFIXES,
    step_part="timing/",  # old versions report only the time of the parts
    validation_seconds=("timing_s/testing", "timing/testing"),
    checkpoint_seconds=("timing_s/save_checkpoint", "timing/save_checkpoint"),
)
"""
>>> from bot.core.model.metrics import StepMetrics
>>> [VERL_KEYS.rank(key) for key in ("actor/grad_norm", "actor/lr", "val-core/a", "val-aux/a")]
[0, 1, 2, 3]
>>> (VERL_KEYS.find_seconds(StepMetrics(1, {"timing_s/step": 60.0})),
...  VERL_KEYS.find_seconds(StepMetrics(1, {"timing/gen": 20.0, "timing/ref": 5.0})))
(60.0, 25.0)
>>> [VERL_KEYS.find_seconds(StepMetrics(1, {"timing_s/step": seconds})) for seconds in (-1.0, 1e300)]
[None, 31622400.0]
"""
