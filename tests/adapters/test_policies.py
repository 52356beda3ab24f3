"""The policy as a team writes it down."""

from pathlib import Path

import pytest

from bot.adapters import policies
from bot.core.policy import UNSET, Caps, Outside, Policy, Remedy, WhenDown
from bot.errors import UserError

WHOLE = """
leads: [U0LEA, U0BEN]
confirm_over_dollars: 20
approve_over_dollars: 200
approval_lapses_hours: 4
lease_warnings_minutes: [30, 5]
month_grace_minutes: 0
person: {runs: 4, gpus: 32}
team: {dollars_per_hour: 200, dollars_per_month: 10000}
teams:
  C0TRAIN: {dollars_per_month: 50000}
everybody: {gpus: 128}
outside: {autostop_idle_minutes: 20, autostop: refuse, runs: 2, people: {ben: U0BEN}, when_store_is_down: allow}
shadow: [person.runs, lease, outside.gpus]
"""


def read(tmp_path: Path, text: str) -> Policy:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    return policies.read(file)


def test_a_policy_is_read_as_it_is_written(tmp_path: Path) -> None:
    assert read(tmp_path, WHOLE) == Policy(
        leads=("U0LEA", "U0BEN"),
        confirm_over_dollars=20,
        approve_over_dollars=200,
        approval_lapses_hours=4,
        lease_warnings_minutes=(30, 5),
        month_grace_minutes=0,
        person=Caps(runs=4, gpus=32),
        team=Caps(dollars_per_hour=200, dollars_per_month=10000),
        teams={"C0TRAIN": Caps(dollars_per_month=50000)},
        everybody=Caps(gpus=128),
        outside=Outside(
            autostop_idle_minutes=20,
            autostop=Remedy.REFUSE,
            caps=Caps(runs=2),
            people={"ben": "U0BEN"},
            when_store_is_down=WhenDown.ALLOW,
        ),
        shadow=("person.runs", "lease", "outside.gpus"),
    )


def test_what_a_file_leaves_out_is_as_without_one(tmp_path: Path) -> None:
    assert read(tmp_path, "# nothing yet\n") == UNSET


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("leads: U0LEA", "Expected `array`, got `str` - at `$.leads`"),
        ("leads: ['@lea']", "at `$.leads[0]`"),
        ("person: {run: 4}", "contains unknown field `run` - at `$.person`"),
        ("team: {runs: -1}", "at `$.team.runs`"),
        ("teams: {general: {runs: 1}}", "at `key` in `$.teams`"),
        ("outside: {autostop: ask}", "at `$.outside.autostop`"),
        ("outside: {people: {ben: ben}}", "at `$.outside.people[...]`"),
        ("outside: {autostop_idle_minutes: 0}", "at `$.outside.autostop_idle_minutes`"),
        ("outside: {dollars_per_month: 5}", "unknown field `dollars_per_month` - at `$.outside`"),
        ("approval_lapses_hours: 0", "at `$.approval_lapses_hours`"),
        ("a: [", "cannot be read"),
        ("approve_over_dollars: 5", "needs two `leads` at least"),
        ("shadow: [runs]", "`shadow` names runs"),
    ],
)
def test_what_cannot_hold_is_refused_with_the_place(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    assert why in caught.value.sentence
    assert "docs/policy.md" in caught.value.hint


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"policy.yaml cannot be read"):
        policies.read(tmp_path / "policy.yaml")
