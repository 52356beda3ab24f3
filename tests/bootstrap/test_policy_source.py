"""The policy as its file stands: read again when it changes, kept where the new one is broken."""

import os
from pathlib import Path

import pytest

from bot.bootstrap.policy_source import PolicySource
from bot.core.model.people import Role
from bot.core.model.policy import SAFE_POLICY, Policy
from bot.errors import UserError

FIRST = "roles: {approver: [U0LEA, U0BEN]}\n"


class Heard:
    """Keeps what a source tells."""

    def __init__(self, path: Path, text: str = FIRST) -> None:
        self.path = path
        path.write_text(text)
        self.changes: list[tuple[Policy, Policy]] = []
        self.errors: list[str] = []
        self.source = PolicySource.from_file(path)
        self.source.on_change = lambda before, after: self.changes.append((before, after))
        self.source.on_error = lambda why: self.errors.append(str(why))

    def writes(self, text: str) -> None:
        """Replace the file as an editor or a ConfigMap does: by another one of that name."""
        draft = self.path.with_suffix(".draft")
        draft.write_text(text)
        draft.replace(self.path)

    @property
    def approvers(self) -> tuple[str, ...]:
        return self.source.read_current().grants.holders_by_role[Role.APPROVER]


@pytest.fixture
def heard(tmp_path: Path) -> Heard:
    return Heard(tmp_path / "policy.yaml")


def test_without_a_file_the_safe_defaults_hold() -> None:
    assert PolicySource.from_file(None).read_current() is SAFE_POLICY


def test_a_bot_does_not_start_by_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("roles: [")
    with pytest.raises(UserError):
        PolicySource.from_file(tmp_path / "policy.yaml")


def test_a_removed_approver_is_none_at_the_next_look(heard: Heard) -> None:
    heard.writes("roles: {approver: [U0BEN]}\n")
    assert heard.approvers == ("U0BEN",)
    ((before, after),) = heard.changes
    assert before.grants.holders_by_role[Role.APPROVER] == ("U0LEA", "U0BEN")
    assert after == heard.source.read_current()


def test_a_file_that_is_written_over_in_place_is_read_again(heard: Heard) -> None:
    heard.path.write_text("roles: {approver: [U0BEN]}\n")
    assert heard.approvers == ("U0BEN",)


def test_a_file_that_is_touched_and_says_the_same_is_no_change(heard: Heard) -> None:
    os.utime(heard.path, (1, 1))
    assert heard.approvers == ("U0LEA", "U0BEN")
    assert heard.changes == []


@pytest.mark.parametrize("broken", ["roles: [", "roles: {approver: U0BEN}", "no_such_setting: 1", "\0"])
def test_a_broken_file_keeps_the_policy_before_and_is_told_of_once(heard: Heard, broken: str) -> None:
    heard.writes(broken)
    assert [heard.approvers for _ in range(3)] == [("U0LEA", "U0BEN")] * 3
    assert len(heard.errors) == 1
    assert heard.changes == []
    heard.writes("roles: {approver: [U0BEN]}\n")
    assert heard.approvers == ("U0BEN",)


def test_an_empty_file_leaves_everything_out_which_is_told_as_any_change(heard: Heard) -> None:
    heard.writes("")
    assert heard.source.read_current().grants == SAFE_POLICY.grants
    assert (len(heard.changes), heard.errors) == (1, [])


def test_a_file_that_is_gone_keeps_the_policy_and_is_told_of_once(heard: Heard) -> None:
    heard.path.unlink()
    assert [heard.approvers for _ in range(3)] == [("U0LEA", "U0BEN")] * 3
    assert len(heard.errors) == 1
    heard.writes(FIRST)
    assert heard.approvers == ("U0LEA", "U0BEN")
    assert heard.changes == []
