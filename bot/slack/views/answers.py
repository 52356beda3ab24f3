"""Answers to commands: acknowledgements, lists, descriptions, launch previews, errors. Pure: values in, Slack messages
out.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.model.run_stub import RunStub
from bot.core.rules import save_grace
from bot.core.rules.relaunch import can_resume
from bot.errors import LaunchDeclined, Unavailable, UnreadableRecord, UserError
from bot.phrase import N_
from bot.runtime.failure_isolation import render_or_fallback
from bot.slack.views import checkpoint_views, run_thread, wording
from bot.slack.views.approval_views import EMPTY_FORM, OPEN_FORM
from bot.slack.views.blocks import MAX_CODE_BLOCK_CHARACTERS, actions, button, code_block, context, section
from bot.slack.views.message import Answer, build_answer, build_text_answer
from bot.slack.views.mrkdwn import (
    Markup,
    code,
    date,
    join_markup_list,
    join_markup_sentences,
    join_parts,
    mention,
    mention_person_or_group,
    mrkdwn,
    render_phrase,
    render_plural,
)
from bot.slack.views.progress_views import progress_line

MAX_TASK_BLOCKS = 8
"""Maximum blocks of a task in one view: 48,000 characters, three times the longest recipe that comes with the bot."""

MAX_LISTED_RUNS = 25
"""Maximum runs of one answer: more are unreadable on a phone."""


def acknowledge_launch(run: Run, is_hidden: bool = False) -> Answer:
    """Return the answer to a launch: recorded, waiting for approval, or launched already.

    Args:
        is_hidden: whether the bot is not in the channel, so that the card comes as a direct message.
    """
    # Slack delivered the command twice: the first delivery has launched the run.
    if not run.is_waiting:
        return build_text_answer(render_phrase("{run} is launched already.", run=code(run.id)))
    if run.status is RunStatus.AWAITING_APPROVAL:
        approvers = join_markup_list(map(mention_person_or_group, run.approval.approvers)) if run.approval else Markup()
        waiting = render_phrase(
            "{run} is recorded, and needs approval from {people}.", run=code(run.id), people=approvers
        )
        return build_text_answer(mrkdwn(":raised_hand: {}", waiting))
    confirmation = render_phrase(CARD_IN_DIRECT_MESSAGE if is_hidden else CARD_FOLLOWS, run=code(run.id))
    stop_hint = render_phrase("Stop it with {command}.", command=code(f"/verl stop {run.id}"))
    return build_text_answer(mrkdwn(":ok_hand: {}", join_markup_sentences(confirmation, stop_hint)))


CARD_FOLLOWS = N_("Recorded as {run}; its card follows.")
CARD_IN_DIRECT_MESSAGE = N_(
    "Recorded as {run}. I'm not in this channel, so its card comes to our direct messages. "
    "To have cards here, type `/invite @verlbot`."
)


def offer_launch_form() -> Answer:
    """Return a button that opens the launch form: Slack opens forms for commands and clicks, not for mentions."""
    sentence = render_phrase(
        "Which recipe? Fill in the form, or type `/verl launch RECIPE`; `/verl recipes` lists them."
    )
    return build_text_answer(sentence, actions(button(render_phrase("Open the form"), OPEN_FORM, EMPTY_FORM)))


def explain_unopened_view() -> Answer:
    """Return the answer for a form or view that Slack did not open.

    Slack accepts a trigger for three seconds. If its answer to the first attempt is lost, it also refuses the second
    one, although the view is open already.
    """
    explanation = render_phrase(
        "Slack opens nothing for that any more. If nothing is in front of you, type or press it again."
    )
    return build_text_answer(mrkdwn(":warning: {}", explanation))


def render_task(run: Run, yaml: str) -> Answer:
    """Return the exact task of a run in up to `MAX_TASK_BLOCKS` blocks, with a note if the rest is left out."""
    pieces = [yaml[at : at + MAX_CODE_BLOCK_CHARACTERS] for at in range(0, len(yaml), MAX_CODE_BLOCK_CHARACTERS)]
    code_blocks = [code_block(piece) for piece in pieces[:MAX_TASK_BLOCKS]]
    cut_note = (
        [context(render_phrase("The rest is in the file in its thread."))] if len(pieces) > MAX_TASK_BLOCKS else []
    )
    head = render_phrase(
        "The task of {run}, as SkyPilot gets it; SHA-256 {digest}.",
        run=code(run.id),
        digest=code(run.plan.task_hash[:16]),
    )
    return build_answer(render_phrase("Task of {run}", run=run.id), [section(head), *code_blocks, *cut_note])


def acknowledge_log_read(run: Run) -> Answer:
    """Return the answer that is shown while a log is being read."""
    return build_text_answer(mrkdwn(":scroll: {}", render_phrase("Reading the log of {run} …", run=code(run.id))))


STOP_OF_FORGOTTEN_CLUSTER = N_(
    "I ask SkyPilot to remove the cluster of {run}. SkyPilot does not remember it, so nothing confirms that it goes: "
    "look for its machines by hand, and type {command} once they are gone."
)

STOP_WAITS_FOR_MODEL = N_(
    "SkyPilot does not remember the cluster of {run}, and its model may be there alone. So I ask for its removal only "
    "when the time for fetching it is over; {discard} asks at once. Nothing confirms that it goes: look "
    "for its machines by hand, and type {command} once they are gone."
)


def acknowledge_stop(run: Run | RunStub) -> Answer:
    """Return the answer to a stop request, which depends on how far the run has ended already."""
    if isinstance(run, RunStub):
        removing = render_phrase(
            "I am removing the cluster of {run}, whose record cannot be read.", run=code(run.run_id)
        )
        later = render_phrase("Its channel hears when it is confirmed gone.")
        return build_text_answer(mrkdwn(":octagonal_sign: {}", join_markup_sentences(removing, later)))
    if run.status is RunStatus.ENDED:
        return build_text_answer(
            render_phrase(
                "{run} is over: {state}. None of it is running.", run=code(run.id), state=wording.describe_state(run)
            )
        )
    # SkyPilot has forgotten the cluster: only a person can confirm that its machines are gone.
    if run.observed.memory.confirmed_gone_by:
        closed = render_phrase("I close {run} on your word that its machines are gone.", run=code(run.id))
        return build_text_answer(mrkdwn(":octagonal_sign: {}", closed))
    if run.observed.memory.is_lost:
        asking = render_phrase(
            STOP_WAITS_FOR_MODEL if save_grace.may_hold_checkpoint(run) else STOP_OF_FORGOTTEN_CLUSTER,
            run=code(run.id),
            command=code(f"/verl stop {run.id} gone=yes"),
            discard=code(f"/verl stop {run.id} save=no"),
        )
        return build_text_answer(mrkdwn(":octagonal_sign: {}", asking))
    # A person gave up the unsaved checkpoint, so the teardown does not wait for its download.
    if run.is_finished and run.checkpoint_rescue.discard_approved_by and run.plan.checkpoints_ephemeral:
        return build_text_answer(
            render_phrase("{run} is over; its cluster is removed, and what is on it alone is lost.", run=code(run.id))
        )
    if save_grace.shows_rescue(run):
        refusal = render_phrase("{run} is over already; its cluster goes once its model is fetched.", run=code(run.id))
        return build_text_answer(
            join_markup_sentences(refusal, render_phrase("`/verl stop {run} save=no` loses it.", run=run.id))
        )
    if run.is_finished:
        return build_text_answer(
            render_phrase("{run} is over already, and its cluster is being removed.", run=code(run.id))
        )
    if run.checkpoint_rescue.is_save_requested:
        saving = render_phrase(
            "{run} will be stopped once it has saved, or after a while without it.", run=code(run.id)
        )
        return build_text_answer(mrkdwn(":floppy_disk: {}", saving))
    stopping = render_phrase("{run} will be stopped. Its card says when its cluster is gone.", run=code(run.id))
    return build_text_answer(mrkdwn(":octagonal_sign: {}", stopping))


def render_artifacts(run: Run) -> Answer:
    """Return what a run has left behind and what can be done with it."""
    resume_hint = render_phrase("`/verl resume {run}` goes on from it.", run=run.id) if can_resume(run) else Markup()
    checkpoint = checkpoint_views.describe_model(run) or explain_missing_checkpoint(run)
    head = mrkdwn(":package: {} · {}", code(run.id), join_markup_sentences(checkpoint, resume_hint))
    log = render_phrase("Its last log lines: {command}", command=code(f"/verl logs {run.id}"))
    charts = render_phrase("Its numbers: {command}", command=code(f"/verl plot {run.id}"))
    return build_answer(
        checkpoint,
        [
            section(join_parts("\n", [head, *checkpoint_views.list_instructions(run)])),
            context(join_parts(" · ", [log, charts])),
        ],
    )


def explain_missing_checkpoint(run: Run) -> Markup:
    """Return why a run has no checkpoint: it has saved none yet, it ended before its training, or its recipe saves
    none.
    """
    if not run.is_finished:
        return render_phrase("{run} has left no checkpoint that was seen in its log.", run=code(run.id))
    if run.plan.checkpoints_ephemeral or run.plan.checkpoint_store:
        return render_phrase("{run} was over before its training began, so it saved no model.", run=code(run.id))
    return render_phrase("{run} saves no model.", run=code(run.id))


def acknowledge_extension(run: Run) -> Answer:
    """Return the answer to `/verl extend`: when the lease ends now."""
    if run.lease_ends_at is None:
        return build_text_answer(render_phrase("{run} may live longer once it is launched.", run=code(run.id)))
    lease_end = date(run.lease_ends_at, "{date_short_pretty} {time}")
    return build_text_answer(
        mrkdwn(
            ":alarm_clock: {}", render_phrase("The lease of {run} ends {time} now.", run=code(run.id), time=lease_end)
        )
    )


def acknowledge_budget(run: Run) -> Answer:
    """Return the answer to `/verl budget`: what the run may spend now."""
    now = render_phrase(
        "{run} may spend {budget} now.", run=code(run.id), budget=wording.format_dollars(run.limits.budget_dollars)
    )
    return build_text_answer(mrkdwn(":moneybag: {}", now))


def acknowledge_approval_decision(run: Run) -> Answer:
    """Return the result of an approver's decision. An earlier decision of another approver wins."""
    if run.approval and run.approval.granted:
        return build_text_answer(mrkdwn(":ok: {}", render_phrase("{run} is launched now.", run=code(run.id))))
    return build_text_answer(
        mrkdwn(":no_entry_sign: {}", render_phrase("{run} is refused, and will not be launched.", run=code(run.id)))
    )


