"""The current policy: its file is read again when it changes, and an invalid file keeps the last valid one."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from bot.adapters import policies
from bot.core.policy import SAFE_POLICY, Policy
from bot.errors import UserError

log = logging.getLogger(__name__)

FileSignature = tuple[int, int, int]
"""Inode, size and modification time of a file. A ConfigMap that is replaced has another inode."""

PolicyListener = Callable[[Policy, Policy], None]
"""Called with the policy before the change and the one after it."""


@dataclass(slots=True)
class PolicySource:
    """The source of the policy.

    Attributes:
        path: the policy's file; None for the safe defaults.
        on_change: called when another policy takes effect. on_error: called with why a new file cannot be read, once
            for each version of it.
    """

    path: Path | None
    policy: Policy = SAFE_POLICY
    signature: FileSignature | None = None
    on_change: PolicyListener = lambda before, after: None
    on_error: Callable[[str], None] = log.error
    lock: Lock = field(default_factory=Lock)

    @classmethod
    def from_file(cls, path: Path | None) -> "PolicySource":
        """Return the source of a file, which has been read.

        Raises:
            UserError: the file cannot be read: a bot does not start with an unreadable policy.
        """
        if path is None:
            return cls(None)
        signature = read_signature(path)
        return cls(path, policies.read_policy(path), signature)

    def read_current(self) -> Policy:
        """Return the current policy. It costs one stat of the file."""
        if self.path is None:
            return self.policy
        with self.lock:
            signature = read_signature(self.path)
            if signature != self.signature:
                self.signature = signature
                self._reload(self.path)
            return self.policy

    def _reload(self, path: Path) -> None:
        try:
            after = policies.read_policy(path)
        except UserError as error:
            # The signature is stored already, so that each version is reported once.
            self.on_error(error.sentence)
            return
        before, self.policy = self.policy, after
        if before != after:
            log.info("the policy file has changed: %s", ", ".join(policies.list_differences(before, after)))
            self.on_change(before, after)


def read_signature(path: Path) -> FileSignature | None:
    """Return a value that changes with the file; None where it does not exist."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
