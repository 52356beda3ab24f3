"""Answers to commands: acknowledgements, lists, descriptions, launch previews, errors. Pure: values in, Slack messages
out.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from bot.core.model.run import Run
from bot.core.model.run_filter import RunFilter
from bot.core.model.run_state import RunStatus
from bot.core.model.run_stub import RunStub
from bot.core.rules import save_grace
from bot.core.rules.relaunch import can_resume
from bot.core.rules.unstarted_runs import explain_unstarted
from bot.errors import AmbiguousRun, LaunchDecided, Unavailable, UnreadableRecord, UserError
from bot.phrase import N_
from bot.runtime.failure_isolation import render_or_fallback
from bot.slack.views import checkpoint_views, run_card, wording
from bot.slack.views.approval_views import APPROVAL_REQUEST, EMPTY_FORM, OPEN_FORM
from bot.slack.views.blocks import MAX_CODE_BLOCK_CHARACTERS, actions, button, code_block, context, section
from bot.slack.views.error_details import render_choices, render_decision
from bot.slack.views.message import Answer, build_answer, build_text_answer
from bot.slack.views.mrkdwn import (
    DAY_AND_TIME,
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
    to_literal,
)
from bot.slack.views.progress_views import describe_metrics_origin, describe_time_parts, progress_line
from bot.slack.views.run_table import build_run_table

MAX_TASK_BLOCKS, TASK_BLOCK_CHARACTERS = 12, MAX_CODE_BLOCK_CHARACTERS // 2
"""Maximum blocks of a task in a view, and characters of each, which Slack may count twice: twice a long recipe."""

MAX_LISTED_RUNS = 25
"""Maximum runs of one answer: more are unreadable on a phone."""


def acknowledge_launch(run: Run, is_hidden: bool = False) -> Answer:
    """Return the answer to a launch: recorded, waiting for approval, or launched already.

    Args:
        is_hidden: whether the bot is not in the channel, so that the card comes as a direct message.
    """
    # Slack delivered the command twice: the first delivery has launched the run.
    if not run.is_waiting:
        return build_text_answer(render_phrase("{run} is already launched.", run=wording.link_run(run)))
    if run.status is RunStatus.AWAITING_APPROVAL:
        approvers = join_markup_list(map(mention_person_or_group, run.approval.approvers)) if run.approval else Markup()
        waiting = render_phrase("{run} needs approval from {people}.", run=wording.link_run(run), people=approvers)
        return build_text_answer(mrkdwn(":raised_hand: {}", waiting))
    confirmation = render_phrase(CARD_IN_DIRECT_MESSAGE if is_hidden else CARD_FOLLOWS, run=wording.link_run(run))
    stop_hint = render_phrase("To stop it: {command}", command=code(f"/verl stop {run.id}"))
    return build_text_answer(mrkdwn(":ok_hand: {}", join_markup_sentences(confirmation, stop_hint)))


CARD_FOLLOWS = N_("Launching {run}.")
CARD_IN_DIRECT_MESSAGE = N_(
    "Launching {run}. I'm not in this channel, so its card comes to our direct messages. "
    "To have cards here, type `/invite @verlbot`."
)


def offer_launch_form() -> Answer:
    """Return a button that opens the launch form: Slack opens forms for commands and clicks, not for mentions."""
    sentence = render_phrase(
        "Which recipe? Fill in the form, or type `/verl launch RECIPE`; `/verl recipes` lists them."
    )
    return build_text_answer(sentence, actions(button(render_phrase("Open the form"), OPEN_FORM, EMPTY_FORM)))


def explain_unopened_view() -> Answer:
    """Return the answer for a form or view that Slack did not open, or whose opening it did not confirm in time."""
    sentence = render_phrase("Slack opened no window for that. If you see none, type or press it again.")
    return build_text_answer(mrkdwn(":warning: {}", sentence))


def explain_unchanged_view() -> Answer:
    """Return the answer for a form or view that Slack did not update."""
    sentence = render_phrase("Slack did not update the window. Close it, and open it again.")
    return build_text_answer(mrkdwn(":warning: {}", sentence))


def render_task(run: Run, yaml: str) -> Answer:
    """Return the exact task for a window, which has more room than a message, with a note if a rest is left out."""
    text = to_literal(yaml)
    pieces = [text[at : at + TASK_BLOCK_CHARACTERS] for at in range(0, len(text), TASK_BLOCK_CHARACTERS)]
    code_blocks = [code_block(piece) for piece in pieces[:MAX_TASK_BLOCKS]]
    cut_note = (
        [context(render_phrase("The rest is in the file in the run's thread."))]
        if len(pieces) > MAX_TASK_BLOCKS
        else []
    )
    head = render_phrase(
        "The task of {run} as SkyPilot gets it, SHA-256 {digest}.",
        run=wording.link_run(run),
        digest=code(run.plan.task_hash[:16]),
    )
    return {"text": render_phrase("Task of {run}", run=run.id), "blocks": [section(head), *code_blocks, *cut_note]}


def acknowledge_log_read(run: Run) -> Answer:
    """Return the answer that is shown while a log is being read."""
    return build_text_answer(
        mrkdwn(":scroll: {}", render_phrase("Reading the log of {run} …", run=wording.link_run(run)))
    )


STOP_OF_FORGOTTEN_CLUSTER = N_(
    "I ask SkyPilot to delete the cluster of {run}. SkyPilot has no record of it, so nothing confirms the deletion: "
    "check the machines yourself, and type {command} once they are gone."
)

STOP_WAITS_FOR_MODEL = N_(
    "SkyPilot has no record of the cluster of {run}, and the only copy of its model may be there. I ask for the "
    "deletion once the time to download the model is over; {discard} asks at once. Nothing confirms the deletion: "
    "check the machines yourself, and type {command} once they are gone."
)


def acknowledge_stop(run: Run | RunStub) -> Answer:
    """Return the answer to a stop request, which depends on how far the run has ended already."""
    if isinstance(run, RunStub):
        removing = render_phrase("Deleting the cluster of {run}, whose record I cannot read.", run=code(run.run_id))
        later = render_phrase("I post in its channel when the cluster is confirmed gone.")
        return build_text_answer(mrkdwn(":octagonal_sign: {}", join_markup_sentences(removing, later)))
    if run.status is RunStatus.ENDED and run.launch.first_requested_at is None:
        never = render_phrase("{run} never started, so there is nothing to stop.", run=wording.link_run(run))
        return build_text_answer(join_markup_sentences(never, explain_unstarted(run)))
    if run.status is RunStatus.ENDED:
        return build_text_answer(
            render_phrase(
                "{run} has ended: {state}. No machine of it is running.",
                run=wording.link_run(run),
                state=wording.describe_state(run),
            )
        )
    # SkyPilot has forgotten the cluster: only a person can confirm that its machines are gone.
    if run.observed.memory.confirmed_gone_by:
        closed = render_phrase("Closing {run}: you confirmed that its machines are gone.", run=wording.link_run(run))
        return build_text_answer(mrkdwn(":octagonal_sign: {}", closed))
    if run.observed.memory.is_lost:
        asking = render_phrase(
            STOP_WAITS_FOR_MODEL if save_grace.may_hold_checkpoint(run) else STOP_OF_FORGOTTEN_CLUSTER,
            run=wording.link_run(run),
            command=code(f"/verl stop {run.id} gone=yes"),
            discard=code(f"/verl stop {run.id} save=no"),
        )
        return build_text_answer(mrkdwn(":octagonal_sign: {}", asking))
    # A person gave up the unsaved checkpoint, so the teardown does not wait for its download.
    if run.is_finished and run.checkpoint_rescue.discard_approved_by and run.plan.checkpoints_ephemeral:
        return build_text_answer(
            render_phrase(
                "{run} has ended. I delete its cluster, and everything that is only there is lost.",
                run=wording.link_run(run),
            )
        )
    if save_grace.shows_rescue(run):
        refusal = render_phrase(
            "{run} has already ended. I delete its cluster once its model is downloaded.", run=wording.link_run(run)
        )
        return build_text_answer(
            join_markup_sentences(
                refusal, render_phrase("To discard the model: `/verl stop {run} save=no`.", run=run.id)
            )
        )
    if run.is_finished:
        return build_text_answer(
            render_phrase("{run} has already ended, and its cluster is being deleted.", run=wording.link_run(run))
        )
    if run.checkpoint_rescue.is_save_requested and save_grace.may_save(run, None):
        saving = render_phrase(
            "{run} stops once it has saved a checkpoint, or when the time for that is over.", run=wording.link_run(run)
        )
        return build_text_answer(mrkdwn(":floppy_disk: {}", saving))
    phrase = N_("Stopping {run}. Its card shows when its cluster is gone.")
    if run.launch.first_requested_at is None:
        phrase = N_("Withdrawing the launch of {run}. No machines were requested.")
    stopping = render_phrase(phrase, run=wording.link_run(run))
    return build_text_answer(mrkdwn(":octagonal_sign: {}", stopping))


def render_artifacts(run: Run) -> Answer:
    """Return what a run has left behind and what can be done with it."""
    resume_hint = render_phrase("`/verl resume {run}` continues from it.", run=run.id) if can_resume(run) else Markup()
    checkpoint = checkpoint_views.describe_model(run) or explain_missing_checkpoint(run)
    text = join_markup_sentences(checkpoint, resume_hint)
    is_named = any(name in text for name in (code(run.id), wording.link_run(run)))
    head = mrkdwn(":package: {}", text if is_named else mrkdwn("{} · {}", wording.link_run(run), text))
    log = render_phrase("Log: {command}", command=code(f"/verl logs {run.id}"))
    charts = render_phrase("Charts: {command}", command=code(f"/verl plot {run.id}"))
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
        return render_phrase("The log of {run} shows no checkpoint yet.", run=wording.link_run(run))
    if run.plan.checkpoints_ephemeral or run.plan.checkpoint_store:
        return render_phrase("{run} ended before its training began, so it saved no model.", run=wording.link_run(run))
    return render_phrase("{run} saves no model.", run=wording.link_run(run))


def acknowledge_extension(run: Run) -> Answer:
    """Return the answer to `/verl extend`: when the lease ends now."""
    lease_end = date(run.lease_ends_at, DAY_AND_TIME) if run.lease_ends_at else Markup()
    return build_text_answer(
        mrkdwn(
            ":alarm_clock: {}",
            render_phrase("Lease extended: {run} now runs until {time}.", run=wording.link_run(run), time=lease_end),
        )
    )


def acknowledge_budget(run: Run, is_changed: bool = True) -> Answer:
    """Return the answer to `/verl budget`: what the run may spend now, or that it may spend that already."""
    changed, same = N_("The budget of {run} is now {budget}."), N_("The budget of {run} is {budget} already.")
    now = render_phrase(
        changed if is_changed else same,
        run=wording.link_run(run),
        budget=wording.format_dollars(run.limits.budget_dollars),
    )
    is_freed = run.approval is None and run.is_waiting and APPROVAL_REQUEST in run.messages.sent
    launches = render_phrase("It needs no approval now, so it launches.") if is_freed else Markup()
    return build_text_answer(mrkdwn(":moneybag: {}", join_markup_sentences(now, launches)))


def acknowledge_approval_decision(run: Run) -> Answer:
    """Return the result of an approver's decision."""
    if run.approval and run.approval.granted:
        return build_text_answer(
            mrkdwn(":ok: {}", render_phrase("{run} is approved and launching.", run=wording.link_run(run)))
        )
    return build_text_answer(
        mrkdwn(
            ":no_entry_sign: {}", render_phrase("{run} is declined, so it does not launch.", run=wording.link_run(run))
        )
    )


