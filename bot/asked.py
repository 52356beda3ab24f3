"""Who asks, and what is answered: records between people and the service."""

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
    """Who asks, and where.

    Attributes:
        user, channel: Slack's ids.
        actor: the same person with the role that counts there.
        wish: Slack's id of the delivery, the same when Slack delivers twice.
        lasting: whether the wish is one for good, as that of a button on a message that stays.
    """

    user: str
    channel: str
    actor: Actor
    wish: str | None = None
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a launch would do: the answer to `--dry-run`.

    Attributes:
        yaml: the task, its scripts cut short.
        rate: what it would cost; None where nobody knows, with `trouble` where that is for want of an answer.
        refusal: why it would be refused here, or None.
        controller: what would have to be rented before it, or None.
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
        lines: oldest first; asked: what they were asked by.
        trouble: why these are saved lines and not fresh ones, or None.
    """

    run: Run
    asked: command.Logs
    lines: list[str]
    trouble: str | None = None


def wished(made: Plan, caller: Caller, now: datetime, policy: Policy) -> Run:
    """The record of a launch before anything was asked for; whether it waits for an approval, admission says."""
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
