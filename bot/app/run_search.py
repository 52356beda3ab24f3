"""Search the runs by recipe, person, state and time, for a list."""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from bot.app.ports import RecipeSource
from bot.app.run_lookup import REMEMBERED_RUNS, sort_newest_first
from bot.app.run_queries import list_runs
from bot.app.store_ports import RunReader
from bot.core.model.run import Run
from bot.core.model.run_filter import RunFilter, parse_since
from bot.core.model.run_state import RunStatus
from bot.core.model.valid_names import unknown_name_error


def search_runs(
    store: RunReader, which: str, criteria: RunFilter, user: str, now: datetime, zone: tzinfo
) -> Sequence[Run]:
    """Return the runs of a list that pass a filter: the active ones first, each kind with the newest first.

    Args:
        which: one of `command.RUN_LISTS`.
        user: the person who asks.
        zone: the time zone in which a day begins.
    """
    if criteria.is_empty:
        return list_runs(store, which, user)
    begin = parse_since(criteria.since, now, zone) if criteria.since else None
    matching = {
        run.id: run
        for run in list_candidates(store, which, criteria, user, begin)
        if criteria.matches(run, user, begin) and is_in_list(run, which, user)
    }
    return [
        *sort_newest_first(run for run in matching.values() if run.status is not RunStatus.ENDED),
        *sort_newest_first(run for run in matching.values() if run.status is RunStatus.ENDED),
    ]


def list_candidates(
    store: RunReader, which: str, criteria: RunFilter, user: str, begin: datetime | None
) -> Iterable[Run]:
    """Return the runs among which a filter chooses: of very many ended ones those that ended last."""
    candidates = list(list_runs(store, which, user))
    if not criteria.includes_ended:
        return candidates
    ended = (
        deque(store.iterate_ended_runs(begin), REMEMBERED_RUNS) if begin else store.list_recent_runs(REMEMBERED_RUNS)
    )
    return [*candidates, *ended]


def is_in_list(run: Run, which: str, user: str) -> bool:
    """Return whether a run may be in one of `command.RUN_LISTS`; `active` may hold ended ones where a filter asks."""
    return (which != "mine" or run.requester == user) and (which != "ended" or run.status is RunStatus.ENDED)


def refuse_unknown_recipe(recipes: RecipeSource, criteria: RunFilter, matching: Sequence[Run]) -> None:
    """Refuse a filter for a recipe that does not exist; one whose file is gone may still have runs.

    Raises:
        UserError: there is no such recipe, and no run of it.
    """
    if criteria.recipe and not matching and criteria.recipe not in recipes.list_names():
        raise unknown_name_error("recipe", criteria.recipe, recipes.list_names())
