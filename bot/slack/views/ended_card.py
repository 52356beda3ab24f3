"""The card of a run that has finished, and the notice of its end in the thread and the channel. Pure."""

from collections.abc import Sequence
from datetime import datetime

from bot.core.model.failure import FailureSummary
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules import log_lines
from bot.core.rules.chart_data import build_progress_chart
from bot.core.rules.cluster_keeping import find_keep_end, is_kept
from bot.phrase import N_
from bot.slack.views import failure_views, wording
from bot.slack.views.blocks import Block, actions, context, fields_section, output_block, section
from bot.slack.views.card_title import (
    describe_origin,
    link_code,
    link_tracker,
    list_card_settings,
    render_headline,
    render_title,
)
from bot.slack.views.checkpoint_views import format_bytes, list_instructions
from bot.slack.views.finding_views import render_open_findings, render_unreliable_metrics
from bot.slack.views.limit_reports import compute_cost_since
from bot.slack.views.message import Message, build_native_chart
from bot.slack.views.mrkdwn import (
    DAY_AND_TIME,
    Markup,
    code,
    date,
    escape,
    join_markup_list,
    join_parts,
    mention,
    mrkdwn,
    render_phrase,
    strip_bold,
)
from bot.slack.views.progress_views import (
    describe_best_validation,
    describe_loss,
    describe_reward,
    describe_sources,
    describe_validation,
    find_best_validation,
    format_number,
    further_metrics_line,
    metrics_line,
)
from bot.slack.views.stop_buttons import removal_button

FAILURE_LOG_LINES = 5
"""Log lines on the card of a failed run: those around its first error."""


def build_ended_blocks(run: Run, now: datetime, log: str, previous: Run | None) -> list[Block]:
    """Return the body of a finished run's card.

    Only a failure has log lines: how a run ended by its lease, its budget or a person is no riddle.
    """
    if run.launch.first_requested_at is None:
        return build_unlaunched_blocks(run)
    failure = failure_views.find_failure(run, log)
    excerpt = select_log_lines(run, failure, log)
    findings = render_open_findings(run) if run.reason is not Reason.SUCCEEDED else []
    lines, further_lines = [describe_failure(run, failure), *findings], list_further_lines(run, now)
    fields = list_end_fields(run, now, previous)
    return [
        *([section(join_parts("\n", lines))] if any(lines) else []),
        *([output_block("\n".join(map(log_lines.shorten_for_display, excerpt)))] if excerpt else []),
        *([fields_section(fields)] if fields else []),
        *([section(join_parts("\n", further_lines))] if any(further_lines) else []),
        context(
            join_parts(
                "\n", [failure_views.render_remaining_checkpoint(run, now), join_parts(" · ", list_end_parts(run))]
            )
        ),
    ]


def build_unlaunched_blocks(run: Run) -> list[Block]:
    """Return the body of a run that never had machines: why, who asked for it, and for what."""
    why = describe_detail(run)
    who = render_phrase("by {person}", person=mention(run.requester))
    small_print = join_parts(" · ", [who, wording.describe_machines(run), render_phrase("no machines were requested")])
    return [*([section(why)] if why else []), context(small_print)]


def describe_detail(run: Run) -> Markup:
    """Return what went wrong, in a sentence, or why an approver declined the launch; empty for nothing."""
    note = run.approval.note if run.approval and run.reason is Reason.REFUSED else ""
    reason = render_phrase("Reason: {reason}", reason=note) if note else Markup()
    return join_parts(" ", [reason, escape(run.detail or "")])


def describe_failure(run: Run, failure: FailureSummary | None) -> Markup:
    """Return the first error, its likely cause and what to try."""
    error = failure_views.render_failure_error(run, failure)
    return join_parts("\n", [error, failure_views.render_failure_advice(run, failure)])


def select_log_lines(run: Run, failure: FailureSummary | None, log: str) -> Sequence[str]:
    """Return what a failed run printed around its first error, or else last; nothing for any other end."""
    if run.reason is None or not run.reason.is_error:
        return ()
    if failure and failure.excerpt:
        return failure.excerpt[-FAILURE_LOG_LINES:]
    return log_lines.select_lines(log, FAILURE_LOG_LINES)


def list_further_lines(run: Run, now: datetime) -> list[Markup]:
    """Return further metrics that the recipe wants shown at the end, and why some of them mean nothing."""
    return [
        further_metrics_line(run.training.progress, run.plan.metrics, run.training.unreliable_metrics),
        *render_unreliable_metrics(run),
        *list_missed_stops(run, now),
    ]


