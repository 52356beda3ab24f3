"""Why a run died, as its log tells: its first error, where that was, and the pattern that it is known by.

One failure is printed many times: by the process that it befell, by every other rank that waited for it, and by
Ray at the driver, wrapped. So the first error counts, of those after the last step: what came before it was survived.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from bot.core.digest import Digest, Kind, kind_of
from bot.core.grammar import find_step, pairs
from bot.core.loglines import cleaned, narrow, prefixed

BEFORE, AFTER = 8, 2
"""Lines of the same process that are shown around an error."""


EXITS = {Kind.KILLED: ("137", "-9"), Kind.CRASHED: ("139", "-11")}
EXIT_MARKS = {
    Kind.KILLED: re.compile(r"137 \(SIGKILL\)|line \d{1,9}: {1,20}\d{1,9} Killed\b"),
    Kind.CRASHED: re.compile(r"139 \(SIGSEGV\)|line \d{1,9}: {1,20}\d{1,9} Segmentation fault"),
}
RETURN_CODES = re.compile(r"ERROR: Job \d{1,9}(?:'s setup)? failed with return code list: *+\[([-\d, ]*+)\]")
"""What SkyPilot says of a job that failed: an exit code for each node."""

MODULES = r"(?:[A-Za-z_]\w*+\.)*+"
RAISED = re.compile(rf"{MODULES}[A-Z](?=\w*[a-z])\w*+(?:\(\w++\))?+(?:: .*|:)?")
"""The line that ends a traceback: a class with its message."""

ERROR = re.compile(rf"{MODULES}[A-Z]\w*(?:Error|Exception): .+")
"""The same where no traceback is to be seen."""

SAID = re.compile(r"verl recipe: .+|ERROR: (?:Could not|No matching|Failed|Cannot) .+")
"""What our recipes and pip say before they give up."""

WRAPPED = re.compile(r"\bray::\S{1,80}?\(\) \(pid=\d{1,9}(?:, ip=([\w.:]{1,64}))?")
"""Ray at the driver names the task that failed, and then prints what that task had printed."""

TRACEBACK = "Traceback (most recent call last):"
SURVIVED = "Exception ignored in"
CHAINED = ("During handling of the above exception", "The above exception was the direct cause")

TORCH_RANK = re.compile(r"\[rank(\d{1,9})\]: ?")
LOGGED = re.compile(r"(?:ERROR|CRITICAL) [\d-]{1,20} [\d:.]{1,20} \[[^\]]*+\] ?")
"""vLLM's logger before each line of a traceback."""

REPEATED = re.compile(r"(?<!\s)\s*+\[repeated \d{1,9}x across cluster\].*")
CHUNK_LINES = 256
"""Lines that are read between two looks at the clock."""

FEWEST_METRICS = 4
"""Of a step's line that is believed between two answers of the model: verl's have dozens."""

ADDRESS = re.compile(r"\bip=([\w.:]{1,64})")
NODE = re.compile(r"\((?=[^()]*+\))[^()]*?\brank=(\d{1,9})\b[^()]*+\)")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log.

    Attributes:
        source: the prefixes of SkyPilot, Ray and torch, which are a process's own.
        text: the rest, indented as it was.
    """

    source: str
    text: str
    rank: int | None = None

    @property
    def node(self) -> int | None:
        """As SkyPilot numbers it."""
        found = NODE.search(self.source)
        return int(found[1]) if found else None

    @property
    def address(self) -> str | None:
        """As Ray gives it: of another node than its driver's."""
        found = ADDRESS.search(NODE.sub("", self.source))
        return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Found:
    """An error, and in which line."""

    at: int
    error: str
    kind: Kind | None = None
    address: str | None = None


