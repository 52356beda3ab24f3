"""`verlbot demo` as a newcomer meets it: one command, and nothing left behind however it ends."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from bot.adapters.local.processes import find_marked_processes
from bot.adapters.local.state_files import ClusterDirectory
from bot.cli.demo import build_settings
from tests.examples import thorough
from tests.live import ENDLESS, QUICK
from tests.waiting import SECONDS, eventually

pytestmark = pytest.mark.slow


def program(folder: Path, *lines: str) -> list[str]:
    return [sys.executable, "-m", "bot", "demo", "--data-dir", str(folder), "--port", "0", *lines]


def places(folder: Path) -> list[ClusterDirectory]:
    return [ClusterDirectory(folder / "local", path.name) for path in (folder / "local" / "clusters").glob("*")]


def everything_of(folder: Path) -> list[psutil.Process]:
    """Every process that works in the folder: the demo, nodes, supervisors, the store."""
    return [process for process in psutil.process_iter() if works_in(process, str(folder))]


def works_in(process: psutil.Process, folder: str) -> bool:
    """By its words, its environment, where it stands and what it has open: the store rewrites the first of these."""
    with suppress(psutil.Error):
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if any(folder in word for word in process.cmdline()):
            return True  # a guarded process shows no more, but to root
        opened = [file.path for file in process.open_files()]
        return any(folder in text for text in (process.cwd(), *process.environ().values(), *opened))
    return False


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    found = tmp_path / "demo"
    yield found
    for process in everything_of(found):
        process.kill()


@contextmanager
def started(folder: Path, line: str, **streams: Any) -> Iterator[subprocess.Popen[Any]]:
    """A demo in the background, which a failing test does not wait for."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL} | streams
    with subprocess.Popen(program(folder, line), **streams) as demo:
        try:
            yield demo
        except BaseException:
            demo.kill()
            raise


def test_without_a_terminal_it_follows_the_run_to_its_verified_end(folder: Path) -> None:
    line = f"/verl launch smoke nodes=2 {QUICK}"
    ended = subprocess.run(program(folder, line), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for seen in ("launching", "Requested 2 nodes", "succeeded; no process is left."):
        assert seen in ended.stdout
    assert re.search(r"✓ smoke-[0-9a-f]{4} finished · 12 steps", ended.stdout)
    assert everything_of(folder) == []


@pytest.mark.thorough
def test_a_run_that_fails_is_told_by_the_exit_code_of_its_own_demo(folder: Path) -> None:
    line = f"/verl launch smoke fail_at_step=2 {QUICK}"
    ended = subprocess.run(program(folder, line), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "asked to fail at step 2" in ended.stdout
    assert everything_of(folder) == []
    line = f"/verl launch smoke {QUICK}"
    again = subprocess.run(program(folder, line), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stdout + again.stderr


@pytest.mark.parametrize("number", thorough([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], usual=1))
@pytest.mark.long
def test_an_interrupted_demo_ends_everything_that_it_started(folder: Path, number: signal.Signals) -> None:
    line = f"/verl launch smoke nodes=2 {ENDLESS}"
    with started(folder, line) as demo:
        eventually(lambda: any(find_marked_processes(place.marker) for place in places(folder)))
        demo.send_signal(number)
        eventually(lambda: ending(folder))
        demo.send_signal(number)  # an impatient person's
        assert demo.wait(SECONDS) == 130
    assert everything_of(folder) == []


def ending(folder: Path) -> bool:
    """Whether the demo has asked its runs to stop, or they are gone already."""
    return all((place.folder / "asked-to-go").exists() for place in places(folder))


def test_a_demo_keeps_away_from_a_store_that_the_environment_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://production:6379/0")
    assert build_settings(folder, "http://127.0.0.1:1/api/").redis_url == ""


def test_a_demo_keeps_away_from_machines_that_cost_money(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYPILOT_API_SERVER_ENDPOINT", "https://sky.example.org")
    monkeypatch.setenv("VERLBOT_COMPUTE", "skypilot")
    assert not build_settings(folder, "http://127.0.0.1:1/api/").uses_skypilot


@pytest.mark.thorough
def test_behind_a_proxy_it_works_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    line = f"/verl launch smoke {QUICK}"
    ended = subprocess.run(program(folder, line), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.thorough
def test_a_killed_demo_comes_back_with_its_runs(folder: Path) -> None:
    line = "/verl launch smoke nodes=2 steps=40 seconds_per_step=0.1"
    log = folder.parent / "out"
    with log.open("w") as out, started(folder, line, stdout=out) as demo:
        eventually(lambda: "is running" in log.read_text())
        assert len(everything_of(folder)) >= 5  # the demo, the store, a supervisor and two nodes
        demo.kill()
    found = re.search(r"smoke-[0-9a-f]{4}", log.read_text())
    assert found is not None
    again = subprocess.run(program(folder), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"Welcome back: {found[0]} kept running without the bot." in again.stdout
    assert f"{found[0]}: succeeded; no process is left." in again.stdout
    assert re.search(r"✓ smoke-[0-9a-f]{4} finished · ", again.stdout)
    assert everything_of(folder) == []


@pytest.mark.long
def test_in_a_terminal_a_person_types_and_reads(folder: Path) -> None:
    mine, theirs = pty.openpty()
    with started(folder, f"/verl launch smoke {ENDLESS}", stdin=theirs, stdout=theirs, stderr=theirs) as demo:
        os.close(theirs)
        read_until(mine, "running")
        os.write(mine, b"/verl describe smoke\n")
        read_until(mine, "training steps")
        os.write(mine, b"hello\n")
        read_until(mine, "commands begin with /verl")
        read_until(mine, "Nothing is left behind.", pressing=b"\x04")
        assert demo.wait(SECONDS) == 0
    os.close(mine)
    assert everything_of(folder) == []


def read_until(terminal: int, text: str, pressing: bytes = b"") -> None:
    """Read what the terminal shows until the text is there.

    Args:
        pressing: a key that is pressed until then; what comes between two prompts is lost, as for a person.
    """
    seen, deadline = "", time.monotonic() + SECONDS
    while text not in seen:
        assert time.monotonic() < deadline, f"{text!r} is not in:\n{seen}"
        os.write(terminal, pressing)
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65_536).decode(errors="replace")


@pytest.mark.thorough
def test_two_bots_in_one_folder_are_refused_in_words(folder: Path) -> None:
    line = f"/verl launch smoke {ENDLESS}"
    with started(folder, line) as demo:
        eventually(lambda: any(find_marked_processes(place.marker) for place in places(folder)))
        second = subprocess.run(program(folder), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert second.returncode == 1
        assert second.stderr.startswith(f"verlbot: Another verlbot uses {folder}.")
        demo.send_signal(signal.SIGINT)
