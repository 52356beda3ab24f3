"""What is said of models that leave their machines, or do not, as Slack judges it and a person reads it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.core.model.checkpoint import CheckpointRescue, DownloadProgress, SaveGrace
from bot.core.model.cluster import JobState
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.relaunch import refuse_resume
from bot.i18n import use_language
from bot.phrase import ENGLISH, LANGUAGES
from bot.slack.views import answers, run_thread
from bot.slack.views.message import Message
from slack_playground.checks import check_message
from slack_playground.transcript import written
from slack_playground.workspace import Message as Posted
from slack_playground.workspace import seeded
from tests.builders import at, change_run, refusal_of, running
from tests.slack.views.test_run_thread import GOLDEN

FILES = {one: GOLDEN / ("models.txt" if one == ENGLISH else f"models.{one}.txt") for one in LANGUAGES}

FOLDER = "/home/sky/checkpoints/ppo-7f3a/global_step_400"
SAVED = Progress(
    420, 435, {"val-core/x/reward/mean@1": 0.53}, 400, checkpoint=FOLDER, checkpoint_step=400, validation=0.53
)
PARTIAL = DownloadProgress("/data/artifacts/ppo-7f3a/global_step_400", 4_100_000_000, 18_400_000_000)
WHOLE = replace(PARTIAL, downloaded_bytes=18_400_000_000, is_complete=True, shard_folder=f"{PARTIAL.folder}/actor")
WHY = "I could not read the cluster by SSH: no route to host."
NOW = at(3600)


def trained(**changes: Any) -> Run:
    return running(
        progress=SAVED, checkpoints_ephemeral=True, checkpoint_folder="~/checkpoints", checkpoint_at=at(3000), **changes
    )


def draining(reason: Reason, **changes: Any) -> Run:
    return trained(**changes).set_save_grace(SaveGrace(reason, at(4200)))


def over(reason: Reason = Reason.SUCCEEDED, **changes: Any) -> Run:
    return trained(**changes).begin_teardown(reason, None, at(3300)).begin_download(at(43200), at(3310))


def ended(run: Run) -> Run:
    return change_run(run, status=RunStatus.ENDED, closed_at=at(3500), resumes=True)


def rescued(run: Run, change: Callable[[CheckpointRescue], CheckpointRescue]) -> Run:
    return replace(run, checkpoint_rescue=change(run.checkpoint_rescue))


FAILED = rescued(over(), lambda rescue: rescue.record_failure(WHY, at(3320), notifies_people=False))
ASKS = rescued(FAILED, lambda rescue: rescue.record_failure(WHY, at(3380), notifies_people=True))
FETCHED = over().record_download(WHOLE, at(3400))

MISSING = "`actor/model_world_size_2_rank_1.pt` is missing."
OLDER = replace(
    WHOLE,
    folder="/data/artifacts/ppo-7f3a/global_step_380",
    shard_folder="/data/artifacts/ppo-7f3a/global_step_380/actor",
)
TORN = rescued(over(), lambda rescue: rescue.record_torn(400, MISSING, 2)).record_newest_checkpoint(
    "/home/sky/checkpoints/ppo-7f3a/global_step_380", 380
)
NONE_WHOLE = rescued(
    over(),
    lambda rescue: (
        rescue.record_torn(400, MISSING, 2)
        .record_integrity(False, at(3390))
        .record_failure(MISSING, at(3400), notifies_people=True)
    ),
)
UNSEEN = change_run(over(), progress=Progress(), running_at=None)
SEARCHED = rescued(UNSEEN, lambda rescue: rescue.record_failure(WHY, at(3380), notifies_people=True))

RUNS = {
    "saves before its lease ends": draining(Reason.LEASE_EXPIRED),
    "saves before its budget ends it": draining(Reason.BUDGET_EXCEEDED),
    "saves before it is stopped, unpriced": draining(Reason.STOPPED, stop_requested_by="U0BEN", rate=None),
    "of a managed job": trained(managed=True),
    "fetching begins": over(),
    "fetching": over().record_download(PARTIAL, at(3320)),
    "fetching, and the time is nearly up": over().begin_download(at(3620), at(3310)).record_download(PARTIAL, at(3320)),
    "fetching has failed once": FAILED,
    "cannot be fetched": ASKS,
    "cannot be fetched, unpriced": change_run(ASKS, rate=None),
    "cannot be fetched, and a person keeps it": ASKS.keep_cluster(at(7200), "U0BEN"),
    "fetched": FETCHED,
    "fetched after all": ASKS.record_download(WHOLE, at(3500)),
    "lost by a person's word": ASKS.request_stop("U0LEA", at(3500), save=False),
    "given up": ASKS.abandon_checkpoint(at(3500)),
    "ended, fetched": ended(FETCHED),
    "ended, fetched, failed": ended(over(Reason.FAILED).record_download(replace(WHOLE, shard_folder=""), at(3400))),
    "ended, lost by a person's word": ended(ASKS.request_stop("U0LEA", at(3500), save=False)),
    "ended, given up": ended(ASKS.abandon_checkpoint(at(3500))),
    "ended, its cluster lost": ended(over(Reason.CLUSTER_LOST)),
    "the newest is torn, and an older one is fetched": TORN.record_download(
        replace(PARTIAL, folder=OLDER.folder), at(3410)
    ),
    "ended, an older one fetched": ended(TORN.record_download(OLDER, at(3410))),
    "none is whole": NONE_WHOLE,
    "ended, none was whole": ended(NONE_WHOLE.abandon_checkpoint(at(3500))),
    "ended, only an older one had come": ended(over().record_local_copy(380, OLDER, at(3410))),
    "first seen after its end": UNSEEN,
    "ended, first seen after its end, and never asked": ended(UNSEEN),
    "ended, first seen after its end, and asked in vain": ended(
        replace(
            UNSEEN, checkpoint_rescue=UNSEEN.checkpoint_rescue.record_failure(WHY, at(3320), notifies_people=False)
        ).record_saved_log(None, at(3330))
    ),
    "its search fails": SEARCHED,
    "ended, its search given up": ended(SEARCHED.abandon_checkpoint(at(3500))),
    "ended, its search ended by a person's word": ended(SEARCHED.request_stop("U0LEA", at(3500), save=False)),
    "ended, first seen after its end, without a checkpoint": ended(
        replace(UNSEEN, checkpoint_rescue=UNSEEN.checkpoint_rescue.record_no_checkpoint(at(3320)))
    ),
    "ended before it trained": ended(
        running(job=JobState.FAILED_SETUP, running_at=None, checkpoints_ephemeral=True).begin_teardown(
            Reason.SETUP_FAILED, None, at(3300)
        )
    ),
}


def said(run: Run) -> list[Message]:
    """What concerns its model: its card, and the messages that differ by it."""
    wanted = {"card", "stopping", "model", "model-lost", "ended"}
    return [
        one
        for one in run_thread.build_conversation(run, NOW, "")
        if one.key in wanted or one.key.startswith("draining")
    ]


def answered(run: Run) -> Message:
    answer = answers.render_artifacts(run)
    return Message("answer", answer["text"], tuple(answer["blocks"]))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", RUNS)
def test_every_message_is_one_that_slack_takes(name: str, language: str) -> None:
    with use_language(language):
        for message in (*said(RUNS[name]), answered(RUNS[name])):
            check_message(message.text, list(message.blocks))


@pytest.mark.parametrize("language", FILES)
def test_messages_read_as_they_were_read_aloud(language: str) -> None:
    assert read_all(language) == FILES[language].read_text(), "read the difference aloud, then run `make golden`"


def write_all() -> None:
    for language, path in FILES.items():
        path.write_text(read_all(language))


def read_all(language: str) -> str:
    workspace, parts = seeded(), []
    with use_language(language):
        for name, run in RUNS.items():
            parts.append(f"━━ {name}\n")
            for one in (*said(run), answered(run)):
                posted = Posted("1.0", "C0TRAIN", workspace.bot, one.text, list(one.blocks), broadcast=one.broadcast)
                parts.append("\n".join(written(workspace, posted)) + "\n")
    return "\n".join(parts)


NOT_DOWNLOADED = [name for name, run in RUNS.items() if run.is_finished and not run.checkpoint_rescue.is_downloaded]


@pytest.mark.parametrize("name", NOT_DOWNLOADED)
@pytest.mark.parametrize(
    "known", ["I do not know", "log shows no checkpoint", "had no checkpoint", "chose to", "is only on", "lost"]
)
def test_a_refused_resume_says_of_a_checkpoint_what_artifacts_says(name: str, known: str) -> None:
    refusal = refusal_of(lambda: refuse_resume(change_run(RUNS[name], resumes=True)))
    assert refusal
    artifacts = answered(RUNS[name]).text
    assert (known in str(refusal)) is (known in artifacts), f"{refusal} — {artifacts}"


def test_hostile_text_never_breaks_a_message() -> None:
    hostile = "<!channel> `` & " + "x" * 20_000
    run = rescued(
        change_run(over(), progress=replace(SAVED, checkpoint=hostile)),
        lambda rescue: rescue.record_failure(hostile, at(3320), notifies_people=True),
    )
    for message in (*said(run), *said(ended(run.abandon_checkpoint(at(3400))))):
        check_message(message.text[:3000], list(message.blocks))


@pytest.mark.parametrize("reason", [Reason.DOWNED_EXTERNALLY, Reason.AUTODOWNED])
def test_no_download_is_promised_from_a_cluster_that_is_gone(reason: Reason) -> None:
    card = str(run_thread.build_conversation(change_run(over(), reason=reason), NOW, "")[0].blocks)
    assert "The step-400 checkpoint was only on the cluster." in card
    assert "I will download it" not in card
    assert "machines not confirmed gone yet" in card
    assert "machines still billing" not in card


STORED = running(checkpoint_store="volume m", progress=SAVED, checkpoint_at=at(3000))
UNSAVED = running(checkpoint_store="volume m", progress=Progress(20))


def failed(run: Run) -> Run:
    return ended(run.begin_teardown(Reason.FAILED, None, at(3300)))


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        pytest.param(STORED, "Model: step 400, in `volume m › ppo-7f3a/global_step_400`.", id="running"),
        pytest.param(failed(STORED), "Model: step 400, in `volume m › ppo-7f3a/global_step_400`.", id="failed"),
        pytest.param(
            failed(UNSAVED),
            "The log shows no checkpoint; if there is one, it is in `volume m › ppo-7f3a`.",
            id="failed before it saved",
        ),
        pytest.param(
            failed(change_run(STORED, progress=replace(SAVED, checkpoint="/tmp/global_step_400"))),
            "The step-400 checkpoint was saved in `/tmp/global_step_400`, not in `volume m`",
            id="saved elsewhere",
        ),
    ],
)
def test_a_model_in_a_volume_is_said_in_the_same_words_in_each_message(run: Run, sentence: str) -> None:
    messages = [*said(run), answered(run)]
    texts = {message.key: str(message.blocks) for message in messages if message.key in ("card", "ended", "answer")}
    assert "card" in texts
    assert ("ended" in texts) is run.is_finished
    for key, text in texts.items():
        assert sentence in text, key
        assert "model: in" not in text
