"""Gather what is known of why a run is as it is. Nothing here changes anything, or asks a model."""

from datetime import datetime

from bot.app.run_queries import RunQueries, list_active_runs
from bot.core.frameworks import FRAMEWORK
from bot.core.model.people import Actor
from bot.core.model.run import Run
from bot.core.rules.costs import compute_efficiency
from bot.core.rules.explanation import RunExplanation, build_explanation
from bot.runtime.failure_isolation import skip_failing_runs

SEARCHED_RUNS = 500
"""Number of the newest ended runs among which earlier ones of a recipe are looked for."""


def explain_run(queries: RunQueries, run: Run, actor: Actor, now: datetime) -> RunExplanation:
    """Return what is known of a run that the person may read, beside earlier runs that the person may read too."""
    return build_explanation(
        run,
        queries.store.get_history(run.id),
        queries.store.get_log(run.id),
        list_visible_runs(queries, run.recipe, actor, now),
        FRAMEWORK.keys,
        now,
    )


def list_visible_runs(queries: RunQueries, recipe: str, actor: Actor, now: datetime) -> list[Run]:
    """Return the open and the newest ended runs of a recipe that the person may read and whose cost can be computed."""
    store = queries.store
    runs = {run.id: run for run in [*store.list_recent_runs(SEARCHED_RUNS), *list_active_runs(store)]}
    of_recipe = (run for run in runs.values() if run.recipe == recipe and queries.visibility.can_see(actor, run))
    return list(skip_failing_runs(of_recipe, lambda run: compute_efficiency(run, now), []))
