"""The answer to *why is this run as it is*: ten lines at most, each with what it rests on. Pure."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bot.core.model.finding import Finding
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus, Summary
from bot.core.rules.costs import compute_idle_time
from bot.core.rules.explanation import RecipeComparison, RunExplanation, RunsValue, StepShares
from bot.core.rules.unstarted_runs import explain_unstarted, is_unstarted
from bot.phrase import N_
from bot.slack.views import failure_views, wording
from bot.slack.views.advice_views import render_advice
from bot.slack.views.approval_views import build_approval_reasons, is_awaiting_approval
from bot.slack.views.attention_views import describe_end_by_month
from bot.slack.views.blocks import actions, context, section
from bot.slack.views.card_buttons import card_buttons
from bot.slack.views.card_title import describe_origin
from bot.slack.views.cost_views import describe_idle_time
from bot.slack.views.ended_card import describe_detail
from bot.slack.views.finding_views import SEVERITY_ICONS
from bot.slack.views.message import Answer, build_answer
from bot.slack.views.mrkdwn import (
    DAY_AND_TIME,
    Markup,
    code,
    date,
    emoji,
    escape,
    join_markup_list,
    join_markup_sentences,
    join_parts,
    mention_person_or_group,
    mrkdwn,
    render_phrase,
    render_plural,
)
from bot.slack.views.progress_views import (
    COST_SINCE_THEN,
    describe_cost_change,
    describe_steps,
    format_number,
    format_seconds,
    list_metric_changes,
    progress_line,
)
from bot.slack.views.run_card import describe_beginning

SHOWN_FINDINGS, SHOWN_PARTS = 2, 4
"""Maximum findings, and parts of a step, that an explanation shows: it is to fit on a phone."""

SHOWN_IDLE_TIME = timedelta(minutes=1)
"""Idle time below this is not shown."""

WAITS_FOR_APPROVAL = N_("{people} can approve it until {time}.")
BILLED, BILLED_SO_FAR = N_("It was billed for {time}."), N_("It has been billed for {time} so far.")
NO_EARLIER_RUN = N_("No earlier run of {recipe} has steps to compare with.")
NOTHING_COMPARES = N_("No earlier run of {recipe} reached step {step} or had the same machines.")
MEDIAN_OF_RUNS = N_("{value} (median of {count} earlier runs: {middle}, range {low} to {high})")
SINCE_SUMMARY, SINCE_BEGINNING = N_("*Since the last summary*: {parts}"), N_("*Since its first step*: {parts}")
NOTHING_SICK = N_("No open finding after {steps}.")
NO_ERROR_IN_LOG = N_("The last {lines} of its log show no error.")
NO_ERROR_KNOWN = N_("Its log shows no error, so nothing more is known of the cause.")


def render_explanation(explanation: RunExplanation, now: datetime) -> Answer:
    """Return what is known of a run: its state, how it compares, what changed, its findings, time, money and log."""
    run = explanation.run
    head = join_parts(" · ", [wording.link_run(run), wording.describe_state(run), describe_resumption(run)])
    sections = [
        join_parts("\n", [head, describe_cause(run, now), describe_end_by_month(run, now)]),
        join_parts("\n", list_training_lines(explanation, now)),
        join_parts("\n", [describe_money_line(run, now), describe_step_shares(explanation.step_shares)]),
        describe_log(explanation),
    ]
    doubt, buttons = wording.describe_uncertainty(run), card_buttons(run)
    blocks = [
        *(section(text) for text in sections if text),
        *([context(mrkdwn(":grey_question: {}", doubt))] if doubt else []),
        *([actions(*buttons)] if buttons else []),
    ]
    return build_answer(join_parts(" · ", [head, describe_cause(run, now)]), blocks)


def describe_resumption(run: Run) -> Markup:
    """Return from which run and at which step the training resumed; empty where it began at step 0."""
    step = run.training.progress.resumed_step
    own = Markup() if step is None else render_phrase("resumed from a checkpoint at step {step}", step=step)
    return describe_origin(run) or own


def describe_cause(run: Run, now: datetime) -> Markup:
    """Return why the run is in its state: what it waits for, how far it is, or what ended it."""
    if is_awaiting_approval(run):
        return describe_wait(run)
    if is_unstarted(run):
        never = render_phrase("It never started.")
        return join_markup_sentences(never, escape(explain_unstarted(run)))
    if run.is_finished:
        duration = wording.format_duration(run.compute_billed_duration(now))
        billed = BILLED_SO_FAR if run.status is RunStatus.STOPPING else BILLED
        spent = render_phrase(billed, time=duration) if run.launch.first_requested_at else Markup()
        return join_markup_sentences(Markup() if is_ended_by_program(run) else describe_detail(run), spent)
    return progress_line(run, now) or describe_beginning(run, now)


def describe_wait(run: Run) -> Markup:
    """Return whom a launch waits for, until when and why."""
    approval = run.approval
    if approval is None:
        return Markup()
    people = join_markup_list(map(mention_person_or_group, approval.approvers))
    waiting = render_phrase(WAITS_FOR_APPROVAL, people=people, time=date(approval.until, DAY_AND_TIME))
    return join_markup_sentences(waiting, *build_approval_reasons(run, approval))


def list_training_lines(explanation: RunExplanation, now: datetime) -> list[Markup]:
    """Return how the training compares, what has changed and what looks sick; nothing before there are machines."""
    run = explanation.run
    if run.launch.first_requested_at is None or is_unstarted(run):
        return []
    return [
        describe_comparison(run, explanation.comparison),
        describe_change(run, explanation.change),
        *list_finding_lines(run, explanation.findings),
    ]


def describe_comparison(run: Run, comparison: RecipeComparison) -> Markup:
    """Return the run beside the earlier runs of its recipe: reward at the same step, pace, dollars per step."""
    recipe, step = code(run.recipe), run.training.progress.step
    if not comparison.runs:
        return render_phrase(NO_EARLIER_RUN, recipe=recipe)
    if step is None:
        return render_plural(
            "It has no step yet to compare with {count} earlier run of {recipe}.",
            "It has no step yet to compare with {count} earlier runs of {recipe}.",
            comparison.runs,
            recipe=recipe,
        )
    parts = [
        describe_value(
            N_("reward at step {step}: {comparison}"), comparison.reward, format_number, step=comparison.step
        ),
        describe_value(N_("seconds per step: {comparison}"), comparison.pace, format_seconds),
        describe_value(N_("dollars per step: {comparison}"), comparison.cost, wording.format_small_dollars),
    ]
    if not any(parts):
        return render_phrase(NOTHING_COMPARES, recipe=recipe, step=step)
    return render_phrase(
        "*Compared with earlier runs of* {recipe}: {parts}", recipe=recipe, parts=join_parts(" · ", parts)
    )


def describe_value(
    phrase: str, compared: RunsValue | None, render: Callable[[float], object], /, **fields: object
) -> Markup:
    """Return one number beside that of earlier runs; empty where nothing compares."""
    if compared is None:
        return Markup()
    low, high = render(compared.low), render(compared.high)
    own = {"value": render(compared.value), "middle": render(compared.middle)}
    comparison = (
        render_plural(
            "{value} (earlier run: {middle})", "{value} ({count} earlier runs: {middle})", compared.count, **own
        )
        if low == high
        else render_phrase(MEDIAN_OF_RUNS, count=compared.count, low=low, high=high, **own)
    )
    return render_phrase(phrase, comparison=comparison, **fields)


def describe_change(run: Run, change: Summary | None) -> Markup:
    """Return what has changed since the last summary, or since the first step; empty where no step was made since."""
    if change is None:
        return Markup()
    before, now = change.before, change.now
    parts = [
        describe_steps(run, before, now),
        *list_metric_changes(before, now),
        describe_cost_change(run, before, now, COST_SINCE_THEN),
    ]
    return render_phrase(SINCE_SUMMARY if change.number else SINCE_BEGINNING, parts=join_parts(" · ", parts))


def list_finding_lines(run: Run, findings: Sequence[Finding]) -> list[Markup]:
    """Return the gravest open findings with their numbers, or after how many steps none is open."""
    if not findings:
        count = run.training.health.row_count
        steps = render_plural("{count} step", "{count} steps", count)
        return [render_phrase(NOTHING_SICK, steps=steps)] if count and not run.is_finished else []
    more = len(findings) - SHOWN_FINDINGS
    rest = [render_plural("{count} more finding", "{count} more findings", more)] if more > 0 else []
    gravest, *others = findings[:SHOWN_FINDINGS]
    advised = join_markup_sentences(describe_finding(run, gravest), render_advice(run, gravest.advice))
    return [advised, *(describe_finding(run, finding) for finding in others), *rest]


def describe_finding(run: Run, finding: Finding) -> Markup:
    """Return one finding with its numbers, and its first step where they do not name it; of a run that has ended, as
    what was so at its end.
    """
    icon, evidence = emoji(SEVERITY_ICONS[finding.severity]), str(finding.evidence)
    is_named = not finding.since_step or re.search(rf"\bstep {finding.since_step}\b", evidence)
    since = Markup() if is_named else render_phrase("Since step {step}.", step=finding.since_step)
    head = join_parts(" ", [icon, render_phrase("At its end:") if run.is_finished else ""])
    return join_markup_sentences(mrkdwn("{} *{}*", head, finding.what), escape(finding.evidence), since)


def describe_money_line(run: Run, now: datetime) -> Markup:
    """Return what it has cost by which price, and which part of that was idle."""
    idle = describe_idle_time(run, now) if compute_idle_time(run, now).total >= SHOWN_IDLE_TIME else Markup()
    return join_parts("\n", [mrkdwn(":moneybag: {}", wording.describe_money(run, now)), idle])


def describe_step_shares(shares: StepShares | None) -> Markup:
    """Return where the time of the last steps went; empty where the log does not time their parts."""
    if shares is None:
        return Markup()
    parts = [mrkdwn("{} {}", code(key), f"{share:.0%}") for key, share in shares.shares[:SHOWN_PARTS]]
    return render_phrase(
        "*Time of steps {first} to {last}*: {parts}",
        first=shares.first,
        last=shares.last,
        parts=join_parts(" · ", parts),
    )


def is_ended_by_program(run: Run) -> bool:
    """Return whether the run's log says why it ended."""
    return run.reason is not None and run.reason.is_explained_by_log


def describe_log(explanation: RunExplanation) -> Markup:
    """Return the error that the log shows, its cause and what to change; or that it shows none."""
    run, log = explanation.run, explanation.log
    failure = failure_views.find_failure(run, log) if run.is_finished else explanation.logged_error
    if run.running_at is None or (run.is_finished and not is_ended_by_program(run) and failure is None):
        return Markup()
    if failure or run.is_finished:
        unknown = Markup() if failure else render_phrase(NO_ERROR_KNOWN)
        error = failure_views.render_failure_error(run, failure) or unknown
        advice = failure_views.render_failure_advice(run, failure, explanation.findings)
        return mrkdwn(":scroll: {}", join_parts("\n", [error, advice]))
    line_count = len(log.split("\n"))
    lines = render_plural("{count} line", "{count} lines", line_count)
    return render_phrase(NO_ERROR_IN_LOG, lines=lines) if log else render_phrase("I have not read its log yet.")
