"""The request for an approval, and the buttons that launch a run again. Pure."""

from dataclasses import replace
from datetime import timedelta

from bot.core.commands.command import Launch
from bot.core.commands.parser import parse_command
from bot.core.model.failure import RetryEffect
from bot.core.model.money import compute_max_dollars
from bot.core.model.recipe import WHY
from bot.core.model.run import Run
from bot.core.model.run_state import Approval, ApprovalCause, LaunchFacts, Reason, RunStatus
from bot.core.rules.failure_causes import CAUSES_BY_KIND
from bot.core.rules.relaunch import can_resume
from bot.errors import UserError
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.blocks import (
    MAX_SECTION_CHARACTERS,
    Block,
    button,
    confirmation,
    context,
    fields_section,
    section,
)
from bot.slack.views.budget_views import describe_month_time, describe_month_use
from bot.slack.views.max_cost import describe_max_cost, describe_max_cost_of_run
from bot.slack.views.message import Attachment, Message
from bot.slack.views.mrkdwn import (
    DAY_AND_TIME,
    Markup,
    code,
    command_code,
    date,
    escape,
    join_markup_list,
    join_markup_sentences,
    join_parts,
    link,
    mention,
    mention_person_or_group,
    mrkdwn,
    render_phrase,
    render_plural,
    strip_bold,
)

APPROVE, REFUSE, SHOW_TASK = "approve", "refuse", "task"

APPROVAL_REQUEST = "approval"
"""The key of the message that asks the approvers."""

NEEDS_APPROVAL = N_("*{run} needs approval* from {people} before {time}.")
APPROVAL_CAUSE_PHRASES = {
    ApprovalCause.DOLLARS: N_("Its budget of {budget} needs approval."),
    ApprovalCause.DAY: N_(
        "The launches of {person} within a day can cost at most {day} together, which needs approval."
    ),
    ApprovalCause.GPU_HOURS: N_("It could use up to {hours} GPU-hours."),
    ApprovalCause.UNPRICED: N_("Its price is unknown, so no budget can stop it."),
}
COST_OF_WHOLE_LEASE = N_(
    "Its whole lease costs {dollars} at this price, which needs approval; its budget stops it at {budget}."
)
"""The cause of a launch whose price and lease allow more than its budget."""

APPROVAL_GRANTED = N_("{person} has approved the launch of {run}, which can cost {most}.")
APPROVAL_GRANTED_WITH_NOTE = N_("{person} has approved the launch of {run}, which can cost {most}: {note}")
APPROVAL_DENIED = N_("{person} declined the launch of {run}.")
APPROVAL_DENIED_BECAUSE = N_("{person} declined the launch of {run}: {reason}")
APPROVAL_UNANSWERED = N_("No approver decided in time, so {run} was not launched.")
APPROVAL_NOT_NEEDED = N_("{run} no longer needs approval.")
APPROVAL_WITHDRAWN = N_("{run} was stopped before an approver decided.")
APPROVAL_QUESTION = N_("You approve the task {digest}, with all that its card and *Show task* say.")

MAX_SETTINGS_CHARACTERS = 6_000
"""Maximum characters of settings on a card: half of what Slack accepts in a message. The card counts the rest, which
only the task shows."""

MAX_SETTING_CHARACTERS = 500
"""Maximum characters of one setting on a card; the card refers to the task for a longer one."""


def is_awaiting_approval(run: Run) -> bool:
    """Return whether the run waits for an approver's decision; one that a person has withdrawn waits for none."""
    is_open = run.approval is not None and run.approval.by is None
    return is_open and run.status is RunStatus.AWAITING_APPROVAL and not run.requests.stop_requested_by


def build_approval_messages(run: Run) -> list[Message]:
    """Return the question to the approvers, which later shows the decision, and the exact task as a file."""
    approval = run.approval
    if approval is None:
        return [build_withdrawn_request(run)] if APPROVAL_REQUEST in run.messages.sent else []
    outcome_text = render_approval_outcome(run, approval)
    file = Message("task", render_phrase("Task of {run}", run=run.id), (), attachment=Attachment.TASK)
    if outcome_text:
        return [build_answered_request(outcome_text), file]
    question = render_phrase(
        NEEDS_APPROVAL,
        run=wording.link_run(run),
        people=join_markup_list(map(mention_person_or_group, approval.approvers)),
        time=date(approval.until, DAY_AND_TIME),
    )
    how_to_approve = render_phrase(
        "Press a button on its card, or type {command}.", command=code(f"/verl approve {run.id}")
    )
    blocks = (
        section(mrkdwn(":raised_hand: {}", join_markup_sentences(question, *build_approval_reasons(run, approval)))),
        context(how_to_approve),
    )
    urgent = f"asked {approval.digest}"
    return [Message(APPROVAL_REQUEST, question, blocks, urgent=urgent, is_edited=True, broadcast=True), file]


