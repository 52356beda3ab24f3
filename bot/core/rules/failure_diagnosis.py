"""Finds in a log why a run died: the first error, where it happened, and which known pattern it matches.

One failure is printed many times: by the process that failed, by every other rank that waited for that process, and by
Ray at the driver, wrapped. So the first error counts, among those after the last step: the training survived all
earlier ones.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from bot.core.frameworks import FRAMEWORK
from bot.core.model.failure import FailureKind, FailureSummary, classify_failure
from bot.core.rules.log_lines import shorten_for_display, split_clean_lines, split_prefix

EXCERPT_LINES_BEFORE, EXCERPT_LINES_AFTER = 8, 2
"""Lines of the same process that are shown before and after an error."""


EXIT_CODES = {FailureKind.KILLED: ("137", "-9"), FailureKind.CRASHED: ("139", "-11")}
EXIT_PATTERNS = {
    FailureKind.KILLED: re.compile(r"137 \(SIGKILL\)|line \d{1,9}: {1,20}\d{1,9} Killed\b"),
    FailureKind.CRASHED: re.compile(r"139 \(SIGSEGV\)|line \d{1,9}: {1,20}\d{1,9} Segmentation fault"),
}
RETURN_CODES = re.compile(r"ERROR: Job \d{1,9}(?:'s setup)? failed with return code list: *+\[([-\d, ]*+)\]")
"""What SkyPilot prints about a job that failed: an exit code for each node."""

MODULE_PATH = r"(?:[A-Za-z_]\w*+\.)*+"
EXCEPTION_LINE = re.compile(rf"{MODULE_PATH}[A-Z](?=\w*[a-z])\w*+(?:\(\w++\))?+(?:: .*|:)?")
"""The line that ends a traceback: an exception class with its message."""

ERROR_LINE = re.compile(rf"{MODULE_PATH}[A-Z]\w*(?:Error|Exception): .+")
"""The same line, where no traceback was printed."""

GIVE_UP_MESSAGE = re.compile(r"verl recipe: .+|ERROR: (?:Could not|No matching|Failed|Cannot) .+")
"""What our recipes and pip print before they give up."""

RAY_TASK = re.compile(r"\bray::\S{1,80}?\(\) \(pid=\d{1,9}(?:, ip=([\w.:]{1,64}))?")
"""Ray's line at the driver that names the failed task; Ray then prints what that task had printed."""

TRACEBACK_HEADER = "Traceback (most recent call last):"
IGNORED_EXCEPTION = "Exception ignored in"
CHAINED_EXCEPTION = ("During handling of the above exception", "The above exception was the direct cause")

TORCH_RANK = re.compile(r"\[rank(\d{1,9})\]: ?")
VLLM_LOG_PREFIX = re.compile(r"(?:ERROR|CRITICAL) [\d-]{1,20} [\d:.]{1,20} \[[^\]]*+\] ?")
"""What vLLM's logger prints before each line of a traceback."""

RAY_REPEAT_NOTE = re.compile(r"(?<!\s)\s*+\[repeated \d{1,9}x across cluster\].*")
LINES_PER_TIME_CHECK = 256
"""Lines that are read between two looks at the clock."""

MIN_STEP_METRICS = 4
"""Minimum number of metrics of a step line between two answers of the model: the lines of a training have dozens."""

IP_ADDRESS = re.compile(r"\bip=([\w.:]{1,64})")
NODE_PREFIX = re.compile(r"\((?=[^()]*+\))[^()]*?\brank=(\d{1,9})\b[^()]*+\)")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log.

    Attributes:
        source: the prefixes that SkyPilot, Ray and torch put before it; they identify the process.
        text: the rest of the line, with its indentation.
        rank: torch's rank of the process; None where the line does not name it.
    """

    source: str
    text: str
    rank: int | None = None

    @property
    def node(self) -> int | None:
        """Return the node's number as SkyPilot counts; None where the prefix does not name one."""
        match = NODE_PREFIX.search(self.source)
        return int(match[1]) if match else None

    @property
    def address(self) -> str | None:
        """Return the node's IP as Ray prints it; None for Ray's lines from the driver's own node."""
        match = IP_ADDRESS.search(NODE_PREFIX.sub("", self.source))
        return match[1] if match else None


@dataclass(frozen=True, slots=True)
class LoggedError:
    """An error, and the index of the line that reports it."""

    line_index: int
    message: str
    kind: FailureKind | None = None
    address: str | None = None


