"""Read a run's files where they are: samples of a step, new lines of a file of metrics, the ends of Ray's logs.

This file is also a program: SkyPilot's nodes get its text as `python3 -c TEXT JSON`, so it imports nothing but Python's
own library, and runs on Python 3.7. What it prints is bounded, whatever the files hold.
"""

from __future__ import annotations

import errno
import heapq
import json
import os
import random
import re
import stat
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

BEGIN_MARK, END_MARK = "verlbot-begin", "verlbot-end"
"""What surrounds the program's answer: a login may print more around it."""

BLOCK_BYTES = 8 * 1024 * 1024
"""Bytes of one read."""

SCAN_SECONDS = 2.0
"""Maximum seconds that the search of a step's file may take; local disks read 400 MB in less than one."""

MAX_LINE_BYTES = 8 * 1024 * 1024
"""Maximum bytes of a line that is parsed; a longer one is left out."""

MAX_NAMES = 100000
"""Maximum names in a folder that are looked at."""

MAX_STEPS = 200
"""Maximum steps that an answer names, the newest ones."""

MAX_FIELDS, MIN_TEXT_BYTES = 40, 64
"""Maximum keys of a sample that are kept, and minimum bytes to which a text is cut."""

HEAD_BYTES = 4096
"""Bytes of a file's first line that tell it from another one."""

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK

NAME_OF_STEP = re.compile(r"(\d{1,9})\.jsonl", re.ASCII)

PROCESS_LOG = re.compile(
    r"(?:raylet|gcs_server|worker-[\w-]{1,150}-(\d{1,9})|python-core-worker-\w{1,150}_(\d{1,9}))\.(?:out|err|log)",
    re.ASCII,
)
"""The names that Ray 2 gives to the logs of its workers and servers."""

MAX_PROCESS_LOGS = 24
"""Maximum logs of processes that are read on a node: those of eight GPUs."""

SCORE_VALUE = re.compile(rb"\s{0,9}(-?[0-9][0-9.eE+-]{0,30}|true|false)")


def pick_samples(folder: int, request: dict[str, Any], clock: Callable[[], float] = time.monotonic) -> dict[str, Any]:
    """Return samples of a step's file in an open folder, with the spread of all its scores.

    Args:
        request: step (or None), order, count, seed, score_keys, and max_bytes of the answer.
    """
    steps = sorted(int(match.group(1)) for match in map(NAME_OF_STEP.fullmatch, list_names(folder)) if match)
    step = request["step"] if request["step"] is not None else max(steps, default=None)
    answer: dict[str, Any] = {"steps": steps[-MAX_STEPS:], "step": step if step in steps else None}
    if step not in steps:
        return answer
    file = os.open(f"{step}.jsonl", FILE_FLAGS, dir_fd=folder)
    try:
        scan = StepScan(request, clock)
        scan.read(file)
        answer.update(scan.summarize())
        answer["samples"] = cut_samples(scan.load(file), request["max_bytes"])
    finally:
        os.close(file)
    return answer


def list_names(folder: int) -> list[str]:
    """Return the names in an open folder, at most `MAX_NAMES`."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in islice(entries, MAX_NAMES)]


class StepScan:
    """A search through a step's file for the lines to show. It keeps places alone, so a file of any size fits."""

    def __init__(self, request: dict[str, Any], clock: Callable[[], float]) -> None:
        self.order, self.count = request["order"], request["count"]
        self.keys = [b'"' + key.encode() + b'":' for key in request["score_keys"]]
        self.random = random.Random(request["seed"])  # noqa: S311  # a choice of samples is no secret
        self.clock = clock
        self.size = self.read_bytes = self.total = self.scored = 0
        self.low, self.high, self.sum = float("inf"), float("-inf"), 0.0
        self.kept: list[tuple[float, int, int, int]] = []

    def read(self, file: int) -> None:
        """Scan the file line by line, until the time is over."""
        status = os.fstat(file)
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else 0
        deadline = self.clock() + SCAN_SECONDS
        for at, line in iterate_lines(file, self.size):
            self.total += 1
            self.read_bytes = at + len(line) + 1
            self.offer(find_score(line, self.keys), at, len(line))
            if self.total % 64 == 0 and self.clock() > deadline:
                break
        else:
            self.read_bytes = self.size

    def offer(self, score: float | None, at: int, length: int) -> None:
        """Count a line, and keep its place where it is among the wanted ones."""
        if score is not None:
            self.scored += 1
            self.sum += score
            self.low, self.high = min(self.low, score), max(self.high, score)
        if self.order == "random":
            rank = self.random.random()
        else:
            rank = float("-inf") if score is None else score if self.order == "best" else -score
        entry = (rank, -self.total, at, length)
        if len(self.kept) < self.count:
            heapq.heappush(self.kept, entry)
        elif entry > self.kept[0]:
            heapq.heapreplace(self.kept, entry)

    def summarize(self) -> dict[str, Any]:
        """Return how much was read, and the spread of the scores."""
        share = self.read_bytes / self.size if self.size else 1.0
        summary: dict[str, Any] = {"total": self.total, "share": share}
        if self.scored:
            mean = self.sum / self.scored
            summary["scores"] = {"count": self.scored, "low": self.low, "mean": mean, "high": self.high}
        return summary

    def load(self, file: int) -> list[dict[str, Any]]:
        """Return the samples of the places that were kept, those that come first in the order first."""
        samples = []
        for _, number, at, length in sorted(self.kept, reverse=True):
            fields = parse_line(os.pread(file, length, at)) if length <= MAX_LINE_BYTES else None
            if fields is not None:
                samples.append({"number": -number, "fields": fields})
        return samples


