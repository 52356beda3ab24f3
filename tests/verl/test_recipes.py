"""The recipes' own scripts on real verl: they train, save, die, resume and end, and the bot reads each log rightly."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.cli.replayed_failure import read_failure
from bot.core.model.metrics import TrainingResumed
from tests.verl.bed import Asked, Run, lacking_cables, run, running
from tests.verl.conftest import (
    metrics_files,
    newest_written,
    prompts,
    read_log,
    saved_read,
    saved_written,
    steps_read,
    steps_written,
)
from tests.verl.environment import VENV, run_python
from tests.verl.told_to_end import SELDOM, TOLD_TO_END, WITH_TIME_TO_SAVE, ToldToEnd

pytestmark = [pytest.mark.verl, pytest.mark.timeout(1500)]

ALSO_ON_SLURM = pytest.mark.thorough
"""Continuous integration has grpo on two nodes train, validate, save and become a model on Slurm (tests/slurm)."""

EVERY_2 = {"save_every_steps": "2", "test_every_steps": "2"}
OUT_OF_MEMORY = '{"kind": "out_of_memory", "from_step": 3}'
"""From the fourth step's rollout on, whose weights are those of step 3."""

READ_CURVES = """
import json, os, sys
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
from mlflow import MlflowClient
client = MlflowClient(sys.argv[1])
ids = [client.get_experiment_by_name("verlbot").experiment_id]
runs = client.search_runs(ids, f"attributes.run_name = '{sys.argv[2]}'", order_by=["attributes.start_time ASC"])
print(json.dumps([{
    "id": run.info.run_id,
    "parent": run.data.tags.get("mlflow.parentRunId"),
    "steps": [point.step for point in client.get_metric_history(run.info.run_id, "actor/grad_norm")],
} for run in runs]))
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that has ended: what was asked, its exit code, and its head's log and file of metrics at that time."""

    asked: Asked
    code: int
    log: Path
    metrics: Path
    left: list[str]

    @classmethod
    def of(cls, code: int, found: Run, name: str) -> "Ended":
        log = found.asked.folder / name
        log.write_bytes(found.head.log.read_bytes())
        *_, metrics = metrics_files(found.asked)
        return cls(found.asked, code, log, metrics, found.head.left())


@dataclass(frozen=True, slots=True)
class Resumed:
    """One run id, started twice.

    Attributes:
        first: ran out of memory in its fourth step.
        prompts: the problems of its third step.
        second: goes on from the first, saves when it is asked, and is told to end.
        told: what it did then.
    """

    first: Ended
    prompts: list[str]
    second: Ended
    told: ToldToEnd


