"""The main job on a real SkyPilot and a real scheduler, typed into a Slack: one bot, many runs at once."""

import re
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.slurm.bed import Bed
from tests.slurm.conftest import ENDLESS, ON, QUICK, OnSlurm

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("evening")]

Story = Callable[[OnSlurm, str], None]
"""What becomes of one run, by its id."""


def no_such_gpus(live: OnSlurm, run_id: str) -> None:
    notice = live.ends(run_id, "could not be launched")
    assert "H200" in notice
    assert "No enabled infra offers these machines: ask for other GPUs" in live.text_of(run_id, "card")


def stopped_while_launching(live: OnSlurm, run_id: str) -> None:
    live.can_see(run_id, "card", "launching")
    live.ana.says(f"/verl stop {run_id}")
    live.ends(run_id, "was stopped")
    assert live.text_of(run_id, "running") == ""


def from_the_line_to_the_verified_end(live: OnSlurm, run_id: str) -> None:
    """Its minute of running may fall between two looks of a bot on busy cores: only its end is sure to be seen."""
    notice = live.ends(run_id, "finished")
    card = live.can_see(run_id, "card", "machines confirmed gone")
    assert "2 nodes on slurm/bed" in card
    assert "12 steps" in card
    assert "*Reward*" in card
    assert "*Validation*" in card
    assert "Model: step 12" in notice
    assert (live.data_dir / "artifacts" / run_id / "global_step_12" / "model.json").stat().st_size > 1000
    assert "machines confirmed gone" in notice
    assert "$2.50/h (SkyPilot's cost report)" in card  # two nodes of 1 CPU and 1 GB
    assert cost_in(notice) == pytest.approx(reported(live.bed, f"verl-{run_id}"), abs=0.0051)


def cost_in(notice: str) -> float:
    found = re.search(r"\$(\d+\.\d+)", notice)
    assert found is not None, notice
    return float(found[1])


def reported(bed: Bed, cluster: str) -> float:
    """What SkyPilot's cost report says, by its own client."""
    script = "import sky; print(next(r['total_cost'] for r in sky.get(sky.cost_report()) if r['name'] == %r))"
    return float(bed.python(script % cluster).splitlines()[-1])


def setup_fails(live: OnSlurm, run_id: str) -> None:
    notice = live.ends(run_id, "failed during setup")
    assert "setup was asked to fail" in notice


def fails_at_step_3(live: OnSlurm, run_id: str) -> None:
    notice = live.ends(run_id, "failed")
    assert "RuntimeError: asked to fail at step 3" in notice


def stopped_while_running(live: OnSlurm, run_id: str) -> None:
    """Its autostop is what SkyPilot says; its log is read while it runs, and after its end from what was kept."""
    live.can_see(run_id, "card", "autostop after 5 idle min")
    live.can_see(run_id, "card", "*Reward*")
    live.ana.says(f"/verl stop {run_id}")
    live.ends(run_id, "was stopped")
    live.ana.says(f"/verl logs {run_id} grep=critic/rewards/mean")
    assert "No match for" not in live.ana.can_see(f"`{run_id}` · ", 60)


def taken_down_behind_the_bots_back(live: OnSlurm, run_id: str) -> None:
    live.can_see(run_id, "card", "is running*")
    live.bed.sky("down", "-y", f"verl-{run_id}")
    notice = live.ends(run_id, "was deleted outside verlbot")
    assert "removed it" in notice


def loses_a_node(live: OnSlurm, run_id: str) -> None:
    """The second node of two, on which whatever runs is gone at once: not a failure of what it ran."""
    live.can_see(run_id, "card", "is running*")
    live.bed.kill_node(live.bed.nodes_of(f"verl-{run_id}-")[-1])
    live.ends(run_id, "lost its cluster")


CORE = (stopped_while_running, no_such_gpus)
"""Those of continuous integration, where `tests/slurm/test_verl.py` goes the whole way with real verl. The others are
three times as much work for two cores.
"""

RUNS: dict[Story, str] = {
    from_the_line_to_the_verified_end: f"smoke nodes=2 {ON} {QUICK}",
    loses_a_node: f"smoke nodes=2 {ON} {ENDLESS}",
    stopped_while_launching: f"smoke {ON} {ENDLESS}",
    stopped_while_running: f"smoke {ON} {ENDLESS}",
    setup_fails: f"smoke {ON} fail_setup=true",
    fails_at_step_3: f"smoke {ON} {QUICK} fail_at_step=3",
    taken_down_behind_the_bots_back: f"smoke {ON} {ENDLESS}",
    no_such_gpus: f"grpo nodes=1 gpus=H200:1 image=none {ON}",
}


class Evening:
    """Everybody launches within a second, and each run has its story, whose end a test waits for."""

    def __init__(self, live: OnSlurm, stories: Collection[Story]) -> None:
        self.live = live
        self.ids = {story: live.launched(RUNS[story]) for story in stories}
        self.pool = ThreadPoolExecutor(len(stories))
        self.told = {story: self.pool.submit(story, live, run_id) for story, run_id in self.ids.items()}


@pytest.fixture(scope="module")
def evening(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, bed: Bed) -> Iterator[Evening]:
    """Only what was asked for is launched."""
    asked = {item.name for item in request.session.items}
    live = OnSlurm(tmp_path_factory.mktemp("evening"), bed)
    try:
        live.start()
        found = Evening(live, [story for story in RUNS if f"test_a_run[{named(story)}]" in asked])
        yield found
        found.pool.shutdown()
    finally:
        live.leave_nothing()


def named(story: Story) -> str:
    return story.__name__.replace("_", " ")


@pytest.mark.parametrize(
    "story",
    [pytest.param(story, id=named(story), marks=[pytest.mark.core] if story in CORE else []) for story in RUNS],
)
def test_a_run(evening: Evening, story: Story) -> None:
    evening.told[story].result()


@pytest.mark.core
def test_nothing_was_said_twice_and_nothing_is_left(evening: Evening, bed: Bed) -> None:
    standing = bed.clusters()
    for run_id in evening.ids.values():
        assert {"card", "ended"} <= evening.live.messages_of(run_id).keys()
        assert evening.live.jobs_of(run_id) == []
        assert f"verl-{run_id}" not in standing
