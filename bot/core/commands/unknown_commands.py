"""The error for a line that begins with no command: what was meant, or where the command is."""

import re
from collections.abc import Mapping

from bot.core.commands.aliases import CHINESE_ALIASES, resolve_command_word
from bot.core.commands.sentence_signs import SENTENCE_SIGNS
from bot.core.commands.specs import COMMAND_SPECS, RUN_COMMANDS, CommandSpec
from bot.core.model.characters import WORD_SEPARATORS
from bot.core.model.near_names import MIN_PREFIX_CHARACTERS
from bot.core.model.typed_text import format_inline_code
from bot.core.model.valid_names import unknown_name_error
from bot.errors import UserError
from bot.phrase import Phrase, Text

DANGEROUS_COMMANDS = ("stop", "forget")
"""Commands that end or delete something: suggested for a clear typing mistake of them only."""

ANSWERS: Mapping[str, str] = {
    **dict.fromkeys(("ok", "okay", "k", "yes", "y", "yep", "sure", "lgtm", "+1", "granted"), "approve"),
    **dict.fromkeys(("好", "好的", "可以", "行", "通过"), "approve"),
    **dict.fromkeys(("no", "nope", "n", "-1", "rejected", "denied", "refused", "veto"), "decline"),
    **dict.fromkeys(("不", "不行", "不可以", "不同意", "否"), "decline"),
}
"""What people answer to a request for an approval, and the command that says it. Only that command decides."""

GUESSES: Mapping[str, str] = {
    **dict.fromkeys(("progress", "watch", "monitor"), "status"),
    **dict.fromkeys(("download", "fetch", "models", "weights"), "artifacts"),
    **dict.fromkeys(("metric", "metrics", "curve", "curves"), "plot"),
    **dict.fromkeys(("error", "errors"), "logs"),
    **dict.fromkeys(("notify", "subscribe"), "report"),
    **dict.fromkeys(("pending", "approvals", "gpu", "gpus"), "list"),
    **dict.fromkeys(("version", "settings", "config"), "help"),
}
"""What people guess that a command is called, and the command that shows it. They are suggested, and not taken."""

SHELL_COMMANDS: Mapping[str, str] = {
    "doctor": "verlbot doctor",
    "manifest": "verlbot manifest",
    "health": "verlbot health",
    "backup": "verlbot backup verlbot-backup.gz",
    "restore": "verlbot restore verlbot-backup.gz",
    "admin-policy": "verlbot admin-policy",
    "demo": "verlbot demo",
    "replay": "verlbot replay train.log",
    "policy": "verlbot policy check policy.yaml",
    "check": "verlbot recipes check ./recipes",
}
"""Commands of a shell that people type in Slack, as they are typed there."""


def unknown_command_error(words: tuple[str, ...], thread_run: str | None) -> UserError:
    """Return the error for a line that begins with no command. A dangerous command is suggested only for its own
    letters in another order, or for its beginning: one letter changed makes another word of it, as `top` of `stop`.
    """
    typed = words[0]
    word = typed.lower().strip(SENTENCE_SIGNS)
    if word in SHELL_COMMANDS:
        return shell_command_error(word)
    safe = [name for name in COMMAND_SPECS if name not in DANGEROUS_COMMANDS or is_clear_mistake(word, name)]
    error = unknown_name_error("command", typed, safe, meant={**ANSWERS, **GUESSES}.get(word, word))
    later = None if error.near else find_later_command(words)
    return UserError(error.message, show_command(later, thread_run)) if later else error


def shell_command_error(word: str) -> UserError:
    """Return the error for a command that is typed in a shell."""
    line = format_inline_code(SHELL_COMMANDS[word])
    problem = Phrase("{command} is not a command in Slack.", command=format_inline_code(word))
    return UserError(problem, Phrase("Type {line} in a shell on the bot's machine.", line=line))


def refuse_sentence(words: tuple[str, ...], spec: CommandSpec, thread_run: str | None) -> None:
    """Raise UserError for a sentence that begins with another word for a command, and names a command later: `show me
    the logs`.

    Args:
        spec: the command that the first word means.
    """
    is_short = len(words) <= 1 + spec.max_names or any("=" in word for word in words)
    named = None if is_short or spec.word == "explain" else find_later_command(words)
    if named and named.word in words and named is not spec:
        unclear = Phrase("I didn't understand {word}.", word=format_inline_code(words[1]))
        raise UserError(unclear, show_command(named, thread_run))


def find_later_command(words: tuple[str, ...]) -> CommandSpec | None:
    """Return the command that a sentence names behind its first word; None where it names none.

    >>> [getattr(find_later_command(words), "word", None) for words in (("please", "stop", "it"), ("what", "now"))]
    ['stop', None]
    >>> getattr(find_later_command(("怎么查看费用",)), "word", None)
    'cost'
    """
    later = [word.lower().strip(SENTENCE_SIGNS + WORD_SEPARATORS) for word in words[1:]]
    chinese = [alias for alias in CHINESE_ALIASES if len(alias) > 1 and alias in words[0]]
    named = [word for word in later if word in COMMAND_SPECS] + [*later, *chinese]
    return next((spec for word in named if (spec := COMMAND_SPECS.get(resolve_command_word(word)))), None)


def show_command(spec: CommandSpec, thread_run: str | None) -> Text:
    """Return how to type a command that was named within a sentence; in the thread of a run, of that run."""
    example = spec.example
    if thread_run and spec.word in RUN_COMMANDS:
        example = f"{spec.word} {thread_run}{' 2h' if 'TIME' in spec.required else ''}"
    return Phrase("The command comes first, as in {command}.", command=format_inline_code(f"/verl {example}", 80))


def is_clear_mistake(word: str, name: str) -> bool:
    """Return whether a word has a command's letters in another order, or some of them doubled, or is its beginning.

    >>> [is_clear_mistake(word, "stop") for word in ("sotp", "stopp", "sto", "top", "step", "shop")]
    [True, True, True, False, False, False]
    """
    is_beginning = len(word) >= MIN_PREFIX_CHARACTERS and name.startswith(word)
    doubled = re.sub(r"(.)\1+", r"\1", word)
    return is_beginning or sorted(word) == sorted(name) or doubled == re.sub(r"(.)\1+", r"\1", name)
