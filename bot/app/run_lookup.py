"""Find the run that a person means: by its id, by the name that a person gave it, or by a part of its id."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from bot.app.store_ports import RunReader
from bot.core.commands.builders import RUN_ID_SHAPE
from bot.core.commands.command import Launch
from bot.core.model.characters import to_plain_hyphens
from bot.core.model.recipe import RESUME
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.model.typed_text import format_inline_code
from bot.core.model.valid_names import list_valid_names, unknown_name_error
from bot.errors import AmbiguousRun, UnknownName, UnreadableRecord, UserError
from bot.phrase import N_, Phrase

REMEMBERED_RUNS = 200
"""Number of ended runs that a name, or a shortened or mistyped id, may mean."""

MIN_NAME_CHARACTERS = 3
"""Minimum characters of a shortened id."""

SEVERAL_ACTIVE = N_("Which run? Several active ones match {name}.")
SEVERAL_ENDED = N_("Which run? Several ended ones match {name}.")

RUN_ID = re.compile(r"[a-z0-9-]+")
"""Characters of a run's id; any other name has no run, or is another key of the store."""

SIGNS_AROUND_NAMES = "`.,:;!?()"
"""Signs that people copy with a name, or write behind it."""


def see_none(_: Run) -> bool:
    """Return that a person may see no run, so that no run has a name."""
    return False


def find_run(store: RunReader, name: str, can_see: Callable[[Run], bool] = see_none) -> Run:
    """Return the run of this id; or else the one that a person gave this name; or else the only one whose id ends or
    begins with it. Of several, the only active one.

    Args:
        can_see: whether the person who asks may see a run: names count only among those.

    Raises:
        UserError: no run fits, or several do; the hint names the candidates.
        UnreadableRecord: its record cannot be read.
    """
    name = to_plain_hyphens(name.strip(SIGNS_AROUND_NAMES) or name)
    if RUN_ID.fullmatch(name.lower()) and (exact := store.get(name.lower())):
        return exact
    open_runs = store.list_open_runs()
    runs = {run.id: run for run in [*store.list_recent_runs(REMEMBERED_RUNS), *open_runs]}
    named = [run for run in runs.values() if has_name(run, name) and can_see(run)]
    near = named or [run for run in runs.values() if is_short_for(name.lower(), run.id)]
    active = [run for run in near if run.status is not RunStatus.ENDED]
    if len(active or near) == 1:
        return (active or near)[0]
    if near:
        candidates = sort_newest_first(active or near)
        raise AmbiguousRun(
            Phrase(SEVERAL_ACTIVE if active else SEVERAL_ENDED, name=format_inline_code(name)),
            list_valid_names([run.id for run in candidates], "/verl list all"),
            [(run.id, run.created_at) for run in candidates],
        )
    for stub, why in store.list_unreadable_runs():
        if is_short_for(name.lower(), stub.run_id):
            raise UnreadableRecord(stub.run_id, why)
    newest_first = [run.id for run in sort_newest_first(runs.values())]
    open_ids = {run.id for run in open_runs}
    ids = sorted(newest_first, key=lambda run_id: run_id not in open_ids)
    names = dict.fromkeys(run.name for run in runs.values() if run.name and can_see(run))
    none_yet = Phrase("No run has been launched yet. Start one: `/verl launch smoke`.")
    raise unknown_name_error("run", name, ids, none_yet, other_names=names)


def name_resumed_run(launch: Launch, look_up: Callable[[str], Run]) -> Launch:
    """Return a launch with the id of the run from which it resumes, where a person typed its name or a part of its id.

    Args:
        look_up: returns the run that a name means, or raises UserError.

    Raises:
        UserError: it is nearly the name of a run, and cannot be the id of one that the bot has forgotten.
    """
    typed = dict(launch.parameters).get(RESUME.name, "")
    name, slash, checkpoint = typed.partition("/")
    if not name:
        return launch
    try:
        value = f"{look_up(name).id}{slash}{checkpoint}"
    except UserError as error:
        if isinstance(error, UnknownName) and is_mistyped(name, error.near):
            raise
        # Of a run that the bot does not know, the recipe speaks on the machines.
        return launch
    parameters = tuple((key, value if key == RESUME.name else other) for key, other in launch.parameters)
    return replace(launch, parameters=parameters)


def is_mistyped(name: str, near: str) -> bool:
    """Return whether a name that is nearly another one is a typing mistake, and no id of an older run.

    >>> is_mistyped("smoek-7f3a", "smoke-7f3a"), is_mistyped("thrre", "three"), is_mistyped("ppo-7f3b", "ppo-7f3a")
    (True, True, False)
    """
    ending = name.rpartition("-")[2]
    return near != "" and (RUN_ID_SHAPE.fullmatch(name) is None or near.endswith(f"-{ending}"))


def has_name(run: Run, name: str) -> bool:
    """Return whether a person gave the run this name, in capitals or not."""
    return run.name != "" and fold_name(run.name) == fold_name(name)


def refuse_short_name(run: Run, name: str, user: str) -> None:
    """Raise UserError if a person names another person's run by a part of its id: one wrong letter would end it."""
    if run.requester != user and run.id != name.lower() and not has_name(run, name):
        raise UserError(
            Phrase(
                "{name} is short for `{run}`, which you did not launch.",
                name=format_inline_code(name),
                run=run.id,
            ),
            Phrase("Type its whole name: {run}.", run=f"`{run.id}`"),
        )


def fold_name(name: str) -> str:
    """Return what two spellings of a name have in common.

    >>> fold_name(" Big  batch "), fold_name("ＢＩＧ batch!"), fold_name("big–batch")
    ('big batch', 'big batch', 'big-batch')
    """
    return " ".join(to_plain_hyphens(name).casefold().split()).strip(SIGNS_AROUND_NAMES)


def is_short_for(name: str, run_id: str) -> bool:
    """Return whether a name is long enough and begins or ends a run's id.

    >>> is_short_for("7f3a", "ppo-7f3a"), is_short_for("ppo", "ppo-7f3a"), is_short_for("a", "ppo-7f3a")
    (True, True, False)
    """
    return len(name) >= MIN_NAME_CHARACTERS and (run_id.startswith(name) or run_id.endswith(name))


def sort_newest_first(runs: Iterable[Run]) -> list[Run]:
    """Sort runs by their time of creation, newest first."""
    return sorted(runs, key=lambda run: run.created_at, reverse=True)
