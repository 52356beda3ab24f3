"""Scheduled reports: the state of a channel's runs in one message. Pure: report content in, a Slack message out."""

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
"""Maximum lines of each section: more are unreadable on a phone."""

BIGGEST = 3
"""Maximum people, recipes and infras whose dollars a report shows."""

WHEN = "{date_short_pretty} {time}"


def board(report: Report, found: Board, now: datetime, occasion: datetime, was_quiet: bool = False) -> Message:
    """Return the message of a scheduled report.

    Args:
        due_at: when the report is due.
        was_quiet: whether that time was in the quiet hours.
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
    """Return the report as an answer to a person."""
    made = board(report, found, now, now)
    return answer(made.text, made.blocks)


def heading(report: Report, found: Board) -> Markup:
    """Return the title of a report: which runs it covers, and since when."""
    since = date(found.since, WHEN)
    title = say("*Runs of {channel}* since {time}", channel=channel(report.channel), time=since)
    if report.everywhere:
        title = say("*All runs* since {time}", time=since)
    elif report.is_own:
        title = say("*Your runs* since {time}", time=since)
    return mrkdwn(":clipboard: {}", title)


def counted(found: Board) -> Markup:
    """Return how many runs are active and how many have ended."""
    return say("{active} active, {ended} ended", active=len(found.active), ended=len(found.ended))


def late(occasion: datetime, now: datetime, was_quiet: bool) -> Markup:
    """Return why a report comes late; empty if it is in time."""
    if not is_late(occasion, now):
        return Markup()
    if was_quiet:
        return mrkdwn(":zzz: {}", say("It was due {time}, in the quiet hours.", time=date(occasion, WHEN)))
    return mrkdwn(":hourglass: {}", say("It was due {time}; I could not tell it then.", time=date(occasion, WHEN)))


def elsewhere(report: Report) -> Markup:
    """Return a note that the report belongs to another channel; empty if it does not."""
    return say(TOLD_ELSEWHERE, channel=channel(report.channel)) if report.stands_in else Markup()


def runs(found: Board, now: datetime) -> list[Markup]:
    """Return the sections with the active and the ended runs."""
    if not found.runs:
        return [say("Nothing runs, and nothing has ended since.")]
    if not found.active:
        return [say("Nothing runs any more."), many(say("*Ended*"), found.ended, lambda run: end(run, now))]
    return [
        many(say("*Active*"), found.active, lambda run: shown_line(run, now)),
        many(say("*Ended*"), found.ended, lambda run: end(run, now)),
    ]


def unshown(found: Board) -> Markup:
    """Return one line for each run that could not be evaluated."""
    return joined("\n", map(words.unshown, found.failed[:LISTED]))


def many(title: Markup, found: Sequence[Run], said: Callable[[Run], Markup]) -> Markup:
    """Return a title and one line per run; empty for no runs."""
    if not found:
        return Markup()
    more = len(found) - LISTED
    rest = [say("… and {count} more; `/verl list all` shows them.", count=more)] if more > 0 else []
    lines = render_each(found[:LISTED], said, lambda run: words.unshown(run.id))
    return joined("\n", [title, *lines, *rest])


def end(run: Run, now: datetime) -> Markup:
    """Return how a run ended, on one line."""
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
    """Return what report-only rules of the policy would have done."""
    each = render_each(found.runs, lambda run: [would(run, one, now) for one in run.shadows], lambda _: [])
    lines = [line for lines in each for line in lines]
    if not lines:
        return Markup()
    more = [say("… and {count} more", count=len(lines) - LISTED)] if len(lines) > LISTED else []
    return joined("\n", [say("*Rehearsed*"), *lines[:LISTED], *more])


def would(run: Run, one: Shadow, now: datetime) -> Markup:
    """Return what a report-only rule would have done to a run, and the dollars that the run has cost since."""
    about = {"rule": code(one.rule), "run": code(run.id), "time": date(one.at, WHEN)}
    if not one.ends:
        return say(WOULD_REFUSE, **about)
    cost = run.cost(now)
    # The rate may have become known only after the rule matched.
    if cost is None or one.cost is None:
        return say(WOULD_END, **about)
    return say(WOULD_END_AGO, dollars=words.dollars(max(cost - one.cost, 0.0)), **about)


SPENT = mark("*Spent* {since} since then / {month_dollars} in {month}")
NO_PRICE = mark("*Spent*: nobody has told me what these runs cost")


def spent(found: Board) -> Markup:
    """Return the dollars since the last report and this month, the idle part of them, and their breakdown by person,
    recipe and infra.
    """
    whole = found.spent.whole
    if not found.by_recipe and not whole.runs:
        return Markup()
    head = say(NO_PRICE)
    # Only priced runs are broken down by recipe: without any, the dollars are unknown, not zero.
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
    """Return the dollars by name, the largest first; empty for fewer than two names."""
    if len(found) < 2:
        return Markup()
    rest = sum(list(found.values())[BIGGEST:], Dollars())
    parts = [share(named(name), dollars) for name, dollars in list(found.items())[:BIGGEST]]
    if len(found) > BIGGEST:
        parts.append(share(say("… and {count} more", count=len(found) - BIGGEST), rest))
    return joined(" · ", parts)


def share(name: Markup, dollars: Dollars) -> Markup:
    """Return one entry of a breakdown: dollars since the last report and this month, as in the line above it."""
    return mrkdwn("{} {} / {}", name, words.dollars(dollars.since), words.dollars(dollars.month))


def best(found: Board) -> Markup:
    """Return the best validation of each recipe, a line each."""
    return joined("\n", map(shown_best, list(found.best.values())[:LISTED]))


BEST = mark("*Best validation* of {recipe}: {value} at step {step}, by {run}")


def shown_best(one: Best) -> Markup:
    """Return the line of a best run; empty if it cannot be rendered."""
    return render_one(one.run, lambda _: best_of(one), lambda _: Markup())


def best_of(one: Best) -> Markup:
    """Return the best validation of a recipe, with its step and its run."""
    run = code(one.run.id)
    sentence = say(BEST, recipe=one.run.recipe, value=written(one.value), step=one.step, run=run)
    return mrkdwn(":trophy: {}", sentence)


def ending(found: Board) -> Markup:
    """Return the leases that end within a day."""
    ends = list(filter(None, render_each(found.ending[:LISTED], ends_at, lambda _: Markup())))
    if not ends:
        return Markup()
    return mrkdwn(":alarm_clock: {}", say("*Lease ends within a day*: {runs}", runs=listing(ends)))


def ends_at(run: Run) -> Markup:
    """Return a run with the end of its lease; empty if it has no lease yet."""
    return mrkdwn("{} {}", code(run.id), date(run.lease_ends_at, WHEN)) if run.lease_ends_at else Markup()


def doubts(run: Run) -> list[tuple[Run, Markup]]:
    """Return the open findings of a run, and what is unknown about it."""
    return [(run, what) for what in (*sickness(run), words.doubt(run)) if what]


def needing(found: Board, now: datetime) -> Markup:
    """Return what needs attention, one line per kind."""
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
    """Return the runs that are forecast to exceed their budgets."""
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
    """Return the runs whose cost is unknown."""
    runs = found.unpriced
    sentence = say_many(
        "What {runs} costs, nobody has told me.", "What {runs} cost, nobody has told me.", len(runs), runs=names(runs)
    )
    return sentence if runs else Markup()


def dying(found: Board) -> Markup:
    """Return the active runs whose checkpoints exist on their own machines alone."""
    runs = [run for run in found.active if run.model_dies and not run.over]
    sentence = say_many(
        "The model of {runs} is on its machine alone.",
        "The models of {runs} are on their machines alone.",
        len(runs),
        runs=names(runs),
    )
    return sentence if runs else Markup()


def names(runs: Sequence[Run]) -> Markup:
    """Return the ids of runs as a list."""
    return listing(code(run.id) for run in runs[:LISTED])
