"""A list with a filter: which runs are looked through, in which order they come, and whom a name means."""

from datetime import UTC, timedelta

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.app.run_search import refuse_unknown_recipe, search_runs
from bot.core.model.run_filter import EVERY_RUN, RunFilter
from bot.core.model.run_state import Reason
from bot.errors import UserError
from tests.builders import NOON, a_run, at
from tests.story import RECIPES

NAMES = {"U0ANA": "Ana", "U0BEN": "ben", "U0BEN2": "Ben"}


@pytest.fixture
def full(store: RedisStore) -> RedisStore:
    """A store with two runs of Ana's, of which one has ended, and an ended one of Ben's."""
    for run_id, requester, seconds in (("ppo-1", "U0ANA", 1), ("grpo-2", "U0BEN", 2), ("ppo-3", "U0ANA", 3)):
        run = a_run(id=run_id, recipe=run_id.partition("-")[0], requester=requester, created_at=at(seconds))
        store.add(run, {"run": "true"})
    for run_id, reason, seconds in (("ppo-1", Reason.FAILED, 10), ("grpo-2", Reason.SUCCEEDED, 20)):
        store.update(run_id, lambda run, reason=reason, seconds=seconds: run.close(reason, at(seconds)))  # type: ignore[misc]
        store.archive(run_id)
    return store


@pytest.mark.parametrize(
    ("which", "criteria", "found"),
    [
        pytest.param("active", EVERY_RUN, ["ppo-3"], id="no filter is the list itself"),
        pytest.param("active", RunFilter(recipe="ppo"), ["ppo-3"], id="without a state, ended ones are left out"),
        pytest.param("active", RunFilter(since="today"), ["ppo-3", "grpo-2", "ppo-1"], id="a day has ended ones too"),
        pytest.param("active", RunFilter(state="failed"), ["ppo-1"], id="a state that ended ones have"),
        pytest.param("active", RunFilter(who="U0BEN", since="1h"), ["grpo-2"], id="a person since a while"),
        pytest.param("mine", RunFilter(since="today"), ["ppo-3", "ppo-1"], id="mine"),
        pytest.param("ended", RunFilter(recipe="ppo", since="today"), ["ppo-1"], id="ended"),
        pytest.param("all", RunFilter(recipe="sft"), [], id="none"),
    ],
)
def test_a_list_has_the_runs_that_pass_with_the_active_ones_first(
    full: RedisStore, which: str, criteria: RunFilter, found: list[str]
) -> None:
    runs = search_runs(full, which, criteria, "U0ANA", at(60), UTC)
    assert [run.id for run in runs] == found


def test_a_run_of_yesterday_is_not_of_today(full: RedisStore) -> None:
    tomorrow = NOON + timedelta(days=1)
    assert search_runs(full, "all", RunFilter(since="today"), "U0ANA", tomorrow, UTC) == []


def test_a_recipe_that_there_is_not_is_refused_unless_it_had_runs() -> None:
    with pytest.raises(UserError, match="There is no recipe `smokey`") as refused:
        refuse_unknown_recipe(RECIPES, RunFilter(recipe="smokey"), [])
    assert "`smoke`" in str(refused.value.sentence)
    refuse_unknown_recipe(RECIPES, RunFilter(recipe="smokey"), [a_run()])
    refuse_unknown_recipe(RECIPES, RunFilter(recipe="smoke"), [])
    refuse_unknown_recipe(RECIPES, EVERY_RUN, [])
