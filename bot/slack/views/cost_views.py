"""Answers to questions about cost. Pure: values in, Slack messages out."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.core.model.money import Bill
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules.costs import (
    HALF_A_CENT,
    CostTotals,
    Efficiency,
    MonthlyCosts,
    RecipeBaseline,
    RunCharge,
    ValidationGain,
    compute_efficiency,
    compute_idle_dollars,
    compute_idle_time,
)
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.blocks import Block, context, section
from bot.slack.views.message import Answer, build_answer
from bot.slack.views.mrkdwn import (
    DAY_AND_TIME,
    Markup,
    channel_link,
    code,
    date,
    escape,
    join_markup_list,
    join_markup_sentences,
    join_parts,
    mention,
    mrkdwn,
    render_phrase,
    render_plural,
    strip_bold,
    translate_text,
)
from bot.slack.views.progress_views import format_number
from bot.slack.views.tables import Column, build_table

MAX_LISTED_RUNS, MAX_GROUPS = 10, 5
"""Maximum runs of one answer; maximum people, recipes and infras: more are not readable on a phone."""

DATE_FORMAT = DAY_AND_TIME

UNPRICED_RUN = N_("{run}: *price unknown*, which does not mean free.")
HOW_TO_PRICE = N_("An admin can give me the price: with `VERLBOT_PRICES`, or on SkyPilot's server.")


# One run.


def find_no_run(_: str) -> Run | None:
    """Return no run, so that runs are named without a link."""
    return None


def build_run_costs(run: Run, baseline: RecipeBaseline | None, now: datetime) -> Answer:
    """Return what a run has cost, where each number comes from, and what the money has achieved."""
    head = mrkdwn(":moneybag: {}", run_cost_headline(run, now))
    lines = [
        wording.describe_forecast(run, now),
        describe_idle_time(run, now),
        *list_efficiency(run, compute_efficiency(run, now), baseline),
    ]
    body = join_parts("\n", lines)
    blocks = [section(head), context(describe_source(run, now)), *([section(body)] if body else [])]
    return build_answer(strip_bold(head), blocks)


def run_cost_headline(run: Run, now: datetime) -> Markup:
    """Return the dollars of a run, and their share of its budget."""
    cost, name = run.cost(now), wording.link_run(run)
    if run.launch.first_requested_at is None:
        return render_phrase("{run} has cost nothing: no machines were requested.", run=name)
    if cost is None:
        return render_phrase(UNPRICED_RUN, run=name)
    budget = wording.format_dollars(run.limits.budget_dollars)
    share = f"{wording.compute_whole_percent(cost, run.limits.budget_dollars)}%"
    fields = {"run": name, "spent": wording.format_dollars(cost), "budget": budget, "share": share}
    if run.status is RunStatus.ENDED:
        return render_phrase("{run} cost *{spent}* in total, {share} of its budget of {budget}", **fields)
    return render_phrase("{run} has cost *{spent}* so far, {share} of its budget of {budget}", **fields)


BY_CLOCK = N_("Estimated: {time} × {rate}, since machines were requested at {asked}.")
BY_BILL = N_("{dollars} according to {source} at {time}; since then estimated at {rate}.")
BY_LAST_BILL = N_(
    "{dollars} according to {source} at {time}, when the machines were already gone; the rate was {rate}."
)


def describe_source(run: Run, now: datetime) -> Markup:
    """Return the source of the dollars: a provider's bill and its time, or else time and a rate, with the rate's
    source.
    """
    if run.launch.first_requested_at is None:
        return wording.describe_budget(run.limits.budget_dollars)
    if run.spending.hourly_rate is None:
        return render_phrase(HOW_TO_PRICE)
    if run.spending.bill and run.spending.bill.rate.is_priced:
        return describe_bill(run.spending.bill)
    requested_at, rate = (
        date(run.launch.first_requested_at, DATE_FORMAT),
        wording.describe_rate(run.spending.hourly_rate),
    )
    return render_phrase(
        BY_CLOCK, time=wording.format_duration(run.compute_billed_duration(now)), asked=requested_at, rate=rate
    )


def describe_bill(bill: Bill) -> Markup:
    """Return a provider's bill in words."""
    dollars, name, rate = (
        wording.format_dollars(bill.dollars),
        bill.rate.source,
        wording.format_hourly_rate(bill.rate.dollars_per_hour),
    )
    phrase = BY_LAST_BILL if bill.is_closed else BY_BILL
    return render_phrase(
        phrase, dollars=dollars, source=translate_text(name), time=date(bill.at, DATE_FORMAT), rate=rate
    )


