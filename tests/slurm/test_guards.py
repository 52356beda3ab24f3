"""What guards against forgotten machines, on the bed: an autostop that somebody cancels, a cluster by somebody else."""

from collections.abc import Iterator
from secrets import token_hex

import pytest

from tests.slurm.bed import Bed
from tests.slurm.conftest import ALONE, ENDLESS, ON, SECONDS, OnSlurm
from tests.waiting import eventually

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(2 * SECONDS)]


@pytest.fixture
def live(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnSlurm]:
    own = {"VERLBOT_SWEEP_MINUTES": "0.5", "VERLBOT_OPS_CHANNEL": "C0TRAIN"}
    found = OnSlurm(tmp_path_factory.mktemp("guards"), bed, settings={**ALONE, **own})
    found.start()
    try:
        yield found
    finally:
        found.leave_nothing()


def autostop_of(bed: Bed, name: str) -> str:
    script = f"import sky; print([(one['autostop'], one['to_down']) for one in sky.get(sky.status([{name!r}]))])"
    return bed.python(script).splitlines()[-1]


def test_sky_autostop_cancel_is_seen_and_mended_with_who_did_it(live: OnSlurm) -> None:
    run_id = live.launched(f"smoke {ON} {ENDLESS}")
    live.can_see(run_id, "card", "is running*")
    live.can_see(run_id, "card", "autostop after 5 idle min")
    live.bed.sky("autostop", "--cancel", "-y", f"verl-{run_id}")
    told = live.ana.can_see("I set it to 5 idle min.", SECONDS)
    assert "was cancelled outside verlbot. According to SkyPilot, " in told
    assert autostop_of(live.bed, f"verl-{run_id}") == "[(5, True)]"


def test_sky_launch_by_somebody_else_is_told_of_and_removed_by_a_button(live: OnSlurm) -> None:
    name = f"by-hand-{token_hex(2)}"
    live.bed.sky("launch", "-y", "-d", "-c", name, "--infra", "slurm", "--cpus", "1", "--memory", "1", "sleep 1000")
    live.ana.can_see(f"`{name}` was launched outside verlbot", SECONDS)
    message = live.ana.sees_message(lambda one: name in one["text"])
    live.ana.clicks("remove_orphan", message["ts"], confirmed=True)
    eventually(lambda: not any(job.startswith(name) for job in live.bed.queue()), live.log, SECONDS, pause_seconds=2)
    live.ana.can_see(f"`{name}`: machines confirmed gone.", SECONDS)
