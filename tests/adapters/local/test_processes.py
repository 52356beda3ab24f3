"""Processes are known by their start, which no clock moves."""

import pytest

from bot.adapters.local.processes import (
    current_process,
    is_alive,
)


def test_a_process_is_known_by_no_clock_that_may_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """psutil reckons a start from the time of the boot, which moves when the clock is set."""
    before = current_process()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: 1.0)
    assert is_alive(before)
