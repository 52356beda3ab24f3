"""Runs whose records the store has lost, as the tags of their clusters show them. Pure.

`bot.core.rules.launch_orders.build_cluster_tags` writes the tags.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

from bot.core.model.cluster import CloudMemory
from bot.core.model.cluster_requests import LaunchRequests
from bot.core.model.money import Rate
from bot.core.model.observed_cluster import ObservedCluster
from bot.core.model.orphan import RUN_CLUSTER_PREFIX, ListedCluster
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.phrase import N_, Phrase

RECOVERY_NOTE = N_(
    "My database had lost this run. I took it back from its cluster: settings that differed from the recipe, later "
    "changes of its budget and lease, and its earlier messages may be missing."
)

MAX_CENTS, MAX_MINUTES, MAX_MILLISECONDS = 10**12, 10**7, 32_503_680_000_000
"""Largest numbers that are read from a tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTags:
    """What the tags of a cluster say of its run.

    Attributes:
        requester, channel: Slack's ids of the person and of the channel.
        bot_name: the name of the bot in Slack, in lower case.
    """

    run_id: str
    recipe: str
    requester: str
    channel: str
    bot_name: str
    task_hash: str
    created_at: datetime
    budget_dollars: float
    lease: timedelta

    @classmethod
    def from_cluster(cls, cluster: ListedCluster) -> Self | None:
        """Return the run that the tags of a cluster name; None where they do not name one, or not wholly."""
        tags, run_id = cluster.tags, cluster.run_id
        milliseconds = read_number(tags, "asked", MAX_MILLISECONDS)
        cents = read_number(tags, "budget-cents", MAX_CENTS)
        minutes = read_number(tags, "lease-minutes", MAX_MINUTES)
        words = [tags.get(key, "") for key in ("recipe", "person", "channel", "bot")]
        if tags.get("run") != run_id or cluster.name != f"{RUN_CLUSTER_PREFIX}{run_id}" or not all(words):
            return None
        if milliseconds is None or cents is None or minutes is None:
            return None
        recipe, person, channel, bot_name = words
        return cls(
            run_id=run_id,
            recipe=recipe,
            requester=person.upper(),
            channel=channel.upper(),
            bot_name=bot_name.lower(),
            task_hash=tags.get("task", ""),
            created_at=datetime.fromtimestamp(milliseconds / 1000, UTC),
            budget_dollars=cents / 100,
            lease=timedelta(minutes=minutes),
        )


def read_number(tags: Mapping[str, str], key: str, largest: int) -> int | None:
    """Return the whole number of a tag; None where it has none, or a larger one than is valid."""
    text = tags.get(key, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(largest))):
        return None
    return number if (number := int(text)) <= largest else None


def rebuild_run(draft: Run, tags: RunTags, cluster: ListedCluster, rate: Rate | None, now: datetime) -> Run:
    """Return the run of a cluster whose record is lost, as launched.

    Args:
        draft: the run of the same recipe with the recipe's own settings.
        rate: what the cluster costs, as far as known.
    """
    began_at = min(tags.created_at, now)
    return replace(
        draft,
        created_at=began_at,
        status=RunStatus.LAUNCHING,
        plan=replace(
            draft.plan,
            nodes=cluster.nodes if cluster.nodes > 1 else draft.plan.nodes,
            task_hash=tags.task_hash or draft.plan.task_hash,
            managed=cluster.is_managed,
            # What the task asked for is lost, and an autostop that is there must not be changed.
            autostop_minutes=None,
            missing_safeguards=(),
            warnings=(Phrase(RECOVERY_NOTE),),
        ),
        limits=replace(draft.limits, budget_dollars=tags.budget_dollars, lease=tags.lease),
        launch=LaunchRequests.recover(began_at),
        observed=ObservedCluster(infra=cluster.infra, memory=CloudMemory(cluster_id=cluster.id)),
        spending=draft.spending.record_launch(rate),
    )
