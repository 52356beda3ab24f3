"""The policy as its file has it now."""

from pathlib import Path

import pytest

from bot.core.policy import SAFE
from bot.core.roles import Role
from bot.errors import UserError
from bot.policy_source import PolicySource

TWO = "roles:\n  approver: [U0BEN, U0LEA]\n"
ONE = "roles:\n  approver: [U0LEA]\n"


def test_without_a_file_the_safe_defaults_hold() -> None:
    assert PolicySource.of_file(None).current() is SAFE


def test_a_removed_approver_is_none_at_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(TWO)
    source = PolicySource.of_file(path)
    assert source.current().grants.given[Role.APPROVER] == ("U0BEN", "U0LEA")
    path.write_text(ONE)
    assert source.current().grants.given[Role.APPROVER] == ("U0LEA",)


def test_a_file_that_is_broken_later_leaves_the_last_good_one_and_is_told_of_once(tmp_path: Path) -> None:
    path, told = tmp_path / "policy.yaml", list[str]()
    path.write_text(TWO)
    source = PolicySource.of_file(path)
    source.on_error = told.append
    path.write_text("roles: [")
    for _ in range(3):
        assert source.current().grants.given[Role.APPROVER] == ("U0BEN", "U0LEA")
    assert len(told) == 1


def test_a_bot_does_not_start_by_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("roles: [")
    with pytest.raises(UserError):
        PolicySource.of_file(path)
