"""The first line of a run's card: its name, its state, how far it is; the color of its bar; its settings. Pure."""

from datetime import datetime

from bot.core.model.cluster import JobState
from bot.core.model.recipe import CODE, NAME, RESUME, WHY
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.model.tracker import TRACKER_ADDRESS, name_tracker
from bot.core.rules.cluster_keeping import find_keep_end, is_kept
from bot.core.rules.relaunch import collect_settings
from bot.core.rules.save_grace import REASONS_WITHOUT_CLUSTER
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.message import Color
from bot.slack.views.mrkdwn import (
    Markup,
    code,
    date,
    emoji,
    join_parts,
    link,
    mention,
    mrkdwn,
    render_phrase,
    render_plural,
    strip_bold,
)
from bot.slack.views.outcome_labels import OUTCOME_LABELS, SAVING_LABELS

STATUS_TITLES = {
    RunStatus.AWAITING_APPROVAL: N_("{run} needs approval"),
    RunStatus.PENDING: N_("{run} is waiting"),
    RunStatus.LAUNCHING: N_("{run} is launching"),
    RunStatus.RUNNING: N_("{run} is running"),
    RunStatus.STOPPING: N_("{run} is stopping"),
    RunStatus.ENDED: N_("{run} is stopping"),
}
"""The titles of runs without a reason of an end, which the last two lack only in a damaged record; `OUTCOME_LABELS` has
the titles of the others."""

REASON_COLORS = {
    **dict.fromkeys(Reason, Color.ENDED),
    Reason.SUCCEEDED: Color.SUCCEEDED,
    **dict.fromkeys((reason for reason in Reason if reason.is_failure), Color.FAILED),
    Reason.BUDGET_EXCEEDED: Color.NEEDS_ATTENTION,
    Reason.MONTHLY_BUDGET_EXCEEDED: Color.NEEDS_ATTENTION,
    Reason.LEASE_EXPIRED: Color.NEEDS_ATTENTION,
    Reason.SICK: Color.NEEDS_ATTENTION,
}
"""The colors of finished runs: grey, but for those listed."""


def render_title(run: Run, now: datetime) -> Markup:
    """Return the title: the icon, the sentence about the state in bold, and what belongs on the same line."""
    headline, percent = render_headline(run), None if run.is_finished else compute_percent(run)
    title = headline if percent is None else mrkdwn("{} — {}%", headline, percent)
    return join_parts(" · ", [title, *list_title_parts(run, now)])


def render_title_text(run: Run, now: datetime) -> Markup:
    """Return the title for notifications and for clients without blocks, beside which the steps are counted."""
    return strip_bold(join_parts(" · ", [render_headline(run), *list_title_parts(run, now)]))


def render_headline(run: Run) -> Markup:
    """Return the icon, and the sentence about the state in bold."""
    return mrkdwn("{} *{}*", emoji(find_icon(run)), render_state_sentence(run))


def list_title_parts(run: Run, now: datetime) -> list[Markup]:
    """Return what belongs on the line of the title."""
    return list_outcome_parts(run, now) if run.reason else list_active_parts(run)


def find_icon(run: Run) -> str:
    """Return the emoji of a run's outcome, or else of its status."""
    return OUTCOME_LABELS[run.reason].icon if run.reason else wording.STATUS_LABELS[find_shown_status(run)][0]


def find_shown_status(run: Run) -> RunStatus:
    """Return the status that people are shown: a launch that an approver has answered waits for approval no more."""
    is_answered = run.status is RunStatus.AWAITING_APPROVAL and run.approval is not None and run.approval.by is not None
    return RunStatus.PENDING if is_answered else run.status


def render_state_sentence(run: Run) -> Markup:
    """Return what the run does, or how it ended."""
    name = wording.render_run_name(run)
    if run.reason is not None:
        return render_outcome_sentence(run, run.reason)
    if run.requests.stop_requested_by or run.checkpoint_rescue.save_grace or is_declined(run):
        return render_phrase(choose_stopping_title(run), run=name)
    if run.observed.recoveries.ongoing:
        return render_phrase("{run} is waiting for new machines", run=name)
    if run.status is RunStatus.LAUNCHING and run.observed.job is JobState.SETTING_UP:
        return render_phrase("{run} is being set up", run=name)
    return render_phrase(STATUS_TITLES[find_shown_status(run)], run=name)


def is_declined(run: Run) -> bool:
    """Return whether an approver has declined the launch."""
    return run.approval is not None and run.approval.by is not None and not run.approval.granted


def choose_stopping_title(run: Run) -> str:
    """Return the title of a run that is to stop: it saves first, stops, or never had machines."""
    if run.checkpoint_rescue.save_grace is not None:
        return N_("{run} saves its model, then stops")
    if run.launch.first_requested_at is None:
        return N_("{run} will not be launched")
    return N_("{run} is stopping")


def render_outcome_sentence(run: Run, reason: Reason) -> Markup:
    """Return how the run ended; of a failed training, at which step."""
    name, step = wording.render_run_name(run), run.training.progress.step
    if reason is Reason.FAILED and step is not None and run.training.progress.last_step:
        return render_phrase(
            "{run} failed at step {step} of {last}", run=name, step=step, last=run.training.progress.last_step
        )
    person = mention(run.requests.stop_requested_by or (run.approval.by if run.approval else None))
    return render_phrase(wording.choose_outcome_labels(run, reason).title, run=name, person=person)


