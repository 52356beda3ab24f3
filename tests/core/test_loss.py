"""What is lost with a run: since the checkpoint that is left, or all of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.keeping import Fetch
from bot.core.loss import Loss, loss
from bot.core.money import Bill, Rate
from bot.core.progress import Progress
from bot.core.run import Run
from tests.builders import at, running

SAVED = Progress(step=53, checkpoint="/checkpoints/ppo-7f3a/global_step_40", checkpoint_step=40)
KEPT = running(place="volume m").progressed(SAVED, at(3600))


@pytest.mark.parametrize(
    ("run", "lost"),
    [
        pytest.param(KEPT, Loss(4.0, 40, 13), id="an hour at four dollars"),
        pytest.param(replace(KEPT, rate=None), Loss(None, 40, 13), id="unpriced"),
        pytest.param(replace(KEPT, place=None), Loss(8.0), id="on a disk that is gone"),
        pytest.param(replace(KEPT, place="volume m", id="ppo-0000"), Loss(8.0), id="in another folder"),
        pytest.param(running(place="volume m").progressed(Progress(step=3), at(1)), Loss(8.0), id="none saved"),
        pytest.param(KEPT.progressed(replace(SAVED, step=39), at(9)), Loss(4.0, 40, 0, False), id="while it saved"),
        pytest.param(
            replace(KEPT, bill=Bill(3.0, Rate(96.0, "x"), at(7200), closed=True)), Loss(3.0, 40, 13), id="by the bill"
        ),
    ],
)
def test_what_is_lost_at_the_end_of_two_hours(run: Run, lost: Loss) -> None:
    assert loss(replace(run, ended_at=at(7200)), at(9000)) == lost


HERE = Fetch("/artifacts/ppo-7f3a/global_step_40", 9, 9, done=True)
DIES = replace(KEPT, place=None, model_dies=True)


@pytest.mark.parametrize(
    ("run", "lost"),
    [
        pytest.param(DIES.fetching(HERE, at(7000)), Loss(4.0, 40, 13), id="the newest"),
        pytest.param(
            DIES.progressed(replace(SAVED, step=39), at(9)).fetching(HERE, at(7000)),
            Loss(4.0, 40, 0, True),
            id="which was opened, though no step was read of after it",
        ),
        pytest.param(
            DIES.recalled(20, HERE, at(7000)), Loss(None, 20, 33), id="an older one: when it was saved is not known"
        ),
        pytest.param(
            DIES.has_saved("/checkpoints/ppo-7f3a/global_step_50", 50).fetching(HERE, at(7000)),
            Loss(None, 50, 3),
            id="a newer one than the log has told of",
        ),
    ],
)
def test_what_is_lost_where_a_checkpoint_was_fetched(run: Run, lost: Loss) -> None:
    assert loss(replace(run, ended_at=at(7200)), at(9000)) == lost


def test_a_checkpoint_is_as_old_as_its_first_line() -> None:
    later = KEPT.progressed(replace(SAVED, step=54), at(3700))
    assert later.checkpoint_at == at(3600)
    assert later.progressed(replace(SAVED, checkpoint_step=60), at(5000)).checkpoint_at == at(5000)
    assert loss(later, at(3600) + timedelta(minutes=30)).dollars == 2.0
