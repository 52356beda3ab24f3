"""SkyPilot's own command line under the team's policy, on a bed that nobody else uses: its server asks the bot."""

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from tests.slurm.bed import Bed
from tests.slurm.conftest import ALONE, ENDLESS, ON, SECONDS, OnSlurm
from tests.waiting import eventually, free_port

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(2 * SECONDS), pytest.mark.xdist_group("server")]

POLICY = "external_launches: {runs: 1, autostop_idle_minutes: 7}\n"
HUSH = "hunter2-do-not-tell"
SECRET = "of-the-admin-policy"


@pytest.fixture
def live(bed_alone: Bed, tmp_path: Path) -> Iterator[OnSlurm]:
    policy, port = tmp_path / "policy.yaml", free_port()
    policy.write_text(POLICY)
    own = {
        "VERLBOT_POLICY": str(policy),
        "VERLBOT_ADMIN_POLICY_PORT": str(port),
        "VERLBOT_ADMIN_POLICY_SECRET": SECRET,
        "VERLBOT_SWEEP_MINUTES": "0.2",
        "VERLBOT_LOG_LEVEL": "DEBUG",
    }
    configuration = bed_alone.at.sky_home / ".sky" / "config.yaml"
    before = configuration.read_text()
    found = OnSlurm(tmp_path, bed_alone, settings={**ALONE, **own})
    found.start()
    try:
        configuration.write_text(f"{before}admin_policy: http://127.0.0.1:{port}/admin-policy/{SECRET}\n")
        restart(bed_alone)
        yield found
    finally:
        configuration.write_text(before)
        restart(bed_alone)
        found.leave_nothing()


def restart(bed: Bed) -> None:
    """A server reads its configuration when it starts."""
    bed.kill_server()
    bed.start_server()


def by_hand(bed: Bed, name: str, *more: str) -> str:
    words = ("--infra", "slurm", "--cpus", "1", "--memory", "1", "--secret", f"KEY={HUSH}", *more)
    return bed.sky("launch", "-y", "-d", "-c", name, *words, "sleep 1000")


def test_sky_launch_meets_the_caps_and_gets_an_autostop(live: OnSlurm) -> None:
    first, second = (f"by-hand-{token_hex(2)}" for _ in range(2))
    told = by_hand(live.bed, first)
    script = f"import sky; print([(one['autostop'], one['to_down']) for one in sky.get(sky.status([{first!r}]))])"
    assert live.bed.python(script).splitlines()[-1] == "[(7, True)]", told

    told = " ".join(by_hand(live.bed, second).split())
    assert (
        "The limit of clusters launched outside Slack at once is 1; this one would make it 2. Stop a run or cluster "
        "first" in told
    )
    assert second not in live.bed.clusters()

    run_id = live.launched(f"smoke {ON} {ENDLESS}")
    live.can_see(run_id, "card", "is running*")

    live.bed.sky("down", "-y", first)
    eventually(lambda: f"the place of cluster {first}" in live.log(), live.log, SECONDS, pause_seconds=1)
    assert "limit is 1" not in by_hand(live.bed, second, "--dryrun")
    assert HUSH not in (live.data_dir / "bot.log").read_text()
