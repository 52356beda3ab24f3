"""Requests: who asks for a command, and what is answered. Records between people and the service."""

from dataclasses import dataclass
from datetime import datetime

from bot.core import command
from bot.core.actor import Actor
from bot.core.autostop import asked_minutes
from bot.core.blind import blind
from bot.core.managed import Controller, is_managed
from bot.core.money import Rate
from bot.core.plan import Plan, resources
from bot.core.policy import Policy
from bot.core.run import Run


@dataclass(frozen=True, slots=True)
class Caller:
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
    wish: str | None = None
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The preview of a launch: the answer to `--dry-run`.

    Attributes:
        yaml: the task, its scripts cut short.
        rate: its price; None if unknown, with `trouble` if the price could not be looked up.
        refusal: why the launch would be refused here, or None.
        controller: the jobs controller that would have to be rented first, or None.
    """

    plan: Plan
    yaml: str
    rate: Rate | None
    refusal: str | None
    trouble: str | None = None
    controller: Controller | None = None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of a run's log.

    Attributes:
        lines: oldest first; request: the command that requested them.
        trouble: why these are saved lines and not current ones, or None.
    """

    run: Run
    asked: command.Logs
    lines: list[str]
    trouble: str | None = None


def wished(made: Plan, caller: Caller, now: datetime, policy: Policy) -> Run:
    """Return the record of a new launch, before any cluster is requested.

    Admission decides whether it waits for an approval.
    """
    return Run(
        id=str(made.task["name"]),
        recipe=made.recipe.name,
        line=made.line,
        requester=caller.user,
        channel=caller.channel,
        created_at=now,
        why=made.why,
        nodes=made.nodes,
        image=str(resources(made.task).get("image_id") or ""),
        gpus=made.gpus,
        infra=made.infra,
        task_hash=made.hash,
        place=made.place,
        model_dies=made.model_dies,
        blind=blind(made),
        checkpoints=made.checkpoints,
        resumes=made.recipe.checkpoints is not None and made.recipe.checkpoints.resume != "",
        metrics=made.recipe.metrics,
        secrets=tuple(made.recipe.secrets),
        budget_dollars=made.budget_dollars,
        lease=made.lease,
        lease_warnings=policy.lease_warnings,
        autostop_asked=None if is_managed(made.task) else asked_minutes(made.task),
        managed=is_managed(made.task),
    )
