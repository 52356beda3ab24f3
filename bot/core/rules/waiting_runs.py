"""The next action for a run that was not launched yet, as far as its record knows. Pure.

A store that was set back may have lost the record of a launch. Such a run waits again while its cluster trains and
bills: before it is ended or launched, its cluster is looked for.
"""

from dataclasses import replace
from datetime import datetime

from bot.core.model.cluster import CloudMemory, Observation
from bot.core.model.cluster_requests import LaunchRequests
from bot.core.model.money import Rate
from bot.core.model.orphan import ListedCluster
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.actions import Close, EstimatePrice, Provision, ReconcileTimings, RecoverLaunch, UsualAction
from bot.core.rules.launch_orders import build_cluster_tags

ORDER_TAG = "asked"
"""The tag that distinguishes runs of one name."""


def decide_waiting(
    run: Run, observation: Observation | None, now: datetime, timings: ReconcileTimings
) -> UsualAction | RecoverLaunch | None:
    """Return the action for a run that waits, or the look for the launch that its record may lack."""
    is_pending = run.status is RunStatus.PENDING
    usual = decide_pending(run, observation) if is_pending else decide_awaiting_approval(run, observation, now)
    if timings.store_changed_at is None or run.created_at > timings.store_changed_at:
        return usual
    if observation is None:  # its cluster may train unseen
        return None
    has_left_trace = not observation.is_empty or observation.ending is not None
    return RecoverLaunch(observation, usual) if has_left_trace else usual


def decide_awaiting_approval(run: Run, observation: Observation | None, now: datetime) -> UsualAction | None:
    """Return the action for a run that waits for an approver.

    An answer that has come counts, however late it is applied.
    """
    approval = run.approval
    # A decline that came before the stop counts; after a stop none is recorded.
    if approval and approval.by and not approval.granted:
        return Close(Reason.REFUSED)
    if run.requests.stop_requested_by:
        return Close(Reason.STOPPED)
    if approval is None or (now >= approval.until and approval.by is None):
        return Close(Reason.NOT_APPROVED)
    if approval.by is None:
        return EstimatePrice() if observation and run.spending.priced_at is None else None
    return decide_pending(run, observation)


def decide_pending(run: Run, observation: Observation | None) -> UsualAction | None:
    """Return the action for a run that is not requested yet.

    A stop needs no teardown, and without an observation no launch begins.
    """
    if run.requests.stop_requested_by:
        return Close(Reason.STOPPED)
    return Provision(observation.server) if observation else None


def recover_launch(run: Run, listed: ListedCluster | None, action: RecoverLaunch, now: datetime) -> Run | None:
    """Return the run as launched, if what the observation has shown is its launch; None where it is not, or where the
    usual action finds that out by itself.

    Args:
        listed: the cluster of its name that the cloud lists; its labels show whose it is.
    """
    observation = action.observation
    if listed is None and observation.ending is None and (isinstance(action.usual, Provision) or run.plan.managed):
        return None  # a launch under way: a launch requests nothing twice, and of a managed job it may be another's
    if listed and not owns_cluster(run, listed):
        return None
    launched_at = (listed and listed.launched_at) or now
    memory = CloudMemory(cluster_id=listed.id if listed else observation.cluster_id, server=observation.server)
    return replace(
        run,
        status=RunStatus.LAUNCHING,
        launch=LaunchRequests.recover(min(max(launched_at, run.created_at), now)),
        spending=run.spending.record_launch(find_listed_rate(listed)),
        observed=replace(run.observed, memory=memory, pending_confirmation=None),
    )


def find_listed_rate(cluster: ListedCluster | None) -> Rate | None:
    """Return what a cluster costs as it is listed; None where that is not known."""
    if cluster is None or cluster.dollars_per_hour is None:
        return None
    return Rate(cluster.dollars_per_hour, "SkyPilot")


def owns_cluster(run: Run, cluster: ListedCluster) -> bool:
    """Return whether a cluster of the run's name is its own, as the labels say: another bot may use the name."""
    own = build_cluster_tags(run)[ORDER_TAG]
    return cluster.run_label in ("", run.id) and cluster.tags.get(ORDER_TAG, own) == own
