"""Messages about a run's checkpoint: where it is, how its rescue goes, and what people must decide where that fails.
Pure.
"""

from datetime import datetime, timedelta

from bot.core import drain
from bot.core.keeping import DownloadProgress, TornCheckpoint
from bot.core.run import Run
from bot.core.status import Reason, RunStatus
from bot.language import N_
from bot.slack import words
from bot.slack.blocks import Block, actions, button, confirmation, section
from bot.slack.message import Message, thread_notice
from bot.slack.phrases import join_sentences, translate
from bot.slack.standing import format_number
from bot.slack.text import Markup, code, command_code, date, mention, mrkdwn

SAVE_AND_STOP, KEEP_CHECKPOINT, DISCARD_CHECKPOINT = "save_and_stop", "keep_model", "lose_model"
"""Action ids of the buttons."""

KEEP_HOURS = 1

UNKNOWN_STEP = "?"

DAY_AND_TIME = "{date_short_pretty} {time}"

ASK_BEFORE_DEADLINE = timedelta(minutes=15)
ASK_AFTER_BEGIN = timedelta(hours=1)
"""Time before the deadline at which people must decide, less where less time was given (a quarter of it); time after
the begin of a rescue at which they must decide in any case."""

SAVE_GRACE_REASONS = {
    Reason.LEASE_EXPIRED: N_("Its lease is over. It trains on until {time} at the most, so that it saves first."),
    Reason.BUDGET_EXCEEDED: N_("Its budget is spent. It trains on until {time} at the most, so that it saves first."),
    Reason.MONTHLY_BUDGET_EXCEEDED: N_(
        "This month's dollars are spent. It trains on until {time} at the most, so that it saves first."
    ),
    Reason.STOPPED: N_("It is to be stopped. It trains on until {time} at the most, so that it saves first."),
}
SAVE_GRACE_RATE = N_("That costs {rate}.")

DOWNLOADING = N_("Fetching the model of step {step} from its cluster: {amount} so far.")
DOWNLOADING_PERCENT = N_("Fetching the model of step {step} from its cluster: {amount} of {size}, {percent} %.")
DOWNLOAD_RETRIED = N_("The model of step {step} is not fetched yet, and I try again: {why}")
DOWNLOADED = N_("The model of step {step} is fetched: {size}, in {folder} on my machine.")
SEARCHING_CLUSTER = N_("I look on its cluster for a model, because the last lines of its log could not be read.")
SEARCH_RETRIED = N_("Whether its cluster has a model is not known yet, and I try again: {why}")
NO_CHECKPOINT = N_("Its cluster had no checkpoint.")
CHECKPOINT_INCOMPLETE = N_("Its checkpoint of step {step} is not whole: {why}")
NEWER_CHECKPOINT_LOST = N_("Its newer checkpoint of step {step} was lost with its machine.")
NONE_COMPLETE = N_("*None of its checkpoints is whole.* Step {step}: {why}")
NONE_WAS_COMPLETE = N_("None of its checkpoints was whole, so there is no model. Step {step}: {why}")
NONE_IN_LOG = N_("No checkpoint was seen in its log.")
NONE_IN_LOG_CLUSTER_UNREACHABLE = N_("No checkpoint was seen in its log, and its cluster could not be asked: {why}")
NOT_KNOWN_YET = N_("Whether it has saved a model is not known yet.")
NEVER_KNOWN = N_(
    "Whether it saved a model is not known: "
    "its log was not read to its end, and its cluster was gone before I could look."
)
DISCARDED = N_("{person} has the model of step {step} lost with its cluster.")
ABANDONED = N_("The model of step {step} is given up: it could not be fetched by {time}, and nobody said to wait.")

CANNOT_DOWNLOAD = N_("*The model of step {step} cannot be fetched*: {why}")
DOWNLOAD_IS_SLOW = N_("*The model of step {step} is not here yet.*")
CLUSTER_KEPT_UNTIL = N_("Its cluster stands for it until {time}; then it is removed, and the model is lost.")
CLUSTER_KEPT_AT_RATE = N_(
    "Its cluster stands for it at {rate}, until {time}; then it is removed, and the model is lost."
)
KEPT_BY_PERSON = N_("{person} has it kept until then.")
KEEPS_TRYING = N_("I go on trying.")

