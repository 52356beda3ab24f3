"""Detector of tools that are never called, or were called once and are no more."""

from bot.core.frameworks.verl.metric_keys import TOOLS, TURNS
from bot.core.model.finding import Severity
from bot.core.model.measurement import Measurement, RowWindow, format_number
from bot.phrase import N_, Phrase, Text

CALLS = (*TOOLS, "env/number_of_valid_search")
"""Calls per answer; the last key is that of Search-R1."""

SINGLE_TURN = 2.0
"""Turns of one question and one answer, as verl's agent loop counts them."""

SILENT_TOOLS_ADVICE = N_(
    "Check that `actor_rollout_ref.rollout.multi_turn.function_tool_path` or"
    " `actor_rollout_ref.rollout.multi_turn.tool_config_path` names the tools,"
    " `actor_rollout_ref.rollout.agent.default_agent_loop=tool_agent` calls them,"
    " `actor_rollout_ref.rollout.multi_turn.format` is how this model writes calls,"
    " `data.return_raw_chat=True`, and that the prompt says when to call."
)
DROPPED_TOOLS_ADVICE = N_(
    "Reward a useful call, or give no reward without one (`reward.custom_reward_function.path`): the model has found"
    " that answers without tools score as well. Check the log for tools that fail, and resume from a checkpoint in"
    " which it called them."
)


def detect_silent_tools(window: RowWindow) -> Measurement | None:
    """Measure whether the model calls no tool: it never did, or it no longer does."""
    if window.newest.find_first((*CALLS, *TURNS)) is None:
        return None
    measured = (measure_dropped_tools(window), measure_unused_tools(window))
    return max((one for one in measured if one), key=lambda one: one.level, default=None)


def measure_unused_tools(window: RowWindow) -> Measurement | None:
    """Measure the recent steps without a call of a tool."""
    rules = window.rules
    calls, turns = window.get_values(CALLS, rules.silent_tool_steps), window.get_values(TURNS, rules.silent_tool_steps)
    silent = [value <= 0.01 for value in calls]
    if not calls and rules.expects_tools:
        silent = [value <= SINGLE_TURN for value in turns]
    if len(silent) < rules.silent_tool_steps:
        return None
    level = sum(silent) / rules.silent_tool_steps
    if level < 1:
        return Measurement(level)
    evidence = (
        Phrase(
            "{calls} calls per answer in the last {steps} steps.",
            calls=format_number(max(calls)),
            steps=rules.silent_tool_steps,
        )
        if calls
        else Phrase("No answer had a second turn in the last {steps} steps.", steps=rules.silent_tool_steps)
    )
    return report_silent_tools(level, evidence, SILENT_TOOLS_ADVICE)


def measure_dropped_tools(window: RowWindow) -> Measurement | None:
    """Measure how much of its calls, or of its turns, the model has given up, whatever its settings say."""
    rules = window.rules
    by_calls = measure_loss(window, CALLS, 0.0, rules.tools_used_calls)
    by_turns = measure_loss(window, TURNS, SINGLE_TURN, rules.tools_used_turns)
    largest = max((loss for loss in (by_calls, by_turns) if loss), default=None)
    if largest is None:
        return None
    lost_share, most, now = largest
    level = lost_share / rules.tools_lost_share
    if level < 1:
        return Measurement(max(level, 0.0))
    fields = {"now": format_number(now), "most": format_number(most)}
    evidence = (
        Phrase("Answers make {now} calls on average, down from {most}.", **fields)
        if largest == by_calls
        else Phrase("Answers have {now} turns on average, down from {most}; an answer without tools has 2.", **fields)
    )
    return report_silent_tools(level, evidence, DROPPED_TOOLS_ADVICE)


def measure_loss(
    window: RowWindow, keys: tuple[str, ...], least: float, used: float
) -> tuple[float, float, float] | None:
    """Return the lost share of a metric, its highest median of five steps, and its last.

    Return None if it was never above `used`.
    """
    most, now = max(window.compute_chunk_medians(keys, 5), default=least), window.compute_median(keys, 5)
    return ((most - now) / (most - least), most, now) if now is not None and most > max(used, least) else None


def report_silent_tools(level: float, evidence: Text, advice: str) -> Measurement:
    """Return a measurement of tools that are not called, with its words."""
    what = Phrase("The model calls no tools, so it learns to work without them.")
    return Measurement(level, Severity.WARNING, what, evidence, Phrase(advice))
