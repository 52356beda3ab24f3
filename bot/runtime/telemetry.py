"""What the bot does, as operations: each has a trace, and recorders learn how long it took and how it ended.

An operation is a job of the scheduler, a call to Slack or to the cloud, or a delivery that is served. An operation
within another one belongs to its trace, whose id the lines of the bot's own log can have.
"""

import secrets as randomness
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from enum import StrEnum
from typing import ParamSpec, TypeVar

from bot.core.model.run import Run
from bot.errors import BeingStopped, Unavailable, UserError

P = ParamSpec("P")
T = TypeVar("T")


class OperationKind(StrEnum):
    """What an operation is."""

    JOB = "job"
    SLACK = "slack"
    CLOUD = "cloud"
    DELIVERY = "delivery"


class Outcome(StrEnum):
    """How an operation ended. All of them are known here, so that no label of a metric grows."""

    SUCCEEDED = "ok"
    REFUSED = "refused"  # the other side, or the bot, says what is wrong
    RATE_LIMITED = "rate_limited"
    UNANSWERED = "unanswered"  # no answer that can be trusted
    STOPPED = "stopped"  # the bot is stopping
    FAILED = "failed"  # a mistake


@dataclass(frozen=True, slots=True)
class Span:
    """The place of a running operation in its trace.

    Attributes:
        trace_id: 32 hexadecimal digits; span_id and parent_id: 16; no parent where it began the trace.
    """

    trace_id: str
    span_id: str
    parent_id: str = ""


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """An operation that has ended.

    Attributes:
        name: one of few: a job's, or a method's of Slack or the cloud.
        began_at: Unix seconds.
        run_id: the run that it was about; empty where it was about none, or several.
    """

    kind: OperationKind
    name: str
    began_at: float
    seconds: float
    outcome: Outcome
    span: Span
    run_id: str = ""


OperationRecorder = Callable[[OperationRecord], None]
"""Takes an operation that has ended. It neither waits nor raises."""

CURRENT_SPAN: ContextVar[Span | None] = ContextVar("span", default=None)
CURRENT_RUN: ContextVar[str] = ContextVar("run", default="")


def classify_outcome(error: BaseException | None) -> Outcome:
    """Return how an operation ended that raised this, or nothing."""
    match error:
        case None:
            return Outcome.SUCCEEDED
        case BeingStopped():
            return Outcome.STOPPED
        case Unavailable():
            return Outcome.UNANSWERED
        case UserError():
            return Outcome.REFUSED
        case _:
            return Outcome.FAILED


class Telemetry:
    """Observes operations for any number of recorders."""

    def __init__(self) -> None:
        self.recorders: list[OperationRecorder] = []

    @contextmanager
    def observe(
        self,
        kind: OperationKind,
        name: str,
        classify: Callable[[BaseException | None], Outcome] = classify_outcome,
    ) -> Iterator[None]:
        """Observe what is done within: a new span of the current trace, or of a new one."""
        parent = CURRENT_SPAN.get()
        span = Span(
            parent.trace_id if parent else randomness.token_hex(16),
            randomness.token_hex(8),
            parent.span_id if parent else "",
        )
        token = CURRENT_SPAN.set(span)
        began_at, start = time.time(), time.monotonic()
        failure: BaseException | None = None
        try:
            yield
        except BaseException as error:
            failure = error
            raise
        finally:
            CURRENT_SPAN.reset(token)
            record = OperationRecord(
                kind, name, began_at, time.monotonic() - start, classify(failure), span, CURRENT_RUN.get()
            )
            for take in self.recorders:
                take(record)


class TracedThreadPool(ThreadPoolExecutor):
    """Threads that work in the trace of the operation that needs them; work on a run is known as that run's."""

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start the work. Its first argument tells the run that it is about, if it is one."""
        context = copy_context()
        if args and isinstance(args[0], Run):
            context.run(CURRENT_RUN.set, args[0].id)
        return super().submit(lambda: context.run(function, *args, **kwargs))