MISSED_STOP = N_("Test rule {rule} would have stopped it at {time} and saved {dollars}.")


def list_missed_stops(run: Run, now: datetime) -> list[Markup]:
    """Return when each rule that only reports would have stopped the run, and the dollars that it would have saved."""
    dollars_by_hit = {hit: compute_cost_since(run, hit, now) for hit in run.policy_hits if hit.ends}
    return [
        render_phrase(
            MISSED_STOP, rule=code(hit.rule), time=date(hit.at, DAY_AND_TIME), dollars=wording.format_dollars(dollars)
        )
        for hit, dollars in dollars_by_hit.items()
        if dollars is not None
    ]


def list_end_fields(run: Run, now: datetime, previous: Run | None) -> list[Markup]:
    """Return the facts of a finished training, each under its name: only those that are known."""
    values = (
        (
            N_("Validation"),
            join_parts("\n", [describe_last_and_best_validation(run), describe_sources(run.training.progress)]),
        ),
        (N_("Reward"), describe_reward(run.training.progress)),
        (N_("Loss"), describe_loss(run.training.progress)),
        (N_("Compared with the last run"), describe_comparison(run, previous, now)),
        (N_("Model"), describe_model_briefly(run)),
    )
    return [mrkdwn("*{}*\n{}", render_phrase(name), value) for name, value in values if value]


def describe_last_and_best_validation(run: Run) -> Markup:
    """Return the newest validation, and the best one where that was better."""
    progress = run.training.progress
    best, last = find_best_validation(progress), progress.validation
    text = describe_validation(progress)
    if best is None or last is None or format_number(best[0]) == format_number(last):
        return text
    return join_markup_list([text, render_phrase("best {value}", value=describe_best_validation(progress))])


def describe_comparison(run: Run, previous: Run | None, now: datetime) -> Markup:
    """Return how much better and cheaper the run was than the one before; empty where nothing can be compared."""
    if previous is None:
        return Markup()
    differences = list_differences(run, previous, now)
    return join_markup_list([wording.link_run(previous), *differences]) if differences else Markup()


BEST_VALIDATIONS = N_("best validation {earlier} → {value}: {change}")


def list_differences(run: Run, previous: Run, now: datetime) -> list[Markup]:
    """Return the difference of the best validations, or else of the newest rewards, and of the costs."""
    changes = list_result_changes(run.training.progress, previous.training.progress)
    cost, cost_before = run.cost(now), previous.cost(now)
    if cost is None or cost_before is None:
        return changes
    phrase = N_("{dollars} cheaper") if cost < cost_before else N_("{dollars} more")
    cost_change = render_phrase(phrase, dollars=wording.format_dollars(abs(cost - cost_before)))
    return [*changes, *([cost_change] if abs(cost - cost_before) >= 0.005 else [render_phrase("same cost")])]


def list_result_changes(progress: Progress, earlier: Progress) -> list[Markup]:
    """Return the change of the best validations, each with its step, or else that of the newest rewards."""
    best, best_before = find_best_validation(progress), find_best_validation(earlier)
    if best and best_before:
        values = {"value": describe_best_validation(progress), "earlier": describe_best_validation(earlier)}
        return [render_phrase(BEST_VALIDATIONS, **values, change=f"{best[0] - best_before[0]:+.2f}")]
    if progress.reward is None or earlier.reward is None:
        return []
    return [render_phrase("reward {change}", change=f"{progress.reward - earlier.reward:+.2f}")]


def describe_model_briefly(run: Run) -> Markup:
    """Return the step of the model that is left, and its size where it is known; empty for none."""
    rescue = run.checkpoint_rescue
    if rescue.download and rescue.is_downloaded:
        return render_phrase(
            "step {step}, {size}", step=rescue.step, size=format_bytes(rescue.download.downloaded_bytes)
        )
    is_kept = (
        run.plan.checkpoint_store and run.training.progress.checkpoint and run.id in run.training.progress.checkpoint
    )
    return render_phrase("step {step}", step=run.training.progress.checkpoint_step) if is_kept else Markup()


