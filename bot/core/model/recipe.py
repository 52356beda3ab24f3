"""A recipe: a SkyPilot task that users launch by name, and the parameters that they may set."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

from bot.core.model.accelerators import list_accelerators
from bot.core.model.code_version import CODE_PATTERN
from bot.core.model.finding import FindingAction
from bot.core.model.managed_job import RENT_WORD
from bot.core.model.parameter import Parameter, ParameterKind
from bot.core.model.rollout import OutputFiles
from bot.core.model.valid_names import unknown_name_error
from bot.phrase import N_

Task = Mapping[str, Any]
"""A SkyPilot task as its YAML gives it: mappings, lists, strings, numbers."""


@dataclass(frozen=True, slots=True)
class CheckpointSettings:
    """The place where a recipe writes its checkpoints.

    Attributes:
        variable: the environment variable that names the folder.
        mount: where a bucket or volume is mounted on each node, an absolute path.
        resume: the environment variable that names the checkpoint to resume from, relative to that folder; empty if the
            recipe cannot resume.
    """

    variable: str
    mount: str
    resume: str = ""


@dataclass(frozen=True, slots=True)
class BatchRule:
    """A rule of a recipe's program for its batch.

    Attributes:
        product: names of the parameters whose product is divided.
        multiple: what the product must be a multiple of.
        per_gpu: whether that is for each GPU of the run.
        options: the program's own setting that each parameter sets, which an override may set in its place.
    """

    product: tuple[str, ...]
    multiple: int = 1
    per_gpu: bool = True
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CpuNeed:
    """How many CPUs a recipe's program takes on each node: some, and some for each GPU.

    >>> CpuNeed(9, 3).count(8)
    33
    """

    base: int
    per_gpu: int

    def count(self, gpus: int) -> int:
        """Return the CPUs of a node with so many GPUs."""
        return self.base + self.per_gpu * gpus


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A task, and the metadata that the bot needs for it.

    Attributes:
        name: the name of its file, and what users type.
        title: a few words; description: a sentence or two.
        parameters: what users may set, in the order of the file.
        takes_overrides: whether Hydra overrides may follow.
        program: the module whose settings the overrides must be, such as `verl.trainer.main_ppo`; empty for any.
        takes_code: whether a launch may name a repository, whose files its scripts then find where they run.
        batch_rules: what its program would refuse on the machines.
        cpu_need: how many CPUs its program takes; None where it does not say.
        secrets: names of secrets, each with its purpose; filled in from the bot's environment.
        budget_dollars: the most that a run may spend unless set otherwise.
        lease_hours: how long a run may live unless set otherwise.
        metrics: keys, or beginnings of keys, that the message at the end shows.
        findings_off: names of findings that are meaningless for it.
        finding_actions: what is done about a finding besides posting it, by its name.
        keep_hours: how long a failed run's cluster is kept for a look unless set otherwise; None for the policy's time.
        checkpoints: where they are written, or None if the recipe writes none.
        files: what else its program writes beside them.
        task: the task that SkyPilot runs.
    """

    name: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    takes_overrides: bool
    program: str = ""
    takes_code: bool = False
    batch_rules: tuple[BatchRule, ...] = ()
    cpu_need: CpuNeed | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    budget_dollars: float
    lease_hours: float
    metrics: tuple[str, ...]
    findings_off: tuple[str, ...] = ()
    finding_actions: Mapping[str, FindingAction] = field(default_factory=dict)
    keep_hours: float | None = None
    checkpoints: CheckpointSettings | None
    files: OutputFiles = field(default_factory=OutputFiles)
    task: Task

    def find_parameter(self, name: str) -> Parameter:
        """Return the parameter of this name.

        Raises:
            UserError: the recipe has no such parameter; the hint names those that it has.
        """
        for parameter in self.parameters:
            if parameter.name.replace("-", "_") == name.replace("-", "_"):
                return parameter
        valid = [parameter.name for parameter in self.parameters]
        raise unknown_name_error("parameter", name, valid, owner=self.name)