def acknowledge_follow(run: Run) -> Answer:
    """Return the answer to a request to follow a log."""
    return build_text_answer(
        mrkdwn(":scroll: {}", render_phrase("The log of {run} now grows in its thread.", run=code(run.id)))
    )


def render_status(run: Run, now: datetime) -> Answer:
    """Return the run's card for one person; it is separate from the card in the channel."""
    card = run_thread.card(run, now)
    return build_answer(card.text, card.blocks)


def render_runs(runs: Sequence[Run], selection: str, now: datetime, unreadable: Sequence[RunStub] = ()) -> Answer:
    """Return one line per run, after the runs whose records cannot be read."""
    if not runs and not unreadable:
        return build_text_answer(render_phrase(NO_RUNS[selection]))
    blocks = [section(render_unreadable_run_line(stub)) for stub in unreadable[:MAX_LISTED_RUNS]]
    blocks += [section(render_isolated_run_line(run, now)) for run in runs[:MAX_LISTED_RUNS]]
    if len(runs) > MAX_LISTED_RUNS:
        blocks.append(
            context(
                render_phrase("… and {count} more; `/verl list mine` shows yours.", count=len(runs) - MAX_LISTED_RUNS)
            )
        )
    count = len(runs) + len(unreadable)
    return build_answer(render_plural("{count} run", "{count} runs", count), blocks)


