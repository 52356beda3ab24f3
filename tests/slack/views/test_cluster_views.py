"""What is said of guards that fail and of clusters that no run owns, as Slack judges it and a person reads it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.model.cluster import AutostopRepair, AutostopSetting, CloudMemory, ClusterState, Outage
from bot.core.model.orphan import ListedCluster, Orphan, Ownership
from bot.core.model.run import Run
from bot.core.model.run_state import Reason
from bot.i18n import use_language
from bot.phrase import ENGLISH, LANGUAGES
from bot.slack.views.cluster_views import build_cluster_alerts, build_orphan_message
from bot.slack.views.memory_views import list_memory_messages
from bot.slack.views.message import Message
from slack_playground.checks import check_message
from slack_playground.transcript import written
from slack_playground.workspace import Message as Posted
from slack_playground.workspace import seeded
from tests.builders import NOON, at, change_run, running
from tests.slack.views.test_run_thread import GOLDEN

FILES = {one: GOLDEN / ("guards.txt" if one == ENGLISH else f"guards.{one}.txt") for one in LANGUAGES}


def mending(found: int | None = None, **changes: Any) -> Run:
    told = {
        "since": NOON,
        "observed_minutes": found,
        "was_set": True,
        "tried_at": NOON,
        "setting": AutostopSetting("id", "ben"),
    } | changes
    return running(requested_autostop_minutes=15, autostop_repair=AutostopRepair(**told))


RUNS = {
    "autostop cancelled": mending(setting=None),
    "autostop cancelled, and set": mending(),
    "autostop cancelled, and seen to be set": mending(repaired_at=at(60)),
    "autostop cancelled by nobody knows whom": mending(setting=AutostopSetting("id"), repaired_at=at(60)),
    "autostop changed": mending(observed_minutes=600, repaired_at=at(60)),
    "autostop never set": mending(was_set=False, setting=AutostopSetting("id"), repaired_at=at(60)),
    "autostop that cannot be": mending(setting=None, refusal="Autodown is not supported on Hyperbolic."),
    "a cluster that does not go": change_run(
        running().begin_teardown(Reason.SUCCEEDED, None, at(0)),
        teardown_overdue_since=at(600),
        manual_command="sky down verl-ppo-7f3a",
    ),
    "a cluster that does not go, unpriced, by why": change_run(
        running(rate=None)
        .begin_teardown(Reason.SUCCEEDED, None, at(0))
        .record_teardown_request(at(560), "The credentials have expired."),
        teardown_overdue_since=at(600),
    ),
}

LOST = CloudMemory(cluster_id="9f", loss=Outage(at(60)))
RUNS |= {
    "forgotten": running(memory=LOST, infra="slurm/gpu"),
    "forgotten, unpriced, in a cloud": running(memory=LOST, rate=None, infra="aws/us-east-1"),
    "remembered": running(memory=replace(LOST, loss=Outage(at(60), at(900)))),
}

BOX = ListedCluster(
    id="9f",
    name="dev-box",
    status=ClusterState.UP,
    user="ana",
    infra="slurm/gpu",
    nodes=2,
    launched_at=NOON,
    dollars_per_hour=12.0,
)
OURS = replace(BOX, id="7f", name="verl-ppo-7f3a", user="bot", nodes=1)
FOUND = Orphan(
    cluster=BOX,
    ownership=Ownership.UNCLAIMED,
    first_seen_at=NOON,
    last_seen_at=NOON,
    reported_at=NOON,
    channel="C0TRAIN",
)

ORPHANS = {
    "launched by hand": FOUND,
    "launched by hand, of nobody, unpriced": replace(
        FOUND, cluster=replace(BOX, user="", infra="", launched_at=None, dollars_per_hour=None)
    ),
    "stopped": replace(FOUND, cluster=replace(BOX, status=ClusterState.STOPPED)),
    "left": FOUND.leave_alone("U0BEN"),
    "adopted": FOUND.adopt("U0BEN", None, at(0)),
    "adopted, and that is over": FOUND.adopt("U0BEN", None, at(-30_000)),
    "adopted, over and being removed": FOUND.adopt("U0BEN", None, at(-30_000)).record_teardown_request(None, at(60)),
    "removed by a person": FOUND.request_removal("U0BEN").record_teardown_request(None, at(60)),
    "removed by a person, in vain": FOUND.request_removal("U0BEN").record_teardown_request(
        "The credentials have expired.", at(60)
    ),
    "gone by itself": replace(FOUND, gone_at=at(1800)),
    "gone by a person's wish": replace(FOUND.request_removal("U0BEN"), gone_at=at(1800)),
    "of our name": replace(FOUND, cluster=OURS, ownership=Ownership.OUR_NAME),
    "of an ended run": replace(FOUND, cluster=OURS, ownership=Ownership.ENDED_RUN),
    "of a run that ended unseen": replace(FOUND, cluster=OURS, ownership=Ownership.REAPPEARED).with_owner("U0ANA"),
    "of an ended run, left": replace(FOUND, cluster=OURS, ownership=Ownership.ENDED_RUN).leave_alone("U0ANA"),
}
NOW = at(3600)


def said() -> dict[str, list[Message]]:
    runs = {name: [*build_cluster_alerts(run), *list_memory_messages(run)] for name, run in RUNS.items()}
    return runs | {name: [build_orphan_message(orphan, NOW)] for name, orphan in ORPHANS.items()}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [*RUNS, *ORPHANS])
def test_every_message_is_one_that_slack_takes(name: str, language: str) -> None:
    with use_language(language):
        (message,) = said()[name]
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


def test_hostile_names_never_break_a_message() -> None:
    hostile = "<!channel> `` & " + "x" * 20_000
    orphan = replace(FOUND, cluster=replace(BOX, name=hostile, user=hostile, infra=hostile), last_error=hostile)
    message = build_orphan_message(orphan.request_removal("U0BEN"), NOW)
    check_message(message.text[:3000], list(message.blocks))
    assert "<!channel>" not in message.text


def test_a_moment_later_it_shows_what_it_has_cost_since() -> None:
    later = build_orphan_message(FOUND, NOW + timedelta(minutes=10))
    assert later.digest != build_orphan_message(FOUND, NOW).digest
