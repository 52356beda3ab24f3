"""The end of a log tells why its run died, however long the log is."""

from pathlib import Path

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
