"""Files on a cluster's nodes, read through a program in the place of SSH."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.node_requests import MAX_PROCESS_BYTES, collect_process_logs, collect_samples
from bot.adapters.sky.sky_run_files import ANSWER_BYTES, RemoteRunFolder, parse_answer
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.rollout import RunFolder, SampleBatch, SampleOrder, SampleRequest
from bot.errors import Unavailable
from tests.adapters.beds import NO_SSH

pytestmark = pytest.mark.slow

GREETS = 'echo "Welcome to node $1"; ' + NO_SSH


def remote(folder: Path, script: str = NO_SSH, nodes: int = 1, name: str = "x/rollouts") -> RemoteRunFolder:
    (folder / "ssh.sh").write_text(script)
    environment = {"PATH": os.environ["PATH"], "HOSTS": str(folder)}
    location = RunFolder(CheckpointRef("~/models", name, nodes))
    return RemoteRunFolder("verl-x", location, lambda _: "/dev/null", environment, ("sh", str(folder / "ssh.sh")))


def write(folder: Path, host: str, rows: int = 3, text: str = "42") -> None:
    place = folder / host / "models" / "x" / "rollouts"
    place.mkdir(parents=True)
    lines = [json.dumps({"input": "6*7", "output": text, "score": number}) for number in range(rows)]
    (place / "4.jsonl").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("script", [NO_SSH, GREETS], ids=["silent", "a login that greets"])
def test_samples_come_from_the_head(tmp_path: Path, script: str) -> None:
    write(tmp_path, "verl-x")
    batch = collect_samples(remote(tmp_path, script).list_readings(), SampleRequest(order=SampleOrder.BEST, count=1))
    assert (batch.step, batch.total, batch.samples[0].score) == (4, 3, 2.0)


def test_samples_come_from_a_worker_where_the_head_has_none(tmp_path: Path) -> None:
    (tmp_path / "verl-x").mkdir()
    write(tmp_path, "verl-x-worker1")
    assert collect_samples(remote(tmp_path, nodes=2).list_readings(), SampleRequest()).step == 4


def test_a_large_file_brings_no_more_than_its_bound_over_the_wire(tmp_path: Path) -> None:
    write(tmp_path, "verl-x", rows=20, text="long " * 50_000)
    received: list[int] = []
    (node,) = remote(tmp_path).list_readings()

    def measured(request: dict[str, object]) -> object:
        answer = node(request)
        received.append(len(json.dumps(answer, ensure_ascii=False).encode()))
        return answer

    batch = collect_samples([measured], SampleRequest(count=20))  # type: ignore[list-item]
    assert len(batch.samples) == 20
    assert all(sample.is_cut for sample in batch.samples)
    assert received[0] < ANSWER_BYTES < 256 * 1024


@pytest.mark.parametrize("name", ["x/$(touch pwned)", "x/'; touch pwned; '", "x/`touch pwned`"])
def test_a_path_is_never_evaluated(tmp_path: Path, name: str) -> None:
    (tmp_path / "verl-x").mkdir()
    assert collect_samples(remote(tmp_path, name=name).list_readings(), SampleRequest()) == SampleBatch()
    assert not list(tmp_path.rglob("pwned"))


def test_a_node_that_cannot_be_reached_is_not_taken_for_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no route to host"):
        collect_samples(remote(tmp_path).list_readings(), SampleRequest())


@pytest.mark.parametrize("text", ["", "bash: python3: command not found", "verlbot-begin\n[1]\nverlbot-end\n"])
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(Unavailable):
        parse_answer(text)


def test_rays_logs_of_a_node_come_bounded_over_the_wire(tmp_path: Path) -> None:
    logs = tmp_path / "verl-x" / "ray" / "session_1" / "logs"
    logs.mkdir(parents=True)
    (logs.parents[1] / "session_latest").symlink_to(logs.parent)
    for pid in range(40):
        (logs / f"worker-a{pid}-01000000-{pid}.err").write_text("a long line of a worker\n" * 9_000)
    node = replace(remote(tmp_path), folder=RunFolder(CheckpointRef("~", "ray")))
    found = collect_process_logs(node.list_readings(), [7])
    assert found[0].pid == 7
    assert 1 < len(found) < 40
    assert sum(len(log.text) for log in found) <= MAX_PROCESS_BYTES
