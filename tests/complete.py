"""Whether a session must run every test whose tools `make` can bring: continuous integration sets
`VERLBOT_COMPLETE_TESTS=1`, and a developer's machine may be without npm's modules, Helm or Prometheus.
"""

import os

import pytest

from tests.slack_types import NO_COMPILER, PayloadRecord

SIGN_OF_A_TOOL = "`make "
"""What the reason of a skipped test names where `make` brings its tool."""


def must_be_complete() -> bool:
    """Return whether a missing tool fails a test."""
    return os.environ.get("VERLBOT_COMPLETE_TESTS") == "1"


def refuse_missing_tool(report: pytest.TestReport, is_complete: bool) -> pytest.TestReport:
    """Return the report of a test, as a failure where it was left out for want of a tool and that is not allowed."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
    if is_complete and report.skipped and SIGN_OF_A_TOOL in reason:
        report.outcome = "failed"
        report.longrepr = f"VERLBOT_COMPLETE_TESTS allows no test to be left out for want of a tool: {reason}"
    return report


def find_invalid_payloads(payloads: PayloadRecord, can_compile: bool, is_complete: bool) -> list[str]:
    """Return what Slack's TypeScript types say against the payloads of a session; that nothing could be said where the
    session must be complete.
    """
    if can_compile:
        return payloads.compile()
    return [NO_COMPILER] if is_complete and not payloads.is_empty else []
