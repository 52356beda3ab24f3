"""Lines of verl's log, one after the other: which of them report a step, a validation or another event."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from bot.core.frameworks.verl.log_blocks import STEP_HEADING, MetricsBlock, parse_block
from bot.core.frameworks.verl.log_grammar import (
    MIN_VERL_KEYS,
    VALIDATION_METRICS_LINE,
    find_step,
    parse_bar,
    parse_event,
    parse_json_metrics,
    parse_pairs,
    select_verl_keys,
)
from bot.core.frameworks.verl.metric_keys import VERL_KEYS, count_family_keys, is_own_line
from bot.core.frameworks.verl.rollout_losses import NO_LOSSES, PADDING_MARK, ROLLOUT_MARK, RolloutLosses
from bot.core.frameworks.verl.step_layout import StepLayouts, is_prefix
from bot.core.model.log_text import strip_prefixes
from bot.core.model.metrics import LogEvent, ProgressBar, StepMetrics, TotalSteps, TrainingResumed

FIRST_STEPS = (0, 1)
"""Steps with which a program begins."""

MAX_LATE_STEPS = 8
"""Maximum steps by which a validation may come late: the fully asynchronous trainer logs it once it is done."""

MIN_UNQUOTED_KEYS = 16
"""Minimum keys of verl's on a line by which it is a step's and no answer's, where a sample has begun and its end was
not printed."""

REMEMBERED_KEYS = 256
"""Maximum keys of a row that are remembered to recognise the run's later rows; verl has about eighty."""


PLAIN_BAR = re.compile(
    r"(?:Training Progress|Epoch (?P<epoch>\d{1,9})/(?P<epochs>\d{1,9})): {0,3}\d{1,3}%\|[█▉▊▋▌▍▎▏# \d]{0,200}\|"
    r" {0,9}(?P<done>\d{1,9})/(?P<total>\d{1,9}) \[[\d:]{1,20}<[\d:?]{1,20},"
    r" {0,9}(?P<rate>\d{1,9}(?:\.\d{1,9})?)(?P<unit>s/it|it/s)\]"
)
"""Matches a bar of verl's and nothing else. It has no letter that could belong to another event."""