@pytest.fixture(scope="module")
def ppo(tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    folder = tmp_path_factory.mktemp("ppo")
    curves = {"MLFLOW_TRACKING_URI": f"file://{folder}/curves", "MLFLOW_ALLOW_FILE_STORE": "true"}
    asked = Asked(recipe="ppo", folder=folder, overrides=["trainer.total_training_steps=500"])
    dies = replace(asked, settings=EVERY_2, variables=curves | {"VERL_BED_FAULT": OUT_OF_MEMORY})
    first = Ended.of(*run(dies), "died.log")
    seen = prompts(asked, 3)
    with running(replace(asked, settings=SELDOM, variables=curves | WITH_TIME_TO_SAVE)) as found:
        told = ToldToEnd.of(found, first_step=3)
        return Resumed(first, seen, Ended.of(told.code, found, "ended.log"), told)


@pytest.fixture(scope="module")
def grpo(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """On two nodes, where this machine can have two."""
    asked = Asked(
        recipe="grpo",
        folder=tmp_path_factory.mktemp("grpo"),
        nodes=1 if lacking_cables() else 2,
        settings=EVERY_2,
        overrides=["trainer.total_training_steps=2"],
    )
    return Ended.of(*run(asked), "ended.log")


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    asked = Asked(
        recipe="multiturn-tools",
        folder=tmp_path_factory.mktemp("tools"),
        settings=EVERY_2,
        overrides=["trainer.total_training_steps=2"],
        variables={"VERL_BED_TOOL_CALLS": "0.6"},
    )
    return Ended.of(*run(asked), "ended.log")


def validations(steps: Mapping[int, Mapping[str, float]]) -> list[int]:
    return [step for step, values in steps.items() if any(key.startswith("val-core/") for key in values)]


def test_ppo_dies_for_the_reason_that_the_bot_names(ppo: Resumed) -> None:
    assert ppo.first.code == 1
    failure = read_failure(ppo.first.log, 1)
    assert failure is not None
    assert failure.kind == "gpu_memory"
    assert "CUDA out of memory" in failure.error
    events = read_log(ppo.first.log)
    assert list(steps_read(events)) == [0, 1, 2, 3]
    assert saved_read(events) == [2]


def test_ppo_resumes_from_its_newest_checkpoint_with_the_data_that_follows(ppo: Resumed) -> None:
    assert TrainingResumed(2) in read_log(ppo.second.log)
    rows = steps_written(ppo.second.metrics).items()
    assert [step for step, values in rows if "actor/grad_norm" in values][:2] == [3, 4]
    assert prompts(ppo.second.asked, 3) == ppo.prompts


def test_mlflow_has_the_curves_of_each_start_the_second_below_the_first(ppo: Resumed) -> None:
    told = run_python(VENV, "-c", READ_CURVES, f"file://{ppo.second.asked.folder}/curves", ppo.second.asked.id)
    (first, second) = json.loads(told)
    assert (first["parent"], second["parent"]) == (None, first["id"])
    assert first["steps"] == [1, 2, 3]
    assert second["steps"][:2] == [3, 4]


def test_ppo_trains_a_critic_too_and_keeps_both(ppo: Resumed) -> None:
    assert steps_written(ppo.second.metrics)[4]["critic/grad_norm"] > 0
    for part in ("actor", "critic"):
        newest = ppo.second.asked.output / f"global_step_{ppo.told.last}"
        assert (newest / part / "model_world_size_1_rank_0.pt").stat().st_size > 1000


def test_ppo_saves_when_it_is_asked_and_when_it_is_told_to_end(ppo: Resumed) -> None:
    ppo.told.check()


@ALSO_ON_SLURM
def test_grpo_trains_validates_saves_and_ends(grpo: Ended) -> None:
    assert grpo.code == 0
    steps = steps_written(grpo.metrics)
    assert list(steps) == [0, 1, 2]
    assert validations(steps) == [0, 2]
    assert steps[1]["actor/grad_norm"] > 0
    assert read_failure(grpo.log, grpo.asked.nodes) is None


@ALSO_ON_SLURM
def test_grpo_trains_on_two_nodes(grpo: Ended) -> None:
    """Each node has the part of the model that it trains."""
    if grpo.asked.nodes == 1:
        pytest.skip(lacking_cables())
    parts = sorted(path.name for path in (grpo.asked.output / "global_step_2" / "actor").glob("model_*.pt"))
    assert parts == ["model_world_size_2_rank_0.pt", "model_world_size_2_rank_1.pt"]


@ALSO_ON_SLURM
def test_grpo_becomes_a_model_that_transformers_loads(grpo: Ended, tmp_path: Path) -> None:
    """verl's own merger joins the parts, as docs/models.md says."""
    checkpoint = grpo.asked.output / "global_step_2" / "actor"
    merge = ["-m", "verl.model_merger", "merge", "--backend", "fsdp"]
    run_python(VENV, *merge, "--local_dir", str(checkpoint), "--target_dir", str(tmp_path / "model"))
    script = (
        "import sys; from transformers import AutoModelForCausalLM as Model;"
        " print(sum(part.numel() for part in Model.from_pretrained(sys.argv[1]).parameters()))"
    )
    assert int(run_python(VENV, "-c", script, str(tmp_path / "model"))) > 100_000


def test_multiturn_tools_calls_its_tool(tools: Ended) -> None:
    assert tools.code == 0
    steps = steps_written(tools.metrics)
    assert validations(steps) == [0, 2]
    assert max(values["num_turns/max"] for values in steps.values() if "num_turns/max" in values) > 2
    texts = (tools.asked.output / "rollouts" / "1.jsonl").read_text()
    assert '"output"' in texts
    assert "11" in texts


def test_the_bot_reads_in_each_log_what_verl_wrote_beside_it(ppo: Resumed, tools: Ended) -> None:
    check_log(ppo.first, ppo.second)
    check_log(tools)


@ALSO_ON_SLURM
def test_the_bot_reads_in_the_log_of_two_nodes_what_verl_wrote_beside_it(grpo: Ended) -> None:
    check_log(grpo)


def check_log(*starts: Ended) -> None:
    """Check that the bot reads each step and checkpoint of a run that was started so often."""
    saved = saved_written(starts[0].asked)
    assert newest_written(starts[0].asked) == saved[-1]
    # The recipes' scripts remove older ones.
    assert [step for ended in starts for step in saved_read(read_log(ended.log))][-len(saved) :] == saved
    for ended in starts:
        # A signal may end verl between a step's line and its row in the file.
        read, written = steps_read(read_log(ended.log)), steps_written(ended.metrics)
        until = 10**6 if ended.code != TOLD_TO_END else saved[-1] - 1
        assert {step: read[step] for step in read if step <= until} == {
            step: written[step] for step in written if step <= until
        }


def test_no_process_of_a_run_outlives_its_script(ppo: Resumed, tools: Ended) -> None:
    for ended in (ppo.first, ppo.second, tools):
        assert ended.left == []


@ALSO_ON_SLURM
def test_no_process_of_two_nodes_outlives_its_script(grpo: Ended) -> None:
    assert grpo.left == []
