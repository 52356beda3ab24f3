"""The buttons that relaunch a run: unchanged, with other settings, or from its checkpoint. Pure."""

from bot.core.again import can_resume
from bot.core.run import Run
from bot.language import mark
from bot.slack import words
from bot.slack.blocks import Block, button, confirm
from bot.slack.phrases import say
from bot.slack.text import Markup, code

RETRY, RESUME = "retry", "resume"
FORM, NEW = "form", "new"
"""The action of the button that opens the launch form, and its value if no earlier run fills in the form."""

SHOWN_LINE = 200
"""Maximum characters of a command in a confirmation, which Slack limits to 300."""

STARTS = mark("{command} is launched once more.")
STARTS_AT = mark("{command} is launched once more, at {rate}.")
GOES_ON = mark("A new run goes on from the newest checkpoint of {run}: step {step}, as its log says.")
GOES_ON_AT = mark("A new run goes on from the newest checkpoint of {run}: step {step}, as its log says. At {rate}.")


def again(run: Run) -> list[Block]:
    """Return the relaunch buttons of a finished run."""
    return [retry(run), retry_with(run), *([resume(run)] if can_resume(run) else [])]


def retry(run: Run) -> Block:
    """Return the button that launches the same command again, after a confirmation."""
    question = priced(run, STARTS, STARTS_AT, command=shown_line(run))
    asked = confirm(say("Launch it again?"), question, say("Launch it"), say("Not now"), "primary")
    return button(say("Retry"), RETRY, run.id, asked)


def shown_line(run: Run) -> Markup:
    """Return the run's command, shortened to what a confirmation has room for."""
    return code("/verl " + run.line, SHOWN_LINE)


def retry_with(run: Run) -> Block:
    """Return the button that opens the launch form, filled in with this run's settings."""
    return button(say("Retry with…"), FORM, run.id)


def resume(run: Run) -> Block:
    """Return the button that resumes from the run's newest checkpoint, after a confirmation."""
    question = priced(run, GOES_ON, GOES_ON_AT, run=code(run.id), step=run.progress.checkpoint_step)
    asked = confirm(say("Go on from its checkpoint?"), question, say("Go on"), say("Not now"), "primary")
    return button(say("Resume from checkpoint"), RESUME, run.id, asked)


def priced(of: Run, phrase: str, phrase_with_rate: str, /, **fields: object) -> Markup:
    """Return one of two phrases: the second one, which names the rate, if the run's hourly rate is known."""
    if of.hourly is None:
        return say(phrase, **fields)
    return say(phrase_with_rate, rate=words.hourly(of.hourly.dollars_per_hour), **fields)
