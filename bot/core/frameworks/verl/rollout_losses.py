"""Rollouts that raise an error: verl 0.9 trains on without them, and reports neither them nor what fills their places.

Each has a line in the log, and so has the padding of the batch. They are added to the metrics of the step's row, where
detectors find them.
"""

import re
from dataclasses import dataclass, replace
from typing import Self

from bot.core.frameworks.verl.metric_keys import FAILED_ROLLOUTS, PADDED_SHARE, VERL_KEYS
from bot.core.model.metrics import StepMetrics

ROLLOUT_MARK = "Error in _run_prompt"
PADDING_MARK = " synthetic padding samples"
"""What the lines contain. (Source: verl 0.9.1, `trainer/ppo/v1/agent_loop_tq.py`, `trainer/ppo/padding_utils.py`.)"""

REPEATED = re.compile(r"\[repeated (\d{1,6})x across cluster\]")
"""How Ray writes that other processes printed the same."""

PADDING_LINE = re.compile(r"Upsampled batch from \d{1,9} to (\d{1,9}) with (\d{1,9}) synthetic padding samples")

MAX_FAILED_ROLLOUTS = 10**9


@dataclass(frozen=True, slots=True)
class RolloutLosses:
    """Losses of rollouts in the log since the last row.

    Attributes:
        failed: rollouts that raised an error.
        padded_share: the share of the batch that is padding, from 0 to 1.
    """

    failed: int = 0
    padded_share: float = 0.0

    def read_line(self, line: str) -> Self:
        """Return the losses after a line of the log.

        >>> losses = RolloutLosses().read_line("ERROR:Error in _run_prompt for uid=7f [repeated 2x across cluster]")
        >>> losses.read_line("Upsampled batch from 26 to 32 with 6 synthetic padding samples for required_multiple=16")
        RolloutLosses(failed=3, padded_share=0.1875)
        """
        if ROLLOUT_MARK in line:
            repeated = REPEATED.search(line)
            failed = self.failed + 1 + (int(repeated[1]) if repeated else 0)
            return replace(self, failed=min(failed, MAX_FAILED_ROLLOUTS))
        if match := PADDING_LINE.search(line):
            batch, padding = int(match[1]), int(match[2])
            return replace(self, padded_share=padding / batch) if 0 < padding <= batch else self
        return self

    def add_to(self, row: StepMetrics) -> StepMetrics:
        """Return the row of a training step with the losses among its metrics; the row itself where there are none.

        >>> RolloutLosses(failed=3).add_to(StepMetrics(2, {"actor/grad_norm": 0.5})).values
        {'log/failed_rollouts': 3.0, 'actor/grad_norm': 0.5}
        """
        values = {}
        if self.failed:
            values[FAILED_ROLLOUTS[0]] = float(self.failed)
        if self.padded_share:
            values[PADDED_SHARE[0]] = self.padded_share
        return replace(row, values={**values, **row.values}) if values and VERL_KEYS.is_training_step(row) else row


NO_LOSSES = RolloutLosses()
