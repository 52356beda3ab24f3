"""Which lines of a run's log a person sees, and how many must be read for these."""

from dataclasses import dataclass

from bot.core.commands import command
from bot.core.frameworks import FRAMEWORK
from bot.core.model.run import Run
from bot.core.rules import log_lines
from bot.phrase import Text

MAX_GREP_LINES = 5_000
"""Maximum lines that are searched for a word."""

STEP_LINES_TO_READ = 400
"""Number of lines that are read to show the last of those that are not of a step."""


@dataclass(frozen=True, slots=True)
class LogExcerpt:
    """Lines of a run's log.

    Attributes:
        lines: oldest first; request: the command that requested them.
        trouble: why these are saved lines and not current ones, or None.
        searched_count: number of lines that were read, of which these are some.
        omits_steps: whether lines of steps are left out, because the card shows their numbers.
    """

    run: Run
    request: command.ShowLogs
    lines: list[str]
    trouble: Text | None = None
    searched_count: int = 0
    omits_steps: bool = False


def select_excerpt(run: Run, logs_command: command.ShowLogs, text: str, failure: Text | None) -> LogExcerpt:
    """Return the lines of a log that a command asks for."""
    shown_text, omitted_count = text, 0
    if run.training.progress.step is not None and shortens_log(logs_command):
        shown_text, omitted_count = log_lines.drop_step_lines(text, FRAMEWORK.count_step_metrics)
    return LogExcerpt(
        run,
        logs_command,
        log_lines.select_lines(shown_text, logs_command.line_count, logs_command.grep, logs_command.node),
        failure,
        searched_count=len(text.rstrip("\n").split("\n")),
        omits_steps=omitted_count > 0,
    )


def shortens_log(logs_command: command.ShowLogs) -> bool:
    """Return whether lines that the card makes superfluous are left out: not where a person searches, or takes all."""
    return not (logs_command.raw or logs_command.grep or logs_command.wants_file)


def count_lines_to_read(logs_command: command.ShowLogs) -> int:
    """Return how many lines to read for a command: more where some are left out, and most where a word is searched."""
    if logs_command.grep is not None or logs_command.node is not None:
        return max(logs_command.line_count, MAX_GREP_LINES)
    return max(logs_command.line_count, STEP_LINES_TO_READ) if shortens_log(logs_command) else logs_command.line_count
