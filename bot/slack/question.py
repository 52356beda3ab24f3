"""The question before an expensive launch. Pure: a launch preview in, an answer out."""

from bot.asked import Rehearsal
from bot.language import mark
from bot.slack import answers, words
from bot.slack.answers import Answer
from bot.slack.blocks import Block, actions, button, context, section
from bot.slack.phrases import say
from bot.slack.text import command

SURE = "launch-sure"

VALUE_CHARACTERS = 2_000
"""Maximum characters of a button's value (docs: Block Kit reference)."""

ASKED_FIRST = mark("{command} may spend up to *{budget}*. Launch it?")
ADD_YES = mark("Add `--yes` to launch it without being asked.")


def sure(found: Rehearsal) -> Answer:
    """Return the question before an expensive launch, with a preview of it. The button carries the command that was
    typed.
    """
    made = found.plan
    asked = say(ASKED_FIRST, command=command("/verl " + made.line), budget=words.dollars(made.budget_dollars))
    blocks: list[Block] = [section(asked), *map(context, answers.notes(found))]
    if len(made.line) > VALUE_CHARACTERS:
        blocks.append(context(say(ADD_YES)))
    elif not found.refusal:
        blocks.append(actions(button(say("Launch it"), SURE, made.line, style="primary")))
    return answers.answer(asked, blocks)
