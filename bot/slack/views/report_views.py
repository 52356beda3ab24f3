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
from bot.slack.views.attention_views import list_alarm_lines
from bot.slack.views.blocks import Block, context, section
from bot.slack.views.message import Answer, Message, build_answer
from bot.slack.views.mrkdwn import (
    DAY_AND_TIME,
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
from bot.slack.views.progress_views import describe_best_validation, format_number
from bot.slack.views.run_card import SHOWN_IN_DIRECT_MESSAGE
from bot.slack.views.run_table import build_run_table

MAX_REPORT_LINES = 10
"""Maximum lines of each section: more are unreadable on a phone."""

MAX_COST_SHARES = 3
"""Maximum people, recipes and infras whose dollars a report shows."""

REPORT_TIME_FORMAT = DAY_AND_TIME


def render_report(
    report: Report,
    content: DigestContent,
    now: datetime,
    due_at: datetime,
    was_quiet: bool = False,
    show_person: Callable[[str], Markup] = mention,
) -> Message:
    """Return the message of a scheduled report. The active runs are its table, which Slack shows last.

    Args:
        due_at: when the report is due.
        was_quiet: whether that time was in the quiet hours.
        show_person: returns a person's name; people who must act are mentioned all the same.
    """
    head = render_report_heading(report, content)
    notes = [render_lateness(due_at, now, was_quiet), render_fallback_channel(report)]
    parts = [
        render_idleness(content),
        render_concerns(content, now, show_person),
        render_run_section(
            render_phrase("*Ended*"), content.ended, lambda run: render_ended_run(run, now, show_person)
        ),
        render_unshown_runs(content),
        render_costs(content, show_person),
        render_best_by_recipe(content),
        render_ending_leases(content, now),
        render_report_only_rules(content, now),
    ]
    blocks = [section(head), *(context(note) for note in notes if note), *(section(part) for part in parts if part)]
    blocks += build_active_table(content, now, show_person)
    text = join_parts(" · ", [strip_bold(head), render_run_counts(content)])
    return Message(f"board-{int(due_at.timestamp())}", text, tuple(blocks))


def render_report_answer(
    report: Report,
    content: DigestContent,
    now: datetime,
    show_person: Callable[[str], Markup] = mention,
    who: str = "",
) -> Answer:
    """Return the report as an answer to a person, of the runs of one person where `who` is given."""
    message = render_report(report, content, now, now, show_person=show_person)
    blocks = message.blocks
    if who:
        blocks = (context(render_phrase("Only runs that {person} launched.", person=show_person(who))), *blocks)
    return build_answer(message.text, blocks)


def build_active_table(content: DigestContent, now: datetime, show_person: Callable[[str], Markup]) -> list[Block]:
    """Return the active runs as a table, with a note if there are more than it shows; nothing for none."""
    if not content.active:
        return []
    more = len(content.active) - MAX_REPORT_LINES
    note = render_phrase("*Active*")
    if more > 0:
        note = mrkdwn("{} · {}", note, render_phrase("… and {count} more; `/verl list all` shows them.", count=more))
    return [section(note), build_run_table(content.active[:MAX_REPORT_LINES], now, show_person)]


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
            ":zzz: {}",
            render_phrase("This was due at {time}, in the quiet hours.", time=date(due_at, REPORT_TIME_FORMAT)),
        )
    return mrkdwn(
        ":hourglass: {}",
        render_phrase("Late: this was due at {time}.", time=date(due_at, REPORT_TIME_FORMAT)),
    )


def render_fallback_channel(report: Report) -> Markup:
    """Return a note that the report belongs to another channel; empty if it does not."""
    return (
        render_phrase(SHOWN_IN_DIRECT_MESSAGE, channel=channel_link(report.channel))
        if report.fallback_channel
        else Markup()
    )


def render_idleness(content: DigestContent) -> Markup:
    """Return that nothing is running; empty where something is."""
    if content.active:
        return Markup()
    if not content.ended:
        return render_phrase("Nothing is running, and nothing has finished since then.")
    return render_phrase("Nothing is running.")


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


def render_ended_run(run: Run, now: datetime, show_person: Callable[[str], Markup]) -> Markup:
    """Return how a run ended, on one line."""
    best = describe_best_validation(run.training.progress)
    parts = [
        mrkdwn("{} {}", wording.link_run(run), wording.describe_outcome(run.status, run.reason)),
        wording.format_duration(run.compute_billed_duration(now)) if run.launch.first_requested_at else "",
        render_phrase("step {step}", step=run.training.progress.step) if run.training.progress.step is not None else "",
        render_phrase("best validation {value}", value=best) if best else "",
        wording.describe_cost(run, now),
        show_person(run.requester),
    ]
    return join_parts(" · ", parts)


WOULD_END = N_("{rule} would have stopped {run} at {time}")
WOULD_END_AGO = N_("{rule} would have stopped {run} at {time}; it has cost {dollars} since")
WOULD_REFUSE = N_("{rule} would have refused {run} at {time}")


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
    return join_parts("\n", [render_phrase("*Test rules*, which stop nothing"), *lines[:MAX_REPORT_LINES], *more])


