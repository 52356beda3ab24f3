"""What is said of managed jobs: that a run is one, and each time that its machines went away. Pure."""

from bot.core.managed import Controller, Recovery, agreement, needs
from bot.core.run import Run
from bot.language import mark
from bot.slack.message import Message, said
from bot.slack.phrases import say, say_many, together
from bot.slack.text import Markup, code, date, escape, mrkdwn

LOST = mark("Its machines went away {since}. SkyPilot looks for others, and launches it anew there.")
OVER = mark("Its machines went away {since}; it was over before it had others.")
RECOVERED = mark("Its machines went away {since}; since {until} it has others, and its command runs anew there.")
UNSEEN = mark("Its machines went away when nobody looked; by {until} it had others, and its command runs anew there.")
UNCOUNTED = mark(
    "From {since} to {until} SkyPilot looked after it anew, and counts no recovery: "
    "its own controller was started again, or the job was over."
)
KEPT = mark("Whatever it had saved is in {place}.")


def about(run: Run) -> Markup:
    """That it is a managed job, and how often it had to be launched anew; empty for other runs."""
    if not run.managed:
        return Markup()
    if not run.recoveries.count:
        return say("managed job")
    count = run.recoveries.count
    return say_many("managed job, recovered {count} time", "managed job, recovered {count} times", count)


def recovery_messages(run: Run) -> list[Message]:
    """One for each time, which follows it to its end."""
    return [recovery_message(run, one) for one in run.recoveries.last]


def recovery_message(run: Run, one: Recovery) -> Message:
    found = said(f"recovery-{one.number}", mrkdwn(":recycle: {}", told(run, one)))
    return Message(found.key, found.text, found.blocks, urgent=str(one.until is None), edited=True)


def told(run: Run, one: Recovery) -> Markup:
    since, until = (date(at) if at else "" for at in (one.since, one.until))
    if one.until is None:
        return say(OVER if run.over else LOST, since=since)
    if not one.counted:
        return say(UNCOUNTED, since=since, until=until)
    recovered = say(RECOVERED, since=since, until=until) if one.since else say(UNSEEN, until=until)
    return together(recovered, say(KEPT, place=code(run.place)) if run.place else Markup())


def controller(found: Controller, agreed: bool) -> Markup:
    """What would have to be rented first, and what to type where nobody has agreed to it yet."""
    return escape(needs(found)) if agreed else together(needs(found), agreement())