def list_active_parts(run: Run) -> list[Markup]:
    """Return who has requested a stop or why the run is about to end, and that SkyPilot has forgotten the run."""
    parts = [render_phrase("stop requested by {person}", person=mention(run.requests.stop_requested_by))]
    grace = run.checkpoint_rescue.save_grace
    if grace and not run.requests.stop_requested_by:
        return [render_phrase(SAVING_LABELS[grace.reason])]
    forgotten = [render_phrase("SkyPilot no longer knows it")] if run.observed.memory.is_lost else []
    return [*(parts if run.requests.stop_requested_by else []), *forgotten]


def list_outcome_parts(run: Run, now: datetime) -> list[Markup]:
    """Return the steps, the time and the cost of a finished run, and whether its machines still bill.

    A run that never had machines has none of them.
    """
    if run.launch.first_requested_at is None:
        return []
    took = wording.format_duration(run.compute_billed_duration(now))
    steps = run.training.progress.step if run.reason is Reason.SUCCEEDED else None
    if steps is not None and run.training.progress.has_only_resumed:
        time_text = render_phrase("trained nothing in {time}", time=took)
    elif steps is not None and run.training.progress.steps_left:
        # A trainer may end without an error before its last step, as where its rollouts have ended with one.
        time_text = render_phrase(
            "{step} of {last_step} steps in {time}", step=steps, last_step=run.training.progress.last_step, time=took
        )
    else:
        time_text = (
            took
            if steps is None
            else render_plural("{count} step in {time}", "{count} steps in {time}", steps, time=took)
        )
    billing = describe_billing(run, now) if run.status is RunStatus.STOPPING else Markup()
    forgotten = (
        render_phrase("SkyPilot no longer knows it")
        if run.observed.memory.is_lost and run.status is not RunStatus.ENDED
        else Markup()
    )
    return [time_text, wording.describe_cost(run, now), billing, forgotten]


def describe_billing(run: Run, now: datetime) -> Markup:
    """Return that the machines of a finished run still bill, or that it is not confirmed that they are gone; of a kept
    cluster, until when and at which rate.
    """
    until = find_keep_end(run) if is_kept(run, now) else None
    if until is None and run.reason in REASONS_WITHOUT_CLUSTER:
        return render_phrase("machines not confirmed gone yet")
    if until is None:
        return render_phrase("machines still billing")
    if run.spending.hourly_rate is None:
        return render_phrase("kept for a look until {time}", time=date(until))
    rate = wording.format_hourly_rate(run.spending.hourly_rate.dollars_per_hour)
    return render_phrase("kept for a look until {time} ({rate})", time=date(until), rate=rate)


def compute_percent(run: Run) -> int | None:
    """Return how much of its steps the run has done, in percent; None where that is unknown."""
    step, last = run.training.progress.step, run.training.progress.last_step
    return None if step is None or not last else min(max(100 * step // last, 0), 100)


def choose_color(run: Run) -> Color:
    """Return the color of the bar: the outcome's, or else that of a run that people must see to, or of one at work."""
    if run.reason is not None:
        return REASON_COLORS[run.reason]
    needs_attention = (
        find_shown_status(run) is RunStatus.AWAITING_APPROVAL
        or run.observed.memory.is_lost
        or run.spending.budget_overruns
    )
    return Color.NEEDS_ATTENTION if needs_attention else Color.ACTIVE


LIMIT_SETTINGS = {"budget", "lease", NAME.name, WHY.name, RESUME.name, CODE.name}
"""Settings that the card shows elsewhere."""

MAX_CARD_SETTINGS, MAX_SETTING_CHARACTERS = 4, 40
"""Maximum settings on the card's last line, and maximum characters of each."""


def list_card_settings(run: Run) -> list[Markup]:
    """Return the settings that differ from the recipe's, the first few of them."""
    settings = [(name, value) for name, value in collect_settings(run).items() if name not in LIMIT_SETTINGS]
    shown = [
        code(f"{name}={value}", MAX_SETTING_CHARACTERS) for name, value in settings[1 : MAX_CARD_SETTINGS + 1]
    ]  # the first is the recipe
    more = len(settings) - 1 - MAX_CARD_SETTINGS
    recipe = render_phrase("recipe {recipe}", recipe=code(run.recipe))
    return [
        recipe,
        *shown,
        *([render_plural("{count} more setting", "{count} more settings", more)] if more > 0 else []),
    ]


def describe_origin(run: Run) -> Markup:
    """Return from which run this one resumed, and at which step; empty where it began at step 0."""
    origin, step = collect_settings(run).get(RESUME.name), run.training.progress.resumed_step
    if not origin:
        return Markup()
    if step is None:
        return render_phrase("resumed from {run}", run=code(origin))
    return render_phrase("resumed from {run} at step {step}", run=code(origin), step=step)


def link_code(run: Run) -> Markup:
    """Return the commit of the repository in which the run's scripts run, as a link; empty where it has none."""
    if run.plan.code is None:
        return Markup()
    return render_phrase("code {commit}", commit=link(run.plan.code.page, run.plan.code.label))


def link_tracker(run: Run) -> Markup:
    """Return a link to the tracker's page of the training; empty where its log names no page of a known host."""
    page = run.training.progress.tracker_page
    return link(page, name_tracker(page)) if TRACKER_ADDRESS.fullmatch(page) else Markup()
