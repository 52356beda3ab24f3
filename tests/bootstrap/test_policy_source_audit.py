"""What the policy allowed when: each change is written down, one made while the bot was down too."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from bot.adapters.redis.audit_store import RedisAudit
from bot.bootstrap.container import build
from bot.bootstrap.policy_source import MAX_POLICY_CHARACTERS, policy_recorder
from bot.config.settings import Settings
from bot.core.model.audit import AuditEvent
from bot.core.model.people import Grants, Role
from bot.core.model.policy import SAFE_POLICY, Policy
from bot.errors import Unavailable
from slack_playground.server import Playground
from slack_playground.slack import APP_TOKEN, BOT_TOKEN
from tests.builders import NOON
from tests.doubles.cloud import FakeCloud

PATH = Path("policy.yaml")
LEA = replace(SAFE_POLICY, grants=Grants(holders_by_role={Role.APPROVER: ("U0LEA",)}))


@pytest.fixture
def audit(redis: Redis) -> RedisAudit:
    return RedisAudit(redis)


def start(audit: RedisAudit, *policies: Policy) -> list[AuditEvent]:
    """Start a bot by the first policy, and let it read the others; what was written down of that, the oldest first."""
    record = policy_recorder(audit, PATH, lambda: NOON)
    for policy in policies:
        record(policy)
    return list(audit.iterate_events(timedelta(days=1)))[::-1]


def test_a_first_start_and_a_start_by_the_same_policy_change_nothing(audit: RedisAudit) -> None:
    assert start(audit, LEA) == []
    assert start(audit, LEA, LEA) == []


def test_a_change_is_written_down_with_what_was_allowed_before(audit: RedisAudit) -> None:
    (event,) = start(audit, SAFE_POLICY, LEA)
    assert (event.what, event.who, event.on, event.after["changed"]) == (
        "change policy",
        "verlbot",
        "policy.yaml",
        "roles, channels",
    )
    assert '"launcher": ["members"]' in str(event.before["roles"])
    assert '"approver": ["U0LEA"]' in str(event.after["roles"])


def test_a_change_while_the_bot_was_down_is_written_down_by_the_next_start(audit: RedisAudit) -> None:
    start(audit, SAFE_POLICY)
    (event,) = start(audit, replace(SAFE_POLICY, approve_above_dollars=50.0))
    assert event.before == {"approve_above_dollars": "null"}
    assert event.after == {"changed": "approve_above_dollars", "approve_above_dollars": "50.0"}


def test_an_event_holds_a_part_of_a_policy_that_is_too_long(audit: RedisAudit) -> None:
    many = replace(
        SAFE_POLICY, grants=Grants(holders_by_role={Role.APPROVER: tuple(f"U{number:09}" for number in range(1000))})
    )
    (event,) = start(audit, SAFE_POLICY, many)
    assert len(str(event.after["roles"])) == MAX_POLICY_CHARACTERS


def test_a_store_that_is_away_keeps_no_policy_from_holding(audit: RedisAudit, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(audit, "swap_policy", away)
    assert start(audit, SAFE_POLICY, LEA) == []


@pytest.mark.slow
def test_a_bot_compares_at_its_start(tmp_path: Path, playground: Playground) -> None:
    file = tmp_path / "policy.yaml"
    environment = {
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_APP_TOKEN": APP_TOKEN,
        "SLACK_API_URL": playground.api_url,
        "VERLBOT_DATA_DIR": str(tmp_path / "data"),
        "VERLBOT_POLICY": str(file),
    }
    found: list[AuditEvent] = []
    for dollars in (200, 50):
        file.write_text(f"confirm_above_dollars: {dollars}\n")
        bot = build(Settings.read(environment), FakeCloud())
        found += bot.run_service.audit_service.audit.iterate_events(timedelta(days=1))
        bot.stop()
    (event,) = found
    assert (event.before["confirm_above_dollars"], event.after["confirm_above_dollars"]) == ("200.0", "50.0")
