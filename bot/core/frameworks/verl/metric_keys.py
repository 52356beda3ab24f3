"""The keys that verl and its forks have given each metric, newest first (verl 0.1 to 0.10)."""

import re
from collections.abc import Iterable
from functools import lru_cache

from bot.core.model.metrics import MetricWord, StepPart
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
LOSS = ("train/loss",)
VALIDATION_LOSS = ("val/loss",)
SECONDS = ("timing_s/step", "perf/time_per_step", "train/time(s)")
THROUGHPUT = ("perf/throughput",)
MFU = ("perf/mfu/actor", "perf/mfu", "train/mfu")
HOST_MEMORY = ("perf/cpu_memory_used_gb",)
GPU_MEMORY = ("perf/max_memory_reserved_gb", "perf/max_memory_allocated_gb")

FAILED_ROLLOUTS = ("log/failed_rollouts",)
PADDED_SHARE = ("log/padded_share",)
"""What verl 0.9 reports in lines of its log and in no metric: how many rollouts of a step raised an error, and which
share of the samples of its batch verl made up, to fill the places that were left."""

TIME_PARTS = {
    StepPart.GENERATION: ("gen", "gen_max"),
    StepPart.REWARD: ("reward", "adv"),
    StepPart.LOG_PROBS: ("old_log_prob", "ref", "values"),
    StepPart.UPDATE: ("update_actor", "update_critic"),
    StepPart.WEIGHT_SYNC: ("update_weights", "param_sync", "sync_rollout_weights"),
    StepPart.VALIDATION: ("testing",),
    StepPart.CHECKPOINT: ("save_checkpoint",),
    StepPart.OTHER: (),
}
"""What verl calls the parts of a step, after `timing_s/`; parts within parts are left out (verl 0.2 to 0.10)."""

STEP_PARTS = tuple(name for names in TIME_PARTS.values() for name in names)
"""Parts of a step as verl times them, without those within another (verl/trainer/ppo/ray_trainer.py, 0.1 to 0.10)."""

VALIDATION_PREFIXES = ("val-", "val/")
"""Beginnings of all keys of a validation; verl's SFT trainer has `val/loss`."""

SIDE_PREFIXES = ("fully_async/rollouter/", "rollouter/")
"""Beginnings of keys that the fully asynchronous trainer logs on lines of their own, before the line of the step and
with a validation (verl 0.7 to 0.10)."""

FAMILIES = frozenset(
    {
        *("actor", "critic", "reward", "rewards", "response", "response_length", "prompt", "prompt_length"),
        *("timing", "timing_s", "timing_per_token_ms", "perf", "global_seqlen", "training", "train", "batch"),
        *("num_turns", "tool_call_counts", "fully_async", "rollouter", "rollout", "rollout_corr", "rollout_is"),
        *("off_policy", "staleness", "sampling", "ref", "kl", "tis", "mismatch", "episode", "env", "traj", "agent"),
        *("mtp", "distillation", "val-core", "val-aux", "val"),
    }
)
"""First words of the keys of verl and its forks, by which a line is known for a step's."""

OWN_LINE_FAMILIES = frozenset(("timing", "timing_s", "fully_async", "rollouter", "perf", "training"))
"""First words of keys that verl logs on lines of their own too, a few at a time; none of them tells how a training
goes."""


def count_family_keys(keys: Iterable[str]) -> int:
    """Return how many keys are of a family that verl or a fork has.

    >>> count_family_keys(["actor/lr", "critic/score/mean", "answer", "so/it"])
    2
    """
    return sum("/" in key and key.partition("/")[0] in FAMILIES for key in keys)


def is_own_line(keys: Iterable[str]) -> bool:
    """Return whether verl logs keys such as these on a line of their own, beside the step's."""
    return all("/" in key and key.partition("/")[0] in OWN_LINE_FAMILIES for key in keys)


CORE_PREFIX = "val-core/"
"""Beginning of the keys that verl itself holds to be a validation's result, since verl 0.3."""

RESULT_WORDS = ("acc", "accuracy", "success_rate", "test_score", "reward", "score", "reward_score", "overall_reward")
"""Parts of a key that name what a validation measures, the most telling first: verl's own, verl-agent's, EasyR1's."""

RESULT_ENDINGS = ("_success_rate", "_accuracy", "_acc", "_score", "_reward")
"""Endings of such parts where a task has given them a name of its own."""

ANSWERS_STATISTIC = re.compile(r"(mean|avg|pass|maj|best|worst)@(\d{1,9})", re.IGNORECASE)
"""Matches a part that says how a number was made of several answers to each prompt."""

