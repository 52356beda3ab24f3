"""`verlbot policy`: a starter file, its check, and what is decided about a line and by which line of the file."""

from pathlib import Path

import pytest

from bot.__main__ import main
from bot.adapters.files import policy_files
from bot.cli.command_line import CHANNEL_KINDS, PERSON_KINDS
from bot.core.model.people import ROLES_IN_FILE, ChannelKind, PersonKind
from bot.core.model.policy import SAFE_POLICY

FILE = """\
roles:
  launcher: [members]
  approver: [U0LEA, S0LEADS]
  admin: [U0BEN]
stop_others: approver
channels:
  shared: {highest_role: viewer}
  private: {bounds: {nodes: 1}}
  C0TRAIN:
    bounds: {recipes: [smoke]}
bounds: {gpu_hours: 100, denied_overrides: ["hydra.*"]}
bounds_by_role:
  approver:
    gpu_hours: 1000
approve_above_dollars: 50
person: {runs: 3}
"""

STOP_REFUSED = (
    "→ Refused, except on their own run: To stop others' runs you need the role `approver`; here you are `viewer`. "
    "In this channel your role is at most `viewer`; in other channels it is `approver`."
)
STRANGER_REFUSED = (
    "→ Refused: I only answer members of my own workspace; you are in another one. "
    "An admin can give you a role in the policy file (docs/policy.md)."
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "policy.yaml"
    found.write_text(FILE)
    return found


def test_the_starter_file_says_what_holds_without_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "init"]) == 0
    starter = tmp_path / "starter.yaml"
    starter.write_text(capsys.readouterr().out)
    found = policy_files.read_policy(starter)
    assert {
        role: people for role, people in found.grants.holders_by_role.items() if people
    } == SAFE_POLICY.grants.holders_by_role
    assert found == SAFE_POLICY


def test_a_file_that_can_be_used_is_summed_up(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "check", str(file)]) == 0
    said = capsys.readouterr().out
    assert "approver: U0LEA, S0LEADS" in said
    assert "a launcher's run: at most $100, 24 h lease, 4 nodes, 100 GPU-hours" in said
    assert "launches that wait for an approver: over $50" in said


def test_a_file_that_cannot_be_used_is_refused_with_the_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("person: {runs: many}")
    assert main(["policy", "check", str(file)]) == 1
    said = capsys.readouterr()
    assert "`person.runs` must be a whole number" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        pytest.param(
            ["U0ANA", "launch ppo nodes=2 gpus=H100:8 lease=12"],
            [
                "U0ANA is a launcher, by `members`.  (policy.yaml:2)",
                "To launch, a person must be a launcher.",
                "It asks for 2 nodes, 16 GPUs, 192 GPU-hours, $20 and 12 h.",
                "✗ Nodes × GPUs × lease is 192 GPU-hours; your limit is 100.  (policy.yaml:11)",
                "→ Refused. Type lease=… instead.",
            ],
            id="out of bounds",
        ),
        pytest.param(
            ["U0LEA", "launch ppo nodes=2 gpus=H100:8 lease=12 budget=60"],
            [
                "U0LEA is an approver, by `U0LEA`.  (policy.yaml:3)",
                "To launch, a person must be a launcher.",
                "It asks for 2 nodes, 16 GPUs, 192 GPU-hours, $60 and 12 h.",
                "✓ It is within the bounds.",
                "What runs already counts too: person runs 3.  (policy.yaml:16)",
                "→ It waits for an approver.  (policy.yaml:15)",
            ],
            id="an approver has wider bounds, and approves nothing of her own",
        ),
        pytest.param(
            ["U0ANA", "/verl launch ppo hydra.run.dir=/x", "--channel", "C0TRAIN"],
            [
                "U0ANA is a launcher, by `members`.  (policy.yaml:2)",
                "To launch, a person must be a launcher.",
                "It asks for 2 nodes, 2 GPUs, 6 GPU-hours, $20 and 3 h.",
                "✗ Only an admin may set `hydra.run.dir`: the policy denies `hydra.*`.  (policy.yaml:11)",
                "✗ The recipe `ppo` is not allowed for you here. Allowed: `smoke`.  (policy.yaml:10)",
                "→ Refused.",
            ],
            id="an override, and a channel's own bounds",
        ),
        pytest.param(
            ["U0ANA", "launch ppo nodes=2", "--channel", "C0SECRET", "--channel-kind", "private"],
            [
                "U0ANA is a launcher, by `members`.  (policy.yaml:2)",
                "To launch, a person must be a launcher.",
                "It asks for 2 nodes, 2 GPUs, 6 GPU-hours, $20 and 3 h.",
                "✗ It asks for 2 nodes; your limit is 1.  (policy.yaml:8)",
                "→ Refused. Type nodes=1 instead.",
            ],
            id="the bounds of a kind of channel",
        ),
        pytest.param(
            ["U0ANA", "stop smoke-0001", "--groups", "S0LEADS", "--channel-kind", "shared"],
            [
                "U0ANA is an approver, by `S0LEADS`.  (policy.yaml:3)",
                "Here a viewer counts at most.  (policy.yaml:7)",
                "To stop, a person must be an approver (no role on their own run).  (policy.yaml:5)",
                STOP_REFUSED,
            ],
            id="a user group, in a shared channel",
        ),
        pytest.param(
            ["U0EVE", "launch smoke", "--as", "stranger"],
            [
                "U0EVE has no role: no line gives one to a stranger.  (policy.yaml:1)",
                "To launch, a person must be a launcher.",
                STRANGER_REFUSED,
            ],
            id="a stranger",
        ),
        pytest.param(
            ["U0ANA", "launch smoke"],
            [
                "U0ANA is a launcher, by `members`.  (policy.yaml:2)",
                "To launch, a person must be a launcher.",
                "It asks for 1 node, $1 and 1 h.",
                "✓ It is within the bounds.",
                "What runs already counts too: person runs 3.  (policy.yaml:16)",
                "→ Launched, unless its price passes a limit: then it waits for an approver, or is refused.",
            ],
            id="within all",
        ),
    ],
)
def test_what_is_decided_is_said_with_the_line_that_decides(
    file: Path, arguments: list[str], lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "explain", *arguments, "--file", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_without_a_file_the_defaults_decide(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("VERLBOT_POLICY", raising=False)
    assert main(["policy", "explain", "U0ANA", "launch smoke budget=150"]) == 0
    assert "✗ Its budget is $150; your limit is $100.  (the default)" in capsys.readouterr().out


def test_a_line_that_makes_no_sense_is_refused_as_in_slack(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "explain", "U0ANA", "lunch ppo"]) == 1
    assert "lunch" in capsys.readouterr().err


def test_the_words_of_the_command_line_are_those_of_the_core() -> None:
    assert set(PERSON_KINDS) == {kind.value for kind in PersonKind}
    assert set(CHANNEL_KINDS) == {kind.value for kind in ChannelKind}
    assert [role.word for role in ROLES_IN_FILE] == ["viewer", "launcher", "approver", "admin"]
