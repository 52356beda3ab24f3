"""Signs that people end a sentence with, on a command that only reads, and on one that acts."""

from bot.core.commands.command import Command, OpenLaunchForm, Refuse, SetLanguage, ShowLogs, ShowSamples, ShowWelcome
from bot.core.commands.read_only import is_read_only
from bot.core.model.typed_text import format_inline_code, join_words
from bot.errors import UserError
from bot.phrase import Phrase

SENTENCE_SIGNS = ".!?…:~。！？：～"
"""Signs behind a word that no command, run, metric or list ends with."""

POLITE_WORDS = ("please", "pls", "plz", "thanks", "thx", "谢谢")
"""Words behind a command that ask for nothing."""

QUESTION_MARKS = "?？"


def strip_sentence_signs(words: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Return the words without the signs behind the command and behind the last word, and the signs; settings stay as
    they are typed.

    >>> strip_sentence_signs(("status?",)), strip_sentence_signs(("logs", "one", "!")), strip_sentence_signs(("?",))
    ((('status',), '?'), (('logs', 'one'), '!'), (('?',), ''))
    >>> strip_sentence_signs(("logs", "one", "grep=why?")), strip_sentence_signs(("logs", "one", "please"))
    ((('logs', 'one', 'grep=why?'), ''), (('logs', 'one'), 'please'))
    """
    first, *rest = words
    thanks = rest.pop() if rest and rest[-1].lower().rstrip(SENTENCE_SIGNS) in POLITE_WORDS else ""
    last = rest[-1] if rest and "=" not in rest[-1] else ""
    bare_first, bare_last = first.rstrip(SENTENCE_SIGNS) or first, last.rstrip(SENTENCE_SIGNS)
    others = [*rest[:-1], *([bare_last] if bare_last else [])] if last else rest
    return (bare_first, *others), first[len(bare_first) :] + last[len(bare_last) :] + thanks


def forgives_signs(command: Command) -> bool:
    """Return whether a command means the same with a sign behind it: it costs nothing and ends nothing."""
    return is_read_only(command) or isinstance(command, ShowLogs | ShowSamples | SetLanguage | ShowWelcome)


def refuse_question(signs: str, words: tuple[str, ...], command: Command, thread_run: str | None) -> None:
    """Raise UserError for an act that is typed as a question: `stop one?` may ask whether to.

    Args:
        words: without the signs; command: what they mean.
    """
    if isinstance(command, OpenLaunchForm | Refuse) or not set(QUESTION_MARKS) & set(signs):
        return
    # In a thread the run may have been left out; the line with it works everywhere.
    if thread_run and getattr(command, "run", "") == thread_run and thread_run not in words:
        words = (words[0], thread_run, *words[1:])
    line = format_inline_code(f"/verl {join_words(words)}", MAX_SHOWN_CHARACTERS)
    problem = Phrase("That reads like a question, so I changed nothing.")
    raise UserError(problem, Phrase("To do it, type {command}.", command=line))


MAX_SHOWN_CHARACTERS = 160
"""Maximum characters of a line that is shown to be typed."""
