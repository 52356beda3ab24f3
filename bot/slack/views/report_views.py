"""Scheduled reports: the state of a channel's runs in one message. Pure: report content in, a Slack message out."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from bot.core.model.report import Report, is_late
from bot.core.model.run import Run
from bot.core.model.run_state import PolicyHit
from bot.core.rules.forecast import build_forecast
from bot.core.rules.report_content import BestValidation, DigestContent, DigestDollars
from bot.phrase import N_
from bot.runtime.failure_isolation import render_each, render_or_fallback
from bot.slack.views import cost_views, wording
from bot.slack.views.answers import render_isolated_run_line
from bot.slack.views.blocks import context, section
from bot.slack.views.finding_views import render_open_findings
from bot.slack.views.message import Answer, Message, build_answer
from bot.slack.views.mrkdwn import (
    Markup,
    channel_link,
    code,
    date,
    join_markup_list,
    join_parts,
    mention,
    mrkdwn,
    render_phrase,
    render_plural,
    strip_bold,
)
from bot.slack.views.progress_views import format_number
from bot.slack.views.run_thread import SHOWN_IN_DIRECT_MESSAGE

MAX_REPORT_LINES = 10
"""Maximum lines of each section: more are unreadable on a phone."""

MAX_COST_SHARES = 3
"""Maximum people, recipes and infras whose dollars a report shows."""

REPORT_TIME_FORMAT = "{date_short_pretty} {time}"


def render_report(
    report: Report, content: DigestContent, now: datetime, due_at: datetime, was_quiet: bool = False
) -> Message:
    """Return the message of a scheduled report.

    Args:
        due_at: when the report is due.
        was_quiet: whether that time was in the quiet hours.
    """
    head = render_report_heading(report, content)
    notes = [render_lateness(due_at, now, was_quiet), render_fallback_channel(report)]
    parts = [
        *render_run_sections(content, now),
        render_unshown_runs(content),
        render_costs(content),
        render_best_by_recipe(content),
        render_ending_leases(content),
        render_concerns(content, now),
        render_report_only_rules(content, now),
    ]
    blocks = [section(head), *(context(note) for note in notes if note), *(section(part) for part in parts if part)]
    text = join_parts(" · ", [strip_bold(head), render_run_counts(content)])
    return Message(f"board-{int(due_at.timestamp())}", text, tuple(blocks))


def render_report_answer(report: Report, content: DigestContent, now: datetime) -> Answer:
    """Return the report as an answer to a person."""
    message = render_report(report, content, now, now)
    return build_answer(message.text, message.blocks)


def render_report_heading(report: Report, content: DigestContent) -> Markup:
    """Return the title of a report: which runs it covers, and since when."""
    since = date(content.since, REPORT_TIME_FORMAT)
    title = render_phrase("*Runs of {channel}* since {time}", channel=channel_link(report.channel), time=since)
    if report.everywhere:
        title = render_phrase("*All runs* since {time}", time=since)
    elif report.is_personal:
        title = render_phrase("*Your runs* since {time}", time=since)
    return mrkdwn(":clipboard: {}", title)


def render_run_counts(content: DigestContent) -> Markup:
    """Return how many runs are active and how many have ended."""
    return render_phrase("{active} active, {ended} ended", active=len(content.active), ended=len(content.ended))


def render_lateness(due_at: datetime, now: datetime, was_quiet: bool) -> Markup:
    """Return why a report comes late; empty if it is in time."""
    if not is_late(due_at, now):
        return Markup()
    if was_quiet:
        return mrkdwn(
            ":zzz: {}", render_phrase("It was due {time}, in the quiet hours.", time=date(due_at, REPORT_TIME_FORMAT))
        )
    return mrkdwn(
        ":hourglass: {}",
        render_phrase("It was due {time}; I could not tell it then.", time=date(due_at, REPORT_TIME_FORMAT)),
    )


def render_fallback_channel(report: Report) -> Markup:
    """Return a note that the report belongs to another channel; empty if it does not."""
    return (
        render_phrase(SHOWN_IN_DIRECT_MESSAGE, channel=channel_link(report.channel))
        if report.fallback_channel
        else Markup()
    )


def render_run_sections(content: DigestContent, now: datetime) -> list[Markup]:
    """Return the sections with the active and the ended runs."""
    if not content.runs:
        return [render_phrase("Nothing runs, and nothing has ended since.")]
    if not content.active:
        return [
            render_phrase("Nothing runs any more."),
            render_run_section(render_phrase("*Ended*"), content.ended, lambda run: render_ended_run(run, now)),
        ]
    return [
        render_run_section(render_phrase("*Active*"), content.active, lambda run: render_isolated_run_line(run, now)),
        render_run_section(render_phrase("*Ended*"), content.ended, lambda run: render_ended_run(run, now)),
    ]


def render_unshown_runs(content: DigestContent) -> Markup:
    """Return one line for each run that could not be evaluated."""
    return join_parts("\n", map(wording.unshown_line, content.failed_ids[:MAX_REPORT_LINES]))


def render_run_section(title: Markup, runs: Sequence[Run], render_line: Callable[[Run], Markup]) -> Markup:
    """Return a title and one line per run; empty for no runs."""
    if not runs:
        return Markup()
    more = len(runs) - MAX_REPORT_LINES
    more_note = [render_phrase("… and {count} more; `/verl list all` shows them.", count=more)] if more > 0 else []
    lines = render_each(runs[:MAX_REPORT_LINES], render_line, lambda run: wording.unshown_line(run.id))
    return join_parts("\n", [title, *lines, *more_note])


def render_ended_run(run: Run, now: datetime) -> Markup:
    """Return how a run ended, on one line."""
    validation = run.training.progress.validation
    parts = [
        wording.end_headline(run, run.reason, now) if run.reason else code(run.id),
        render_phrase("step {step}", step=run.training.progress.step) if run.training.progress.step is not None else "",
        render_phrase("val {value}", value=format_number(validation)) if validation is not None else "",
        wording.describe_cost(run, now),
        mention(run.requester),
    ]
    return join_parts(" · ", parts)


WOULD_END = N_("{rule} would have ended {run} {time}")
WOULD_END_AGO = N_("{rule} would have ended {run} {time}, {dollars} ago")
WOULD_REFUSE = N_("{rule} would have held up {run} {time}")


def render_report_only_rules(content: DigestContent, now: datetime) -> Markup:
    """Return what report-only rules of the policy would have done."""
    lines_by_run = render_each(
        content.runs, lambda run: [render_policy_hit(run, hit, now) for hit in run.policy_hits], lambda _: []
    )
    lines = [line for lines in lines_by_run for line in lines]
    if not lines:
        return Markup()
    more = (
        [render_phrase("… and {count} more", count=len(lines) - MAX_REPORT_LINES)]
        if len(lines) > MAX_REPORT_LINES
        else []
    )
    return join_parts("\n", [render_phrase("*Rehearsed*"), *lines[:MAX_REPORT_LINES], *more])


def render_policy_hit(run: Run, hit: PolicyHit, now: datetime) -> Markup:
    """Return what a report-only rule would have done to a run, and the dollars that the run has cost since."""
    about = {"rule": code(hit.rule), "run": code(run.id), "time": date(hit.at, REPORT_TIME_FORMAT)}
    if not hit.ends:
        return render_phrase(WOULD_REFUSE, **about)
    cost = run.cost(now)
    # The rate may have become known only after the rule matched.
    if cost is None or hit.cost is None:
        return render_phrase(WOULD_END, **about)
    return render_phrase(WOULD_END_AGO, dollars=wording.format_dollars(max(cost - hit.cost, 0.0)), **about)


COST_SUMMARY = N_("*Spent* {since} since then / {month_dollars} in {month}")
PRICES_UNKNOWN = N_("*Spent*: the price of these runs is not known")


def render_costs(content: DigestContent) -> Markup:
    """Return the dollars since the last report and this month, the idle part of them, and their breakdown by person,
    recipe and infra.
    """
    total = content.month_costs.total
    if not content.by_recipe and not total.runs:
        return Markup()
    head = render_phrase(PRICES_UNKNOWN)
    # Only priced runs are broken down by recipe: without any, the dollars are unknown, not zero.
    if content.by_recipe:
        since, month = wording.format_dollars(content.dollars.since), wording.format_dollars(content.dollars.month)
        head = render_phrase(COST_SUMMARY, since=since, month_dollars=month, month=content.month_costs.month.name)
    unpriced = render_plural("*{count} run unpriced*", "*{count} runs unpriced*", total.unpriced)
    lines = [
        join_parts(" · ", [head, cost_views.describe_idle_dollars(total), unpriced if total.unpriced else ""]),
        render_cost_breakdown(content.by_person, mention),
        render_cost_breakdown(content.by_recipe, code),
        render_cost_breakdown(content.by_infra, cost_views.format_infra),
    ]
    return join_parts("\n", lines)


def render_cost_breakdown(dollars_by_name: Mapping[str, DigestDollars], render_name: Callable[[str], Markup]) -> Markup:
    """Return the dollars by name, the largest first; empty for fewer than two names."""
    if len(dollars_by_name) < 2:
        return Markup()
    remaining_dollars = sum(list(dollars_by_name.values())[MAX_COST_SHARES:], DigestDollars())
    parts = [
        render_cost_share(render_name(name), dollars)
        for name, dollars in list(dollars_by_name.items())[:MAX_COST_SHARES]
    ]
    if len(dollars_by_name) > MAX_COST_SHARES:
        parts.append(
            render_cost_share(
                render_phrase("… and {count} more", count=len(dollars_by_name) - MAX_COST_SHARES), remaining_dollars
            )
        )
    return join_parts(" · ", parts)


def render_cost_share(name: Markup, dollars: DigestDollars) -> Markup:
    """Return one entry of a breakdown: dollars since the last report and this month, as in the line above it."""
    return mrkdwn("{} {} / {}", name, wording.format_dollars(dollars.since), wording.format_dollars(dollars.month))


def render_best_by_recipe(content: DigestContent) -> Markup:
    """Return the best validation of each recipe, a line each."""
    return join_parts("\n", map(render_isolated_best_run, list(content.best.values())[:MAX_REPORT_LINES]))


BEST_VALIDATION = N_("*Best validation* of {recipe}: {value} at step {step}, by {run}")


def render_isolated_best_run(best: BestValidation) -> Markup:
    """Return the line of a best run; empty if it cannot be rendered."""
    return render_or_fallback(best.run, lambda _: render_best_run(best), lambda _: Markup())


def render_best_run(best: BestValidation) -> Markup:
    """Return the best validation of a recipe, with its step and its run."""
    run = code(best.run.id)
    sentence = render_phrase(
        BEST_VALIDATION, recipe=best.run.recipe, value=format_number(best.value), step=best.step, run=run
    )
    return mrkdwn(":trophy: {}", sentence)


def render_ending_leases(content: DigestContent) -> Markup:
    """Return the leases that end within a day."""
    lease_ends = list(
        filter(None, render_each(content.ending_soon[:MAX_REPORT_LINES], render_lease_end, lambda _: Markup()))
    )
    if not lease_ends:
        return Markup()
    return mrkdwn(
        ":alarm_clock: {}", render_phrase("*Lease ends within a day*: {runs}", runs=join_markup_list(lease_ends))
    )


def render_lease_end(run: Run) -> Markup:
    """Return a run with the end of its lease; empty if it has no lease yet."""
    return mrkdwn("{} {}", code(run.id), date(run.lease_ends_at, REPORT_TIME_FORMAT)) if run.lease_ends_at else Markup()


def find_concerns(run: Run) -> list[tuple[Run, Markup]]:
    """Return the open findings of a run, and what is unknown about it."""
    return [(run, concern) for concern in (*render_open_findings(run), wording.describe_uncertainty(run)) if concern]


def render_concerns(content: DigestContent, now: datetime) -> Markup:
    """Return what needs attention, one line per kind."""
    concerns = [
        concern for run_concerns in render_each(content.active, find_concerns, lambda _: []) for concern in run_concerns
    ]
    lines = [
        *(mrkdwn("{} {}", code(run.id), sentence) for run, sentence in concerns[:MAX_REPORT_LINES]),
        render_budget_forecasts(content, now),
        render_unpriced_runs(content),
        render_ephemeral_checkpoints(content),
    ]
    concern_lines = list(filter(None, lines))
    return (
        join_parts("\n", [mrkdwn(":warning: {}", render_phrase("*Needs attention*")), *concern_lines])
        if concern_lines
        else Markup()
    )


def render_budget_forecasts(content: DigestContent, now: datetime) -> Markup:
    """Return the runs that are forecast to exceed their budgets."""
    exceeding_runs = [
        run
        for run in content.active
        if render_or_fallback(run, lambda run: will_exceed_budget(run, now), lambda _: False)
    ]
    sentence = render_plural(
        "{runs} will go over its budget.",
        "{runs} will go over their budgets.",
        len(exceeding_runs),
        runs=render_run_names(exceeding_runs),
    )
    return sentence if exceeding_runs else Markup()


def will_exceed_budget(run: Run, now: datetime) -> bool:
    """Return whether a run will have spent its budget before its last step."""
    run_forecast = build_forecast(run, now)
    return run_forecast is not None and run_forecast.budget_exhausted_at_step is not None


def render_unpriced_runs(content: DigestContent) -> Markup:
    """Return the runs whose cost is unknown."""
    runs = content.runs_without_price
    sentence = render_plural(
        "The price of {runs} is not known.",
        "The prices of {runs} are not known.",
        len(runs),
        runs=render_run_names(runs),
    )
    return sentence if runs else Markup()


def render_ephemeral_checkpoints(content: DigestContent) -> Markup:
    """Return the active runs whose checkpoints exist on their own machines alone."""
    runs = [run for run in content.active if run.plan.checkpoints_ephemeral and not run.is_finished]
    sentence = render_plural(
        "The model of {runs} is on its machine alone.",
        "The models of {runs} are on their machines alone.",
        len(runs),
        runs=render_run_names(runs),
    )
    return sentence if runs else Markup()


def render_run_names(runs: Sequence[Run]) -> Markup:
    """Return the ids of runs as a list."""
    return join_markup_list(code(run.id) for run in runs[:MAX_REPORT_LINES])