def build_withdrawn_request(run: Run) -> Message:
    """Return the request to the approvers of a launch that needs approval no more, by its lower budget or price."""
    text = render_phrase(APPROVAL_NOT_NEEDED, run=wording.link_run(run))
    return build_answered_request(mrkdwn(":raised_hand: {}", text))


def build_answered_request(text: Markup) -> Message:
    """Return the request to the approvers as it ended."""
    return Message(APPROVAL_REQUEST, text, (section(text),), urgent="answered", is_edited=True, broadcast=True)


def render_approval_outcome(run: Run, approval: Approval) -> Markup:
    """Return the outcome of an approval; empty while it is open."""
    about = {
        "run": wording.link_run(run),
        "person": mention(approval.by),
        "most": describe_approved_dollars(run, approval.facts),
    }
    if approval.by is None:
        if not run.is_finished:
            return Markup()
        phrase = APPROVAL_UNANSWERED if run.reason is Reason.NOT_APPROVED else APPROVAL_WITHDRAWN
        return mrkdwn(":raised_hand: {}", render_phrase(phrase, **about))
    if approval.granted:
        consent = APPROVAL_GRANTED_WITH_NOTE if approval.note else APPROVAL_GRANTED
        return mrkdwn(":ok: {}", render_phrase(consent, **about, note=approval.note))
    denial = APPROVAL_DENIED_BECAUSE if approval.note else APPROVAL_DENIED
    return mrkdwn(":no_entry_sign: {}", render_phrase(denial, **about, reason=approval.note))


def describe_approved_dollars(run: Run, facts: LaunchFacts | None) -> Markup:
    """Return the most that the run could cost as an approver approved it, whatever its limits are now."""
    if facts is None or facts.max_dollars is None:
        return strip_bold(describe_max_cost_of_run(run))
    if facts.unpriced:
        return describe_max_cost(facts.max_dollars, run.limits.lease, rate=None, is_unpriced=True)
    return render_phrase("at most {dollars}", dollars=wording.format_dollars(facts.max_dollars))


def build_approval_reasons(run: Run, approval: Approval) -> list[Markup]:
    """Return why the launch needs approval, one sentence per cause."""
    if approval.facts is None:
        return []
    about = {
        "dollars": wording.format_dollars(approval.facts.dollars),
        "day": wording.format_dollars(approval.facts.day_dollars),
        "hours": f"{approval.facts.gpu_hours:,.0f}",
        "person": mention(run.requester),
        "budget": wording.format_dollars(run.limits.budget_dollars),
    }
    is_beyond_budget = approval.facts.dollars > run.limits.budget_dollars
    phrases = APPROVAL_CAUSE_PHRASES | ({ApprovalCause.DOLLARS: COST_OF_WHOLE_LEASE} if is_beyond_budget else {})
    return [render_phrase(phrases[cause], **about) for cause in approval.causes]


def list_card_reasons(run: Run, approval: Approval) -> list[Markup]:
    """Return why the launch needs approval, without the dollars that the request above them names already."""
    budget, rate = run.limits.budget_dollars, run.spending.hourly_rate
    most = compute_max_dollars(budget, run.limits.lease, rate)
    is_said = approval.facts is not None and most == budget == approval.facts.dollars
    shown = tuple(cause for cause in approval.causes if cause is not ApprovalCause.DOLLARS or not is_said)
    return build_approval_reasons(run, replace(approval, causes=shown))


def build_approval_blocks(run: Run) -> list[Block]:
    """Return everything that an approver agrees to, for the card of a waiting launch; empty if the launch does not
    wait.
    """
    approval = run.approval
    if approval is None or not is_awaiting_approval(run):
        return []
    facts = [mrkdwn("*{}*\n{}", name, value) for name, value in build_approval_facts(run) if value]
    return [
        section(join_parts("\n", [describe_request(run), join_markup_sentences(*list_card_reasons(run, approval))])),
        fields_section(facts),
        *build_settings_blocks(run),
    ]


