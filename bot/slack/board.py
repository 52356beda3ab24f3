"""A board: how a channel's runs do, in one message. Pure: what there is to tell in, a Slack message out."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from bot.core.board import Best, Board, Dollars
from bot.core.forecast import forecast
from bot.core.report import Report, is_late
from bot.core.run import Run
from bot.core.shadow import Shadow
from bot.isolation import render_each, render_one
from bot.language import mark
from bot.slack import spend, words
from bot.slack.answers import Answer, answer, shown_line
from bot.slack.blocks import context, section
from bot.slack.findings import sickness
from bot.slack.message import Message
from bot.slack.phrases import listing, say, say_many
from bot.slack.standing import written
from bot.slack.text import Markup, channel, code, date, joined, mention, mrkdwn, unshaped
from bot.slack.views import TOLD_ELSEWHERE

LISTED = 10
"""Runs of each kind, people and recipes: more nobody reads on a phone."""

BIGGEST = 3
"""People, recipes and infras whose dollars are told."""

WHEN = "{date_short_pretty} {time}"


def board(report: Report, found: Board, now: datetime, occasion: datetime, was_quiet: bool = False) -> Message:
    """The board of an occasion.

    Args:
        was_quiet: whether its time was in the quiet hours.
    """
    head = heading(report, found)
    notes = [late(occasion, now, was_quiet), elsewhere(report)]
    parts = [
        *runs(found, now),
        unshown(found),
        spent(found),
        best(found),
        ending(found),
        needing(found, now),
        rehearsed(found, now),
    ]
    blocks = [section(head), *(context(note) for note in notes if note), *(section(part) for part in parts if part)]
    text = joined(" · ", [unshaped(head), counted(found)])
    return Message(f"board-{int(occasion.timestamp())}", text, tuple(blocks))


def at_once(report: Report, found: Board, now: datetime) -> Answer:
    """The board as the answer to a person."""
    made = board(report, found, now, now)
    return answer(made.text, made.blocks)


def heading(report: Report, found: Board) -> Markup:
    since = date(found.since, WHEN)
    title = say("*Runs of {channel}* since {time}", channel=channel(report.channel), time=since)
    if report.everywhere:
        title = say("*All runs* since {time}", time=since)
    elif report.is_own:
        title = say("*Your runs* since {time}", time=since)
    return mrkdwn(":clipboard: {}", title)


def counted(found: Board) -> Markup:
    return say("{active} active, {ended} ended", active=len(found.active), ended=len(found.ended))


def late(occasion: datetime, now: datetime, was_quiet: bool) -> Markup:
    """Why a board comes after its time; empty where it does not."""
    if not is_late(occasion, now):
        return Markup()
    if was_quiet:
        return mrkdwn(":zzz: {}", say("It was due {time}, in the quiet hours.", time=date(occasion, WHEN)))
    return mrkdwn(":hourglass: {}", say("It was due {time}; I could not tell it then.", time=date(occasion, WHEN)))


def elsewhere(report: Report) -> Markup:
    return say(TOLD_ELSEWHERE, channel=channel(report.channel)) if report.stands_in else Markup()


def runs(found: Board, now: datetime) -> list[Markup]:
    if not found.runs:
        return [say("Nothing runs, and nothing has ended since.")]
    if not found.active:
        return [say("Nothing runs any more."), many(say("*Ended*"), found.ended, lambda run: end(run, now))]
    return [
        many(say("*Active*"), found.active, lambda run: shown_line(run, now)),
        many(say("*Ended*"), found.ended, lambda run: end(run, now)),
    ]


def unshown(found: Board) -> Markup:
    """Return a line for each run that cannot be reckoned with."""
    return joined("\n", map(words.unshown, found.failed[:LISTED]))


def many(title: Markup, found: Sequence[Run], said: Callable[[Run], Markup]) -> Markup:
    """A line each; empty for none."""
    if not found:
        return Markup()
    more = len(found) - LISTED
    rest = [say("… and {count} more; `/verl list all` shows them.", count=more)] if more > 0 else []
    lines = render_each(found[:LISTED], said, lambda run: words.unshown(run.id))
    return joined("\n", [title, *lines, *rest])


def end(run: Run, now: datetime) -> Markup:
    """How a run ended, on a line."""
    validation = run.progress.validation
    parts = [
        words.ending(run, run.reason, now) if run.reason else code(run.id),
        say("step {step}", step=run.progress.step) if run.progress.step is not None else "",
        say("val {value}", value=written(validation)) if validation is not None else "",
        words.spent(run, now),
        mention(run.requester),
    ]
    return joined(" · ", parts)


WOULD_END = mark("{rule} would have ended {run} {time}")
WOULD_END_AGO = mark("{rule} would have ended {run} {time}, {dollars} ago")
WOULD_REFUSE = mark("{rule} would have held up {run} {time}")


def rehearsed(found: Board, now: datetime) -> Markup:
    """What rules would have done that the policy only rehearses."""
    each = render_each(found.runs, lambda run: [would(run, one, now) for one in run.shadows], lambda _: [])
    lines = [line for lines in each for line in lines]
    if not lines:
        return Markup()
    more = [say("… and {count} more", count=len(lines) - LISTED)] if len(lines) > LISTED else []
    return joined("\n", [say("*Rehearsed*"), *lines[:LISTED], *more])


def would(run: Run, one: Shadow, now: datetime) -> Markup:
    about = {"rule": code(one.rule), "run": code(run.id), "time": date(one.at, WHEN)}
    if not one.ends:
        return say(WOULD_REFUSE, **about)
    cost = run.cost(now)
    if cost is None or one.cost is None:
        return say(WOULD_END, **about)
    return say(WOULD_END_AGO, dollars=words.dollars(max(cost - one.cost, 0.0)), **about)


SPENT = mark("*Spent* {since} since then / {month_dollars} in {month}")
NO_PRICE = mark("*Spent*: nobody has told me what these runs cost")


def spent(found: Board) -> Markup:
    """Dollars since the last board and this month, what of them was idle; by person, recipe and infra."""
    whole = found.spent.whole
    if not found.by_recipe and not whole.runs:
        return Markup()
    head = say(NO_PRICE)
    if found.by_recipe:
        since, month = words.dollars(found.dollars.since), words.dollars(found.dollars.month)
        head = say(SPENT, since=since, month_dollars=month, month=found.spent.month.name)
    unpriced = say_many("*{count} run unpriced*", "*{count} runs unpriced*", whole.unpriced)
    lines = [
        joined(" · ", [head, spend.idled(whole), unpriced if whole.unpriced else ""]),
        shares(found.by_person, mention),
        shares(found.by_recipe, code),
        shares(found.by_infra, spend.place),
    ]
    return joined("\n", lines)


def shares(found: Mapping[str, Dollars], named: Callable[[str], Markup]) -> Markup:
    """Who has how much of it; empty where one has it all."""
    if len(found) < 2:
        return Markup()
    rest = sum(list(found.values())[BIGGEST:], Dollars())
    parts = [share(named(name), dollars) for name, dollars in list(found.items())[:BIGGEST]]
    if len(found) > BIGGEST:
        parts.append(share(say("… and {count} more", count=len(found) - BIGGEST), rest))
    return joined(" · ", parts)


def share(name: Markup, dollars: Dollars) -> Markup:
    """As the line above has it: since the last board, and this month."""
    return mrkdwn("{} {} / {}", name, words.dollars(dollars.since), words.dollars(dollars.month))


def best(found: Board) -> Markup:
    return joined("\n", map(shown_best, list(found.best.values())[:LISTED]))


BEST = mark("*Best validation* of {recipe}: {value} at step {step}, by {run}")


def shown_best(one: Best) -> Markup:
    return render_one(one.run, lambda _: best_of(one), lambda _: Markup())


def best_of(one: Best) -> Markup:
    run = code(one.run.id)
    sentence = say(BEST, recipe=one.run.recipe, value=written(one.value), step=one.step, run=run)
    return mrkdwn(":trophy: {}", sentence)


def ending(found: Board) -> Markup:
    """What the lease ends within a day."""
    ends = list(filter(None, render_each(found.ending[:LISTED], ends_at, lambda _: Markup())))
    if not ends:
        return Markup()
    return mrkdwn(":alarm_clock: {}", say("*Lease ends within a day*: {runs}", runs=listing(ends)))


def ends_at(run: Run) -> Markup:
    return mrkdwn("{} {}", code(run.id), date(run.lease_ends_at, WHEN)) if run.lease_ends_at else Markup()


def doubts(run: Run) -> list[tuple[Run, Markup]]:
    """Return what looks sick of a run, or is not known."""
    return [(run, what) for what in (*sickness(run), words.doubt(run)) if what]


def needing(found: Board, now: datetime) -> Markup:
    """What somebody should look at, a line for each kind."""
    told = [one for ones in render_each(found.active, doubts, lambda _: []) for one in ones]
    lines = [
        *(mrkdwn("{} {}", code(run.id), what) for run, what in told[:LISTED]),
        over_budget(found, now),
        unpriced(found),
        dying(found),
    ]
    needs = list(filter(None, lines))
    return joined("\n", [mrkdwn(":warning: {}", say("*Needs somebody*")), *needs]) if needs else Markup()


def over_budget(found: Board, now: datetime) -> Markup:
    over = [run for run in found.active if render_one(run, lambda run: goes_over(run, now), lambda _: False)]
    sentence = say_many(
        "{runs} will go over its budget.", "{runs} will go over their budgets.", len(over), runs=names(over)
    )
    return sentence if over else Markup()


def goes_over(run: Run, now: datetime) -> bool:
    """Return whether a run will have spent its budget before its last step."""
    end = forecast(run, now)
    return end is not None and end.over_at_step is not None


def unpriced(found: Board) -> Markup:
    runs = found.unpriced
    sentence = say_many(
        "What {runs} costs, nobody has told me.", "What {runs} cost, nobody has told me.", len(runs), runs=names(runs)
    )
    return sentence if runs else Markup()


def dying(found: Board) -> Markup:
    runs = [run for run in found.active if run.model_dies and not run.over]
    sentence = say_many(
        "The model of {runs} is on its machine alone.",
        "The models of {runs} are on their machines alone.",
        len(runs),
        runs=names(runs),
    )
    return sentence if runs else Markup()


def names(runs: Sequence[Run]) -> Markup:
    return listing(code(run.id) for run in runs[:LISTED])
