"""The admin policy: whether a launch from SkyPilot's own command line is allowed, and how. Its texts are English."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from bot.core.admin_request import AdminRequest, Kind
from bot.core.audit import wish_event
from bot.core.choices import dearest, gpus_of, nodes_of
from bot.core.holds import Ledger, month_of
from bot.core.outside import WAY_OUT, Outsider, Wanted, is_own, owner_of, person_of, weigh
from bot.core.outside_autostop import keep
from bot.core.policy import Policy, WhenDown
from bot.core.recipe import Task
from bot.core.task_bounds import check_bounds
from bot.errors import Unavailable, UnreadableRecord, UserError
from bot.language import ENGLISH, speaking
from bot.origin import Origin
from bot.ports import Now, Record, Store, unrecorded

log = logging.getLogger(__name__)

BLIND = "verlbot's records do not answer, and this team then lets nothing be launched. Try again in a minute."
TAKEN = "The cluster {cluster} belongs to verlbot's run {run}. Launch under another name."
NAMELESS = "a job"


@dataclass(frozen=True, slots=True)
class Gate:
    """Judges the launches of one installation.

    Attributes:
        read_policy: returns what is allowed now.
        hourly_rate: returns what a task's cluster costs in dollars an hour; zero where no price is known in time.
        request_sweep: lets the clusters be listed soon: the user who was refused may have removed a cluster just now.
        timezone: the time zone of the months that count. record: writes to the audit.
    """

    store: Store
    read_policy: Callable[[], Policy]
    now: Now
    rate: Callable[[Task], float]
    look: Callable[[], None]
    zone: tzinfo
    record: Record = unrecorded

    @property
    def policy(self) -> Policy:
        return self.read_policy()

    def judge(self, request: AdminRequest) -> Task:
        """Return the task as it may be launched.

        Raises:
            UserError: the launch is refused; the sentence is for the person who typed it.
        """
        if request.kind is Kind.OTHER or (request.kind is Kind.LOOK and not request.of_cluster):
            return request.task
        try:
            check_bounds(request.task)
            with speaking(ENGLISH):
                if self._is_own(request):
                    return request.task
                found = self._judged(request)
        except UserError as error:
            self._record("refuse outside launch", request, str(error))
            raise
        self._record("allow outside launch", request)
        return found

    def _judged(self, request: AdminRequest) -> Task:
        """Return the task as it may be launched; where the store is down, decide as the policy says."""
        try:
            return self._judge(request)
        except Unavailable as error:
            return self._blind(request, error)

    def _is_own(self, request: AdminRequest) -> bool:
        """Return whether this is the bot's own launch; False where the store does not answer."""
        try:
            return is_own(request.task, request.cluster, self.store.get, self.store.task)
        except (UnreadableRecord, Unavailable):  # an unreadable run launches nothing
            return False

    def _judge(self, request: AdminRequest) -> Task:
        """Return the task with its autostop, after a check of its name and of the caps.

        Raises:
            UserError: the name is that of a run's cluster, or the launch is refused.
        """
        try:
            owner = owner_of(request.cluster, self.store.get)
        except UnreadableRecord as error:
            raise UserError(TAKEN.format(cluster=request.cluster, run=error.run_id)) from error
        if owner:
            raise UserError(TAKEN.format(cluster=request.cluster, run=owner.id))
        kept = self._kept(request)
        if request.user is not None:
            self._weigh(request, request.user)
        return kept

    def _kept(self, request: AdminRequest) -> Task:
        """Return the task with the required autostop.

        Managed jobs and services need none: they remove their own clusters.
        """
        if request.kind is Kind.SUBMIT:
            return request.task
        kept = keep(request.task, self.policy.outside)
        if kept.refusal:
            raise UserError(kept.refusal)
        return kept.task

    def _weigh(self, request: AdminRequest, user: str) -> None:
        """Check a launch against the ledger; an admitted one gets its reservation in the same transaction."""
        wanted, now = self._wanted(request, user), self.now()

        def take(known: Outsider | None, ledger: Ledger) -> Outsider:
            self._refuse(wanted, ledger, now)
            if known:
                return known.admitted_again(wanted, now)
            return Outsider(wanted=wanted, began_at=now, asked_at=now)

        try:
            if request.kind is Kind.LAUNCH and request.cluster and not request.dry:
                self.store.change_outsider(wanted.cluster, take, now)
                log.info("cluster %s of %s is launched outside Slack: %d GPUs", wanted.cluster, user, wanted.gpus)
            else:
                self._refuse(wanted, self.store.ledger(), now)
        except UserError:
            # The person may have removed another cluster just now: list the clusters soon.
            self.look()
            raise

    def _refuse(self, wanted: Wanted, ledger: Ledger, now: datetime) -> None:
        """Raise UserError if the launch exceeds a cap; log the report-only rules that it breaks."""
        weighed = weigh(wanted, ledger, self.policy, month_of(now, self.zone))
        for rule in weighed.rehearsed:
            log.warning("in earnest %s would have refused cluster %s of %s", rule, wanted.cluster, wanted.user)
        if weighed.refusals:
            log.info("cluster %s of %s is refused: %s", wanted.cluster, wanted.user, " ".join(weighed.refusals))
            raise UserError(" ".join(weighed.refusals), WAY_OUT)

    def _record(self, what: str, request: AdminRequest, why: str = "") -> None:
        """Write a verdict on a launch to the audit, with the person's Slack id where the policy has it."""
        if request.dry or request.kind not in (Kind.LAUNCH, Kind.SUBMIT):
            return
        user = request.user or ""
        origin = Origin(self.policy.outside.people.get(user) or user or "unknown", "sky")
        try:
            self.record(wish_event(what, request.cluster or NAMELESS, self.now(), origin, why))
        except Unavailable as error:  # the verdict applies all the same
            log.error("a verdict on a launch outside Slack is not written down: %s", error)

    def _wanted(self, request: AdminRequest, user: str) -> Wanted:
        """Return what the launch would reserve: its cluster, person, GPUs and hourly rate."""
        task = dearest(request.task)
        return Wanted(
            request.cluster or NAMELESS,
            user,
            person_of(self.policy.outside, user),
            gpus_of(task["resources"], nodes_of(task)),
            self.rate(task),
        )

    def _blind(self, request: AdminRequest, error: Unavailable) -> Task:
        """Decide while the store is down, as the policy says. Running clusters are counted once the store is back."""
        log.warning("a launch cannot be weighed: %s", error)
        match self.policy.outside.when_store_is_down:
            case WhenDown.REFUSE:
                raise UserError(BLIND)
            case WhenDown.ALLOW:
                return self._kept(request)
