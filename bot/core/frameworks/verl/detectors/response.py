"""Detectors of sick responses: ever longer, ever shorter, empty, or cut off."""

from bot.core.frameworks.verl.detectors.machine import measure_lengthening
from bot.core.frameworks.verl.detectors.misleading import find_hidden_length_limit
from bot.core.frameworks.verl.detectors.policy_loss import compute_ratio
from bot.core.frameworks.verl.detectors.validation import measure_gains
from bot.core.frameworks.verl.metric_keys import ABORTED, CUT, LENGTH, REWARD
from bot.core.model.finding import Severity
from bot.core.model.measurement import HEALTHY, Measurement, RowWindow, format_number, format_percent, measure_scatter
from bot.phrase import N_, Phrase

LENGTH_GROWTH_ADVICE = N_(
    "Validate (`trainer.test_freq`), check whether the reward favors length, and cap or penalize it "
    "(`data.max_response_length`, or `reward.reward_manager.name=dapo` with `+reward.reward_kwargs.max_resp_len` and "
    "`enable`, `len`, `penalty_factor` and `log` of `+reward.reward_kwargs.overlong_buffer_cfg`)."
)
TRUNCATION_ADVICE = N_(
    "Raise `data.max_response_length` (and `actor_rollout_ref.rollout.max_model_len`), or penalize length before "
    "the limit (`reward.reward_manager.name=dapo` with `+reward.reward_kwargs.max_resp_len` and "
    "`enable`, `len`, `penalty_factor` and `log` of `+reward.reward_kwargs.overlong_buffer_cfg`)."
)
LENGTH_COLLAPSE_ADVICE = N_(
    "Read a few answers (`trainer.rollout_data_dir`): a length penalty that outweighs the task"
    " (`+reward.reward_kwargs.overlong_buffer_cfg.penalty_factor`), a reward for empty answers or a wrong end token"
    " teach this. Resume from a checkpoint before the fall."
)
ABORTED_ADVICE = N_(
    "Responses without a token were aborted by the rollout: check its log for requests that fail or time out, prompts"
    " longer than `actor_rollout_ref.rollout.max_model_len`, and the limits of turns"
    " (`actor_rollout_ref.rollout.multi_turn.max_assistant_turns`)."
)

FORECAST_STEPS = 40
"""Number of steps whose rise of the share of cut responses is carried on."""

LENGTHENED = 1.25
"""Multiple of the length at the start from which on responses count as growing."""

SHORTAGE_EXPLAINS = ("no-variance", "hopeless-groups", "gradient-vanished", "reward-collapse")
"""What follows from answers that are empty, nearly empty, or all cut."""


def detect_length_growth(window: RowWindow) -> Measurement | None:
    """Measure longer responses without a gain in validation. With a gain, they are reasoning."""
    rules, start, now = window.rules, window.start.get("length"), window.compute_median(LENGTH, 10)
    if not start or now is None or window.newest.find_first(LENGTH) is None:
        return None
    growth = now / start
    level = growth / rules.length_growth
    if level < 1:
        return Measurement(level)
    validation_gain = measure_gains(window)
    if validation_gain is None and window.validations:
        # There are too few validations yet.
        return HEALTHY
    if validation_gain is not None:
        max_gain, _ = validation_gain
        level = min(level, compute_ratio(rules.length_earned_share * (growth - 1), max(max_gain, 0.0)))
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.NOTE if validation_gain is None else Severity.WARNING,
        Phrase("Responses are getting longer, and without validation nothing shows whether that helps.")
        if validation_gain is None
        else Phrase("Responses are getting longer without better validation."),
        Phrase(
            "The mean response has {now} tokens, {start} at the start.",
            now=format_number(now),
            start=format_number(start),
        )
        if validation_gain is None
        else Phrase(
            "The mean response has {now} tokens, {start} at the start; validation moved by {moved} of what it was.",
            now=format_number(now),
            start=format_number(start),
            moved=f"{validation_gain[1] * 100:+.0f}%",
        ),
        Phrase(LENGTH_GROWTH_ADVICE),
    )


def detect_length_collapse(window: RowWindow) -> Measurement | None:
    """Measure responses that shrink to nothing. Shorter ones with a better reward are concise, down to a bound."""
    rules, start, now = window.rules, window.start.get("length"), window.compute_median(LENGTH, 10)
    if not start or start <= 0 or now is None or window.newest.find_first(LENGTH) is None:
        return None
    gone = rules.length_gone_share * start / max(now, 1e-9)
    if start >= 4 * rules.length_gone_tokens:
        gone = max(gone, rules.length_gone_tokens / max(now, 1e-9))
    is_better = has_better_reward(window)
    level = min(gone if is_better else max(gone, rules.length_shrunk_share * start / max(now, 1e-9)), 1e3)
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.NOTE if is_better else Severity.WARNING,
        Phrase("Responses shrink to nothing."),
        Phrase(
            "The mean response has {now} tokens, {start} at the start.",
            now=format_number(now),
            start=format_number(start),
        ),
        Phrase(LENGTH_COLLAPSE_ADVICE),
        explains=(*SHORTAGE_EXPLAINS, "entropy-collapse", "silent-tools"),
    )


