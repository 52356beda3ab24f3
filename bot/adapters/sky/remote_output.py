"""Bounded output of what is remote: the end of a streamed log, and programs such as SSH or rsync, which end in time."""

import os
import resource
import selectors
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from bot.errors import BeingStopped, Unavailable
from bot.phrase import N_, Phrase

STREAM_BLOCK_BYTES = 65_536


@contextmanager
def disable_decoding() -> Iterator[None]:
    """Make SkyPilot's client return streams undecoded, as `requests.Response`. Not public; measured with 0.14.1."""
    from sky.utils import rich_utils  # noqa: PLC0415

    decode = rich_utils.decode_rich_status
    rich_utils.decode_rich_status = lambda response, *_: response
    try:
        yield
    finally:
        rich_utils.decode_rich_status = decode


def read_end(open_stream: Callable[[], Any], max_bytes: int) -> str:
    """Return the end of a stream of SkyPilot's client: complete lines, except perhaps the last one.

    Args:
        max_bytes: maximum bytes in memory at any moment; of a longer stream, the line that would be cut is left out.
    """
    with disable_decoding():
        response = open_stream()
    return decode_end(response.iter_content(STREAM_BLOCK_BYTES), max_bytes)


def decode_end(blocks: Iterable[bytes], max_bytes: int) -> str:
    r"""Return the text at the end of a stream.

    >>> blocks = [b"first\nsecond\n", b"third\nfour"]
    >>> decode_end(blocks, 100).split(), decode_end(blocks, 12), decode_end([b"x" * 9, b"x" * 9], 10)
    (['first', 'second', 'third', 'four'], 'third\nfour', '')
    """
    buffer: deque[bytes] = deque()
    size, is_cut = 0, False
    for block in blocks:
        buffer.append(block)
        size += len(block)
        while size - len(buffer[0]) >= max_bytes:
            size -= len(buffer.popleft())
            is_cut = True
    content = b"".join(buffer)
    # The first line may be cut, so it is left out.
    if is_cut or len(content) > max_bytes:
        content = content[-max_bytes:].partition(b"\n")[2]
    return content.decode(errors="replace")


POLL_SECONDS = 0.25
"""Seconds between two checks of a running program. rsync writes as fast as the network, up to a gigabyte a second."""

GRACE_SECONDS = 2.0
"""Seconds for a program to end after SIGTERM."""

PIPE_BLOCK_BYTES = 65_536

STDERR_BYTES = 8_192
"""Maximum bytes that are kept of a program's standard error, from its end."""

SSH_FAILED = N_("I could not read the cluster by SSH: {why}")
NO_PROGRAM = N_("`{program}`, which downloads models, is not installed on the bot's machine.")
BOT_STOPPING = N_("The bot is stopping.")


@dataclass(slots=True)
class ProgramOutput:
    """A program's output and its exit code.

    Attributes:
        stdout: the beginning of its standard output, or all of it.
        stderr: the end of its standard error.
    """

    exit_code: int = 0
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)

    @property
    def reason(self) -> str:
        """Return the line of the standard error that says why the program failed."""
        return find_error_line(self.stderr.decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class Program:
    """A program and its bounds.

    Attributes:
        command: with its options; environment: all variables that it sees; stopping: whether the bot stops.
        seconds: its deadline, or None for none.
        max_output_bytes: of its standard output; more than that is an error.
        max_file_bytes: that it may write to one file; 0 for any number.
        inherited_files: open files that it inherits.
        watch: called while it runs; an exception of it ends the program.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    stopping: Event
    seconds: float | None = None
    max_output_bytes: int = 0
    max_file_bytes: int = 0
    inherited_files: Sequence[int] = ()
    watch: Callable[[], None] | None = None

    def run(self) -> ProgramOutput:
        """Run the program to its end and return its output.

        Raises:
            BeingStopped: the bot stops. Unavailable: the program is not installed, is too slow, or writes too much.
        """
        try:
            process = subprocess.Popen(  # noqa: S603  # a fixed program with validated paths
                self.command,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=self.inherited_files,
            )
        except FileNotFoundError as error:
            raise Unavailable(Phrase(NO_PROGRAM, program=self.command[0])) from error
        try:
            self._limit_file_size(process)
            return self._collect_output(process)
        finally:
            end_program(process)

    def _limit_file_size(self, process: subprocess.Popen[bytes]) -> None:
        """Set the kernel's limit on file sizes; on a system without `prlimit`, `watch` alone limits them."""
        if self.max_file_bytes and hasattr(resource, "prlimit"):
            with suppress(ProcessLookupError):
                _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
                limit = self.max_file_bytes if hard < 0 else min(self.max_file_bytes, hard)
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, hard))

    def _collect_output(self, process: subprocess.Popen[bytes]) -> ProgramOutput:
        """Read the program's output until it ends."""
        deadline = None if self.seconds is None else time.monotonic() + self.seconds
        output = ProgramOutput()
        with selectors.DefaultSelector() as pipes:
            for pipe, buffer in ((process.stdout, output.stdout), (process.stderr, output.stderr)):
                if pipe:
                    pipes.register(pipe, selectors.EVENT_READ, buffer)
            while pipes.get_map():
                for key, _ in pipes.select(POLL_SECONDS):
                    if not self._read_block(key.fd, key.data, key.data is output.stdout):
                        pipes.unregister(key.fileobj)
                self._check(process, deadline)
        while True:
            self._check(process, deadline)
            with suppress(subprocess.TimeoutExpired):
                output.exit_code = process.wait(POLL_SECONDS)
                return output

    def _read_block(self, descriptor: int, buffer: bytearray, is_output: bool) -> bool:
        """Read the bytes that are there; return False at the end of the stream.

        Raises:
            Unavailable: the standard output is too long.
        """
        block = os.read(descriptor, PIPE_BLOCK_BYTES)
        buffer += block
        if is_output and len(buffer) > self.max_output_bytes:
            raise Unavailable(Phrase(SSH_FAILED, why=Phrase("its output is too long.")))
        if not is_output:
            del buffer[:-STDERR_BYTES]
        return bool(block)

    def _check(self, process: subprocess.Popen[bytes], deadline: float | None) -> None:
        """Raise an error where the bot stops or the deadline has passed, and call `watch`.

        Raises:
            BeingStopped: the bot stops.
            Unavailable: the deadline has passed.
        """
        if self.stopping.is_set():
            raise BeingStopped(Phrase(BOT_STOPPING))
        if deadline is not None and time.monotonic() > deadline:
            raise Unavailable(Phrase(SSH_FAILED, why=Phrase("it did not answer in time.")))
        if self.watch:
            self.watch()


def end_program(process: subprocess.Popen[bytes]) -> None:
    """End the program if it still runs. rsync keeps the part of a file that it has, so that a later copy resumes."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    process.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()


def find_error_line(text: str) -> str:
    r"""Return the last line that SSH has written, or else rsync, whose own messages say less.

    >>> find_error_line("ssh: no route to host\nrsync error: unexplained error (code 255)\n")
    'ssh: no route to host'
    """
    lines = [line.strip() for line in reversed(text.splitlines()) if line.strip()]
    return next((line for line in lines if not line.startswith("rsync")), next(iter(lines), ""))
