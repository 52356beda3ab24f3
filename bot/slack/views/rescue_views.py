"""Messages about a checkpoint that is being saved before its machine is removed. Pure."""

from datetime import datetime, timedelta

from bot.core.model.checkpoint import DownloadProgress
from bot.core.model.run import Run
from bot.core.model.run_state import Reason
from bot.core.rules import save_grace
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.blocks import Block, actions, button, confirmation, section
from bot.slack.views.checkpoint_views import (
    NONE_COMPLETE,
    describe_incomplete,
    describe_newer_checkpoint,
    describe_outcome,
    format_bytes,
    newest_step,
)
from bot.slack.views.message import Message, thread_notice
from bot.slack.views.mrkdwn import (
    DAY_AND_TIME,
    Markup,
    date,
    join_markup_sentences,
    join_parts,
    mention,
    mrkdwn,
    render_phrase,
)

SAVE_AND_STOP, KEEP_CHECKPOINT, DISCARD_CHECKPOINT = "save_and_stop", "keep_model", "lose_model"
"""Action ids of the buttons."""

KEEP_HOURS = 1

ASK_BEFORE_DEADLINE = timedelta(minutes=15)
ASK_AFTER_BEGIN = timedelta(hours=1)
"""Time before the deadline at which people must decide, less where less time was given (a quarter of it); time after
the begin of a rescue at which they must decide in any case."""

SAVE_GRACE_REASONS = {
    Reason.LEASE_EXPIRED: N_(
        "The lease of {run} has ended. The run keeps training until {time} at most, to save a checkpoint first."
    ),
    Reason.BUDGET_EXCEEDED: N_(
        "The budget of {run} is used up. The run keeps training until {time} at most, to save a checkpoint first."
    ),
    Reason.MONTHLY_BUDGET_EXCEEDED: N_(
        "A monthly budget that {run} draws on is used up. The run keeps training until {time} at most, to save a "
        "checkpoint first."
    ),
    Reason.SICK: N_(
        "The training of {run} is sick, so I will stop the run. It keeps training until {time} at most, to save a "
        "checkpoint first."
    ),
    Reason.STOPPED: N_("{run} will be stopped. It keeps training until {time} at most, to save a checkpoint first."),
}
SAVE_GRACE_RATE = N_("That costs {rate}.")

DOWNLOADING = N_("Downloading the step-{step} checkpoint of {run} from its cluster: {amount} so far.")
DOWNLOADING_PERCENT = N_(
    "Downloading the step-{step} checkpoint of {run} from its cluster: {amount} of {size}, {percent}%."
)
DOWNLOAD_RETRIED = N_("The step-{step} checkpoint of {run} is not downloaded yet; I keep trying. {why}")
SEARCHING_CLUSTER = N_("I could not read the last log lines of {run}, so I am looking for a checkpoint on its cluster.")
SEARCH_RETRIED = N_("I do not know yet whether the cluster of {run} has a checkpoint; I keep trying. {why}")

CANNOT_DOWNLOAD = N_("*The step-{step} checkpoint of {run} cannot be downloaded.* {why}")
DOWNLOAD_IS_SLOW = N_("*The step-{step} checkpoint of {run} is not downloaded yet.*")
CANNOT_SEARCH = N_("*I cannot tell whether {run} saved a checkpoint.* {why}")
SEARCH_IS_SLOW = N_("*I have not found out yet whether {run} saved a checkpoint.*")
CLUSTER_KEPT_UNTIL = N_("The cluster is kept until {time}; after that it is deleted and the checkpoint is lost.")
CLUSTER_KEPT_AT_RATE = N_(
    "The cluster is kept until {time} at {rate}; after that it is deleted and the checkpoint is lost."
)
LOSES_CHECKPOINT = N_(
    "The cluster of {run} will be deleted, and the step-{step} checkpoint with it. This cannot be undone."
)
LOSES_ANY_CHECKPOINT = N_("The cluster of {run} will be deleted, and any checkpoint on it. This cannot be undone.")
KEPT_BY_PERSON = N_("{person} asked me to keep it until then.")
KEEPS_TRYING = N_("I keep trying.")


def list_checkpoint_messages(run: Run, now: datetime) -> list[Message]:
    """Return the messages about saving the checkpoint before its machine goes; what people must decide, the channel
    shows too.
    """
    return [message for message in (save_grace_message(run), rescue_message(run), rescue_question(run, now)) if message]


def save_grace_message(run: Run) -> Message | None:
    """Return that the run may save before it ends, and at which rate; None once the run has finished, because it saves
    no more.
    """
    grace = run.checkpoint_rescue.save_grace
    if grace is None or run.is_finished:
        return None
    costs = (
        render_phrase(SAVE_GRACE_RATE, rate=wording.format_hourly_rate(run.spending.hourly_rate.dollars_per_hour))
        if run.spending.hourly_rate
        else ""
    )
    text = join_markup_sentences(
        render_phrase(SAVE_GRACE_REASONS[grace.reason], run=wording.link_run(run), time=date(grace.until)), costs
    )
    return thread_notice(
        f"draining-{grace.until.timestamp():.0f}", mrkdwn(":floppy_disk: {} {}", text, mention(run.requester))
    )


def rescue_message(run: Run) -> Message | None:
    """Return the state of the rescue, in one message of the thread."""
    # A log that was read to its end and mentions no checkpoint is almost proof that there is none.
    surely_none = run.training.progress.checkpoint is None and run.teardown.log_saved_at is not None
    if run.checkpoint_rescue.started_at is None or surely_none:
        return None
    text = mrkdwn(":package: {}", name_first(run, describe_outcome(run) or describe_rescue(run)))
    state = "settled" if run.checkpoint_rescue.is_resolved else "trouble" if run.checkpoint_rescue.last_error else ""
    return Message("model", text, (section(text),), urgent=state, is_edited=True)


