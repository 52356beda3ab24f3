"""Monthly budgets as people read them: whose, how much of it is used, and what follows."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.commands.command import SetMonthlyBudget, ShowBudgets
from bot.core.model.money import BudgetOverrun, BudgetThreshold, Rate
from bot.core.model.policy import Measure, Scope
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.monthly_budget import CapUsage
from bot.i18n import use_language
from bot.phrase import LANGUAGES
from bot.slack.views.budget_views import (
    acknowledge_monthly_budget,
    list_monthly_budget_messages,
    parse_scope,
    render_bar,
    render_budget_overview,
    render_cap_usage,
    render_month_line,
    render_run_budget,
)
from bot.slack.views.message import Answer, Message
from slack_playground.checks import check_message
from tests.builders import at, running

MONTH = CapUsage(Scope.TEAM, Measure.DOLLARS_PER_MONTH, 500.0, 800.0, spent=300.0)


def read(answer: Answer) -> str:
    return "\n".join(str(block.get("text", block.get("elements"))) for block in answer["blocks"])


def reached(percent: int, key: str = "team:C0TRAIN") -> BudgetThreshold:
    return BudgetThreshold("2026-01", key, percent, 8.0 * percent, 800.0)


OVERRUN = BudgetOverrun("person.dollars_per_month", "person:U0ANA", 812.5, 800.0, at(7200))


def messages_of(run: Run, seconds: float = 60) -> list[Message]:
    return list_monthly_budget_messages(run, at(seconds))


def test_one_message_a_month_follows_a_budget_from_threshold_to_threshold() -> None:
    first = messages_of(running(budget_thresholds=(reached(50),)))
    later = messages_of(running(budget_thresholds=(reached(50), reached(80))))
    assert [message.key for message in first] == [message.key for message in later]
    assert "used 50% of its monthly budget* ($400.00 of $800.00)" in first[0].text
    assert "used 80% of its monthly budget* ($640.00 of $800.00)" in later[0].text
    assert all(message.is_edited and message.broadcast for message in (*first, *later))
    assert first[0].urgent != later[0].urgent


def test_budgets_of_other_owners_and_months_have_messages_of_their_own() -> None:
    thresholds = (reached(50), replace(reached(50), month="2026-02"), reached(80, "workspace"))
    messages = messages_of(running(budget_thresholds=thresholds))
    assert len({message.key for message in messages}) == 3


def test_the_percentage_is_that_of_the_amounts_beside_it() -> None:
    threshold = BudgetThreshold("2026-01", "team:C0TRAIN", 80, 999.65, 1000.0)
    (message,) = messages_of(running(budget_thresholds=(threshold,)))
    assert "used 99% of its monthly budget* ($999.65 of $1,000)" in message.text


@pytest.mark.parametrize(("percent", "said"), [(80, "`/verl budget`"), (100, "New launches are blocked")])
def test_a_used_up_budget_blocks_launches_and_another_says_what_is_left(percent: int, said: str) -> None:
    (message,) = messages_of(running(budget_thresholds=(reached(percent),)))
    assert said in message.text


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("person:U0ANA", "`/verl budget` <@U0ANA> `813`"),
        ("team:C0TRAIN", "`/verl budget team 813`"),
        ("workspace", "`/verl budget workspace 813`"),
    ],
)
def test_the_run_of_a_used_up_budget_is_told_when_it_stops_and_what_helps(key: str, command: str) -> None:
    (message,) = messages_of(running(budget_overruns=(replace(OVERRUN, budget_key=key),)))
    assert "used up* ($812.50 of $800.00)" in message.text
    assert f"<!date^{at(7200).timestamp():.0f}^" in message.text
    assert command in message.text
    assert "<@U0ANA>" in str(message.blocks)


def test_once_the_limit_is_raised_the_same_message_says_so() -> None:
    raised = replace(OVERRUN, resolved_at=at(3600))
    before, after = (messages_of(running(budget_overruns=(one,)))[0] for one in (OVERRUN, raised))
    assert before.key == after.key
    assert "The limit was raised at" in after.text
    assert "stop at" not in after.text


TEAM_OVERRUN = BudgetOverrun("team.dollars_per_month", "team:C0TRAIN", 90.0, 80.0, at(7200), needed_dollars=130)


def test_of_two_used_up_months_each_notice_names_both_and_all_that_is_needed() -> None:
    for message in messages_of(running(budget_overruns=(OVERRUN, TEAM_OVERRUN))):
        assert "unless an approver raises all used-up limits: `/verl budget` <@U0ANA> `813`" in message.text
        assert "`/verl budget team 130`" in message.text
        assert " is used up too." in message.text


def test_a_raised_month_beside_a_used_up_one_says_that_the_run_is_still_to_end() -> None:
    raised = replace(OVERRUN, resolved_at=at(3600))
    before = messages_of(running(budget_overruns=(OVERRUN, TEAM_OVERRUN)))
    notices = messages_of(running(budget_overruns=(raised, TEAM_OVERRUN)))
    assert "The limit was raised at" in notices[0].text
    assert "The monthly budget of this channel is used up too." in notices[0].text
    for old, new in zip(before, notices, strict=True):
        assert "continues" not in new.text
        assert "unless an approver raises the limit: `/verl budget team 130`" in new.text
        assert old.urgent != new.urgent
    assert all("continues" in one.text for one in messages_of(running(budget_overruns=(raised,))))


KEPT = running(keep_on_failure=timedelta(hours=2), budget_overruns=(OVERRUN,)).begin_teardown(
    Reason.FAILED, None, at(60)
)


@pytest.mark.parametrize(
    ("run", "said"),
    [
        pytest.param(KEPT, "The kept cluster of", id="kept"),
        pytest.param(KEPT.request_stop("U0ANA", at(61)), "has ended.", id="kept no longer"),
        pytest.param(
            running(budget_overruns=(OVERRUN,)).begin_teardown(Reason.FAILED, None, at(60)),
            "has ended.",
            id="never kept",
        ),
        pytest.param(
            running(budget_overruns=(OVERRUN,)).begin_teardown(Reason.MONTHLY_BUDGET_EXCEEDED, None, at(60)),
            "was stopped for it.",
            id="stopped for it",
        ),
        pytest.param(
            running(budget_overruns=(replace(OVERRUN, resolved_at=at(30)),)).begin_teardown(
                Reason.SUCCEEDED, None, at(60)
            ),
            "has ended.",
            id="raised before its end",
        ),
    ],
)
def test_the_notice_of_a_finished_run_speaks_of_a_kept_cluster_only_where_one_is_kept(run: Run, said: str) -> None:
    (message,) = messages_of(run, 120)
    assert said in message.text
    assert ("kept" in message.text) == ("kept" in said)
    (while_running,) = messages_of(running(budget_overruns=(OVERRUN,)))
    assert message.urgent != while_running.urgent


def test_the_threshold_of_a_finished_run_does_not_say_that_launches_are_blocked_now() -> None:
    run = running(budget_thresholds=(reached(100),)).begin_teardown(Reason.MONTHLY_BUDGET_EXCEEDED, None, at(60))
    (message,) = messages_of(run)
    assert "blocked" not in message.text


@pytest.mark.parametrize("key", ["person:U0ANA", "team:C0TRAIN", "workspace"])
def test_the_threshold_of_an_ended_run_is_in_the_past(key: str) -> None:
    run = running(budget_thresholds=(reached(80, key),))
    ended = replace(run.begin_teardown(Reason.STOPPED, None, at(60)), status=RunStatus.ENDED)
    (before,), (after,) = messages_of(run), messages_of(ended)
    assert "draws on it" in before.text
    assert "drew on it until it ended" in after.text
    assert not any(present in after.text for present in (" is used*", " has used ", "draws"))
    assert before.key == after.key
    assert before.urgent != after.urgent


@pytest.mark.parametrize(
    ("count", "live", "ended"),
    [
        pytest.param(1, "`ppo-7f3a`, `run-0` draw on it.", "Other runs then: `run-0`.", id="one other"),
        pytest.param(
            7,
            "`ppo-7f3a`, `run-0`, `run-1`, `run-2`, `run-3`, `run-4` and 2 more draw on it.",
            "Other runs then: `run-0`, `run-1`, `run-2`, `run-3`, `run-4` and 2 more.",
            id="too many to name",
        ),
    ],
)
def test_a_notice_of_a_month_names_each_run_that_draws_on_it(count: int, live: str, ended: str) -> None:
    threshold = reached(80).with_others([f"run-{number}" for number in range(count)])
    run = running(budget_thresholds=(threshold,))
    over = replace(run.begin_teardown(Reason.STOPPED, None, at(60)), status=RunStatus.ENDED)
    assert live in messages_of(run)[0].text
    assert f"`ppo-7f3a` drew on it until it ended. {ended}" in messages_of(over)[0].text


def test_a_rule_that_only_reports_is_no_message_about_an_end() -> None:
    assert messages_of(running(budget_overruns=(replace(OVERRUN, is_report_only=True),))) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_one_that_slack_takes(language: str) -> None:
    run = running(budget_thresholds=(reached(100), reached(50, "workspace")), budget_overruns=(OVERRUN,))
    with use_language(language):
        for message in messages_of(run):
            check_message(message.text, list(message.blocks))


@pytest.mark.parametrize(
    ("usage", "shown"),
    [
        pytest.param(CapUsage(Scope.TEAM, Measure.RUNS, 1, None), "1 run", id="no cap"),
        pytest.param(CapUsage(Scope.TEAM, Measure.RUNS, 2, 4), "2 runs of 4", id="runs"),
        pytest.param(CapUsage(Scope.TEAM, Measure.GPUS, 0, 0), "0 GPUs of 0", id="a cap of none"),
        pytest.param(CapUsage(Scope.TEAM, Measure.DOLLARS_PER_HOUR, 12.5, 50), "$12.50/h of $50.00", id="a rate"),
        pytest.param(
            CapUsage(Scope.TEAM, Measure.DOLLARS_PER_HOUR, 12.5, 50, waiting=8.0),
            "$4.50/h + $8.00/h reserved of $50.00",
            id="a rate, and runs that wait",
        ),
        pytest.param(
            CapUsage(Scope.TEAM, Measure.DOLLARS_PER_HOUR, 8.0, None, waiting=8.0),
            "$0.00/h + $8.00/h reserved",
            id="runs that wait alone",
        ),
        pytest.param(MONTH, "$300.00 spent this month + $200.00 reserved of $800.00", id="a month"),
    ],
)
def test_the_usage_of_a_cap_has_its_unit_and_its_cap(usage: CapUsage, shown: str) -> None:
    assert render_cap_usage(usage) == shown


@pytest.mark.parametrize(
    ("usage", "line"),
    [
        pytest.param(MONTH, "`▓▓▓▓░░░░░░` This channel · $300", id="a part"),
        pytest.param(replace(MONTH, cap=None), "This channel · $300", id="no limit has no bar"),
        pytest.param(replace(MONTH, cap=0.0), "`▓▓▓▓▓▓▓▓▓▓` This channel · $300", id="a limit of nothing is used up"),
    ],
)
def test_a_month_has_a_bar_where_it_has_a_limit(usage: CapUsage, line: str) -> None:
    assert render_month_line(usage).startswith(line)


@pytest.mark.parametrize(("share", "filled"), [(-1.0, 0), (0.0, 0), (0.5, 5), (1.0, 10), (1e9, 10)])
def test_a_bar_is_never_wider_than_a_phone(share: float, filled: int) -> None:
    assert render_bar(share) == "▓" * filled + "░" * (10 - filled)


def test_an_overview_has_a_line_for_each_scope_that_is_asked_for_and_who_can_raise_it() -> None:
    everything = read(render_budget_overview([MONTH], ["U0LEA"]))
    assert [heading in everything for heading in ("*You*", "*This channel*", "*Workspace*")] == [True] * 3
    assert "<@U0LEA> can raise these limits." in everything
    one = read(render_budget_overview([MONTH], [], ShowBudgets(Scope.PERSON, "U0BEN")))
    assert "<@U0BEN>" in one
    assert "This channel" not in one


@pytest.mark.parametrize(
    ("run", "said"),
    [
        pytest.param(running(rate=Rate(6.0, "x")), "has spent $6.00 of its budget of $100.00", id="a price"),
        pytest.param(
            running(rate=Rate(6.0, "x")), "To raise it, for example: `/verl budget ppo-7f3a 200`", id="how to change it"
        ),
        pytest.param(running(rate=None), "Its price is unknown, so what it has spent is too.", id="no price"),
    ],
)
def test_a_runs_budget_is_shown_with_what_is_spent(run: Run, said: str) -> None:
    assert said in read(render_run_budget(run, at(3600)))


def test_the_budget_of_a_finished_run_is_not_changed() -> None:
    run = running(rate=Rate(6.0, "x")).begin_teardown(Reason.STOPPED, None, at(3600))
    assert "To raise it" not in read(render_run_budget(run, at(3600)))


@pytest.mark.parametrize(
    ("dollars", "spent", "warns"),
    [(800.0, 0.0, False), (800.0, 799.0, False), (800.0, 800.0, True), (0.01, 5.0, True)],
)
def test_a_limit_that_is_spent_already_is_set_with_a_warning(dollars: float, spent: float, warns: bool) -> None:
    answer = read(acknowledge_monthly_budget(SetMonthlyBudget(Scope.PERSON, dollars, "U0ANA"), spent))
    assert "<@U0ANA> can now spend" in answer
    assert ("already spent" in answer) is warns


def test_the_owner_of_a_budget_is_in_its_key() -> None:
    assert [parse_scope(key) for key in ("person:U0ANA", "workspace")] == [
        (Scope.PERSON, "U0ANA"),
        (Scope.WORKSPACE, ""),
    ]
