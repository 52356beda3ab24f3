"""Values with sensible defaults, so that a test names only what it is about."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.core.money import Rate
from bot.core.parameter import Kind, Parameter
from bot.core.recipe import Checkpoints, Recipe, common_parameters
from bot.core.roles import MEMBERS, Grants, Role
from bot.core.run import Run
from bot.core.seen import Cluster, Ending, Job, Request, Seen
from bot.core.status import Status
from bot.errors import UserError

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def approvers(*people: str, admins: tuple[str, ...] = ()) -> Grants:
    """Roles in which every member launches, and these people approve."""
    return Grants(given={Role.LAUNCHER: (MEMBERS,), Role.APPROVER: people, Role.ADMIN: admins})


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def a_run(**changes: Any) -> Run:
    defaults: dict[str, Any] = {
        "id": "ppo-7f3a",
        "recipe": "ppo",
        "line": "launch ppo nodes=2",
        "requester": "U0ANA",
        "channel": "C0TRAIN",
        "created_at": NOON,
        "nodes": 2,
        "task_hash": "0" * 64,
        "budget_dollars": 100.0,
        "lease": timedelta(hours=12),
        "rate": Rate(4.0, "a pretended price"),
    }
    return Run(**defaults | changes)


def launching(**changes: Any) -> Run:
    """Asked for at noon."""
    asked = {"status": Status.LAUNCHING, "asked_at": NOON, "first_asked_at": NOON, "asks": 1}
    return a_run(**asked | changes)


def running(**changes: Any) -> Run:
    """Asked for at noon, and its job seen to run."""
    seen = {"job": Job.RUNNING, "job_id": 1, "running_at": NOON, "infra": "this machine"}
    return launching(**{"status": Status.RUNNING} | seen | changes)


def up(job: Job | None = Job.RUNNING, **changes: Any) -> Seen:
    """A cluster that stands, with its job."""
    defaults: dict[str, Any] = {"request": Request.SUCCEEDED, "cluster": Cluster.UP, "job": job}
    return Seen(**defaults | ({"job_id": 1, "infra": "this machine"} if job else {}) | changes)


NOTHING = Seen()
PROVISIONING = Seen(request=Request.LIVE)
GONE = Seen(ending=Ending.DOWNED)


def a_recipe(**changes: Any) -> Recipe:
    """A recipe with a parameter of each kind, overrides and checkpoints."""
    task: dict[str, Any] = {
        "name": "toy",
        "num_nodes": 1,
        "envs": {"EPOCHS": "2", "LEARNING_RATE": "0.1", "MODEL": "small", "MODE": "fast", "DEBUG": "false"},
        "resources": {"accelerators": "H100:1"},
        "run": 'python3 train.py "$@"',
    }
    checkpoints = Checkpoints("CHECKPOINT_DIR", "/checkpoints")
    defaults: dict[str, Any] = {
        "name": "toy",
        "title": "Toy",
        "description": "A recipe for tests.",
        "parameters": (
            Parameter(
                name="nodes",
                kind=Kind.INTEGER,
                meaning="machines",
                sets="num_nodes",
                default="1",
                minimum=1,
                maximum=8,
            ),
            Parameter(name="epochs", kind=Kind.INTEGER, meaning="passes", sets="envs.EPOCHS", default="2", minimum=1),
            Parameter(
                name="learning_rate",
                kind=Kind.NUMBER,
                meaning="step size",
                sets="envs.LEARNING_RATE",
                default="0.1",
                minimum=0,
                maximum=10,
            ),
            Parameter(name="model", kind=Kind.TEXT, meaning="what is trained", sets="envs.MODEL", default="small"),
            Parameter(
                name="mode",
                kind=Kind.CHOICE,
                meaning="how",
                sets="envs.MODE",
                default="fast",
                choices=("fast", "slow"),
            ),
            Parameter(name="debug", kind=Kind.FLAG, meaning="say more", sets="envs.DEBUG", default="false"),
            *common_parameters(task, checkpoints, 50.0, 6.0),
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
