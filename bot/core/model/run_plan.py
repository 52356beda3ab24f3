"""What a run was approved to be, its limits, and what people have requested of it since its launch. Pure.

A plan never changes; people may change limits. Listeners write requests, and the tick reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from bot.core.model.code_version import CodeVersion
from bot.core.model.finding import FindingAction
from bot.core.model.launch_plan import LaunchPlan, Safeguard
from bot.core.model.policy import UNRESTRICTED
from bot.core.model.rollout import OutputFiles
from bot.core.model.run_state import LimitChange, Mute, RunLimit, SummaryInterval
from bot.core.model.sent_message import LogFollow
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """The limits that end a run.

    Attributes:
        budget_dollars: the most that it may spend.
        lease: how long it may live after its first launch request.
        changes: how people have changed the limits since, oldest first.
    """

    budget_dollars: float
    lease: timedelta
    changes: tuple[LimitChange, ...] = ()

    def was_changed_by(self, delivery_id: str | None) -> bool:
        """Return whether a delivery changed one of them, rather than setting what was set; True where it has no id."""
        return not delivery_id or any(change.delivery_id == delivery_id for change in self.changes)

    def change(self, limit: RunLimit, new_value: float, by: str, now: datetime, delivery_id: str = "") -> Self:
        """Return the limits with another one from now on; the same delivery counts once, the same value not at all.

        Args:
            new_value: dollars of the budget, or hours of the whole lease.
        """
        if delivery_id and any(change.delivery_id == delivery_id for change in self.changes):
            return self
        old_value = self.budget_dollars if limit is RunLimit.BUDGET else self.lease.total_seconds() / 3600
        if new_value == old_value:
            return self
        changes = (*self.changes, LimitChange(limit, by, now, old_value, new_value, delivery_id))
        match limit:
            case RunLimit.BUDGET:
                return replace(self, budget_dollars=new_value, changes=changes)
            case RunLimit.LEASE:
                return replace(self, lease=timedelta(hours=new_value), changes=changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequests:
    """The requests of people.

    Attributes:
        stop_requested_by, stop_requested_at: the request to stop the run.
        follow: a request to follow the log.
        summary_interval: a request for how often its thread gets a summary.
        mutes: findings that are muted.
    """

    stop_requested_by: str | None = None
    stop_requested_at: datetime | None = None
    follow: LogFollow | None = None
    summary_interval: SummaryInterval | None = None
    mutes: tuple[Mute, ...] = ()

    def stop(self, by: str, now: datetime) -> Self:
        """Return the requests with one to stop the run; the first counts."""
        return self if self.stop_requested_by else replace(self, stop_requested_by=by, stop_requested_at=now)

    def follow_log(self, follow: LogFollow) -> Self:
        """Return the requests with one to follow the log, in place of an earlier one."""
        return replace(self, follow=follow)

    def set_summary_interval(self, interval: SummaryInterval) -> Self:
        """Return the requests with another interval of the summaries."""
        return replace(self, summary_interval=interval)

    def mute_finding(self, mute: Mute) -> Self:
        """Return the requests with a muted finding; the first request counts."""
        return self if self.is_muted(mute.finding) else replace(self, mutes=(*self.mutes, mute))

    def is_muted(self, finding: str) -> bool:
        """Return whether a person has muted the finding of this name."""
        return any(mute.finding == finding for mute in self.mutes)