@dataclass(slots=True)
class ProcessLogState:
    """State of one process while its lines are read.

    Attributes:
        prints_samples: whether the process is printing the model's answers, which may look like anything.
        prints_traceback: whether it is printing a traceback.
        is_exception_ignored: whether Python itself has caught that exception.
        task_address: IP of the node of the task whose traceback Ray repeats.
        root_error: the error that caused its last error, or that error itself.
        is_next_chained: whether the next error is caused by it too.
    """

    prints_samples: bool = False
    prints_traceback: bool = False
    is_exception_ignored: bool = False
    task_address: str | None = None
    root_error: LoggedError | None = None
    is_next_chained: bool = False

    def find_error(self, line_index: int, text: str) -> LoggedError | None:
        """Return the error that a line reports, if it reports one."""
        if text.startswith(("[prompt]", "[response]")):
            self.prints_samples = True
        elif text.startswith(("[score]", "[ground_truth]")):
            self.prints_samples = False
        elif not self.prints_samples:
            return self._find_error_outside_samples(line_index, text)
        return None

    def _find_error_outside_samples(self, line_index: int, text: str) -> LoggedError | None:
        """Return the error of a line outside the model's answers; record where a traceback begins."""
        if text.startswith(CHAINED_EXCEPTION):
            self.is_next_chained = True
        elif text.startswith(IGNORED_EXCEPTION):
            self.is_exception_ignored = True
        elif text.startswith(TRACEBACK_HEADER):
            self.prints_traceback = True
        elif match := RAY_TASK.search(text):
            self.prints_traceback, self.task_address = True, match[1]
        elif not (self.prints_traceback and text[:1].isspace()):
            return self._match_error(line_index, text)
        return None

    def _match_error(self, line_index: int, text: str) -> LoggedError | None:
        """Return the error of a line that is not inside a traceback."""
        ends_trace = self.prints_traceback and EXCEPTION_LINE.fullmatch(text) is not None
        kind = classify_failure(text)
        if not (ends_trace or kind or ERROR_LINE.fullmatch(text) or GIVE_UP_MESSAGE.fullmatch(text)):
            return None
        is_ignored = self.is_exception_ignored
        if ends_trace:
            self.prints_traceback = self.is_exception_ignored = False
        if is_ignored:
            return None
        error = LoggedError(line_index, text, kind, self.task_address)
        if not self.is_next_chained:
            self.root_error = error
        self.is_next_chained = False
        return error


@dataclass(slots=True)
class ErrorSearch:
    """The first error of each weight.

    Attributes:
        error: what ended the run.
        wrapper: Ray's line about the failed task; it counts where no error itself is in the log.
        remark: an error that runs often survive.
        exit: the exit code of a process, which explains least.
        processes: the state of each process, by its prefixes.
    """

    error: LoggedError | None = None
    wrapper: LoggedError | None = None
    remark: LoggedError | None = None
    exit: LoggedError | None = None
    processes: dict[str, ProcessLogState] = field(default_factory=dict)

    def add_line(self, line_index: int, line: LogLine) -> None:
        """Record the error that a line reports, or that the training survived the earlier ones."""
        process = self.processes.setdefault(line.source, ProcessLogState())
        metrics = FRAMEWORK.count_step_metrics(line.text)
        # The model's answers may look like an error or a short step line; only a real step line ends them.
        if process.prints_samples and metrics < MIN_STEP_METRICS:
            process.find_error(line_index, line.text)
        elif metrics:
            process.prints_samples = False
            # Another step after an error: the training survived everything so far.
            self.error = self.wrapper = self.remark = None
        elif error := process.find_error(line_index, line.text):
            self._record_error(error, process)
        elif self.wrapper is None and RAY_TASK.search(line.text):
            self.wrapper = LoggedError(line_index, line.text, None, process.task_address)
        elif self.exit is None:
            self.exit = parse_exit(line_index, line.text)

    def _record_error(self, error: LoggedError, process: ProcessLogState) -> None:
        """Record an error.

        The error that caused it counts for more, unless only the later one matches a known pattern.
        """
        # W&B reports many errors that do not stop a training.
        if error.message.startswith("wandb: "):
            self.remark = self.remark or error
        elif self.error is None or (self.error.kind is None and error.kind and process.root_error is self.error):
            self.error = error

    @property
    def first_error(self) -> LoggedError | None:
        """Return the error that explains most; None where the log has none."""
        return self.error or self.wrapper or self.remark or self.exit


def has_time() -> bool:
    """Return True: the default for a diagnosis without a time limit."""
    return True


