"""A bot on the bed: real Bolt over a real socket, real SkyPilot, a real scheduler."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live import Live
from tests.slurm.bed import Bed, standing
from tests.waiting import eventually

SECONDS = 400
"""For anything on a bed with two busy cores."""

SETTINGS = {
    "VERLBOT_TICK_SECONDS": "3",
    "VERLBOT_CARD_SECONDS": "2",
    "VERLBOT_GONE_SECONDS": "2",
    "VERLBOT_SKY_CALL_SECONDS": "40",
    "VERLBOT_SKY_JOB_SECONDS": "12",
    "VERLBOT_SKY_LOG_SECONDS": "20",
    "VERLBOT_DOWN_AGAIN_SECONDS": "60",
    "VERLBOT_SKY_BILL_SECONDS": "30",
    "VERLBOT_LOCAL_DOLLARS_PER_NODE_HOUR": "",
}


class OnSlurm(Live):
    """An installation whose machines are the bed's."""

    def __init__(self, folder: Path, bed: Bed, program: tuple[str, ...] = ("-m", "bot", "run")) -> None:
        own = {
            "HOME": str(bed.at.sky_home),
            "PATH": bed.environment["PATH"],
            "SKYPILOT_API_SERVER_ENDPOINT": bed.endpoint,
            "SKYPILOT_API_SERVER_LOCAL_PORT": str(bed.at.api_port),
        }
        super().__init__(folder, program, **SETTINGS, **own)
        self.bed = bed

    def messages_of(self, run_id: str) -> dict[str, dict[str, Any]]:
        """The run's messages by key."""
        found: dict[str, dict[str, Any]] = {}
        for message in self.ana.messages():
            payload = (message["metadata"] or {}).get("event_payload") or {}
            if payload.get("run") == run_id:
                assert not found.keys() & set(payload["keys"].split(",")), "said twice"
                found |= dict.fromkeys(payload["keys"].split(","), message)
        return found

    def text_of(self, run_id: str, key: str) -> str:
        message = self.messages_of(run_id).get(key)
        return f"{message['text']} {message['blocks']}" if message else ""

    def sees(self, run_id: str, key: str, text: str) -> str:
        """Wait until a message of the run holds the text; what it is then."""

        def found() -> str:
            there = self.text_of(run_id, key)
            return there if text in there else ""

        return eventually(found, lambda: f"{self.ana.reads()}\n{self.log()}", SECONDS, pause_seconds=1)

    def ends(self, run_id: str, word: str) -> str:
        """Wait for the run's end; its notice. Nothing of it stands in Slurm then, nor in SkyPilot's table."""
        notice = self.sees(run_id, "ended", word)
        assert not [job for job in self.bed.queue() if job.startswith(f"verl-{run_id}-")]
        assert f"verl-{run_id}" not in self.bed.sky("status", "-u", "--no-show-managed-jobs")
        return notice


@pytest.fixture(scope="session")
def bed() -> Bed:
    return standing()


@pytest.fixture
def live(tmp_path: Path, bed: Bed) -> Iterator[OnSlurm]:
    """A bot whose every call outside may be its last, by KILL_AT."""
    found = OnSlurm(tmp_path, bed, program=(sys.executable, "-m", "tests.killed")[1:])
    yield found
    found.stop()
