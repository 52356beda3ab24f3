"""Messages about a run that SkyPilot's server forgot, or remembers again. Pure: a record in, messages out."""

from bot.core.drain import is_kept
from bot.core.run import Run
from bot.core.status import Status
from bot.language import mark
from bot.slack import words
from bot.slack.guards import told
from bot.slack.message import Message, said
from bot.slack.phrases import say, together
from bot.slack.text import Markup, code, date, mrkdwn

FORGOTTEN = mark(
    "*SkyPilot's server does not remember {run}*: its database was lost, or another server answers. "
    "The machines of {run} may be running, and billing."
)
FORGOTTEN_AT = mark(
    "*SkyPilot's server does not remember {run}*: its database was lost, or another server answers. "
    "The machines of {run} may be running, and billing {rate}."
)
LOOK = mark("Look for them by hand: {command}.")
LOOK_AT_PROVIDER = mark("Look in your provider's console for machines whose names begin with {cluster}.")
CONFIRM = mark("If they are gone, type {command}. Once the right server answers, {run} goes on.")
BACK = mark("SkyPilot's server remembers {run} again since {time}.")
UNCONFIRMED = mark(
    "I ask SkyPilot to remove its cluster, again and again. SkyPilot does not remember it, so nothing confirms that it "
    "goes."
)

WAITS_FOR_MODEL = mark(
    "SkyPilot does not remember its cluster, and its model is there alone. So I ask for its removal only when the time "
    "for fetching it is over; {command} asks at once. Nothing confirms that it goes."
)

SEARCHES = {
    "slurm": "squeue -o '%i %j %T' | grep {cluster}",
    "kubernetes": "kubectl get pods -A | grep {cluster}",
    "k8s": "kubectl get pods -A | grep {cluster}",
}
"""Commands that look for a cluster without SkyPilot, by the first part of its infra."""


def memory_messages(run: Run) -> list[Message]:
    """Return that SkyPilot does not remember the run, shown in the channel because of the money, or that it does
    again.
    """
    loss = run.memory.loss
    if loss is None or run.status is Status.ENDED:
        return []
    began = int(loss.since.timestamp())
    if loss.until is None:
        return [told(run, f"forgotten-{began}", mrkdwn(":rotating_light: {}", forgotten(run)), "")]
    back = say(BACK, run=code(run.id), time=date(loss.until))
    return [said(f"remembered-{began}", mrkdwn(":white_check_mark: {}", back))]


def forgotten(run: Run) -> Markup:
    """Return what is unknown, at which rate the machines may bill, and what a person can do."""
    about = say(FORGOTTEN, run=code(run.id))
    if run.hourly:
        about = say(FORGOTTEN_AT, run=code(run.id), rate=words.hourly(run.hourly.dollars_per_hour))
    closing = say(CONFIRM, run=code(run.id), command=code(f"/verl stop {run.id} gone=yes"))
    return together(about, search(run), closing)


def search(run: Run) -> Markup:
    """Return how to look for the machines without SkyPilot."""
    command = SEARCHES.get(run.infra.partition("/")[0].lower())
    if command is None:
        return say(LOOK_AT_PROVIDER, cluster=code(run.cluster))
    return say(LOOK, command=code(command.format(cluster=run.cluster)))


def removal(run: Run) -> Markup:
    """Return how the bot removes a cluster that SkyPilot does not remember."""
    if is_kept(run) and run.progress.checkpoint is not None:
        return say(WAITS_FOR_MODEL, command=code(f"/verl stop {run.id} save=no"))
    return say(UNCONFIRMED)
