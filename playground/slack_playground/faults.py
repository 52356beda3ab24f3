"""Faults on request: what a Slack, or the way to it, does on a bad day."""

import fnmatch
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from slack_playground.workspace import Json


class Trouble(StrEnum):
    """What happens to a call of the Web API."""

    LIMITED = "limited"  # 429 with Retry-After; nothing is done
    BROKEN = "broken"  # 503; nothing is done
    LOST = "lost"  # it is done, and the answer breaks off
    BROKEN_AFTER = "broken_after"  # it is done, and answered with 503
    SLOW = "slow"  # it is done, `seconds` later
    REFUSED = "refused"  # ok: false with `error`


@dataclass(slots=True)
class Fault:
    """One kind of trouble.

    Attributes:
        method: which calls, as a pattern such as `chat.*`.
        times: how many of them, or None for all.
        every: only every so many-th matching call.
        retry_after_seconds: what a 429 says.
        seconds: how much later a slow one is done.
        error: the code of a refusal.
        block: only calls that show a block of this kind, which a workspace may not know yet.
        channel: only calls about channels with such an id, as a pattern such as `C0*`.
        in_thread: only calls that write in a thread, or only those that do not; None for both.
    """

    method: str
    trouble: Trouble
    times: int | None = 1
    every: int = 1
    retry_after_seconds: int = 1
    seconds: float = 0.0
    error: str = "fatal_error"
    block: str = ""
    channel: str = "*"
    in_thread: bool | None = None
    seen: int = 0

    def concerns(self, method: str, arguments: Json) -> bool:
        if self.times == 0 or not fnmatch.fnmatchcase(method, self.method):
            return False
        if self.in_thread is not None and bool(arguments.get("thread_ts")) is not self.in_thread:
            return False
        if not fnmatch.fnmatchcase(channel_of(arguments), self.channel):
            return False
        return not self.block or self.block in kinds_shown(arguments)


@dataclass(slots=True)
class Faults:
    """The troubles that a test requests."""

    asked: list[Fault] = field(default_factory=list)

    def take(self, method: str, arguments: Json | None = None) -> Fault | None:
        """The trouble that this call meets, counted."""
        for fault in self.asked:
            if not fault.concerns(method, arguments or {}):
                continue
            fault.seen += 1
            if fault.seen % fault.every == 0:
                fault.times = None if fault.times is None else fault.times - 1
                return fault
        return None


def channel_of(arguments: Json) -> str:
    """The channel that a call is about; files name it differently."""
    return str(arguments.get("channel") or arguments.get("channel_id") or "")


def kinds_shown(arguments: Json) -> set[str]:
    """The types of all blocks of a call, those of its attachments among them."""
    attachments = arguments.get("attachments")
    inner = [one.get("blocks") for one in attachments if isinstance(one, dict)] if isinstance(attachments, list) else []
    return set().union(*map(kinds_of, [arguments.get("blocks"), *inner]))


def kinds_of(blocks: Any) -> set[str]:
    """The types of a call's blocks, where they are some."""
    return (
        {str(block.get("type")) for block in blocks if isinstance(block, dict)} if isinstance(blocks, list) else set()
    )
