"""A session that must be complete fails for each tool that it lacks; another one says what it left out."""

import json

import pytest

from tests.complete import find_invalid_payloads, refuse_missing_tool
from tests.slack_types import NO_COMPILER, PayloadRecord

WITHOUT_TOOL = ("tests/test_x.py", 7, "Skipped: Helm's engine is not installed: `make helm`")
WITHOUT_ROOT = ("tests/test_x.py", 7, "Skipped: only root has other users' processes")


def build_report(longrepr: tuple[str, int, str] | None) -> pytest.TestReport:
    outcome = "skipped" if longrepr else "passed"
    return pytest.TestReport("tests/test_x.py::test_y", ("x", 1, "y"), {}, outcome, longrepr, "call")  # type: ignore[arg-type]  # a literal


@pytest.mark.parametrize(
    ("longrepr", "is_complete", "outcome"),
    [
        pytest.param(WITHOUT_TOOL, True, "failed", id="a tool is missing"),
        pytest.param(WITHOUT_TOOL, False, "skipped", id="a tool is missing on a developer's machine"),
        pytest.param(WITHOUT_ROOT, True, "skipped", id="no tool is missing"),
        pytest.param(None, True, "passed", id="nothing was left out"),
    ],
)
def test_a_test_without_its_tool_fails_where_the_session_must_be_complete(
    longrepr: tuple[str, int, str] | None, is_complete: bool, outcome: str
) -> None:
    report = refuse_missing_tool(build_report(longrepr), is_complete)
    assert report.outcome == outcome
    assert ("`make helm`" in str(report.longrepr)) == (longrepr == WITHOUT_TOOL)


def test_payloads_that_no_compiler_has_seen_fail_a_session_that_must_be_complete() -> None:
    seen = PayloadRecord()
    seen.merge([["block", json.dumps({"type": "divider"}), "tests/test_x.py::test_y"]])
    assert find_invalid_payloads(seen, can_compile=False, is_complete=True) == [NO_COMPILER]
    assert find_invalid_payloads(seen, can_compile=False, is_complete=False) == []
    assert find_invalid_payloads(PayloadRecord(), can_compile=False, is_complete=True) == []
