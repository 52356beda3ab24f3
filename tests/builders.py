"""Values with sensible defaults, so that a test names only what it is about."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.core.model.cluster import ClusterState, Ending, JobState, Observation, RequestState
from bot.core.model.cluster_requests import LaunchRequests, TeardownRequests
from bot.core.model.money import Rate, Spending
from bot.core.model.observed_cluster import ObservedCluster
from bot.core.model.parameter import Parameter, ParameterKind
from bot.core.model.people import MEMBERS, Grants, Role
from bot.core.model.recipe import CheckpointSettings, Recipe, build_common_parameters
from bot.core.model.run import Run
from bot.core.model.run_limits import RunLimits
from bot.core.model.run_plan import RunPlan
from bot.core.model.run_requests import RunRequests
from bot.core.model.run_state import RunStatus
from bot.core.model.sent_message import RunMessages
from bot.core.model.training_state import TrainingState
from bot.errors import UserError

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def approvers(*people: str, admins: tuple[str, ...] = ()) -> Grants:
    """Roles in which every member launches, and these people approve."""
    return Grants(holders_by_role={Role.LAUNCHER: (MEMBERS,), Role.APPROVER: people, Role.ADMIN: admins})


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


PARTS: dict[str, Any] = {
    "plan": RunPlan,
    "limits": RunLimits,
    "requests": RunRequests,
    "launch": LaunchRequests,
    "observed": ObservedCluster,
    "training": TrainingState,
    "spending": Spending,
    "teardown": TeardownRequests,
    "messages": RunMessages,
}
"""The records that a run is made of, the first that has a field of a name before the others."""

PLACES = {field.name: (part, field.name) for part, kind in reversed(PARTS.items()) for field in fields(kind)} | {
    "infra": ("observed", "infra"),
    "autostop_minutes": ("observed", "autostop_minutes"),
    "requested_autostop_minutes": ("plan", "autostop_minutes"),
    "limit_changes": ("limits", "changes"),
    "launch_requested_at": ("launch", "requested_at"),
    "first_launch_requested_at": ("launch", "first_requested_at"),
    "launch_attempts": ("launch", "attempts"),
    "teardown_requested_at": ("teardown", "requested_at"),
    "teardown_error": ("teardown", "last_error"),
    "teardown_overdue_since": ("teardown", "overdue_since"),
    "sent_messages": ("messages", "sent"),
}
"""Where a run has what a test names: the record and its field. Some need a longer name than the field has."""


def change_run(run: Run, **changes: Any) -> Run:
    """Return the run with other values, each by its name alone, in whichever of its records it is."""
    parts: dict[str, dict[str, Any]] = {}
    for name in [name for name in changes if name in PLACES]:
        part, own = PLACES[name]
        parts.setdefault(part, {})[own] = changes.pop(name)
    run = replace(run, **changes)
    return replace(run, **{part: replace(getattr(run, part), **own) for part, own in parts.items()})


def a_run(**changes: Any) -> Run:
    """A run that waits to be launched; what is changed is named as `change_run` names it."""
    run = Run(
        id="ppo-7f3a",
        recipe="ppo",
        command_line="launch ppo nodes=2",
        requester="U0ANA",
        channel="C0TRAIN",
        created_at=NOON,
        plan=RunPlan(nodes=2, task_hash="0" * 64, takes_overrides=True),
        limits=RunLimits(budget_dollars=100.0, lease=timedelta(hours=12)),
        spending=Spending(rate=Rate(4.0, "demo price")),
    )
    return change_run(run, **changes)


def launching(**changes: Any) -> Run:
    """Asked for at noon."""
    asked = {
        "status": RunStatus.LAUNCHING,
        "launch_requested_at": NOON,
        "first_launch_requested_at": NOON,
        "launch_attempts": 1,
    }
    return a_run(**asked | changes)


def running(**changes: Any) -> Run:
    """Asked for at noon, and its job seen to run."""
    seen = {"job": JobState.RUNNING, "job_id": 1, "running_at": NOON, "infra": "this machine"}
    return launching(**{"status": RunStatus.RUNNING} | seen | changes)


def up(job: JobState | None = JobState.RUNNING, **changes: Any) -> Observation:
    """A cluster that stands, with its job."""
    defaults: dict[str, Any] = {"request": RequestState.SUCCEEDED, "cluster": ClusterState.UP, "job": job}
    return Observation(**defaults | ({"job_id": 1, "infra": "this machine"} if job else {}) | changes)


NOTHING = Observation()
PROVISIONING = Observation(request=RequestState.LIVE)
GONE = Observation(ending=Ending.DOWNED)


def a_recipe(**changes: Any) -> Recipe:
    """A recipe with a parameter of each kind, overrides and checkpoints."""
    task: dict[str, Any] = {
        "name": "toy",
        "num_nodes": 1,
        "envs": {"EPOCHS": "2", "LEARNING_RATE": "0.1", "MODEL": "small", "MODE": "fast", "DEBUG": "false"},
        "resources": {"accelerators": "H100:1"},
        "run": 'python3 train.py "$@"',
    }
    checkpoints = CheckpointSettings("CHECKPOINT_DIR", "/checkpoints")
    defaults: dict[str, Any] = {
        "name": "toy",
        "title": "Toy",
        "description": "A recipe for tests.",
        "parameters": (
            Parameter(
                name="nodes",
                kind=ParameterKind.INTEGER,
                meaning="number of machines",
                target="num_nodes",
                default="1",
                minimum=1,
                maximum=8,
            ),
            Parameter(
                name="epochs",
                kind=ParameterKind.INTEGER,
                meaning="passes",
                target="envs.EPOCHS",
                default="2",
                minimum=1,
            ),
            Parameter(
                name="learning_rate",
                kind=ParameterKind.NUMBER,
                meaning="step size",
                target="envs.LEARNING_RATE",
                default="0.1",
                minimum=0,
                maximum=10,
            ),
            Parameter(
                name="model", kind=ParameterKind.TEXT, meaning="what is trained", target="envs.MODEL", default="small"
            ),
            Parameter(
                name="mode",
                kind=ParameterKind.CHOICE,
                meaning="how",
                target="envs.MODE",
                default="fast",
                choices=("fast", "slow"),
            ),
            Parameter(name="debug", kind=ParameterKind.FLAG, meaning="say more", target="envs.DEBUG", default="false"),
            *build_common_parameters(task, checkpoints, 50.0, 6.0),
        ),
        "takes_overrides": True,
        "secrets": {"WANDB_API_KEY": "for W&B"},
        "budget_dollars": 50.0,
        "lease_hours": 6.0,
        "metrics": ("critic/rewards/mean",),
        "checkpoints": checkpoints,
        "task": task,
    }
    return Recipe(**defaults | changes)


def refusal_of(action: Callable[[], object]) -> UserError | None:
    """The refusal that an action meets, or None where it is taken."""
    try:
        action()
    except UserError as refusal:
        return refusal
    return None