SAVED_HERE = N_("Model: step {step}, {size}, in {folder} on my machine.")
SAVED_HERE_VALIDATED = N_("Model: step {step} (validation {value}), {size}, in {folder} on my machine.")
SAVED_HERE_VALIDATED_AT = N_("Model: step {step} (validation {value} at step {at}), {size}, in {folder} on my machine.")
HOW_TO_MERGE = N_("To load it, make a Hugging Face model of its shards: {command}")
HOW_TO_COPY = N_("To go on from it, copy {folder} into a volume or bucket: {command}")
LOST_BY_APPROVAL = N_("The model of step {step} was lost with its machine: so {person} has said.")
LOST_NOT_DOWNLOADED = N_("The model of step {step} was lost with its machine: it could not be fetched in time.")
LOST_NOT_DOWNLOADED_BECAUSE = N_(
    "The model of step {step} was lost with its machine, for it could not be fetched in time: {why}"
)
LOST_WITH_MACHINE = N_("The model of step {step} died with the machine: no `volume=` or `bucket=` was set.")
LOST_OUTSIDE_STORE = N_(
    "The model of step {step} was saved in {folder}, which is not in {place}: "
    "it died with the machine, unless that outlives it."
)
ON_JOB_MACHINES = N_("The model of step {step} is on machines that go with its program.")
ON_CLUSTER_ALONE = N_("The model of step {step} is on its cluster alone. I fetch it before that goes.")


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
        translate(SAVE_GRACE_RATE, rate=words.format_hourly_rate(run.hourly_rate.dollars_per_hour))
        if run.hourly_rate
        else ""
    )
    text = join_sentences(translate(SAVE_GRACE_REASONS[grace.reason], time=date(grace.until)), costs)
    return thread_notice(f"draining-{grace.until.timestamp():.0f}", mrkdwn(":floppy_disk: {}", text))


def rescue_message(run: Run) -> Message | None:
    """Return the state of the rescue, in one message of the thread."""
    # A log that was read to its end and mentions no checkpoint is almost proof that there is none.
    surely_none = run.progress.checkpoint is None and run.log_saved_at is not None
    if run.checkpoint_rescue.started_at is None or surely_none:
        return None
    text = mrkdwn(":package: {}", describe_outcome(run) or describe_rescue(run))
    state = "settled" if run.checkpoint_rescue.is_resolved else "trouble" if run.checkpoint_rescue.last_error else ""
    return Message("model", text, (section(text),), urgent=state, is_edited=True)


def describe_outcome(run: Run) -> Markup:
    """Return the result of the rescue; empty where it is not known yet."""
    rescue, step = run.checkpoint_rescue, newest_step(run)
    if rescue.download and rescue.is_downloaded:
        text = translate(
            DOWNLOADED,
            step=rescue.step,
            size=format_bytes(rescue.download.downloaded_bytes),
            folder=code(rescue.download.folder),
        )
        return join_sentences(text, describe_newer_checkpoint(run))
    if rescue.discard_approved_by:
        return translate(DISCARDED, person=mention(rescue.discard_approved_by), step=step)
    if rescue.no_checkpoint_at:
        return translate(NO_CHECKPOINT)
    if rescue.abandoned_at and rescue.none_complete_at:
        return describe_incomplete(run, NONE_WAS_COMPLETE)
    if rescue.abandoned_at:
        return translate(ABANDONED, step=step, time=date(rescue.abandoned_at, DAY_AND_TIME))
    if run.status is not RunStatus.ENDED:
        return Markup()
    return describe_lost_checkpoint(run) if run.progress.checkpoint is not None else describe_unlogged_checkpoint(run)


