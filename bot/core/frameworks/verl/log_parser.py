"""verl's log parser: from text in pieces of any size to events, that is steps with their metrics, totals, paces and
checkpoints.

verl prints one line a step, `step:12 - key:value - …`, behind the prefixes of Ray and SkyPilot, between tqdm's bars,
and sometimes joined to the text of another process. It also prints the model's answers, and they may look like
anything. So a line counts as a step only if the whole grammar matches, its keys are verl's or those that the run
prints, and its step follows the last one. The fully asynchronous trainer prints several kinds of line a step.
"""

from dataclasses import dataclass, replace
from typing import Self

from bot.core.frameworks.verl.line_parser import LineParser
from bot.core.frameworks.verl.line_scanner import LineScanner
from bot.core.frameworks.verl.log_blocks import MetricsBlock
from bot.core.frameworks.verl.rollout_losses import NO_LOSSES, RolloutLosses
from bot.core.model.metrics import LogEvent
from bot.core.model.split_lines import is_of_container, join_split_lines

MAX_LINE_CHARACTERS = 1_048_576 + 4_096
"""Maximum characters of a line: a megabyte and the prefixes. Most of verl's lines have some thousands, but 14
validation sources with 32 answers each print 136 KB."""


@dataclass(frozen=True, slots=True)
class LogParser:
    """The state of the parser between two pieces of a log.

    However a log is cut into pieces, the events are the same.

    Attributes:
        partial_line: half a line, whose other half comes with the next piece.
        block: metrics that are spread over several lines, and whose end has not come yet.
        sampling: whether the lines are the model's answers.
        step: of the last row, or of the checkpoint that the training resumed from.
        keys: of the last row of the longest kind that the run prints, without validations.
        other_keys: of the last row of another kind.
        unfamiliar_keys: keys of a line that looked like a row but did not belong to the run.
        losses: rollouts that failed since the last row.
    """

    partial_line: str = ""
    block: str = ""
    sampling: bool = False
    step: int | None = None
    keys: tuple[str, ...] = ()
    unfamiliar_keys: tuple[str, ...] = ()
    other_keys: tuple[str, ...] = ()
    losses: RolloutLosses = NO_LOSSES

    def parse(self, text: str, at: float = 0.0) -> tuple[Self, list[LogEvent]]:
        r"""Return the parser for the next piece, and the events of all lines that this piece completes.

        Args:
            at: Unix seconds of now, for the rows.

        >>> reader, facts = LogParser().parse("step:1 - critic/rewards/mean:0.5\nstep:2 - critic/rew")
        >>> facts
        [StepMetrics(step=1, values={'critic/rewards/mean': 0.5}, at=0.0)]
        >>> reader.parse("ards/mean:np.float64(0.75)\n")[1]
        [StepMetrics(step=2, values={'critic/rewards/mean': 0.75}, at=0.0)]
        """
        text = self.partial_line + text
        end = max(text.rfind("\n"), text.rfind("\r")) + 1
        # Of a line that is too long to be verl's, only enough is kept that it is still too long.
        rest = text[end : end + MAX_LINE_CHARACTERS + 1]
        if is_of_container(text):
            complete = text[: text.rfind("\n") + 1]
            joined, parts = join_split_lines(complete)
            rest = (parts + text[len(complete) :])[: MAX_LINE_CHARACTERS + 1]
            text, end = joined, len(joined)
        lines, block = LineScanner(text, end), MetricsBlock(self.block)
        parser = LineParser(
            at, block, self.sampling, self.step, self.keys, self.unfamiliar_keys, self.other_keys, self.losses
        )
        while line := lines.next_line() if block else lines.next_marked_line():
            if len(line) <= MAX_LINE_CHARACTERS:
                parser.parse_line(line)
        return replace(
            self,
            partial_line=rest,
            block=block.text,
            sampling=parser.sampling,
            step=parser.step,
            keys=parser.keys,
            unfamiliar_keys=parser.unfamiliar_keys,
            other_keys=parser.other_keys,
            losses=parser.losses,
        ), parser.events

    def interrupt(self) -> Self:
        """Return the parser without any unfinished line or block, because lines are missing."""
        return replace(self, partial_line="", block="", sampling=False)

    def resume_at(self, step: int) -> Self:
        """Return the parser after a step that the record has already."""
        return replace(self, step=step)

    def finish(self, at: float = 0.0) -> tuple[Self, list[LogEvent]]:
        """Return the events of the last line, because no further text will complete it."""
        return self.parse("\n", at) if self.partial_line else (self, [])
