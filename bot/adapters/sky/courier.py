"""Carries calls to SkyPilot's SDK into processes of their own, which end when their time is over."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from multiprocessing.connection import Connection
from threading import BoundedSemaphore, Lock
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from bot.errors import BeingStopped, Unavailable, UserError
from bot.language import mark, say, speak, spoken
from bot.process_guard import forbid_dumps

P = ParamSpec("P")
T = TypeVar("T")

PRELOADED = ["sky", "bot.adapters.sky.calls", "bot.adapters.sky.managed_calls"]
"""Imported once, in the process that the others are forked from: 2 to 5 s and 160 MB once, 20 ms a call."""

SILENT = mark("SkyPilot has not answered within {seconds} s.")

STOPPED = mark("The bot is being stopped.")

GRACE_SECONDS = 2.0
"""After its own alarm has ended a process, for the end to be noticed."""


class Carries(Protocol):
    """Carries out calls, somewhere."""

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of a function of `calls`.

        Raises:
            Unavailable: no answer, or none in time; it may have been done.
            UserError: refused, and nothing was done.
        """

    def stop(self) -> None: ...


class Courier:
    """A process a call. Forking is cheap, killing is certain, and what was given up cannot be sent any more.

    A process sets its own alarm, so that it ends in time even where the bot was killed meanwhile.

    Args:
        environment: all that the calls see of the environment; the bot's own tokens are not in it.
        seconds: for one call; a call that waits for a place as long as that is given up.
        at_once: calls under way at once; a small API server answers more of them slower.
        shares: of the places that a slow function gets at the most, so that no look and no removal waits behind it,
            nor one slow function behind another.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        seconds: float,
        at_once: int = 4,
        shares: Mapping[Callable[..., Any], float] | None = None,
    ) -> None:
        self._environment = dict(environment)
        self._seconds = seconds
        self._places = BoundedSemaphore(at_once)
        self._shares = {slow: BoundedSemaphore(max(int(at_once * of), 1)) for slow, of in (shares or {}).items()}
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)
        self._under_way: set[Any] = set()
        self._lock = Lock()
        self._over = False

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        share = self._shares.get(function)
        with self._place(share) if share else nullcontext(), self._place(self._places):
            return self._carry(function, args, kwargs)

    def stop(self) -> None:
        """End what is under way; whoever waits for it is told that there is no answer."""
        with self._lock:
            self._over = True
            for process in self._under_way:
                process.kill()

    @contextmanager
    def _place(self, places: BoundedSemaphore) -> Iterator[None]:
        if not places.acquire(timeout=self._seconds):
            raise Unavailable(say("SkyPilot is slow: too many questions wait for its answers."))
        try:
            yield
        finally:
            places.release()

    def _carry(self, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        receiver, sender = self._context.Pipe(duplex=False)
        errand = (sender, self._environment, self._seconds, spoken(), function, args, kwargs)
        with receiver, self._running(self._context.Process(target=carry_out, args=errand)):
            sender.close()  # the process has its own; so its end is seen here
            if not receiver.poll(self._seconds + GRACE_SECONDS):
                raise Unavailable(say(SILENT, seconds=f"{self._seconds:g}"))
            try:
                kind, value = receiver.recv()
            except EOFError as error:
                if self._over:
                    raise BeingStopped(say(STOPPED)) from error
                raise Unavailable(say(SILENT, seconds=f"{self._seconds:g}")) from error
        return cast(T, opened(kind, value))

    @contextmanager
    def _running(self, process: Any) -> Iterator[None]:
        """The process under way; killed, if it has not ended, when its answer is there or given up."""
        if self._over:
            raise BeingStopped(say(STOPPED))
        process.start()  # outside of the lock: it waits for the process that this one is forked from
        with self._lock:
            self._under_way.add(process)
            if self._over:
                process.kill()
        try:
            yield
        finally:
            with self._lock:
                self._under_way.discard(process)
                process.kill()
            process.join(GRACE_SECONDS)
            if process.exitcode is not None:  # one that the kernel holds back is left to it
                process.close()


def opened(kind: str, value: Any) -> Any:
    """What a call brought: its result, or what it raised."""
    match kind:
        case "done":
            return value
        case "refused":
            raise UserError(*value)
        case "unavailable":
            raise Unavailable(value)
        case _:
            raise RuntimeError(f"a call to SkyPilot failed:\n{value}")


def carry_out(
    sender: Connection,
    environment: Mapping[str, str],
    seconds: float,
    language: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    """The process's side: one call, and no longer than it may take."""
    forbid_dumps()  # the environment that it was sent holds secrets
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the bot's
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    silence()
    speak(language)
    os.environ.clear()
    os.environ.update(environment)
    answer = attempted(function, args, kwargs)
    with suppress(BrokenPipeError):  # nobody waits any more
        sender.send(answer)


def attempted(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, Any]:
    """The outcome of a call as it travels: exceptions do not, they may be of classes that the bot does not load."""
    try:
        return "done", function(*args, **kwargs)
    except UserError as error:
        return "refused", (str(error), error.hint)
    except Unavailable as error:
        return "unavailable", str(error)
    except Exception:
        import traceback  # noqa: PLC0415  # needed by mistakes alone

        return "failed", traceback.format_exc()


def silence() -> None:
    """SkyPilot's client writes for somebody at a terminal; what it has to say comes as a result."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