def describe_request(run: Run) -> Markup:
    """Return who wants to launch what, on which machines, and the most that it can cost."""
    return render_phrase(
        "{person} wants to launch {recipe} on {machines}. It can cost {most}.",
        person=mention(run.requester),
        recipe=code(run.recipe),
        machines=wording.describe_machines(run),
        most=describe_max_cost_of_run(run),
    )


def build_approval_facts(run: Run) -> list[tuple[Markup, Markup]]:
    """Return the properties of a launch as pairs of name and value."""
    hours = run.limits.lease / timedelta(hours=1)
    rate = render_phrase("not known yet") if run.spending.priced_at is None else render_phrase("price unknown")
    return [
        (render_phrase("Why"), escape(run.why) or render_phrase("no reason given")),
        (render_phrase("Price"), wording.describe_rate(run.spending.hourly_rate) if run.spending.hourly_rate else rate),
        (
            render_phrase("Limits"),
            join_parts(
                " · ", [wording.describe_budget(run.limits.budget_dollars), wording.describe_lease_hours(hours)]
            ),
        ),
        (render_phrase("This month"), join_parts(" · ", [describe_month_use(run), describe_month_time(run)])),
        (render_phrase("Code"), describe_code(run)),
        (render_phrase("Image"), code(run.plan.image) if run.plan.image else render_phrase("the machine as it is")),
        (
            render_phrase("Model goes to"),
            code(run.plan.checkpoint_store) if run.plan.checkpoint_store else render_phrase("the cluster's own disk"),
        ),
        (render_phrase("Secrets"), join_markup_list(map(code, run.plan.secrets))),
        (render_phrase("Task"), render_phrase("SHA-256 {digest}", digest=code(run.plan.task_hash[:16]))),
    ]


def describe_code(run: Run) -> Markup:
    """Return the commit that the run gets, by all its digits and as a link; empty where it gets none."""
    return link(run.plan.code.page, run.plan.code) if run.plan.code else Markup()


def build_settings_blocks(run: Run) -> list[Block]:
    """Return the exact command; of a long one every parameter and override, and how many the card leaves to the
    task.
    """
    if len(run.command_line) <= MAX_SETTING_CHARACTERS:
        return [section(command_code("/verl " + run.command_line))]
    all_settings = parse_settings(run)
    if not all_settings:
        return [context(render_phrase("No setting differs from the recipe's."))]
    pages: list[list[Markup]] = [[]]
    characters = shown_count = 0
    for setting in all_settings:
        line = command_code(setting)
        # A cut setting would hide a part of what is approved, so the card refers to the task instead.
        if len(setting) > MAX_SETTING_CHARACTERS:
            line = render_phrase("{setting} is too long for a card: see the task.", setting=code(setting, 80))
        characters += len(line) + 1
        if characters > MAX_SETTINGS_CHARACTERS:
            break
        if sum(map(len, pages[-1])) + len(pages[-1]) + len(line) > MAX_SECTION_CHARACTERS:
            pages.append([])
        pages[-1].append(line)
        shown_count += 1
    blocks = [section(join_parts("\n", lines)) for lines in pages if lines]
    more = len(all_settings) - shown_count
    more_note = render_plural("{count} more setting is in the task.", "{count} more settings are in the task.", more)
    return [*blocks, context(more_note)] if more else blocks


def parse_settings(run: Run) -> list[str]:
    """Return the parameters and overrides of the run's command; the whole command if it cannot be parsed."""
    try:
        launch = parse_command(run.command_line)
    except UserError:
        # No run is ever recorded with a line that does not parse.
        return [run.command_line]
    if not isinstance(launch, Launch):
        return [run.command_line]
    return [*(f"{name}={value}" for name, value in launch.parameters if name != WHY.name), *launch.overrides]


def build_approval_buttons(run: Run) -> list[Block]:
    """Return the buttons of a launch that waits for approval."""
    return [
        build_approve_button(run),
        button(render_phrase("Decline…"), REFUSE, run.id),
        build_task_button(run),
    ]


def build_task_button(run: Run) -> Block:
    """Return the button that shows the task which waits for approval."""
    return button(render_phrase("Show task"), SHOW_TASK, run.id)


