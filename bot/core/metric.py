"""Metrics, by the words that people use for them or by verl's own keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.core.history import MetricsHistory
from bot.core.nearest import unknown_name_error
from bot.core.row import (
    ABORTED,
    CUT,
    ENTROPY,
    GRADIENT,
    KL,
    LENGTH,
    REWARD,
    SCORE,
    SECONDS,
    THROUGHPUT,
    TOOLS,
    TURNS,
    VALIDATION_METRICS,
)
from bot.language import N_

VALIDATION_WORD = "val"
"""The word for the validation, which has keys of many names."""

KEYS_BY_WORD: Mapping[str, Sequence[str]] = {
    "reward": REWARD,
    "score": SCORE,
    "kl": KL,
    "entropy": ENTROPY,
    "grad": GRADIENT,
    "length": LENGTH,
    "cut": CUT,
    "aborted": ABORTED,
    "turns": TURNS,
    "tools": TOOLS,
    "seconds": SECONDS,
    "throughput": THROUGHPUT,
}
"""verl's keys of each word, newest first."""

DISPLAY_NAMES = {
    "reward": N_("reward"),
    "score": N_("score"),
    VALIDATION_WORD: N_("validation"),
    "kl": N_("KL"),
    "entropy": N_("entropy"),
    "grad": N_("gradient norm"),
    "length": N_("response length"),
    "cut": N_("share of cut responses"),
    "aborted": N_("share of aborted responses"),
    "turns": N_("turns"),
    "tools": N_("tool calls"),
    "seconds": N_("seconds a step"),
    "throughput": N_("tokens a second and GPU"),
}
"""The name of each word in a chart."""

MetricSeries = tuple[tuple[int, float], ...]
"""Steps and values."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of a run over its steps.

    Attributes:
        word: the word that people use for it, or verl's key.
        name: its name in a chart: a phrase, or verl's key.
        series: its steps and values.
    """

    word: str
    name: str
    series: MetricSeries

    @property
    def is_sparse(self) -> bool:
        """Return whether it is measured only now and then."""
        return self.word == VALIDATION_WORD or self.word.startswith(VALIDATION_METRICS)


def is_metric_word(word: str) -> bool:
    """Return whether a word names a metric and not a run.

    >>> is_metric_word("KL"), is_metric_word("critic/rewards/mean"), is_metric_word("ppo-7f3a")
    (True, True, False)
    """
    return word.lower() in DISPLAY_NAMES or "/" in word


def find_available_metrics(history: MetricsHistory) -> dict[str, str]:
    """Return the words for which the run has numbers, each with verl's key."""
    keys = history.keys
    keys_by_word = {word: next((key for key in names if key in keys), None) for word, names in KEYS_BY_WORD.items()}
    validations = [key for beginning in VALIDATION_METRICS for key in keys if key.startswith(beginning)]
    # Of the validations, the first key of the newest kind represents all.
    keys_by_word[VALIDATION_WORD] = next(iter(validations), None)
    return {word: key for word, key in keys_by_word.items() if key}


def find_metric(word: str, history: MetricsHistory) -> Metric | None:
    """Return the metric of this word or key; None where the run has no finite number of it."""
    words, keys = find_available_metrics(history), {key.lower(): key for key in history.keys}
    if (key := words.get(word.lower())) and (series := history.get_series(key)):
        return Metric(word.lower(), DISPLAY_NAMES[word.lower()], series)
    if (key := keys.get(word.lower())) and (series := history.get_series(key)):
        return Metric(key, key, series)
    return None


def get_metric(word: str, history: MetricsHistory, run_id: str) -> Metric:
    """Return the metric of this word or key.

    Raises:
        UserError: the run has none; the hint names those that it has.
    """
    if match := find_metric(word, history):
        return match
    raise unknown_name_error("metric", word, [*find_available_metrics(history), *history.keys], owner=run_id)


def choose_reward(history: MetricsHistory) -> Metric | None:
    """Return the metric by which the run is judged: the reward, or else the score, or else the validation."""
    return next(
        (candidate for word in ("reward", "score", VALIDATION_WORD) if (candidate := find_metric(word, history))), None
    )


def get_validation_series(history: MetricsHistory) -> MetricSeries:
    """Return the steps and values of the validation; empty where there is none."""
    validation = find_metric(VALIDATION_WORD, history)
    return validation.series if validation else ()