def acknowledge_follow(run: Run) -> Answer:
    """Return the answer to a request to follow a log."""
    following = render_phrase("Following the log of {run} in its thread.", run=wording.link_run(run))
    if run.requests.follow:
        following = render_phrase(
            "Following the log of {run} in its thread until {time}.",
            run=wording.link_run(run),
            time=date(run.requests.follow.until),
        )
    waits = run.running_at is None and not run.was_shown
    later = render_phrase("It has not started yet; its lines come once it prints some.") if waits else Markup()
    return build_text_answer(mrkdwn(":scroll: {}", join_markup_sentences(following, later)))


def render_status(run: Run, now: datetime) -> Answer:
    """Return the run's card for one person, with where its time goes and its metrics are read; it is separate from the
    card in the channel.
    """
    card = run_card.card(run, now)
    details = [describe_time_parts(run.training.progress), describe_metrics_origin(run)]
    return build_answer(card.text, (*card.blocks, *(context(detail) for detail in details if detail)))


def render_runs(
    runs: Sequence[Run],
    selection: str,
    now: datetime,
    unreadable: Sequence[RunStub] = (),
    show_person: Callable[[str], Markup] = mention,
    reader: str = "",
) -> Answer:
    """Return the runs as a table, after a line for each run whose record cannot be read.

    Args:
        selection: one of `command.RUN_LISTS`, or `FILTERED`.
        reader: Slack's id of the only person who reads the answer; empty for several.
    """
    if not runs and not unreadable:
        return build_text_answer(render_phrase(NO_RUNS[selection]))
    count = len(runs) + len(unreadable)
    heading = render_plural("{count} run", "{count} runs", count)
    more = len(runs) - MAX_LISTED_RUNS
    note = render_phrase(MORE_RUNS, count=more) if more > 0 else ""
    blocks = [section(render_unreadable_run_line(stub)) for stub in unreadable[:MAX_LISTED_RUNS]]
    blocks.append(context(join_parts(" · ", [heading, note])))
    if runs:
        blocks.append(build_run_table(runs[:MAX_LISTED_RUNS], now, show_person, reader))
    return build_answer(heading, blocks)


