"""Answers to questions about cost. Pure: values in, Slack messages out."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.core.model.money import Bill
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules.costs import (
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
from bot.slack.views.blocks import context, section
from bot.slack.views.message import Answer, build_answer
from bot.slack.views.mrkdwn import (
    Markup,
    channel_link,
    code,
    date,
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

MAX_LISTED_RUNS, MAX_TABLE_ROWS = 10, 5
"""Maximum runs of one answer; maximum people, recipes and infras: more are not readable on a phone."""

DATE_FORMAT = "{date_short_pretty} {time}"

UNPRICED_RUN = N_("{run} is *unpriced*: its price is not known. That does not mean that it is free.")
HOW_TO_PRICE = N_("A price table tells me: `VERLBOT_PRICES`, or the prices that SkyPilot's server is given.")


# One run.


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
    cost, name = run.cost(now), code(run.id)
    if run.launch.first_requested_at is None:
        return render_phrase("{run} has cost nothing: no machine was asked for.", run=name)
    if cost is None:
        return render_phrase(UNPRICED_RUN, run=name)
    budget = wording.format_dollars(run.limits.budget_dollars)
    share = f"{cost / run.limits.budget_dollars:.0%}"
    fields = {"run": name, "spent": wording.format_dollars(cost), "budget": budget, "share": share}
    if run.status is RunStatus.ENDED:
        return render_phrase("{run} has cost *{spent}* in all, {share} of its budget of {budget}", **fields)
    return render_phrase("{run} has cost *{spent}* so far, {share} of its budget of {budget}", **fields)


BY_CLOCK = N_("{time} by my own clock, since its machines were asked for {asked}, at {rate}.")
BY_BILL = N_("{dollars} by {source}, {time}; since then by my own clock, at {rate}.")
BY_LAST_BILL = N_("{dollars} by {source}, {time}, when its machines were gone: {rate}.")


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
    parts = [
        describe_idle_part(N_("{time} until its job ran"), idle_time.before_start),
        describe_idle_part(N_("{time} without a step while it ran"), idle_time.while_running or timedelta()),
        describe_idle_part(N_("{time} until its machines were gone"), idle_time.after_end),
        render_phrase("how long its steps took, its log does not tell")
        if idle_time.while_running is None
        else Markup(),
    ]
    parts_text = join_markup_list(parts)
    if not parts_text:
        return Markup()
    if dollars is None or not cost:
        return render_phrase("*Idle* {time}: {parts}", time=wording.format_duration(idle_time.total), parts=parts_text)
    return render_phrase(
        "*Idle* {dollars}, {share} of it: {parts}",
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
                "*A step* {dollars}, of {steps}", dollars=wording.format_small_dollars(efficiency.per_step), steps=steps
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
        return render_phrase(
            "*A point of validation* (0.01) {dollars}: from {first} to {best}", dollars=dollars, **fields
        )
    if gain.points > 0:
        return render_phrase("*Validation* from {first} to {best}", **fields)
    return render_phrase("*Validation* has gained nothing yet on its first, {first}", **fields)


def compare_with_baseline(run: Run, efficiency: Efficiency, baseline: RecipeBaseline) -> Markup:
    """Return the cost of a point in earlier runs of the same recipe, and this run's as a multiple of it."""
    fields = {"recipe": run.recipe, "dollars": wording.format_small_dollars(baseline.per_point)}
    median = render_plural(
        "The one earlier run of {recipe} that succeeded has paid {dollars} a point",
        "The median of {count} earlier runs of {recipe} that succeeded is {dollars} a point",
        baseline.runs,
        **fields,
    )
    # Nothing is a multiple of zero dollars.
    if efficiency.per_point is None or not baseline.per_point:
        return median
    times = f"{efficiency.per_point / baseline.per_point:.1f}"
    return render_phrase("{median}: this one pays {times} times that", median=median, times=times)


# A month.


def build_person_costs(costs: MonthlyCosts, zone: str) -> Answer:
    """Return a person's own runs, those that still bill first."""
    head = render_phrase("*Your runs* in {month}", month=costs.month.name)
    return build_month_answer(costs, zone, head, [list_charges(costs.charges, charge_line)] if costs.charges else [])


def build_channel_costs(costs: MonthlyCosts, zone: str, channel_id: str) -> Answer:
    """Return the runs of a channel, by person, recipe and infra."""
    link_to_channel = channel_link(channel_id)
    return build_month_answer(
        costs,
        zone,
        render_phrase("*Runs of {channel}* in {month}", channel=link_to_channel, month=costs.month.name),
        list_tables(costs),
    )


def build_workspace_costs(costs: MonthlyCosts, zone: str) -> Answer:
    """Return all runs, by person, recipe and infra."""
    return build_month_answer(
        costs, zone, render_phrase("*All runs* in {month}", month=costs.month.name), list_tables(costs)
    )


