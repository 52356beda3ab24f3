"""Words in place of a run's name where a launch is approved or declined in its thread."""

from collections.abc import Callable

from bot.app.run_lookup import has_name
from bot.core.commands.builders import RUN_ID_SHAPE
from bot.core.commands.command import Approve, Command, Refuse
from bot.core.commands.parser import hint_note
from bot.core.commands.sentence_signs import MAX_SHOWN_CHARACTERS
from bot.core.model.run import Run
from bot.core.model.typed_text import format_inline_code
from bot.core.model.valid_names import suggest_name
from bot.errors import AmbiguousRun, UnknownName, UserError
from bot.phrase import Phrase, Text, join_sentences


def resolve_decision(command: Command, look_up: Callable[[str], Run]) -> Command:
    """Return the command, where its first word is no run but begins a reason, as the refusal with that reason.

    Args:
        look_up: returns the run that a name means, or raises UserError.

    Raises:
        UserError: the word is nearly a run, or the launch would be approved; the hint says what to type.
    """
    match command:
        case Refuse(run, _, Refuse(thread_run, reason) as otherwise):
            return otherwise if is_no_run(run, look_up, hint_reason(thread_run, reason)) else command
        case Approve(run, _, thread_run) if thread_run:
            hint = hint_note(thread_run, run)
            # Words are no note: `not yet` approves nothing.
            if is_no_run(run, look_up, hint):
                raise UserError(Phrase("There is no run {word}.", word=format_inline_code(run)), hint)
    return command


def is_no_run(word: str, look_up: Callable[[str], Run], hint: Text) -> bool:
    """Return whether a word is not meant as a run: it is neither an id or a name, nor a part of one.

    Raises:
        UserError: it is nearly one; the error has the hint too.
    """
    if RUN_ID_SHAPE.fullmatch(word):
        return False
    try:
        run = look_up(word)
    except AmbiguousRun as error:
        # The recipe alone, as in `ppo is too big`, begins the ids of several runs.
        return all(run_id.startswith(word.lower()) for run_id, _ in error.choices)
    except UnknownName as error:
        if error.near:
            raise UserError(error.message, join_sentences(suggest_name(error.near), hint)) from error
        return True
    except UserError:
        return False
    return not has_name(run, word) and run.id.startswith(word.lower())


def hint_reason(run: str, reason: str) -> Phrase:
    """Return how to decline a launch with a reason."""
    line = f"/verl decline {run} {reason}"
    return Phrase(
        "To decline `{run}` for this reason, type {command}.",
        run=run,
        command=format_inline_code(line, MAX_SHOWN_CHARACTERS),
    )
