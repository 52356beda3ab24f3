"""Detectors of sick rewards: lost again, equal for all answers, dominated by the wrong part, or at rest."""

import re
from math import isfinite

from bot.core.frameworks.verl.metric_keys import REWARD, SCORE
from bot.core.model.finding import Severity
from bot.core.model.measurement import HEALTHY, Measurement, RowWindow, format_number, format_percent, measure_scatter
from bot.phrase import N_, Phrase

REWARD_PART_KEY = re.compile(r"(?:rewards?|critic/score|critic/rewards)/([^/]+)/mean|reward/([^/]+)")
"""Keys under which teams log the parts of a reward; verl itself logs only the sum."""

NON_TASK_WORDS = ("format", "tag", "xml", "json", "length", "lang", "style", "think")
"""Words in the name of a part that is not the task (rldoctor's list)."""

EASY_PROMPTS_ADVICE = N_(
    "Remove prompts that the model already solves from `data.train_files`, or resample until answers differ "
    "(`algorithm.filter_groups.enable=True`); harder prompts teach more for the same money."
)
HARD_PROMPTS_ADVICE = N_(
    "First grade twenty answers by hand: a broken grader looks the same. Then start with easier prompts, or raise "
    "`actor_rollout_ref.rollout.n` until some answers succeed."
)
REWARD_COLLAPSE_ADVICE = N_(
    "Resume from a checkpoint before the fall (`trainer.resume_mode=resume_path`, `trainer.resume_from_path`)"
    " with a lower `actor_rollout_ref.actor.optim.lr` or a higher `actor_rollout_ref.actor.kl_loss_coef`; look"
    " at `response_length/mean` and `actor/grad_norm` of those steps."
)
NO_VARIANCE_ADVICE = N_(
    "Print the scores of twenty answers by hand: a reward function that returns the same for all of them"
    " (`reward.custom_reward_function.path`) is the usual cause. If they are right, choose prompts of which some"
    " answers succeed, or raise `actor_rollout_ref.rollout.n`."
)
REWARD_PARTS_ADVICE = N_(
    "Give that part less weight in the reward function (`reward.custom_reward_function.path`), or none once it is met."
)
PLATEAU_ADVICE = N_(
    "Compare the last validations (`trainer.test_freq`): if they are flat too, an earlier checkpoint is just as "
    "good. Harder prompts in `data.train_files` or more answers (`actor_rollout_ref.rollout.n`) may help."
)


def detect_reward_collapse(window: RowWindow) -> Measurement | None:
    """Measure how much of the reward that the model had gained is gone again."""
    rules, start, pieces = window.rules, window.start.get("reward"), window.compute_chunk_medians(REWARD, 10)
    if start is None or window.newest.find_first(REWARD) is None or len(pieces) < 3:
        return None
    best, values = max(pieces), window.get_values(REWARD, len(window.rows))
    total_gain = best - start
    if total_gain <= max(5 * measure_scatter(values), 0.1 * abs(best)):
        return HEALTHY
    lost_share = (best - pieces[-1]) / total_gain
    if lost_share < rules.reward_lost_share:
        return Measurement(lost_share / rules.reward_lost_share)
    recent = values[-rules.reward_lost_steps_to_stop :]
    stays_lost = (
        max(recent) <= best - rules.reward_lost_share * total_gain and len(recent) == rules.reward_lost_steps_to_stop
    )
    return Measurement(
        lost_share / rules.reward_lost_share,
        Severity.STOP if stays_lost else Severity.WARNING,
        Phrase("The reward has fallen back to its starting level."),
        Phrase(
            "Reward is {now}; it began at {start}, and its best was {best}.",
            now=format_number(pieces[-1]),
            start=format_number(start),
            best=format_number(best),
        ),
        Phrase(REWARD_COLLAPSE_ADVICE),
        explains=("plateau",),
    )


def detect_no_variance(window: RowWindow) -> Measurement | None:
    """Measure whether all answers of a step score the same, so that it teaches nothing.

    One row is enough, and its neighbours are counted by the judge: a job that runs several trainings one after the
    other begins again at its first step.
    """
    spread, score = measure_spread(window), window.newest.find_first((*SCORE, *REWARD))
    if spread is None or score is None:
        return None
    if spread > window.rules.same_score_spread:
        return HEALTHY
    return Measurement(
        1.0,
        Severity.WARNING,
        Phrase("All answers of a step score the same, so there is no gradient and nothing to learn."),
        Phrase("Every answer of step {step} scores {score}.", step=window.newest.step, score=format_number(score)),
        Phrase(NO_VARIANCE_ADVICE),
        explains=("gradient-vanished", "hopeless-groups", "saturated-groups", "plateau"),
    )


def measure_spread(window: RowWindow) -> float | None:
    """Return by how much the advantages of the newest step differ, or the scores if there are no advantages."""
    values = window.newest.values
    for name in ("critic/advantages", "critic/score", "critic/rewards"):
        low, high = values.get(f"{name}/min"), values.get(f"{name}/max")
        if low is not None and high is not None and isfinite(high - low):
            return high - low
    return None


