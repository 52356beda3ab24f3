"""What a step and a point of validation cost, against earlier runs of the recipe."""

from dataclasses import replace
from typing import Any

import pytest

from bot.core.model.progress import Progress, Sparkline, TrainingTotals
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.costs import ValidationGain, compute_baseline, compute_efficiency
from tests.builders import at, change_run, running

HOUR = at(3600)


def a_trained_run(first: float | None = 0.4, best: float | None = 0.6, **changes: Any) -> Run:
    """An hour at four dollars, forty steps."""
    return running(**{"progress": Progress(40, training_totals=TrainingTotals(40, 2400.0, 40, first, best))} | changes)


def succeeded(best: float, **changes: Any) -> Run:
    over: dict[str, Any] = {
        "status": RunStatus.ENDED,
        "reason": Reason.SUCCEEDED,
        "finished_at": HOUR,
        "closed_at": HOUR,
    }
    return a_trained_run(**{"best": best} | over | changes)


@pytest.mark.parametrize(
    ("run", "per_step", "per_point"),
    [
        pytest.param(a_trained_run(), 0.1, 0.2, id="twenty points for four dollars"),
        pytest.param(a_trained_run(best=0.4), 0.1, None, id="no gain yet"),
        pytest.param(a_trained_run(first=None, best=None), 0.1, None, id="no validation"),
        pytest.param(a_trained_run(rate=None), None, None, id="unpriced"),
        pytest.param(running(), None, None, id="no step"),
        pytest.param(
            running(progress=Progress(4, validations=Sparkline(((1, 0.4), (2, 0.6), (4, 0.5))))),
            None,
            0.2,
            id="the record of an older bot: by its curve",
        ),
    ],
)
def test_dollars_have_bought(run: Run, per_step: float | None, per_point: float | None) -> None:
    found = compute_efficiency(run, HOUR)
    assert found.per_step == (None if per_step is None else pytest.approx(per_step))
    assert found.per_point == (None if per_point is None else pytest.approx(per_point))


def test_a_gain_is_told_even_where_there_is_none() -> None:
    assert compute_efficiency(a_trained_run(best=0.4), HOUR).gain == ValidationGain(0.4, 0.4)
    assert compute_efficiency(running(), HOUR).gain is None


EARLIER = [succeeded(best, id=f"ppo-{best}") for best in (0.5, 0.8, 0.44)]


@pytest.mark.parametrize(
    ("runs", "found"),
    [
        pytest.param(EARLIER, (pytest.approx(0.4), 3), id="the median"),
        pytest.param(EARLIER[:1], (pytest.approx(0.4), 1), id="of one"),
        pytest.param([], None, id="of none"),
        pytest.param([replace(EARLIER[0], recipe="grpo")], None, id="another recipe's"),
        pytest.param([replace(EARLIER[0], reason=Reason.FAILED)], None, id="one that failed"),
        pytest.param([change_run(EARLIER[0], rate=None)], None, id="an unpriced one"),
        pytest.param([replace(EARLIER[0], id="ppo-7f3a")], None, id="the run itself"),
        pytest.param([succeeded(0.4, id="ppo-1")], None, id="one that gained nothing"),
    ],
)
def test_the_past_of_a_recipe_is_of_what_succeeded(runs: list[Run], found: tuple[float, int] | None) -> None:
    earlier = compute_baseline(runs, a_trained_run(), HOUR)
    assert (earlier and (earlier.per_point, earlier.runs)) == found