@dataclass(frozen=True, slots=True)
class Accelerators:
    """The accelerators of one node."""

    name: str
    count: int


def parse_accelerators(task: Task) -> Accelerators | None:
    """Return the accelerators that each node of a task must have; None for none, and if SkyPilot may choose among
    several.

    >>> (parse_accelerators({"resources": {"accelerators": "H100:8"}}),
    ...  parse_accelerators({"resources": {"accelerators": "L4"}}))
    (Accelerators(name='H100', count=8), Accelerators(name='L4', count=1))
    """
    value = (task.get("resources") or {}).get("accelerators")
    if isinstance(value, Mapping) and len(value) == 1:
        name, count = next(iter(value.items()))
        return Accelerators(str(name), ceil(float(count or 1)))
    # SkyPilot may choose among several kinds.
    if not isinstance(value, str) or "," in value:
        return None
    name, _, count = value.partition(":")
    return Accelerators(name.strip(), ceil(float(count or 1)))


def build_common_parameters(
    task: Task,
    checkpoints: CheckpointSettings | None,
    budget_dollars: float,
    lease_hours: float,
    keep_hours: float | None = None,
) -> tuple[Parameter, ...]:
    """Return the parameters of every recipe: where it runs, where its checkpoints go, its budget and its lease."""
    resources = task.get("resources") or {}
    kinds = list_accelerators(resources.get("accelerators"))
    gpus = (replace(GPUS, default=", ".join(kinds)),) if kinds else ()
    cpus = (with_default(CPUS, str(resources["cpus"])),) if resources.get("cpus") else ()
    image = (with_default(IMAGE, resources.get("image_id")),) if resources.get("image_id") else ()
    ports = (PORTS,) if resources.get("ports") else ()
    checkpoint_parameters: tuple[Parameter, ...] = (BUCKET, VOLUME) if checkpoints else ()
    if checkpoints and checkpoints.resume:
        checkpoint_parameters = (*checkpoint_parameters, replace(RESUME, target=f"envs.{checkpoints.resume}"))
    infra = with_default(INFRA, resources.get("infra"))
    managed = (MANAGED, SPOT, CONTROLLER)
    limits = (with_default(BUDGET, f"{budget_dollars:g}"), with_default(LEASE, f"{lease_hours:g}"))
    keep = KEEP if keep_hours is None else with_default(KEEP, f"{keep_hours:g}")
    return (*gpus, *cpus, infra, *image, *ports, *checkpoint_parameters, *managed, *limits, keep, NAME, WHY)


def with_default(parameter: Parameter, value: object) -> Parameter:
    """Return the parameter with the recipe's own value as its default, if that is one word."""
    return replace(parameter, default=value) if isinstance(value, str) else parameter


NONE = "none"
"""The word that a user types to remove a parameter from the task."""


