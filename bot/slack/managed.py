"""Messages about managed jobs: that a run is one, and each loss of its machines. Pure."""

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
    """Return that the run is a managed job, and how often SkyPilot had to relaunch it; empty for other runs."""
    if not run.managed:
        return Markup()
    if not run.recoveries.count:
        return say("managed job")
    count = run.recoveries.count
    return say_many("managed job, recovered {count} time", "managed job, recovered {count} times", count)


def recovery_messages(run: Run) -> list[Message]:
    """Return one message for each recovery."""
    return [recovery_message(run, one) for one in run.recoveries.last]


def recovery_message(run: Run, one: Recovery) -> Message:
    """Return the message about a recovery; it is edited until the recovery ends."""
    found = said(f"recovery-{one.number}", mrkdwn(":recycle: {}", told(run, one)))
    return Message(found.key, found.text, found.blocks, urgent=str(one.until is None), edited=True)


def told(run: Run, one: Recovery) -> Markup:
    """Return when the machines were lost, and what became of the job."""
    since, until = (date(at) if at else "" for at in (one.since, one.until))
    if one.until is None:
        return say(OVER if run.over else LOST, since=since)
    if not one.counted:
        return say(UNCOUNTED, since=since, until=until)
    recovered = say(RECOVERED, since=since, until=until) if one.since else say(UNSEEN, until=until)
    return together(recovered, say(KEPT, place=code(run.place)) if run.place else Markup())


def controller(found: Controller, agreed: bool) -> Markup:
    """Return which machine SkyPilot would rent first, and what to type to agree to it where that is needed."""
    return escape(needs(found)) if agreed else together(needs(found), agreement())