def build_month_answer(costs: MonthlyCosts, zone: str, title: Markup, sections: Sequence[Markup]) -> Answer:
    """Return the answer about a month: totals, runs without a price, sections, and how runs are counted."""
    totals = costs.total
    head = mrkdwn(":moneybag: {}", render_phrase("{what}: {total}", what=title, total=describe_totals(totals)))
    notes = [context(describe_unpriced_runs(totals))] if totals.unpriced else []
    notes += (
        [context(join_parts("\n", map(wording.unshown_line, costs.failed[:MAX_LISTED_RUNS])))] if costs.failed else []
    )
    footnote = join_markup_sentences(
        render_phrase(HOW_RUNS_COUNT),
        render_phrase("The month is that of {zone}.", zone=code(zone)),
        render_phrase(HOW_TO_SEE_A_RUN),
    )
    return build_answer(strip_bold(head), [section(head), *notes, *map(section, sections), context(footnote)])


HOW_RUNS_COUNT = N_("A run counts whole in the month in which it ended; one that still bills counts in this one.")
HOW_TO_SEE_A_RUN = N_("`/verl cost RUN` shows where a run's numbers come from.")


def describe_totals(totals: CostTotals) -> Markup:
    """Return dollars, current rate, idle dollars, and the number of runs."""
    if not totals.runs:
        return render_phrase("none has billed yet.")
    runs = render_plural("{count} run", "{count} runs", totals.runs)
    return join_parts(
        " · ", [format_amount(totals), describe_current_rate(totals), describe_idle_dollars(totals), runs]
    )


def format_amount(totals: CostTotals) -> Markup:
    """Return the dollars; "unpriced", never zero, where no run has a price."""
    return mrkdwn(
        "*{}*",
        wording.format_dollars(totals.dollars) if totals.runs > totals.unpriced else render_phrase("price unknown"),
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


NOT_IN_SUMS = N_("{runs}, in no sum here: the price is not known, which does not mean that it is free.")


def describe_unpriced_runs(totals: CostTotals) -> Markup:
    """Return how many runs have no price. They get a line of their own, because their dollars are in no sum."""
    runs = render_plural("*{count} run unpriced*", "*{count} runs unpriced*", totals.unpriced)
    return mrkdwn(":grey_question: {}", render_phrase(NOT_IN_SUMS, runs=runs))


def list_tables(costs: MonthlyCosts) -> list[Markup]:
    """Return one table each by person, recipe and infra."""
    kinds: list[tuple[Markup, Mapping[str, CostTotals], Callable[[str], Markup]]] = [
        (render_phrase("*By person*"), costs.by_person, mention),
        (render_phrase("*By recipe*"), costs.by_recipe, code),
        (render_phrase("*By infra*"), costs.by_infra, format_infra),
    ]
    return [
        cost_table(title, totals_by_name, format_name) for title, totals_by_name, format_name in kinds if totals_by_name
    ]


def format_infra(infra: str) -> Markup:
    """Return the infra, or that it is unknown."""
    return translate_text(infra) if infra else render_phrase("infra not known")


def cost_table(title: Markup, totals_by_name: Mapping[str, CostTotals], format_name: Callable[[str], Markup]) -> Markup:
    """Return a line for each name, and one for all further names together."""
    entries = list(totals_by_name.items())
    rows = [mrkdwn("{} {}", format_name(name), describe_share(totals)) for name, totals in entries[:MAX_TABLE_ROWS]]
    rest = sum((totals for _, totals in entries[MAX_TABLE_ROWS:]), CostTotals())
    more = (
        [render_phrase("… and {count} more: {share}", count=len(entries) - MAX_TABLE_ROWS, share=describe_share(rest))]
        if rest.runs
        else []
    )
    return join_parts("\n", [title, *rows, *more])


def describe_share(totals: CostTotals) -> Markup:
    """Return the dollars of a group, its runs, its current rate, and how many runs have no price."""
    runs = render_plural("{count} run", "{count} runs", totals.runs)
    is_partly_unpriced = totals.unpriced and totals.unpriced < totals.runs
    missing = render_phrase("{count} unpriced", count=totals.unpriced) if is_partly_unpriced else Markup()
    return join_parts(" · ", [format_amount(totals), runs, describe_current_rate(totals), missing])


def list_charges(charges: Sequence[RunCharge], format_charge: Callable[[RunCharge], Markup]) -> Markup:
    """Return as many runs as are shown, and the sum of the others."""
    rest = charges[MAX_LISTED_RUNS:]
    remaining = sum(map(CostTotals.from_charge, rest), CostTotals())
    more = (
        [render_phrase("… and {count} more: {share}", count=len(rest), share=format_amount(remaining))] if rest else []
    )
    return join_parts("\n", [*map(format_charge, charges[:MAX_LISTED_RUNS]), *more])


def charge_line(charge: RunCharge) -> Markup:
    """Return one run: what it has cost, its current rate, and its state."""
    totals = CostTotals.from_charge(charge)
    head = mrkdwn("{} {}", code(charge.run), format_amount(totals))
    return join_parts(
        " · ",
        [
            head,
            describe_current_rate(totals),
            describe_idle_dollars(totals),
            wording.describe_outcome(charge.status, charge.reason),
        ],
    )
