"""Detectors of sick rewards: lost again, equal for all answers, dominated by the wrong part, or at rest."""

import re

from bot.core.health.finding import Severity
from bot.core.health.window import WELL, Symptom, Window, number, percent, scatter
from bot.core.row import REWARD, SCORE
from bot.language import mark, say

PART = re.compile(r"(?:rewards?|critic/score|critic/rewards)/([^/]+)/mean|reward/([^/]+)")
"""Keys under which teams log the parts of a reward; verl itself logs only the sum."""

BESIDE_THE_TASK = ("format", "tag", "xml", "json", "length", "lang", "style", "think")
"""Words in the name of a part that is not the task (rldoctor's list)."""

SAMPLE_AGAIN = mark(
    "Drop what the model can do already from `data.train_files` or sample again until answers differ"
    " (`algorithm.filter_groups.enable=True` of verl's DAPO trainer); harder prompts teach more for the same money."
)
EASE = mark(
    "Grade twenty answers by hand first, because a broken grader looks the same; then take easier prompts first, or"
    " raise `actor_rollout_ref.rollout.n` so that some answer succeeds."
)


def reward_collapse(window: Window) -> Symptom | None:
    """Measure how much of the reward that the model had gained is gone again."""
    rules, start, pieces = window.rules, window.start.get("reward"), window.pieces(REWARD, 10)
    if start is None or window.newest.first(REWARD) is None or len(pieces) < 3:
        return None
    best, values = max(pieces), window.values(REWARD, len(window.rows))
    gained = best - start
    if gained <= max(5 * scatter(values), 0.1 * abs(best)):
        return WELL
    lost = (best - pieces[-1]) / gained
    if lost < rules.reward_lost_share:
        return Symptom(lost / rules.reward_lost_share)
    recent = values[-rules.reward_lost_steps_to_stop :]
    gone = max(recent) <= best - rules.reward_lost_share * gained and len(recent) == rules.reward_lost_steps_to_stop
    return Symptom(
        lost / rules.reward_lost_share,
        Severity.STOP if gone else Severity.WARNING,
        say("The reward has fallen back to where it began: what was learned is gone."),
        say(
            "Reward is {now}; it began at {start} and has been {best}.",
            now=number(pieces[-1]),
            start=number(start),
            best=number(best),
        ),
        say(
            "Resume from a checkpoint before the fall (`trainer.resume_mode=resume_path`, `trainer.resume_from_path`)"
            " with a lower `actor_rollout_ref.actor.optim.lr` or a higher `actor_rollout_ref.actor.kl_loss_coef`; look"
            " at `response_length/mean` and `actor/grad_norm` of those steps."
        ),
    )


def dead_share(window: Window) -> float | None:
    """Return the share of groups whose answers all score alike; None if it is unknown.

    If all advantages are the same, it is 1. Otherwise it is estimated as if every prompt were equally hard. That is the
    minimum, because p**n + (1 - p)**n is convex: prompts that differ have more such groups at the same mean.
    """
    values, size = window.newest.values, window.rules.group_size
    if values.get("critic/advantages/max") == values.get("critic/advantages/min") == 0:
        return 1.0
    if not size or size < 2 or window.newest.first(SCORE) is None:
        return None
    mean, bounds = window.middle(SCORE, 10), score_bounds(window)
    if mean is None or bounds is None:
        return None
    low, high = bounds
    hit = min(max((mean - low) / (high - low), 0.0), 1.0)
    return hit**size + (1 - hit) ** size


def score_bounds(window: Window) -> tuple[float, float] | None:
    """Return the two scores that an answer may have, 0 and 1 if verl does not report them; None if there are more
    scores.
    """
    seen = {*window.values(("critic/score/min",), 50), *window.values(("critic/score/max",), 50)}
    if len(seen) > 2:
        return None
    return (min(seen), max(seen)) if len(seen) == 2 else (min({0.0} | seen), max({1.0} | seen))


def saturated_groups(window: Window) -> Symptom | None:
    """Measure prompts that have become too easy."""
    return groups(window, easy=True)