def describe_idle_time(run: Run, now: datetime) -> Markup:
    """Return what was billed while no step was made, in its parts; empty where each part is below a second."""
    idle_time, dollars, cost = compute_idle_time(run, now), compute_idle_dollars(run, now), run.cost(now)
    if run.launch.first_requested_at is None or not idle_time.total:
        return Markup()
    after_end = N_("{time} until its machines were gone") if run.closed_at else N_("{time} since it ended")
    parts = [
        describe_idle_part(N_("{time} before its job started"), idle_time.before_start),
        describe_idle_part(N_("{time} without a step while it ran"), idle_time.while_running or timedelta()),
        describe_idle_part(after_end, idle_time.after_end),
        render_phrase("step times unknown") if idle_time.while_running is None else Markup(),
    ]
    parts_text = join_markup_list(parts)
    if not parts_text:
        return Markup()
    if dollars is None or not cost:
        return render_phrase("*Idle* {time}: {parts}", time=wording.format_duration(idle_time.total), parts=parts_text)
    return render_phrase(
        "*Idle* {dollars} ({share}): {parts}",
        dollars=wording.format_dollars(dollars),
        share=f"{dollars / cost:.0%}",
        parts=parts_text,
    )


def describe_idle_part(phrase: str, span: timedelta) -> Markup:
    """Return one part of the idle time; empty below a second."""
    return render_phrase(phrase, time=wording.format_duration(span)) if span >= timedelta(seconds=1) else Markup()


def list_efficiency(run: Run, efficiency: Efficiency, baseline: RecipeBaseline | None) -> list[Markup]:
    """Return what a step and a point of validation have cost."""
    lines = []
    if efficiency.per_step is not None:
        steps = render_plural("{count} step", "{count} steps", run.training.progress.training_totals.steps)
        lines.append(
            render_phrase(
                "{dollars} per step ({steps})", dollars=wording.format_small_dollars(efficiency.per_step), steps=steps
            )
        )
    if efficiency.gain:
        lines.append(describe_validation_gain(efficiency, efficiency.gain))
    if baseline:
        lines.append(compare_with_baseline(run, efficiency, baseline))
    return lines


def describe_validation_gain(efficiency: Efficiency, gain: ValidationGain) -> Markup:
    """Return what a point of validation has cost. A point is a hundredth of verl's number."""
    fields = {"first": format_number(gain.first), "best": format_number(gain.best)}
    if efficiency.per_point is not None:
        dollars = wording.format_small_dollars(efficiency.per_point)
        return render_phrase("{dollars} per 0.01 of validation gained ({first} → {best})", dollars=dollars, **fields)
    if gain.points > 0:
        return render_phrase("Validation {first} → {best}", **fields)
    return render_phrase("Validation has not improved on its first value, {first}", **fields)


def compare_with_baseline(run: Run, efficiency: Efficiency, baseline: RecipeBaseline) -> Markup:
    """Return the cost of a point in earlier runs of the same recipe, and this run's as a multiple of it."""
    fields = {"recipe": run.recipe, "dollars": wording.format_small_dollars(baseline.per_point)}
    median = render_plural(
        "The one earlier run of {recipe} that succeeded paid {dollars} per 0.01 of validation gained",
        "The {count} earlier runs of {recipe} that succeeded paid {dollars} per 0.01 of validation gained (median)",
        baseline.runs,
        **fields,
    )
    # Nothing is a multiple of zero dollars.
    if efficiency.per_point is None or not baseline.per_point:
        return median
    times = f"{efficiency.per_point / baseline.per_point:.1f}"
    return render_phrase("{median}; this run paid {times}× that", median=median, times=times)


# A month.


