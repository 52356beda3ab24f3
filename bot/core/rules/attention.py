"""Which active runs need a person, and why: what a report lists, and nothing else. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules.forecast import build_forecast
from bot.core.rules.save_grace import may_hold_checkpoint

ABOUT_TO_END = timedelta(hours=1)
"""A run whose lease ends within this time is about to end; of a short lease, after its first third."""


class AttentionReason(Enum):
    """Why a run needs a person."""

    NEEDS_APPROVAL = auto()
    MONTH_USED_UP = auto()
    LEASE_TOO_SHORT = auto()
    BUDGET_TOO_SMALL = auto()
    UNSAVED_MODEL = auto()
    UNCOPIED_MODEL = auto()


@dataclass(frozen=True, slots=True)
class Attention:
    """One thing about a run that needs a person.

    Attributes:
        at: when the run ends because of it, or when an approval expires; None where that is not known.
    """

    reason: AttentionReason
    at: datetime | None = None


def list_attention(run: Run, now: datetime) -> list[Attention]:
    """Return what about a run needs a person, the most urgent first; empty for a run that needs none."""
    candidates = (
        check_approval(run),
        check_month(run),
        check_uncopied_model(run),
        check_unsaved_model(run, now),
        check_lease(run, now),
        check_budget(run, now),
    )
    return [attention for attention in candidates if attention]


def check_approval(run: Run) -> Attention | None:
    """Return that a launch needs approval, with when the request expires."""
    if run.status is not RunStatus.AWAITING_APPROVAL or run.approval is None or run.approval.by is not None:
        return None
    if run.requests.stop_requested_by:  # no approver may decide on it
        return None
    return Attention(AttentionReason.NEEDS_APPROVAL, run.approval.until)


def check_month(run: Run) -> Attention | None:
    """Return that a monthly budget is used up, with when the run is to end for it."""
    overruns = () if run.is_finished else run.spending.budget_overruns
    ends = [overrun.until for overrun in overruns if overrun.is_open and not overrun.is_report_only]
    return Attention(AttentionReason.MONTH_USED_UP, min(ends)) if ends else None


def check_uncopied_model(run: Run) -> Attention | None:
    """Return that the model of a finished run cannot be copied, with when its cluster is deleted."""
    rescue = run.checkpoint_rescue
    if not run.is_finished or rescue.people_notified_at is None or not may_hold_checkpoint(run):
        return None
    return Attention(AttentionReason.UNCOPIED_MODEL, rescue.deadline)


def check_unsaved_model(run: Run, now: datetime) -> Attention | None:
    """Return that a lease ends soon, before the last step as far as is known, and the model is only on the cluster."""
    end = run.lease_ends_at
    if (
        run.is_finished
        or not run.plan.checkpoints_ephemeral
        or end is None
        or end - now > min(ABOUT_TO_END, run.limits.lease * 2 / 3)
    ):
        return None
    return None if finishes_before(run, now, end) else Attention(AttentionReason.UNSAVED_MODEL, end)


def finishes_before(run: Run, now: datetime, end: datetime) -> bool:
    """Return whether the forecast has the last step before a time; False where there is no forecast."""
    forecast = build_forecast(run, now)
    return forecast is not None and isinstance(forecast.ends_at, datetime) and forecast.ends_at <= end


def check_lease(run: Run, now: datetime) -> Attention | None:
    """Return that a run's lease ends before its last step."""
    end = run.lease_ends_at
    if end is None or build_forecast(run, now) is None or finishes_before(run, now, end):
        return None
    return Attention(AttentionReason.LEASE_TOO_SHORT, end)


def check_budget(run: Run, now: datetime) -> Attention | None:
    """Return that a run's budget is used up before its last step."""
    forecast = build_forecast(run, now)
    is_too_small = forecast is not None and forecast.budget_exhausted_at_step is not None
    return Attention(AttentionReason.BUDGET_TOO_SMALL) if is_too_small else None