def has_better_reward(window: RowWindow) -> bool:
    """Return whether the reward is higher than at the start by more than it scatters."""
    start, now = window.start.get("reward"), window.compute_median(REWARD, 10)
    noise = measure_scatter(window.get_values(REWARD, 50))
    return start is not None and now is not None and now - start > max(noise, 0.05 * abs(start))


def detect_aborted_responses(window: RowWindow) -> Measurement | None:
    """Measure responses without a single token."""
    rules, now = window.rules, window.compute_median(ABORTED, 5)
    if now is None or window.newest.find_first(ABORTED) is None:
        return None
    level = now / rules.aborted_note
    if level < 1:
        return Measurement(max(level, 0.0))
    return Measurement(
        level,
        Severity.WARNING if now >= rules.aborted_warning else Severity.NOTE,
        Phrase("The rollout aborts responses before their first token, and training counts them as answers."),
        Phrase("{share} of the responses of the last {steps} steps are empty.", share=format_percent(now), steps=5),
        Phrase(ABORTED_ADVICE),
        explains=(*SHORTAGE_EXPLAINS, "length-collapse") if now >= 0.5 else ("length-collapse",),
    )


def detect_truncation(window: RowWindow) -> Measurement | None:
    """Measure responses that are cut off, and graded as if the model had ended them."""
    rules = window.rules
    if window.newest.find_first(CUT) is None or find_hidden_length_limit(window.rows):
        return None
    now = window.compute_median(CUT, min(20, len(window.rows)))
    if now is None:
        return None
    if now < rules.healthy_below * min(rules.cut_note, rules.cut_high):
        return measure_cut_forecast(window, now)
    lowest = min(window.compute_chunk_medians(CUT, 20), default=now)
    if len(window.rows) < 20:
        return measure_early_cuts(window, now)
    level = max(measure_cut_level(window, now, lowest), now / rules.cut_at_start)
    if level < 1:
        return Measurement(level)
    is_grave = now >= rules.cut_warning if measure_cut_level(window, now, lowest) >= 1 else is_all_cut(window)
    return report_truncation(window, level, now, lowest, is_grave)


def measure_cut_level(window: RowWindow, now: float, lowest: float) -> float:
    """Return how far the share of cut responses is beyond its bounds: after a rise, or high and not falling."""
    rules, before = window.rules, window.compute_median(CUT, 20, back=50)
    rising = min(now / rules.cut_note, (now - lowest) / rules.cut_rise)
    high = now / rules.cut_high if before is not None and now >= 0.9 * before and window.row_count > 70 else 0.0
    return max(rising, high)


def measure_cut_forecast(window: RowWindow, now: float) -> Measurement:
    """Measure whether few responses are cut, but more and more as they grow, so that many are before long."""
    rules, values = window.rules, window.get_values(CUT, FORECAST_STEPS + 20)
    before, grown = window.compute_median(CUT, 20, back=FORECAST_STEPS), measure_lengthening(window)
    if now < rules.healthy_below * rules.cut_soon_share or before is None or len(values) < FORECAST_STEPS:
        return HEALTHY
    rise = now - before
    if rise <= measure_scatter(values) or grown < LENGTHENED:
        return HEALTHY
    steps = (rules.cut_warning - now) * FORECAST_STEPS / rise
    level = min(now / rules.cut_soon_share, rules.cut_soon_steps / steps)
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.NOTE,
        Phrase("More and more responses are cut off as they grow."),
        Phrase(
            "{share} of the responses are cut off, {before} {steps} steps ago: at this rate {limit} at step {step}.",
            share=format_percent(now),
            before=format_percent(max(before, 0.0)),
            steps=FORECAST_STEPS,
            limit=format_percent(rules.cut_warning),
            step=int(window.newest.step + steps),
        ),
        Phrase(TRUNCATION_ADVICE),
    )


def measure_early_cuts(window: RowWindow, now: float) -> Measurement:
    """Measure whether nearly all responses of the first steps are cut."""
    level = now / window.rules.cut_at_start
    return report_truncation(window, level, now, now, is_all_cut(window)) if level >= 1 else Measurement(level)


def is_all_cut(window: RowWindow) -> bool:
    """Return whether all responses of the last steps are cut, or nearly all and none of them scores."""
    shares = window.get_values(CUT, 20)
    best = window.get_values(("critic/score/max",), 20)
    worst = window.get_values(("critic/score/min",), 20)
    none_scores = bool(best) and bool(worst) and max(best) == min(worst)
    return min(shares) >= window.rules.cut_all or none_scores


def report_truncation(window: RowWindow, level: float, now: float, lowest: float, is_grave: bool) -> Measurement:
    """Return a measurement of cut responses with its words."""
    return Measurement(
        level,
        Severity.WARNING if is_grave else Severity.NOTE,
        Phrase("Responses are cut off, so the reward measures the length limit, not the answer."),
        Phrase(
            "{share} of the responses are cut off at full length; the lowest share was {lowest}.",
            share=format_percent(now),
            lowest=format_percent(max(lowest, 0.0)),
        ),
        Phrase(TRUNCATION_ADVICE),
        explains=(*SHORTAGE_EXPLAINS, "length-growth", "plateau") if now >= window.rules.cut_at_start else (),
    )