def build_person_costs(costs: MonthlyCosts, zone: str, find_run: Callable[[str], Run | None] = find_no_run) -> Answer:
    """Return a person's own runs, those that still bill first.

    Args:
        find_run: returns a run by its id, for the link to its card; None where it is not known.
    """
    head = render_phrase("*Your runs* in {month}", month=costs.month.name)
    return build_month_answer(costs, zone, head, build_charge_table(costs.charges, find_run))


def build_channel_costs(
    costs: MonthlyCosts, zone: str, channel_id: str, show_person: Callable[[str], Markup] = mention
) -> Answer:
    """Return the runs of a channel, by person, recipe and infra."""
    link_to_channel = channel_link(channel_id)
    return build_month_answer(
        costs,
        zone,
        render_phrase("*Runs of {channel}* in {month}", channel=link_to_channel, month=costs.month.name),
        build_share_table(costs, show_person),
    )


def build_workspace_costs(costs: MonthlyCosts, zone: str, show_person: Callable[[str], Markup] = mention) -> Answer:
    """Return all runs, by person, recipe and infra."""
    head = render_phrase("*All runs* in {month}", month=costs.month.name)
    return build_month_answer(costs, zone, head, build_share_table(costs, show_person))


def build_month_answer(costs: MonthlyCosts, zone: str, title: Markup, tables: Sequence[Block]) -> Answer:
    """Return the answer about a month: totals, runs without a price, how runs are counted, and a table."""
    totals = costs.total
    head = mrkdwn(":moneybag: {}", render_phrase("{what}: {total}", what=title, total=describe_totals(totals)))
    notes = [context(describe_unpriced_runs(totals))] if totals.unpriced else []
    notes += [context(describe_other_spending(costs))] if costs.other_dollars else []
    notes += (
        [context(join_parts("\n", map(wording.unshown_line, costs.failed[:MAX_LISTED_RUNS])))] if costs.failed else []
    )
    footnote = join_markup_sentences(
        render_phrase(HOW_RUNS_COUNT),
        render_phrase("Months are in {zone} time.", zone=code(zone)),
        render_phrase(HOW_TO_SEE_A_RUN),
    )
    return build_answer(strip_bold(head), [section(head), *notes, context(footnote), *tables])


HOW_RUNS_COUNT = N_("A run counts toward the month in which it ends; a running one counts toward this month.")
HOW_TO_SEE_A_RUN = N_("`/verl cost RUN` shows where the numbers of a run come from.")


def describe_totals(totals: CostTotals) -> Markup:
    """Return dollars, current rate, idle dollars, and the number of runs."""
    if not totals.runs and not totals.dollars:
        return render_phrase("nothing spent yet.")
    runs = render_plural("{count} run", "{count} runs", totals.runs)
    return join_parts(
        " · ", [format_amount(totals), describe_current_rate(totals), describe_idle_dollars(totals), runs]
    )


def format_amount(totals: CostTotals) -> Markup:
    """Return the dollars; "unpriced", never zero, where no run has a price."""
    return mrkdwn(
        "*{}*",
        wording.format_dollars(totals.dollars)
        if totals.runs > totals.unpriced or totals.dollars
        else render_phrase("price unknown"),
    )


def describe_current_rate(totals: CostTotals) -> Markup:
    """Return the dollars an hour that still run up; empty where none do."""
    return (
        render_phrase("{rate} now", rate=wording.format_hourly_rate(totals.dollars_per_hour))
        if totals.dollars_per_hour
        else Markup()
    )


def describe_idle_dollars(totals: CostTotals) -> Markup:
    """Return the idle dollars; empty below half a cent."""
    return (
        render_phrase("{dollars} idle", dollars=wording.format_dollars(totals.idle))
        if totals.idle >= 0.005
        else Markup()
    )


NOT_IN_SUMS = N_("{runs}, not in these sums. That does not mean free.")


def describe_other_spending(costs: MonthlyCosts) -> Markup:
    """Return the part of the sum that belongs to no run of the list."""
    other = wording.format_dollars(costs.other_dollars)
    return render_phrase("{dollars} of it was spent outside verlbot, or by runs that were deleted.", dollars=other)


def describe_unpriced_runs(totals: CostTotals) -> Markup:
    """Return how many runs have no price. They get a line of their own, because their dollars are in no sum."""
    runs = render_plural("*{count} run of unknown price*", "*{count} runs of unknown price*", totals.unpriced)
    return mrkdwn(":grey_question: {}", render_phrase(NOT_IN_SUMS, runs=runs))


