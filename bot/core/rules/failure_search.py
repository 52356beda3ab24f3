"""The search for the error that ended a run, one line of its log after the other.

One failure is printed many times: by the process that failed, by every rank that waited for that process, and by Ray
at the driver, wrapped; and Ray's log monitor mixes their order. So errors have weights. The first of the greatest
weight counts, among those after the last step: the training survived all earlier ones.
"""

import re
from dataclasses import dataclass, field, replace
from enum import IntEnum

from bot.core.frameworks import FRAMEWORK
from bot.core.model.failure import VAGUE_CAUSES, FailureKind, contains_in_order
from bot.core.rules.failure_exits import parse_exit
from bot.core.rules.failure_lines import COMPLAINT, ERROR_LINE, EXCEPTION_LINE, GIVE_UP_MESSAGE, RAY_TASK, LogLine
from bot.core.rules.failure_places import TracebackPlace, describe_place
from bot.core.rules.machine_failures import CONSEQUENCE_TEXTS, FIRST_TEXTS, PEER_TEXTS
from bot.core.rules.program_failures import LAST_TEXTS

TRACEBACK_HEADER = "Traceback (most recent call last):"
IGNORED_EXCEPTION = "Exception ignored in"
CHAINED_EXCEPTION = ("During handling of the above exception", "The above exception was the direct cause")
UNIMPORTANT_LEVELS = ("INFO", "DEBUG")

MIN_STEP_METRICS = 4
"""Minimum number of metrics of a step line between two answers of the model: the lines of a training have dozens."""

NAN_HINT = re.compile(r"nan|not finite", re.IGNORECASE)
NAN_LINE = re.compile(
    r"\bloss['\"]?(?:/\w{1,40})?\s{0,3}(?:[:=|]|is\b)?\s{0,3}(?:[\w.]{1,20}\()?nan\b|\b(?:pg|vf|policy|train|total)_loss:(?:[\w.]{1,20}\()?nan\b"
    r"|grad_norm is not finite|NaN detected in loss",
    re.IGNORECASE,
)
"""What trainings print of a loss that is not a number, without failing of it. A KL loss may be none where the training
has no KL term."""

IDENTIFYING_CHARACTERS = 512
"""Characters by which a step line is known again: Ray adds a note at the end of one that it prints again."""

INTRODUCTION = re.compile(r"(?<=:)$|\d validation errors? for \w{1,80}$")
"""The end of a message whose reason is on the next line."""

MAX_LINES_TO_NAME = 6
"""Lines after an error of the Hugging Face Hub among which the one that names the model is looked for."""

HUB_KINDS = (FailureKind.MODEL_UNKNOWN, FailureKind.HUGGING_FACE)
SERVER_KINDS = (FailureKind.REWARD_SERVER, FailureKind.TOOL_SERVER)
"""Kinds that say which server the network error before them is about."""

RANK_KINDS = (
    FailureKind.NCCL_TIMEOUT,
    FailureKind.NCCL_ERROR,
    FailureKind.NCCL_NETWORK,
    FailureKind.RENDEZVOUS,
    FailureKind.RAY_UNREACHABLE,
)
"""Kinds that follow from the failure of another rank or node, unless there is none."""

ENDING_KINDS = (FailureKind.KILLED, FailureKind.CRASHED)
"""Kinds of an exit code that say how an engine died."""

UNFINISHED_KINDS = (*RANK_KINDS, *VAGUE_CAUSES, FailureKind.WORKER_DIED, FailureKind.TERMINATED, FailureKind.CRASHED)
TEARDOWN_KINDS = (
    *UNFINISHED_KINDS,
    FailureKind.KILLED,
    FailureKind.NODE_LOST,
    FailureKind.ROLLOUT_FAILED,
    FailureKind.TENSOR_SHAPE,
)
"""Kinds that mean nothing for the model once the training is complete. A full disk is none of them: it may have been
met by the last checkpoint."""


class FailureWeight(IntEnum):
    """How much an error explains, the least first."""

    EXIT = 0  # the exit code of a process
    REMARK = 1  # an error that runs often survive
    WRAPPER = 2  # Ray's line about the failed task
    CONSEQUENCE = 3
    SURVIVED = 4  # an error that the framework reports and goes on
    RANK = 5  # a rank misses another
    CAUSE = 6


@dataclass(frozen=True, slots=True)
class LoggedError:
    """An error, and the index of the line that reports it; `place` is the code that raised it, where that is known."""

    line_index: int
    message: str
    kind: FailureKind | None = None
    weight: FailureWeight = FailureWeight.CAUSE
    address: str | None = None
    place: str = ""


