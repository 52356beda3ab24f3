"""Exit codes each mean what they mean."""

import pytest

from bot.core.model.failure import FailureKind
from bot.core.rules.failure_exits import find_exit_node, parse_exit


@pytest.mark.parametrize(
    ("codes", "kind", "node"),
    [
        ("0, 137", FailureKind.KILLED, 1),
        ("-9", FailureKind.KILLED, 0),
        ("1, 1, 139", FailureKind.CRASHED, 2),
        ("-11, 0", FailureKind.CRASHED, 0),
        ("143", FailureKind.TERMINATED, 0),
        ("127", FailureKind.MISSING_MODULE, 0),
        ("1, 0", FailureKind.EXCEPTION, 0),
        ("0, 0", None, None),
        ("", None, None),
        ("9" * 90, None, None),
    ],
)
def test_of_a_list_the_code_that_tells_most_counts(codes: str, kind: FailureKind | None, node: int | None) -> None:
    line = f"ERROR: Job 12 failed with return code list: [{codes}]"
    assert (parse_exit(line), find_exit_node(line)) == (kind, node)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("`run` failed on node 0 with exit code 137 (SIGKILL).", FailureKind.KILLED),
        ("run.sh: line 4: 311 Terminated              python3 -m verl", FailureKind.TERMINATED),
        ("run.sh: line 4: 311 Aborted                 python3 -m verl", FailureKind.CRASHED),
        ("Killed", FailureKind.KILLED),
        ("[exit code 0]", None),
        ("Killed time is no reward", None),
    ],
)
def test_a_shell_tells_how_a_process_ended(line: str, kind: FailureKind | None) -> None:
    assert parse_exit(line) is kind
