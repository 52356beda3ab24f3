"""The resume that follows a finding, on the cards of both runs and in the thread. Pure."""

from bot.core.model.finding import finding_rule
from bot.core.model.lineage import PolicyResume, ResumeOrigin
from bot.core.model.run import Run
from bot.core.model.run_state import PolicyHit
from bot.phrase import N_
from bot.slack.views.blocks import Block, context, section
from bot.slack.views.message import Message
from bot.slack.views.mrkdwn import Markup, code, mention, mrkdwn, render_phrase

RESUME_PLANNED = N_(
    "Rule {rule}: I will resume {run} once, from step {step} with {setting}, when its machines are gone. To prevent"
    " that: {command}."
)
RESUME_LAUNCHED = N_("Rule {rule}: I resumed {run} once as {later}, from step {step} with {setting}. Reason: {why}")
RESUME_REFUSED = N_("Rule {rule}: I do not resume {run}. {why}")
RESUME_STOPPED = N_("Rule {rule}: {person} prevented the resume of {run}.")
RESUMED_HERE = N_("Rule {rule}: I resumed {earlier} once as this run, from step {step} with {setting}. Reason: {why}")
WOULD_RESUME = N_("With the action `resume` it would have continued from step {step} with {setting}.")
WOULD_ONLY_STOP = N_("With the action `resume` it would only have been stopped: {why}")


def build_lineage_remarks(run: Run) -> list[Block]:
    """Return what the card says of the resume that led to the run, and of the one after it."""
    remarks = [describe_resume_origin(run, run.lineage.origin), describe_policy_resume(run, run.lineage.resume)]
    return [context(mrkdwn(":leftwards_arrow_with_hook: {}", remark)) for remark in remarks if remark]


def describe_resume_origin(run: Run, origin: ResumeOrigin | None) -> Markup:
    """Return which run was resumed as this one by a rule, how and why; empty for a run that a person launched."""
    if origin is None or origin.resumed_run != run.id:
        return Markup()
    return render_phrase(
        RESUMED_HERE,
        rule=code(finding_rule(origin.finding)),
        earlier=code(origin.stopped_run),
        step=origin.step,
        setting=code(origin.setting),
        why=origin.why,
    )


def describe_policy_resume(run: Run, resume: PolicyResume | None) -> Markup:
    """Return how a rule resumes a run that a finding has stopped, or why it does not; empty where none follows."""
    if resume is None:
        return Markup()
    names = {"rule": code(finding_rule(resume.finding)), "run": code(run.id)}
    if resume.stopped_by:
        return render_phrase(RESUME_STOPPED, **names, person=mention(resume.stopped_by))
    if resume.refusal is not None:
        return render_phrase(RESUME_REFUSED, **names, why=resume.refusal)
    start = {"step": resume.step, "setting": code(resume.setting)}
    if resume.run_id:
        return render_phrase(RESUME_LAUNCHED, **names, later=code(resume.run_id), **start, why=resume.why)
    return render_phrase(RESUME_PLANNED, **names, **start, command=code(f"/verl stop {run.id}"))


def build_resume_message(run: Run) -> Message | None:
    """Return the message of the thread about a resume by a rule, edited as it goes; None where none follows."""
    text = describe_policy_resume(run, run.lineage.resume)
    if not text:
        return None
    shown = mrkdwn(":leftwards_arrow_with_hook: {}", text)
    return Message("policy-resume", shown, (section(shown),), urgent=find_resume_state(run), is_edited=True)


def find_resume_state(run: Run) -> str:
    """Return how far the resume is; a change is shown at once."""
    resume = run.lineage.resume
    return "" if resume is None or resume.is_open else resume.run_id or "none"


def describe_missed_resume(hit: PolicyHit) -> Markup:
    """Return how a run would have been resumed by a finding that only reports; empty for any other rule."""
    if hit.resume is None:
        return Markup()
    if hit.resume.refusal is not None:
        return render_phrase(WOULD_ONLY_STOP, why=hit.resume.refusal)
    return render_phrase(WOULD_RESUME, step=hit.resume.step, setting=code(hit.resume.setting))
