"""What is lost with a run: since the checkpoint that is left, or all of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.model.checkpoint import DownloadProgress
from bot.core.model.money import Bill, Rate
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.rules.save_grace import RunLoss, compute_loss
from tests.builders import at, change_run, running

SAVED = Progress(step=53, checkpoint="/checkpoints/ppo-7f3a/global_step_40", checkpoint_step=40)
KEPT = running(checkpoint_store="volume m", progress=SAVED, checkpoint_at=at(3600))


@pytest.mark.parametrize(
    ("run", "lost"),
    [
        pytest.param(KEPT, RunLoss(4.0, 40, 13), id="an hour at four dollars"),
        pytest.param(change_run(KEPT, rate=None), RunLoss(None, 40, 13), id="unpriced"),
        pytest.param(change_run(KEPT, checkpoint_store=None), RunLoss(8.0), id="on a disk that is gone"),
        pytest.param(
            change_run(KEPT, checkpoint_store="volume m", id="ppo-0000"), RunLoss(8.0), id="in another folder"
        ),
        pytest.param(running(checkpoint_store="volume m", progress=Progress(step=3)), RunLoss(8.0), id="none saved"),
        pytest.param(
            replace(KEPT, training=KEPT.training.record_progress(replace(SAVED, step=39), at(9))),
            RunLoss(4.0, 40, 0, False),
            id="while it saved",
        ),
        pytest.param(
            change_run(KEPT, bill=Bill(3.0, Rate(96.0, "x"), at(7200), is_closed=True)),
            RunLoss(3.0, 40, 13),
            id="by the bill",
        ),
    ],
)
def test_what_is_lost_at_the_end_of_two_hours(run: Run, lost: RunLoss) -> None:
    assert compute_loss(replace(run, closed_at=at(7200)), at(9000)) == lost


HERE = DownloadProgress("/artifacts/ppo-7f3a/global_step_40", 9, 9, is_complete=True)
DIES = change_run(KEPT, checkpoint_store=None, checkpoints_ephemeral=True)


@pytest.mark.parametrize(
    ("run", "lost"),
    [
        pytest.param(DIES.record_download(HERE, at(7000)), RunLoss(4.0, 40, 13), id="the newest"),
        pytest.param(
            replace(DIES, training=DIES.training.record_progress(replace(SAVED, step=39), at(9))).record_download(
                HERE, at(7000)
            ),
            RunLoss(4.0, 40, 0, True),
            id="which was opened, though no step was read of after it",
        ),
        pytest.param(
            DIES.record_local_copy(20, HERE, at(7000)),
            RunLoss(None, 20, 33),
            id="an older one: when it was saved is not known",
        ),
        pytest.param(
            DIES.record_newest_checkpoint("/checkpoints/ppo-7f3a/global_step_50", 50).record_download(HERE, at(7000)),
            RunLoss(None, 50, 3),
            id="a newer one than the log has told of",
        ),
    ],
)
def test_what_is_lost_where_a_checkpoint_was_fetched(run: Run, lost: RunLoss) -> None:
    assert compute_loss(replace(run, closed_at=at(7200)), at(9000)) == lost


def test_a_checkpoint_is_as_old_as_its_first_line() -> None:
    later = replace(KEPT, training=KEPT.training.record_progress(replace(SAVED, step=54), at(3700)))
    assert later.training.checkpoint_at == at(3600)
    assert replace(
        later, training=later.training.record_progress(replace(SAVED, checkpoint_step=60), at(5000))
    ).training.checkpoint_at == at(5000)
    assert compute_loss(later, at(3600) + timedelta(minutes=30)).dollars == 2.0
