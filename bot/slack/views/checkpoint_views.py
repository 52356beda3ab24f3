"""Messages about a run's checkpoint: where it is, how its rescue goes, and what people must decide where that fails.
Pure.
"""

from bot.core.model.checkpoint import DownloadProgress, TornCheckpoint
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules import save_grace
from bot.core.rules.unknown_checkpoints import is_checkpoint_unknown, is_search_given_up
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.mrkdwn import (
    DAY_AND_TIME,
    Markup,
    code,
    command_code,
    date,
    escape,
    join_markup_sentences,
    mention,
    render_phrase,
)
from bot.slack.views.progress_views import format_number

UNKNOWN_STEP = "?"

DOWNLOADED = N_("Downloaded the step-{step} checkpoint of {run}: {size}, in {folder} on the bot's machine.")
NO_CHECKPOINT = N_("The cluster of {run} had no checkpoint.")
CHECKPOINT_INCOMPLETE = N_("The step-{step} checkpoint is incomplete: {why}")
NEWER_CHECKPOINT_LOST = N_("The newer step-{step} checkpoint was lost with the cluster.")
NONE_COMPLETE = N_("*{run} has no complete checkpoint.* Step {step}: {why}")
NONE_WAS_COMPLETE = N_("{run} had no complete checkpoint, so there is no model. Step {step}: {why}")
NONE_IN_LOG = N_("The log shows no checkpoint.")
NONE_IN_LOG_CLUSTER_UNREACHABLE = N_("The log shows no checkpoint, and I could not check the cluster. {why}")
NOT_KNOWN_YET = N_("I do not know yet whether {run} saved a checkpoint.")
NEVER_KNOWN = N_(
    "I do not know whether {run} saved a checkpoint: I could not read the log to the end, and the cluster was gone "
    "before I could look."
)
DISCARDED = N_("{person} chose to discard the step-{step} checkpoint of {run}.")
ABANDONED = N_(
    "The step-{step} checkpoint of {run} is lost: I could not download it by {time}, and the cluster was not kept "
    "longer."
)

SEARCH_ABANDONED = N_(
    "I do not know whether {run} saved a checkpoint: I could not search its cluster by {time}, and the cluster was not "
    "kept longer."
)
SEARCH_DISCARDED = N_(
    "{person} chose to delete the cluster of {run} before I could search it, so I do not know whether it had a "
    "checkpoint."
)

SAVED_HERE = N_("Model: step {step}, {size}, in {folder} on the bot's machine.")
SAVED_HERE_VALIDATED = N_("Model: step {step} (validation {value}), {size}, in {folder} on the bot's machine.")
SAVED_HERE_VALIDATED_AT = N_(
    "Model: step {step} (validation {value} at step {at}), {size}, in {folder} on the bot's machine."
)
HOW_TO_MERGE = N_("To load the model, merge the shards into Hugging Face format: {command}")
HOW_TO_COPY = N_("To resume, copy {folder} into a volume or bucket, then: {command}")
LOST_BY_APPROVAL = N_("{person} chose to discard the step-{step} checkpoint.")
LOST_NOT_DOWNLOADED = N_("The step-{step} checkpoint was lost with the cluster: I could not download it in time.")
LOST_NOT_DOWNLOADED_BECAUSE = N_(
    "The step-{step} checkpoint was lost with the cluster: I could not download it in time. {why}"
)
LOST_WITH_MACHINE = N_("The step-{step} checkpoint was lost with the cluster: neither `volume=` nor `bucket=` was set.")
LOST_OUTSIDE_STORE = N_(
    "The step-{step} checkpoint was saved in {folder}, not in {place}, so it was lost with the cluster unless that "
    "folder is on other storage."
)
ON_JOB_MACHINES = N_(
    "The step-{step} checkpoint is only on the cluster. SkyPilot deletes the cluster when the job ends, and the "
    "checkpoint with it."
)
WAS_ON_CLUSTER_ALONE = N_("The step-{step} checkpoint was only on the cluster.")
ON_CLUSTER_ALONE = N_(
    "The step-{step} checkpoint is only on the cluster. I will download it before the cluster is deleted."
)


