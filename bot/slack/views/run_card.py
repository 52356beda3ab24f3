"""The card of a run: the one message that shows it, edited in place. Pure: a record in, a Slack message out."""

from datetime import datetime, timedelta

from bot.core.model.cluster import JobState
from bot.core.model.launch_plan import Safeguard
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules.attention import check_month
from bot.core.rules.forecast import build_forecast
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.approval_views import build_approval_blocks, is_awaiting_approval
from bot.slack.views.attention_views import describe_end_by_month
from bot.slack.views.blocks import Block, actions, context, fields_section, section, section_with
from bot.slack.views.card_buttons import build_menu, card_buttons
from bot.slack.views.card_title import (
    choose_color,
    describe_origin,
    link_code,
    link_tracker,
    list_card_settings,
    render_title,
    render_title_text,
)
from bot.slack.views.checkpoint_views import describe_model
from bot.slack.views.ended_card import build_ended_blocks
from bot.slack.views.finding_views import render_open_findings
from bot.slack.views.lineage_views import build_lineage_remarks
from bot.slack.views.managed_job_views import describe_managed_job
from bot.slack.views.message import CARD, Message
from bot.slack.views.mrkdwn import (
    Markup,
    channel_link,
    code,
    join_markup_list,
    join_parts,
    mention,
    mrkdwn,
    render_phrase,
)
from bot.slack.views.progress_views import (
    MIN_STEPS_FOR_FORECAST,
    describe_loss,
    describe_reward,
    describe_validations,
    format_progress_bar,
    progress_line,
)

SHOWN_IN_DIRECT_MESSAGE = N_("I'm not in {channel}, so I'm posting here. Invite me with `/invite @verlbot`.")


def card(run: Run, now: datetime, log: str = "", previous: Run | None = None) -> Message:
    """Return the one message that shows a run.

    Args:
        log: the last stored lines of its log, in which the error of a failed run stands.
        previous: the run that a succeeded one is compared with, if there is one.
    """
    state, title = wording.describe_state(run), render_title(run, now)
    menu = build_menu(run)
    blocks = [
        section_with(title, menu) if menu else section(title),
        *build_body(run, now, log, previous),
        *build_remarks(run),
        *([actions(*buttons)] if (buttons := card_buttons(run, previous)) else []),
    ]
    text = join_parts(" · ", [render_title_text(run, now), progress_line(run, now)])
    # That a used-up month will stop the run is shown at once, and so is what an approver would now approve.
    urgent = f"{state} month" if check_month(run) else state
    urgent = f"{urgent} {run.approval.digest}" if run.approval and is_awaiting_approval(run) else urgent
    return Message(CARD, text, tuple(blocks), urgent=urgent, is_edited=True, color=choose_color(run))


def build_body(run: Run, now: datetime, log: str, previous: Run | None) -> list[Block]:
    """Return what the card says between its title and its buttons."""
    if is_awaiting_approval(run):
        return build_approval_blocks(run)
    if run.is_finished:
        return build_ended_blocks(run, now, log, previous)
    lines = [describe_position(run, now), describe_end_by_month(run, now), *render_open_findings(run)]
    return [
        section(join_parts("\n", lines)),
        fields_section(list_fields(run, now)),
        context(join_parts("\n", [describe_stored_model(run), join_parts(" · ", list_context_parts(run, now))])),
    ]


def build_remarks(run: Run) -> list[Block]:
    """Return what the policy resumes, what is doubtful or unknown, and why the card is in a direct message."""
    doubt = wording.describe_uncertainty(run)
    moved = run.messages.thread_channel and run.messages.thread_channel != run.channel
    # A setting is changed before the training; later the failure says what was wrong with it.
    warnings = () if run.is_finished or run.training.progress.step is not None else run.plan.warnings
    return [
        *build_lineage_remarks(run),
        *(context(wording.render_launch_warning(warning)) for warning in warnings),
        *([context(mrkdwn(":grey_question: {}", doubt))] if doubt else []),
        *([context(render_phrase(SHOWN_IN_DIRECT_MESSAGE, channel=channel_link(run.channel)))] if moved else []),
    ]


def describe_position(run: Run, now: datetime) -> Markup:
    """Return how far the run is: its steps with the time left, or what it does before its first step."""
    if run.training.progress.step is None:
        return describe_beginning(run, now)
    step, last = run.training.progress.step, run.training.progress.last_step
    if not last:
        return render_phrase("step {step}", step=step)
    return join_parts(
        " · ",
        [
            mrkdwn(
                "{} {}",
                code(format_progress_bar(step, last)),
                render_phrase("step {step} of {last}", step=step, last=last),
            ),
            describe_time_left(run, now),
        ],
    )


def describe_beginning(run: Run, now: datetime) -> Markup:
    """Return what a run without a step does now, and since when."""
    since = wording.format_moment(run.launch.first_requested_at or run.created_at, now)
    match run.status:
        case RunStatus.RUNNING:
            began = wording.format_moment(run.running_at or run.created_at, now)
            return render_phrase("The program started at {time}; no step is finished yet.", time=began)
        case RunStatus.LAUNCHING if run.observed.job is JobState.SETTING_UP:
            return render_phrase("The machines are ready; the recipe's setup is running.")
        case RunStatus.LAUNCHING:
            return render_phrase("SkyPilot has been looking for machines since {time}.", time=since)
        case _ if run.requests.stop_requested_by:
            return render_phrase("Recorded at {time}; no machines were requested.", time=since)
        case _:
            return render_phrase("Recorded at {time}. Next, I ask SkyPilot for machines.", time=since)


