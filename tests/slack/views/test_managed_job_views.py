"""What is said of managed jobs, as Slack judges it and a person reads it."""

from dataclasses import replace
from typing import Any

import pytest

from bot.core.model.cluster import JobState
from bot.core.model.managed_job import JobsController, Recovery, RecoveryHistory
from bot.core.model.money import Bill, Rate
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.i18n import use_language
from bot.phrase import ENGLISH, LANGUAGES
from bot.slack.views.blocks import section
from bot.slack.views.managed_job_views import explain_controller
from bot.slack.views.message import Message
from bot.slack.views.run_thread import build_conversation
from slack_playground.checks import check_message
from slack_playground.transcript import written
from slack_playground.workspace import Message as Posted
from slack_playground.workspace import seeded
from tests.builders import at, launching, running
from tests.slack.views.test_run_thread import GOLDEN

FILES = {one: GOLDEN / ("managed.txt" if one == ENGLISH else f"managed.{one}.txt") for one in LANGUAGES}
LOST = Recovery(1, at(600))
BILL = Bill(12.0, Rate(4.0, "SkyPilot's cost report, without interruptions"), at(3000), is_closed=True)


def managed(*last: Recovery, count: int = 0, **changes: Any) -> Run:
    return running(managed=True, infra="k8s", recoveries=RecoveryHistory(count, last), **changes)


STOPPED = managed(LOST, job=JobState.PENDING, stop_requested_by="U0BEN")
RUNS = {
    "launching": launching(managed=True, infra="k8s"),
    "running": managed(),
    "its machines went away": managed(LOST, job=JobState.PENDING, bill=BILL),
    "it has others": managed(replace(LOST, until=at(900)), count=1),
    "it has others, and its checkpoints": managed(
        replace(LOST, until=at(900)), count=1, checkpoint_store="s3://team/a"
    ),
    "it has others, and nobody looked": managed(Recovery(1, None, at(900)), Recovery(2, None, at(900)), count=2),
    "nothing was lost": managed(replace(LOST, until=at(900), is_counted=False)),
    "stopped while it waited for others": STOPPED.begin_teardown(Reason.STOPPED, None, at(700)),
    "ended": replace(
        managed(replace(LOST, until=at(900)), count=1, bill=BILL).begin_teardown(Reason.SUCCEEDED, None, at(4000)),
        status=RunStatus.ENDED,
        closed_at=at(4060),
    ),
}
NOW = at(3600)


def said() -> dict[str, list[Message]]:
    controllers = {
        "a controller would be rented": explain_controller(JobsController(), has_agreed=False),
        "a controller would be rented, priced": explain_controller(
            JobsController(rate=Rate(0.25, "the price table")), has_agreed=False
        ),
        "a controller would be started, as agreed": explain_controller(
            JobsController(is_stopped=True), has_agreed=True
        ),
    }
    runs = {name: build_conversation(run, NOW, "") for name, run in RUNS.items()}
    return runs | {name: [Message("x", text, (section(text),))] for name, text in controllers.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_one_that_slack_takes(language: str) -> None:
    with use_language(language):
        for messages in said().values():
            for message in messages:
                check_message(message.text, list(message.blocks))


@pytest.mark.parametrize("language", FILES)
def test_messages_read_as_they_were_read_aloud(language: str) -> None:
    assert read_all(language) == FILES[language].read_text(), "read the difference aloud, then run `make golden`"


def write_all() -> None:
    for language, path in FILES.items():
        path.write_text(read_all(language))


def read_all(language: str) -> str:
    workspace = seeded()
    with use_language(language):
        parts = []
        for name, messages in said().items():
            parts.append(f"━━ {name}\n")
            for one in messages:
                posted = Posted("1.0", "C0TRAIN", workspace.bot, one.text, list(one.blocks), broadcast=one.broadcast)
                parts.append("\n".join(written(workspace, posted)) + "\n")
        return "\n".join(parts)
