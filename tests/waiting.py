"""Waiting for real processes: by asking, not by sleeping for as long as one hopes is enough."""

import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SECONDS = 30
"""The longest that anything is waited for; most comes in a hundredth of it, on a loaded machine later."""


def eventually(
    found: Callable[[], T],
    what: Callable[[], object] = lambda: "it has not come",
    seconds: float = SECONDS,
    pause_seconds: float = 0.01,
) -> T:
    """The first true answer.

    Args:
        pause_seconds: between two questions; longer where each is work for a server.

    Raises:
        AssertionError: none came in time; `what` tells what was there instead.
    """
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, what()
        time.sleep(pause_seconds)
    return answer


def free_port() -> int:
    """Of loopback, free a moment ago."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
