"""A process that dies: at the n-th of the points between the bot and everything outside of it."""

from collections.abc import Callable
from typing import Any

STORE = ("add", "update", "append_metrics", "archive", "save_log", "link_card")
CLOUD = ("launch", "tear_down", "tail_log")
SLACK = ("chat_postMessage", "chat_update")


class Killed(BaseException):
    """What a process feels of kill -9: nothing is caught, nothing is finished."""


class Points:
    """Counts the points just before and just after each call outside, and dies at one of them.

    Args:
        die: what happens at the fatal point.
        fatal: its number, from 1, or None to live.
    """

    def __init__(self, die: Callable[[], None], fatal: int | None = None) -> None:
        self.names: list[str] = []
        self._die = die
        self._fatal = fatal

    def watch(self, target: Any, names: tuple[str, ...], label: str) -> None:
        """Make every call of these methods of an object or a class two points."""
        for name in names:
            setattr(target, name, self._watched(getattr(target, name), f"{label}.{name}"))

    def _watched(self, method: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._reach(f"before {name}")
            answer = method(*args, **kwargs)
            self._reach(f"after {name}")
            return answer

        return call

    def _reach(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self._fatal:
            self._die()