TextRow = tuple[str, str, FailureKind, FailureWeight]
"""A text, the longest part of it without a condition, and what a line reports that contains it."""


def list_text_rows(is_exception: bool) -> list[TextRow]:
    """Return the texts that count in a line of an exception, or in any other line, in the order of their weight."""
    groups = (
        (FIRST_TEXTS, FailureWeight.CAUSE),
        (FRAMEWORK.failures.consequences, FailureWeight.CONSEQUENCE),
        (FRAMEWORK.failures.causes, FailureWeight.CAUSE),
        (CONSEQUENCE_TEXTS, FailureWeight.CONSEQUENCE),
        (LAST_TEXTS, FailureWeight.CAUSE),
        (PEER_TEXTS, FailureWeight.CONSEQUENCE),
    )
    return [
        (max(text.removeprefix("^").split(" … "), key=len), text, pattern.kind, get_weight(pattern.kind, weight))
        for patterns, weight in groups
        for pattern in patterns
        if is_exception or pattern.in_any_line
        for text in pattern.texts.split(" | ")
    ]


def get_weight(kind: FailureKind, weight: FailureWeight) -> FailureWeight:
    """Return the weight of a kind: one of a rank explains less than a cause."""
    return FailureWeight.RANK if kind in RANK_KINDS else weight


TEXT_ROWS = {is_exception: list_text_rows(is_exception) for is_exception in (False, True)}


def classify_failure(text: str, is_exception: bool = True) -> tuple[FailureKind, FailureWeight] | None:
    """Return what a line reports; None for no failure.

    >>> classify_failure("AssertionError: only support equal chunk.")
    (<FailureKind.BATCH_SIZE: 'batch_size'>, <FailureWeight.CAUSE: 6>)
    >>> classify_failure("getting ready", is_exception=False)
    """
    line = text.lower()
    for part, whole, kind, weight in TEXT_ROWS[is_exception]:
        # Most lines have no part of any text, so that this test alone is run for each.
        if part in line and contains_in_order(line, whole):
            return kind, weight
    return (FailureKind.EXCEPTION, FailureWeight.CAUSE) if is_exception else None


@dataclass(slots=True)
class ProcessLogState:
    """State of one process while its lines are read.

    Attributes:
        prints_samples: whether the process is printing the model's answers, which may look like anything.
        prints_traceback: whether it is printing a traceback.
        is_exception_ignored: whether Python itself has caught that exception.
        is_survived: whether the framework has caught it, and goes on.
        place: where that exception happened, as far as its traceback says.
        task_address: IP of the node of the task whose traceback Ray repeats.
        root_error: the error that caused its last error, or that error itself.
        is_next_chained: whether the next error is caused by it too.
        build_error: pip's line about a package that it could not build, whose output it is printing.
        unnamed_error: an error whose reason or name is still to come; lines_to_name: among so many lines.
    """

    prints_samples: bool = False
    prints_traceback: bool = False
    is_exception_ignored: bool = False
    is_survived: bool = False
    place: TracebackPlace = field(default_factory=TracebackPlace)
    task_address: str | None = None
    root_error: LoggedError | None = None
    is_next_chained: bool = False
    build_error: LoggedError | None = None
    unnamed_error: LoggedError | None = None
    lines_to_name: int = 0

    def find_error(self, line_index: int, text: str) -> LoggedError | None:
        """Return the error that a line reports, if it reports one."""
        if text.startswith(("[prompt]", "[response]")):
            self.prints_samples = True
        elif text.startswith(("[score]", "[ground_truth]")):
            self.prints_samples = False
        elif not self.prints_samples:
            return self._find_error_outside_samples(line_index, text.strip(" │") if self.build_error else text)
        return None

    def _find_error_outside_samples(self, line_index: int, text: str) -> LoggedError | None:
        """Return the error of a line outside the model's answers; record where a traceback begins."""
        if text.startswith(CHAINED_EXCEPTION):
            self.is_next_chained = True
        elif text.startswith(IGNORED_EXCEPTION):
            self.is_exception_ignored = True
        elif text.endswith(TRACEBACK_HEADER):
            self.prints_traceback, self.place = True, TracebackPlace()
        elif match := RAY_TASK.search(text):
            self.prints_traceback, self.task_address = True, match[1]
            self.place = TracebackPlace()
            self.place.add_line(text)
        elif not (self.prints_traceback and text[:1].isspace()):
            return self._match_error(line_index, text)
        else:
            self.place.add_line(text)
        return None

    def _match_error(self, line_index: int, text: str) -> LoggedError | None:
        """Return the error of a line that is not inside a traceback."""
        if text.startswith("[end of output]"):
            self.build_error = None
        if not self.prints_traceback:
            self.is_survived = contains_survived_error(text)
        ends_trace = self.prints_traceback and EXCEPTION_LINE.fullmatch(text) is not None
        is_exception = ends_trace or bool(ERROR_LINE.fullmatch(text) or GIVE_UP_MESSAGE.fullmatch(text))
        if not is_exception and text.startswith(UNIMPORTANT_LEVELS):
            return None
        verdict = classify_failure(text, is_exception)
        return self._build_error(LoggedError(line_index, text, *verdict), ends_trace) if verdict else None

    def _build_error(self, error: LoggedError, ends_trace: bool) -> LoggedError | None:
        """Return an error with what is known of its process; None for one that Python has caught."""
        is_ignored, is_survived = self.is_exception_ignored, self.is_survived
        if ends_trace:
            kind = self.place.refine(error.kind, error.message) if error.kind else None
            error = replace(error, kind=kind, place=describe_place(self.place.own_frame))
            self.prints_traceback = self.is_exception_ignored = self.is_survived = False
        if is_ignored:
            return None
        weight = min(error.weight, FailureWeight.SURVIVED) if is_survived else error.weight
        error = replace(error, weight=weight, address=self.task_address)
        if self.build_error and error.kind is not FailureKind.BUILD_FAILED:
            error = replace(error, kind=FailureKind.BUILD_FAILED)
        if not self.is_next_chained:
            self.root_error = error
        self.is_next_chained = False
        return error


