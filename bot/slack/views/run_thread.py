"""The thread of a run, which its card begins (run_card.py). Pure: a record in, Slack messages out."""

from collections.abc import Collection
from datetime import datetime, timedelta

from bot.core.frameworks import FRAMEWORK
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.model.sent_message import LogFollow
from bot.core.rules import log_lines, save_grace
from bot.core.rules.chart_data import build_progress_chart
from bot.core.rules.cluster_keeping import is_kept
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.approval_views import (
    build_approval_messages,
)
from bot.slack.views.blocks import context, output_block
from bot.slack.views.budget_views import list_monthly_budget_messages
from bot.slack.views.cluster_views import build_cluster_alerts
from bot.slack.views.ended_card import build_keep_notice, end_message
from bot.slack.views.finding_views import build_health_messages
from bot.slack.views.limit_reports import list_limit_messages
from bot.slack.views.lineage_views import build_resume_message
from bot.slack.views.log_excerpt import format_line
from bot.slack.views.managed_job_views import list_recovery_messages
from bot.slack.views.memory_views import describe_unconfirmed_removal, list_memory_messages
from bot.slack.views.message import Message, build_native_chart, thread_notice
from bot.slack.views.mrkdwn import (
    command_code,
    date,
    join_markup_sentences,
    join_parts,
    mention,
    mrkdwn,
    render_phrase,
)
from bot.slack.views.progress_views import format_number, summary_line
from bot.slack.views.rescue_views import list_checkpoint_messages
from bot.slack.views.rollout_views import list_finding_samples
from bot.slack.views.run_card import card

FOLLOW = "follow"

CHART_PERIOD_FACTOR = 4
"""Time between two edits of a chart, as a multiple of a card's: a curve grows more slowly than a card counts, and Slack
takes fifty edits a minute from a whole workspace."""

MIN_OUTAGE = timedelta(minutes=2)
"""Minimum length of an outage that is reported."""


def build_conversation(
    run: Run, now: datetime, log: str, previous: Run | None = None, report_only: Collection[str] = ()
) -> list[Message]:
    """Return every message of the run as Slack should show it now: what Slack lacks of them is sent next.

    Args:
        log: the last stored lines of the run's log.
        previous: the run that a succeeded one is compared with, if there is one.
        report_only: names of the policy's rules that end no run now.
    """
    notices = [
        launching_message(run),
        running_message(run),
        chart_message(run),
        outage_message(run, now),
        summary_message(run, now),
        stopping_message(run, now),
        build_keep_notice(run, now, log),
        build_resume_message(run),
    ]
    notices.append(log_gap_message(run))
    notices += [
        *build_approval_messages(run),
        end_message(run, now, log),
        *list_limit_messages(run, now, report_only),
        *list_monthly_budget_messages(run, now),
        *build_health_messages(run, now),
        *list_finding_samples(run),
        *build_cluster_alerts(run),
        *list_recovery_messages(run),
        *list_checkpoint_messages(run, now),
        *list_memory_messages(run),
    ]
    follow_messages = (
        [follow_message(run, run.requests.follow, log)]
        if run.requests.follow and (run.finished_at or now) <= run.requests.follow.until
        else []
    )
    return [card(run, now, log, previous), *(notice for notice in notices if notice), *follow_messages]


def launching_message(run: Run) -> Message | None:
    """Return the notice that machines are requested; None before the first request."""
    if run.launch.first_requested_at is None:
        return None
    sentence = render_phrase(
        "Requested {machines} for {run}: {command}",
        machines=wording.describe_machines(run),
        run=wording.link_run(run),
        command=command_code("/verl " + run.command_line),
    )
    return thread_notice("launching", mrkdwn(":rocket: {}", sentence))


RUNNING_SINCE = N_("{run} started on {machines} at {time}; {autostop}.")


def running_message(run: Run) -> Message | None:
    """Return the notice that the run is running; None once it has finished, because it is not sent late."""
    if run.running_at is None or run.is_finished:
        return None
    since = date(run.running_at)
    text = render_phrase(
        RUNNING_SINCE,
        run=wording.link_run(run),
        machines=wording.describe_machines(run),
        time=since,
        autostop=wording.describe_autostop(run),
    )
    return thread_notice("running", mrkdwn(":large_blue_circle: {}", text))


REWARD_CURVE = N_("Reward {curve} from {first} to {last}")
LOSS_CURVE = N_("Loss {curve} from {first} to {last}")
VALUE_AT_STEP = N_("{value} (step {step})")


def chart_message(run: Run) -> Message | None:
    """Return the reward over the steps, in one message of the thread; as text too, for people without charts."""
    progress = run.training.progress
    chart, points = build_progress_chart(run), progress.curve.points
    chart_block = build_native_chart(chart)
    if chart_block is None or not points:
        return None
    first, last = (
        render_phrase(VALUE_AT_STEP, value=format_number(value), step=step) for step, value in (points[0], points[-1])
    )
    phrase = LOSS_CURVE if progress.curve is progress.losses else REWARD_CURVE
    parts = [render_phrase(phrase, curve=progress.curve.bars, first=first, last=last)]
    if validation := run.training.progress.validations.points:
        step, value = validation[-1]
        parts.append(render_phrase("val {value} (step {step})", value=format_number(value), step=step))
    if (saved_step := run.training.progress.checkpoint_step) is not None:
        parts.append(render_phrase("checkpoint of step {step}", step=saved_step))
    text = mrkdwn(":chart_with_upwards_trend: {} · {}", wording.link_run(run), join_parts(" · ", parts))
    return Message(
        "chart", text, (chart_block, context(text)), is_edited=True, period_factor=CHART_PERIOD_FACTOR, charts=(chart,)
    )