def describe_time_left(run: Run, now: datetime) -> Markup:
    """Return how long the run still takes and when it ends; empty where its pace is unknown."""
    forecast = build_forecast(run, now) if len(run.training.progress.step_times) >= MIN_STEPS_FOR_FORECAST else None
    if forecast is None or not run.training.progress.steps_left:
        return Markup()
    if not isinstance(forecast.ends_at, datetime):
        return render_phrase("more than a year left")
    left = format_time_left(forecast.ends_at - now)
    return render_phrase("*{left}* ({time})", left=left, time=wording.format_moment(forecast.ends_at, now))


def format_time_left(left: timedelta) -> Markup:
    """Return the time left, in minutes.

    >>> format_time_left(timedelta(seconds=20)), format_time_left(timedelta(hours=2, minutes=5, seconds=12))
    ('under 1 min left', '2 h 5 min left')
    """
    minutes = round(left.total_seconds() / 60)
    if minutes < 1:
        return render_phrase("under 1 min left")
    return render_phrase("{time} left", time=wording.format_whole_minutes(minutes))


def list_fields(run: Run, now: datetime) -> list[Markup]:
    """Return the facts that people look for first, each under its name: only those that are known."""
    return [
        mrkdwn("*{}*\n{}", render_phrase(name), value)
        for name, value in (
            (N_("Reward"), describe_reward(run.training.progress)),
            (N_("Loss"), describe_loss(run.training.progress)),
            (N_("Validation"), join_parts("\n", describe_validations(run.training.progress))),
            (N_("Cost"), describe_card_cost(run, now)),
            (N_("Machines"), describe_card_machines(run)),
        )
        if value
    ]


def describe_card_cost(run: Run, now: datetime) -> Markup:
    """Return the dollars so far of the budget, and the forecast of those at the end."""
    cost = run.cost(now)
    if run.launch.first_requested_at is None:
        return wording.describe_budget(run.limits.budget_dollars)
    if cost is None:
        return render_phrase("price unknown")
    spent, budget = wording.format_dollars(cost), wording.format_dollars(run.limits.budget_dollars)
    cost_text = render_phrase("{spent} of {budget}", spent=spent, budget=budget)
    return join_markup_list(filter(None, [cost_text, wording.describe_forecast(run, now)]))


def describe_card_machines(run: Run) -> Markup:
    """Return the machines, and what they cost an hour by which source."""
    rate = wording.describe_rate(run.spending.hourly_rate) if run.spending.hourly_rate else Markup()
    return join_markup_list(filter(None, [wording.describe_machines(run), rate]))


def list_context_parts(run: Run, now: datetime) -> list[Markup]:
    """Return the small print: who, which settings, what ends it by itself, where its model is."""
    return [
        render_phrase("by {person}", person=mention(run.requester)),
        *list_card_settings(run),
        link_code(run),
        describe_origin(run),
        describe_managed_job(run),
        wording.describe_lease(run, now),
        describe_card_autostop(run),
        *describe_standing_facts(run),
        link_tracker(run),
    ]


def describe_card_autostop(run: Run) -> Markup:
    """Return the cluster's autostop, or that it lacks the one that was requested; empty where neither is known."""
    if not run.observed.job or run.plan.managed:
        return Markup()
    is_expected = run.observed.autostop_minutes is not None or run.plan.autostop_minutes is not None
    return wording.describe_autostop(run) if is_expected else Markup()


def describe_standing_facts(run: Run) -> list[Markup]:
    """Return where the model is, and which safeguards the run lacks: one clause each, in small print."""
    missing = run.plan.missing_safeguards
    return [
        *([render_phrase("no checkpoints")] if Safeguard.CHECKPOINTS in missing else [describe_model_place(run)]),
        *([render_phrase("no validation")] if Safeguard.VALIDATION in missing else []),
        *([render_phrase("no autostop")] if Safeguard.AUTOSTOP in missing else []),
    ]


def describe_model_place(run: Run) -> Markup:
    """Return where checkpoints are to be, until one is known; empty for a recipe that writes none."""
    if run.plan.checkpoint_store:
        place = code(run.plan.checkpoint_store)
        return Markup() if run.training.progress.checkpoint else render_phrase("saves to {place}", place=place)
    if not run.plan.checkpoints_ephemeral:
        return Markup()
    return render_phrase(
        N_("model: on the job's machines only") if run.plan.managed else N_("model: on the cluster only")
    )


def describe_stored_model(run: Run) -> Markup:
    """Return the checkpoint that is known of a run with a volume or a bucket, as every other message says it."""
    is_known = run.plan.checkpoint_store is not None and run.training.progress.checkpoint is not None
    return describe_model(run) if is_known else Markup()
