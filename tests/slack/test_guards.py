"""What is said of guards that fail and of clusters that no run owns, as Slack judges it and a person reads it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.autostop import Mending, Setting
from bot.core.doubt import Outage
from bot.core.memory import Memory
from bot.core.orphans import Claim, Orphan, Standing
from bot.core.run import Run
from bot.core.seen import Cluster
from bot.core.status import Reason
from bot.language import ENGLISH, LANGUAGES, speaking
from bot.playground.checks import check_message
from bot.playground.transcript import written
from bot.playground.workspace import Message as Posted
from bot.playground.workspace import seeded
from bot.slack.guards import guard_messages
from bot.slack.memory import memory_messages
from bot.slack.message import Message
from bot.slack.orphans import orphan_message
from tests.builders import NOON, at, running
from tests.slack.test_views import GOLDEN

FILES = {one: GOLDEN / ("guards.txt" if one == ENGLISH else f"guards.{one}.txt") for one in LANGUAGES}


def mending(found: int | None = None, **changes: Any) -> Run:
    told = {"since": NOON, "found": found, "was_set": True, "tried_at": NOON, "setting": Setting("id", "ben")} | changes
    return running(autostop_asked=15, mending=Mending(**told))


RUNS = {
    "autostop cancelled": mending(setting=None),
    "autostop cancelled, and set": mending(),
    "autostop cancelled, and seen to be set": mending(mended_at=at(60)),
    "autostop cancelled by nobody knows whom": mending(setting=Setting("id"), mended_at=at(60)),
    "autostop changed": mending(found=600, mended_at=at(60)),
    "autostop never set": mending(was_set=False, setting=Setting("id"), mended_at=at(60)),
    "autostop that cannot be": mending(setting=None, refused="Autodown is not supported on Hyperbolic."),
    "a cluster that does not go": running()
    .stopping(Reason.SUCCEEDED, None, at(0))
    .alarmed("sky down verl-ppo-7f3a", at(600)),
    "a cluster that does not go, unpriced, by why": running(rate=None)
    .stopping(Reason.SUCCEEDED, None, at(0))
    .downed(at(560), "The credentials have expired.")
    .alarmed("", at(600)),
}

LOST = Memory(cluster_id="9f", loss=Outage(at(60)))
RUNS |= {
    "forgotten": running(memory=LOST, infra="slurm/gpu"),
    "forgotten, unpriced, in a cloud": running(memory=LOST, rate=None, infra="aws/us-east-1"),
    "remembered": running(memory=replace(LOST, loss=Outage(at(60), at(900)))),
}

BOX = Standing(
    id="9f",
    name="dev-box",
    status=Cluster.UP,
    user="ana",
    infra="slurm/gpu",
    nodes=2,
    since=NOON,
    dollars_per_hour=12.0,
)
OURS = replace(BOX, id="7f", name="verl-ppo-7f3a", user="bot", nodes=1)
FOUND = Orphan(standing=BOX, claim=Claim.NOBODY, seen_at=NOON, last_at=NOON, told_at=NOON, channel="C0TRAIN")

ORPHANS = {
    "launched by hand": FOUND,
    "launched by hand, of nobody, unpriced": replace(
        FOUND, standing=replace(BOX, user="", infra="", since=None, dollars_per_hour=None)
    ),
    "stopped": replace(FOUND, standing=replace(BOX, status=Cluster.STOPPED)),
    "left": FOUND.left("U0BEN"),
    "adopted": FOUND.adopted("U0BEN", None, at(0)),
    "adopted, and that is over": FOUND.adopted("U0BEN", None, at(-30_000)),
    "adopted, over and being removed": FOUND.adopted("U0BEN", None, at(-30_000)).downed(None, at(60)),
    "removed by a person": FOUND.removal_asked("U0BEN").downed(None, at(60)),
    "removed by a person, in vain": FOUND.removal_asked("U0BEN").downed("The credentials have expired.", at(60)),
    "gone by itself": replace(FOUND, gone_at=at(1800)),
    "gone by a person's wish": replace(FOUND.removal_asked("U0BEN"), gone_at=at(1800)),
    "of our name": replace(FOUND, standing=OURS, claim=Claim.NAMED),
    "of an ended run": replace(FOUND, standing=OURS, claim=Claim.ENDED),
    "of a run that ended unseen": replace(FOUND, standing=OURS, claim=Claim.RETURNED).owned_by("U0ANA"),
    "of an ended run, left": replace(FOUND, standing=OURS, claim=Claim.ENDED).left("U0ANA"),
}
NOW = at(3600)


def said() -> dict[str, list[Message]]:
    runs = {name: [*guard_messages(run), *memory_messages(run)] for name, run in RUNS.items()}
    return runs | {name: [orphan_message(orphan, NOW)] for name, orphan in ORPHANS.items()}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [*RUNS, *ORPHANS])
def test_every_message_is_one_that_slack_takes(name: str, language: str) -> None:
    with speaking(language):
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
    with speaking(language):
        parts = []
        for name, messages in said().items():
            parts.append(f"━━ {name}\n")
            for one in messages:
                posted = Posted("1.0", "C0TRAIN", workspace.bot, one.text, list(one.blocks), broadcast=one.broadcast)
                parts.append("\n".join(written(workspace, posted)) + "\n")
        return "\n".join(parts)


def test_hostile_names_never_break_a_message() -> None:
    hostile = "<!channel> `` & " + "x" * 20_000
    orphan = replace(FOUND, standing=replace(BOX, name=hostile, user=hostile, infra=hostile), trouble=hostile)
    message = orphan_message(orphan.removal_asked("U0BEN"), NOW)
    check_message(message.text[:3000], list(message.blocks))
    assert "<!channel>" not in message.text


def test_a_moment_later_it_shows_what_it_has_cost_since() -> None:
    later = orphan_message(FOUND, NOW + timedelta(minutes=10))
    assert later.digest != orphan_message(FOUND, NOW).digest