def outage_message(run: Run, now: datetime) -> Message | None:
    """Return the notice that the machines, or SkyPilot, do not respond, or that they respond again."""
    outage = run.observed.outage
    if outage is None or run.status is RunStatus.ENDED or (outage.until or now) - outage.since < MIN_OUTAGE:
        return None
    began = int(outage.since.timestamp())
    # The run has no machines yet, so the notice is about its launch.
    if outage.until is None and run.is_waiting:
        since = render_phrase("SkyPilot has not answered since {time}.", time=date(outage.since))
        waits = join_markup_sentences(
            since, render_phrase("I will launch {run} as soon as it answers.", run=wording.link_run(run))
        )
        return thread_notice(f"unseen-{began}", mrkdwn(":grey_question: {}", waits))
    if outage.until is None:
        looks = render_phrase(
            "{run}: no status since {time}; still checking.", run=wording.link_run(run), time=date(outage.since)
        )
        return thread_notice(f"unseen-{began}", mrkdwn(":grey_question: {}", looks))
    sentence = render_phrase("{run}: status came back at {time}.", run=wording.link_run(run), time=date(outage.until))
    return thread_notice(f"seen-{began}", mrkdwn(":eye: {}", sentence))


def summary_message(run: Run, now: datetime) -> Message | None:
    """Return the summary that is due; None once the run has finished, because it is not sent late."""
    text = summary_line(run, now)
    return thread_notice(run.training.summary.key, text) if run.training.summary and text else None


LOG_SKIPPED = N_(
    "I crashed twice while reading a part of the log of {run}, so I skipped that part. Steps and checkpoints in "
    "that part are not counted."
)


def log_gap_message(run: Run) -> Message | None:
    """Return the notice that lines of its log were skipped; once a run."""
    return (
        thread_notice("unread", mrkdwn(":warning: {}", render_phrase(LOG_SKIPPED, run=wording.link_run(run))))
        if run.training.progress.skips
        else None
    )


KEPT_FOR_MODEL = N_("Downloading the model before the cluster is deleted.")
KEPT_FOR_MODEL_AT_RATE = N_("Downloading the model before the cluster is deleted ({rate} until then).")
KEPT_FOR_SEARCH = N_("Looking for a checkpoint before the cluster is deleted.")
KEPT_FOR_SEARCH_AT_RATE = N_("Looking for a checkpoint before the cluster is deleted ({rate} until then).")
REMOVAL_UNPRICED = N_("Deleting the cluster; not confirmed yet.")
REMOVAL_UNDER_WAY = N_("Deleting the cluster. It costs {rate} until that is confirmed.")
CHECKING_MACHINES = N_("Checking that its machines are gone.")
CHECKING_LOST_MACHINES = N_("Checking that its machines are gone; they may still cost {rate}.")


def choose_cluster_phrases(run: Run) -> tuple[str, str]:
    """Return what happens to the cluster of a run that has ended: without a price, and with one."""
    if run.reason in save_grace.REASONS_WITHOUT_CLUSTER:
        return CHECKING_MACHINES, CHECKING_MACHINES
    if not save_grace.shows_rescue(run) and run.reason is Reason.CLUSTER_LOST:
        # A cluster counts as lost also while some of its nodes can be reached, which bill.
        return CHECKING_MACHINES, CHECKING_LOST_MACHINES
    if not save_grace.shows_rescue(run):
        return REMOVAL_UNPRICED, REMOVAL_UNDER_WAY
    if run.training.progress.checkpoint is None:
        return KEPT_FOR_SEARCH, KEPT_FOR_SEARCH_AT_RATE
    return KEPT_FOR_MODEL, KEPT_FOR_MODEL_AT_RATE


def stopping_message(run: Run, now: datetime) -> Message | None:
    """Return the notice that the run stops and its cluster still bills; None once the cluster is gone, because it is
    not sent late, and while the cluster is kept for a look.
    """
    if run.status is not RunStatus.STOPPING or run.reason is None or run.launch.first_requested_at is None:
        return None
    if is_kept(run, now):
        return None
    unpriced, priced = choose_cluster_phrases(run)
    cluster_text = render_phrase(unpriced)
    if run.spending.hourly_rate:
        rate = wording.format_hourly_rate(run.spending.hourly_rate.dollars_per_hour)
        cluster_text = render_phrase(priced, rate=rate)
    if run.observed.memory.is_lost:
        cluster_text = describe_unconfirmed_removal(run)
    return thread_notice("stopping", join_markup_sentences(wording.stopping_sentence(run, run.reason), cluster_text))


def follow_message(run: Run, request: LogFollow, log: str) -> Message:
    """Return the log as it grows, in one message of the thread, without the lines of steps: the card has those."""
    text = log if request.grep else log_lines.drop_step_lines(log, FRAMEWORK.count_step_metrics)[0]
    lines = log_lines.select_lines(text, request.lines, request.grep, request.node)
    shown, person = wording.link_run(run), mention(request.by)
    head = render_phrase(
        "Log of {run}, followed for {person} until {time}", run=shown, person=person, time=date(request.until)
    )
    if run.is_finished:
        head = render_phrase("Log of {run}, followed for {person} to its end", run=shown, person=person)
    shown_text = "\n".join(map(format_line, lines)) or render_phrase("(nothing yet)")
    return Message(
        f"{FOLLOW}-{int(request.until.timestamp())}",
        render_phrase("Log of {run}", run=run.id),
        (context(mrkdwn(":scroll: {}", head)), output_block(shown_text)),
        is_edited=True,
    )
