"""Health findings of trainings, for the thread and the channel. Pure: a record in, messages out."""

from datetime import datetime

from bot.core.model.finding import Finding, Severity
from bot.core.model.health_state import ResolvedFinding
from bot.core.model.money import compute_cost
from bot.core.model.run import Run
from bot.core.model.run_state import Mute
from bot.core.rules.forecast import BUDGET_MUTE_PREFIX
from bot.core.rules.health.stall import STALL_REFERENCE
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.advice_views import render_advice
from bot.slack.views.blocks import Block, actions, button, context, section
from bot.slack.views.message import Message, thread_notice
from bot.slack.views.mrkdwn import (
    Markup,
    code,
    emoji,
    escape,
    join_markup_sentences,
    link,
    mention,
    mrkdwn,
    render_phrase,
    strip_bold,
)
from bot.slack.views.stop_buttons import stop_button

MUTE = "mute"

SEVERITY_ICONS = {Severity.NOTE: ":mag:", Severity.WARNING: ":warning:", Severity.STOP: ":rotating_light:"}

SINCE_STEP = N_("Since step {step} ({time} ago).")
SINCE_STEP_WITH_COST = N_("Since step {step} ({time} ago); {dollars} spent since then.")
READ_MORE = N_("Read more")
FINDING_RESOLVED = N_("{run} · Resolved at step {step}: {finding} (since step {since}).")
FINDING_MUTED = N_("{person} muted {finding} for {run}.")
METRIC_UNRELIABLE = N_("{key} is shown as unknown: {why}")


def build_health_messages(run: Run, now: datetime) -> list[Message]:
    """Return the messages about a run's health: open findings, resolved ones, and who muted which.

    A run that ends raises no alarm any more: there is nothing left to act on, and the end has a notice of its own.
    """
    open_findings = (
        []
        if is_ending(run)
        else [item for item in run.training.health.open_findings if not run.requests.is_muted(item.name)]
    )
    resolved_findings = [item for item in run.training.health.resolved_findings if was_announced(run, item)]
    return [
        *(build_finding_message(run, item, now) for item in open_findings),
        *(build_resolved_message(run, item) for item in resolved_findings),
        *(
            build_mute_message(run, item)
            for item in run.requests.mutes
            if not item.finding.startswith(BUDGET_MUTE_PREFIX)
        ),
    ]


def is_ending(run: Run) -> bool:
    """Return whether a run has ended, its job has, or a person has asked for its end."""
    job = run.observed.job
    return run.is_finished or run.requests.stop_requested_by is not None or bool(job and job.is_finished)


def build_finding_message(run: Run, finding: Finding, now: datetime) -> Message:
    """Return what a finding shows, its evidence, its age, the cost since then, and the advice."""
    icon = emoji(SEVERITY_ICONS[finding.severity])
    head = mrkdwn("{} {} · *{}* {}", icon, wording.link_run(run), finding.what, finding.evidence)
    age_and_reference = join_markup_sentences(render_finding_age(run, finding, now), render_reference(run, finding))
    blocks = [
        section(head),
        section(render_advice(run, finding.advice)),
        context(age_and_reference),
        actions(*build_finding_buttons(run, finding)),
    ]
    return Message(
        f"finding-{finding.key}",
        strip_bold(head),
        tuple(blocks if finding.advice else [blocks[0], *blocks[2:]]),
        broadcast=finding.severity is not Severity.NOTE,
    )


def render_finding_age(run: Run, finding: Finding, now: datetime) -> Markup:
    """Return since when a finding is open, and the cost since then if it is known."""
    if not finding.since_at:
        return render_phrase("Since step {step}.", step=finding.since_step)
    elapsed = now - datetime.fromtimestamp(finding.since_at, now.tzinfo)
    dollars_spent, time = compute_cost(run.spending.hourly_rate, elapsed), wording.format_duration(elapsed)
    if dollars_spent is None:
        return render_phrase(SINCE_STEP, step=finding.since_step, time=time)
    return render_phrase(
        SINCE_STEP_WITH_COST, step=finding.since_step, time=time, dollars=wording.format_dollars(dollars_spent)
    )


def render_reference(run: Run, finding: Finding) -> Markup:
    """Return the source of a finding, as a link if it is an address; none about GPUs for a run without any."""
    if finding.reference == STALL_REFERENCE and not run.plan.gpus:
        return Markup()
    is_address = finding.reference.startswith("https://")
    return link(finding.reference, render_phrase(READ_MORE)) if is_address else escape(finding.reference)


def build_finding_buttons(run: Run, finding: Finding) -> list[Block]:
    """Return the buttons of a finding. *Stop* is offered if the training looks dead; a person decides."""
    mute = button(render_phrase("Mute this"), MUTE, f"{run.id} {finding.name}")
    return [mute, stop_button(run)] if finding.severity is Severity.STOP else [mute]


def was_announced(run: Run, resolved: ResolvedFinding) -> bool:
    """Return whether a finding was posted: only then does its end need a message."""
    key_prefix = f"finding-{resolved.finding.name}:{resolved.finding.since_step}:"
    return any(key.startswith(key_prefix) for key in run.messages.sent)


def build_resolved_message(run: Run, resolved: ResolvedFinding) -> Message:
    """Return the notice that a finding is resolved."""
    finding = resolved.finding
    text = render_phrase(
        FINDING_RESOLVED,
        run=wording.link_run(run),
        step=resolved.step,
        finding=code(finding.name),
        since=finding.since_step,
    )
    return thread_notice(f"healed-{finding.name}-{resolved.step}", mrkdwn(":white_check_mark: {}", text))


def build_mute_message(run: Run, mute: Mute) -> Message:
    """Return the notice that a person muted a finding."""
    text = render_phrase(FINDING_MUTED, run=wording.link_run(run), person=mention(mute.by), finding=code(mute.finding))
    return thread_notice(f"muted-{mute.finding}", mrkdwn(":mute: {}", text))


def render_open_findings(run: Run) -> list[Markup]:
    """Return the open findings for the card, one line each, the most severe first; empty if the training is healthy."""
    open_findings = (
        []
        if run.is_finished
        else [finding for finding in run.training.health.open_findings if not run.requests.is_muted(finding.name)]
    )
    serious_findings = sorted(
        (finding for finding in open_findings if finding.severity is not Severity.NOTE),
        key=lambda finding: -finding.severity.rank,
    )
    return [mrkdwn("{} {}", emoji(SEVERITY_ICONS[finding.severity]), finding.what) for finding in serious_findings]


def render_unreliable_metrics(run: Run) -> list[Markup]:
    """Return the metrics of the recipe whose values mean nothing, each with the reason."""
    shown_metrics = [
        key for key in run.training.unreliable_metrics if run.plan.metrics and key.startswith(run.plan.metrics)
    ]
    return [
        render_phrase(METRIC_UNRELIABLE, key=code(key), why=run.training.unreliable_metrics[key])
        for key in shown_metrics
    ]
