"""The recipes beside the first three, on real verl: what each adds is seen in what verl wrote."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.checkpoint_downloads import find_shard_folder
from bot.cli.replayed_failure import read_failure
from tests.verl.bed import SETTINGS, Asked, run, running
from tests.verl.conftest import metrics_files, newest_written, read_log, saved_read, steps_read, steps_written
from tests.verl.environment import VENV, run_python
from tests.verl.stand_ins.verl_bed_reward import compute_score
from tests.verl.told_to_end import WITH_TIME_TO_SAVE

pytestmark = [pytest.mark.verl, pytest.mark.thorough, pytest.mark.timeout(1500)]

SAVED_AT_2 = {"save_every_steps": "2", "test_every_steps": "2"}
REWARD = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    return {"score": sum(letter.isdigit() for letter in solution_str) / max(len(solution_str), 1), "acc": 1.0}
"""


def train(recipe: str, folder: Path, **settings: str) -> tuple[Asked, dict[int, dict[str, float]]]:
    """Train two steps to a checkpoint; what was asked, and the metrics of each step as verl wrote and the bot read."""
    asked = Asked(
        recipe=recipe,
        folder=folder,
        settings={**SAVED_AT_2, **settings},
        overrides=["trainer.total_training_steps=2"],
    )
    code, found = run(asked)
    assert code == 0, found.head.text()[-4000:]
    assert found.head.left() == []
    (metrics,) = metrics_files(asked)
    events = read_log(found.head.log)
    written = {step: dict(values) for step, values in steps_written(metrics).items()}
    assert steps_read(events) == written
    assert saved_read(events) == [2]
    assert read_failure(found.head.log, 1) is None
    return asked, written


def test_dapo_trains_on_groups_that_differ_alone(tmp_path: Path) -> None:
    asked, steps = train("dapo", tmp_path)
    assert steps[2]["training/filter_groups/evicted_samples"] > 0
    rows = [json.loads(line) for line in (asked.output / "rollouts" / "2.jsonl").read_text().splitlines()]
    groups: dict[str, set[float]] = {}
    for row in rows:
        score = compute_score("math", row["output"], row["gts"])
        groups.setdefault(row["uid"].partition("_")[0], set()).add(score["acc"])
    assert len(groups) == int(SETTINGS["dapo"]["batch_size"])
    assert all(accuracies == {0.0, 1.0} for accuracies in groups.values())


def test_lora_trains_adapters_which_reach_the_rollout_and_become_a_model(tmp_path: Path) -> None:
    asked, steps = train("lora", tmp_path)
    # Rollout and training agree on the probabilities only if the adapters of the step before have arrived.
    assert steps[2]["training/rollout_actor_probs_pearson_corr"] > 0.95
    checkpoint = asked.output / "global_step_2" / "actor"
    assert json.loads((checkpoint / "lora_train_meta.json").read_text())["r"] == 4
    merge = ["-m", "verl.model_merger", "merge", "--backend", "fsdp"]
    run_python(VENV, *merge, "--local_dir", str(checkpoint), "--target_dir", str(tmp_path / "model"))
    assert (tmp_path / "model" / "lora_adapter" / "adapter_model.safetensors").stat().st_size > 1000


def test_own_data_are_trained_on_and_scored_by_the_teams_own_function(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for split, count in (("train", 16), ("test", 4)):
        rows = [{"prompt": f"Say {number}.", "answer": number, "output": "taught"} for number in range(count)]
        (own / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (own / "reward.py").write_text(REWARD)
    asked, steps = train(
        "own-data",
        tmp_path / "home",
        train_file=f"{own}/train.jsonl",
        test_file=f"{own}/test.jsonl",
        reward_file=f"{own}/reward.py",
    )
    assert steps[2]["val-core/own-data/acc/mean@1"] == 1.0
    samples = [json.loads(line) for line in (asked.output / "rollouts" / "1.jsonl").read_text().splitlines()]
    assert all("Say " in sample["input"] for sample in samples)


def test_sft_learns_from_conversations_saves_when_it_is_asked_and_goes_on(tmp_path: Path) -> None:
    """Its own interval would save after a thousand steps."""
    for split, count in (("train", 16), ("test", 4)):
        rows = [{"prompt": f"Say {number}.", "response": f"It is {number}."} for number in range(count)]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    asked = Asked(
        recipe="sft",
        folder=tmp_path / "home",
        settings={
            "train_file": f"{tmp_path}/train.jsonl",
            "test_file": f"{tmp_path}/test.jsonl",
            "epochs": "1000",
            "save_every_steps": "1000",
            "test_every_steps": "1",
        },
        variables=WITH_TIME_TO_SAVE,
    )
    with running(asked) as found:
        found.sees("step:1 - ")
        (asked.output / "save-request").touch()
        found.sees("that was requested is saved")
        saved = newest_written(asked)
        found.sees(f"step:{saved + 1} - ")  # it trains on
        found.head.script_process().terminate()
        assert found.head.wait() == 143
        assert found.head.left() == []
        events = read_log(found.head.log)
    last = newest_written(asked)
    assert last > saved
    (metrics,) = metrics_files(asked)
    steps = {step: values for step, values in steps_read(events).items() if step <= last}
    assert steps == {step: values for step, values in steps_written(metrics).items() if step <= last}
    assert {"train/loss", "train/grad_norm", "val/loss"} <= set(steps[last])
    assert saved_read(events) == [saved, last]

    again = replace(asked, overrides=[f"trainer.total_training_steps={last + 1}"])
    code, found = run(again)
    assert code == 0, found.head.text()[-4000:]
    assert f"verl watch: resuming from {asked.output}/global_step_{last}" in found.head.text()
    assert sorted(steps_read(read_log(found.head.log))) == [last + 1]
    checkpoint = Path(find_shard_folder(asked.output / f"global_step_{last + 1}"))
    merge = ["-m", "verl.model_merger", "merge", "--backend", "fsdp"]
    run_python(VENV, *merge, "--local_dir", str(checkpoint), "--target_dir", str(tmp_path / "model"))
    assert (tmp_path / "model" / "model.safetensors").stat().st_size > 1000
