"""What a run was approved to be, which never changes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from bot.core.model.code_version import CodeVersion
from bot.core.model.finding import FindingAction
from bot.core.model.launch_plan import LaunchPlan, Safeguard
from bot.core.model.policy import UNRESTRICTED
from bot.core.model.rollout import OutputFiles
from bot.phrase import Text


@dataclass(frozen=True, slots=True)
class OptionParameter:
    """A parameter of a run's recipe that sets an option of the framework.

    Attributes:
        option: the framework's own name; parameter: the recipe's.
        value: what it was set to, or else the recipe's default.
        minimum, maximum: the range of its numbers, both ends included.
    """

    option: str
    parameter: str
    value: str
    minimum: float | None = None
    maximum: float | None = None


def list_option_parameters(plan: LaunchPlan) -> tuple[OptionParameter, ...]:
    """Return the parameters of a launch that set options of the framework, with the values that count."""
    typed = dict(plan.parameters)
    return tuple(
        OptionParameter(one.option, one.name, typed.get(one.name, one.default).strip(), one.minimum, one.maximum)
        for one in plan.recipe.parameters
        if one.option
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What was approved. It never changes.

    Attributes:
        nodes, gpus, infra: as requested.
        image: the container image that it runs in; empty for the machine as it is.
        task_hash: of the exact task.
        checkpoint_store: the bucket or volume that outlives the cluster; checkpoints_ephemeral: checkpoints have no
            such store.
        checkpoint_folder: the folder of its checkpoints on each node, as its task names it; empty if it has none.
        files: what else its program writes beside them.
        resumes: whether its recipe can resume from a checkpoint of another run.
        missing_safeguards: the safeguards that it runs without.
        warnings: what was doubtful about its settings when it was launched.
        metrics: beginnings of the metric keys that the end shows; secrets: names of those that the task gets.
        autostop_minutes: idle minutes that its task requests, or None.
        managed: whether it is a managed job of SkyPilot's.
        finding_actions: what the recipe does about findings, by their names; nothing about the others.
        keep_on_failure: how long its cluster is kept for a look after its job has failed; zero for not at all.
        takes_overrides: whether its recipe takes settings of the framework; program: the module of the framework's
            whose settings those are; option_parameters: the parameters of its recipe that set some of them.
        lease_warnings: times before the end of its lease at which a warning is sent.
        code: the commit of the repository in which its scripts run; None for none.
    """

    nodes: int
    image: str = ""
    gpus: str = ""
    infra: str = ""
    task_hash: str
    checkpoint_store: str | None = None
    checkpoints_ephemeral: bool = False
    checkpoint_folder: str = ""
    files: OutputFiles = field(default_factory=OutputFiles)
    resumes: bool = False
    missing_safeguards: tuple[Safeguard, ...] = ()
    warnings: tuple[Text, ...] = ()
    metrics: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    autostop_minutes: int | None = None
    managed: bool = False
    finding_actions: Mapping[str, FindingAction] = field(default_factory=dict)
    keep_on_failure: timedelta = timedelta()
    takes_overrides: bool = False
    program: str = ""
    option_parameters: tuple[OptionParameter, ...] = ()
    lease_warnings: tuple[timedelta, ...] = UNRESTRICTED.lease_warnings
    code: CodeVersion | None = None
