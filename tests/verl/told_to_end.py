"""A run of real verl that is asked for a checkpoint, trains on, and gets a signal to end."""

import time
from dataclasses import dataclass
from typing import Self

from tests.verl.bed import Run, metric_rows
from tests.verl.conftest import newest_written

SELDOM = {"save_every_steps": "1000", "test_every_steps": "1000"}
"""A run with these settings saves only on request."""

GRACE_SECONDS = 60
WITH_TIME_TO_SAVE = {"SAVE_GRACE_SECONDS": str(GRACE_SECONDS)}
"""For a checkpoint after SIGTERM: the recipes' 12 seconds are too few for a step of two cores that other tests keep
busy."""

MAX_END_SECONDS = GRACE_SECONDS + 13
"""After SIGTERM. With the recipes' own grace that is 25: Kubernetes and Slurm kill what is left after 30 seconds."""

TOLD_TO_END = 143
"""The exit code after SIGTERM."""


@dataclass(frozen=True, slots=True)
class ToldToEnd:
    """What the run did.

    Attributes:
        saved: the step of the requested checkpoint.
        last: the step of its last checkpoint.
        steps: the steps in its files of metrics.
        seconds: from the signal to the end of its script.
        left: its processes that were there after that.
    """

    saved: int
    last: int
    steps: list[int]
    code: int
    seconds: float
    text: str
    left: list[str]

    @classmethod
    def of(cls, run: Run, first_step: int) -> Self:
        """Ask for a checkpoint after the run's first step, let it make another step, and send SIGTERM."""
        request = run.asked.output / "save-request"
        run.sees(f"step:{first_step} - ")
        request.touch()
        run.sees("that was requested is saved")
        saved = newest_written(run.asked)
        run.sees(f"step:{saved + 1} - ")
        assert not request.exists()
        began = time.monotonic()
        run.head.script_process().terminate()
        code = run.head.wait()
        return cls(
            saved=saved,
            last=newest_written(run.asked),
            steps=[row["step"] for row in metric_rows(run.asked)],
            code=code,
            seconds=time.monotonic() - began,
            text=run.head.text(),
            left=run.head.left(),
        )

    def check(self) -> None:
        """Check that it has kept its promises."""
        assert self.code == TOLD_TO_END
        assert self.seconds < MAX_END_SECONDS
        assert self.left == []
        assert self.last > self.saved
        assert f"verl watch: ended by a signal; the checkpoint of step {self.last} is saved." in self.text
        # Steps of a toy take a moment: verl may make another one before it is ended.
        assert self.steps[-1] >= self.last - 1