def diagnose(text: str, nodes: int = 1, in_time: Callable[[], bool] = has_time) -> FailureSummary | None:
    r"""Return the failure summary of a log's last lines; None where they contain no error.

    Args:
        text: the lines, with any prefixes and colours.
        nodes: number of nodes of the run.
        in_time: called every `LINES_PER_TIME_CHECK` lines. Once it returns False, the summary covers the lines read so
            far.

    >>> diagnose("(worker1, rank=1, pid=7) Traceback (most recent call last):\n"
    ...          "(worker1, rank=1, pid=7) RuntimeError: CUDA out of memory.", nodes=2)
    ... # doctest: +ELLIPSIS
    FailureSummary(error='RuntimeError: CUDA out of memory.', kind=<FailureKind.GPU_MEMORY: 'gpu_memory'>, node=1, ...)
    """
    lines: list[LogLine] = []
    search = ErrorSearch()
    for line_index, raw_line in enumerate(split_clean_lines(text)):
        if line_index % LINES_PER_TIME_CHECK == 0 and not in_time():
            break
        lines.append(parse_line(raw_line))
        search.add_line(line_index, lines[-1])
    error = search.first_error
    if error is None:
        return None
    line = lines[error.line_index]
    digest = FailureSummary(error=shorten_for_display(" ".join(error.message.split())), kind=error.kind, rank=line.rank)
    if error is not search.exit:
        digest = replace(digest, excerpt=build_excerpt(lines, error.line_index))
    return with_location(digest, error, lines, nodes)


def parse_line(text: str) -> LogLine:
    """Return a line split into its prefixes, its text and its rank.

    >>> parse_line("(head, rank=0, pid=1) [rank3]:   File x")
    LogLine(source='(head, rank=0, pid=1) [rank3]', text='  File x', rank=3)
    """
    prefix, body = split_prefix(text)
    rank = None
    if match := TORCH_RANK.match(body):
        rank, body = int(match[1]), body[match.end() :]
        prefix = f"{prefix}[rank{rank}]"
    if match := VLLM_LOG_PREFIX.match(body):
        body = body[match.end() :]
    return LogLine(prefix.strip(), RAY_REPEAT_NOTE.sub("", body), rank)


def parse_exit(line_index: int, text: str) -> LoggedError | None:
    """Return the error that a process's exit code shows; None where the line has no such code."""
    return_codes = RETURN_CODES.search(text)
    for kind, exit_codes in EXIT_CODES.items():
        if EXIT_PATTERNS[kind].search(text) or (
            return_codes and set(exit_codes) & {code.strip() for code in return_codes[1].split(",")}
        ):
            return LoggedError(line_index, text, kind)
    return None


def with_location(digest: FailureSummary, error: LoggedError, lines: Sequence[LogLine], nodes: int) -> FailureSummary:
    """Return the summary with the node where the failure happened, as far as the log is certain about it."""
    if nodes < 2:
        return digest
    line = lines[error.line_index]
    if codes := RETURN_CODES.search(line.text):
        failure_codes = EXIT_CODES.get(error.kind, ()) if error.kind else ()
        node_codes = [code.strip() for code in codes[1].split(",")]
        return replace(digest, node=next((node for node, code in enumerate(node_codes) if code in failure_codes), None))
    address = error.address or line.address
    if address is None:
        return replace(digest, node=line.node)
    nodes_by_address = map_addresses(lines)
    if address in nodes_by_address:
        return replace(digest, node=nodes_by_address[address])
    # SkyPilot prints no IP of the first node, so an unknown IP is that node's once all others are known.
    return replace(digest, node=0) if len(nodes_by_address) == nodes - 1 else replace(digest, address=address)


def map_addresses(lines: Iterable[LogLine]) -> dict[str, int]:
    """Return the nodes by their IPs. SkyPilot prints the IPs of all nodes but the first."""
    sources = {line.source: line.node for line in lines}
    matches = {source: (NODE_PREFIX.search(source), node) for source, node in sources.items() if node is not None}
    ips = {match[0]: node for match, node in matches.values() if match}
    return {ip[1]: node for prefix, node in ips.items() if (ip := IP_ADDRESS.search(prefix))}


def build_excerpt(lines: Sequence[LogLine], line_index: int) -> tuple[str, ...]:
    """Return the lines that the same process printed around a line."""
    own_lines = [number for number, line in enumerate(lines) if line.source == lines[line_index].source]
    position = own_lines.index(line_index)
    return tuple(
        shorten_for_display(lines[number].text)
        for number in own_lines[max(position - EXCERPT_LINES_BEFORE, 0) : position + EXCERPT_LINES_AFTER + 1]
    )
