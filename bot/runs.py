"""Which runs exist, and which one a name means."""

import re
from collections.abc import Iterable, Sequence

from bot.core.line import format_inline_code
from bot.core.nearest import list_valid_names, unknown_name_error
from bot.core.run import Run
from bot.core.status import RunStatus
from bot.errors import UnreadableRecord, UserError
from bot.language import N_, translate
from bot.ports import Store

RECENT_RUNS = 20
"""Number of ended runs that a list shows."""

REMEMBERED_RUNS = 200
"""Number of ended runs that a shortened or mistyped name may mean."""

MIN_NAME_CHARACTERS = 3
"""Minimum characters of a shortened name."""

SEVERAL_ACTIVE = N_("{name} fits several active runs.")
SEVERAL_ENDED = N_("{name} fits several runs, none of which is active.")

RUN_ID = re.compile(r"[a-z0-9-]+")
"""Characters of a run's id; any other name has no run, or is another key of the store."""


def find_run(store: Store, name: str) -> Run:
    """Return the run of this name, or the only one whose id ends or begins with it; of several, the only active one.

    Raises:
        UserError: no run fits, or several do; the hint names the candidates.
        UnreadableRecord: its record cannot be read.
    """
    if RUN_ID.fullmatch(name.lower()) and (exact := store.get(name.lower())):
        return exact
    open_runs = store.list_open_runs()
    runs = {run.id: run for run in [*store.list_recent_runs(REMEMBERED_RUNS), *open_runs]}
    near = [run for run in runs.values() if is_short_for(name.lower(), run.id)]
    active = [run for run in near if run.status is not RunStatus.ENDED]
    if len(active or near) == 1:
        return (active or near)[0]
    if near:
        several = SEVERAL_ACTIVE if active else SEVERAL_ENDED
        raise UserError(
            translate(several, name=format_inline_code(name)),
            list_valid_names(sorted(run.id for run in active or near)),
        )
    for stub, why in store.list_unreadable_runs():
        if is_short_for(name.lower(), stub.run_id):
            raise UnreadableRecord(stub.run_id, why)
    raise unknown_name_error("run", name, runs, translate("None has been launched yet: `/verl launch smoke`."))


def find_last_two(store: Store, user: str) -> tuple[str, str]:
    """Return the ids of the person's last two runs with metrics, the earlier first.

    Raises:
        UserError: the person does not have two.
    """
    with_metrics = [run for run in sort_newest_first(list_runs(store, "mine", user)) if run.progress.step is not None]
    if len(with_metrics) < 2:
        message = translate("You have no two runs that have told numbers.")
        raise UserError(message, translate("Name two: `compare A B`; `/verl list all` shows what there is."))
    return with_metrics[1].id, with_metrics[0].id


def list_active_runs(store: Store, user: str | None = None) -> list[Run]:
    """Return the runs that have not ended, newest first; of one person where `user` is given."""
    runs = [run for run in store.list_open_runs() if run.status is not RunStatus.ENDED]
    return sort_newest_first(run for run in runs if user in (None, run.requester))


def list_runs(store: Store, which: str, user: str) -> Sequence[Run]:
    """Return the runs of one of `command.LISTS`."""
    match which:
        case "mine":
            return [
                *list_active_runs(store, user),
                *(run for run in store.list_recent_runs(REMEMBERED_RUNS) if run.requester == user),
            ]
        case "ended":
            return store.list_recent_runs(RECENT_RUNS)
        case "all":
            return [*list_active_runs(store), *store.list_recent_runs(RECENT_RUNS)]
        case _:
            return list_active_runs(store)


def is_short_for(name: str, run_id: str) -> bool:
    """Return whether a name is long enough and begins or ends a run's id.

    >>> is_short_for("7f3a", "ppo-7f3a"), is_short_for("ppo", "ppo-7f3a"), is_short_for("a", "ppo-7f3a")
    (True, True, False)
    """
    return len(name) >= MIN_NAME_CHARACTERS and (run_id.startswith(name) or run_id.endswith(name))


def sort_newest_first(runs: Iterable[Run]) -> list[Run]:
    """Sort runs by their time of creation, newest first."""
    return sorted(runs, key=lambda run: run.created_at, reverse=True)
