"""Events of the audit in words: what the bot did, what it only saw, and why."""

import pytest

from bot.core.model.audit import BOT, AuditEvent, AuditValue
from bot.core.model.run_state import Reason
from bot.slack.views.audit_views import render_event_line
from tests.builders import NOON


def make_line(what: str, rule: str = "", before: AuditValue = None, **after: AuditValue) -> str:
    earlier = dict.fromkeys(after, before) if before is not None else {}
    return render_event_line(
        AuditEvent(at=NOON, who=BOT, what=what, on="ppo-1", rule=rule, before=earlier, after=after)
    )


@pytest.mark.parametrize("reason", Reason)
def test_an_end_is_in_words_and_names_the_bot_as_actor_only_where_it_was(reason: Reason) -> None:
    shown = make_line("end", reason.value)
    bot_stops = {
        Reason.STOPPED,
        Reason.BUDGET_EXCEEDED,
        Reason.MONTHLY_BUDGET_EXCEEDED,
        Reason.LEASE_EXPIRED,
        Reason.SICK,
    }
    assert ("`verlbot` began to stop it" in shown) == (reason in bot_stops)
    assert "_" not in shown.replace("date_short_pretty", "")
    assert "by rule" not in shown


@pytest.mark.parametrize("reason", Reason)
def test_the_close_of_a_record_names_the_outcome_as_cards_do(reason: Reason) -> None:
    shown = make_line("settle", reason.value)
    assert "outcome: " in shown
    assert "_" not in shown.replace("date_short_pretty", "")


@pytest.mark.parametrize(
    ("rule", "before", "causes", "expected"),
    [
        pytest.param(
            "approval: dollars",
            "day",
            "dollars",
            "needs approval because of the launches of its owner within a day → its cost",
            id="another cause",
        ),
        pytest.param(
            "approval: dollars gpu_hours",
            None,
            "dollars gpu_hours",
            "needs approval because of its cost, its GPU-hours",
            id="two causes",
        ),
        pytest.param(
            "approval: unpriced",
            None,
            None,
            "needs approval because of its unknown price",
            id="an approval that covers too little",
        ),
    ],
)
def test_the_causes_of_an_approval_are_in_words_once(
    rule: str, before: str | None, causes: str | None, expected: str
) -> None:
    changed = {"approval_causes": causes} if causes else {"approved": None}
    shown = make_line("ask for approval", rule, before, **changed)
    assert shown.endswith(f"`verlbot` requested an approval · `ppo-1` · {expected}")


def test_a_moment_is_shown_in_the_readers_time_zone() -> None:
    shown = make_line("keep cluster", kept_until=NOON.isoformat())
    assert shown.endswith(f"until <!date^{int(NOON.timestamp())}^{{date_short}} {{time}}|12:00 UTC>")
