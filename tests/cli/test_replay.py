"""`verlbot replay`: what it prints of a log, for people and for programs, and what it says of a file that is none."""

import json
import re
from pathlib import Path

import pytest

from bot.__main__ import main

STEPS = 40


def a_step(step: int, validated: bool = False) -> str:
    end = f" - val-core/gsm8k/reward/mean@1:{step / 100}" if validated else ""
    return f"step:{step} - critic/rewards/mean:{step / 80} - timing_s/step:90.0 - actor/kl_loss:nan{end}"


CONSOLE = "\n".join(
    [
        "(TaskRunner pid=7) Total training steps: 40",
        *(f"(TaskRunner pid=7) {a_step(step, step % 10 == 0)}" for step in range(1, STEPS + 1)),
        "(TaskRunner pid=7) Saving checkpoint to /c/global_step_40",
    ]
)
JSON_LINES = "\n".join(
    json.dumps({"step": step, "data": {"critic/rewards/mean": step / 80, "timing_s/step": 90.0}})
    for step in range(1, STEPS + 1)
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "ppo.log"
    path.write_text(CONSOLE)
    return path


def test_for_programs_there_is_an_object_a_step_with_all_that_was_read(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(log), "--rate", "40", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["step"] for one in found] == list(range(1, STEPS + 1))
    half = found[19]
    assert half["read"]["critic/rewards/mean"] == 0.25
    assert half["read"]["actor/kl_loss"] is None
    assert (half["seconds"], half["ends_after_seconds"]) == (1800.0, 3600.0)
    assert (half["dollars"], half["forecast_dollars"]) == (20.0, 40.0)
    assert half["card"].startswith("ppo is running · step 20/40 · reward 0.25 ▲")


def test_what_would_have_been_said_stands_at_its_step_and_only_there(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["replay", str(log), "--json"])
    said = {one["step"]: one["said"] for one in map(json.loads, capsys.readouterr().out.splitlines())}
    assert [step for step, texts in said.items() if any("Reward" in text for text in texts)] == [5]


def test_for_people_there_is_a_table_with_costs_and_ends(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(log), "--rate", "40", "--nodes", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["step", "time", "reward", "val", "s/step", "ends", "after", "cost", "forecast"]
    assert any(
        line.split() == ["20/40", "30", "min", "0.25", "0.20", "90", "1", "h", "$20.00", "$40.00"] for line in lines
    )
    assert lines[-1] == "40 rows. step 40/40 · reward 0.50 ▲ · val 0.40 (step 40)"


def test_the_file_loggers_lines_are_a_log_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(JSON_LINES)
    assert main(["replay", str(path)]) == 0
    assert "40 rows. step 40" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(None, "cannot be read: No such file or directory.", id="no file"),
        pytest.param("nothing of verl's\n", "has no step of a verl training.", id="no step"),
        pytest.param("", "has no step of a verl training.", id="empty"),
    ],
)
def test_a_file_that_is_no_log_is_told_of_with_what_would_be_one(
    text: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.log"
    if text is not None:
        path.write_text(text)
    assert main(["replay", str(path)]) == 1
    assert said in capsys.readouterr().err


ABSURD = "\n".join(
    [
        "Total training steps: 999999999",
        *(
            f"step:{step} - critic/rewards/mean:1e308 - timing_s/step:1e300 - actor/grad_norm:1e308"
            for step in range(1, 60)
        ),
        *(f"step:{step} - critic/rewards/mean:0.5 - timing/a:1e308 - timing/b:1e308" for step in range(60, 70)),
        *(f"step:{step} - critic/rewards/mean:0.5 - timing_s/step:-5" for step in range(70, 80)),
        "Training Progress: 1%|x| " + "9" * 400 + "/9 [0:01<0:02, 1.2.3s/it]",
        "(pid=" + "1" * 60_000,
        "\x00\x1b[2K",
    ]
)


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_log_of_absurd_numbers_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], as_json: list[str]
) -> None:
    path = tmp_path / "ppo.log"
    path.write_text(ABSURD)
    assert main(["replay", str(path), "--rate", "40", *as_json]) == 0
    assert "79" in capsys.readouterr().out


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["table", "json"])
def test_a_terminal_sees_no_notation_of_slacks(
    log: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    main(["replay", str(log), *options])
    assert not re.search(r":[a-z_]{2,}:|<!date", capsys.readouterr().out)


DEATH = """\
(TaskRunner pid=1) step:3 - critic/rewards/mean:0.5 - timing_s/step:60
(WorkerDict pid=9) torch.OutOfMemoryError: CUDA out of memory. hf_abcdefghijklmnopqrstuvwxyz012345
ERROR: Job 1 failed with return code list: [1]
"""
SETUP = "(setup pid=3) ModuleNotFoundError: No module named 'ray'\n"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param(DEATH, ["CUDA out of memory", "A GPU ran out of memory.", "will fail again"], id="after a step"),
        pytest.param(SETUP, ["No module named 'ray'", "is not installed.", "will fail again"], id="without a step"),
        pytest.param("loss nan\n", ["Why it died: loss nan", "not a number"], id="a loss"),
    ],
)
def test_the_cause_of_death_is_named(
    text: str, parts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ppo.log"
    path.write_text(text)
    assert main(["replay", str(path)]) == 0
    printed = capsys.readouterr().out
    assert [part for part in parts if part not in printed] == []
    assert "hf_abc" not in printed


def test_for_programs_the_cause_of_death_is_the_last_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ppo.log"
    path.write_text(DEATH)
    assert main(["replay", str(path), "--json"]) == 0
    step, last = map(json.loads, capsys.readouterr().out.splitlines())
    failure = last["failure"]
    assert step["step"] == 3
    assert (failure["kind"], failure["retry"]) == ("gpu_memory", "does_not_help")
    assert failure["remedy"].startswith("Lower `actor_rollout_ref.")


def test_of_a_training_that_resumed_and_made_no_step_it_is_said_that_it_trained_nothing(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bar = "Training Progress:  50%|█████     | 60/120 [00:00<?, ?it/s]"
    log.write_text(f"Total training steps: 120\nResuming from /c/global_step_60\n{bar}\n")
    assert main(["replay", str(log), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["failure"]["kind"] == "nothing_trained"
    assert main(["replay", str(log)]) == 0
    assert "It trained nothing" in capsys.readouterr().out