INFRA = Parameter(
    name="infra",
    kind=ParameterKind.TEXT,
    meaning=N_("where to run"),
    target="resources.infra",
    pattern=r"[A-Za-z0-9*][A-Za-z0-9*/_.:@-]*",
    shape=N_("a SkyPilot infra such as `k8s`, `aws/us-east-1` or `slurm`"),
)
GPUS = Parameter(
    name="gpus",
    kind=ParameterKind.TEXT,
    meaning=N_("accelerators of each node"),
    target="resources.accelerators",
    pattern=r"[A-Za-z][A-Za-z0-9-]*(:[1-9]\d{0,2})?",
    shape=N_("a type and a count, such as `H100:8`"),
)
CPUS = Parameter(
    name="cpus",
    kind=ParameterKind.TEXT,
    meaning=N_("CPUs of each node"),
    target="resources.cpus",
    pattern=r"[1-9]\d{0,3}\+?",
    shape=N_("a number such as `32`, or `32+` for at least so many"),
)
IMAGE = Parameter(
    name="image",
    kind=ParameterKind.TEXT,
    meaning=N_("container image to run in"),
    target="resources.image_id",
    pattern=r"none|[A-Za-z0-9][A-Za-z0-9._/:@-]*",
    shape=N_("an image such as `docker:verlai/verl:vllm024.dev2`, or `none` to run without a container"),
    removable=True,
)
PORTS = Parameter(
    name="ports",
    kind=ParameterKind.CHOICE,
    meaning=N_("ports to open to the internet"),
    target="resources.ports",
    choices=(NONE,),
    removable=True,
)
BUCKET = Parameter(
    name="bucket",
    kind=ParameterKind.TEXT,
    meaning=N_("bucket to save checkpoints in"),
    pattern=r"(s3|gs|r2|cos|oci|nebius|https)://[A-Za-z0-9][A-Za-z0-9._/-]*[A-Za-z0-9]",
    shape=N_("an address such as `s3://models/team-a`"),
)
VOLUME = Parameter(
    name="volume",
    kind=ParameterKind.TEXT,
    meaning=N_("volume to save checkpoints in"),
    pattern=r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?",
    shape=N_("the name of a volume, such as `models`"),
)
RESUME = Parameter(
    name="resume_from",
    kind=ParameterKind.TEXT,
    meaning=N_("earlier run on the same volume or bucket to continue from its newest checkpoint"),
    pattern=r"[A-Za-z0-9][A-Za-z0-9_-]*(/global_step_\d{1,9})?",
    shape=N_("a run such as `ppo-7f3a`, or one checkpoint of it, `ppo-7f3a/global_step_40`"),
)
CODE = Parameter(
    name="code",
    kind=ParameterKind.TEXT,
    meaning=N_("your team's own code, at the commit that the branch or tag has at the launch"),
    pattern=CODE_PATTERN,
    shape=N_("a repository such as `acme/rl`, or a branch, tag or whole commit of it, `acme/rl@main`"),
)
MANAGED = Parameter(
    name="managed",
    kind=ParameterKind.FLAG,
    meaning=N_("restart automatically if machines are lost"),
    target="_metadata.verlbot.managed",
    default="false",
)
SPOT = Parameter(
    name="spot",
    kind=ParameterKind.FLAG,
    meaning=N_("use cheaper machines that the provider can reclaim; needs `managed=true`"),
    target="resources.use_spot",
    default="false",
)
CONTROLLER = Parameter(
    name="controller",
    kind=ParameterKind.CHOICE,
    meaning=N_("allow renting a controller machine for managed jobs"),
    target="_metadata.verlbot.controller",
    choices=(RENT_WORD,),
)
KEEP = Parameter(
    name="keep",
    kind=ParameterKind.NUMBER,
    meaning=N_("how long to keep the cluster of a failed run, so that you can look at it"),
    minimum=0,
    maximum=24,
    unit=N_("hours"),
)
NAME = Parameter(
    name="name",
    kind=ParameterKind.TEXT,
    meaning=N_("a short note that tells the run from others of its recipe"),
    pattern=r".{1,40}",
    shape=N_("up to 40 characters, in quotes where it has spaces"),
)
WHY = Parameter(
    name="why",
    kind=ParameterKind.TEXT,
    meaning=N_("reason for the launch, for approvers and the audit"),
    pattern=r".{1,200}",
    shape=N_("up to 200 characters, in quotes if it has spaces"),
)
BUDGET = Parameter(
    name="budget",
    kind=ParameterKind.NUMBER,
    meaning=N_("maximum cost of the run"),
    minimum=0.01,
    maximum=1_000_000,
    unit=N_("dollars"),
)
LEASE = Parameter(
    name="lease",
    kind=ParameterKind.NUMBER,
    meaning=N_("maximum time that the run may take"),
    minimum=0.01,
    maximum=24 * 90,
    unit=N_("hours"),
)