MORE_RUNS = N_("… and {count} more. Narrow the list down, as with `/verl list recipe=ppo who=@ana`.")


def render_unreadable_run_line(stub: RunStub) -> Markup:
    """Return the line of a run whose record cannot be read."""
    if stub.lease_end_time is None:
        return render_phrase(":rotating_light: {run} · its record cannot be read", run=code(stub.run_id))
    lease_end = date(stub.lease_end_time, DAY_AND_TIME)
    return render_phrase(
        ":rotating_light: {run} · record unreadable · lease until {time}", run=code(stub.run_id), time=lease_end
    )


FILTERED = "filtered"
"""The selection of a list with a filter."""

NO_RUNS = {
    "active": N_("No run is active. `/verl launch smoke` starts a small one."),
    "mine": N_("You have no runs. `/verl launch smoke` starts a small one."),
    "ended": N_("No run has ended yet."),
    "all": N_("There are no runs yet. `/verl launch smoke` starts a small one."),
    FILTERED: N_("No run matches. `/verl list all` shows them without a filter."),
}


def suggest_ended_runs(count: int, criteria: RunFilter, person: str | None) -> Markup:
    """Return that only ended runs match, and the command that lists them.

    Args:
        person: the name of the person whose runs are searched for; None where it is not known, or was typed.
    """
    return render_plural(
        "No active run matches, but {count} ended one does: {command}",
        "No active run matches, but {count} ended ones do: {command}",
        count,
        command=code(f"/verl list all {criteria.to_words(person)}"),
    )