def render_policy_hit(run: Run, hit: PolicyHit, now: datetime) -> Markup:
    """Return what a report-only rule would have done to a run, and the dollars that the run has cost since."""
    about = {"rule": code(hit.rule), "run": wording.link_run(run), "time": date(hit.at, REPORT_TIME_FORMAT)}
    if not hit.ends:
        return render_phrase(WOULD_REFUSE, **about)
    cost = run.cost(now)
    # The rate may have become known only after the rule matched.
    if cost is None or hit.cost is None:
        return render_phrase(WOULD_END, **about)
    return render_phrase(WOULD_END_AGO, dollars=wording.format_dollars(max(cost - hit.cost, 0.0)), **about)


COST_SUMMARY = N_("*Spent*: {since} since the last report, {month_dollars} this month")
PRICES_UNKNOWN = N_("*Spent*: the price of these runs is unknown")
OTHER_SPENDING = N_("{dollars} of it outside verlbot or by deleted runs")


def render_costs(content: DigestContent, show_person: Callable[[str], Markup]) -> Markup:
    """Return the dollars since the last report and this month, the idle part of them, and their breakdown by person,
    recipe and infra.
    """
    costs, total = content.month_costs, content.month_costs.total
    if not content.by_recipe and not total.runs and not total.dollars:
        return Markup()
    head = render_phrase(PRICES_UNKNOWN)
    # Where no run has a price, the dollars are unknown, not zero.
    if content.by_recipe or costs.other_dollars:
        since, month = wording.format_dollars(content.dollars.since), wording.format_dollars(total.dollars)
        head = render_phrase(COST_SUMMARY, since=since, month_dollars=month)
    other = render_phrase(OTHER_SPENDING, dollars=wording.format_dollars(costs.other_dollars))
    unpriced = render_plural("*{count} run of unknown price*", "*{count} runs of unknown price*", total.unpriced)
    parts = [
        head,
        other if costs.other_dollars else "",
        cost_views.describe_idle_dollars(total),
        unpriced if total.unpriced and head != render_phrase(PRICES_UNKNOWN) else "",
    ]
    lines = [
        join_parts(" · ", parts),
        render_cost_breakdown(content.by_person, show_person),
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
    return render_phrase(
        "{name} {since} ({month} this month)",
        name=name,
        since=wording.format_dollars(dollars.since),
        month=wording.format_dollars(dollars.month),
    )


def render_best_by_recipe(content: DigestContent) -> Markup:
    """Return the best validation of each recipe, a line each."""
    return join_parts("\n", map(render_isolated_best_run, list(content.best.values())[:MAX_REPORT_LINES]))


BEST_VALIDATION = N_("*Best validation* of {recipe}: {value} at step {step} of {run}")


def render_isolated_best_run(best: BestValidation) -> Markup:
    """Return the line of a best run; empty if it cannot be rendered."""
    return render_or_fallback(best.run, lambda _: render_best_run(best), lambda _: Markup())


def render_best_run(best: BestValidation) -> Markup:
    """Return the best validation of a recipe, with its step and its run."""
    run = wording.link_run(best.run)
    sentence = render_phrase(
        BEST_VALIDATION, recipe=best.run.recipe, value=format_number(best.value), step=best.step, run=run
    )
    return mrkdwn(":trophy: {}", sentence)


def lacks_forecast(now: datetime) -> Callable[[Run], bool]:
    """Return the test whether the end of a run is not known."""
    return lambda run: build_forecast(run, now) is None


def render_ending_leases(content: DigestContent, now: datetime) -> Markup:
    """Return the leases that end within a day, of runs whose end is not known."""
    # Where the end of a run is known, a lease that is too short needs attention, and any other needs no mention.
    runs = [run for run in content.ending_soon if render_or_fallback(run, lacks_forecast(now), lambda _: False)]
    lease_ends = list(filter(None, render_each(runs[:MAX_REPORT_LINES], render_lease_end, lambda _: Markup())))
    if not lease_ends:
        return Markup()
    return mrkdwn(
        ":alarm_clock: {}", render_phrase("*Lease ends within a day*: {runs}", runs=join_markup_list(lease_ends))
    )


def render_lease_end(run: Run) -> Markup:
    """Return a run with the end of its lease; empty if it has no lease yet."""
    return (
        mrkdwn("{} {}", wording.link_run(run), date(run.lease_ends_at, REPORT_TIME_FORMAT))
        if run.lease_ends_at
        else Markup()
    )


def render_concerns(content: DigestContent, now: datetime, show_person: Callable[[str], Markup]) -> Markup:
    """Return what needs a person, a line for each such run; empty if nothing does."""
    lines = list_alarm_lines(content.active, now, show_person)
    if not lines:
        return Markup()
    return join_parts("\n", [mrkdwn(":warning: {}", render_phrase("*Needs attention*")), *lines])
