"""What a launch orders of the cloud for a run, and whether it may. Pure."""

from bot.core.model.launch_plan import LaunchOrder
from bot.core.model.recipe import Task
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules.save_grace import find_deadline


def may_launch(run: Run) -> bool:
    """Return whether a cluster may still be launched: another bot on the store may have ended the run meanwhile."""
    return (run.is_waiting or run.status is RunStatus.LAUNCHING) and not run.requests.stop_requested_by


def build_launch_order(run: Run, task: Task, bot_name: str = "") -> LaunchOrder:
    """Return the order of a run's cluster and job, in an attempt that the record counts already.

    Args:
        bot_name: the name of this bot in Slack; empty while it is unknown.
    """
    is_retry, deadline = run.launch.attempts > 1, find_deadline(run)
    return LaunchOrder(run.cluster, task, run.plan.secrets, build_cluster_tags(run, bot_name), is_retry, deadline)


def build_cluster_tags(run: Run, bot_name: str = "") -> dict[str, str]:
    """Return the tags of the run's cluster: for people who meet it elsewhere, and for the bot, which takes the run back
    from them if its store is lost. See `bot.core.rules.lost_runs`.
    """
    own = {"run": run.id, "recipe": run.recipe, "person": run.requester, "task": run.plan.task_hash}
    limits = {
        "budget-cents": f"{run.limits.budget_dollars * 100:.0f}",
        "lease-minutes": f"{run.limits.lease.total_seconds() / 60:.0f}",
    }
    # Two bots may have runs of the same name.
    order = {"asked": f"{run.created_at.timestamp() * 1000:.0f}"}
    return {**own, **order, "channel": run.channel, **limits, **({"bot": bot_name} if bot_name else {})}
