"""Finds in a log why a run died: the first error, where it happened, and which known pattern it matches.

One failure is printed many times: by the process that failed, by every other rank that waited for that process, and by
Ray at the driver, wrapped. So the first error counts, among those after the last step: the training survived all
earlier ones.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from bot.core.digest import Digest, Kind, kind_of
from bot.core.grammar import find_step, pairs
from bot.core.loglines import cleaned, narrow, prefixed

BEFORE, AFTER = 8, 2
"""Lines of the same process that are shown before and after an error."""


EXITS = {Kind.KILLED: ("137", "-9"), Kind.CRASHED: ("139", "-11")}
EXIT_MARKS = {
    Kind.KILLED: re.compile(r"137 \(SIGKILL\)|line \d{1,9}: {1,20}\d{1,9} Killed\b"),
    Kind.CRASHED: re.compile(r"139 \(SIGSEGV\)|line \d{1,9}: {1,20}\d{1,9} Segmentation fault"),
}
RETURN_CODES = re.compile(r"ERROR: Job \d{1,9}(?:'s setup)? failed with return code list: *+\[([-\d, ]*+)\]")
"""What SkyPilot prints about a job that failed: an exit code for each node."""

MODULES = r"(?:[A-Za-z_]\w*+\.)*+"
RAISED = re.compile(rf"{MODULES}[A-Z](?=\w*[a-z])\w*+(?:\(\w++\))?+(?:: .*|:)?")
"""The line that ends a traceback: an exception class with its message."""

ERROR = re.compile(rf"{MODULES}[A-Z]\w*(?:Error|Exception): .+")
"""The same line, where no traceback was printed."""

SAID = re.compile(r"verl recipe: .+|ERROR: (?:Could not|No matching|Failed|Cannot) .+")
"""What our recipes and pip print before they give up."""

WRAPPED = re.compile(r"\bray::\S{1,80}?\(\) \(pid=\d{1,9}(?:, ip=([\w.:]{1,64}))?")
"""Ray's line at the driver that names the failed task; Ray then prints what that task had printed."""

TRACEBACK = "Traceback (most recent call last):"
SURVIVED = "Exception ignored in"
CHAINED = ("During handling of the above exception", "The above exception was the direct cause")

TORCH_RANK = re.compile(r"\[rank(\d{1,9})\]: ?")
LOGGED = re.compile(r"(?:ERROR|CRITICAL) [\d-]{1,20} [\d:.]{1,20} \[[^\]]*+\] ?")
"""What vLLM's logger prints before each line of a traceback."""

REPEATED = re.compile(r"(?<!\s)\s*+\[repeated \d{1,9}x across cluster\].*")
CHUNK_LINES = 256
"""Lines that are read between two looks at the clock."""

FEWEST_METRICS = 4
"""Minimum number of metrics of a step line between two answers of the model: verl's lines have dozens."""

ADDRESS = re.compile(r"\bip=([\w.:]{1,64})")
NODE = re.compile(r"\((?=[^()]*+\))[^()]*?\brank=(\d{1,9})\b[^()]*+\)")


@dataclass(frozen=True, slots=True)
class Line:
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
        found = NODE.search(self.source)
        return int(found[1]) if found else None

    @property
    def address(self) -> str | None:
        """Return the node's IP as Ray prints it; None for Ray's lines from the driver's own node."""
        found = ADDRESS.search(NODE.sub("", self.source))
        return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Found:
    """An error, and the index of the line that reports it."""

    at: int
    error: str
    kind: Kind | None = None
    address: str | None = None


