"""Metrics that do not mean what they seem to: shown as unknown, with the reason."""

from collections.abc import Mapping, Sequence
from itertools import islice
from math import isnan

from bot.core.health.policy import FROM_REFERENCE, OF_UPDATE
from bot.core.row import CUT, VALIDATION, Row
from bot.language import say

LONGEST = "response_length/max"
LOOKED_AT = 20
"""Number of rows that are inspected: enough to distinguish a bound from chance."""

MOST = 64
"""Maximum number of reported keys, because the run's record contains them."""


def misleading(rows: Sequence[Row]) -> Mapping[str, str]:
    """Return why the newest value of a metric says nothing, by key, a sentence each.

    Args:
        rows: oldest first.
    """
    recent = rows[-LOOKED_AT:]
    if not recent:
        return {}
    found = {**cut(recent), **no_distance(recent), **idle_machine(recent[-1]), **padding(recent[-1])}
    return dict(islice(found.items(), MOST))


def cut(rows: Sequence[Row]) -> Mapping[str, str]:
    """Return why the clip ratio says nothing, if something else cuts the responses.

    verl issue 7823: the ratio counts responses of full length, and `max_model_len` cuts them earlier.
    """
    bound = cut_elsewhere(rows)
    if bound is None:
        return {}
    return {
        CUT[0]: say(
            "It is 0 although the longest response is {bound} tokens time and again: something else cuts them, such as"
            " `actor_rollout_ref.rollout.max_model_len`.",
            bound=f"{bound:.0f}",
        )
    }


def cut_elsewhere(rows: Sequence[Row]) -> float | None:
    """Return the length at which responses end although the clip ratio reports no cut; None if they do not.

    >>> rows = [Row(step, {"response_length/clip_ratio": 0.0, "response_length/max": 255.0}) for step in range(9)]
    >>> cut_elsewhere(rows), cut_elsewhere(rows[:2])
    (255.0, None)
    """
    recent = [row.values for row in rows[-LOOKED_AT:] if CUT[0] in row.values and LONGEST in row.values]
    longest = max((values[LONGEST] for values in recent), default=0.0)
    there = sum(values[LONGEST] == longest for values in recent)
    none_cut = all(values[CUT[0]] == 0 for values in recent)
    return longest if none_cut and there >= 5 and there >= 0.8 * len(recent) else None


def idle_machine(row: Row) -> Mapping[str, str]:
    """Return why an MFU of 0 says nothing."""
    keys = [key for key, value in row.values.items() if key.startswith("perf/mfu/") and value == 0]
    return {key: say("It is 0.0 where verl does not know the peak speed of the GPU.") for key in keys}


def no_distance(rows: Sequence[Row]) -> Mapping[str, str]:
    """Return why a distance of exactly 0 says nothing: it has not been measured."""
    found = {}
    for key in (*FROM_REFERENCE, *OF_UPDATE):
        values = [row.values[key] for row in rows if key in row.values]
        if values and rows[-1].values.get(key) == 0 == max(map(abs, values)):
            found[key] = (
                say("It is exactly 0 at every step: this run has no such term.")
                if len(values) > 1
                else say("It is always 0 at the first step: nothing has moved yet.")
            )
    return found


def padding(row: Row) -> Mapping[str, str]:
    """Return why a validation metric that is not a number says nothing: it is padding."""
    beginnings = (*VALIDATION, "val-aux/")
    keys = [key for key, value in row.values.items() if key.startswith(beginnings) and isnan(value)]
    return {key: say("There was no validation at this step.") for key in keys}
