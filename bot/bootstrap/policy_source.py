"""The policy in force: its file is read again after each change, a broken file leaves the last good policy, and every
change is recorded in the audit.
"""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from bot.adapters.files import policy_files
from bot.adapters.files.policy_files import describe_policy
from bot.adapters.redis.audit_store import RedisAudit
from bot.app.ports import Now
from bot.core.model.audit import BOT, AuditEvent, AuditValue
from bot.core.model.people import ROLES_IN_FILE, Role
from bot.core.model.policy import SAFE_POLICY, Policy
from bot.errors import Unavailable, UserError
from bot.phrase import Text

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
    on_error: Callable[[Text], None] = log.error
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
        return cls(path, policy_files.read_policy(path), signature)

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
            after = policy_files.read_policy(path)
        except UserError as error:
            # The signature is stored already, so that each version is reported once.
            self.on_error(error.sentence)
            return
        before, self.policy = self.policy, after
        if before != after:
            log.info("the policy file has changed: %s", ", ".join(policy_files.list_differences(before, after)))
            self.on_change(before, after)


def read_signature(path: Path) -> FileSignature | None:
    """Return a value that changes with the file; None where it does not exist."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


MAX_POLICY_CHARACTERS = 2_000
"""Maximum characters of one part of a policy in an event; the safe bounds have 700."""


def policy_recorder(audit: RedisAudit, path: Path | None, now: Now) -> Callable[[Policy], None]:
    """Return a function that records a changed policy, whether it changed while the bot ran or before it started.

    The bot does not know who wrote the file.
    """

    def record(policy: Policy) -> None:
        try:
            new = describe_policy(policy)
            old = audit.swap_policy(new)
            if changed := [name for name in new if old and old.get(name) != new[name]]:
                before: dict[str, AuditValue] = {name: clip(old.get(name, "")) for name in changed}
                after: dict[str, AuditValue] = {
                    "changed": ", ".join(changed),
                    **{name: clip(new[name]) for name in changed},
                }
                on = str(path or "the safe defaults")
                audit.record(AuditEvent(at=now(), who=BOT, what="change policy", on=on, before=before, after=after))
        except Unavailable as error:  # the policy applies all the same
            log.error("a change of the policy is not written down: %s", error)

    return record


def clip(text: str) -> str:
    """Return a part of the policy, cut to the maximum length of an event."""
    return text if len(text) <= MAX_POLICY_CHARACTERS else f"{text[: MAX_POLICY_CHARACTERS - 1]}…"


def summarize_policy(policy: Policy) -> Iterator[str]:
    """Yield the lines of a policy: who has which role, the limits of a launcher's run, what needs approval."""
    for role in reversed(ROLES_IN_FILE):
        if holders := policy.grants.holders_by_role.get(role):
            yield f"{role.word}: {', '.join(holders)}"
    if not policy.grants.holders_by_role.get(Role.LAUNCHER):
        yield "launcher: only those above"
    bounds = policy.bounds_by_role.get(Role.LAUNCHER)
    if bounds is not None:
        limits = {
            "$": bounds.budget_dollars,
            "h lease": bounds.lease_hours,
            "nodes": bounds.nodes,
            "GPU-hours": bounds.gpu_hours,
        }
        words = [
            f"${most:g}" if unit == "$" else f"{most:g} {unit}" for unit, most in limits.items() if most is not None
        ]
        yield f"a launcher's run: at most {', '.join(words)}" if words else "a launcher's run: no limit"
    runs = policy.person.runs
    yield f"runs of one person at once: {'no limit' if runs is None else runs}"
    yield f"launches that wait for an approver: {', '.join(list_approval_rules(policy)) or 'none'}"


def list_approval_rules(policy: Policy) -> Iterator[str]:
    """Yield the kinds of launches that need approval."""
    if policy.approve_above_dollars is not None:
        yield f"over ${policy.approve_above_dollars:g}"
    if policy.approve_above_gpu_hours is not None:
        yield f"over {policy.approve_above_gpu_hours:g} GPU-hours"
    if policy.approve_unpriced:
        yield "without a known price"
