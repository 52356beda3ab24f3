"""The buttons that relaunch a run: unchanged, with other settings, or from its checkpoint. Pure."""

from bot.core.again import can_resume
from bot.core.run import Run
from bot.language import N_
from bot.slack import words
from bot.slack.blocks import Block, button, confirmation
from bot.slack.phrases import translate
from bot.slack.text import Markup, code

RETRY, RESUME = "retry", "resume"
OPEN_FORM, EMPTY_FORM = "form", "new"
"""The action of the button that opens the launch form, and its value if no earlier run fills in the form."""

MAX_QUESTION_COMMAND_CHARACTERS = 200
"""Maximum characters of a command in a confirmation, which Slack limits to 300."""

RETRY_QUESTION = N_("{command} is launched once more.")
PRICED_RETRY_QUESTION = N_("{command} is launched once more, at {rate}.")
RESUME_QUESTION = N_("A new run goes on from the newest checkpoint of {run}: step {step}, as its log says.")
PRICED_RESUME_QUESTION = N_(
    "A new run goes on from the newest checkpoint of {run}: step {step}, as its log says. At {rate}."
)


def build_relaunch_buttons(run: Run) -> list[Block]:
    """Return the relaunch buttons of a finished run."""
    return [
        build_retry_button(run),
        build_retry_form_button(run),
        *([build_resume_button(run)] if can_resume(run) else []),
    ]


def build_retry_button(run: Run) -> Block:
    """Return the button that launches the same command again, after a confirmation."""
    question = render_question_with_rate(
        run, RETRY_QUESTION, PRICED_RETRY_QUESTION, command=render_question_command(run)
    )
    dialog = confirmation(
        translate("Launch it again?"), question, translate("Launch it"), translate("Not now"), "primary"
    )
    return button(translate("Retry"), RETRY, run.id, dialog)


def render_question_command(run: Run) -> Markup:
    """Return the run's command, shortened to what a confirmation has room for."""
    return code("/verl " + run.command_line, MAX_QUESTION_COMMAND_CHARACTERS)


def build_retry_form_button(run: Run) -> Block:
    """Return the button that opens the launch form, filled in with this run's settings."""
    return button(translate("Retry with…"), OPEN_FORM, run.id)


def build_resume_button(run: Run) -> Block:
    """Return the button that resumes from the run's newest checkpoint, after a confirmation."""
    question = render_question_with_rate(
        run, RESUME_QUESTION, PRICED_RESUME_QUESTION, run=code(run.id), step=run.progress.checkpoint_step
    )
    dialog = confirmation(
        translate("Go on from its checkpoint?"), question, translate("Go on"), translate("Not now"), "primary"
    )
    return button(translate("Resume from checkpoint"), RESUME, run.id, dialog)


def render_question_with_rate(run: Run, phrase: str, phrase_with_rate: str, /, **fields: object) -> Markup:
    """Return one of two phrases: the second one, which names the rate, if the run's hourly rate is known."""
    if run.hourly_rate is None:
        return translate(phrase, **fields)
    return translate(phrase_with_rate, rate=words.format_hourly_rate(run.hourly_rate.dollars_per_hour), **fields)
