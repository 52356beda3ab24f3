"""A live run goes on after its bot's database was lost and restored: one cluster, one card, one end."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import ENDLESS, Live
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.long]

ROOT = Path(__file__).parents[2]


def verlbot(live: Live, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the same data directory, with no token in its environment."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        env={**kept, "VERLBOT_DATA_DIR": str(live.data_dir)},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )


def test_a_run_goes_on_after_its_record_was_lost_and_restored(live: Live, tmp_path: Path) -> None:
    live.start()
    run_id = live.launch(f"nodes=2 {ENDLESS}")
    live.sees_card("step ")
    eventually(lambda: live.notices()["running"])
    file = tmp_path / "backup.gz"

    ran = verlbot(live, "backup", str(file))
    assert ran.returncode == 0, ran.stderr
    assert live.bot is not None
    assert live.bot.poll() is None, "the bot goes on beside a backup"
    ran = verlbot(live, "restore", str(file))
    assert (ran.returncode, "Another verlbot uses" in ran.stderr) == (1, True), "over a living bot"

    live.kill()
    ran = verlbot(live, "restore", str(file))
    assert (ran.returncode, "--replace" in ran.stderr) == (1, True), "over records"
    live.kill_store()
    shutil.rmtree(live.data_dir / "store")
    ran = verlbot(live, "restore", str(file))
    assert ran.returncode == 0, ran.stderr

    live.start()
    eventually(lambda: "My database was restored from a backup" in live.log(), live.log)
    before = live.card()
    eventually(lambda: live.card() != before, live.log)
    live.ana.says(f"/verl stop {run_id} save=no")
    live.sees_end("stopped")
    live.assert_nothing_left()
    assert len(live.places()) == 1
    counts = live.notices()
    assert (counts["card"], counts["running"], counts["ended"]) == (1, 1, 1)


def test_what_is_replaced_is_kept_in_a_file(live: Live, tmp_path: Path) -> None:
    live.start()
    run_id = live.launch(f"nodes=1 {ENDLESS}")
    file = tmp_path / "backup.gz"
    assert verlbot(live, "backup", str(file)).returncode == 0
    live.kill()
    ran = verlbot(live, "restore", str(file), "--replace")
    assert ran.returncode == 0, ran.stderr
    (kept,) = tmp_path.glob("backup.gz.replaced-*")
    assert kept.stat().st_mode & 0o777 == 0o600
    live.start()
    live.ana.says(f"/verl stop {run_id} save=no")
    live.sees_end("stopped")