def name_first(run: Run, text: Markup) -> Markup:
    """Return the text, after the run's name where it does not name the run."""
    return text if run.id in text else join_parts(" · ", [wording.link_run(run), text])


def describe_rescue(run: Run) -> Markup:
    """Return the state of a rescue without a result."""
    rescue, step = run.checkpoint_rescue, newest_step(run)
    if run.training.progress.checkpoint is None:
        return (
            render_phrase(SEARCH_RETRIED, run=wording.link_run(run), why=rescue.last_error)
            if rescue.last_error
            else render_phrase(SEARCHING_CLUSTER, run=wording.link_run(run))
        )
    if rescue.last_error:
        return render_phrase(DOWNLOAD_RETRIED, run=wording.link_run(run), step=step, why=rescue.last_error)
    return join_markup_sentences(
        describe_download(run, rescue.download or DownloadProgress("")), describe_newer_checkpoint(run)
    )


def describe_download(run: Run, fetch: DownloadProgress) -> Markup:
    """Return how much of the checkpoint is downloaded, in percent where its size is known."""
    about = {"run": wording.link_run(run), "step": newest_step(run), "amount": format_bytes(fetch.downloaded_bytes)}
    if not fetch.total_bytes:
        return render_phrase(DOWNLOADING, **about)
    percent = min(100 * fetch.downloaded_bytes // fetch.total_bytes, 99)
    return render_phrase(DOWNLOADING_PERCENT, **about, size=format_bytes(fetch.total_bytes), percent=percent)


def rescue_question(run: Run, now: datetime) -> Message | None:
    """Return the question what to do about a checkpoint that cannot be rescued: one message, edited to the result at
    the end.
    """
    rescue = run.checkpoint_rescue
    if rescue.people_notified_at is None and not (save_grace.needs_rescue(run) and is_late(run, now)):
        return None
    if result := describe_outcome(run):
        text = mrkdwn(":package: {}", name_first(run, result))
        return Message("model-lost", text, (section(text),), urgent="over", is_edited=True, broadcast=True)
    text = mrkdwn(
        ":rotating_light: {}",
        join_markup_sentences(
            describe_problem(run), describe_deadline(run), describe_keeper(run), render_phrase(KEEPS_TRYING)
        ),
    )
    blocks = (section(mrkdwn("{} {}", text, mention(run.requester))), actions(keep_button(run), discard_button(run)))
    state = f"{rescue.deadline.timestamp():.0f}" if rescue.deadline else "asks"
    return Message("model-lost", text, blocks, urgent=state, is_edited=True, broadcast=True)


def is_late(run: Run, now: datetime) -> bool:
    """Return whether the download may miss its deadline."""
    began, until = run.checkpoint_rescue.started_at, run.checkpoint_rescue.deadline
    if began is None or until is None:
        return False
    return now >= min(until - min(ASK_BEFORE_DEADLINE, (until - began) / 4), began + ASK_AFTER_BEGIN)


def describe_problem(run: Run) -> Markup:
    """Return why the checkpoint is not rescued yet."""
    step = newest_step(run)
    if run.checkpoint_rescue.none_complete_at:
        return describe_incomplete(run, NONE_COMPLETE)
    is_search = run.training.progress.checkpoint is None
    if why := run.checkpoint_rescue.last_error:
        return render_phrase(
            CANNOT_SEARCH if is_search else CANNOT_DOWNLOAD, run=wording.link_run(run), step=step, why=why
        )
    return render_phrase(SEARCH_IS_SLOW if is_search else DOWNLOAD_IS_SLOW, run=wording.link_run(run), step=step)


def describe_deadline(run: Run) -> Markup:
    """Return until when its cluster is kept, and at which rate."""
    until = date(run.checkpoint_rescue.deadline, DAY_AND_TIME) if run.checkpoint_rescue.deadline else ""
    if run.spending.hourly_rate is None:
        return render_phrase(CLUSTER_KEPT_UNTIL, time=until)
    return render_phrase(
        CLUSTER_KEPT_AT_RATE, time=until, rate=wording.format_hourly_rate(run.spending.hourly_rate.dollars_per_hour)
    )


def describe_keeper(run: Run) -> Markup:
    """Return who has extended the deadline; empty where no person has."""
    return (
        render_phrase(KEPT_BY_PERSON, person=mention(run.checkpoint_rescue.keep_requested_by))
        if run.checkpoint_rescue.keep_requested_by
        else Markup()
    )


def keep_button(run: Run) -> Block:
    """Return the button that keeps the cluster longer. It names the deadline that it was shown with, so a second click
    adds nothing.
    """
    until = run.checkpoint_rescue.deadline.timestamp() if run.checkpoint_rescue.deadline else 0
    return button(render_phrase("Keep {hours} h", hours=KEEP_HOURS), KEEP_CHECKPOINT, f"{run.id} {until:.0f}")


def discard_button(run: Run) -> Block:
    """Return the button that tears the cluster down and loses the checkpoint, after a confirmation: there is no way
    back.
    """
    phrase = LOSES_ANY_CHECKPOINT if run.training.progress.checkpoint is None else LOSES_CHECKPOINT
    text = render_phrase(phrase, run=wording.link_run(run), step=newest_step(run))
    dialog = confirmation(render_phrase("Delete the model?"), text, render_phrase("Delete"), render_phrase("Keep it"))
    return button(render_phrase("Delete cluster and model"), DISCARD_CHECKPOINT, run.id, dialog, "danger")


def save_and_stop_button(run: Run) -> Block:
    """Return the button that saves a checkpoint and then stops the run."""
    return button(render_phrase("Save and stop"), SAVE_AND_STOP, run.id)