@dataclass(slots=True)
class LineParser:
    """The state while the lines of one piece of a log are parsed.

    Attributes:
        at: Unix seconds of now, for the rows.
        block, sampling, step, keys, unfamiliar_keys, other_keys, losses: as in `LogParser`.
        layouts: of the step lines so far.
        events: of the lines so far.
    """

    at: float
    block: MetricsBlock
    sampling: bool
    step: int | None
    keys: tuple[str, ...]
    unfamiliar_keys: tuple[str, ...]
    other_keys: tuple[str, ...]
    losses: RolloutLosses = NO_LOSSES
    layouts: StepLayouts = field(default_factory=StepLayouts)
    events: list[LogEvent] = field(default_factory=list)

    def parse_line(self, raw: str) -> None:
        """Parse one complete line, and append its events."""
        if self.block:
            self._parse_stripped(strip_prefixes(raw))
        elif usual := self.layouts.parse_line(raw):
            self._take_row(StepMetrics(*usual, self.at))
        elif not self.sampling and (bar := parse_plain_bar(raw)):
            self.events.append(bar)
        else:
            self._parse_stripped(strip_prefixes(raw))

    def _parse_stripped(self, line: str) -> None:
        """Parse a line without prefixes."""
        if self.block and not self._ends_block(line):
            return
        if line.startswith(("[prompt]", "[response]")):
            self.sampling = True
        elif line.startswith(("[score]", "[ground_truth]")):
            self.sampling = False
        elif row := self._parse_row(line):
            self._take_row(row)
        # A model's answer may look like any other line.
        elif not self.sampling:
            self._parse_other(line)

    def _parse_other(self, line: str) -> None:
        """Parse a line that is neither a step's nor part of an answer."""
        if line.startswith("Step ") and STEP_HEADING.fullmatch(line.rstrip()):
            self.block.begin(line.rstrip())
        elif "alidation metrics: " in line and (metrics_match := VALIDATION_METRICS_LINE.search(line)):
            self.block.begin()
            self._ends_block(metrics_match[1])
        elif ROLLOUT_MARK in line or PADDING_MARK in line:
            self.losses = self.losses.read_line(line)
        elif event := parse_event(line):
            self.events.append(event)
            if isinstance(event, TrainingResumed):
                self.step, self.keys, self.other_keys, self.losses = event.step, (), (), NO_LOSSES

    def _ends_block(self, line: str) -> bool:
        """Add a line to metrics in braces. Return whether it is not part of them, and still has to be parsed."""
        if find_step(line) or self.block.is_foreign(line):  # another line interrupts the block
            self.block.end()
            return True
        if (text := self.block.add_line(line)) and (row := parse_block(text, self.step or 0, self.at)):
            self.events.append(row)
        return False

    def _parse_row(self, line: str) -> StepMetrics | None:
        if line.startswith('{"step"'):
            row = parse_json_metrics(line, self.at)
        elif step_match := find_step(line):
            row = StepMetrics(int(step_match[1]), VERL_KEYS.limit(parse_pairs(step_match[2])), self.at)
        else:
            return None
        return row if row and row.values else None

    def _take_row(self, row: StepMetrics) -> None:
        """Append a row, if the run prints such rows."""
        keys = tuple(row.values)
        # Nearly every row has the keys of the one before, and costs no more than these comparisons.
        if keys == self.keys or (keys == self.other_keys and not self.sampling and VERL_KEYS.is_training_step(row)):
            self.step = row.step
        elif self._belongs_to_run(row):
            self._record_row(row, keys)
        else:
            self.unfamiliar_keys = keys[:REMEMBERED_KEYS]
            return
        self.events.append(self.losses.add_to(row))
        self.unfamiliar_keys, self.sampling = (), False
        # Those of a validation before the first step are no step's; later on a step's row comes after the others.
        if self.losses is not NO_LOSSES and (VERL_KEYS.is_training_step(row) or not self.keys):
            self.losses = NO_LOSSES

    def _belongs_to_run(self, row: StepMetrics) -> bool:
        """Return whether the run prints such rows: the model's answer may look like one."""
        if self.keys and shares_keys(row, self.keys):
            return True
        count = count_family_keys(row.values)
        # Before a run has shown its keys, nothing but their number tells its step from an answer.
        if self.sampling:
            return not self.keys and count >= MIN_UNQUOTED_KEYS
        if self.other_keys and shares_keys(row, self.other_keys):
            return True
        if not VERL_KEYS.is_training_step(row):
            return self.step is None or self.step - MAX_LATE_STEPS <= row.step <= self.step + 1
        if not self.keys:
            return True
        return self._is_plausible(row, count) or self._is_new_program(row)

    def _is_plausible(self, row: StepMetrics, family_count: int) -> bool:
        """Return whether a row of a kind that the run has not printed before is verl's, by its keys and its step."""
        is_next = self.step is None or row.step in (self.step, self.step + 1)
        if family_count >= MIN_VERL_KEYS:
            return is_next or row.step in FIRST_STEPS
        return is_next and is_own_line(row.values)

    def _is_new_program(self, row: StepMetrics) -> bool:
        """Return whether another program has started to train in the same job: it printed two lines of its own in
        succession.
        """
        return (
            len(select_verl_keys(row.values)) >= MIN_VERL_KEYS
            and bool(self.unfamiliar_keys)
            and shares_keys(row, self.unfamiliar_keys)
        )

    def _record_row(self, row: StepMetrics, row_keys: tuple[str, ...]) -> None:
        """Record the step and the keys of a row whose keys are not those of the row before."""
        is_earlier = self.step is not None and row.step < self.step
        if not is_earlier or VERL_KEYS.is_training_step(row):
            self.step = row.step
        # Validation keys are left out, because not every row has them.
        keys = drop_validation_keys(row_keys)
        if not keys or keys in (self.keys, self.other_keys):
            return
        if not self.keys or shares_keys(row, self.keys):
            self.keys = keys
        elif len(keys) > len(self.keys) and not (self.other_keys and shares_keys(row, self.other_keys)):
            self.keys, self.other_keys = keys, self.keys
        else:
            self.other_keys = keys


def parse_plain_bar(raw: str) -> TotalSteps | ProgressBar | None:
    r"""Return what a bar of verl's shows, on a line with only prefixes before it; None for any other line.

    Nearly every second line of a log is one. What this returns, the general parser returns too.

    >>> parse_plain_bar("\x1b[36m(TaskRunner pid=8)\x1b[0m Training Progress: 1%|█| 5/435 [1:00<1:00, 82.43s/it]")
    ProgressBar(steps_done=5, total_steps=435, seconds_per_step=82.43, is_estimate=False)
    """
    start = max(raw.find("Training Progress:"), raw.find("Epoch "))
    if start < 0 or (bar := PLAIN_BAR.fullmatch(raw, start)) is None or not is_prefix(raw[:start]):
        return None
    return parse_bar(bar)


def shares_keys(row: StepMetrics, keys: Sequence[str]) -> bool:
    """Return whether a row has half of these keys."""
    return 2 * sum(map(row.values.__contains__, keys)) >= len(keys)


def drop_validation_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys that are remembered of a row: those of no validation."""
    return drop_from_usual_row(keys) if len(keys) <= REMEMBERED_KEYS else select_training_keys(keys)


@lru_cache(32)
def drop_from_usual_row(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the same for a row of a usual size; the last ones are cached."""
    return select_training_keys(keys)


def select_training_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for key in keys if not VERL_KEYS.is_validation(key))[:REMEMBERED_KEYS]
