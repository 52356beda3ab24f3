"""Answers to questions about cost. Pure: values in, Slack messages out."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.core.idle import idle, idle_dollars
from bot.core.money import Bill
from bot.core.run import Run
from bot.core.spend import Charge, Spent, Tally
from bot.core.status import Status
from bot.core.worth import Gain, Past, Worth, worth
from bot.language import mark
from bot.slack import answers, words
from bot.slack.answers import Answer
from bot.slack.blocks import context, section
from bot.slack.phrases import listing, say, say_many, together, translate
from bot.slack.standing import written
from bot.slack.text import Markup, channel, code, date, joined, mention, mrkdwn, unshaped

LISTED, ROWS = 10, 5
"""Maximum runs of one answer; maximum people, recipes and infras: more are not readable on a phone."""

WHEN = "{date_short_pretty} {time}"

UNPRICED_RUN = mark("{run} is *unpriced*: nobody has told me what it costs. That is not to say that it is free.")
HOW_TO_PRICE = mark("A price table tells me: `VERLBOT_PRICES`, or the prices that SkyPilot's server is given.")


# One run.


def of_run(run: Run, earlier: Past | None, now: datetime) -> Answer:
    """Return what a run has cost, where each number comes from, and what the money has achieved."""
    head = mrkdwn(":moneybag: {}", headline(run, now))
    lines = [words.forecast(run, now), idleness(run, now), *bought(run, worth(run, now), earlier)]
    body = joined("\n", lines)
    blocks = [section(head), context(source(run, now)), *([section(body)] if body else [])]
    return answers.answer(unshaped(head), blocks)


def headline(run: Run, now: datetime) -> Markup:
    """Return the dollars of a run, and their share of its budget."""
    spent, name = run.cost(now), code(run.id)
    if run.first_asked_at is None:
        return say("{run} has cost nothing: no machine was asked for.", run=name)
    if spent is None:
        return say(UNPRICED_RUN, run=name)
    budget = words.dollars(run.budget_dollars)
    share = f"{spent / run.budget_dollars:.0%}"
    fields = {"run": name, "spent": words.dollars(spent), "budget": budget, "share": share}
    if run.status is Status.ENDED:
        return say("{run} has cost *{spent}* in all, {share} of its budget of {budget}", **fields)
    return say("{run} has cost *{spent}* so far, {share} of its budget of {budget}", **fields)


BY_CLOCK = mark("{time} by my own clock, since its machines were asked for {asked}, at {rate}.")
BY_BILL = mark("{dollars} by {source}, {time}; since then by my own clock, at {rate}.")
BY_LAST_BILL = mark("{dollars} by {source}, {time}, when its machines were gone: {rate}.")


def source(run: Run, now: datetime) -> Markup:
    """Return the source of the dollars: a provider's bill and its time, or else time and a rate, with the rate's
    source.
    """
    if run.first_asked_at is None:
        return words.budget(run.budget_dollars)
    if run.hourly is None:
        return say(HOW_TO_PRICE)
    if run.bill and run.bill.rate.is_price:
        return billed(run.bill)
    asked, rate = date(run.first_asked_at, WHEN), words.rate(run.hourly)
    return say(BY_CLOCK, time=words.lasted(run.billed(now)), asked=asked, rate=rate)


def billed(bill: Bill) -> Markup:
    """Return a provider's bill in words."""
    dollars, name, rate = words.dollars(bill.dollars), bill.rate.source, words.hourly(bill.rate.dollars_per_hour)
    said = BY_LAST_BILL if bill.closed else BY_BILL
    return say(said, dollars=dollars, source=translate(name), time=date(bill.at, WHEN), rate=rate)


