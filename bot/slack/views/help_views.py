"""Answers about the bot itself: what can be typed, what it can do, and in which language it answers. Pure."""

from bot.core.commands.command import WORKSPACE_LANGUAGE
from bot.core.commands.specs import COMMAND_SPECS, CommandSpec
from bot.i18n import current_language, use_language
from bot.phrase import LANGUAGES, N_
from bot.slack.views.blocks import context, section
from bot.slack.views.message import Answer, build_answer, build_text_answer
from bot.slack.views.mrkdwn import Markup, code, join_parts, mrkdwn, render_phrase

HELP_SECTION_COMMANDS = 8
"""Commands per section of the help; Slack limits a section to 3,000 characters."""


def render_help(word: str | None, language: str | None = None) -> Answer:
    """Return the help for one command, or for all of them.

    Args:
        language: the language of the word that asked for it; None for the current one.
    """
    if language is not None:
        with use_language(language):
            return render_help(word)
    if word is not None:
        spec = COMMAND_SPECS[word]
        example = render_phrase("For example {command}", command=code(f"/verl {spec.example}"))
        return build_text_answer(join_parts("\n", [describe_command(spec), example]))
    lines = list(map(describe_command, COMMAND_SPECS.values()))
    parts = [
        section(join_parts("\n", lines[at : at + HELP_SECTION_COMMANDS]))
        for at in range(0, len(lines), HELP_SECTION_COMMANDS)
    ]
    more = context(
        render_phrase(
            "You can also mention me (`@verlbot status`), or type `status` in our direct messages. "
            "In a run's thread you can leave RUN out."
        )
    )
    return build_answer(render_phrase("What you can type after /verl"), [*parts, more])


WELCOME_LINES = (
    N_("*I launch verl training runs, follow them, and stop what costs too much.*"),
    N_("`launch smoke` starts a small run of a minute and a half; `recipes` lists the others."),
    N_("`status`, `logs RUN`, `plot RUN` and `cost RUN` show how a run is doing; `stop RUN` ends it."),
    N_("`help` shows every command. In a channel, type `/verl status` or mention me; here, `status` is enough."),
)


def render_welcome() -> Answer:
    """Return in few lines what the bot can do."""
    return build_text_answer(join_parts("\n", map(render_phrase, WELCOME_LINES)))


def describe_command(spec: CommandSpec) -> Markup:
    """Return a command's usage and meaning."""
    return mrkdwn("*{}*\n{}", f"/verl {spec.usage}", render_phrase(spec.meaning))


def render_language(workspace: str) -> Answer:
    """Return the person's current language and how to choose another one, in each available language.

    Args:
        workspace: the language of channels.
    """
    now = render_phrase("Your language is {language}.", language=LANGUAGES[current_language()])
    lines = [mrkdwn(":speech_balloon: {}", now)]
    for language_code, name in LANGUAGES.items():
        # Each line is in the language that it offers, so that its speakers can read it.
        with use_language(language_code):
            lines.append(
                render_phrase(
                    "Type {command} for {language}.", command=code(f"/verl language {language_code}"), language=name
                )
            )
    common = code(f"/verl language {WORKSPACE_LANGUAGE}")
    lines.append(render_phrase(WORKSPACE_LANGUAGE_NOTE, command=common, language=LANGUAGES[workspace]))
    return build_text_answer(join_parts("\n", lines))


WORKSPACE_LANGUAGE_NOTE = N_("Channel messages use the workspace language, {language}; {command} gives you the same.")
