"""The question before an expensive launch. Pure: a launch preview in, an answer out."""

from bot.asked import LaunchPreview
from bot.language import N_
from bot.slack import answers, words
from bot.slack.answers import Answer
from bot.slack.blocks import Block, actions, button, context, section
from bot.slack.phrases import translate
from bot.slack.text import command_code

CONFIRM_LAUNCH = "launch-sure"

MAX_VALUE_CHARACTERS = 2_000
"""Maximum characters of a button's value (docs: Block Kit reference)."""

LAUNCH_QUESTION = N_("{command} may spend up to *{budget}*. Launch it?")
HOW_TO_SKIP_QUESTION = N_("Add `--yes` to launch it without being asked.")


def build_launch_question(preview: LaunchPreview) -> Answer:
    """Return the question before an expensive launch, with a preview of it. The button carries the command that was
    typed.
    """
    plan = preview.plan
    question = translate(
        LAUNCH_QUESTION,
        command=command_code("/verl " + plan.command_line),
        budget=words.format_dollars(plan.budget_dollars),
    )
    blocks: list[Block] = [section(question), *map(context, answers.build_preview_notes(preview))]
    if len(plan.command_line) > MAX_VALUE_CHARACTERS:
        blocks.append(context(translate(HOW_TO_SKIP_QUESTION)))
    elif not preview.refusal:
        blocks.append(actions(button(translate("Launch it"), CONFIRM_LAUNCH, plan.command_line, style="primary")))
    return answers.build_answer(question, blocks)