STATISTICS = ("mean", "maj", "pass", "best", "worst")
"""How a number may be made of several answers, the most sober first: the best of 32 flatters, and the worst hides."""

PLAIN_PARTS = ("mean", "avg")
"""Parts of a key that say nothing beside the result."""

ValidationRank = tuple[int, int, int, str, int, str]
"""What orders the results of one validation: kind, word, statistic, data source, answers, key."""


@lru_cache(maxsize=4096)
def rank_validation(key: str) -> ValidationRank | None:
    """Return the rank of a key among the results of a validation; None where it is no result. The lowest rank is shown.

    A mean over the answers comes before a majority, the best and the worst of them; verl's own choice of results
    before older names; of several data sources the first in alphabetical order; of several means the one over the most
    answers. Spreads, losses and counts are no results.

    >>> keys = ["val-core/aime/acc/best@32/mean", "val-core/aime/acc/mean@32", "val-core/math/acc/mean@32"]
    >>> min(keys, key=rank_validation), rank_validation("val-core/aime/acc/best@32/std")
    ('val-core/aime/acc/mean@32', None)
    >>> min(["val/text/test_score", "val/success_rate"], key=rank_validation), rank_validation("val/loss")
    ('val/success_rate', None)
    """
    if not key.startswith((CORE_PREFIX, "val/")) or key.endswith(("/std", "/loss")):
        return None
    is_core = key.startswith(CORE_PREFIX)
    parts = key.split("/")[1:]
    word = min(map(rank_result_word, parts))
    if not is_core and word > len(RESULT_WORDS):
        return None
    statistic, answers = rank_statistic(parts)
    return (0 if is_core else 1, word, statistic, find_validation_source(key), -answers, key)


def rank_result_word(part: str) -> int:
    """Return how well a part of a key names a result; more than the number of result words where it names none.

    >>> rank_result_word("acc"), rank_result_word("test_score"), rank_result_word("webshop_task_score")
    (0, 3, 8)
    """
    # verl-agent adds to one name which other metric it is not.
    name = part.partition(" ")[0]
    if name in RESULT_WORDS:
        return RESULT_WORDS.index(name)
    return len(RESULT_WORDS) + (not name.endswith(RESULT_ENDINGS))


def rank_statistic(parts: list[str]) -> tuple[int, int]:
    """Return the rank of how a number was made of several answers, and of how many.

    >>> rank_statistic(["acc", "mean@32"]), rank_statistic(["acc"]), rank_statistic(["pass@1"])
    ((0, 32), (0, 1), (0, 1))
    >>> rank_statistic(["acc", "maj@32", "mean"]) < rank_statistic(["acc", "best@32", "mean"])
    True
    """
    matches = (ANSWERS_STATISTIC.fullmatch(part) for part in parts)
    match = next(filter(None, matches), None)
    if match is None:
        return 0, 1
    name, answers = match[1].lower(), int(match[2])
    if name in PLAIN_PARTS or answers == 1:  # of a single answer, each statistic is the mean
        return 0, answers
    return STATISTICS.index(name), answers


def find_validation_source(key: str) -> str:
    """Return the data source of a result, by its own name; empty where the key names none.

    >>> (find_validation_source("val-core/openai/gsm8k/acc/mean@32"), find_validation_source("val/text/test_score"),
    ...  find_validation_source("val/test_score/openai/gsm8k"), find_validation_source("val/success_rate"))
    ('openai/gsm8k', 'text', 'openai/gsm8k', '')
    """
    parts = key.split("/")[1:]
    named = [
        part
        for part in parts
        if rank_result_word(part) > len(RESULT_WORDS)
        and not ANSWERS_STATISTIC.fullmatch(part)
        and part not in PLAIN_PARTS
    ]
    return "/".join(named)


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
        MetricWord.LOSS: LOSS,
        MetricWord.VALIDATION_LOSS: VALIDATION_LOSS,
        MetricWord.SECONDS: SECONDS,
        MetricWord.THROUGHPUT: THROUGHPUT,
        MetricWord.MFU: MFU,
        MetricWord.HOST_MEMORY: HOST_MEMORY,
        MetricWord.GPU_MEMORY: GPU_MEMORY,
    },
    time_parts={part: tuple(f"timing_s/{name}" for name in names) for part, names in TIME_PARTS.items()},
    validation_rows=VALIDATION_PREFIXES,
    rank_validation=rank_validation,
    find_validation_source=find_validation_source,
    side_rows=SIDE_PREFIXES,
    step_parts=tuple(f"{beginning}{part}" for beginning in ("timing_s/", "timing/") for part in STEP_PARTS),
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