def contains_survived_error(text: str) -> bool:
    """Return whether the framework reports an error and goes on."""
    return any(part in text for part in FRAMEWORK.failures.survived)


def is_mere_class_after_rank(error: LoggedError, before: LoggedError) -> bool:
    """Return whether an error without a known cause follows that of a rank: then it explains less."""
    return before.weight is FailureWeight.RANK and error.kind in VAGUE_CAUSES


@dataclass(slots=True)
class ErrorSearch:
    """The error that explains most so far.

    Attributes:
        error: that error.
        is_complete: whether the training has done all its steps.
        step_lines: hashes of the step lines so far, because Ray may print one again.
        processes: the state of each process, by its prefixes.
        complaint: the newest error that a command printed; it counts where a program then ends with a bare code.
    """

    error: LoggedError | None = None
    is_complete: bool = False
    step_lines: set[int] = field(default_factory=set)
    processes: dict[str, ProcessLogState] = field(default_factory=dict)
    complaint: LoggedError | None = None

    def add_line(self, line_index: int, line: LogLine) -> None:
        """Record the error that a line reports, or that the training survived the earlier ones."""
        process = self.processes.setdefault(line.source, ProcessLogState())
        metrics = FRAMEWORK.count_step_metrics(line.text)
        # The model's answers may look like an error or a short step line; only a real step line ends them.
        if process.prints_samples and metrics < MIN_STEP_METRICS:
            process.find_error(line_index, line.text)
        elif metrics:
            process.prints_samples = False
            self._add_step_line(line_index, line.text)
        else:
            self._add_other_line(line_index, line, process)

    def _add_step_line(self, line_index: int, text: str) -> None:
        """Record that the training survived everything so far, if the step is a new one."""
        beginning = hash(text[:IDENTIFYING_CHARACTERS])
        if beginning not in self.step_lines:
            self.step_lines.add(beginning)
            self.error, self.is_complete, self.complaint = None, False, None
        self._add_remark(line_index, text)

    def _add_other_line(self, line_index: int, line: LogLine, process: ProcessLogState) -> None:
        """Record what a line without metrics reports."""
        if (is_complete := FRAMEWORK.failures.find_completion(line.text)) is not None:
            self.error, self.is_complete = None if is_complete else self.error, is_complete
        self._complete_message(process, line.text)
        if error := process.find_error(line_index, line.text):
            self._record_error(error, process)
        elif RAY_TASK.search(line.text):
            self._record(LoggedError(line_index, line.text, None, FailureWeight.WRAPPER, process.task_address))
        elif exit_kind := parse_exit(line.text):
            self._record_exit(LoggedError(line_index, line.text, exit_kind, FailureWeight.EXIT))
        else:
            if not process.prints_samples and COMPLAINT.match(line.text):
                self.complaint = LoggedError(line_index, line.text, FailureKind.RUNTIME_ERROR, FailureWeight.REMARK)
            self._add_remark(line_index, line.text)

    def _add_remark(self, line_index: int, text: str) -> None:
        """Record a loss that is not a number."""
        if ("nan" in text.lower() and NAN_LINE.search(text)) or ("not finite" in text and NAN_LINE.search(text)):
            self._record(LoggedError(line_index, text, FailureKind.NAN_LOSS, FailureWeight.REMARK))

    def _record(self, error: LoggedError) -> bool:
        """Record an error if it explains more than the present one; return whether it does."""
        before = self.error
        if before and (error.weight <= before.weight or is_mere_class_after_rank(error, before)):
            return False
        self.error = error
        return True

    def _record_exit(self, error: LoggedError) -> None:
        """Record an exit code. It also says how a worker died of which only the death is known."""
        kind = self.error.kind if self.error else None
        if (kind is FailureKind.WORKER_DIED and error.kind is not FailureKind.EXCEPTION) or (
            kind is FailureKind.ROLLOUT_FAILED and error.kind in ENDING_KINDS
        ):
            self.error = replace(error, weight=FailureWeight.CONSEQUENCE)
        elif self.error is None and self.complaint and error.kind is FailureKind.EXCEPTION and not self.is_complete:
            self._record(self.complaint)
        elif error.kind is not FailureKind.EXCEPTION or self.is_complete:
            self._record(error)

    def _record_error(self, error: LoggedError, process: ProcessLogState) -> None:
        """Record an error.

        The error that caused it counts for more, unless only the later one has a known kind, or names the model.
        """
        # W&B reports many errors that do not stop a training, and some while a complete one ends.
        if error.message.startswith("wandb: ") and self.is_complete:
            return
        if error.message.startswith("wandb: "):
            error = replace(error, weight=FailureWeight.REMARK)
        before = self.error
        if not self._record(error) and before and self._explains_more(error, before, process):
            self.error = error
        if error.kind is FailureKind.BUILD_FAILED and process.build_error is None:
            process.build_error = error
        self._expect_name(error, process)

    def _explains_more(self, error: LoggedError, before: LoggedError, process: ProcessLogState) -> bool:
        """Return whether an error of the same weight or of a smaller one explains more than the present error."""
        if before.weight is FailureWeight.RANK or (
            process.root_error is not before and process.build_error is not before
        ):
            return False
        if process.build_error is before:
            return error.message != before.message and error.weight is FailureWeight.CAUSE
        if before.kind in HUB_KINDS:
            return error.kind is FailureKind.MODEL_UNKNOWN and "is not a local folder" in error.message
        if before.kind is FailureKind.NETWORK:
            return error.kind in SERVER_KINDS
        is_known = error.kind not in VAGUE_CAUSES and error.weight is before.weight
        return before.kind in VAGUE_CAUSES and is_known

    def _expect_name(self, error: LoggedError, process: ProcessLogState) -> None:
        """Record whether the reason of an error, or the name of its model, is on one of the next lines."""
        if self.error is error and error.kind in HUB_KINDS:
            process.unnamed_error, process.lines_to_name = error, MAX_LINES_TO_NAME
        elif self.error is error and INTRODUCTION.search(error.message.rstrip()):
            # gRPC prints a status, and below it the details.
            process.unnamed_error, process.lines_to_name = error, 1 + ("RPC that terminated with" in error.message)

    def _complete_message(self, process: ProcessLogState, text: str) -> None:
        """Add a line to the message of an error whose reason or name it has."""
        error = process.unnamed_error
        if error is None or not text.strip():
            return
        process.lines_to_name -= 1
        is_hub = error.kind in HUB_KINDS
        has_name = is_hub and "://" in text
        if not is_hub or has_name:
            error = self._replace_message(process, error, f"{error.message.rstrip()} {text.strip()}")
        process.unnamed_error = None if process.lines_to_name <= 0 or has_name else error

    def _replace_message(self, process: ProcessLogState, error: LoggedError, message: str) -> LoggedError:
        """Give an error its whole message, and the kind that the whole message shows; return it."""
        verdict = classify_failure(message)
        is_vague = error.kind in VAGUE_CAUSES or error.kind is FailureKind.CONFIG_VALUE
        kind = verdict[0] if verdict and is_vague else error.kind
        whole = replace(error, message=message, kind=kind)
        if self.error is error:
            self.error = whole
        if process.root_error is error:
            process.root_error = whole
        return whole

    @property
    def first_error(self) -> LoggedError | None:
        """Return the error that explains most; None where the log has none."""
        if self.error and self.is_complete and (self.error.kind is None or self.error.kind in TEARDOWN_KINDS):
            return replace(self.error, kind=FailureKind.TEARDOWN)
        return self.error