def describe_rescue(run: Run) -> Markup:
    """Return the state of a rescue without a result."""
    rescue, step = run.checkpoint_rescue, newest_step(run)
    if run.progress.checkpoint is None:
        return translate(SEARCH_RETRIED, why=rescue.last_error) if rescue.last_error else translate(SEARCHING_CLUSTER)
    if rescue.last_error:
        return translate(DOWNLOAD_RETRIED, step=step, why=rescue.last_error)
    return join_sentences(
        describe_download(rescue.download or DownloadProgress(""), step), describe_newer_checkpoint(run)
    )


def describe_download(fetch: DownloadProgress, step: int | str) -> Markup:
    """Return how much of the checkpoint is downloaded, in percent where its size is known."""
    if not fetch.total_bytes:
        return translate(DOWNLOADING, step=step, amount=format_bytes(fetch.downloaded_bytes))
    percent = min(100 * fetch.downloaded_bytes // fetch.total_bytes, 99)
    return translate(
        DOWNLOADING_PERCENT,
        step=step,
        amount=format_bytes(fetch.downloaded_bytes),
        size=format_bytes(fetch.total_bytes),
        percent=percent,
    )


def describe_newer_checkpoint(run: Run) -> Markup:
    """Return what became of the newest checkpoint where an older one is rescued; empty where there is none newer."""
    rescue = run.checkpoint_rescue
    known_step = run.progress.checkpoint_step if rescue.step is None else rescue.step
    incomplete = next(
        (
            checkpoint
            for checkpoint in rescue.torn_checkpoints
            if known_step is not None and checkpoint.step > known_step
        ),
        None,
    )
    if incomplete:
        return translate(CHECKPOINT_INCOMPLETE, step=incomplete.step, why=incomplete.reason)
    newest = run.progress.checkpoint_step
    is_older = rescue.is_downloaded and newest is not None and known_step is not None and newest > known_step
    return translate(NEWER_CHECKPOINT_LOST, step=newest) if is_older else Markup()


def has_no_complete_checkpoint(run: Run) -> bool:
    """Return whether the cluster is kept although none of its checkpoints is complete."""
    return (
        run.checkpoint_rescue.none_complete_at is not None
        and not run.checkpoint_rescue.is_resolved
        and run.status is not RunStatus.ENDED
    )


def describe_incomplete(run: Run, phrase: str) -> Markup:
    """Return that no checkpoint is complete, with what is wrong with the newest."""
    checkpoint = (
        run.checkpoint_rescue.torn_checkpoints[0]
        if run.checkpoint_rescue.torn_checkpoints
        else TornCheckpoint(run.progress.checkpoint_step or 0, run.checkpoint_rescue.last_error or "")
    )
    return translate(phrase, step=checkpoint.step, why=checkpoint.reason)


def rescue_question(run: Run, now: datetime) -> Message | None:
    """Return the question what to do about a checkpoint that cannot be rescued: one message, edited to the result at
    the end.
    """
    rescue = run.checkpoint_rescue
    if rescue.people_notified_at is None and not (drain.needs_rescue(run) and is_late(run, now)):
        return None
    if result := describe_outcome(run):
        text = mrkdwn(":package: {}", result)
        return Message("model-lost", text, (section(text),), urgent="over", is_edited=True, broadcast=True)
    text = mrkdwn(
        ":rotating_light: {}",
        join_sentences(describe_problem(run), describe_deadline(run), describe_keeper(run), translate(KEEPS_TRYING)),
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
    return (
        translate(CANNOT_DOWNLOAD, step=step, why=run.checkpoint_rescue.last_error)
        if run.checkpoint_rescue.last_error
        else translate(DOWNLOAD_IS_SLOW, step=step)
    )


def describe_deadline(run: Run) -> Markup:
    """Return until when its cluster is kept, and at which rate."""
    until = date(run.checkpoint_rescue.deadline, DAY_AND_TIME) if run.checkpoint_rescue.deadline else ""
    if run.hourly_rate is None:
        return translate(CLUSTER_KEPT_UNTIL, time=until)
    return translate(CLUSTER_KEPT_AT_RATE, time=until, rate=words.format_hourly_rate(run.hourly_rate.dollars_per_hour))


def describe_keeper(run: Run) -> Markup:
    """Return who has extended the deadline; empty where no person has."""
    return (
        translate(KEPT_BY_PERSON, person=mention(run.checkpoint_rescue.keep_requested_by))
        if run.checkpoint_rescue.keep_requested_by
        else Markup()
    )


def keep_button(run: Run) -> Block:
    """Return the button that keeps the cluster longer. It names the deadline that it was shown with, so a second click
    adds nothing.
    """
    until = run.checkpoint_rescue.deadline.timestamp() if run.checkpoint_rescue.deadline else 0
    return button(translate("Keep {hours} h", hours=KEEP_HOURS), KEEP_CHECKPOINT, f"{run.id} {until:.0f}")


def discard_button(run: Run) -> Block:
    """Return the button that tears the cluster down and loses the checkpoint, after a confirmation: there is no way
    back.
    """
    text = translate(
        "The cluster of {run} is removed, and the model of step {step} is lost for good.",
        run=code(run.id),
        step=newest_step(run),
    )
    dialog = confirmation(translate("Lose this model?"), text, translate("Lose it"), translate("Keep it"))
    return button(translate("Tear down and lose it"), DISCARD_CHECKPOINT, run.id, dialog, "danger")


def save_and_stop_button(run: Run) -> Block:
    """Return the button that saves a checkpoint and then stops the run."""
    return button(translate("Save and stop"), SAVE_AND_STOP, run.id)


def describe_model(run: Run) -> Markup:
    """Return where the trained model is, in a sentence; empty where the recipe saves none."""
    progress = run.progress
    if progress.checkpoint is None:
        was_abandoned = run.checkpoint_rescue.abandoned_at or (
            run.checkpoint_rescue.discard_approved_by and run.checkpoint_rescue.started_at
        )
        return describe_lost_checkpoint(run) if was_abandoned else describe_unlogged_checkpoint(run)
    if run.checkpoint_rescue.download and run.checkpoint_rescue.is_downloaded:
        return describe_rescued_checkpoint(run, run.checkpoint_rescue.download)
    if run.checkpoint_store is None and has_no_complete_checkpoint(run):
        return describe_incomplete(run, NONE_COMPLETE)
    if run.checkpoint_store is None:
        return (
            describe_lost_checkpoint(run)
            if run.checkpoint_rescue.is_resolved or run.status is RunStatus.ENDED
            else describe_unrescued_checkpoint(run)
        )
    # A checkpoint whose path lacks the run's id is not in the run's folder of the store.
    if run.id not in progress.checkpoint:
        return translate(
            LOST_OUTSIDE_STORE,
            step=progress.checkpoint_step,
            folder=code(progress.checkpoint),
            place=code(run.checkpoint_store),
        )
    location = code(f"{run.checkpoint_store} › {progress.checkpoint[progress.checkpoint.find(run.id) :]}")
    return translate("Model: step {step}, in {place}.", step=progress.checkpoint_step, place=location)


def list_instructions(run: Run) -> list[Markup]:
    """Return what can be done with a downloaded checkpoint, a line each."""
    fetch = run.checkpoint_rescue.download
    return (
        list(filter(None, [describe_how_to_load(fetch), describe_how_to_resume(run)]))
        if fetch and fetch.is_complete
        else []
    )


def describe_unlogged_checkpoint(run: Run) -> Markup:
    """Return what is known of a checkpoint that no log has mentioned; empty where none is to be expected.

    That there is none is reported once a look at the cluster has shown it.
    """
    may_have_trained = run.progress.step is not None or drain.may_have_trained(run)
    if not may_have_trained or not (run.checkpoint_store or run.checkpoints_ephemeral):
        return Markup()
    if run.checkpoint_store:
        location = code(f"{run.checkpoint_store} › {run.id}")
        return translate("No checkpoint was seen in its log; if there is one, it is in {place}.", place=location)
    if run.checkpoint_rescue.no_checkpoint_at:
        return translate(NO_CHECKPOINT)
    if not run.is_finished:
        return translate(NONE_IN_LOG) if run.progress.step is not None else Markup()
    if run.log_saved_at is None and not run.managed:
        return translate(NEVER_KNOWN if run.status is RunStatus.ENDED else NOT_KNOWN_YET)
    trouble = run.checkpoint_rescue.last_error
    return translate(NONE_IN_LOG_CLUSTER_UNREACHABLE, why=trouble) if trouble else translate(NONE_IN_LOG)


def newest_step(run: Run) -> int | str:
    """Return the step of the newest checkpoint; a question mark where it is unknown whether there is one."""
    step = run.progress.checkpoint_step
    return UNKNOWN_STEP if step is None else step


def describe_rescued_checkpoint(run: Run, fetch: DownloadProgress) -> Markup:
    """Return where the downloaded checkpoint is, and what became of a newer one."""
    return join_sentences(describe_downloaded_files(run, fetch), describe_newer_checkpoint(run))


def describe_downloaded_files(run: Run, fetch: DownloadProgress) -> Markup:
    """Return step, size and folder of the downloaded checkpoint, with its validation where known."""
    fields = {
        "step": run.checkpoint_rescue.step,
        "size": format_bytes(fetch.downloaded_bytes),
        "folder": code(fetch.folder),
    }
    progress = run.progress
    points = progress.validations.points
    validation = next((value for step, value in points if step == run.checkpoint_rescue.step), None)
    if validation is not None:
        return translate(SAVED_HERE_VALIDATED, **fields, value=format_number(validation))
    if progress.validation is None or progress.validated_step is None:
        return translate(SAVED_HERE, **fields)
    if progress.validated_step == run.checkpoint_rescue.step:
        return translate(SAVED_HERE_VALIDATED, **fields, value=format_number(progress.validation))
    return translate(
        SAVED_HERE_VALIDATED_AT, **fields, value=format_number(progress.validation), at=progress.validated_step
    )


def describe_how_to_load(fetch: DownloadProgress) -> Markup:
    """Return the command that merges the shards: verl's own program (verl 0.9.1, `verl.model_merger`)."""
    if not fetch.is_sharded:
        return Markup()
    merge = "python3 -m verl.model_merger merge --backend fsdp"
    return translate(HOW_TO_MERGE, command=command_code(f"{merge} --local_dir {fetch.folder}/actor --target_dir MODEL"))


def describe_how_to_resume(run: Run) -> Markup:
    """Return the commands that resume training from the downloaded checkpoint."""
    if not run.resumes or run.checkpoint_rescue.download is None:
        return Markup()
    folder = run.checkpoint_rescue.download.folder.rpartition("/")[0]
    command_line = f"/verl launch {run.recipe} volume=NAME resume_from={run.id}"
    return translate(HOW_TO_COPY, folder=code(folder), command=command_code(command_line))


def describe_unrescued_checkpoint(run: Run) -> Markup:
    """Return that the checkpoint is on the run's machines alone."""
    return translate(ON_JOB_MACHINES if run.managed else ON_CLUSTER_ALONE, step=run.progress.checkpoint_step)


def describe_lost_checkpoint(run: Run) -> Markup:
    """Return why a checkpoint that was on its machine alone is lost."""
    rescue, step = run.checkpoint_rescue, newest_step(run)
    if rescue.discard_approved_by:
        return translate(LOST_BY_APPROVAL, step=step, person=mention(rescue.discard_approved_by))
    if rescue.none_complete_at:
        return describe_incomplete(run, NONE_WAS_COMPLETE)
    if rescue.abandoned_at and rescue.last_error:
        return translate(LOST_NOT_DOWNLOADED_BECAUSE, step=step, why=rescue.last_error)
    return translate(LOST_NOT_DOWNLOADED if rescue.abandoned_at else LOST_WITH_MACHINE, step=step)


def format_bytes(count: int) -> str:
    """Return a count of bytes with a decimal unit.

    >>> format_bytes(0), format_bytes(999), format_bytes(12_345), format_bytes(2_000_000), format_bytes(123_456_789_000)
    ('0 B', '999 B', '12 KB', '2.0 MB', '123 GB')
    """
    amount, units = float(count), ["B", "KB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.1f} {units[0]}" if amount < 10 and units[0] != "B" else f"{amount:,.0f} {units[0]}"
