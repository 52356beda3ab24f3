"""The audit of the policy: its contents before and after a change."""

import logging
from collections.abc import Callable
from pathlib import Path

from bot.adapters.audits import RedisAudit
from bot.adapters.policies import describe_policy
from bot.core.audit import BOT, AuditEvent, AuditValue
from bot.core.policy import Policy
from bot.errors import Unavailable
from bot.ports import Now

log = logging.getLogger(__name__)

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