def describe_outcome(run: Run) -> Markup:
    """Return the result of the rescue; empty where it is not known yet."""
    rescue, step = run.checkpoint_rescue, newest_step(run)
    if rescue.download and rescue.is_downloaded:
        text = render_phrase(
            DOWNLOADED,
            run=wording.link_run(run),
            step=rescue.step,
            size=format_bytes(rescue.download.downloaded_bytes),
            folder=code(rescue.download.folder),
        )
        return join_markup_sentences(text, describe_newer_checkpoint(run))
    if rescue.no_checkpoint_at:
        return render_phrase(NO_CHECKPOINT, run=wording.link_run(run))
    if is_search_given_up(run):
        return describe_unfound_checkpoint(run)
    if rescue.discard_approved_by:
        return render_phrase(
            DISCARDED, run=wording.link_run(run), person=mention(rescue.discard_approved_by), step=step
        )
    if rescue.abandoned_at and rescue.none_complete_at:
        return describe_incomplete(run, NONE_WAS_COMPLETE)
    if rescue.abandoned_at:
        return render_phrase(
            ABANDONED, run=wording.link_run(run), step=step, time=date(rescue.abandoned_at, DAY_AND_TIME)
        )
    if run.status is not RunStatus.ENDED:
        return Markup()
    return (
        describe_lost_checkpoint(run)
        if run.training.progress.checkpoint is not None
        else describe_unlogged_checkpoint(run)
    )


def describe_newer_checkpoint(run: Run) -> Markup:
    """Return what became of the newest checkpoint where an older one is rescued; empty where there is none newer."""
    rescue = run.checkpoint_rescue
    known_step = run.training.progress.checkpoint_step if rescue.step is None else rescue.step
    incomplete = next(
        (
            checkpoint
            for checkpoint in rescue.torn_checkpoints
            if known_step is not None and checkpoint.step > known_step
        ),
        None,
    )
    if incomplete:
        return render_phrase(CHECKPOINT_INCOMPLETE, step=incomplete.step, why=incomplete.reason)
    newest = run.training.progress.checkpoint_step
    is_older = rescue.is_downloaded and newest is not None and known_step is not None and newest > known_step
    return render_phrase(NEWER_CHECKPOINT_LOST, step=newest) if is_older else Markup()


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
        else TornCheckpoint(run.training.progress.checkpoint_step or 0, run.checkpoint_rescue.last_error or "")
    )
    return render_phrase(phrase, run=wording.link_run(run), step=checkpoint.step, why=checkpoint.reason)


def describe_model(run: Run) -> Markup:
    """Return where the trained model is, in a sentence; empty where the recipe saves none."""
    progress = run.training.progress
    if progress.checkpoint is None:
        return describe_unfound_checkpoint(run) if is_search_given_up(run) else describe_unlogged_checkpoint(run)
    if run.checkpoint_rescue.download and run.checkpoint_rescue.is_downloaded:
        return describe_rescued_checkpoint(run, run.checkpoint_rescue.download)
    if run.plan.checkpoint_store is None and has_no_complete_checkpoint(run):
        return describe_incomplete(run, NONE_COMPLETE)
    if run.plan.checkpoint_store is None:
        return (
            describe_lost_checkpoint(run)
            if run.checkpoint_rescue.is_resolved or run.status is RunStatus.ENDED
            else describe_unrescued_checkpoint(run)
        )
    # A checkpoint whose path lacks the run's id is not in the run's folder of the store.
    if run.id not in progress.checkpoint:
        return render_phrase(
            LOST_OUTSIDE_STORE,
            step=progress.checkpoint_step,
            folder=code(progress.checkpoint),
            place=code(run.plan.checkpoint_store),
        )
    location = code(f"{run.plan.checkpoint_store} › {progress.checkpoint[progress.checkpoint.find(run.id) :]}")
    return render_phrase("Model: step {step}, in {place}.", step=progress.checkpoint_step, place=location)


def describe_unfound_checkpoint(run: Run) -> Markup:
    """Return what is known of a checkpoint after a search for it was given up."""
    rescue, name = run.checkpoint_rescue, wording.link_run(run)
    if rescue.no_checkpoint_at:
        return render_phrase(NO_CHECKPOINT, run=name)
    if rescue.none_complete_at:
        return describe_incomplete(run, NONE_WAS_COMPLETE)
    if rescue.discard_approved_by:
        return render_phrase(SEARCH_DISCARDED, run=name, person=mention(rescue.discard_approved_by))
    # The log was read to its end, and says more than the search.
    if rescue.abandoned_at is None or run.teardown.log_saved_at is not None:
        return describe_unlogged_checkpoint(run)
    time = date(rescue.abandoned_at, DAY_AND_TIME)
    return join_markup_sentences(render_phrase(SEARCH_ABANDONED, run=name, time=time), escape(rescue.last_error or ""))


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
    may_have_trained = run.training.progress.step is not None or save_grace.may_have_trained(run)
    if not may_have_trained or not (run.plan.checkpoint_store or run.plan.checkpoints_ephemeral):
        return Markup()
    if run.plan.checkpoint_store:
        location = code(f"{run.plan.checkpoint_store} › {run.id}")
        return render_phrase("The log shows no checkpoint; if there is one, it is in {place}.", place=location)
    if run.checkpoint_rescue.no_checkpoint_at:
        return render_phrase(NO_CHECKPOINT, run=wording.link_run(run))
    if not run.is_finished:
        return render_phrase(NONE_IN_LOG) if run.training.progress.step is not None else Markup()
    if is_checkpoint_unknown(run):
        return render_phrase(NEVER_KNOWN if run.status is RunStatus.ENDED else NOT_KNOWN_YET, run=wording.link_run(run))
    trouble = run.checkpoint_rescue.last_error
    return render_phrase(NONE_IN_LOG_CLUSTER_UNREACHABLE, why=trouble) if trouble else render_phrase(NONE_IN_LOG)


