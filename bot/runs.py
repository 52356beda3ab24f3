"""Which runs exist, and which one a name means."""

import re
from collections.abc import Iterable, Sequence

from bot.core.line import shown
from bot.core.nearest import listed as in_a_list
from bot.core.nearest import unknown
from bot.core.run import Run
from bot.core.status import Status
from bot.errors import UnreadableRecord, UserError
from bot.language import mark, say
from bot.ports import Store

RECENT = 20
"""Number of ended runs that a list shows."""

REMEMBERED = 200
"""Number of ended runs that a shortened or mistyped name may mean."""

SHORTEST = 3
"""Minimum characters of a shortened name."""

SEVERAL_ACTIVE = mark("{name} fits several active runs.")
SEVERAL = mark("{name} fits several runs, none of which is active.")

RUN_ID = re.compile(r"[a-z0-9-]+")
"""Characters of a run's id; any other name has no run, or is another key of the store."""


def find(store: Store, name: str) -> Run:
    """Return the run of this name, or the only one whose id ends or begins with it; of several, the only active one.

    Raises:
        UserError: no run fits, or several do; the hint names the candidates.
        UnreadableRecord: its record cannot be read.
    """
    if RUN_ID.fullmatch(name.lower()) and (exact := store.get(name.lower())):
        return exact
    open_runs = store.open()
    runs = {run.id: run for run in [*store.recent(REMEMBERED), *open_runs]}
    near = [run for run in runs.values() if is_short_for(name.lower(), run.id)]
    active = [run for run in near if run.status is not Status.ENDED]
    if len(active or near) == 1:
        return (active or near)[0]
    if near:
        several = SEVERAL_ACTIVE if active else SEVERAL
        raise UserError(say(several, name=shown(name)), in_a_list(sorted(run.id for run in active or near)))
    for stub, why in store.unreadable_runs():
        if is_short_for(name.lower(), stub.run_id):
            raise UnreadableRecord(stub.run_id, why)
    raise unknown("run", name, runs, say("None has been launched yet: `/verl launch smoke`."))


def last_two(store: Store, user: str) -> tuple[str, str]:
    """Return the ids of the person's last two runs with metrics, the earlier first.

    Raises:
        UserError: the person does not have two.
    """
    told = [run for run in newest_first(listed(store, "mine", user)) if run.progress.step is not None]
    if len(told) < 2:
        few = say("You have no two runs that have told numbers.")
        raise UserError(few, say("Name two: `compare A B`; `/verl list all` shows what there is."))
    return told[1].id, told[0].id


def active(store: Store, user: str | None = None) -> list[Run]:
    """Return the runs that have not ended, newest first; of one person where `user` is given."""
    runs = [run for run in store.open() if run.status is not Status.ENDED]
    return newest_first(run for run in runs if user in (None, run.requester))


def listed(store: Store, which: str, user: str) -> Sequence[Run]:
    """Return the runs of one of `command.LISTS`."""
    match which:
        case "mine":
            return [*active(store, user), *(run for run in store.recent(REMEMBERED) if run.requester == user)]
        case "ended":
            return store.recent(RECENT)
        case "all":
            return [*active(store), *store.recent(RECENT)]
        case _:
            return active(store)


def is_short_for(name: str, run_id: str) -> bool:
    """Return whether a name is long enough and begins or ends a run's id.

    >>> is_short_for("7f3a", "ppo-7f3a"), is_short_for("ppo", "ppo-7f3a"), is_short_for("a", "ppo-7f3a")
    (True, True, False)
    """
    return len(name) >= SHORTEST and (run_id.startswith(name) or run_id.endswith(name))


def newest_first(runs: Iterable[Run]) -> list[Run]:
    """Sort runs by their time of creation, newest first."""
    return sorted(runs, key=lambda run: run.created_at, reverse=True)