def hopeless_groups(window: Window) -> Symptom | None:
    """Measure prompts that are too hard, after the first steps in which a healthy run may score nothing."""
    return groups(window, easy=False) if window.judged > window.rules.hopeless_after_steps else None


def groups(window: Window, easy: bool) -> Symptom | None:
    """Measure the share of groups whose answers all score alike, for prompts that are too easy or too hard."""
    rules, share, mean = window.rules, dead_share(window), window.middle(SCORE, 10)
    if share is None or mean is None:
        return None
    bounds = score_bounds(window)
    low, high = bounds or (0.0, 1.0)
    # The mean score shows whether equal answers are all right or all wrong.
    if (mean > low + (high - low) / 2) is not easy:
        return WELL
    level = share / rules.dead_groups_note
    if level < 1:
        return Symptom(level)
    return Symptom(
        level,
        Severity.WARNING if share >= rules.dead_groups_warning else Severity.NOTE,
        say("Most prompts are too easy by now: all answers to one score alike, and teach nothing.")
        if easy
        else say("Most prompts are too hard: no answer to one scores, so that it teaches nothing."),
        say(
            "Mean score is {mean} between {low} and {high}: where answers are right or wrong, at least {share} of the"
            " groups have no difference to learn from.",
            mean=number(mean),
            low=number(low),
            high=number(high),
            share=percent(share),
        ),
        say(SAMPLE_AGAIN if easy else EASE),
    )


def reward_parts(window: Window) -> Symptom | None:
    """Measure whether the model learns from one part of the reward that is not the task."""
    rules = window.rules
    keys = {key: found[1] or found[2] for key in window.newest.values if (found := PART.fullmatch(key))}
    if len(keys) < 2 or window.judged < rules.parts_after_steps:
        return None
    spread = {key: scatter(values) ** 2 for key in keys if len(values := window.values((key,), 100)) >= 50}
    total = sum(spread.values())
    if not total:
        return None
    key = max(spread, key=spread.__getitem__)
    if not any(word in keys[key].lower() for word in BESIDE_THE_TASK):
        return WELL
    share = spread[key] / total
    if share < rules.parts_share:
        return Symptom(share / rules.parts_share)
    return Symptom(
        share / rules.parts_share,
        Severity.WARNING,
        say("The model is trained on the form of its answers, not on the task."),
        say(
            "`{key}` has {share} of the variance of all parts of the reward in the last {steps} steps.",
            key=key,
            share=percent(share),
            steps=100,
        ),
        say(
            "Give that part less weight in the reward function (`reward.custom_reward_function.path`), or none once it"
            " is met."
        ),
    )


def plateau(window: Window) -> Symptom | None:
    """Measure whether the reward has stopped rising."""
    rules, start, half = window.rules, window.start.get("reward"), window.rules.plateau_steps // 2
    now, before = window.middle(REWARD, half), window.middle(REWARD, half, back=half)
    if start is None or now is None or before is None or window.newest.first(REWARD) is None:
        return None
    if window.judged < rules.plateau_steps + half:
        return None
    gain, gained = now - before, max(window.pieces(REWARD, 20)) - start
    rest = max(rules.plateau_gain_share * gained, 0.5 * scatter(window.values(REWARD, rules.plateau_steps)))
    level = min(rest / gain, 2.0) if gain > 0 else 2.0
    if level < 1:
        return Symptom(level)
    return Symptom(
        level,
        Severity.NOTE,
        say("The reward has been at rest for a while."),
        say(
            "Reward went from {before} to {now} in the last {steps} steps; the run began at {start}.",
            before=number(before),
            now=number(now),
            steps=rules.plateau_steps,
            start=number(start),
        ),
        say(
            "Compare the last validations (`trainer.test_freq`): if they rest too, the checkpoint before is as good;"
            " harder prompts in `data.train_files` or more answers (`actor_rollout_ref.rollout.n`) may move it."
        ),
        window.rows[-rules.plateau_steps] if len(window.rows) >= rules.plateau_steps else None,
    )
