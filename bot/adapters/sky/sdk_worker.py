"""Runs calls to SkyPilot's SDK in processes of their own, each of which ends at its deadline."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from multiprocessing.connection import Connection
from threading import BoundedSemaphore, Lock
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from bot.errors import BeingStopped, Unavailable, UserError
from bot.phrase import N_, Phrase
from bot.runtime.process_guard import forbid_dumps

P = ParamSpec("P")
T = TypeVar("T")

PRELOADED_MODULES = ["sky", "bot.adapters.sky.sdk_clusters", "bot.adapters.sky.sdk_jobs"]
"""Modules imported once, in the process that the others are forked from: 2 to 5 s and 160 MB once, 20 ms a call."""

NO_ANSWER = N_("SkyPilot did not answer within {seconds} s.")

BOT_STOPPING = N_("The bot is stopping.")

GRACE_SECONDS = 2.0
"""Seconds after a process's own alarm until its end must have been noticed."""


class SdkExecutor(Protocol):
    """Runs calls of SkyPilot's SDK, in this process or in another."""

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of an SDK call.

        Raises:
            Unavailable: no answer, or none in time; the call may have taken effect.
            UserError: the call was refused, and had no effect.
        """

    def stop(self) -> None: ...


class SdkWorker:
    """One process a call: forking is cheap, killing is reliable, and an abandoned call cannot be sent later.

    Each process sets an alarm of its own, so that it ends in time even where the bot was killed meanwhile.

    Args:
        environment: all variables that the calls see; the bot's own tokens are not among them.
        seconds: deadline of one call; a call that waits that long for a slot is abandoned.
        concurrency: maximum number of calls at once; a small API server answers more of them slower.
        shares: the maximum share of the slots for each slow function, so that neither an observation nor a removal
            waits behind it, nor one slow function behind another.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        seconds: float,
        concurrency: int = 4,
        shares: Mapping[Callable[..., Any], float] | None = None,
    ) -> None:
        self._environment = dict(environment)
        self._seconds = seconds
        self._slots = BoundedSemaphore(concurrency)
        self._share_slots = {
            function: BoundedSemaphore(max(int(concurrency * fraction), 1))
            for function, fraction in (shares or {}).items()
        }
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED_MODULES)
        self._processes: set[Any] = set()
        self._lock = Lock()
        self._stopping = False

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        share = self._share_slots.get(function)
        with self._reserve_slot(share) if share else nullcontext(), self._reserve_slot(self._slots):
            return self._call_in_child(function, args, kwargs)

    def stop(self) -> None:
        """End the calls under way; their callers get an error that says that there is no answer."""
        with self._lock:
            self._stopping = True
            for process in self._processes:
                process.kill()

    @contextmanager
    def _reserve_slot(self, slots: BoundedSemaphore) -> Iterator[None]:
        """Wait for a slot and occupy it for the duration of the block.

        Raises:
            Unavailable: no slot was free before the deadline.
        """
        if not slots.acquire(timeout=self._seconds):
            raise Unavailable(Phrase("SkyPilot is slow: too many of my requests are waiting for an answer."))
        try:
            yield
        finally:
            slots.release()

    def _call_in_child(self, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        """Run the function in a new process and return its result."""
        receiver, sender = self._context.Pipe(duplex=False)
        child_args = (sender, self._environment, self._seconds, function, args, kwargs)
        with receiver, self._run_process(self._context.Process(target=run_in_child, args=child_args)):
            sender.close()  # the child has its own; closing this one makes its end visible
            if not receiver.poll(self._seconds + GRACE_SECONDS):
                raise Unavailable(Phrase(NO_ANSWER, seconds=f"{self._seconds:g}"))
            try:
                kind, value = receiver.recv()
            except EOFError as error:
                if self._stopping:
                    raise BeingStopped(Phrase(BOT_STOPPING)) from error
                raise Unavailable(Phrase(NO_ANSWER, seconds=f"{self._seconds:g}")) from error
        return cast(T, unwrap_result(kind, value))

    @contextmanager
    def _run_process(self, process: Any) -> Iterator[None]:
        """Start the process; kill it, if it has not ended, once its answer has arrived or been abandoned."""
        if self._stopping:
            raise BeingStopped(Phrase(BOT_STOPPING))
        process.start()  # outside the lock, because it waits for the fork server
        with self._lock:
            self._processes.add(process)
            if self._stopping:
                process.kill()
        try:
            yield
        finally:
            with self._lock:
                self._processes.discard(process)
                process.kill()
            process.join(GRACE_SECONDS)
            if process.exitcode is not None:  # a process in an uninterruptible wait is left to the kernel
                process.close()


def unwrap_result(kind: str, value: Any) -> Any:
    """Return the result that a call has sent, or raise the exception that it has sent."""
    match kind:
        case "done":
            return value
        case "refused":
            raise UserError(*value)
        case "unavailable":
            raise Unavailable(value)
        case _:
            raise RuntimeError(f"a call to SkyPilot failed:\n{value}")


def run_in_child(
    sender: Connection,
    environment: Mapping[str, str],
    seconds: float,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    """Run one call within its deadline. This is the child process's side."""
    forbid_dumps()  # the environment that it receives contains secrets
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the bot to handle
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    discard_output()
    os.environ.clear()
    os.environ.update(environment)
    outcome = capture_result(function, args, kwargs)
    with suppress(BrokenPipeError):  # the bot has stopped waiting
        sender.send(outcome)


def capture_result(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, Any]:
    """Run a call and return its outcome in a form that can be sent.

    Exceptions are not sent themselves: they may be of classes that the bot does not load.
    """
    try:
        return "done", function(*args, **kwargs)
    except UserError as error:
        return "refused", (error.message, error.hint)
    except Unavailable as error:
        return "unavailable", error.message
    except Exception:
        import traceback  # noqa: PLC0415  # needed only for bugs

        return "failed", traceback.format_exc()


def discard_output() -> None:
    """Discard the process's output: SkyPilot's client writes for a terminal, and the bot gets the results by value."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