def idleness(run: Run, now: datetime) -> Markup:
    """Return what was billed while no step was made, in its parts."""
    found, dollars, spent = idle(run, now), idle_dollars(run, now), run.cost(now)
    if run.first_asked_at is None or not found.known:
        return Markup()
    parts = [
        part(mark("{time} until its job ran"), found.before),
        part(mark("{time} without a step while it ran"), found.within or timedelta()),
        part(mark("{time} until its machines were gone"), found.after),
        say("how long its steps took, its log does not tell") if found.within is None else Markup(),
    ]
    told = listing(parts)
    if dollars is None or not spent:
        return say("*Idle* {time}: {parts}", time=words.lasted(found.known), parts=told)
    return say(
        "*Idle* {dollars}, {share} of it: {parts}",
        dollars=words.dollars(dollars),
        share=f"{dollars / spent:.0%}",
        parts=told,
    )


def part(phrase: str, span: timedelta) -> Markup:
    """Return one part of the idle time; empty below a second."""
    return say(phrase, time=words.lasted(span)) if span >= timedelta(seconds=1) else Markup()


def bought(run: Run, found: Worth, earlier: Past | None) -> list[Markup]:
    """Return what a step and a point of validation have cost."""
    lines = []
    if found.per_step is not None:
        steps = say_many("{count} step", "{count} steps", run.progress.trained.steps)
        lines.append(say("*A step* {dollars}, of {steps}", dollars=words.fine(found.per_step), steps=steps))
    if found.gain:
        lines.append(point(found, found.gain))
    if earlier:
        lines.append(against(run, found, earlier))
    return lines


def point(found: Worth, gain: Gain) -> Markup:
    """Return what a point of validation has cost. A point is a hundredth of verl's number."""
    fields = {"first": written(gain.first), "best": written(gain.best)}
    if found.per_point is not None:
        dollars = words.fine(found.per_point)
        return say("*A point of validation* (0.01) {dollars}: from {first} to {best}", dollars=dollars, **fields)
    if gain.points > 0:
        return say("*Validation* from {first} to {best}", **fields)
    return say("*Validation* has gained nothing yet on its first, {first}", **fields)


def against(run: Run, found: Worth, earlier: Past) -> Markup:
    """Return the cost of a point in earlier runs of the same recipe, and this run's as a multiple of it."""
    fields = {"recipe": run.recipe, "dollars": words.fine(earlier.per_point)}
    median = say_many(
        "The one earlier run of {recipe} that succeeded has paid {dollars} a point",
        "The median of {count} earlier runs of {recipe} that succeeded is {dollars} a point",
        earlier.runs,
        **fields,
    )
    # Nothing is a multiple of zero dollars.
    if found.per_point is None or not earlier.per_point:
        return median
    times = f"{found.per_point / earlier.per_point:.1f}"
    return say("{median}: this one pays {times} times that", median=median, times=times)


# A month.


def of_person(found: Spent, zone: str) -> Answer:
    """Return a person's own runs, those that still bill first."""
    head = say("*Your runs* in {month}", month=found.month.name)
    return answer(found, zone, head, [many(found.charges, line)] if found.charges else [])


def of_channel(found: Spent, zone: str, channel_id: str) -> Answer:
    """Return the runs of a channel, by person, recipe and infra."""
    named = channel(channel_id)
    return answer(
        found,
        zone,
        say("*Runs of {channel}* in {month}", channel=named, month=found.month.name),
        parts(found),
    )


def of_all(found: Spent, zone: str) -> Answer:
    """Return all runs, by person, recipe and infra."""
    return answer(found, zone, say("*All runs* in {month}", month=found.month.name), parts(found))


def answer(found: Spent, zone: str, title: Markup, more: Sequence[Markup]) -> Answer:
    """Return the answer about a month: totals, runs without a price, sections, and how runs are counted."""
    whole = found.whole
    head = mrkdwn(":moneybag: {}", say("{what}: {total}", what=title, total=total(whole)))
    notes = [context(unpriced(whole))] if whole.unpriced else []
    notes += [context(joined("\n", map(words.unshown, found.failed[:LISTED])))] if found.failed else []
    how = together(say(COUNTED), say("The month is that of {zone}.", zone=code(zone)), say(ONE_RUN))
    return answers.answer(unshaped(head), [section(head), *notes, *map(section, more), context(how)])


