"""The policy as a team writes it down."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.files import policy_files
from bot.core.model.people import MEMBERS, Grants, Role
from bot.core.model.policy import (
    SAFE_BOUNDS,
    SAFE_POLICY,
    UNBOUNDED,
    AutostopRemedy,
    Bounds,
    Caps,
    ExternalLaunchPolicy,
    Fairness,
    Policy,
    StoreOutageBehaviour,
)
from bot.errors import UserError

WHOLE = """
roles:
  launcher: [members]
  approver: [U0LEA, S0LEADS]
  admin: [U0BEN]
member_workspaces: [T0SISTER]
stop_others: approver
channels:
  C0TRAIN: {highest_role: approver, bounds: {gpu_hours: 5000}, caps: {dollars_per_month: 50000}}
  shared: {highest_role: launcher}
bounds: {recipes: [ppo*, smoke], lease_hours: 48, images: null}
bounds_by_role:
  approver: {budget_dollars: 1000}
  admin: {nodes: 64}
launches_per_minute: 5
questions_per_minute: null
confirm_above_dollars: 20
approve_above_dollars: 200
approve_above_gpu_hours: 400
approve_unpriced: true
approval_timeout_hours: 4
lease_warnings_minutes: [30, 5]
month_grace_minutes: 0
person: {runs: 4, gpus: 32}
team: {dollars_per_hour: 200, dollars_per_month: 10000}
workspace: {gpus: 128}
external_launches: {autostop_idle_minutes: 20, autostop: refuse, runs: 2, people: {ben: U0BEN}, on_store_outage: allow}
report_only: [person.runs, lease, external_launches.gpus]
"""

COMMON = replace(SAFE_BOUNDS, recipes=("ppo*", "smoke"), lease_hours=48, images=None)


def read(tmp_path: Path, text: str) -> Policy:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    return policy_files.read_policy(file)


def test_a_policy_is_read_as_it_is_written(tmp_path: Path) -> None:
    given = {Role.LAUNCHER: (MEMBERS,), Role.APPROVER: ("U0LEA", "S0LEADS"), Role.ADMIN: ("U0BEN",)}
    assert read(tmp_path, WHOLE) == Policy(
        grants=Grants(holders_by_role=given, highest_by_channel={"C0TRAIN": Role.APPROVER, "shared": Role.LAUNCHER}),
        member_workspaces=frozenset({"T0SISTER"}),
        stop_others=Role.APPROVER,
        bounds_by_role={
            Role.LAUNCHER: COMMON,
            Role.APPROVER: replace(COMMON, budget_dollars=1000),
            Role.ADMIN: replace(UNBOUNDED, nodes=64),
        },
        channel_bounds={"C0TRAIN": Bounds(gpu_hours=5000)},
        fairness=Fairness(launches_per_minute=5, questions_per_minute=None),
        confirm_above_dollars=20,
        approve_above_dollars=200,
        approve_above_gpu_hours=400,
        approve_unpriced=True,
        approval_timeout_hours=4,
        lease_warnings_minutes=(30, 5),
        month_grace_minutes=0,
        person=Caps(runs=4, gpus=32),
        team=Caps(dollars_per_hour=200, dollars_per_month=10000),
        teams={"C0TRAIN": Caps(dollars_per_hour=200, dollars_per_month=50000)},
        workspace=Caps(gpus=128),
        external_launches=ExternalLaunchPolicy(
            autostop_idle_minutes=20,
            autostop=AutostopRemedy.REFUSE,
            caps=Caps(runs=2),
            people={"ben": "U0BEN"},
            on_store_outage=StoreOutageBehaviour.ALLOW,
        ),
        report_only=("person.runs", "lease", "external_launches.gpus"),
    )


def test_what_a_file_leaves_out_is_as_without_one(tmp_path: Path) -> None:
    assert read(tmp_path, "# nothing yet\n") == SAFE_POLICY


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("roles: U0LEA", "`roles` must be a mapping, such as `name: value`, not text"),
        ("roles: {approver: U0LEA}", "`roles.approver` must be a list, such as `[a, b]`, not text"),
        ("roles: {approver: ['@lea']}", "must be a Slack id of a person (`U…`) or user group (`S…`)"),
        ("roles: {boss: [U0LEA]}", "boss"),
        ("leads: [U0LEA]", "`leads` is now `roles.approver`"),
        ("teams: {C0TRAIN: {runs: 1}}", "is now `channels`, with `caps`"),
        ("person: {run: 4}", "`person`: there is no setting `run`"),
        ("team: {runs: -1}", "`team.runs` must be at least 0"),
        ("team: {dollars_per_month: .nan}", "`team.dollars_per_month`"),
        ("team: {dollars_per_month: .inf}", "`team.dollars_per_month`"),
        ("channels: {general: {highest_role: viewer}}", "a channel's Slack id, such as `C012AB3CD`"),
        (
            "channels: {private: {caps: {runs: 1}}}",
            "`channels.private` has `caps`, which count the runs of one channel",
        ),
        ("external_launches: {autostop: ask}", "`external_launches.autostop` cannot be `ask`"),
        ("external_launches: {people: {ben: ben}}", "must be a person's Slack id, such as `U024BE7LH`"),
        (
            "external_launches: {autostop_idle_minutes: 0}",
            "`external_launches.autostop_idle_minutes` must be at least 1",
        ),
        ("external_launches: {dollars_per_month: 5}", "`external_launches`: there is no setting `dollars_per_month`"),
        ("approval_timeout_hours: 0", "`approval_timeout_hours` must be above 0"),
        ("a: [", "cannot be read"),
        ("person: {runs: 1}\nperson: {runs: 2}", "`person` occurs twice"),
        ("approve_above_dollars: 5", "Approvals need two people at least"),
        ("report_only: [runs]", "`report_only` names runs"),
        ("[" * 60 + "]" * 60, "nested too deeply"),
    ],
)
def test_what_cannot_hold_is_refused_with_the_place(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    assert why in str(caught.value.sentence)
    assert "docs/policy.md" in str(caught.value.hint)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"policy.yaml cannot be read"):
        policy_files.read_policy(tmp_path / "policy.yaml")