def list_end_parts(run: Run) -> list[Markup]:
    """Return the small print of a finished run: who launched it, its settings, where it resumed, its machines."""
    return [
        render_phrase("by {person}", person=mention(run.requester)),
        *list_card_settings(run),
        link_code(run),
        describe_origin(run),
        wording.describe_machines(run),
        wording.describe_rate(run.spending.hourly_rate) if run.spending.hourly_rate else render_phrase("price unknown"),
        describe_removal(run) if run.status is RunStatus.ENDED else Markup(),
        link_tracker(run),
    ]


def describe_removal(run: Run) -> Markup:
    """Return what is known of the end of its cluster, and how surely."""
    if run.launch.first_requested_at is None:
        return render_phrase("no machines were requested")
    if run.observed.memory.confirmed_gone_by:
        return render_phrase(
            "machines gone according to {person}; SkyPilot cannot confirm it",
            person=mention(run.observed.memory.confirmed_gone_by),
        )
    return render_phrase("machines confirmed gone")


def end_message(run: Run, now: datetime, log: str) -> Message | None:
    """Return the notice of the end, for the thread and the channel: one sentence, the curve of a success, where the
    model is, and whether the machines are gone.

    The card has the numbers; Slack notifies people of no edit, so the notice mentions the owner. The channel reads that
    a launch was declined or withdrawn in the answer to the question to the approvers, so this notice is for the thread
    alone.
    """
    if run.closed_at is None or run.reason is None or is_withdrawn_by_owner(run):
        return None
    head = join_parts(" · ", [render_title(run, now), mention_launcher(run)])
    failure = failure_views.find_failure(run, log)
    if run.training.progress.has_only_resumed and run.reason is Reason.SUCCEEDED:
        why = failure_views.render_failure_advice(run, failure)
    else:
        why = failure_views.render_failure_error(run, failure) if run.reason.is_error else describe_detail(run)
    chart = build_progress_chart(run) if run.reason is Reason.SUCCEEDED else None
    chart_block = build_native_chart(chart) if chart else None
    blocks = [
        section(join_parts("\n", [head, why])),
        *([chart_block] if chart_block else []),
        *([section(join_parts("\n", instructions))] if (instructions := list_instructions(run)) else []),
    ]
    if run.launch.first_requested_at:
        blocks.append(
            context(join_parts("\n", [failure_views.render_remaining_checkpoint(run, now), describe_removal(run)]))
        )
    text = join_parts(" · ", [strip_bold(head), why, metrics_line(run.training.progress, is_final=True)])
    charts = (chart,) if chart and chart_block else ()
    is_answered = run.approval is not None and run.launch.first_requested_at is None
    return Message("ended", text, tuple(blocks), broadcast=not is_answered, charts=charts)


def is_withdrawn_by_owner(run: Run) -> bool:
    """Return whether the owner stopped the run before an approver decided: the question to the approvers then says so,
    and there is no person to notify.
    """
    is_undecided = run.approval is not None and run.approval.by is None and run.launch.first_requested_at is None
    return is_undecided and run.reason is Reason.STOPPED and run.requests.stop_requested_by == run.requester


KEPT_UNTIL = N_("The cluster is kept for a look until {time}. To delete it now: {command}.")
KEPT_AT_RATE = N_("The cluster is kept for a look until {time} ({rate}). To delete it now: {command}.")


def build_keep_notice(run: Run, now: datetime, log: str) -> Message | None:
    """Return the notice of a failure whose cluster is kept, for the thread and the channel; None once it is not."""
    until = find_keep_end(run) if is_kept(run, now) else None
    if until is None:
        return None
    head = join_parts(" · ", [render_headline(run), mention(run.requester)])
    why = failure_views.render_failure_error(run, failure_views.find_failure(run, log))
    kept = describe_keeping(run, until)
    blocks = (section(join_parts("\n", [head, why, kept])), actions(removal_button(run)))
    return Message("kept", join_parts(" · ", [strip_bold(head), why, kept]), blocks, broadcast=True)


def describe_keeping(run: Run, until: datetime) -> Markup:
    """Return until when a cluster is kept and at which rate, and the command that removes it."""
    command = code(f"/verl stop {run.id}")
    if run.spending.hourly_rate is None:
        return render_phrase(KEPT_UNTIL, time=date(until), command=command)
    rate = wording.format_hourly_rate(run.spending.hourly_rate.dollars_per_hour)
    return render_phrase(KEPT_AT_RATE, time=date(until), rate=rate, command=command)


def mention_launcher(run: Run) -> Markup:
    """Return a mention of the person who launched the run, unless that person stopped it."""
    return Markup() if run.requests.stop_requested_by == run.requester else mention(run.requester)