def render_unreadable_run_line(stub: RunStub) -> Markup:
    """Return the line of a run whose record cannot be read."""
    if stub.lease_end_time is None:
        return render_phrase(":rotating_light: {run} · its record cannot be read", run=code(stub.run_id))
    lease_end = date(stub.lease_end_time, "{date_short_pretty} {time}")
    return render_phrase(
        ":rotating_light: {run} · its record cannot be read · lease until {time}", run=code(stub.run_id), time=lease_end
    )


NO_RUNS = {
    "active": N_("No run is active. `/verl launch smoke` starts a small one."),
    "mine": N_("You have no runs. `/verl launch smoke` starts a small one."),
    "ended": N_("No run has ended yet."),
    "all": N_("There are no runs yet. `/verl launch smoke` starts a small one."),
}


def render_isolated_run_line(run: Run, now: datetime) -> Markup:
    """Return a run's line in a list; an error while rendering it does not affect the other lines."""
    return render_or_fallback(run, lambda run: render_run_line(run, now), lambda run: wording.unshown_line(run.id))


def render_run_line(run: Run, now: datetime) -> Markup:
    """Return a run's line in a list: id, state, progress, cost and requester."""
    parts = [
        join_parts(" ", [code(run.id), wording.describe_state(run)]),
        progress_line(run, now),
        wording.describe_cost(run, now),
        mention(run.requester),
        mrkdwn(":lock: {}", render_phrase("private")) if run.is_redacted else "",
    ]
    return join_parts(" · ", parts)


