"""What `verlbot` does before anything runs: it refuses what is not safe, and says what to set."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.live import Live
from tests.waiting import eventually

pytestmark = pytest.mark.slow

TOKENS = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}
ROOT = Path(__file__).parents[2]


def verlbot(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        env={**kept, "HOME": str(folder), "VERLBOT_DATA_DIR": str(folder / "data"), **TOKENS, **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=20,
    )


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        pytest.param({}, "VERLBOT_LOCAL_WITH_SLACK=true", id="local runs beside a real Slack"),
        pytest.param(
            {
                "VERLBOT_ADMIN_POLICY_PORT": "8085",
                "VERLBOT_ADMIN_POLICY_HOST": "0.0.0.0",
                "VERLBOT_COMPUTE": "skypilot",
                "SKYPILOT_API_SERVER_ENDPOINT": "http://127.0.0.1:9",
            },
            "VERLBOT_ADMIN_POLICY_SECRET",
            id="an admin policy that is open",
        ),
        pytest.param(
            {"SLACK_API_URL": "http://127.0.0.1:9/api/", "VERLBOT_LOCAL_USER": "no-such-user"},
            "VERLBOT_LOCAL_USER",
            id="a user that there is not",
        ),
    ],
)
@pytest.mark.long
def test_it_refuses_to_run_unsafely_and_says_what_to_set(
    tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    ran = verlbot(tmp_path, "run", **environment)
    assert (ran.returncode, said in ran.stderr) == (1, True), ran.stderr
    assert "Traceback" not in ran.stderr
    left = [process for process in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(process.info["cmdline"])]
    assert left == [], "it has left its store running"


@pytest.mark.long
def test_the_line_for_skypilot_is_printed_once_it_has_been_asked_for(tmp_path: Path) -> None:
    assert "VERLBOT_ADMIN_POLICY_PORT" in verlbot(tmp_path, "admin-policy").stderr
    ran = verlbot(tmp_path, "admin-policy", VERLBOT_ADMIN_POLICY_PORT="8085")
    secret = (tmp_path / "data" / "admin-policy-secret").read_text()
    assert ran.stdout == f"admin_policy: http://127.0.0.1:8085/admin-policy/{secret}\n"
    set_by_hand = {"VERLBOT_ADMIN_POLICY_HOST": "::", "VERLBOT_ADMIN_POLICY_SECRET": "x" * 32}
    ran = verlbot(tmp_path, "admin-policy", VERLBOT_ADMIN_POLICY_PORT="8085", **set_by_hand)
    assert ran.stdout == f"admin_policy: http://HOST:8085/admin-policy/{'x' * 32}\n"
    assert "HOST is the bot's machine" in ran.stderr


def test_a_running_bot_gives_its_secrets_to_no_program_and_its_files_to_no_other_user(tmp_path: Path) -> None:
    live = Live(tmp_path, HF_TOKEN="hf-of-the-bot")
    live.data_dir.mkdir(mode=0o755)
    (live.data_dir / "owner").touch(0o644)
    live.start()
    try:
        live.launch("steps=2 seconds_per_step=0 test_every_steps=2 save_every_steps=2")
        assert live.bot is not None
        children = psutil.Process(live.bot.pid).children(recursive=True)
        assert "valkey" in " ".join(child.name() for child in children)
        for child in children:
            assert "hf-of-the-bot" not in str(child.environ())
            assert "xoxb-" not in str(child.environ())
        live.sees_end("finished")
        modes = {path: path.lstat().st_mode & 0o777 for path in [live.data_dir, *live.data_dir.rglob("*")]}
        assert {str(path): oct(mode) for path, mode in modes.items() if mode & 0o077} == {}
        assert live.data_dir / "artifacts" in modes
        assert "was open to other users: closed" in live.log()
    finally:
        live.stop()


DROPPED = (
    "import os, sys; from bot.runtime.process_guard import drop_capabilities; drop_capabilities(); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
"""A program that becomes another, as the same user without root's powers."""


ASKED = "import ctypes; from bot.__main__ import main; main({words}); print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
"""Whether this process is dumpable after a command (PR_GET_DUMPABLE)."""


@pytest.mark.parametrize("words", [["health"], ["manifest"]], ids=" ".join)
@pytest.mark.long
def test_the_environment_of_every_other_command_is_closed_too(tmp_path: Path, words: list[str]) -> None:
    environment = {**os.environ, "VERLBOT_DATA_DIR": str(tmp_path)}
    asked = [sys.executable, "-c", ASKED.format(words=words)]
    ran = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.endswith("0\n"), ran.stderr


@pytest.mark.long
def test_the_environment_of_a_running_bot_is_closed_to_other_processes_of_its_user(tmp_path: Path) -> None:
    without_powers = ("-c", DROPPED)
    live = Live(tmp_path, (*without_powers, sys.executable, "-m", "bot", "run"))
    live.start()
    usual = [sys.executable, *without_powers, "sleep", "60"]
    try:
        assert live.bot is not None
        with subprocess.Popen(usual, env={**os.environ, "HUSH": "hush"}, cwd=ROOT) as other:
            eventually(lambda: psutil.Process(other.pid).name() == "sleep")
            read = [
                [sys.executable, *without_powers, "cat", f"/proc/{pid}/environ"] for pid in (other.pid, live.bot.pid)
            ]
            opened, closed = (subprocess.run(one, cwd=ROOT, capture_output=True, check=False) for one in read)
            other.kill()
        assert b"hush" in opened.stdout
        assert (closed.stdout, b"Permission denied" in closed.stderr) == (b"", True)
    finally:
        live.stop()
