"""Detectors of sick responses: ever longer, cut off, or without calls of the available tools."""

from bot.core.frameworks.verl.detectors.misleading import find_hidden_length_limit
from bot.core.frameworks.verl.detectors.policy_loss import compute_ratio
from bot.core.frameworks.verl.detectors.validation import measure_gains
from bot.core.frameworks.verl.metric_keys import CUT, LENGTH, TOOLS, TURNS
from bot.core.model.finding import HEALTHY, Measurement, RowWindow, Severity, format_number, format_percent
from bot.phrase import N_, Phrase

LENGTH_GROWTH_ADVICE = N_(
    "Validate (`trainer.test_freq`), check whether the reward favors length, and cap or penalize it "
    "(`data.max_response_length`, `+reward.reward_kwargs.overlong_buffer_cfg.enable=True`)."
)
TRUNCATION_ADVICE = N_(
    "Raise `data.max_response_length` (and `actor_rollout_ref.rollout.max_model_len`), or penalize length before "
    "the limit (`+reward.reward_kwargs.overlong_buffer_cfg.enable=True`)."
)
SILENT_TOOLS_ADVICE = N_(
    "Check that `actor_rollout_ref.rollout.multi_turn.tool_config_path` names the tools,"
    " `actor_rollout_ref.rollout.multi_turn.format` is how this model writes calls,"
    " `data.return_raw_chat=True`, and that the prompt says when to call."
)


def detect_length_growth(window: RowWindow) -> Measurement | None:
    """Measure longer responses without a gain in validation. With a gain, they are reasoning."""
    rules, start, now = window.rules, window.start.get("length"), window.compute_median(LENGTH, 20)
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


def detect_truncation(window: RowWindow) -> Measurement | None:
    """Measure responses that are cut off, and graded as if the model had ended them."""
    rules, now = window.rules, window.compute_median(CUT, 20)
    if now is None or window.newest.find_first(CUT) is None or find_hidden_length_limit(window.rows):
        return None
    if now < rules.healthy_below * min(rules.cut_note, rules.cut_high):
        return HEALTHY
    lowest, before = min(window.compute_chunk_medians(CUT, 20), default=now), window.compute_median(CUT, 20, back=50)
    rising = min(now / rules.cut_note, (now - lowest) / rules.cut_rise)
    high = now / rules.cut_high if before is not None and now >= 0.9 * before and window.row_count > 70 else 0.0
    level = max(rising, high)
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.WARNING if now >= rules.cut_warning else Severity.NOTE,
        Phrase("Responses are cut off, so the reward measures the length limit, not the answer."),
        Phrase(
            "{share} of the responses are cut off at full length; the lowest share was {lowest}.",
            share=format_percent(now),
            lowest=format_percent(max(lowest, 0.0)),
        ),
        Phrase(TRUNCATION_ADVICE),
    )


def detect_silent_tools(window: RowWindow) -> Measurement | None:
    """Measure the recent steps without a call of a tool."""
    rules = window.rules
    calls, turns = window.get_values(TOOLS, rules.silent_tool_steps), window.get_values(TURNS, rules.silent_tool_steps)
    silent = [value <= 0.01 for value in calls]
    if not calls and rules.expects_tools:
        silent = [value <= 2.0 for value in turns]
    if len(silent) < rules.silent_tool_steps or window.newest.find_first((*TOOLS, *TURNS)) is None:
        return None
    level = sum(silent) / rules.silent_tool_steps
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.WARNING,
        Phrase("The model calls no tools, so it learns to work without them."),
        Phrase(
            "{calls} calls per answer in the last {steps} steps.",
            calls=format_number(max(calls)),
            steps=rules.silent_tool_steps,
        )
        if calls
        else Phrase("No answer had a second turn in the last {steps} steps.", steps=rules.silent_tool_steps),
        Phrase(SILENT_TOOLS_ADVICE),
    )
