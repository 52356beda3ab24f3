"""What a recipe's file may hold, as far as the bot reads it. SkyPilot checks the rest of the task."""

from typing import Annotated, Any, Literal

import msgspec

from bot.core.model.checkpoint_paths import SAFE_PATH_PART
from bot.core.model.finding import FindingAction
from bot.core.model.parameter import ParameterKind
from bot.core.model.rollout import OutputFiles


class ParameterYaml(msgspec.Struct, forbid_unknown_fields=True):
    """One entry under `_metadata.verlbot.parameters`; the fields are those of `Parameter`."""

    type: ParameterKind
    meaning: str
    sets: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: list[str] = []
    pattern: str | None = None
    shape: str = ""
    unit: str = ""
    option: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_.]+$", max_length=200)] = ""


class CheckpointsYaml(msgspec.Struct, forbid_unknown_fields=True):
    """Where a recipe writes its checkpoints, and how it resumes from one."""

    variable: str
    mount: str
    resume: str = ""


FileName = Annotated[str, msgspec.Meta(pattern=rf"^{SAFE_PATH_PART.pattern}$", max_length=100)]


class OutputFilesYaml(msgspec.Struct, forbid_unknown_fields=True):
    """The files in a run's own folder; the fields are those of `OutputFiles`."""

    samples: FileName | None = None
    validation_samples: FileName | None = None
    metrics: FileName | None = None
    save_request: FileName | None = None

    def to_model(self) -> OutputFiles:
        """Return the files as the core knows them."""
        return OutputFiles(**{field: name or "" for field, name in msgspec.structs.asdict(self).items()})


class BatchRuleYaml(msgspec.Struct, forbid_unknown_fields=True):
    """A rule for a batch; the fields are those of `BatchRule`."""

    product: Annotated[list[str], msgspec.Meta(min_length=1, max_length=4)]
    multiple: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    per_gpu: bool = True
    options: dict[str, str] = {}


class ResourceOptionYaml(msgspec.Struct):
    """The part of one option of a task's resources that the bot reads; SkyPilot chooses among the options."""

    infra: str | None = None
    cloud: str | None = None
    accelerators: str | dict[str, float | None] | list[str] | None = None

    def list_accelerators(self) -> list[str]:
        """Return the accelerators that are written as text, one each."""
        written = self.accelerators
        return written.split(",") if isinstance(written, str) else written if isinstance(written, list) else []


class ResourcesYaml(ResourceOptionYaml):
    """The part of a task's resources that the bot reads."""

    any_of: list[ResourceOptionYaml] | None = None
    ordered: list[ResourceOptionYaml] | None = None


class TaskYaml(msgspec.Struct):
    """The part of a task that the bot itself reads or writes; SkyPilot checks the rest."""

    num_nodes: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None
    resources: ResourcesYaml | None = None
    envs: dict[str, str | int | float | bool | None] | None = None
    secrets: dict[str, str | int | float | bool | None] | None = None
    setup: str | None = None
    run: str | None = None
    file_mounts: dict[str, Any] | None = None
    volumes: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = msgspec.field(default=None, name="_metadata")


class CpuNeedYaml(msgspec.Struct, forbid_unknown_fields=True):
    """How many CPUs a node needs; the fields are those of `CpuNeed`."""

    base: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    per_gpu: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 0


BudgetDollars = Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
LeaseHours = Annotated[float, msgspec.Meta(gt=0, le=24 * 90)]


class MetadataYaml(msgspec.Struct, forbid_unknown_fields=True):
    """The mapping under `_metadata.verlbot`; the fields are those of `Recipe`."""

    title: str
    description: str
    budget_dollars: BudgetDollars
    lease_hours: LeaseHours
    metrics: list[str]
    findings_off: list[str] = []
    finding_actions: dict[str, FindingAction] = {}
    keep_hours: Annotated[float, msgspec.Meta(ge=0, le=24)] | None = None
    parameters: dict[str, ParameterYaml] = {}
    overrides: bool | Literal["verl", "verl-sft"] = False
    code: bool = False
    batches: list[BatchRuleYaml] = []
    cpus: CpuNeedYaml | None = None
    secrets: dict[str, str] = {}
    checkpoints: CheckpointsYaml | None = None
    files: OutputFilesYaml | None = None
