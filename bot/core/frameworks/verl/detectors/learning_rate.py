"""Detector of a learning rate of 0: steps cost money and change nothing."""

from bot.core.model.finding import Severity
from bot.core.model.measurement import Measurement, RowWindow
from bot.core.model.metrics import StepMetrics
from bot.phrase import N_, Phrase, plural_phrase

LEARNING_RATE = ("actor/lr", "train/lr")

ZERO_RATE_ADVICE = N_(
    "Check `actor_rollout_ref.actor.optim.lr` and its schedule: `actor_rollout_ref.actor.optim.lr_warmup_steps`, "
    "`actor_rollout_ref.actor.optim.lr_warmup_steps_ratio` and `actor_rollout_ref.actor.optim.total_training_steps`."
)

ROUNDED_DIGITS = 6
"""Maximum digits after the point in rounded logs, such as three in verl 0.1: usual learning rates are 0 there."""


def detect_zero_learning_rate(window: RowWindow) -> Measurement | None:
    """Measure for how many steps in a row the learning rate is exactly 0; unknown in logs that round it away."""
    if window.newest.find_first(LEARNING_RATE) is None or is_rounded(window.newest):
        return None
    rates = [row.find_first(LEARNING_RATE) for row in reversed(window.rows)]
    steps = next((count for count, rate in enumerate(rates) if rate != 0), len(rates))
    level = steps / window.rules.zero_rate_steps
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.WARNING,
        Phrase("The learning rate is 0: steps cost money and change nothing."),
        plural_phrase("It is 0 in the last step.", "It has been 0 for {count} steps in a row.", steps),
        Phrase(ZERO_RATE_ADVICE),
        explains=("gradient-vanished", "plateau"),
    )


def is_rounded(row: StepMetrics) -> bool:
    """Return whether no value of a row has more than `ROUNDED_DIGITS` digits after the point.

    >>> is_rounded(StepMetrics(3, {"actor/lr": 0.0, "a": 0.412})), is_rounded(StepMetrics(3, {"a": 0.41271934}))
    (True, False)
    """
    return all(round(value, ROUNDED_DIGITS) == value for value in row.values.values() if value == value)