def render_isolated_run_line(run: Run, now: datetime, reader: str) -> Markup:
    """Return a run's line; an error while rendering it does not affect the other lines."""
    return render_or_fallback(
        run, lambda run: render_run_line(run, now, reader), lambda run: wording.unshown_line(run.id)
    )


def render_run_line(run: Run, now: datetime, reader: str = "") -> Markup:
    """Return a run's line: id, state, progress, cost and requester.

    Args:
        reader: Slack's id of the person who reads it.
    """
    parts = [
        join_parts(" ", [wording.link_run(run, reader), wording.describe_state(run)]),
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
    message = render_decision(error) if isinstance(error, LaunchDecided) and error.at else error.message
    hint = render_choices(error) if isinstance(error, AmbiguousRun) else error.hint
    return build_text_answer(mrkdwn(":warning: {}", join_markup_sentences(message, hint, whom_to_ask)))


def render_unavailable(error: Unavailable) -> Answer:
    """Return that an outside service did not respond, with a hint to retry."""
    retry_hint = render_phrase("Try again in a moment; `/verl list` shows what was recorded.")
    return build_text_answer(mrkdwn(":warning: {}", join_markup_sentences(error.message, retry_hint)))


def render_unreadable_record(error: UnreadableRecord) -> Answer:
    """Return that a run's record cannot be read, and how to remove its cluster."""
    problem = render_phrase("I cannot read the record of {run}: {why}.", run=code(error.run_id), why=error.why)
    stop_hint = (
        render_phrase("`/verl stop {run}` deletes its cluster.", run=error.run_id) if error.is_open else Markup()
    )
    return build_text_answer(mrkdwn(":rotating_light: {}", join_markup_sentences(problem, stop_hint)))


def render_internal_error(reference: str) -> Answer:
    """Return that the bot has a bug, with the reference id of the traceback in the log."""
    apology = render_phrase("Something went wrong on my side. Reference {reference}.", reference=code(reference))
    return build_text_answer(mrkdwn(":boom: {}", apology))
