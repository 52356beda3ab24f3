"""Files of local runs: in the homes of their nodes, or in a volume that outlives them."""

import json
from pathlib import Path

import pytest

from bot.adapters.local.local_cloud import LocalCloud
from bot.adapters.local.state_files import ClusterDirectory
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.launch_plan import ClusterRef
from bot.core.model.rollout import RunFolder, SampleRequest

ROW = json.dumps({"input": "6*7", "output": "42", "score": 1.0}) + "\n"


def write(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "4.jsonl").write_text(ROW)


@pytest.mark.parametrize("rank", [0, 1])
def test_samples_are_found_on_the_node_that_has_them(tmp_path: Path, rank: int) -> None:
    write(ClusterDirectory(tmp_path, "verl-x").node_home(rank) / "checkpoints" / "x" / "rollouts")
    folder = RunFolder(CheckpointRef("~/checkpoints", "x/rollouts", 2))
    batch = LocalCloud(tmp_path, secrets={}).read_samples(ClusterRef("verl-x"), folder, SampleRequest())
    assert (batch.step, batch.samples[0].answer) == (4, "42")


def test_samples_in_a_volume_are_readable_without_a_cluster(tmp_path: Path) -> None:
    write(tmp_path / "volumes" / "models" / "x" / "rollouts")
    folder = RunFolder(CheckpointRef("/checkpoints", "x/rollouts"), "volume models")
    assert LocalCloud(tmp_path, secrets={}).read_samples(ClusterRef("verl-x"), folder, SampleRequest()).step == 4


def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere")
    home = ClusterDirectory(tmp_path, "verl-x").node_home(0)
    (home / "checkpoints" / "x").mkdir(parents=True)
    (home / "checkpoints" / "x" / "rollouts").symlink_to(tmp_path / "elsewhere")
    folder = RunFolder(CheckpointRef("~/checkpoints", "x/rollouts"))
    batch = LocalCloud(tmp_path, secrets={}).read_samples(ClusterRef("verl-x"), folder, SampleRequest())
    assert (batch.step, batch.steps) == (None, ())


def test_a_folder_of_the_whole_machine_is_not_searched_for_rays_logs(tmp_path: Path) -> None:
    logs = tmp_path / "ray" / "session_latest" / "logs"
    logs.mkdir(parents=True)
    (logs / "raylet.out").write_text("a line of another run\n")
    folder = RunFolder(CheckpointRef(str(tmp_path), "ray"))
    assert not LocalCloud(tmp_path, secrets={}).read_process_logs(ClusterRef("verl-x"), folder, [])
