"""The buttons that launch a run once more: as it was, with other settings, or on from its checkpoint. Pure."""

from bot.core.again import can_resume
from bot.core.run import Run
from bot.language import mark
from bot.slack import words
from bot.slack.blocks import Block, button, confirm
from bot.slack.phrases import say
from bot.slack.text import Markup, code

RETRY, RESUME = "retry", "resume"
FORM, NEW = "form", "new"
"""The button that opens the form of a launch, and its value where no earlier run fills it in."""

SHOWN_LINE = 200
"""Characters of a command in a question, which Slack limits to 300."""

STARTS = mark("{command} is launched once more.")
STARTS_AT = mark("{command} is launched once more, at {rate}.")
GOES_ON = mark("A new run goes on from the newest checkpoint of {run}: step {step}, as its log says.")
GOES_ON_AT = mark("A new run goes on from the newest checkpoint of {run}: step {step}, as its log says. At {rate}.")


def again(run: Run) -> list[Block]:
    """What may follow a run that is over."""
    return [retry(run), retry_with(run), *([resume(run)] if can_resume(run) else [])]


def retry(run: Run) -> Block:
    """Launches the very same line, after a question."""
    question = priced(run, STARTS, STARTS_AT, command=shown_line(run))
    asked = confirm(say("Launch it again?"), question, say("Launch it"), say("Not now"), "primary")
    return button(say("Retry"), RETRY, run.id, asked)


def shown_line(run: Run) -> Markup:
    """The command as a question has room for it."""
    return code("/verl " + run.line, SHOWN_LINE)


def retry_with(run: Run) -> Block:
    """Opens the form with this run's settings."""
    return button(say("Retry with…"), FORM, run.id)


def resume(run: Run) -> Block:
    question = priced(run, GOES_ON, GOES_ON_AT, run=code(run.id), step=run.progress.checkpoint_step)
    asked = confirm(say("Go on from its checkpoint?"), question, say("Go on"), say("Not now"), "primary")
    return button(say("Resume from checkpoint"), RESUME, run.id, asked)


def priced(of: Run, phrase: str, phrase_with_rate: str, /, **fields: object) -> Markup:
    """One phrase, or the other where somebody knows what an hour costs."""
    if of.hourly is None:
        return say(phrase, **fields)
    return say(phrase_with_rate, rate=words.hourly(of.hourly.dollars_per_hour), **fields)
