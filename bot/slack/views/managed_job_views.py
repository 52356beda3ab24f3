"""Messages about managed jobs: that a run is one, and each loss of its machines. Pure."""

from bot.core.model.managed_job import JobsController, Recovery, describe_agreement, describe_controller
from bot.core.model.run import Run
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.message import Message, thread_notice
from bot.slack.views.mrkdwn import (
    Markup,
    code,
    date,
    escape,
    join_markup_sentences,
    mrkdwn,
    render_phrase,
    render_plural,
)

MACHINES_LOST = N_("{run} lost its machines at {since}. SkyPilot is looking for new ones and will restart it on them.")
MACHINES_LOST_BEFORE_END = N_("{run} lost its machines at {since} and ended before it got new ones.")
JOB_RECOVERED = N_("{run} lost its machines at {since}. It has had new ones since {until} and has restarted.")
RECOVERY_UNSEEN = N_("{run} lost its machines between two checks. By {until} it had new ones and had restarted.")
RECOVERY_UNCOUNTED = N_(
    "SkyPilot was recovering {run} from {since} to {until}, but counts no recovery: SkyPilot's controller "
    "restarted, or the job had ended."
)
SAVED_IN = N_("Saved checkpoints are in {place}.")


def describe_managed_job(run: Run) -> Markup:
    """Return that the run is a managed job, and how often SkyPilot had to relaunch it; empty for other runs."""
    if not run.plan.managed:
        return Markup()
    if not run.observed.recoveries.count:
        return render_phrase("managed job")
    count = run.observed.recoveries.count
    return render_plural("managed job, recovered {count} time", "managed job, recovered {count} times", count)


def list_recovery_messages(run: Run) -> list[Message]:
    """Return one message for each recovery."""
    return [build_recovery_message(run, recovery) for recovery in run.observed.recoveries.latest]


def build_recovery_message(run: Run, recovery: Recovery) -> Message:
    """Return the message about a recovery; it is edited until the recovery ends."""
    notice = thread_notice(f"recovery-{recovery.number}", mrkdwn(":recycle: {}", describe_recovery(run, recovery)))
    return Message(notice.key, notice.text, notice.blocks, urgent=str(recovery.until is None), is_edited=True)


def describe_recovery(run: Run, recovery: Recovery) -> Markup:
    """Return when the machines were lost, and what became of the job."""
    since, until = (date(moment) if moment else "" for moment in (recovery.since, recovery.until))
    if recovery.until is None:
        return render_phrase(
            MACHINES_LOST_BEFORE_END if run.is_finished else MACHINES_LOST, run=wording.link_run(run), since=since
        )
    if not recovery.is_counted:
        return render_phrase(RECOVERY_UNCOUNTED, run=wording.link_run(run), since=since, until=until)
    sentence = (
        render_phrase(JOB_RECOVERED, run=wording.link_run(run), since=since, until=until)
        if recovery.since
        else render_phrase(RECOVERY_UNSEEN, run=wording.link_run(run), until=until)
    )
    return join_markup_sentences(
        sentence,
        render_phrase(SAVED_IN, place=code(run.plan.checkpoint_store)) if run.plan.checkpoint_store else Markup(),
    )


def explain_controller(controller: JobsController, has_agreed: bool) -> Markup:
    """Return which machine SkyPilot would rent first, and what to type to agree to it where that is needed."""
    return (
        escape(describe_controller(controller))
        if has_agreed
        else join_markup_sentences(describe_controller(controller), describe_agreement())
    )
