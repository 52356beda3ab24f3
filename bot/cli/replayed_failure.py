"""Why the run of a replayed log died: as lines for a terminal, and as an object for programs."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from bot.core.frameworks import FRAMEWORK
from bot.core.model.failure import FailureSummary
from bot.core.rules.failure_causes import CAUSES_BY_KIND
from bot.core.rules.failure_diagnosis import diagnose
from bot.core.rules.failure_exits import parse_exit
from bot.core.rules.failure_lines import parse_line
from bot.core.rules.log_lines import MAX_READ_BYTES, shorten_for_display, split_clean_lines
from bot.phrase import Phrase
from bot.slack.views.failure_views import (
    NAMED_SETTINGS,
    NO_CAUSE_IN_LOG,
    RAISED_IN,
    RETRY_PHRASES,
    list_named_settings,
)

EXCERPT_LINES = 5
"""Maximum lines that are printed around an error."""

EXIT_LINES = 3
"""Last lines of a log among which a program's exit code is looked for."""


def read_failure(path: Path, nodes: int) -> FailureSummary | None:
    """Return why the run of a log died; None where its last `MAX_READ_BYTES` bytes show no failure.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - MAX_READ_BYTES, 0))
        text = file.read(MAX_READ_BYTES).decode(errors="replace")
    return diagnose(text, nodes) or find_bare_exit(text)


def find_bare_exit(text: str) -> FailureSummary | None:
    """Return a failure of which only the exit code is known, with the last lines; None where no program failed."""
    lines = [line for line in split_clean_lines(text) if line.strip()][-EXCERPT_LINES:]
    last = [shorten_for_display(parse_line(line).text) for line in lines]
    error = next((line for line in reversed(last[-EXIT_LINES:]) if parse_exit(line)), None)
    return FailureSummary(error, excerpt=tuple(last)) if error else None


def list_failure_lines(name: str, failure: FailureSummary) -> Iterator[str]:
    """Yield the error, its cause, what to change and whether a retry helps, each in a line."""
    place = "" if failure.node is None else f" (node {failure.node})"
    if failure.error:
        yield f"Why it died{place}: {failure.error}"
    if failure.place:
        yield f"  {Phrase(RAISED_IN, place=failure.place)}"
    yield from (f"  {sentence}" for sentence in describe_kind(name, failure).values())
    yield from (f"    {line}" for line in failure.excerpt[-EXCERPT_LINES:])


def describe_kind(name: str, failure: FailureSummary) -> Mapping[str, str]:
    """Return the likely cause, what to change and whether a retry helps.

    Of a program that ended with an exit code alone, it is said that its log names no cause; of another failure
    without a kind, nothing.
    """
    if failure.kind is None:
        return {"cause": str(Phrase(NO_CAUSE_IN_LOG))} if parse_exit(failure.error) else {}
    cause, remedy = CAUSES_BY_KIND[failure.kind], FRAMEWORK.remedies[failure.kind]
    advice = [str(Phrase(remedy.sentence, run=name))]
    if settings := list_named_settings(failure):
        advice.append(str(Phrase(NAMED_SETTINGS, settings=", ".join(f"`{setting}`" for setting in settings))))
    return {
        "cause": str(Phrase(cause.sentence)),
        "remedy": " ".join(advice),
        "retry_advice": str(Phrase(RETRY_PHRASES[cause.retry])),
    }


def to_failure_object(name: str, failure: FailureSummary) -> Mapping[str, object]:
    """Return everything of a failure, under the name `failure`."""
    kind = failure.kind
    return {
        "failure": {
            "kind": kind,
            "line": failure.error,
            "place": failure.place,
            **describe_kind(name, failure),
            "retry": kind and CAUSES_BY_KIND[kind].retry,
            "changes": [change.override for change in FRAMEWORK.remedies[kind].changes] if kind else [],
            "node": failure.node,
            "address": failure.address,
            "rank": failure.rank,
            "excerpt": list(failure.excerpt),
        }
    }
