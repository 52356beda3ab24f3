"""Metrics by the words that people use for them, or by verl's own keys."""

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
"""The keys of each word, newest first."""

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
"""What each is called in a chart."""

Series = tuple[tuple[int, float], ...]
"""Step and value."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a run over its steps.

    Attributes:
        word: what people call it, or verl's key.
        name: what it is called in a chart: a phrase, or verl's key.
    """

    word: str
    name: str
    series: Series

    @property
    def is_sparse(self) -> bool:
        """Whether it is measured now and then only."""
        return self.word == VAL or self.word.startswith(VALIDATION)


def is_metric(word: str) -> bool:
    """Whether a word names a metric and no run.

    >>> is_metric("KL"), is_metric("critic/rewards/mean"), is_metric("ppo-7f3a")
    (True, True, False)
    """
    return word.lower() in NAMES or "/" in word


def known(history: History) -> dict[str, str]:
    """The words for which the run has numbers, each with the key that they stand under."""
    keys = history.keys
    found = {word: next((key for key in names if key in keys), None) for word, names in KEYS.items()}
    validations = [key for beginning in VALIDATION for key in keys if key.startswith(beginning)]
    found[VAL] = next(iter(validations), None)
    return {word: key for word, key in found.items() if key}


def told(word: str, history: History) -> Metric | None:
    """The metric of this word or key; None where the run has told none that is a number."""
    words, keys = known(history), {key.lower(): key for key in history.keys}
    if (key := words.get(word.lower())) and (series := history.series(key)):
        return Metric(word.lower(), NAMES[word.lower()], series)
    if (key := keys.get(word.lower())) and (series := history.series(key)):
        return Metric(key, key, series)
    return None


def metric(word: str, history: History, run_id: str) -> Metric:
    """The metric of this word or key.

    Raises:
        UserError: the run has none; the hint names those that it has.
    """
    if found := told(word, history):
        return found
    raise unknown("metric", word, [*known(history), *history.keys], of=run_id)


def reward_of(history: History) -> Metric | None:
    """What the run is judged by: the reward, or else the score, or else the validation."""
    return next((found for word in ("reward", "score", VAL) if (found := told(word, history))), None)


def validations(history: History) -> Series:
    found = told(VAL, history)
    return found.series if found else ()
