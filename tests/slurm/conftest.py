"""A bot on the bed: real Bolt over a real socket, real SkyPilot, a real scheduler."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from slack_playground.client import Person
from tests.live import Live
from tests.slurm.bed import Bed, standing
from tests.waiting import eventually

SECONDS = 900
"""For anything on a bed with two busy cores."""

SETTINGS = {
    "VERLBOT_TICK_SECONDS": "4",
    "VERLBOT_CARD_SECONDS": "3",
    "VERLBOT_TEARDOWN_CONFIRM_SECONDS": "2",
    "VERLBOT_SKY_CALL_SECONDS": "90",
    "VERLBOT_SKY_JOB_SECONDS": "20",
    "VERLBOT_SKY_LOG_SECONDS": "30",
    "VERLBOT_SKY_BILL_SECONDS": "60",
    "VERLBOT_LAUNCH_CONFIRM_SECONDS": "20",
    "VERLBOT_TEARDOWN_RETRY_SECONDS": "60",
    "VERLBOT_LOCAL_DOLLARS_PER_NODE_HOUR": "",
}
"""Each question about a job starts Python on its node, three seconds of a core: they are asked for rarely."""

ALONE = {"VERLBOT_SKY_CALL_SECONDS": "30"}
"""On a bed that is not busy; the bot waits for longer than that before it asks for a launch again."""

ON = "infra=slurm"
QUICK = "steps=12 seconds_per_step=4 batch_size=8 group_size=2 test_every_steps=4 save_every_steps=6"
"""Long enough to be seen running, and to be stopped by what a test does to it."""

ENDLESS = "steps=100000 seconds_per_step=2 batch_size=8 group_size=2"


def as_client_of(bed: Bed) -> dict[str, str]:
    """The environment by which a bot finds the bed's SkyPilot."""
    return {
        "HOME": str(bed.at.sky_home),
        "PATH": bed.environment["PATH"],
        "SKYPILOT_API_SERVER_ENDPOINT": bed.endpoint,
        "SKYPILOT_API_SERVER_LOCAL_PORT": str(bed.at.api_port),
    }


class Watched:
    """What people and Slurm show of the runs of an installation on the bed."""

    bed: Bed
    ana: Person

    def log(self) -> str:
        raise NotImplementedError

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
        return f"{message['text']} {message['blocks']} {message.get('attachments')}" if message else ""

    def can_see(self, run_id: str, key: str, text: str) -> str:
        """Wait until a message of the run holds the text; what it is then."""

        def found() -> str:
            there = self.text_of(run_id, key)
            return there if text in there else ""

        return eventually(found, lambda: f"{self.ana.reads()}\n{self.log()}", SECONDS, pause_seconds=1)

    def ends(self, run_id: str, word: str) -> str:
        """Wait for the run's end; its notice. Slurm has no job of it then."""
        notice = self.can_see(run_id, "ended", word)
        assert self.jobs_of(run_id) == []
        return notice

    def jobs_of(self, run_id: str) -> list[str]:
        """Its jobs in Slurm."""
        return [job for job in self.bed.queue() if job.startswith(f"verl-{run_id}-")]


class OnSlurm(Live, Watched):
    """An installation whose machines are the bed's."""

    def __init__(
        self,
        folder: Path,
        bed: Bed,
        program: tuple[str, ...] = ("-m", "bot", "run"),
        settings: Mapping[str, str] = SETTINGS,
    ) -> None:
        super().__init__(folder, program, **{**SETTINGS, **settings, **as_client_of(bed)})
        self.bed = bed

    def leave_nothing(self) -> None:
        """Stop all runs, see them gone, and stop the bot."""
        for run_id in self.told_ids():
            self.ana.says(f"/verl stop {run_id}")
        eventually(lambda: not any(map(self.jobs_of, self.told_ids())), self.log, SECONDS, pause_seconds=2)
        self.stop()


def launches(bed: Bed, run_id: str) -> Counter[str]:
    """What SkyPilot's server was asked for this run, by kind: its own memory of it."""
    script = (
        "import sky; print([r.name for r in"
        f" sky.api_status(cluster_name='verl-{run_id}', all_status=True, limit=None)])"
    )
    return Counter(re.findall(r"sky\.\w+", bed.python(script).splitlines()[-1]))


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with standing() as found:
        yield found


@pytest.fixture(scope="module")
def bed_alone() -> Iterator[Bed]:
    with standing(alone=True) as found:
        yield found


@pytest.fixture
def live(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnSlurm]:
    """With the variables that verl's recipes name. Most files have a bot of their own."""
    found = OnSlurm(tmp_path_factory.mktemp("live"), bed)
    found.start(HF_TOKEN="x", WANDB_API_KEY="")
    try:
        yield found
    finally:
        found.leave_nothing()
