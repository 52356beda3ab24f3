"""What people see of a run: its card and its thread. Pure: a record in, Slack messages out."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core import loglines
from bot.core.posted import Follow
from bot.core.run import Run, Status
from bot.slack import words
from bot.slack.blocks import Block, actions, button, confirm, context, line_chart, printed, section
from bot.slack.text import code, date, escape

CARD = "card"
FOLLOW = "follow"
FORM, NEW = "form", "new"
"""The button that opens the form of a launch, and its value where no earlier run fills it in."""

LAST_LINES = 20
"""Log lines under a failure."""

FEWEST_POINTS = 3
"""Of a chart: fewer are better said in words."""

CHART_PACE = 4
"""A curve grows more slowly than a card counts, and Slack takes fifty edits a minute of a whole workspace."""

SILENCE = timedelta(minutes=2)
"""A shorter silence of the outside is no news."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a run as it should stand in Slack.

    Attributes:
        key: its name among the run's messages.
        text: the whole in one line, for notifications and clients without blocks.
        urgent: the part of the content whose change is shown at once, not with the next regular edit.
        edited: whether it follows the run, or is said once.
        broadcast: whether the channel sees it too.
        pace: how many times as long as for a card it is between two edits.
    """

    key: str
    text: str
    blocks: tuple[Block, ...]
    urgent: str = ""
    edited: bool = False
    broadcast: bool = False
    pace: int = 1

    @property
    def digest(self) -> str:
        content = json.dumps([self.text, self.blocks], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def conversation(run: Run, now: datetime, log: str) -> list[Message]:
    """Every message of the run as it should stand now: what Slack lacks of it is what is said next.

    Args:
        log: the last lines that were kept of it.
    """
    notices = [launching(run), running(run), chart(run), unseen(run, now), stopping(run), ended(run, now, log)]
    followed = [follow(run, run.follow, log)] if run.follow and (run.over_at or now) <= run.follow.until else []
    return [card(run, now), *(notice for notice in notices if notice), *followed]


def card(run: Run, now: datetime) -> Message:
    """The one message that shows a run, edited in place."""
    state = words.state(run)
    time = f"took {words.lasted(run.billed(now))}" if run.ended_at else f"since {date(run.created_at)}"
    where = [f"by <@{run.requester}>", words.machines(run), time]
    blocks = [section(f"*{escape(run.recipe)}* {code(run.id)} · {state}"), context(" · ".join(where))]
    if found := words.progress(run.progress):
        blocks.append(section(found))
    blocks.append(context(" · ".join(filter(None, [words.money(run, now), limits(run)]))))
    if run.model_dies and not run.over:
        blocks.append(context(words.MODEL_DIES))
    if run.thread_channel and run.thread_channel != run.channel:
        blocks.append(context(f"I may not write in <#{run.channel}>, so I tell you here. `/invite` me there."))
    if doubt := words.doubt(run):
        blocks.append(context(f":grey_question: {doubt}"))
    blocks.append(actions(*buttons(run)))
    text = " · ".join(filter(None, [f"{run.recipe} {run.id}", state.replace("*", ""), found]))
    return Message(CARD, text, tuple(blocks), urgent=state, edited=True)


def limits(run: Run) -> str:
    """What ends it by itself, while it can still be ended."""
    if run.over or run.status is Status.PENDING:
        return ""
    return " · ".join(filter(None, [words.lease(run), words.autostop(run) if run.job else ""]))


def buttons(run: Run) -> list[Block]:
    logs = button("Logs", "logs", run.id)
    if run.over:
        return [logs, again(run)]
    if run.stop_requested_by:
        return [logs]
    question = f"{code(run.id)} ends and its cluster is removed. What it has not saved is lost."
    return [logs, button("Stop", "stop", run.id, confirm("Stop this run?", question, "Stop it", "Keep it"), "danger")]


def again(run: Run) -> Block:
    """Opens the form with this run's settings."""
    return button("Launch again", FORM, run.id)


def launching(run: Run) -> Message | None:
    if run.first_asked_at is None:
        return None
    return said("launching", f":rocket: Asked for {words.machines(run)}: {code('/verl ' + run.line)}")


