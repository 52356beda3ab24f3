"""Events of the audit in words: what the bot did, what it only saw, and why."""

from datetime import timedelta

import pytest

from bot.core.model.audit import BOT, AuditEvent, AuditFilter, AuditValue
from bot.core.model.policy import Measure, Scope, cap_rule
from bot.core.model.run_state import Reason
from bot.slack.views.audit_views import render_event_text, render_events
from tests.builders import NOON


def make_line(what: str, rule: str = "", before: AuditValue = None, **after: AuditValue) -> str:
    earlier = dict.fromkeys(after, before) if before is not None else {}
    return render_event_text(
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


STOP = {"stop_requested_by": "U0ANA"}


@pytest.mark.parametrize(
    ("what", "after", "said"),
    [
        pytest.param("stop", STOP, "requested the stop", id="a plain stop"),
        pytest.param("give up model", STOP, "requested the stop and discarded its model", id="save=no"),
        pytest.param(
            "stop", STOP | {"save_before_stop": True}, "requested the stop once a checkpoint is saved", id="save=yes"
        ),
        pytest.param(
            "confirm gone", STOP, "requested the stop and confirmed that its machines are gone", id="gone=yes"
        ),
        pytest.param("give up model", {"model_lost_by": "U0ANA"}, "discarded its model", id="of an ended run"),
    ],
)
def test_a_stop_is_said_beside_what_was_requested_with_it(what: str, after: dict[str, AuditValue], said: str) -> None:
    event = AuditEvent(at=NOON, who="U0ANA", what=what, on="ppo-1", after=after)
    assert render_event_text(event, with_subject=False) == f"<@U0ANA> {said}"
    assert AuditFilter(timedelta(hours=1), what="stop").matches(event, NOON) is ("the stop" in said)


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("person:U0ANA", "<@U0ANA>"),
        ("team:C0TRAIN", "<#C0TRAIN>"),
        ("workspace", "the workspace"),
        ("ppo-1", "`ppo-1`"),
        ("person:", "`person:`"),
    ],
)
def test_whose_monthly_budget_was_set_is_named_as_people_name_it(subject: str, shown: str) -> None:
    event = AuditEvent(at=NOON, who="U0LEA", what="set monthly budget", on=subject)
    assert render_event_text(event) == f"<@U0LEA> set a monthly budget · {shown}"


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("measure", Measure)
def test_a_refusal_by_a_limit_names_the_limit_in_words(scope: Scope, measure: Measure) -> None:
    event = AuditEvent(at=NOON, who="U0ANA", what=f"refused: {cap_rule(scope, measure)}", on="ppo-1")
    shown = render_event_text(event)
    assert shown.startswith("<@U0ANA> was refused by ")
    assert "." not in shown
    assert "_" not in shown


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("approve", "note: too dear"),
        ("refuse", "why: too dear"),
        ("refused: approve", "my answer: too dear"),  # it speaks to the person who was refused
    ],
)
def test_a_text_is_a_note_a_reason_or_an_answer(what: str, said: str) -> None:
    assert render_event_text(AuditEvent(at=NOON, who="U0LEA", what=what, on="ppo-1", why="too dear")).endswith(said)


def test_events_that_read_the_same_are_one_line_with_their_number() -> None:
    def tried(minutes: int, dollars: float = 0.0) -> AuditEvent:
        after: dict[str, AuditValue] = {"budget_dollars": dollars} if dollars else {}
        what = "set budget" if dollars else "refused: approve"
        return AuditEvent(at=NOON + timedelta(minutes=minutes), who="U0ANA", what=what, on="ppo-1", after=after)

    events = [tried(9), tried(8, dollars=20), tried(7, dollars=30), tried(2), tried(1), tried(0)]
    shown = str(render_events(events)["blocks"][1]["text"]["text"])
    assert "6 events" in str(render_events(events)["text"])
    lines = [line.partition("> · ")[2] for line in shown.splitlines()]
    refused = "<@U0ANA> was not allowed to approve or decline it · `ppo-1`"
    assert lines == [
        refused,
        "<@U0ANA> set its budget · `ppo-1` · budget in dollars `20`",
        "<@U0ANA> set its budget · `ppo-1` · budget in dollars `30`",
        f"{refused} · × 3",
    ]
    assert shown.splitlines()[3].count("<!date^") == 2, "when the first and the last were"
