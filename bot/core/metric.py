"""Metrics, by the words that people use for them or by verl's own keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.core.history import History
from bot.core.nearest import unknown
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
    VALIDATION,
)
from bot.language import mark

VAL = "val"
"""The word for the validation, which has keys of many names."""

KEYS: Mapping[str, Sequence[str]] = {
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

NAMES = {
    "reward": mark("reward"),
    "score": mark("score"),
    VAL: mark("validation"),
    "kl": mark("KL"),
    "entropy": mark("entropy"),
    "grad": mark("gradient norm"),
    "length": mark("response length"),
    "cut": mark("share of cut responses"),
    "aborted": mark("share of aborted responses"),
    "turns": mark("turns"),
    "tools": mark("tool calls"),
    "seconds": mark("seconds a step"),
    "throughput": mark("tokens a second and GPU"),
}
"""The name of each word in a chart."""

Series = tuple[tuple[int, float], ...]
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
    series: Series

    @property
    def is_sparse(self) -> bool:
        """Return whether it is measured only now and then."""
        return self.word == VAL or self.word.startswith(VALIDATION)


def is_metric(word: str) -> bool:
    """Return whether a word names a metric and not a run.

    >>> is_metric("KL"), is_metric("critic/rewards/mean"), is_metric("ppo-7f3a")
    (True, True, False)
    """
    return word.lower() in NAMES or "/" in word


def known(history: History) -> dict[str, str]:
    """Return the words for which the run has numbers, each with verl's key."""
    keys = history.keys
    found = {word: next((key for key in names if key in keys), None) for word, names in KEYS.items()}
    validations = [key for beginning in VALIDATION for key in keys if key.startswith(beginning)]
    # Of the validations, the first key of the newest kind represents all.
    found[VAL] = next(iter(validations), None)
    return {word: key for word, key in found.items() if key}


def told(word: str, history: History) -> Metric | None:
    """Return the metric of this word or key; None where the run has no finite number of it."""
    words, keys = known(history), {key.lower(): key for key in history.keys}
    if (key := words.get(word.lower())) and (series := history.series(key)):
        return Metric(word.lower(), NAMES[word.lower()], series)
    if (key := keys.get(word.lower())) and (series := history.series(key)):
        return Metric(key, key, series)
    return None


def metric(word: str, history: History, run_id: str) -> Metric:
    """Return the metric of this word or key.

    Raises:
        UserError: the run has none; the hint names those that it has.
    """
    if found := told(word, history):
        return found
    raise unknown("metric", word, [*known(history), *history.keys], of=run_id)


def reward_of(history: History) -> Metric | None:
    """Return the metric by which the run is judged: the reward, or else the score, or else the validation."""
    return next((found for word in ("reward", "score", VAL) if (found := told(word, history))), None)


def validations(history: History) -> Series:
    """Return the steps and values of the validation; empty where there is none."""
    found = told(VAL, history)
    return found.series if found else ()