COUNTED = mark("A run counts whole in the month in which it ended; one that still bills counts in this one.")
ONE_RUN = mark("`/verl cost RUN` shows where a run's numbers come from.")


def total(whole: Tally) -> Markup:
    """Return dollars, current rate, idle dollars, and the number of runs."""
    if not whole.runs:
        return say("none has billed yet.")
    runs = say_many("{count} run", "{count} runs", whole.runs)
    return joined(" · ", [amount(whole), going(whole), idled(whole), runs])


def amount(found: Tally) -> Markup:
    """Return the dollars; "unpriced", never zero, where no run has a price."""
    return mrkdwn("*{}*", words.dollars(found.dollars) if found.runs > found.unpriced else say("unpriced"))


def going(found: Tally) -> Markup:
    """Return the dollars an hour that still run up; empty where none do."""
    return say("{rate} now", rate=words.hourly(found.hourly)) if found.hourly else Markup()


def idled(found: Tally) -> Markup:
    """Return the idle dollars; empty below half a cent."""
    return say("{dollars} idle", dollars=words.dollars(found.idle)) if found.idle >= 0.005 else Markup()


UNPRICED = mark("{runs}, in no sum here: nobody has told me what that costs, which is not to say that it is free.")


def unpriced(found: Tally) -> Markup:
    """Return how many runs have no price. They get a line of their own, because their dollars are in no sum."""
    runs = say_many("*{count} run unpriced*", "*{count} runs unpriced*", found.unpriced)
    return mrkdwn(":grey_question: {}", say(UNPRICED, runs=runs))


def parts(found: Spent) -> list[Markup]:
    """Return one table each by person, recipe and infra."""
    kinds: list[tuple[Markup, Mapping[str, Tally], Callable[[str], Markup]]] = [
        (say("*By person*"), found.by_person, mention),
        (say("*By recipe*"), found.by_recipe, code),
        (say("*By infra*"), found.by_infra, place),
    ]
    return [table(title, tallies, named) for title, tallies, named in kinds if tallies]


def place(infra: str) -> Markup:
    """Return the infra, or that it is unknown."""
    return translate(infra) if infra else say("infra not known")


def table(title: Markup, tallies: Mapping[str, Tally], named: Callable[[str], Markup]) -> Markup:
    """Return a line for each name, and one for all further names together."""
    shown = list(tallies.items())
    rows = [mrkdwn("{} {}", named(name), share(one)) for name, one in shown[:ROWS]]
    rest = sum((one for _, one in shown[ROWS:]), Tally())
    more = [say("… and {count} more: {share}", count=len(shown) - ROWS, share=share(rest))] if rest.runs else []
    return joined("\n", [title, *rows, *more])


def share(found: Tally) -> Markup:
    """Return the dollars of a group, its runs, its current rate, and how many runs have no price."""
    runs = say_many("{count} run", "{count} runs", found.runs)
    some = found.unpriced and found.unpriced < found.runs
    missing = say("{count} unpriced", count=found.unpriced) if some else Markup()
    return joined(" · ", [amount(found), runs, going(found), missing])


def many(charges: Sequence[Charge], said: Callable[[Charge], Markup]) -> Markup:
    """Return as many runs as are shown, and the sum of the others."""
    rest = charges[LISTED:]
    left = sum(map(Tally.of, rest), Tally())
    more = [say("… and {count} more: {share}", count=len(rest), share=amount(left))] if rest else []
    return joined("\n", [*map(said, charges[:LISTED]), *more])


def line(one: Charge) -> Markup:
    """Return one run: what it has cost, its current rate, and its state."""
    tally = Tally.of(one)
    head = mrkdwn("{} {}", code(one.run), amount(tally))
    return joined(" · ", [head, going(tally), idled(tally), words.became(one.status, one.reason)])
