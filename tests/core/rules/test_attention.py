"""Which runs need a person, and why; a run that needs none is on no list."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.model.checkpoint import CheckpointRescue
from bot.core.model.money import BudgetOverrun, Rate
from bot.core.model.progress import Progress, StepTime
from bot.core.model.run import Run
from bot.core.model.run_state import Approval, Reason, RunStatus
from bot.core.rules.attention import Attention, AttentionReason, list_attention
from tests.builders import a_run, at, running

MINUTE, HOUR = 60, 3600
STEPPING = Progress(40, 100, stepped_at=at(40 * MINUTE).timestamp(), step_times=(StepTime(60.0),) * 10)
"""Forty of a hundred steps of a minute: it ends an hour and forty minutes after its launch."""


def training(**changes: Any) -> Run:
    """Return a run that ends before its lease and within its budget, with a model that outlives its cluster."""
    fine = {"progress": STEPPING, "rate": Rate(6.0, "x"), "budget_dollars": 100.0, "lease": timedelta(hours=4)}
    return running(**fine | changes)


def copied_in_vain(**changes: Any) -> Run:
    """Return a finished run whose model is on the cluster alone, of which people were notified."""
    run = training(checkpoints_ephemeral=True, progress=replace(STEPPING, checkpoint="/c/global_step_40"), **changes)
    rescue = CheckpointRescue(people_notified_at=at(HOUR), deadline=at(3 * HOUR))
    return replace(run.begin_teardown(Reason.STOPPED, None, at(HOUR)), checkpoint_rescue=rescue)


OVERRUN = BudgetOverrun("team.dollars_per_month", "team:C0TRAIN", 61.0, 60.0, at(2 * HOUR))
WAITING = Approval(("U0LEA",), at(HOUR), "0" * 64)


@pytest.mark.parametrize(
    ("run", "attention"),
    [
        pytest.param(training(), [], id="a run that ends in time"),
        pytest.param(training(progress=Progress()), [], id="a run that has not stepped"),
        pytest.param(
            a_run(status=RunStatus.AWAITING_APPROVAL, approval=WAITING),
            [Attention(AttentionReason.NEEDS_APPROVAL, at(HOUR))],
            id="a launch that waits for an approver",
        ),
        pytest.param(a_run(approval=WAITING), [], id="a launch that was approved"),
        pytest.param(
            training(lease=timedelta(minutes=99)),
            [Attention(AttentionReason.LEASE_TOO_SHORT, at(99 * MINUTE))],
            id="a lease a minute too short",
        ),
        pytest.param(
            training(budget_overruns=(OVERRUN, replace(OVERRUN, rule="workspace.dollars_per_month", until=at(HOUR)))),
            [Attention(AttentionReason.MONTH_USED_UP, at(HOUR))],
            id="two months that are used up, the first of which ends it",
        ),
        pytest.param(
            training(budget_overruns=(replace(OVERRUN, resolved_at=at(60)),)), [], id="a month that was raised"
        ),
        pytest.param(
            training(budget_overruns=(replace(OVERRUN, is_report_only=True),)), [], id="a month in report only"
        ),
        pytest.param(training(lease=timedelta(minutes=100)), [], id="a lease that ends with the last step"),
        pytest.param(
            training(budget_dollars=9.0), [Attention(AttentionReason.BUDGET_TOO_SMALL)], id="a budget too small"
        ),
        pytest.param(training(budget_dollars=9.0, rate=None), [], id="without a price no budget is too small"),
        pytest.param(
            training(checkpoints_ephemeral=True, lease=timedelta(minutes=90)),
            [
                Attention(AttentionReason.UNSAVED_MODEL, at(90 * MINUTE)),
                Attention(AttentionReason.LEASE_TOO_SHORT, at(90 * MINUTE)),
            ],
            id="a model on the cluster alone, and a lease too short",
        ),
        pytest.param(
            training(checkpoints_ephemeral=True, progress=Progress(), lease=timedelta(minutes=90)),
            [Attention(AttentionReason.UNSAVED_MODEL, at(90 * MINUTE))],
            id="a model on the cluster alone, and no forecast",
        ),
        pytest.param(
            training(checkpoints_ephemeral=True, progress=Progress(), lease=timedelta(minutes=101)),
            [],
            id="a model on the cluster alone, and more than an hour left",
        ),
        pytest.param(
            copied_in_vain(),
            [Attention(AttentionReason.UNCOPIED_MODEL, at(3 * HOUR))],
            id="a model that cannot be downloaded",
        ),
    ],
)
def test_a_run_is_listed_with_what_needs_a_person(run: Run, attention: list[Attention]) -> None:
    assert list_attention(run, at(40 * MINUTE)) == attention


@pytest.mark.parametrize(("minutes", "count"), [(1, 0), (19, 0), (21, 1)])
def test_a_short_lease_that_has_just_begun_is_no_alarm(minutes: int, count: int) -> None:
    run = training(checkpoints_ephemeral=True, progress=Progress(), lease=timedelta(hours=1))
    assert len(list_attention(run, at(minutes * MINUTE))) == count


def test_a_finished_run_needs_none_for_its_lease_or_budget() -> None:
    run = training(lease=timedelta(minutes=50), budget_dollars=1.0).begin_teardown(Reason.STOPPED, None, at(HOUR))
    assert list_attention(run, at(HOUR)) == []


def test_a_model_that_may_still_be_downloaded_is_no_alarm() -> None:
    run = copied_in_vain()
    quiet = replace(run, checkpoint_rescue=replace(run.checkpoint_rescue, people_notified_at=None))
    assert list_attention(quiet, at(HOUR)) == []
