"""Detectors of sick responses: ever longer, cut off, or without calls of the available tools."""

from bot.core.health.finding import Severity
from bot.core.health.misleading import cut_elsewhere
from bot.core.health.policy import ratio
from bot.core.health.validation import gains
from bot.core.health.window import WELL, Symptom, Window, number, percent
from bot.core.row import CUT, LENGTH, TOOLS, TURNS
from bot.language import say


def length_growth(window: Window) -> Symptom | None:
    """Measure longer responses without a gain in validation. With a gain, they are reasoning."""
    rules, start, now = window.rules, window.start.get("length"), window.middle(LENGTH, 20)
    if not start or now is None or window.newest.first(LENGTH) is None:
        return None
    growth = now / start
    level = growth / rules.length_growth
    if level < 1:
        return Symptom(level)
    earned = gains(window)
    if earned is None and window.validations:
        # There are too few validations yet.
        return WELL
    if earned is not None:
        most, _ = earned
        level = min(level, ratio(rules.length_earned_share * (growth - 1), max(most, 0.0)))
    if level < 1:
        return Symptom(level)
    return Symptom(
        level,
        Severity.NOTE if earned is None else Severity.WARNING,
        say("Responses grow, and nothing tells whether that helps: there has been no validation.")
        if earned is None
        else say("Responses grow, and validation does not rise with them: tokens are paid for that do not help."),
        say("The mean response has {now} tokens, {start} at the start.", now=number(now), start=number(start))
        if earned is None
        else say(
            "The mean response has {now} tokens, {start} at the start; validation moved by {moved} of what it was.",
            now=number(now),
            start=number(start),
            moved=f"{earned[1] * 100:+.0f}%",
        ),
        say(
            "Validate (`trainer.test_freq`), look whether the reward favours length, and cap or punish it"
            " (`data.max_response_length`, `+reward.reward_kwargs.overlong_buffer_cfg.enable=True`)."
        ),
    )


def truncation(window: Window) -> Symptom | None:
    """Measure responses that are cut off, and graded as if the model had ended them."""
    rules, now = window.rules, window.middle(CUT, 20)
    if now is None or window.newest.first(CUT) is None or cut_elsewhere(window.rows):
        return None
    if now < rules.healed_below * min(rules.cut_note, rules.cut_high):
        return WELL
    lowest, before = min(window.pieces(CUT, 20), default=now), window.middle(CUT, 20, back=50)
    rising = min(now / rules.cut_note, (now - lowest) / rules.cut_rise)
    high = now / rules.cut_high if before is not None and now >= 0.9 * before and window.judged > 70 else 0.0
    level = max(rising, high)
    if level < 1:
        return Symptom(level)
    return Symptom(
        level,
        Severity.WARNING if now >= rules.cut_warning else Severity.NOTE,
        say("Responses are cut off, so that the reward measures the limit instead of the answer."),
        say(
            "{share} of the responses are cut at full length; the least has been {lowest}.",
            share=percent(now),
            lowest=percent(max(lowest, 0.0)),
        ),
        say(
            "Raise `data.max_response_length` (with `actor_rollout_ref.rollout.max_model_len`), or punish length before"
            " the cut (`+reward.reward_kwargs.overlong_buffer_cfg.enable=True`)."
        ),
    )


def silent_tools(window: Window) -> Symptom | None:
    """Measure the recent steps without a call of a tool."""
    rules = window.rules
    calls, turns = window.values(TOOLS, rules.silent_steps), window.values(TURNS, rules.silent_steps)
    silent = [value <= 0.01 for value in calls]
    if not calls and rules.expects_tools:
        silent = [value <= 2.0 for value in turns]
    if len(silent) < rules.silent_steps or window.newest.first((*TOOLS, *TURNS)) is None:
        return None
    level = sum(silent) / rules.silent_steps
    if level < 1:
        return Symptom(level)
    return Symptom(
        level,
        Severity.WARNING,
        say("No tool is called: the model is trained to do without."),
        say("{calls} calls an answer in the last {steps} steps.", calls=number(max(calls)), steps=rules.silent_steps)
        if calls
        else say("Every answer is the first one: 2 turns in the last {steps} steps.", steps=rules.silent_steps),
        say(
            "Check that `actor_rollout_ref.rollout.multi_turn.tool_config_path` names the tools,"
            " `actor_rollout_ref.rollout.multi_turn.format` is how this model writes calls,"
            " `data.return_raw_chat=True`, and that the prompt says when to call."
        ),
    )
