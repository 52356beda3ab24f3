"""What may be asked of runs: by whom, and what of a log is read from where."""

from dataclasses import replace

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.app.run_queries import RunQueries, refuse_unknown_node
from bot.core.commands.command import ShowLogs
from bot.core.model.people import Actor, create_trusted_actor
from bot.core.model.run import Run
from bot.errors import UserError
from tests.builders import a_run
from tests.doubles.cloud import FakeCloud
from tests.story import RECIPES

SEEN, HIDDEN = a_run(), a_run(id="ppo-9c21", channel="C0HIDDEN", why="a secret plan")
ANA = create_trusted_actor("U0ANA")


class SeesAllBut:
    """Shows everything but what it is told to hide, and that to a person alone where `is_heard` matters."""

    def __init__(self, hidden: str = "", only_heard: bool = False) -> None:
        self.hidden = hidden
        self.only_heard = only_heard

    def can_see(self, actor: Actor, run: Run) -> bool:
        return run.id != self.hidden or (self.only_heard and not actor.is_channel_audience)


def queries(
    store: RedisStore, cloud: FakeCloud | None = None, hidden: str = "", only_heard: bool = False
) -> RunQueries:
    for run in (SEEN, HIDDEN):
        store.add(run, {"name": run.id, "run": "true"})
    return RunQueries(store, RECIPES, cloud or FakeCloud(), SeesAllBut(hidden, only_heard))


@pytest.mark.parametrize("name", ["ppo-7f3a", "7f3a", "PPO-7F3A"])
def test_a_run_is_found_by_its_name_or_the_end_of_it(store: RedisStore, name: str) -> None:
    assert queries(store).find(name, ANA).id == SEEN.id


@pytest.mark.parametrize("ask", ["find", "get_run_history", "get_task_yaml"])
def test_what_a_person_may_not_read_is_refused_by_every_question(store: RedisStore, ask: str) -> None:
    with pytest.raises(UserError, match="belongs to a private channel that you are not in") as refused:
        getattr(queries(store, hidden=HIDDEN.id), ask)(HIDDEN.id, ANA)
    assert refused.value.people == (HIDDEN.requester,)
    getattr(queries(store), ask)(HIDDEN.id, ANA)


def test_what_others_would_hear_is_refused_with_how_to_ask_alone(store: RedisStore) -> None:
    found = queries(store, hidden=HIDDEN.id, only_heard=True)
    with pytest.raises(UserError, match="here: people who are not in its private channel"):
        found.find(HIDDEN.id, replace(ANA, is_channel_audience=True))
    assert found.find(HIDDEN.id, ANA).why == "a secret plan"


def test_in_a_list_it_exists_and_costs_and_says_no_more(store: RedisStore) -> None:
    seen, hidden = queries(store, hidden=HIDDEN.id).redact_for(ANA, [SEEN, HIDDEN])
    assert seen == SEEN
    assert (hidden.id, hidden.requester, hidden.spending.rate) == (HIDDEN.id, HIDDEN.requester, HIDDEN.spending.rate)
    assert hidden.is_redacted
    assert (hidden.command_line, hidden.why) == ("", "")


def test_a_log_is_read_from_its_cluster_and_from_what_was_kept_where_that_does_not_answer(store: RedisStore) -> None:
    cloud = FakeCloud()
    found = queries(store, cloud)
    run = replace(SEEN, launch=SEEN.launch.begin(SEEN.created_at))
    cloud.answers = False
    silent = found.read_log(run, ShowLogs(run.id))
    assert (silent.lines, bool(silent.trouble)) == ([], True)
    with pytest.raises(UserError, match="has not started"):
        found.read_log(SEEN, ShowLogs(SEEN.id))


def test_a_node_that_the_run_does_not_have_is_refused() -> None:
    refuse_unknown_node(SEEN, None)
    refuse_unknown_node(SEEN, SEEN.plan.nodes - 1)
    with pytest.raises(UserError, match="node"):
        refuse_unknown_node(SEEN, SEEN.plan.nodes)
