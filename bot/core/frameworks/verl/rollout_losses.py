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

LOGGING_HEAD = r"(?:[A-Z]{4,8}:(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{1,6}|[\w.]{1,80}):)?"
"""What verl's logging writes before a message."""

ROLLOUT_LINE = re.compile(LOGGING_HEAD + r"Error in _run_prompt(?: for uid=|: )")
PADDING_LINE = re.compile(
    LOGGING_HEAD + r"Upsampled batch from (\d{1,9}) to (\d{1,9}) with (\d{1,9}) synthetic padding samples for "
)
REPEATED = re.compile(r"\[repeated (\d{1,4})x across cluster\]\s{0,9}$")
"""How Ray writes at the end of a line that it left out so many of the same, besides the one that it printed before."""

MAX_FAILED_ROLLOUTS = 10**9
MAX_ENDING_CHARACTERS = 80
"""Maximum characters at the end of a line in which a repetition is looked for."""


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

        >>> losses = RolloutLosses().read_line("ERROR:verl:Error in _run_prompt for uid=7f")
        >>> losses = losses.read_line("ERROR:verl:Error in _run_prompt for uid=7f [repeated 2x across cluster]")
        >>> losses.read_line("Upsampled batch from 26 to 32 with 6 synthetic padding samples for required_multiple=16")
        RolloutLosses(failed=3, padded_share=0.1875)
        """
        if ROLLOUT_LINE.match(line):
            repeated = REPEATED.search(line, max(len(line) - MAX_ENDING_CHARACTERS, 0))
            failed = self.failed + (int(repeated[1]) if repeated else 1)
            return replace(self, failed=min(failed, MAX_FAILED_ROLLOUTS))
        if match := PADDING_LINE.match(line):
            samples, batch, padding = map(int, match.groups())
            return replace(self, padded_share=padding / batch) if 0 < padding == batch - samples else self
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