@dataclass(slots=True)
class Process:
    """State of one process while its lines are read.

    Attributes:
        prints_samples: whether the process is printing the model's answers, which may look like anything.
        prints_traceback: whether it is printing a traceback.
        is_exception_ignored: whether Python itself has caught that exception.
        task_address: IP of the node of the task whose traceback Ray repeats.
        root_error: the error that caused its last error, or that error itself.
        is_next_chained: whether the next error is caused by it too.
    """

    samples: bool = False
    traces: bool = False
    survived: bool = False
    task_address: str | None = None
    root: Found | None = None
    chained: bool = False

    def hear(self, at: int, text: str) -> Found | None:
        """Return the error that a line reports, if it reports one."""
        if text.startswith(("[prompt]", "[response]")):
            self.samples = True
        elif text.startswith(("[score]", "[ground_truth]")):
            self.samples = False
        elif not self.samples:
            return self._listen(at, text)
        return None

    def _listen(self, at: int, text: str) -> Found | None:
        """Return the error of a line outside the model's answers; record where a traceback begins."""
        if text.startswith(CHAINED):
            self.chained = True
        elif text.startswith(SURVIVED):
            self.survived = True
        elif text.startswith(TRACEBACK):
            self.traces = True
        elif found := WRAPPED.search(text):
            self.traces, self.task_address = True, found[1]
        elif not (self.traces and text[:1].isspace()):
            return self._judge(at, text)
        return None

    def _judge(self, at: int, text: str) -> Found | None:
        """Return the error of a line that is not inside a traceback."""
        ends_trace = self.traces and RAISED.fullmatch(text) is not None
        kind = kind_of(text)
        if not (ends_trace or kind or ERROR.fullmatch(text) or SAID.fullmatch(text)):
            return None
        survived = self.survived
        if ends_trace:
            self.traces = self.survived = False
        if survived:
            return None
        found = Found(at, text, kind, self.task_address)
        if not self.chained:
            self.root = found
        self.chained = False
        return found


@dataclass(slots=True)
class Search:
    """The first error of each weight.

    Attributes:
        error: what ended the run.
        wrapper: Ray's line about the failed task; it counts where no error itself is in the log.
        remark: an error that runs often survive.
        exit: the exit code of a process, which explains least.
        processes: the state of each process, by its prefixes.
    """

    error: Found | None = None
    wrapper: Found | None = None
    remark: Found | None = None
    exit: Found | None = None
    processes: dict[str, Process] = field(default_factory=dict)

    def read(self, at: int, line: Line) -> None:
        """Record the error that a line reports, or that the training survived the earlier ones."""
        process = self.processes.setdefault(line.source, Process())
        metrics = step_metrics(line.text)
        # The model's answers may look like an error or a short step line; only a real step line ends them.
        if process.samples and metrics < FEWEST_METRICS:
            process.hear(at, line.text)
        elif metrics:
            process.samples = False
            # Another step after an error: the training survived everything so far.
            self.error = self.wrapper = self.remark = None
        elif found := process.hear(at, line.text):
            self._weigh(found, process)
        elif self.wrapper is None and WRAPPED.search(line.text):
            self.wrapper = Found(at, line.text, None, process.task_address)
        elif self.exit is None:
            self.exit = exited(at, line.text)

    def _weigh(self, found: Found, process: Process) -> None:
        """Record an error.

        The error that caused it counts for more, unless only the later one matches a known pattern.
        """
        # W&B reports many errors that do not stop a training.
        if found.error.startswith("wandb: "):
            self.remark = self.remark or found
        elif self.error is None or (self.error.kind is None and found.kind and process.root is self.error):
            self.error = found

    @property
    def first(self) -> Found | None:
        """Return the error that explains most; None where the log has none."""
        return self.error or self.wrapper or self.remark or self.exit


def has_time() -> bool:
    """Return True: the default for a diagnosis without a time limit."""
    return True