@dataclass(slots=True)
class Process:
    """What must be remembered of one process from line to line.

    Attributes:
        samples: whether it prints what the model has answered, which may look like anything.
        traces: whether it prints a traceback; survived: one that Python itself has caught.
        task_address: of the node of the task whose traceback Ray repeats.
        root: the error that its last one came of, or that one itself; chained: whether the next one comes of it too.
    """

    samples: bool = False
    traces: bool = False
    survived: bool = False
    task_address: str | None = None
    root: Found | None = None
    chained: bool = False

    def hear(self, at: int, text: str) -> Found | None:
        """The error that this line is, if it is one."""
        if text.startswith(("[prompt]", "[response]")):
            self.samples = True
        elif text.startswith(("[score]", "[ground_truth]")):
            self.samples = False
        elif not self.samples:
            return self._listen(at, text)
        return None

    def _listen(self, at: int, text: str) -> Found | None:
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
        """A line that is no part of a traceback's inside."""
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
        error: what ended the run; wrapper: what Ray made of it, where nothing else is left; remark: what is often
            survived; exit: how the process ended, which tells least.
    """

    error: Found | None = None
    wrapper: Found | None = None
    remark: Found | None = None
    exit: Found | None = None
    processes: dict[str, Process] = field(default_factory=dict)

    def read(self, at: int, line: Line) -> None:
        process = self.processes.setdefault(line.source, Process())
        metrics = step_metrics(line.text)
        if process.samples and metrics < FEWEST_METRICS:
            process.hear(at, line.text)
        elif metrics:
            process.samples = False
            self.error = self.wrapper = self.remark = None
        elif found := process.hear(at, line.text):
            self._weigh(found, process)
        elif self.wrapper is None and WRAPPED.search(line.text):
            self.wrapper = Found(at, line.text, None, process.task_address)
        elif self.exit is None:
            self.exit = exited(at, line.text)

    def _weigh(self, found: Found, process: Process) -> None:
        """What an error came of counts for more than the error, unless only the error is known."""
        if found.error.startswith("wandb: "):
            self.remark = self.remark or found
        elif self.error is None or (self.error.kind is None and found.kind and process.root is self.error):
            self.error = found

    @property
    def first(self) -> Found | None:
        return self.error or self.wrapper or self.remark or self.exit


def has_time() -> bool:
    return True


def diagnose(text: str, nodes: int = 1, in_time: Callable[[], bool] = has_time) -> Digest | None:
    """The digest of a log's last lines; None where no error is among them.

    Args:
        text: with whatever prefixes and colours it has.
        nodes: of the run.
        in_time: asked every few lines; where there is no time left, what was found so far is told.

    >>> diagnose("(worker1, rank=1, pid=7) Traceback (most recent call last):\\n"
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
    """
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
    """How many numbers a line tells of a step; none where it is another line."""
    found = find_step(text)
    return len(pairs(found[2])) if found else 0


def exited(at: int, text: str) -> Found | None:
    """How a process ended, where its exit code tells."""
    codes = RETURN_CODES.search(text)
    for kind, known in EXITS.items():
        if EXIT_MARKS[kind].search(text) or (codes and set(known) & {one.strip() for one in codes[1].split(",")}):
            return Found(at, text, kind)
    return None


def placed(digest: Digest, found: Found, lines: Sequence[Line], nodes: int) -> Digest:
    """The digest with where it was, as surely as the log tells."""
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
    return replace(digest, node=0) if len(known_nodes) == nodes - 1 else replace(digest, address=address)


def addresses(lines: Iterable[Line]) -> dict[str, int]:
    """The nodes by their IPs: SkyPilot names those of all but the first."""
    sources = {line.source: line.node for line in lines}
    found = {source: (NODE.search(source), node) for source, node in sources.items() if node is not None}
    ips = {match[0]: node for match, node in found.values() if match}
    return {ip[1]: node for prefix, node in ips.items() if (ip := ADDRESS.search(prefix))}


def excerpt(lines: Sequence[Line], at: int) -> tuple[str, ...]:
    """What the process printed around that line."""
    own = [number for number, line in enumerate(lines) if line.source == lines[at].source]
    place = own.index(at)
    return tuple(narrow(lines[number].text) for number in own[max(place - BEFORE, 0) : place + AFTER + 1])
