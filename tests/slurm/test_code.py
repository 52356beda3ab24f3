"""A team's own code on real SkyPilot and a real scheduler: from a host of Git, at one commit, on every node."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.git_host import Backend, commit_reward, git, serve
from tests.live import OPEN_POLICY
from tests.slurm.bed import Bed
from tests.slurm.conftest import ON, SECONDS, OnSlurm
from tests.waiting import eventually

pytestmark = [pytest.mark.slurm, pytest.mark.xdist_group("kills")]

RECIPE = """
name: rewarded
resources: {cpus: 1+, autostop: {idle_minutes: 5, down: true, wait_for: jobs}}
num_nodes: 1
run: |
  sleep $((SKYPILOT_NODE_RANK * 2))
  python3 -c 'import reward; print("node", "'$SKYPILOT_NODE_RANK'", "has the", reward.NAME, "reward")'
_metadata:
  verlbot:
    title: A reward of the team's
    description: Prints what each node has of the team's code.
    code: true
    metrics: []
    lease_hours: 1
    budget_dollars: 1
    parameters:
      nodes: {type: integer, minimum: 1, maximum: 2, sets: num_nodes, meaning: number of machines}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A clone in which a person works; its pushes go to the host."""
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "www/acme/rl.git")
    git(tmp_path / "www/acme/rl.git", "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "www/acme/rl.git", "source")
    return tmp_path / "source"


@pytest.fixture
def rewarded(bed: Bed, tmp_path: Path, source: Path) -> Iterator[OnSlurm]:
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / "rewarded.yaml").write_text(RECIPE)
    (tmp_path / "policy.yaml").write_text(OPEN_POLICY.read_text().replace("bounds:\n", "bounds:\n  code: [acme/rl]\n"))
    Backend.root = str(source.parent / "www")
    for host in serve(Backend):
        bed.forward_port(int(host.rpartition(":")[2]))
        live = OnSlurm(tmp_path, bed)
        live.start(
            VERLBOT_CODE_HOST_URL=host,
            VERLBOT_RECIPES_DIR=str(recipes),
            VERLBOT_POLICY=str(tmp_path / "policy.yaml"),
        )
        try:
            yield live
        finally:
            live.leave_nothing()


def test_a_commit_of_the_teams_runs_on_every_node_and_a_retry_keeps_it(rewarded: OnSlurm, source: Path) -> None:
    commit = publish(source, "first")
    run_id = told(rewarded, f"launch rewarded {ON} nodes=2 code=acme/rl@main", 0)
    assert f"acme/rl@{commit[:7]}" in rewarded.can_see(run_id, "card", f"acme/rl@{commit[:7]}")
    publish(source, "second")
    rewarded.ends(run_id, "finished")
    assert_every_node_had(rewarded, run_id, "first")

    retried = told(rewarded, f"retry {run_id}", 1)
    rewarded.ends(retried, "finished")
    assert_every_node_had(rewarded, retried, "first")

    newest = told(rewarded, f"retry {run_id} code=acme/rl@main", 2)
    rewarded.ends(newest, "finished")
    assert_every_node_had(rewarded, newest, "second")


def publish(source: Path, name: str) -> str:
    """Push a reward of this name to the branch; its commit."""
    commit = commit_reward(source, name)
    git(source, "push", "-q", "origin", "HEAD:main")
    return commit


def told(live: OnSlurm, line: str, before: int) -> str:
    """Type a launch; the run's id once its card is there."""
    live.ana.says(f"/verl {line}")
    eventually(
        lambda: len(live.told_ids()) > before, lambda: f"{live.ana.reads()}\n{live.log()}", SECONDS, pause_seconds=1
    )
    return live.told_ids()[-1]


def assert_every_node_had(live: OnSlurm, run_id: str, name: str) -> None:
    live.ana.says(f"/verl logs {run_id} lines=20")
    for rank in range(2):
        line = f"node {rank} has the {name} reward"
        live.ana.can_see(line, SECONDS)
