"""The card and the thread of a run. Pure: a record in, Slack messages out."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.core import drain, loglines
from bot.core.digest import Digest
from bot.core.figure import progress_figure
from bot.core.posted import Follow
from bot.core.run import Run
from bot.core.status import Reason, Status
from bot.language import mark
from bot.slack import failures, words
from bot.slack.again import again
from bot.slack.approvals import approval_blocks, approval_buttons, approval_messages, is_waiting
from bot.slack.blocks import Block, actions, button, context, printed, section
from bot.slack.charts import native
from bot.slack.findings import finding_messages, sickness, unknown_numbers
from bot.slack.guards import guard_messages
from bot.slack.limits import limit_messages, stop
from bot.slack.managed import about, recovery_messages
from bot.slack.memory import memory_messages, removal
from bot.slack.message import CARD, Message, said
from bot.slack.models import how_to, lose, model_messages
from bot.slack.phrases import say, together
from bot.slack.purses import purse_messages
from bot.slack.standing import progress, standing, written
from bot.slack.summary import changes
from bot.slack.text import Markup, channel, code, command, date, joined, mention, mrkdwn, unshaped

FOLLOW = "follow"

LAST_LINES = 20
"""Number of log lines under a failure."""

CHART_PACE = 4
"""Time between two edits of a chart, as a multiple of a card's: a curve grows more slowly than a card counts, and Slack
takes fifty edits a minute from a whole workspace."""

SILENCE = timedelta(minutes=2)
"""Minimum length of an outage that is reported."""


def conversation(run: Run, now: datetime, log: str) -> list[Message]:
    """Return every message of the run as Slack should show it now: what Slack lacks of them is sent next.

    Args:
        log: the last stored lines of the run's log.
    """
    notices = [launching(run), running(run), chart(run), unseen(run, now), summary(run, now), stopping(run)]
    notices.append(unread(run))
    notices += [
        *approval_messages(run),
        ended(run, now, log),
        *limit_messages(run, now),
        *purse_messages(run),
        *finding_messages(run, now),
        *guard_messages(run),
        *recovery_messages(run),
        *model_messages(run, now),
        *memory_messages(run),
    ]
    followed = [follow(run, run.follow, log)] if run.follow and (run.over_at or now) <= run.follow.until else []
    return [card(run, now), *(notice for notice in notices if notice), *followed]


TOLD_ELSEWHERE = mark("I may not write in {channel}, so I tell you here. `/invite` me there.")


def card(run: Run, now: datetime) -> Message:
    """Return the one message that shows a run, edited in place."""
    state = words.state(run)
    where = [say("by {person}", person=mention(run.requester)), words.machines(run), time(run, now), about(run)]
    blocks = [section(mrkdwn("*{}* {} · {}", run.recipe, code(run.id), state)), context(joined(" · ", where))]
    if found := standing(run, now):
        blocks.append(section(found))
    if sick := sickness(run):
        blocks.append(section(joined("\n", sick)))
    blocks.append(context(joined(" · ", [words.money(run, now), limits(run)])))
    blocks += approval_blocks(run)
    if not run.over:
        blocks += map(context, words.red_lines(run.blind, run.model_dies, run.managed))
    if run.thread_channel and run.thread_channel != run.channel:
        blocks.append(context(say(TOLD_ELSEWHERE, channel=channel(run.channel))))
    if doubt := words.doubt(run):
        blocks.append(context(mrkdwn(":grey_question: {}", doubt)))
    blocks.append(actions(*buttons(run)))
    text = joined(" · ", [mrkdwn("{} {}", run.recipe, run.id), unshaped(state), found])
    return Message(CARD, text, tuple(blocks), urgent=state, edited=True)


def time(run: Run, now: datetime) -> Markup:
    """Return how long the run took, or since when it exists."""
    if run.ended_at:
        return say("took {time}", time=words.lasted(run.billed(now)))
    return say("since {time}", time=date(run.created_at))


def limits(run: Run) -> Markup:
    """Return what ends the run by itself, while it can still end."""
    if run.over or run.waits:
        return Markup()
    return joined(" · ", [words.lease(run), words.autostop(run) if run.job else ""])


def buttons(run: Run) -> list[Block]:
    """Return the buttons for what people may do now."""
    logs = button(say("Logs"), "logs", run.id)
    if is_waiting(run):
        return [*approval_buttons(run), stop(run)]
    if drain.is_kept(run):
        return [logs, lose(run)]
    if run.over:
        return [logs, *again(run)]
    if run.stop_requested_by and not run.keeping.draining:
        return [logs]
    return [logs, stop(run)]


def launching(run: Run) -> Message | None:
    """Return the notice that machines are requested; None before the first request."""
    if run.first_asked_at is None:
        return None
    asked = say("Asked for {machines}: {command}", machines=words.machines(run), command=command("/verl " + run.line))
    return said("launching", mrkdwn(":rocket: {}", asked))


RUNNING = mark("Running on {machines} since {time}; {autostop}.")


def running(run: Run) -> Message | None:
    """Return the notice that the run is running; None once it has finished, because it is not sent late."""
    if run.running_at is None or run.over:
        return None
    since = date(run.running_at)
    text = say(RUNNING, machines=words.machines(run), time=since, autostop=words.autostop(run))
    return said("running", mrkdwn(":large_blue_circle: {}", text))


POINT = mark("{value} (step {step})")


def chart(run: Run) -> Message | None:
    """Return the reward over the steps, in one message of the thread; as text too, for people without charts."""
    figure, points = progress_figure(run), run.progress.rewards.points
    drawn = native(figure)
    if drawn is None or not points:
        return None
    first, last = (say(POINT, value=written(value), step=step) for step, value in (points[0], points[-1]))
    told = [say("Reward {curve} from {first} to {last}", curve=run.progress.rewards.bars, first=first, last=last)]
    if validation := run.progress.validations.points:
        step, value = validation[-1]
        told.append(say("val {value} (step {step})", value=written(value), step=step))
    if (saved := run.progress.checkpoint_step) is not None:
        told.append(say("checkpoint of step {step}", step=saved))
    text = mrkdwn(":chart_with_upwards_trend: {}", joined(" · ", told))
    return Message("chart", text, (drawn, context(text)), edited=True, pace=CHART_PACE, figures=(figure,))


def unseen(run: Run, now: datetime) -> Message | None:
    """Return the notice that the machines, or SkyPilot, do not respond, or that they respond again."""
    outage = run.outage
    if outage is None or run.status is Status.ENDED or (outage.until or now) - outage.since < SILENCE:
        return None
    began = int(outage.since.timestamp())
    # The run has no machines yet, so the notice is about its launch.
    if outage.until is None and run.waits:
        since = say("Nobody has answered for the machines since {time}.", time=date(outage.since))
        waits = together(since, say("It is launched once somebody does."))
        return said(f"unseen-{began}", mrkdwn(":grey_question: {}", waits))
    if outage.until is None:
        looks = say("Nothing can be seen of it since {time}. I go on looking.", time=date(outage.since))
        return said(f"unseen-{began}", mrkdwn(":grey_question: {}", looks))
    again = say("It can be seen again since {time}.", time=date(outage.until))
    return said(f"seen-{began}", mrkdwn(":eye: {}", again))


def summary(run: Run, now: datetime) -> Message | None:
    """Return the summary that is due; None once the run has finished, because it is not sent late."""
    found = changes(run, now)
    return said(run.summary.key, found) if run.summary and found else None


UNREAD = mark(
    "I skipped a part of its log, because I crashed twice while I read it. My numbers lack the steps and checkpoints "
    "of that part."
)


def unread(run: Run) -> Message | None:
    """Return the notice that lines of its log were skipped; once a run."""
    return said("unread", mrkdwn(":warning: {}", say(UNREAD))) if run.progress.skips else None


STANDS_FOR_MODEL = mark("Its cluster stands until its model is fetched.")
STANDS_FOR_MODEL_AT = mark("Its cluster stands until its model is fetched, and bills {rate}.")
STANDS = mark("Its cluster is being removed; until that is seen it stands, and bills {rate}.")


def stopping(run: Run) -> Message | None:
    """Return the notice that the run stops and its cluster still bills; None once the cluster is gone, because it is
    not sent late.
    """
    if run.status is not Status.STOPPING or run.reason is None or run.first_asked_at is None:
        return None
    stays = drain.is_kept(run)
    stands = say(STANDS_FOR_MODEL if stays else "Its cluster is being removed; until that is seen it stands.")
    if run.hourly:
        stands = say(STANDS_FOR_MODEL_AT if stays else STANDS, rate=words.hourly(run.hourly.dollars_per_hour))
    if run.memory.is_lost:
        stands = removal(run)
    return said("stopping", together(words.stopping(run, run.reason), stands))


def ended(run: Run, now: datetime, log: str) -> Message | None:
    """Return the end, for the thread and the channel: why, how long, how good, how much, and where the model is."""
    if run.ended_at is None or run.reason is None:
        return None
    head = joined(" · ", [words.ending(run, run.reason, now), addressed(run)])
    found = failures.digest_of(run, log)
    why = failures.why(run, found)
    blocks = [section(joined("\n", [head, why, failures.advice(run, found)]))]
    last = progress(run.progress, run.metrics, run.misleading)
    lines = [last, *unknown_numbers(run), failures.left(run, now), *how_to(run)]
    if any(lines):
        blocks.append(section(joined("\n", lines)))
    blocks.append(context(joined(" · ", [words.money(run, now), gone(run)])))
    if excerpt := shown_lines(run.reason, found, log):
        blocks.append(printed("\n".join(map(loglines.narrow, excerpt))))
    blocks.append(actions(*again(run)))
    text = joined(" · ", [unshaped(head), why if found else "", progress(run.progress)])
    return Message("ended", text, tuple(blocks), broadcast=True)


def shown_lines(reason: Reason, found: Digest | None, log: str) -> Sequence[str]:
    """Return what the run printed around its first error, or else last; nothing where that is of no interest."""
    if found and found.excerpt:
        return found.excerpt
    return loglines.select(log, LAST_LINES) if reason.is_failure else ()


def addressed(run: Run) -> Markup:
    """Return a mention of the person who launched the run, unless that person stopped it."""
    return Markup() if run.stop_requested_by == run.requester else mention(run.requester)


def gone(run: Run) -> Markup:
    """Return what is known of the end of its cluster, and how surely."""
    if run.first_asked_at is None:
        return say("no cluster was asked for")
    if run.memory.gone_by:
        return say("machines gone, says {person}; SkyPilot cannot tell", person=mention(run.memory.gone_by))
    return say("nothing of it stands any more: seen twice")


def follow(run: Run, wish: Follow, log: str) -> Message:
    """Return the log as it grows, in one message of the thread."""
    lines = loglines.select(log, wish.lines, wish.grep, wish.node)
    run_id, person = code(run.id), mention(wish.by)
    head = say("Log of {run}, followed for {person} until {time}", run=run_id, person=person, time=date(wish.until))
    if run.over:
        head = say("Log of {run}, followed for {person} to its end", run=run_id, person=person)
    shown = "\n".join(map(loglines.narrow, lines)) or say("(nothing yet)")
    return Message(
        f"{FOLLOW}-{int(wish.until.timestamp())}",
        say("Log of {run}", run=run.id),
        (context(mrkdwn(":scroll: {}", head)), printed(shown)),
        edited=True,
    )
