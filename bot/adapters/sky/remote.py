"""A program that reaches a cluster, such as SSH or rsync: what it writes is bounded, and it ends in time."""

import os
import resource
import selectors
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event

from bot.errors import BeingStopped, Unavailable
from bot.language import mark, say

LOOK_SECONDS = 0.25
"""Between two looks at a program that runs. rsync writes as fast as the network: a gigabyte a second on a fast one."""

GRACE_SECONDS = 2.0
"""For a program to end that is asked to."""

BLOCK_BYTES = 65_536

COMPLAINT_BYTES = 8_192
"""Of what a program says on its standard error, from its end."""

FAILED = mark("Its cluster could not be read by SSH: {why}")
NO_PROGRAM = mark("The bot's machine lacks `{program}`, which fetches models.")
STOPPED = mark("The bot is being stopped.")


@dataclass(slots=True)
class ProgramOutput:
    """What a program has written, and how it has ended.

    Attributes:
        standard: its standard output from its beginning, whether or not all of it.
        complaint: its standard error from its end.
    """

    code: int = 0
    standard: bytearray = field(default_factory=bytearray)
    complaint: bytearray = field(default_factory=bytearray)

    @property
    def reason(self) -> str:
        return last_line(self.complaint.decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class Program:
    """How a program is run.

    Attributes:
        words: with its options; environment: all that it sees of the environment; over: whether the bot ends.
        seconds: for it to end, or None for as long as it takes.
        most_bytes: of its standard output, which is not read beyond.
        most_of_one_file: bytes that it may write to one file; 0 for any number.
        held: open files that it keeps.
        watch: called while it runs; what it raises ends the program.
    """

    words: Sequence[str]
    environment: Mapping[str, str]
    over: Event
    seconds: float | None = None
    most_bytes: int = 0
    most_of_one_file: int = 0
    held: Sequence[int] = ()
    watch: Callable[[], None] | None = None

    def run(self) -> ProgramOutput:
        """Run it to its end.

        Raises:
            BeingStopped: the bot ends. Unavailable: the program is not there, is too slow, or says too much.
        """
        try:
            process = subprocess.Popen(  # noqa: S603  # a program of ours, and paths that are plain
                self.words,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=self.held,
            )
        except FileNotFoundError as error:
            raise Unavailable(say(NO_PROGRAM, program=self.words[0])) from error
        try:
            self._bound(process)
            return self._follow(process)
        finally:
            end_program(process)

    def _bound(self, process: subprocess.Popen[bytes]) -> None:
        """Set a limit that the kernel keeps; where the system has none, the watch alone does."""
        if self.most_of_one_file and hasattr(resource, "prlimit"):
            with suppress(ProcessLookupError):
                _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
                most = self.most_of_one_file if hard < 0 else min(self.most_of_one_file, hard)
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, hard))

    def _follow(self, process: subprocess.Popen[bytes]) -> ProgramOutput:
        deadline = None if self.seconds is None else time.monotonic() + self.seconds
        output = ProgramOutput()
        with selectors.DefaultSelector() as pipes:
            for pipe, into in ((process.stdout, output.standard), (process.stderr, output.complaint)):
                if pipe:
                    pipes.register(pipe, selectors.EVENT_READ, into)
            while pipes.get_map():
                for key, _ in pipes.select(LOOK_SECONDS):
                    if not self._take(key.fd, key.data, key.data is output.standard):
                        pipes.unregister(key.fileobj)
                self._look(process, deadline)
        while True:
            self._look(process, deadline)
            with suppress(subprocess.TimeoutExpired):
                output.code = process.wait(LOOK_SECONDS)
                return output

    def _take(self, descriptor: int, into: bytearray, is_output: bool) -> bool:
        """Take in what is there; False at its end."""
        block = os.read(descriptor, BLOCK_BYTES)
        into += block
        if is_output and len(into) > self.most_bytes:
            raise Unavailable(say(FAILED, why=say("it says too much.")))
        if not is_output:
            del into[:-COMPLAINT_BYTES]
        return bool(block)

    def _look(self, process: subprocess.Popen[bytes], deadline: float | None) -> None:
        if self.over.is_set():
            raise BeingStopped(say(STOPPED))
        if deadline is not None and time.monotonic() > deadline:
            raise Unavailable(say(FAILED, why=say("no answer in time.")))
        if self.watch:
            self.watch()


def end_program(process: subprocess.Popen[bytes]) -> None:
    """End what has not ended: rsync keeps what it has of a file, so that a later one goes on from there."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    process.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()


def last_line(text: str) -> str:
    """Return the last line that SSH has written, or else rsync, whose own words tell less.

    >>> last_line("ssh: no route to host\\nrsync error: unexplained error (code 255)\\n")
    'ssh: no route to host'
    """
    lines = [line.strip() for line in reversed(text.splitlines()) if line.strip()]
    return next((line for line in lines if not line.startswith("rsync")), next(iter(lines), ""))