def format_infra(infra: str) -> Markup:
    """Return the infra, or that it is unknown."""
    return translate_text(infra) if infra else render_phrase("infra unknown")


def build_share_table(costs: MonthlyCosts, show_person: Callable[[str], Markup]) -> list[Block]:
    """Return one table with the dollars by person, by recipe and by infra; nothing for no runs."""
    kinds: list[tuple[Markup, Mapping[str, CostTotals], Callable[[str], Markup]]] = [
        (render_phrase("Person"), costs.by_person, show_person),
        (render_phrase("Recipe"), costs.by_recipe, code),
        (render_phrase("Infra"), costs.by_infra, format_infra),
    ]
    rows = [row for kind, totals, show_name in kinds for row in list_share_rows(kind, totals, show_name)]
    columns = [Column(render_phrase("By")), Column(render_phrase("Name")), *build_amount_columns()]
    return [build_table(columns, rows)] if rows else []


def build_amount_columns() -> list[Column]:
    """Return the columns of amounts, which both tables have."""
    titles = (render_phrase("Cost"), render_phrase("Runs"), render_phrase("Now"), render_phrase("Idle"))
    return [Column(title, is_number=True) for title in titles]


def list_share_rows(
    kind: Markup, totals_by_name: Mapping[str, CostTotals], show_name: Callable[[str], Markup]
) -> list[list[Markup]]:
    """Return a row for each name, the costliest first, and one for all further names together."""
    entries = list(totals_by_name.items())
    rows = [[kind, show_name(name), *list_amounts(totals)] for name, totals in entries[:MAX_GROUPS]]
    rest = sum((totals for _, totals in entries[MAX_GROUPS:]), CostTotals())
    more = render_phrase("{count} more", count=len(entries) - MAX_GROUPS)
    return [*rows, [kind, more, *list_amounts(rest)]] if rest.runs else rows


def list_amounts(totals: CostTotals) -> list[Markup]:
    """Return dollars, number of runs, current rate and idle dollars, as cells."""
    idle = wording.format_dollars(totals.idle) if totals.idle >= HALF_A_CENT else Markup()
    rate = wording.format_hourly_rate(totals.dollars_per_hour) if totals.dollars_per_hour else Markup()
    return [format_amount(totals), describe_run_count(totals), rate, idle]


def describe_run_count(totals: CostTotals) -> Markup:
    """Return the number of runs, and how many of them have no price where others do."""
    if 0 < totals.unpriced < totals.runs:
        return render_phrase("{runs}, {count} of unknown price", runs=totals.runs, count=totals.unpriced)
    return escape(str(totals.runs))


def build_charge_table(charges: Sequence[RunCharge], find_run: Callable[[str], Run | None]) -> list[Block]:
    """Return a table of as many runs as are shown, with the sum of the others; nothing for no runs."""
    rows = [list_charge_cells(charge, find_run) for charge in charges[:MAX_LISTED_RUNS]]
    rest = charges[MAX_LISTED_RUNS:]
    if rest:
        remaining = sum(map(CostTotals.from_charge, rest), CostTotals())
        amount, _, rate, idle = list_amounts(remaining)
        rows.append([render_phrase("{count} more", count=len(rest)), amount, rate, idle, Markup()])
    columns = [
        Column(render_phrase("Run")),
        Column(render_phrase("Cost"), is_number=True),
        Column(render_phrase("Now"), is_number=True),
        Column(render_phrase("Idle"), is_number=True),
        Column(render_phrase("State")),
    ]
    return [build_table(columns, rows)] if rows else []


def list_charge_cells(charge: RunCharge, find_run: Callable[[str], Run | None]) -> list[Markup]:
    """Return the cells of one run: what it has cost, its current rate, idle dollars, and its state."""
    run = find_run(charge.run)
    amount, _, rate, idle = list_amounts(CostTotals.from_charge(charge))
    name = wording.link_run(run, charge.person) if run else code(charge.run)
    return [name, amount, rate, idle, wording.describe_outcome(charge.status, charge.reason)]
