"""Samples of what a model answered in a step, and the files of a run that hold them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bot.core.model.checkpoint_paths import CheckpointRef
from bot.phrase import Text

MAX_SAMPLES = 20
"""Maximum samples of one answer: of more, each would be cut to a few lines."""

MAX_SAMPLE_BYTES = 196_608
"""Maximum bytes of samples that leave a node at once; with what a login prints, less than 256 KB."""


MAX_RECORDED_CHARACTERS = 1_500
"""Maximum characters of a text that a run's record keeps of a finding's samples."""

MAX_FINDING_SAMPLES = 3
"""Samples that a finding shows, and findings of a run that show some."""


class SampleOrder(StrEnum):
    """Which samples of a step are shown."""

    BEST = "best"
    WORST = "worst"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class OutputFiles:
    """The files that a recipe's program writes into a run's own folder, beside its checkpoints.

    Attributes:
        samples, validation_samples: the folders with a file of samples for each step; empty for none.
        metrics: the beginning of the names of its files of metrics, one JSON document a line; empty for none.
        save_request: the file that asks it, by being there, to save a checkpoint when the running step ends; empty
            where it does not look for one.
    """

    samples: str = ""
    validation_samples: str = ""
    metrics: str = ""
    save_request: str = ""

    def get_samples_folder(self, is_validation: bool) -> str:
        """Return the folder of the samples of training or of validation; empty for none."""
        return self.validation_samples if is_validation else self.samples


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder below a run's own folder.

    Attributes:
        location: its path, the same on each node.
        store: the bucket or volume that it is in, in words; None for the disks of the cluster.
    """

    location: CheckpointRef
    store: str | None = None


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """Which samples of a step a person wants.

    Attributes:
        step: None for the newest one.
        seed: of the random choice; the same seed gives the same samples.
    """

    step: int | None = None
    order: SampleOrder = SampleOrder.RANDOM
    count: int = 5
    seed: int = 0


@dataclass(frozen=True, slots=True)
class RolloutSample:
    """One prompt with the model's answer.

    Attributes:
        number: its place in the step's file, from 1.
        score: None if it has none, or one that is no number.
        truth: the expected answer; empty if the file names none.
        tool_calls: the tools that the answer calls, in order; a call without a readable name is empty.
        details: what else the file says of it, by key.
        is_cut: whether its texts are cut, each in its middle.
    """

    number: int
    prompt: str
    answer: str
    score: float | None = None
    truth: str = ""
    tool_calls: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class ScoreSpread:
    """The scores of all samples of a step that have one."""

    count: int
    low: float
    mean: float
    high: float


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """Samples of one step.

    Attributes:
        step: None where the requested step has no file, or where there is no file at all.
        steps: the steps that have a file, the newest ones, in order.
        total: how many samples the step's file has, of the part that was read.
        read_share: the share of the file that was read in time, from 0 to 1.
        scores: None if no sample has a score.
    """

    step: int | None = None
    steps: tuple[int, ...] = ()
    total: int = 0
    read_share: float = 1.0
    scores: ScoreSpread | None = None
    samples: tuple[RolloutSample, ...] = ()


@dataclass(frozen=True, slots=True)
class FindingSamples:
    """Samples that a finding shows beside its numbers.

    Attributes:
        finding: its name; since_step: the first step that showed it.
        batch: None where none could be read.
    """

    finding: str
    since_step: int
    order: SampleOrder
    batch: SampleBatch | None = None


def shorten_batch(batch: SampleBatch, max_characters: int = MAX_RECORDED_CHARACTERS) -> SampleBatch:
    """Return the samples with short texts, as a run's record keeps them."""
    return replace(batch, steps=(), samples=tuple(shorten_sample(sample, max_characters) for sample in batch.samples))


def shorten_sample(sample: RolloutSample, max_characters: int) -> RolloutSample:
    """Return a sample with the beginning and the end of its long texts."""
    prompt, answer, truth = (shorten(text, max_characters) for text in (sample.prompt, sample.answer, sample.truth))
    is_cut = sample.is_cut or (prompt, answer) != (sample.prompt, sample.answer)
    return replace(sample, prompt=prompt, answer=answer, truth=truth, details={}, is_cut=is_cut)


def shorten(text: str, max_characters: int) -> str:
    """Return the beginning and the end of a text.

    >>> shorten("0123456789", 6), shorten("0123", 6)
    ('012\\n[…]\\n789', '0123')
    """
    half = max_characters // 2
    return text if len(text) <= max_characters else f"{text[:half]}\n[…]\n{text[-half:]}"


@dataclass(frozen=True, slots=True)
class FilePosition:
    """Where the next read of a run's file of metrics begins.

    Attributes:
        name: the file; empty before the first read.
        identity: tells the file from a later one of the same name.
        offset: bytes that were read.
    """

    name: str = ""
    identity: str = ""
    offset: int = 0


@dataclass(frozen=True, slots=True)
class FilePart:
    """New complete lines of a run's file of metrics.

    Attributes:
        position: after them.
        has_more: whether more complete lines follow.
    """

    position: FilePosition
    text: str = ""
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class MetricsOrigin:
    """Where a run's metrics were read last.

    Attributes:
        file: the name of its file of metrics; empty where the console counts.
        why: why the console counts; empty where the file does.
    """

    file: str = ""
    why: Text = ""
