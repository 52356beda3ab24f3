"""The end of a log tells why its run died, however long the log is."""

from pathlib import Path

import pytest

from bot.cli.replayed_failure import list_failure_lines, read_failure, to_failure_object
from bot.core.model.failure import FailureKind, FailureSummary
from bot.core.rules.log_lines import MAX_READ_BYTES


def test_only_the_end_of_a_log_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ppo.log"
    path.write_text("KeyError: 'early'\n" + "x" * MAX_READ_BYTES + "\nKeyError: 'late'\n")
    failure = read_failure(path, 1)
    assert failure is not None
    assert failure.error == "KeyError: 'late'"


def test_a_line_without_a_known_kind_is_shown_alone() -> None:
    failure = FailureSummary("ray::f() (pid=1)", node=1)
    assert list(list_failure_lines("ppo", failure)) == ["Why it died (node 1): ray::f() (pid=1)"]


def test_an_object_has_the_settings_of_the_remedy() -> None:
    failure = to_failure_object("ppo", FailureSummary("ValueError: x", FailureKind.FILTERED_GROUPS))["failure"]
    assert isinstance(failure, dict)
    assert failure["changes"] == ["algorithm.filter_groups.max_num_gen_batches=0"]


@pytest.mark.parametrize(
    "line",
    ["ERROR: Job 1 failed with return code list: [1]", "exit code 1", "[exit code 2]", "srun: exited with code 1"],
)
def test_of_an_exit_code_alone_it_is_said_that_the_log_names_no_cause(tmp_path: Path, line: str) -> None:
    path = tmp_path / "ppo.log"
    path.write_text(f"(head, rank=0, pid=7) reading the shards\n(head, rank=0, pid=7) training begins\n{line}\n\n")
    failure = read_failure(path, 1)
    assert failure is not None
    assert list(list_failure_lines("ppo", failure)) == [
        f"Why it died: {line}",
        "  Its log names no cause; its last lines are all that is known.",
        "    reading the shards",
        "    training begins",
        f"    {line}",
    ]


@pytest.mark.parametrize("end", ["exit code 0", "ERROR: Job 1 failed with return code list: [0, 0]", "training ends"])
def test_a_log_whose_program_did_not_fail_names_no_failure(tmp_path: Path, end: str) -> None:
    path = tmp_path / "ppo.log"
    path.write_text(f"training begins\n{end}\n")
    assert read_failure(path, 1) is None
