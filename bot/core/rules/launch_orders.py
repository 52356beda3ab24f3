"""What a launch orders of the cloud for a run, and whether it may. Pure."""

from bot.core.model.launch_plan import LaunchOrder
from bot.core.model.recipe import Task
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules.save_grace import find_deadline


def may_launch(run: Run) -> bool:
    """Return whether a cluster may still be launched: another bot on the store may have ended the run meanwhile."""
    return (run.is_waiting or run.status is RunStatus.LAUNCHING) and not run.requests.stop_requested_by


def build_launch_order(run: Run, task: Task) -> LaunchOrder:
    """Return the order of a run's cluster and job, in an attempt that the record counts already."""
    is_retry, deadline = run.launch.attempts > 1, find_deadline(run)
    return LaunchOrder(run.cluster, task, run.plan.secrets, build_cluster_tags(run), is_retry, deadline)


def build_cluster_tags(run: Run) -> dict[str, str]:
    """Return the tags of the run's cluster, for people who meet it elsewhere."""
    own = {"run": run.id, "recipe": run.recipe, "person": run.requester, "task": run.plan.task_hash}
    return {**own, "asked": f"{run.created_at.timestamp() * 1000:.0f}"}  # two bots may have runs of the same name
