"""Recoveries of managed jobs, as looks tell of them: some are never seen, and all are counted."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.app.health_monitor import HealthMonitor
from bot.core.model.managed_job import MAX_RECOVERIES, Recovery, RecoveryHistory
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from tests.builders import NOON, at, running

LOOKS = st.lists(st.tuples(st.booleans(), st.integers(0, 2)), max_size=30)
"""Whether it recovers, and how many recoveries SkyPilot has counted since the look before."""


@given(LOOKS)
def test_whatever_looks_show_each_recovery_has_one_number_and_one_is_open_at_most(
    looks: list[tuple[bool, int]],
) -> None:
    found, count, numbers = RecoveryHistory(), 0, set[int]()
    for second, (recovering, more) in enumerate(looks):
        count += more
        found = found.record_observation(recovering, count, at(second))
        numbers |= {one.number for one in found.latest}
        assert found.count == count
        assert (found.ongoing is not None) == recovering
        assert all(one.until for one in found.latest[:-1])
        assert found == found.record_observation(
            recovering, count, at(second + 1)
        )  # a look that shows the same changes nothing
    assert numbers == set(range(1, len(numbers) + 1))
    assert len(found.latest) <= MAX_RECOVERIES
    if len(numbers) <= MAX_RECOVERIES:
        assert sum(one.is_counted and one.until is not None for one in found.latest) == count


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("run", "quiet"),
    [
        pytest.param(running(), True, id="no step for a day"),
        pytest.param(running(recoveries=RecoveryHistory(0, (Recovery(1, at(60)),))), False, id="it waits for machines"),
        pytest.param(
            running(recoveries=RecoveryHistory(1, (Recovery(1, at(60), NOON + DAY),))), False, id="it has just got them"
        ),
        pytest.param(
            running(
                progress=Progress(3, stepped_at=at(50).timestamp()),
                recoveries=RecoveryHistory(1, (Recovery(1, at(60), at(90)),)),
            ),
            True,
            id="it has had them for a day",
        ),
    ],
)
def test_a_run_that_waits_for_machines_has_not_stalled(run: Run, quiet: bool) -> None:
    assert HealthMonitor().is_quiet(run, NOON + DAY) is quiet