def newest_step(run: Run) -> int | str:
    """Return the step of the newest checkpoint; a question mark where it is unknown whether there is one."""
    step = run.training.progress.checkpoint_step
    return UNKNOWN_STEP if step is None else step


def describe_rescued_checkpoint(run: Run, fetch: DownloadProgress) -> Markup:
    """Return where the downloaded checkpoint is, and what became of a newer one."""
    return join_markup_sentences(describe_downloaded_files(run, fetch), describe_newer_checkpoint(run))


def describe_downloaded_files(run: Run, fetch: DownloadProgress) -> Markup:
    """Return step, size and folder of the downloaded checkpoint, with its validation where known."""
    fields = {
        "step": run.checkpoint_rescue.step,
        "size": format_bytes(fetch.downloaded_bytes),
        "folder": code(fetch.folder),
    }
    progress = run.training.progress
    points = progress.validations.points
    validation = next((value for step, value in points if step == run.checkpoint_rescue.step), None)
    if validation is not None:
        return render_phrase(SAVED_HERE_VALIDATED, **fields, value=format_number(validation))
    if progress.validation is None or progress.validated_step is None:
        return render_phrase(SAVED_HERE, **fields)
    if progress.validated_step == run.checkpoint_rescue.step:
        return render_phrase(SAVED_HERE_VALIDATED, **fields, value=format_number(progress.validation))
    return render_phrase(
        SAVED_HERE_VALIDATED_AT, **fields, value=format_number(progress.validation), at=progress.validated_step
    )


def describe_how_to_load(fetch: DownloadProgress) -> Markup:
    """Return the command that merges the shards: verl's own program (verl 0.9.1, `verl.model_merger`)."""
    if not fetch.shard_folder:
        return Markup()
    merge = "python3 -m verl.model_merger merge --backend fsdp"
    return render_phrase(
        HOW_TO_MERGE, command=command_code(f"{merge} --local_dir {fetch.shard_folder} --target_dir MODEL")
    )


def describe_how_to_resume(run: Run) -> Markup:
    """Return the commands that resume training from the downloaded checkpoint."""
    if not run.plan.resumes or run.checkpoint_rescue.download is None:
        return Markup()
    folder = run.checkpoint_rescue.download.folder.rpartition("/")[0]
    command_line = f"/verl launch {run.recipe} volume=NAME resume_from={run.id}"
    return render_phrase(HOW_TO_COPY, folder=code(folder), command=command_code(command_line))


def describe_unrescued_checkpoint(run: Run) -> Markup:
    """Return that the checkpoint is on the run's machines alone, or was there until its cluster went away."""
    if run.reason in save_grace.REASONS_WITHOUT_CLUSTER:
        return render_phrase(WAS_ON_CLUSTER_ALONE, step=run.training.progress.checkpoint_step)
    return render_phrase(
        ON_JOB_MACHINES if run.plan.managed else ON_CLUSTER_ALONE, step=run.training.progress.checkpoint_step
    )


def describe_lost_checkpoint(run: Run) -> Markup:
    """Return why a checkpoint that was on its machine alone is lost."""
    rescue, step = run.checkpoint_rescue, newest_step(run)
    if rescue.discard_approved_by:
        return render_phrase(LOST_BY_APPROVAL, step=step, person=mention(rescue.discard_approved_by))
    if rescue.none_complete_at:
        return describe_incomplete(run, NONE_WAS_COMPLETE)
    if rescue.abandoned_at and rescue.last_error:
        return render_phrase(LOST_NOT_DOWNLOADED_BECAUSE, step=step, why=rescue.last_error)
    return render_phrase(LOST_NOT_DOWNLOADED if rescue.abandoned_at else LOST_WITH_MACHINE, step=step)


def format_bytes(count: int) -> str:
    """Return a count of bytes with a decimal unit.

    >>> format_bytes(0), format_bytes(999), format_bytes(12_345), format_bytes(2_000_000), format_bytes(123_456_789_000)
    ('0 B', '999 B', '12 KB', '2.0 MB', '123 GB')
    """
    amount, units = float(count), ["B", "KB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.1f} {units[0]}" if amount < 10 and units[0] != "B" else f"{amount:,.0f} {units[0]}"
