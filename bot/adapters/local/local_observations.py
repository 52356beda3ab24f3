"""What the files and the processes of local clusters show: observations, and clusters as a list shows them."""

import logging
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from bot.adapters.local.processes import find_running_clusters, is_alive
from bot.adapters.local.state_files import ClusterDirectory, LocalClusterState
from bot.core.model.cluster import ClusterState, Ending, JobState, Observation, RequestState
from bot.core.model.launch_plan import ClusterRef
from bot.core.model.orphan import ListedCluster
from bot.phrase import N_, Phrase

log = logging.getLogger(__name__)

INFRA = N_("this machine")

FILES_LOST = N_("Its files on this machine are gone, and so are its processes.")


def observe_cluster(directory: ClusterDirectory, cluster: ClusterRef) -> Observation | None:
    """Return the observation of one cluster from its files; None where they cannot be read."""
    try:
        state, end_state = directory.read_state(), directory.read_ending()
    except (OSError, msgspec.DecodeError):
        log.exception("the files of %s cannot be read", directory.cluster)
        return None
    if end_state and state is None:
        return Observation(ending=end_state.ending, error=end_state.error, cluster_id=directory.cluster)
    if state is None:
        return observe_without_files(cluster)
    observation = Observation(
        request=RequestState.SUCCEEDED if state.status is ClusterState.UP else RequestState.LIVE,
        cluster=state.status,
        job=state.job,
        job_id=1,
        error=state.error,
        infra=INFRA,
        autostop_minutes=directory.find_autostop_minutes(state),
        cluster_id=directory.cluster,
    )
    if state.job.is_finished or is_alive(state.supervisor):
        return observation
    error = Phrase("The process that runs the cluster was killed.")
    return replace(observation, job=JobState.FAILED_DRIVER, error=error)


def observe_without_files(cluster: ClusterRef) -> Observation:
    """Return the observation of a cluster without files: it exists while one of its processes runs.

    Nothing else shows whether it exists. The job's state is lost with the files, so that none is returned, and the
    launch counts as under way.
    """
    if cluster.launch_requested_at is None and not cluster.was_shown:
        return Observation()
    if cluster.cluster in find_running_clusters():
        return Observation(request=RequestState.LIVE, cluster=ClusterState.UP, infra=INFRA, cluster_id=cluster.cluster)
    return Observation(ending=Ending.LOST, error=Phrase(FILES_LOST)) if cluster.was_shown else Observation()


def to_listed_cluster(directory: ClusterDirectory) -> ListedCluster | None:
    """Return one cluster as a list shows it; None where it has no state, as during its removal.

    A cluster whose files cannot be read is listed all the same.
    """
    try:
        state = directory.read_state()
    except msgspec.DecodeError:
        state = LocalClusterState(cluster=directory.cluster)
    if state is None:
        return None
    return ListedCluster(
        id=directory.cluster,
        name=directory.cluster,
        status=state.status,
        infra=INFRA,
        launched_at=datetime.fromtimestamp(state.launched_at, UTC) if state.launched_at else None,
        tags=state.tags,
    )