def estimate_dead_group_share(window: RowWindow) -> float | None:
    """Return the share of groups whose answers all score alike; None if it is unknown.

    If all advantages are the same, it is 1. Otherwise it is estimated as if every prompt were equally hard. That is the
    minimum, because p**n + (1 - p)**n is convex: prompts that differ have more such groups at the same mean.
    """
    values, size = window.newest.values, window.rules.group_size
    if values.get("critic/advantages/max") == values.get("critic/advantages/min") == 0:
        return 1.0
    if not size or size < 2 or window.newest.find_first(SCORE) is None:
        return None
    mean, bounds = window.compute_median(SCORE, 10), find_score_bounds(window)
    if mean is None or bounds is None:
        return None
    low, high = bounds
    hit_rate = min(max((mean - low) / (high - low), 0.0), 1.0)
    return hit_rate**size + (1 - hit_rate) ** size


def find_score_bounds(window: RowWindow) -> tuple[float, float] | None:
    """Return the two scores that an answer may have, 0 and 1 if verl does not report them; None if there are more
    scores.
    """
    scores = {*window.get_values(("critic/score/min",), 50), *window.get_values(("critic/score/max",), 50)}
    if len(scores) > 2:
        return None
    return (min(scores), max(scores)) if len(scores) == 2 else (min({0.0} | scores), max({1.0} | scores))


def detect_saturated_groups(window: RowWindow) -> Measurement | None:
    """Measure prompts that have become too easy."""
    return measure_dead_groups(window, easy=True)


def detect_hopeless_groups(window: RowWindow) -> Measurement | None:
    """Measure prompts that are too hard, after the first steps in which a healthy run may score nothing."""
    return measure_dead_groups(window, easy=False) if window.row_count > window.rules.hopeless_after_steps else None


def measure_dead_groups(window: RowWindow, easy: bool) -> Measurement | None:
    """Measure the share of groups whose answers all score alike, for prompts that are too easy or too hard."""
    rules, share, mean = window.rules, estimate_dead_group_share(window), window.compute_median(SCORE, 10)
    if share is None or mean is None:
        return None
    bounds = find_score_bounds(window)
    low, high = bounds or (0.0, 1.0)
    # The mean score shows whether equal answers are all right or all wrong.
    if (mean > low + (high - low) / 2) is not easy:
        return HEALTHY
    level = share / rules.dead_groups_note
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.WARNING if share >= rules.dead_groups_warning else Severity.NOTE,
        Phrase("Most prompts are now too easy: all answers score the same, so there is nothing to learn.")
        if easy
        else Phrase("Most prompts are too hard: no answer scores, so there is nothing to learn."),
        Phrase(
            "Mean score is {mean} between {low} and {high}: where answers are right or wrong, at least {share} of the"
            " groups have no difference to learn from.",
            mean=format_number(mean),
            low=format_number(low),
            high=format_number(high),
            share=format_percent(share),
        ),
        Phrase(EASY_PROMPTS_ADVICE if easy else HARD_PROMPTS_ADVICE),
        explains=("plateau", "gradient-vanished"),
    )


def detect_reward_parts(window: RowWindow) -> Measurement | None:
    """Measure whether the model learns from one part of the reward that is not the task."""
    rules = window.rules
    keys = {key: match[1] or match[2] for key in window.newest.values if (match := REWARD_PART_KEY.fullmatch(key))}
    if len(keys) < 2 or window.row_count < rules.parts_after_steps:
        return None
    variances = {
        key: measure_scatter(values) ** 2 for key in keys if len(values := window.get_values((key,), 100)) >= 50
    }
    total = sum(variances.values())
    if not total:
        return None
    key = max(variances, key=variances.__getitem__)
    if not any(word in keys[key].lower() for word in NON_TASK_WORDS):
        return HEALTHY
    share = variances[key] / total
    if share < rules.parts_share:
        return Measurement(share / rules.parts_share)
    return Measurement(
        share / rules.parts_share,
        Severity.WARNING,
        Phrase("The model is learning the form of the answers, not the task."),
        Phrase(
            "`{key}` accounts for {share} of the variance of all parts of the reward in the last {steps} steps.",
            key=key,
            share=format_percent(share),
            steps=100,
        ),
        Phrase(REWARD_PARTS_ADVICE),
    )


def detect_plateau(window: RowWindow) -> Measurement | None:
    """Measure whether the reward has stopped rising."""
    rules, start, half = window.rules, window.start.get("reward"), window.rules.plateau_steps // 2
    now, before = window.compute_median(REWARD, half), window.compute_median(REWARD, half, back=half)
    if start is None or now is None or before is None or window.newest.find_first(REWARD) is None:
        return None
    if window.row_count < rules.plateau_steps + half:
        return None
    gain, total_gain = now - before, max(window.compute_chunk_medians(REWARD, 20)) - start
    small_gain = max(
        rules.plateau_gain_share * total_gain, 0.5 * measure_scatter(window.get_values(REWARD, rules.plateau_steps))
    )
    # A reward that falls is not at rest.
    if gain < -small_gain:
        return HEALTHY
    level = min(small_gain / gain, 2.0) if gain > 0 else 2.0
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.NOTE,
        Phrase("Reward has plateaued."),
        Phrase(
            "Reward went from {before} to {now} in the last {steps} steps; the run began at {start}.",
            before=format_number(before),
            now=format_number(now),
            steps=rules.plateau_steps,
            start=format_number(start),
        ),
        Phrase(PLATEAU_ADVICE),
        window.rows[-rules.plateau_steps] if len(window.rows) >= rules.plateau_steps else None,
    )