def iterate_lines(file: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield each complete line with its place; of a line that is too long, only its beginning."""
    at, rest = 0, b""
    while at < size:
        block = os.pread(file, min(BLOCK_BYTES, size - at), at)
        if not block:
            return
        start, begun, text = 0, at - len(rest), rest + block
        end = text.find(b"\n", len(rest))
        while end >= 0:
            yield begun + start, text[start:end]
            start = end + 1
            end = text.find(b"\n", start)
        at += len(block)
        rest = text[start:]
        if len(rest) > MAX_LINE_BYTES:
            at, rest = skip_line(file, at, size), b""


def skip_line(file: int, at: int, size: int) -> int:
    """Return where the line after this place begins."""
    while at < size:
        block = os.pread(file, min(BLOCK_BYTES, size - at), at)
        end = block.find(b"\n")
        if end >= 0 or not block:
            return at + end + 1 if block else size
        at += len(block)
    return size


def find_score(line: bytes, keys: list[bytes]) -> float | None:
    """Return the number under the first of these keys, without parsing the line.

    A quote inside a text of JSON has a backslash before it, so that a quote after a blank, a comma or a brace begins a
    key.
    """
    for key in keys:
        at = line.rfind(key)
        while at > 0 and line[at - 1] not in b" ,{":
            at = line.rfind(key, 0, at)
        value = SCORE_VALUE.match(line, at + len(key)) if at > 0 else None
        if value is not None:
            return to_score(value.group(1))
    return None


def to_score(text: bytes) -> float | None:
    """Return a finite number of JSON; None for any other text."""
    if text in (b"true", b"false"):
        return float(text == b"true")
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def parse_line(line: bytes) -> dict[str, Any] | None:
    """Return the document of a line; None where it is none."""
    try:
        document = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def cut_samples(samples: list[dict[str, Any]], max_bytes: int) -> list[dict[str, Any]]:
    """Return the samples with their texts cut, so that all of them fit into so many bytes."""
    for sample in samples:
        cut_fields(sample, max_bytes // (len(samples) + 1))
    while samples and measure(samples) > max_bytes:
        samples.pop()
    return samples


def cut_fields(sample: dict[str, Any], max_bytes: int) -> None:
    """Cut a sample's longest texts, until it fits; the beginning and the end of a text are kept."""
    fields = dict(list(sample["fields"].items())[:MAX_FIELDS])
    texts = {key[:200]: value if is_plain(value) else dump(value) for key, value in fields.items()}
    sample["fields"] = texts
    limit = max_bytes
    while measure(sample) > max_bytes and limit > MIN_TEXT_BYTES:
        limit = limit * 2 // 3
        for key, value in texts.items():
            if isinstance(value, str) and measure(value) > limit:
                texts[key], sample["cut"] = cut_middle(value, limit), True


def is_plain(value: object) -> bool:
    """Return whether a value may be passed on as it is: a text, a number of usual length, or nothing."""
    return isinstance(value, (str, float, bool)) or value is None or (isinstance(value, int) and abs(value) < 1 << 62)


def cut_middle(text: str, max_bytes: int) -> str:
    """Return the beginning and the end of a text, with a mark between them."""
    room = len(text) * max(max_bytes - 16, 16) // max(measure(text), 1) // 2
    return text[:room] + "\n[…]\n" + text[len(text) - room :]


def dump(value: object) -> str:
    """Return a value as JSON."""
    return json.dumps(value, ensure_ascii=False)


def measure(value: object) -> int:
    """Return how many bytes a value takes as JSON."""
    return len(dump(value).encode("utf-8", "replace"))


def read_new_lines(folder: int, request: dict[str, Any]) -> dict[str, Any]:
    """Return the lines that a file of metrics has beyond a place; of several files, the newest, the old one first.

    Args:
        request: prefix of the names, name, identity and offset of the last read, and max_bytes of the answer.
    """
    names = [name for _, name in sorted(find_metrics_files(folder, request["prefix"]))]
    known = request["name"] if request["name"] in names else ""
    for name in dict.fromkeys([known, *names[-1:]]):
        part = read_file_part(folder, name, request) if name else {}
        if part and (part["text"] or name == names[-1]):
            return part
    return {}


def find_metrics_files(folder: int, prefix: str) -> Iterator[tuple[float, str]]:
    """Yield the time and the name of each file of metrics."""
    for name in list_names(folder):
        if name.startswith(prefix) and name.endswith(".jsonl"):
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                yield status.st_mtime, name


def read_file_part(folder: int, name: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return the complete lines of one file beyond a place; from its beginning, where it is another file by now.

    A restart of verl empties its file, so that a file shorter than the place is another one.
    """
    file = os.open(name, FILE_FLAGS, dir_fd=folder)
    try:
        status = os.fstat(file)
        identity = identify_file(file, status.st_ino)
        is_same = (name, identity) == (request["name"], request["identity"]) and request["offset"] <= status.st_size
        offset = request["offset"] if is_same else 0
        block = os.pread(file, request["max_bytes"], offset)
    finally:
        os.close(file)
    # Of a line that is longer than a whole answer, nothing is passed on.
    end = block.rfind(b"\n") + 1
    length = end or (len(block) if len(block) == request["max_bytes"] else 0)
    return {
        "name": name,
        "identity": identity,
        "offset": offset + length,
        "text": block[:end].decode("utf-8", "replace"),
        "more": length > 0 and offset + length < status.st_size,
    }


def identify_file(file: int, inode: int) -> str:
    """Return what tells a file from a later one of the same place: its first line differs, by its times alone."""
    return "{}-{:x}".format(inode, zlib.crc32(os.pread(file, HEAD_BYTES, 0).partition(b"\n")[0]))


def read_process_logs(folder: int, request: dict[str, Any]) -> dict[str, Any]:
    """Return the ends of the logs in Ray's newest session: of the named processes, of Ray's server, then the newest.

    The request has the pids of the named processes, and max_bytes of the answer.
    """
    logs = open_session(folder)
    try:
        answer: dict[str, Any] = {"logs": []}
        for rank, _, name in sorted(list_process_logs(logs, request["pids"])):
            text = read_end(logs, name, request["max_bytes"] // (4 if rank < 2 else 10))
            answer["logs"].append({"name": name, "text": text})
            if not text.strip() or measure(answer) > request["max_bytes"]:
                answer["logs"].pop()
        return answer
    finally:
        os.close(logs)


def open_session(folder: int) -> int:
    """Return the open folder of the newest session's logs. A link counts by the last part of its target alone."""
    try:
        name = os.path.basename(os.readlink("session_latest", dir_fd=folder))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        name = "session_latest"
    session = os.open(name, FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
    try:
        return os.open("logs", FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=session)
    finally:
        os.close(session)


def list_process_logs(logs: int, pids: list[int]) -> Iterator[tuple[int, float, str]]:
    """Yield the rank, the age and the name of the logs to read: at most `MAX_PROCESS_LOGS`, the newest ones."""
    candidates = []
    for match in filter(None, map(PROCESS_LOG.fullmatch, list_names(logs))):
        status = os.stat(match.group(), dir_fd=logs, follow_symlinks=False)
        if stat.S_ISREG(status.st_mode) and status.st_size:
            is_named = int(match.group(1) or match.group(2) or -1) in pids
            rank = 0 if is_named else 1 if match.group().startswith("raylet") else 2
            candidates.append((rank, -status.st_mtime, match.group()))
    return iter(heapq.nsmallest(MAX_PROCESS_LOGS, candidates))


def read_end(folder: int, name: str, max_bytes: int) -> str:
    """Return the lines at the end of a file, the first one complete: it could begin within a secret."""
    with os.fdopen(os.open(name, FILE_FLAGS, dir_fd=folder), "rb") as file:
        begin = max(os.fstat(file.fileno()).st_size - max_bytes, 0)
        block = os.pread(file.fileno(), max_bytes, begin)
    return (block.partition(b"\n")[2] if begin else block).decode("utf-8", "replace")


def create_request(folder: int, request: dict[str, Any]) -> dict[str, Any]:
    """Create the empty file that asks the program for something; it may be there already."""
    os.close(os.open(request["name"], os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=folder))
    return {"created": True}


READERS: dict[str, Callable[..., dict[str, Any]]] = {
    "samples": pick_samples,
    "metrics": read_new_lines,
    "processes": read_process_logs,
    "request": create_request,
}


def main(request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a request for the files of a folder, below the home of the user."""
    try:
        folder = os.open(os.path.expanduser(request["path"]), FOLDER_FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    try:
        return READERS[request["reader"]](folder, request)
    except OSError as error:
        return {"error": str(error.strerror)}
    finally:
        os.close(folder)


if __name__ == "__main__":
    answer_bytes = dump(main(json.loads(sys.argv[1]))).encode("utf-8", "replace")
    sys.stdout.buffer.write(b"\n".join([BEGIN_MARK.encode(), answer_bytes, END_MARK.encode(), b""]))
