"""Requests: who asks for a command, and what is answered. Records between people and the service."""

from dataclasses import dataclass
from datetime import datetime

from bot.core import command
from bot.core.actor import Actor
from bot.core.autostop import read_idle_minutes
from bot.core.blind import find_missing_safeguards
from bot.core.managed import JobsController, is_managed
from bot.core.money import Rate
from bot.core.plan import LaunchPlan, resources
from bot.core.policy import Policy
from bot.core.run import Run


@dataclass(frozen=True, slots=True)
class Requester:
    """The person who asks, and where.

    Attributes:
        user, channel: Slack's ids.
        actor: the same person with the role that counts there.
        delivery_id: Slack's id of the delivery, the same if Slack delivers twice; it makes the request idempotent.
        permanent: whether the id counts for ever, as that of a button on a message that stays.
    """

    user: str
    channel: str
    actor: Actor
    delivery_id: str | None = None
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class LaunchPreview:
    """The preview of a launch: the answer to `--dry-run`.

    Attributes:
        yaml: the task, its scripts cut short.
        rate: its price; None if unknown, with `trouble` if the price could not be looked up.
        refusal: why the launch would be refused here, or None.
        controller: the jobs controller that would have to be rented first, or None.
    """

    plan: LaunchPlan
    yaml: str
    rate: Rate | None
    refusal: str | None
    trouble: str | None = None
    controller: JobsController | None = None


@dataclass(frozen=True, slots=True)
class LogExcerpt:
    """Lines of a run's log.

    Attributes:
        lines: oldest first; request: the command that requested them.
        trouble: why these are saved lines and not current ones, or None.
    """

    run: Run
    request: command.ShowLogs
    lines: list[str]
    trouble: str | None = None


def new_run(plan: LaunchPlan, requester: Requester, now: datetime, policy: Policy) -> Run:
    """Return the record of a new launch, before any cluster is requested.

    Admission decides whether it waits for an approval.
    """
    return Run(
        id=str(plan.task["name"]),
        recipe=plan.recipe.name,
        command_line=plan.command_line,
        requester=requester.user,
        channel=requester.channel,
        created_at=now,
        why=plan.why,
        nodes=plan.nodes,
        image=str(resources(plan.task).get("image_id") or ""),
        gpus=plan.gpus,
        infra=plan.infra,
        task_hash=plan.hash,
        checkpoint_store=plan.checkpoint_store,
        checkpoints_ephemeral=plan.checkpoints_ephemeral,
        missing_safeguards=find_missing_safeguards(plan),
        checkpoints=plan.checkpoints,
        resumes=plan.recipe.checkpoints is not None and plan.recipe.checkpoints.resume != "",
        metrics=plan.recipe.metrics,
        secrets=tuple(plan.recipe.secrets),
        budget_dollars=plan.budget_dollars,
        lease=plan.lease,
        lease_warnings=policy.lease_warnings,
        requested_autostop_minutes=None if is_managed(plan.task) else read_idle_minutes(plan.task),
        managed=is_managed(plan.task),
    )