def build_approve_button(run: Run) -> Block:
    """Return the button that approves a launch. Its value carries the digest of the facts that the
    approver was shown."""
    question = render_phrase(APPROVAL_QUESTION, digest=code(run.plan.task_hash[:16]))
    dialog = confirmation(
        render_phrase("Approve this launch?"), question, render_phrase("Approve"), render_phrase("Not now"), "primary"
    )
    # The digest makes an approval count only for the facts that the approver saw.
    value = f"{run.id} {run.approval.digest}" if run.approval else run.id
    return button(render_phrase("Approve"), APPROVE, value, dialog, "primary")


RETRY, RESUME = "retry", "resume"
OPEN_FORM, EMPTY_FORM = "form", "new"
"""The action of the button that opens the launch form, and its value if no earlier run fills in the form."""

MAX_QUESTION_COMMAND_CHARACTERS = 200
"""Maximum characters of a command in a confirmation, which Slack limits to 300."""

RETRY_QUESTION = N_("This launches {command} again.")
PRICED_RETRY_QUESTION = N_("This launches {command} again, at {rate}.")
RESUME_QUESTION = N_("A new run continues from the newest checkpoint of {run} (step {step} in the log).")
PRICED_RESUME_QUESTION = N_(
    "A new run continues from the newest checkpoint of {run} (step {step} in the log), at {rate}."
)


def build_relaunch_buttons(run: Run) -> list[Block]:
    """Return the relaunch buttons of a finished run: first the one that follows from how it failed."""
    effect = find_retry_effect(run)
    resumes = can_resume(run)
    if effect is RetryEffect.HELPS:
        resume = [build_resume_button(run, style="primary")] if resumes else []
        return [*resume, build_retry_button(run, None if resumes else "primary"), build_retry_form_button(run)]
    is_error = run.reason is not None and run.reason.is_error and effect is not RetryEffect.NOT_NEEDED
    return [
        build_retry_form_button(run, style="primary" if is_error else None),
        *([build_resume_button(run)] if resumes else []),
        build_retry_button(run),
    ]


def find_retry_effect(run: Run) -> RetryEffect | None:
    """Return whether the same launch may succeed at another try; None where no failure explains the end."""
    if run.failure is None or run.failure.kind is None or run.reason is None or not run.reason.is_error:
        return None
    return CAUSES_BY_KIND[run.failure.kind].retry


def build_retry_button(run: Run, style: str | None = None) -> Block:
    """Return the button that launches the same command again, after a confirmation."""
    question = render_question_with_rate(
        run, RETRY_QUESTION, PRICED_RETRY_QUESTION, command=render_question_command(run)
    )
    dialog = confirmation(
        render_phrase("Launch it again?"), question, render_phrase("Launch it"), render_phrase("Not now"), "primary"
    )
    return button(render_phrase("Retry"), RETRY, run.id, dialog, style)


def render_question_command(run: Run) -> Markup:
    """Return the run's command, shortened to what a confirmation has room for."""
    return code("/verl " + run.command_line, MAX_QUESTION_COMMAND_CHARACTERS)


def build_retry_form_button(run: Run, label: Markup | None = None, style: str | None = None) -> Block:
    """Return the button that opens the launch form, filled in with this run's settings."""
    return button(label or render_phrase("Retry with changes…"), OPEN_FORM, run.id, style=style)


def build_resume_button(run: Run, style: str | None = None) -> Block:
    """Return the button that resumes from the run's newest checkpoint, after a confirmation."""
    question = render_question_with_rate(
        run, RESUME_QUESTION, PRICED_RESUME_QUESTION, run=code(run.id), step=run.training.progress.checkpoint_step
    )
    dialog = confirmation(
        render_phrase("Resume from the checkpoint?"),
        question,
        render_phrase("Resume"),
        render_phrase("Not now"),
        "primary",
    )
    return button(render_phrase("Resume from checkpoint"), RESUME, run.id, dialog, style)


def render_question_with_rate(run: Run, phrase: str, phrase_with_rate: str, /, **fields: object) -> Markup:
    """Return one of two phrases: the second one, which names the rate, if the run's hourly rate is known."""
    if run.spending.hourly_rate is None:
        return render_phrase(phrase, **fields)
    return render_phrase(
        phrase_with_rate, rate=wording.format_hourly_rate(run.spending.hourly_rate.dollars_per_hour), **fields
    )
