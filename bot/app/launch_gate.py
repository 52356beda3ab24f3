"""The admin policy: whether a launch from SkyPilot's own command line is allowed, and how. Its texts are English."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from bot.app.ports import EventRecorder, Now, discard_event
from bot.app.store_ports import LedgerStore, RunReader
from bot.core.model.audit import Origin, build_request_event
from bot.core.model.ledger import Ledger, format_month
from bot.core.model.policy import Policy, StoreOutageBehaviour
from bot.core.model.recipe import Task
from bot.core.model.resources import count_choice_gpus, count_nodes, with_most_accelerators
from bot.core.rules.admin_policy import AdminRequest, AdminRequestKind, check_bounds
from bot.core.rules.external_autostop import enforce_autostop
from bot.core.rules.external_clusters import (
    CAP_SUGGESTION,
    ExternalCluster,
    ExternalLaunch,
    check_external_launch,
    find_owner,
    find_person,
    is_own_launch,
)
from bot.errors import Unavailable, UnreadableRecord, UserError
from bot.phrase import Text, join_sentences

log = logging.getLogger(__name__)

STORE_IS_DOWN = "verlbot's records do not answer, and this team then lets nothing be launched. Try again in a minute."
NAME_IN_USE = "The cluster {cluster} belongs to verlbot's run {run}. Launch under another name."
UNNAMED_JOB = "a job"


class AdminPolicyStore(RunReader, LedgerStore, Protocol):
    """The runs, and what is reserved for them and for external clusters."""


@dataclass(frozen=True, slots=True)
class AdminPolicy:
    """Judges the launches of one installation.

    Attributes:
        read_policy: returns what is allowed now.
        hourly_rate: returns what a task's cluster costs in dollars an hour; zero where no price is known in time.
        request_sweep: lets the clusters be listed soon: the user who was refused may have removed a cluster just now.
        timezone: the time zone of the months that count. record: writes to the audit.
    """

    store: AdminPolicyStore
    read_policy: Callable[[], Policy]
    now: Now
    hourly_rate: Callable[[Task], float]
    request_sweep: Callable[[], None]
    timezone: tzinfo
    record: EventRecorder = discard_event

    @property
    def policy(self) -> Policy:
        return self.read_policy()

    def judge(self, request: AdminRequest) -> Task:
        """Return the task as it may be launched.

        Raises:
            UserError: the launch is refused; the sentence is for the person who typed it.
        """
        if request.kind is AdminRequestKind.OTHER or (
            request.kind is AdminRequestKind.VALIDATE and not request.is_about_cluster
        ):
            return request.task
        try:
            check_bounds(request.task)
            if self._is_own(request):
                return request.task
            launchable_task = self._judge_or_fall_back(request)
        except UserError as error:
            self._record("refuse outside launch", request, error.message)
            raise
        self._record("allow outside launch", request)
        return launchable_task

    def _judge_or_fall_back(self, request: AdminRequest) -> Task:
        """Return the task as it may be launched; where the store is down, decide as the policy says."""
        try:
            return self._judge(request)
        except Unavailable as error:
            return self._judge_without_store(request, error)

    def _is_own(self, request: AdminRequest) -> bool:
        """Return whether this is the bot's own launch; False where the store does not answer."""
        try:
            return is_own_launch(request.task, request.cluster, self.store.get, self.store.get_task)
        except (UnreadableRecord, Unavailable):  # an unreadable run launches nothing
            return False

    def _judge(self, request: AdminRequest) -> Task:
        """Return the task with its autostop, after a check of its name and of the caps.

        Raises:
            UserError: the name is that of a run's cluster, or the launch is refused.
        """
        try:
            owner = find_owner(request.cluster, self.store.get)
        except UnreadableRecord as error:
            raise UserError(NAME_IN_USE.format(cluster=request.cluster, run=error.run_id)) from error
        if owner:
            raise UserError(NAME_IN_USE.format(cluster=request.cluster, run=owner.id))
        task = self._add_autostop(request)
        if request.user is not None:
            self._check_caps(request, request.user)
        return task

    def _add_autostop(self, request: AdminRequest) -> Task:
        """Return the task with the required autostop.

        Managed jobs and services need none: they remove their own clusters.
        """
        if request.kind is AdminRequestKind.SUBMIT:
            return request.task
        plan = enforce_autostop(request.task, self.policy.external_launches)
        if plan.refusal:
            raise UserError(plan.refusal)
        return plan.task

    def _check_caps(self, request: AdminRequest, user: str) -> None:
        """Check a launch against the ledger; an admitted one gets its reservation in the same transaction."""
        launch, now = self._describe_launch(request, user), self.now()

        def admit(cluster: ExternalCluster | None, ledger: Ledger) -> ExternalCluster:
            self._refuse_violations(launch, ledger, now)
            if cluster:
                return cluster.readmit(launch, now)
            return ExternalCluster(launch=launch, started_at=now, admitted_at=now)

        try:
            if request.kind is AdminRequestKind.LAUNCH and request.cluster and not request.is_dry_run:
                self.store.change_external_cluster(launch.cluster, admit, now)
                log.info("cluster %s of %s is launched outside Slack: %d GPUs", launch.cluster, user, launch.gpus)
            else:
                self._refuse_violations(launch, self.store.get_ledger(), now)
        except UserError:
            # The person may have removed another cluster just now: list the clusters soon.
            self.request_sweep()
            raise

    def _refuse_violations(self, launch: ExternalLaunch, ledger: Ledger, now: datetime) -> None:
        """Raise UserError if the launch exceeds a cap; log the report-only rules that it breaks."""
        verdict = check_external_launch(launch, ledger, self.policy, format_month(now, self.timezone))
        for rule in verdict.report_only_rules:
            log.warning("report-only rule %s would have refused cluster %s of %s", rule, launch.cluster, launch.user)
        if verdict.refusals:
            refusal = join_sentences(*verdict.refusals)
            log.info("cluster %s of %s is refused: %s", launch.cluster, launch.user, refusal)
            raise UserError(refusal, CAP_SUGGESTION)

    def _record(self, what: str, request: AdminRequest, why: Text = "") -> None:
        """Write a verdict on a launch to the audit, with the person's Slack id where the policy has it."""
        if request.is_dry_run or request.kind not in (AdminRequestKind.LAUNCH, AdminRequestKind.SUBMIT):
            return
        user = request.user or ""
        origin = Origin(self.policy.external_launches.people.get(user) or user or "unknown", "sky")
        try:
            self.record(build_request_event(what, request.cluster or UNNAMED_JOB, self.now(), origin, why))
        except Unavailable as error:  # the verdict applies all the same
            log.error("a verdict on a launch outside Slack is not written down: %s", error)

    def _describe_launch(self, request: AdminRequest, user: str) -> ExternalLaunch:
        """Return what the launch would reserve: its cluster, person, GPUs and hourly rate."""
        task = with_most_accelerators(request.task)
        return ExternalLaunch(
            request.cluster or UNNAMED_JOB,
            user,
            find_person(self.policy.external_launches, user),
            count_choice_gpus(task["resources"], count_nodes(task)),
            self.hourly_rate(task),
        )

    def _judge_without_store(self, request: AdminRequest, error: Unavailable) -> Task:
        """Decide while the store is down, as the policy says. Running clusters are counted once the store is back."""
        log.warning("a launch cannot be weighed: %s", error)
        match self.policy.external_launches.on_store_outage:
            case StoreOutageBehaviour.REFUSE:
                raise UserError(STORE_IS_DOWN)
            case StoreOutageBehaviour.ALLOW:
                return self._add_autostop(request)
