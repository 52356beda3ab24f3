"""Messages about a run that SkyPilot's server forgot, or remembers again. Pure: a record in, messages out."""

from bot.core.drain import shows_rescue
from bot.core.run import Run
from bot.core.status import RunStatus
from bot.language import N_
from bot.slack import words
from bot.slack.guards import build_alert
from bot.slack.message import Message, thread_notice
from bot.slack.phrases import join_sentences, translate
from bot.slack.text import Markup, code, date, mrkdwn

FORGOTTEN = N_(
    "*SkyPilot's server does not remember {run}*: its database was lost, or another server answers. "
    "The machines of {run} may be running, and billing."
)
FORGOTTEN_AT = N_(
    "*SkyPilot's server does not remember {run}*: its database was lost, or another server answers. "
    "The machines of {run} may be running, and billing {rate}."
)
LOOK_BY_HAND = N_("Look for them by hand: {command}.")
LOOK_AT_PROVIDER = N_("Look in your provider's console for machines whose names begin with {cluster}.")
HOW_TO_CONFIRM_GONE = N_("If they are gone, type {command}. Once the right server answers, {run} goes on.")
REMEMBERED_AGAIN = N_("SkyPilot's server remembers {run} again since {time}.")
REMOVAL_UNCONFIRMED = N_(
    "I ask SkyPilot to remove its cluster, again and again. SkyPilot does not remember it, so nothing confirms that it "
    "goes."
)

REMOVAL_WAITS_FOR_MODEL = N_(
    "SkyPilot does not remember its cluster, and its model is there alone. So I ask for its removal only when the time "
    "for fetching it is over; {command} asks at once. Nothing confirms that it goes."
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
    loss = run.memory.loss
    if loss is None or run.status is RunStatus.ENDED:
        return []
    began = int(loss.since.timestamp())
    if loss.until is None:
        return [build_alert(run, f"forgotten-{began}", mrkdwn(":rotating_light: {}", describe_memory_loss(run)), "")]
    sentence = translate(REMEMBERED_AGAIN, run=code(run.id), time=date(loss.until))
    return [thread_notice(f"remembered-{began}", mrkdwn(":white_check_mark: {}", sentence))]


def describe_memory_loss(run: Run) -> Markup:
    """Return what is unknown, at which rate the machines may bill, and what a person can do."""
    about = translate(FORGOTTEN, run=code(run.id))
    if run.hourly_rate:
        about = translate(
            FORGOTTEN_AT, run=code(run.id), rate=words.format_hourly_rate(run.hourly_rate.dollars_per_hour)
        )
    closing = translate(HOW_TO_CONFIRM_GONE, run=code(run.id), command=code(f"/verl stop {run.id} gone=yes"))
    return join_sentences(about, describe_manual_search(run), closing)


def describe_manual_search(run: Run) -> Markup:
    """Return how to look for the machines without SkyPilot."""
    command = SEARCH_COMMANDS.get(run.infra.partition("/")[0].lower())
    if command is None:
        return translate(LOOK_AT_PROVIDER, cluster=code(run.cluster))
    return translate(LOOK_BY_HAND, command=code(command.format(cluster=run.cluster)))


def describe_unconfirmed_removal(run: Run) -> Markup:
    """Return how the bot removes a cluster that SkyPilot does not remember."""
    if shows_rescue(run) and run.progress.checkpoint is not None:
        return translate(REMOVAL_WAITS_FOR_MODEL, command=code(f"/verl stop {run.id} save=no"))
    return translate(REMOVAL_UNCONFIRMED)