def running(run: Run) -> Message | None:
    """Not said late: what is over runs no more."""
    if run.running_at is None or run.over:
        return None
    text = f":large_blue_circle: Running on {words.machines(run)} since {date(run.running_at)}; {words.autostop(run)}."
    return said("running", text)


def chart(run: Run) -> Message | None:
    """The reward over the steps, in one message of the thread; in characters too, for those who see no charts."""
    points = run.progress.rewards.points
    if len(points) < FEWEST_POINTS:
        return None
    first, last = (f"{words.figure(value)} (step {step})" for step, value in (points[0], points[-1]))
    text = f":chart_with_upwards_trend: Reward {run.progress.rewards.bars} from {first} to {last}"
    drawn = line_chart(f"Reward of {run.id}", "reward", "step", {str(step): value for step, value in points})
    return Message("chart", text, (drawn, context(text)), edited=True, pace=CHART_PACE)


def unseen(run: Run, now: datetime) -> Message | None:
    """That nobody answers, or that somebody does again."""
    outage = run.outage
    if outage is None or run.status is Status.ENDED or (outage.until or now) - outage.since < SILENCE:
        return None
    began = int(outage.since.timestamp())
    if outage.until is None and run.status is Status.PENDING:
        waits = f"Nobody has answered for the machines since {date(outage.since)}. It is launched once somebody does."
        return said(f"unseen-{began}", f":grey_question: {waits}")
    if outage.until is None:
        return said(
            f"unseen-{began}", f":grey_question: Nothing can be seen of it since {date(outage.since)}. I go on looking."
        )
    return said(f"seen-{began}", f":eye: It can be seen again since {date(outage.until)}.")


def stopping(run: Run) -> Message | None:
    """Not said late either: a cluster that is gone does not stand."""
    if run.status is not Status.STOPPING or run.reason is None or run.first_asked_at is None:
        return None
    icon, became = words.ending(run, run.reason)
    rate = f", and bills {words.dollars(run.hourly.dollars_per_hour)}/h" if run.hourly else ""
    return said("stopping", f"{icon} It {became}. Its cluster is being removed; until that is seen it stands{rate}.")


def ended(run: Run, now: datetime, log: str) -> Message | None:
    """The end, for the thread and the channel: why, how long, how good, how much, and where the model is."""
    if run.ended_at is None or run.reason is None:
        return None
    icon, became = words.ending(run, run.reason)
    head = f"{icon} {code(run.id)} *{became}* after {words.lasted(run.billed(now))}{addressed(run)}"
    blocks = [section(head)]
    lines = [escape(run.detail or ""), words.progress(run.progress, run.metrics), words.model(run)]
    if any(lines):
        blocks.append(section("\n".join(filter(None, lines))))
    blocks.append(context(f"{words.money(run, now)} · {gone(run)}"))
    last = loglines.select(log, LAST_LINES) if run.reason.is_failure else []
    if last:
        blocks.append(printed("\n".join(map(loglines.narrow, last))))
    text = " · ".join(filter(None, [head.replace("*", ""), words.progress(run.progress)]))
    return Message("ended", text, tuple(blocks), broadcast=True)


def addressed(run: Run) -> str:
    """The person who launched it is called, unless it was that person who stopped it."""
    return "" if run.stop_requested_by == run.requester else f" · <@{run.requester}>"


def gone(run: Run) -> str:
    """What was seen of its cluster, and how surely."""
    if run.first_asked_at is None:
        return "no cluster was asked for"
    return "nothing of it stands any more: seen twice"


def follow(run: Run, wish: Follow, log: str) -> Message:
    """The log as it grows, in one message of the thread."""
    lines = loglines.select(log, wish.lines, wish.grep, wish.node)
    until = "to its end" if run.over else f"until {date(wish.until)}"
    head = f":scroll: Log of {code(run.id)}, followed for <@{wish.by}> {until}"
    shown = "\n".join(map(loglines.narrow, lines)) or "(nothing yet)"
    return Message(
        f"{FOLLOW}-{int(wish.until.timestamp())}",
        f"Log of {run.id}",
        (context(head), printed(shown)),
        edited=True,
    )


def said(key: str, text: str) -> Message:
    """A notice: said once, in the thread."""
    return Message(key, text, (section(text),))
