"""The data directory is its owner's alone, an older one too; and the secret that it keeps is made once."""

import logging
import os
import stat
from pathlib import Path

import pytest

from bot.app.process_health import load_admin_policy_secret, prepare
from bot.errors import UserError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_one_is_closed_from_its_first_moment(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    prepare(tmp_path / "above" / "data")
    assert mode(tmp_path / "above" / "data") == 0o700
    assert caplog.text == ""


def test_local_runs_can_go_through_the_folders_that_are_made_above_it(tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        prepare(tmp_path / "above" / "data", tmp_path.stat().st_gid)
    finally:
        os.umask(mask)
    assert mode(tmp_path / "above") == 0o711


def made(root: Path, path: str, with_mode: int) -> Path:
    found = root / path
    found.parent.mkdir(parents=True, exist_ok=True)
    found.write_text("x")
    found.chmod(with_mode)
    return found


def test_an_older_one_that_others_could_read_is_closed_and_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data, elsewhere = tmp_path / "data", made(tmp_path, "elsewhere", 0o644)
    aof = made(data, "store/appendonlydir/valkey.aof", 0o644)
    script = made(data, "local/clusters/verl-x/nodes/0/run.sh", 0o755)
    own = made(data, "local/clusters/verl-x/nodes/0/home/notes", 0o644)
    model = made(data, "artifacts/ppo-7f3a/home/part.bin", 0o666)
    (data / "link").symlink_to(elsewhere)
    data.chmod(0o755)
    caplog.set_level(logging.WARNING)
    prepare(data)
    assert [mode(path) for path in (data, data / "store", aof, script, model)] == [0o700, 0o700, 0o600, 0o700, 0o600]
    assert mode(own) == 0o644, "what a run has made is its own"
    assert mode(elsewhere) == 0o644, "no link leads out of the directory"
    assert "was open to other users: closed" in caplog.text
    caplog.clear()
    prepare(data)
    assert caplog.text == ""


def test_the_group_of_local_runs_may_go_through_and_read_its_scripts_and_nothing_else(tmp_path: Path) -> None:
    data, group = tmp_path / "data", tmp_path.stat().st_gid
    script = made(data, "local/clusters/verl-x/nodes/0/run.sh", 0o664)
    data.chmod(0o777)
    prepare(data, group)
    assert [mode(path) for path in (data, script.parent, script)] == [0o710, 0o710, 0o640]
    prepare(data)
    assert [mode(path) for path in (data, script.parent, script)] == [0o700, 0o700, 0o600]


@pytest.mark.parametrize(
    ("owner", "group", "with_mode", "taken"),
    [
        pytest.param(1, 0, 0o700, False, id="another user's"),
        pytest.param(0, 1, 0o2775, False, id="root's, of a group that the bot is not in"),
        pytest.param(0, 0, 0o2777, False, id="root's, for everybody"),
        pytest.param(0, 0, 0o2775, True, id="a volume as Kubernetes mounts it"),
    ],
)
def test_one_of_another_user_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: int,
    group: int,
    with_mode: int,
    taken: bool,
) -> None:
    found = os.stat_result((stat.S_IFDIR | with_mode, 0, 0, 0, owner, group, 0, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda _, **__: found)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 0)
    monkeypatch.setattr(os, "getgroups", lambda: [0])
    if taken:
        prepare(tmp_path)
    else:
        with pytest.raises(UserError, match="belongs to another user"):
            prepare(tmp_path)


def test_a_secret_is_made_once_and_read_by_nobody_else(tmp_path: Path) -> None:
    first = load_admin_policy_secret(tmp_path)
    assert load_admin_policy_secret(tmp_path) == first
    assert len(first) >= 32
    assert mode(tmp_path / "admin-policy-secret") == 0o600
    (tmp_path / "admin-policy-secret").write_text("\n")  # as a full disk may leave it
    assert len(load_admin_policy_secret(tmp_path)) >= 32