def render_user_error(error: UserError) -> Answer:
    """Return an error of the user, with the people who can help."""
    whom_to_ask = (
        render_phrase("Ask {people}.", people=join_markup_list(map(mention_person_or_group, error.people)))
        if error.people
        else Markup()
    )
    message = render_decline(error) if isinstance(error, LaunchDeclined) and error.at else error.message
    return build_text_answer(mrkdwn(":warning: {}", join_markup_sentences(message, error.hint, whom_to_ask)))


def render_decline(error: LaunchDeclined) -> Markup:
    """Return who declined a launch, and when."""
    time = date(error.at, "{date_short_pretty} {time}") if error.at else Markup()
    return render_phrase(
        "{person} declined {run}: {time}.", person=mention(error.by), run=code(error.run_id), time=time
    )


def render_unavailable(error: Unavailable) -> Answer:
    """Return that an outside service did not respond, with a hint to retry."""
    retry_hint = render_phrase("Try again in a moment; `/verl list` shows what was recorded.")
    return build_text_answer(mrkdwn(":warning: {}", join_markup_sentences(error.message, retry_hint)))


def render_unreadable_record(error: UnreadableRecord) -> Answer:
    """Return that a run's record cannot be read, and how to remove its cluster."""
    problem = render_phrase("I cannot read the record of {run}: {why}.", run=code(error.run_id), why=error.why)
    stop_hint = (
        render_phrase("`/verl stop {run}` removes its cluster.", run=error.run_id) if error.is_open else Markup()
    )
    return build_text_answer(mrkdwn(":rotating_light: {}", join_markup_sentences(problem, stop_hint)))


def render_internal_error(reference: str) -> Answer:
    """Return that the bot has a bug, with the reference id of the traceback in the log."""
    apology = render_phrase(
        "That failed on my side, and it is my mistake, not yours. Reference {reference}.", reference=code(reference)
    )
    return build_text_answer(mrkdwn(":boom: {}", apology))