def diagnose(text: str, nodes: int = 1, in_time: Callable[[], bool] = has_time) -> Digest | None:
    r"""Return the failure summary of a log's last lines; None where they contain no error.

    Args:
        text: the lines, with any prefixes and colours.
        nodes: number of nodes of the run.
        in_time: called every `LINES_PER_TIME_CHECK` lines. Once it returns False, the summary covers the lines read so
            far.

    >>> diagnose("(worker1, rank=1, pid=7) Traceback (most recent call last):\n"
    ...          "(worker1, rank=1, pid=7) RuntimeError: CUDA out of memory.", nodes=2)
    ... # doctest: +ELLIPSIS
    Digest(error='RuntimeError: CUDA out of memory.', kind=<Kind.GPU_MEMORY: 'gpu_memory'>, node=1, ...)
    """
    lines: list[Line] = []
    search = Search()
    for at, one in enumerate(cleaned(text)):
        if at % CHUNK_LINES == 0 and not in_time():
            break
        lines.append(line_of(one))
        search.read(at, lines[-1])
    found = search.first
    if found is None:
        return None
    line = lines[found.at]
    digest = Digest(error=narrow(" ".join(found.error.split())), kind=found.kind, rank=line.rank)
    if found is not search.exit:
        digest = replace(digest, excerpt=excerpt(lines, found.at))
    return placed(digest, found, lines, nodes)


def line_of(text: str) -> Line:
    """Return a line split into its prefixes, its text and its rank.

    >>> line_of("(head, rank=0, pid=1) [rank3]:   File x")
    Line(source='(head, rank=0, pid=1) [rank3]', text='  File x', rank=3)
    """
    prefix, body = prefixed(text)
    rank = None
    if found := TORCH_RANK.match(body):
        rank, body = int(found[1]), body[found.end() :]
        prefix = f"{prefix}[rank{rank}]"
    if found := LOGGED.match(body):
        body = body[found.end() :]
    return Line(prefix.strip(), REPEATED.sub("", body), rank)


def step_metrics(text: str) -> int:
    """Return how many metrics of a step a line has; 0 for any other line."""
    found = find_step(text)
    return len(pairs(found[2])) if found else 0


def exited(at: int, text: str) -> Found | None:
    """Return the error that a process's exit code shows; None where the line has no such code."""
    codes = RETURN_CODES.search(text)
    for kind, known in EXITS.items():
        if EXIT_MARKS[kind].search(text) or (codes and set(known) & {one.strip() for one in codes[1].split(",")}):
            return Found(at, text, kind)
    return None


def placed(digest: Digest, found: Found, lines: Sequence[Line], nodes: int) -> Digest:
    """Return the summary with the node where the failure happened, as far as the log is certain about it."""
    if nodes < 2:
        return digest
    line = lines[found.at]
    if codes := RETURN_CODES.search(line.text):
        known = EXITS.get(found.kind, ()) if found.kind else ()
        each = [code.strip() for code in codes[1].split(",")]
        return replace(digest, node=next((node for node, code in enumerate(each) if code in known), None))
    address = found.address or line.address
    if address is None:
        return replace(digest, node=line.node)
    known_nodes = addresses(lines)
    if address in known_nodes:
        return replace(digest, node=known_nodes[address])
    # SkyPilot prints no IP of the first node, so an unknown IP is that node's once all others are known.
    return replace(digest, node=0) if len(known_nodes) == nodes - 1 else replace(digest, address=address)


def addresses(lines: Iterable[Line]) -> dict[str, int]:
    """Return the nodes by their IPs. SkyPilot prints the IPs of all nodes but the first."""
    sources = {line.source: line.node for line in lines}
    found = {source: (NODE.search(source), node) for source, node in sources.items() if node is not None}
    ips = {match[0]: node for match, node in found.values() if match}
    return {ip[1]: node for prefix, node in ips.items() if (ip := ADDRESS.search(prefix))}


def excerpt(lines: Sequence[Line], at: int) -> tuple[str, ...]:
    """Return the lines that the same process printed around a line."""
    own = [number for number, line in enumerate(lines) if line.source == lines[at].source]
    place = own.index(at)
    return tuple(narrow(lines[number].text) for number in own[max(place - BEFORE, 0) : place + AFTER + 1])
