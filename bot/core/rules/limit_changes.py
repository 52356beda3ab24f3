"""Whether a run's budget or lease can be changed to another one. Pure."""

from datetime import datetime

from bot.core.model.people import Act
from bot.core.model.run import Run
from bot.errors import UserError
from bot.phrase import Phrase, name_person


def refuse_impossible_budget(run: Run, dollars: float, shown_dollars: float | None, now: datetime) -> None:
    """Raise an error where a run's budget cannot become this one.

    Args:
        shown_dollars: the budget as the person saw it; None for a typed command.

    Raises:
        UserError: the budget has changed since the person saw it, or the run has cost as much already.
    """
    if shown_dollars is not None and shown_dollars != run.limits.budget_dollars:
        raise UserError(
            Phrase("The budget of {run} was changed meanwhile, so I left it as it is.", run=f"`{run.id}`"),
            Phrase("To set it: `/verl budget {run} {amount}`.", run=run.id, amount=f"{dollars:.2f}"),
        )
    cost = run.cost(now)
    if cost is not None and cost >= dollars:
        raise UserError(
            Phrase("{run} has already cost ${spent}.", run=f"`{run.id}`", spent=f"{cost:,.2f}"),
            Phrase("Set a higher budget, or stop the run: `/verl stop {run}`.", run=run.id),
        )


def refuse_ending_run(run: Run) -> None:
    """Raise an error where a run's limits no longer count: it has finished, or a person has requested its stop.

    Raises:
        UserError: it has, or a person has.
    """
    if run.is_finished:
        message = Phrase("`{run}` has already ended.", run=run.id)
        raise UserError(message, Phrase("Launch it again: `/verl retry {run}`.", run=run.id))
    if stopped_by := run.requests.stop_requested_by:
        raise UserError(
            Phrase(
                "{person} has requested to stop {run}, so its lease and its budget stay as they are.",
                person=name_person(stopped_by),
                run=f"`{run.id}`",
            ),
            Phrase("Once it has ended, launch it again: `/verl retry {run}`.", run=run.id),
        )


def refuse_unlaunched_extension(run: Run) -> None:
    """Raise an error where a run's lease has not begun: a launch that waits keeps the lease that its card shows.

    Raises:
        UserError: the run has not been launched.
    """
    if run.lease_ends_at is None:
        raise UserError(
            Phrase("You can extend {run} once it is launched.", run=f"`{run.id}`"),
            Phrase("For a longer lease now, type `/verl stop {run}`, then launch it again with `lease=`.", run=run.id),
        )


def find_raising_act(before: Run, after: Run) -> Act:
    """Return the act of a person who gives a run more time, or more money."""
    return Act.SET_BUDGET if after.limits.budget_dollars > before.limits.budget_dollars else Act.EXTEND
