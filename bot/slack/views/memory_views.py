"""Messages about a run that SkyPilot's server no longer knows. Pure: a record in, messages out."""

from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules.save_grace import needs_rescue
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.cluster_views import build_alert
from bot.slack.views.message import Message, thread_notice
from bot.slack.views.mrkdwn import Markup, code, date, join_markup_sentences, mrkdwn, render_phrase

FORGOTTEN = N_(
    "*SkyPilot's server no longer knows {run}*: it lost its database, or another server is answering. The machines "
    "of {run} may still be running and costing money."
)
FORGOTTEN_AT = N_(
    "*SkyPilot's server no longer knows {run}*: it lost its database, or another server is answering. The machines "
    "of {run} may still be running and costing {rate}."
)
LOOK_BY_HAND = N_("To find them: {command}.")
LOOK_AT_PROVIDER = N_("Check your provider's console for machines whose names start with {cluster}.")
HOW_TO_CONFIRM_GONE = N_("If they are gone, type {command}. If the right server answers again, {run} continues.")
REMEMBERED_AGAIN = N_("SkyPilot's server found {run} again at {time}.")
REMOVAL_UNCONFIRMED = N_(
    "I keep asking SkyPilot to delete the cluster, but SkyPilot no longer knows it, so I cannot confirm that it is "
    "gone."
)

REMOVAL_WAITS_FOR_MODEL = N_(
    "SkyPilot no longer knows the cluster, which holds the only copy of the model. I ask SkyPilot to delete it "
    "once the time for the download is over; {command} does so at once. I cannot confirm that it is gone."
)

REMOVAL_WAITS_FOR_SEARCH = N_(
    "SkyPilot no longer knows the cluster, which may hold a checkpoint that the log does not mention. I ask "
    "SkyPilot to delete it once the time for the download is over; {command} does so at once. I cannot confirm that it "
    "is gone."
)

SEARCH_COMMANDS = {
    "slurm": "squeue -o '%i %j %T' | grep {cluster}",
    "kubernetes": "kubectl get pods -A | grep {cluster}",
    "k8s": "kubectl get pods -A | grep {cluster}",
}
"""Commands that look for a cluster without SkyPilot, by the first part of its infra."""


def list_memory_messages(run: Run) -> list[Message]:
    """Return that SkyPilot does not remember the run, shown in the channel because of the money, or that it does
    again.
    """
    loss = run.observed.memory.loss
    if loss is None or run.status is RunStatus.ENDED:
        return []
    began = int(loss.since.timestamp())
    if loss.until is None:
        return [build_alert(run, f"forgotten-{began}", mrkdwn(":rotating_light: {}", describe_memory_loss(run)), "")]
    sentence = render_phrase(REMEMBERED_AGAIN, run=wording.link_run(run), time=date(loss.until))
    return [thread_notice(f"remembered-{began}", mrkdwn(":white_check_mark: {}", sentence))]


def describe_memory_loss(run: Run) -> Markup:
    """Return what is unknown, at which rate the machines may bill, and what a person can do."""
    about = render_phrase(FORGOTTEN, run=wording.link_run(run))
    if run.spending.hourly_rate:
        about = render_phrase(
            FORGOTTEN_AT,
            run=wording.link_run(run),
            rate=wording.format_hourly_rate(run.spending.hourly_rate.dollars_per_hour),
        )
    closing = render_phrase(
        HOW_TO_CONFIRM_GONE, run=wording.link_run(run), command=code(f"/verl stop {run.id} gone=yes")
    )
    return join_markup_sentences(about, describe_manual_search(run), closing)


def describe_manual_search(run: Run) -> Markup:
    """Return how to look for the machines without SkyPilot."""
    command = SEARCH_COMMANDS.get(run.infra.partition("/")[0].lower())
    if command is None:
        return render_phrase(LOOK_AT_PROVIDER, cluster=code(run.cluster))
    return render_phrase(LOOK_BY_HAND, command=code(command.format(cluster=run.cluster)))


def describe_unconfirmed_removal(run: Run) -> Markup:
    """Return how the bot removes a cluster that SkyPilot does not remember."""
    if not needs_rescue(run):
        return render_phrase(REMOVAL_UNCONFIRMED)
    is_known = run.training.progress.checkpoint is not None
    return render_phrase(
        REMOVAL_WAITS_FOR_MODEL if is_known else REMOVAL_WAITS_FOR_SEARCH, command=code(f"/verl stop {run.id} save=no")
    )
