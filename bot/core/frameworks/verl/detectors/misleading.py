"""Metrics that do not mean what they seem to: shown as unknown, with the reason."""

from collections.abc import Mapping, Sequence
from itertools import islice
from math import isnan

from bot.core.frameworks.verl.detectors.policy_loss import REFERENCE_KL, UPDATE_KL
from bot.core.frameworks.verl.metric_keys import CUT, VERL_KEYS
from bot.core.model.metrics import StepMetrics
from bot.phrase import Phrase, Text

LONGEST_RESPONSE = "response_length/max"
INSPECTED_ROWS = 20
"""Number of rows that are inspected: enough to distinguish a bound from chance."""

MAX_UNRELIABLE_METRICS = 64
"""Maximum number of reported keys, because the run's record contains them."""


def find_unreliable_metrics(rows: Sequence[StepMetrics]) -> Mapping[str, Text]:
    """Return why the newest value of a metric says nothing, by key, a sentence each.

    Args:
        rows: oldest first.
    """
    recent = rows[-INSPECTED_ROWS:]
    if not recent:
        return {}
    reasons: dict[str, Text] = {
        **explain_clip_ratio(recent),
        **explain_zero_distance(recent),
        **explain_zero_mfu(recent[-1]),
        **explain_validation_padding(recent[-1]),
    }
    return dict(islice(reasons.items(), MAX_UNRELIABLE_METRICS))


def explain_clip_ratio(rows: Sequence[StepMetrics]) -> Mapping[str, Text]:
    """Return why the clip ratio says nothing, if something else cuts the responses.

    verl issue 7823: the ratio counts responses of full length, and `max_model_len` cuts them earlier.
    """
    bound = find_hidden_length_limit(rows)
    if bound is None:
        return {}
    return {
        CUT[0]: Phrase(
            "It is 0 although the longest response is {bound} tokens time and again: something else cuts them, such as"
            " `actor_rollout_ref.rollout.max_model_len`.",
            bound=f"{bound:.0f}",
        )
    }


def find_hidden_length_limit(rows: Sequence[StepMetrics]) -> float | None:
    """Return the length at which responses end although the clip ratio reports no cut; None if they do not.

    >>> rows = [StepMetrics(step, {"response_length/clip_ratio": 0.0, "response_length/max": 255.0})
    ...     for step in range(9)]
    >>> find_hidden_length_limit(rows), find_hidden_length_limit(rows[:2])
    (255.0, None)
    """
    recent = [row.values for row in rows[-INSPECTED_ROWS:] if CUT[0] in row.values and LONGEST_RESPONSE in row.values]
    longest = max((values[LONGEST_RESPONSE] for values in recent), default=0.0)
    longest_count = sum(values[LONGEST_RESPONSE] == longest for values in recent)
    none_cut = all(values[CUT[0]] == 0 for values in recent)
    return longest if none_cut and longest_count >= 5 and longest_count >= 0.8 * len(recent) else None


def explain_zero_mfu(row: StepMetrics) -> Mapping[str, Text]:
    """Return why an MFU of 0 says nothing."""
    keys = [key for key, value in row.values.items() if key.startswith("perf/mfu/") and value == 0]
    return {key: Phrase("It is 0.0 where verl does not know the peak speed of the GPU.") for key in keys}


def explain_zero_distance(rows: Sequence[StepMetrics]) -> Mapping[str, Text]:
    """Return why a distance of exactly 0 says nothing: it has not been measured."""
    reasons = {}
    for key in (*REFERENCE_KL, *UPDATE_KL):
        values = [row.values[key] for row in rows if key in row.values]
        if values and rows[-1].values.get(key) == 0 == max(map(abs, values)):
            reasons[key] = (
                Phrase("It is exactly 0 at every step: this run has no such term.")
                if len(values) > 1
                else Phrase("It is always 0 at the first step: nothing has moved yet.")
            )
    return reasons


def explain_validation_padding(row: StepMetrics) -> Mapping[str, Text]:
    """Return why a validation metric that is not a number says nothing: it is padding."""
    keys = [key for key, value in row.values.items() if VERL_KEYS.is_validation(key) and isnan(value)]
    return {key: Phrase("There was no validation at this step.") for key in keys}
