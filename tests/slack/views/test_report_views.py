"""Every board, and every answer about reports, as Slack would judge it and as a person reads it (golden/boards.txt)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.core.model.health_state import HealthState
from bot.core.model.money import Rate
from bot.core.model.progress import Sparkline
from bot.core.model.report import Report
from bot.core.model.run import Run
from bot.core.model.run_state import PolicyHit, Reason, SummaryInterval
from bot.core.model.schedule import QuietHours
from bot.core.rules.costs import calendar_month
from bot.core.rules.report_content import build_digest_content
from bot.i18n import use_language
from bot.phrase import ENGLISH, LANGUAGES
from bot.slack.views import schedule_views
from bot.slack.views.message import Answer, Message
from bot.slack.views.report_views import render_report
from slack_playground.checks import check_message
from slack_playground.transcript import written
from slack_playground.workspace import Message as Shown
from slack_playground.workspace import seeded
from tests.builders import NOON, a_run, at, change_run, running
from tests.core.model.test_report import NIGHT, a_report, on
from tests.slack.views.test_run_thread import DEAD, NOTED, PACED, SICK, TRAINED, ended, over

GOLDEN = Path(__file__).parent / "golden"
FILES = {one: GOLDEN / ("boards.txt" if one == ENGLISH else f"boards.{one}.txt") for one in LANGUAGES}

VALIDATED = replace(PACED, validations=Sparkline(((200, 0.49), (300, 0.56), (400, 0.53))))
SICK_WATCH = HealthState(open_findings=(NOTED, SICK, DEAD))
BUSY = [
    running(progress=VALIDATED, bill=None),
    running(
        id="ppo-9c21",
        requester="U0BEN",
        progress=PACED,
        budget_dollars=30.0,
        checkpoints_ephemeral=True,
        health=SICK_WATCH,
    ),
    running(id="grpo-1a2b", recipe="grpo", requester="U0BEN", rate=None),
    a_run(id="grpo-77e0", recipe="grpo", gpus="H100:8", infra="k8s"),
    ended(Reason.SUCCEEDED, id="grpo-2b3c", recipe="grpo", rate=Rate(24.0, "x"), progress=VALIDATED),
    ended(Reason.FAILED, id="ppo-0d0d", requester="U0LEA", progress=TRAINED),
    change_run(over(Reason.STOPPED), id="ppo-5555", stop_requested_by="U0BEN"),
]
MANY = [running(id=f"ppo-{number:04x}", requester=f"U{number:02}", recipe=f"ppo{number}") for number in range(60)]
SEVERAL = [
    *(
        running(id=f"ppo-{n:04x}", requester=f"U0{who}", recipe=recipe, infra=infra, rate=Rate(n + 1.0, "x"))
        for n, (who, recipe, infra) in enumerate(
            [("ANA", "ppo", "k8s"), ("BEN", "grpo", "aws"), ("LEA", "dapo", "slurm/one"), ("MAX", "sft", "")]
        )
    ),
    replace(
        ended(Reason.SUCCEEDED, id="ppo-eeee", recipe="gspo", infra="gcp"), finished_at=at(1900), closed_at=at(2000)
    ),
    running(id="ppo-ffff", rate=None),
]
"""One of them ended before the last board, so that it counts in this month alone."""


REHEARSED = [
    running()
    .record_policy_hit(PolicyHit("budget", at(3000), 3.33, ends=True))
    .record_policy_hit(PolicyHit("person.gpus", at(0), None)),
    running(id="ppo-ffff", rate=None).record_policy_hit(PolicyHit("lease", at(3000), None, ends=True)),
]


def told(report: Report, runs: list[Run], late: timedelta = timedelta(), was_quiet: bool = False) -> Message:
    now = at(4100)
    found = build_digest_content(report, runs, [run for run in runs if run.closed_at], calendar_month(now, UTC), now)
    return render_report(report, found, now, now - late, was_quiet)


OWN = a_report(channel="D0000001")
BOARDS: dict[str, Callable[[], Message]] = {
    "rules rehearsed": lambda: told(a_report(), REHEARSED),
    "nothing": lambda: told(a_report(), []),
    "one run": lambda: told(a_report(), [running(progress=PACED, checkpoint_store="volume m")]),
    "one that waits": lambda: told(a_report(), [a_run()]),
    "all has ended": lambda: told(a_report(), [ended(Reason.SUCCEEDED)]),
    "a busy morning": lambda: told(a_report(covered_until=at(3000), run_costs={"ppo-7f3a": 3.1}), BUSY),
    "dollars of many": lambda: told(a_report(covered_until=at(3000), run_costs={"ppo-0000": 1.0}), SEVERAL),
    "nothing has a price": lambda: told(a_report(), [running(rate=None), running(id="ppo-2", rate=Rate(0.0, "x"))]),
    "of all runs, late": lambda: told(a_report(everywhere=True), BUSY[:1], timedelta(hours=2)),
    "of one's own, after the quiet hours": lambda: told(OWN, BUSY[:1], timedelta(hours=2), was_quiet=True),
    "told elsewhere": lambda: told(a_report(fallback_channel="D0000001"), []),
}
DAILY, BERLIN = a_report(quiet=NIGHT, zone="Europe/Berlin"), ZoneInfo("Europe/Berlin")
DIGEST = a_report(id="report-2", when="every 90min", everywhere=True)
WEEKDAYS = a_report(id="report-3", when="weekdays 09:30", by="U0LEA", quiet=QuietHours(time(12), time(13, 30)))
REPORT_ANSWERS: dict[str, Callable[[], Answer]] = {
    "no reports": lambda: schedule_views.list_reports([], NOON),
    "reports": lambda: schedule_views.list_reports([(DAILY, BERLIN), (DIGEST, UTC), (WEEKDAYS, UTC)], NOON),
    "a report": lambda: schedule_views.confirm_report(DIGEST, on(2, 13), UTC),
    "no report any more": lambda: schedule_views.confirm_report_end(DAILY),
    "summaries by steps": lambda: schedule_views.confirm_summaries(running(), SummaryInterval(steps=20)),
    "summaries by time": lambda: schedule_views.confirm_summaries(
        running(), SummaryInterval(period=timedelta(minutes=30))
    ),
    "no summaries": lambda: schedule_views.confirm_summaries(running(), SummaryInterval()),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", BOARDS)
def test_every_board_is_one_that_slack_takes(name: str, language: str) -> None:
    with use_language(language):
        message = BOARDS[name]()
        check_message(message.text, list(message.blocks))


@pytest.mark.parametrize("language", FILES)
def test_boards_read_as_they_were_read_aloud(language: str) -> None:
    assert read_all(language) == FILES[language].read_text(), "read the difference aloud, then run `make golden`"


def write_all() -> None:
    for language, path in FILES.items():
        path.write_text(read_all(language))


def read_all(language: str) -> str:
    with use_language(language):
        boards = {name: (made().text, list(made().blocks)) for name, made in BOARDS.items()}
        said = {name: (made()["text"], made()["blocks"]) for name, made in REPORT_ANSWERS.items()}
    workspace = seeded()
    parts = []
    for name, (text, blocks) in (boards | said).items():
        shown = Shown("1.0", "C0TRAIN", workspace.bot, text, blocks)
        parts.append(f"━━ {name}\n\n" + "\n".join(written(workspace, shown)) + "\n")
    return "\n".join(parts)


def test_a_board_of_sixty_runs_is_one_message_that_slack_takes() -> None:
    message = told(a_report(), MANY)
    check_message(message.text, list(message.blocks))
    assert "… and 50 more; `/verl list all` shows them." in str(message.blocks)


def test_hostile_text_never_breaks_a_board() -> None:
    hostile = "<!channel> `` ``` & " + "x" * 20_000
    runs = [change_run(run, recipe=hostile, detail=hostile, last_error=hostile, infra=hostile) for run in BUSY]
    message = told(a_report(), runs)
    check_message(message.text, list(message.blocks))
    assert "<!channel>" not in str(message.blocks)


def test_what_is_told_on_time_says_nothing_of_its_time() -> None:
    assert "this was due" not in str(told(a_report(), [], timedelta(minutes=4)).blocks)
    assert "this was due" in str(told(a_report(), [], timedelta(minutes=6)).blocks)
