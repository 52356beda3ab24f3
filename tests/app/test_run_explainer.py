"""Which earlier runs a run is compared with: those that the person may read, and no broken one."""

from datetime import timedelta

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.app.run_explainer import explain_run
from bot.app.run_queries import RunQueries
from bot.core.model.people import create_trusted_actor
from bot.core.model.progress import Progress, Sparkline
from bot.core.model.run import Run
from tests.app.test_run_queries import SeesAllBut
from tests.builders import NOON, change_run, running
from tests.doubles.cloud import FakeCloud
from tests.story import RECIPES

ANA = create_trusted_actor("U0ANA")


def trained(run_id: str, reward: float, days: int) -> Run:
    progress = Progress(9, reward=reward, rewards=Sparkline(((1, reward), (9, reward))))
    return change_run(running(), id=run_id, progress=progress, created_at=NOON - timedelta(days=days))


@pytest.mark.parametrize(("hidden", "middle"), [("", 0.5), ("ppo-0002", 0.3)])
def test_a_run_that_the_person_may_not_read_is_not_compared_with(store: RedisStore, hidden: str, middle: float) -> None:
    run = trained("ppo-0001", 0.4, 0)
    for one in (run, trained("ppo-0002", 0.7, 1), trained("ppo-0003", 0.3, 2)):
        store.add(one, {"name": one.id, "run": "true"})
    queries = RunQueries(store, RECIPES, FakeCloud(), SeesAllBut(hidden))
    reward = explain_run(queries, run, ANA, NOON).comparison.reward
    assert reward is not None
    assert reward.middle == middle
