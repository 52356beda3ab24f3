"""The names of states, as cards and lists show them and as people type them. Pure."""

from collections.abc import Collection, Mapping

from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.phrase import N_

STATUS_STATES: Mapping[RunStatus, str] = {
    RunStatus.AWAITING_APPROVAL: N_("needs approval"),
    RunStatus.PENDING: N_("waiting"),
    RunStatus.LAUNCHING: N_("launching"),
    RunStatus.RUNNING: N_("running"),
    RunStatus.STOPPING: N_("stopping, still billing"),
    RunStatus.ENDED: N_("ended"),
}
"""The state of a run without an outcome."""

REASON_STATES: Mapping[Reason, str] = {
    Reason.SUCCEEDED: N_("succeeded"),
    Reason.FAILED: N_("failed"),
    Reason.SETUP_FAILED: N_("setup failed"),
    Reason.DRIVER_DIED: N_("failed: driver process died"),
    Reason.LAUNCH_FAILED: N_("not launched"),
    Reason.CANCELLED_EXTERNALLY: N_("cancelled outside verlbot"),
    Reason.STOPPED: N_("stopped"),
    Reason.BUDGET_EXCEEDED: N_("stopped: budget used up"),
    Reason.MONTHLY_BUDGET_EXCEEDED: N_("stopped: monthly budget used up"),
    Reason.LEASE_EXPIRED: N_("stopped: lease ended"),
    Reason.SICK: N_("stopped: sick training"),
    Reason.AUTODOWNED: N_("stopped by autostop"),
    Reason.DOWNED_EXTERNALLY: N_("deleted outside verlbot"),
    Reason.CLUSTER_LOST: N_("cluster lost"),
    Reason.REFUSED: N_("declined"),
    Reason.NOT_APPROVED: N_("not approved in time"),
    Reason.CAP_EXCEEDED: N_("over the limit"),
}
"""The state of a run that has finished."""

STATE_NAMES = tuple(dict.fromkeys((*STATUS_STATES.values(), *REASON_STATES.values())))
"""All states that are shown, in English."""

STATE_ALIASES: Mapping[str, str] = {"over budget": "budget used up", "over limit": "over the limit"}
"""Other words that people type."""

MIN_PART_CHARACTERS = 2
"""Minimum characters of a part of a state's name that is searched for."""


def list_states_of(run: Run) -> set[str]:
    """Return the names of a run's states: of its status, and of its outcome where it has one."""
    return {STATUS_STATES[run.status], *([REASON_STATES[run.reason]] if run.reason else [])}


def find_states(text: str, names: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Return the states that a text names, in English: a whole name, what follows its colon, or else a part of it.

    Args:
        names: the names of each state in all languages, by its English name.

    >>> find_states("Cluster lost", {name: [name] for name in STATE_NAMES})
    ('cluster lost',)
    >>> find_states("over budget", {name: [name] for name in STATE_NAMES})
    ('stopped: budget used up',)
    """
    typed = " ".join(text.lower().split())
    wanted = STATE_ALIASES.get(typed, typed)
    shown = {state: [name.lower() for name in own] for state, own in names.items()}
    exact = [state for state, own in shown.items() if any(wanted in split_name(name) for name in own)]
    if exact or len(wanted) < MIN_PART_CHARACTERS:
        return tuple(exact)
    return tuple(state for state, own in shown.items() if any(wanted in name for name in own))


def split_name(name: str) -> list[str]:
    """Return a state's name and what follows its colon.

    >>> split_name("stopped: lease ended"), split_name("running")
    (['stopped: lease ended', 'lease ended'], ['running'])
    """
    tail = name.replace("：", ":").partition(":")[2].strip()
    return [name, tail] if tail else [name]
