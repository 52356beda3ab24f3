"""Monthly budgets as people read them: the warning in a thread, and the answer to a command. Pure."""

from collections.abc import Sequence
from datetime import datetime

from bot.core.commands.command import SetMonthlyBudget, ShowBudgets
from bot.core.model.money import BudgetOverrun, BudgetThreshold
from bot.core.model.policy import Measure, Scope
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.cluster_keeping import is_kept
from bot.core.rules.forecast import suggest_budget
from bot.core.rules.monthly_budget import CapUsage
from bot.phrase import N_
from bot.slack.views import wording
from bot.slack.views.blocks import context, section
from bot.slack.views.message import Answer, Message, build_answer, build_text_answer
from bot.slack.views.mrkdwn import (
    Markup,
    code,
    date,
    join_markup_list,
    join_markup_sentences,
    join_parts,
    mention,
    mention_person_or_group,
    mrkdwn,
    render_phrase,
    render_plural,
)

THRESHOLD_REACHED = {
    Scope.PERSON: N_("*{percent}% of {person}'s monthly budget is used* ({spent} of {most})."),
    Scope.TEAM: N_("*This channel has used {percent}% of its monthly budget* ({spent} of {most})."),
    Scope.WORKSPACE: N_("*The workspace has used {percent}% of its monthly budget* ({spent} of {most})."),
}
DRAWS_ON_BUDGET, DRAW_ON_BUDGET = N_("{run} draws on it."), N_("{runs} draw on it.")
MORE_DRAW_ON_BUDGET = N_("{runs} and {count} more draw on it.")
THRESHOLD_WAS_REACHED = {
    Scope.PERSON: N_("*{percent}% of {person}'s monthly budget was used* ({spent} of {most})."),
    Scope.TEAM: N_("*This channel had used {percent}% of its monthly budget* ({spent} of {most})."),
    Scope.WORKSPACE: N_("*The workspace had used {percent}% of its monthly budget* ({spent} of {most})."),
}
DREW_ON_BUDGET = N_("{run} drew on it until it ended.")
OTHERS_ON_BUDGET = N_("Other runs then: {runs}.")
MORE_OTHERS_ON_BUDGET = N_("Other runs then: {runs} and {count} more.")
NO_NEW_LAUNCHES = N_("New launches are blocked. See each run's thread for when it will stop.")
BUDGET_EXHAUSTED = {
    Scope.PERSON: N_("*Monthly budget of {person} used up* ({spent} of {most})."),
    Scope.TEAM: N_("*Monthly budget of this channel used up* ({spent} of {most})."),
    Scope.WORKSPACE: N_("*Monthly budget of the workspace used up* ({spent} of {most})."),
}
RUN_ENDS = N_("{run} will save if it can and stop at {time}, unless an approver raises the limit: {commands}.")
RUN_ENDS_BY_SEVERAL = N_(
    "{run} will save if it can and stop at {time}, unless an approver raises all used-up limits: {commands}."
)
KEEPING_ENDS = N_("The kept cluster of {run} is removed at {time}, unless an approver raises the limit: {commands}.")
KEEPING_ENDS_BY_SEVERAL = N_(
    "The kept cluster of {run} is removed at {time}, unless an approver raises all used-up limits: {commands}."
)
RUN_STOPPED = N_("{run} was stopped for it.")
RUN_ENDED = N_("{run} has ended.")
LIMIT_RAISED = N_("The limit was raised at {time}.")
BUDGET_RESTORED = N_("The limit was raised at {time}; {run} continues.")
KEEPING_RESTORED = N_("The limit was raised at {time}; the cluster of {run} is kept.")
OTHER_BUDGETS = {
    Scope.PERSON: N_("The monthly budget of {person} is used up too."),
    Scope.TEAM: N_("The monthly budget of this channel is used up too."),
    Scope.WORKSPACE: N_("The monthly budget of the workspace is used up too."),
}
HOW_TO_SHOW_BUDGET = N_("To see what is left: {command}.")


def list_monthly_budget_messages(run: Run, now: datetime) -> list[Message]:
    """Return the messages about used shares of a monthly budget, for the channel; and that the run ends for an
    exhausted one.
    """
    # A later threshold of the same budget edits the message of the earlier one.
    latest = {(item.budget_key, item.month): item for item in run.spending.budget_thresholds}
    enforced = [overrun for overrun in run.spending.budget_overruns if not overrun.is_report_only]
    return [
        *(build_threshold_message(run, threshold) for threshold in latest.values()),
        *(build_overrun_message(run, overrun, enforced, now) for overrun in enforced),
    ]


def build_overrun_message(
    run: Run, overrun: BudgetOverrun, enforced: Sequence[BudgetOverrun], now: datetime
) -> Message:
    """Return one message about an exhausted budget, edited once the budget is raised and once the run has ended.

    Args:
        enforced: every exhausted budget of the run, this one included; an open one of another owner ends the run too.
    """
    scope, owner = parse_scope(overrun.budget_key)
    dollars = {
        "spent": wording.format_dollars(overrun.spent_dollars),
        "most": wording.format_dollars(overrun.limit_dollars),
    }
    headline = render_phrase(BUDGET_EXHAUSTED[scope], person=mention(owner), **dollars)
    open_overruns = [item for item in enforced if item.is_open]
    consequence = describe_consequence(run, overrun, open_overruns, now)
    text = mrkdwn(":moneybag: {}", join_markup_sentences(headline, consequence))
    key = f"budget-overrun-{overrun.rule}-{overrun.until.timestamp():.0f}"
    blocks = (section(mrkdwn("{} {}", text, mention(run.requester))),)
    # Only the dollars of an open overrun may wait for the regular edit.
    state = " ".join(
        [
            "good" if overrun.resolved_at else "",
            f"over {is_kept(run, now)}" if run.is_finished else "",
            *(f"{item.rule} {item.raised_dollars}" for item in open_overruns if not run.is_finished and enforced[1:]),
        ]
    ).strip()
    return Message(key, text, blocks, urgent=state, is_edited=True)


def describe_consequence(
    run: Run, overrun: BudgetOverrun, open_overruns: Sequence[BudgetOverrun], now: datetime
) -> Markup:
    """Return what an exhausted budget, or its raise, does to the run or to its kept cluster.

    Args:
        open_overruns: every exhausted budget of the run that is not resolved; the first of their ends counts.
    """
    about = {"run": wording.link_run(run)}
    has_closed = run.is_finished and not is_kept(run, now)
    raised = render_phrase(LIMIT_RAISED, time=date(overrun.resolved_at)) if overrun.resolved_at else Markup()
    if has_closed:
        stopped = run.reason is Reason.MONTHLY_BUDGET_EXCEEDED and overrun.is_open
        return join_markup_sentences(raised, render_phrase(RUN_STOPPED if stopped else RUN_ENDED, **about))
    if overrun.resolved_at and any(item.rule == overrun.rule for item in open_overruns):
        # The same budget is used up again, which has a notice of its own.
        return raised
    if not open_overruns:
        restored = KEEPING_RESTORED if run.is_finished else BUDGET_RESTORED
        return render_phrase(restored, time=date(overrun.resolved_at or now), **about)
    one, several = (KEEPING_ENDS, KEEPING_ENDS_BY_SEVERAL) if run.is_finished else (RUN_ENDS, RUN_ENDS_BY_SEVERAL)
    ends = render_phrase(
        several if len(open_overruns) > 1 else one,
        time=date(min(item.until for item in open_overruns)),
        commands=join_markup_list(map(build_raising_command, open_overruns)),
        **about,
    )
    others = [name_other_budget(item) for item in open_overruns if item is not overrun]
    return join_markup_sentences(raised, *others, ends)


def name_other_budget(overrun: BudgetOverrun) -> Markup:
    """Return that another monthly budget of a run is exhausted."""
    scope, owner = parse_scope(overrun.budget_key)
    return render_phrase(OTHER_BUDGETS[scope], person=mention(owner))


def build_raising_command(overrun: BudgetOverrun) -> Markup:
    """Return the command that raises a monthly budget far enough for its runs to continue. A mention within code would
    be no mention.
    """
    scope, owner = parse_scope(overrun.budget_key)
    if scope is Scope.PERSON:
        return mrkdwn("{} {} {}", code("/verl budget"), mention(owner), code(str(overrun.raised_dollars)))
    return code(f"/verl budget {scope} {overrun.raised_dollars}")


def parse_scope(budget_key: str) -> tuple[Scope, str]:
    """Return the scope and the owner of a monthly budget.

    >>> parse_scope("team:C0TRAIN")
    (<Scope.TEAM: 'team'>, 'C0TRAIN')
    """
    scope, _, owner = budget_key.partition(":")
    return Scope(scope), owner


def build_threshold_message(run: Run, threshold: BudgetThreshold) -> Message:
    """Return the message that a share of a monthly budget is used: one a month, edited from 50 to 80 to 100%."""
    scope, owner = parse_scope(threshold.budget_key)
    dollars = {
        "spent": wording.format_dollars(threshold.spent_dollars),
        "most": wording.format_dollars(threshold.limit_dollars),
    }
    # The threshold is what was crossed; by the time of the notice more may be used.
    percent = wording.compute_whole_percent(threshold.spent_dollars, threshold.limit_dollars)
    has_ended = run.status is RunStatus.ENDED
    headlines = THRESHOLD_WAS_REACHED if has_ended else THRESHOLD_REACHED
    headline = render_phrase(headlines[scope], percent=percent, person=mention(owner), **dollars)
    draws = describe_drawing_runs(run, threshold)
    consequence = (
        render_phrase(NO_NEW_LAUNCHES)
        if threshold.percent >= 100 and not run.is_finished
        else render_phrase(HOW_TO_SHOW_BUDGET, command=code("/verl budget"))
    )
    sentence = mrkdwn(":moneybag: {}", join_markup_sentences(headline, draws, consequence))
    key = f"monthly-budget-{threshold.budget_key.replace(':', '-')}-{threshold.month}"
    state = f"{threshold.percent} {threshold.limit_dollars:g}{' ended' if has_ended else ''}"
    return Message(key, sentence, (section(sentence),), urgent=state, is_edited=True, broadcast=True)


def describe_drawing_runs(run: Run, threshold: BudgetThreshold) -> Markup:
    """Return which runs draw on a monthly budget: the one that reports it, and the others with it."""
    own, others = wording.link_run(run), [code(run_id) for run_id in threshold.other_runs]
    more = threshold.other_count - len(others)
    if run.status is RunStatus.ENDED:
        phrase = MORE_OTHERS_ON_BUDGET if more > 0 else OTHERS_ON_BUDGET
        rest = render_phrase(phrase, runs=join_markup_list(others), count=more) if others else Markup()
        return join_markup_sentences(render_phrase(DREW_ON_BUDGET, run=own), rest)
    if not others:
        return render_phrase(DRAWS_ON_BUDGET, run=own)
    phrase = MORE_DRAW_ON_BUDGET if more > 0 else DRAW_ON_BUDGET
    return render_phrase(phrase, runs=join_markup_list([own, *others]), count=more)


ALL_BUDGETS = ShowBudgets()

SCOPE_HEADINGS = {
    Scope.PERSON: N_("You"),
    Scope.TEAM: N_("This channel"),
    Scope.WORKSPACE: N_("Workspace"),
}
MONTHLY_BUDGET_SET = {
    Scope.PERSON: N_("{person} can now spend {dollars} a month."),
    Scope.TEAM: N_("This channel can now spend {dollars} a month."),
    Scope.WORKSPACE: N_("The workspace can now spend {dollars} a month."),
}
MONTHLY_BUDGET_EXHAUSTED = N_(
    "*{spent} is already spent*, so open runs will be stopped unless you raise the limit. See each run's thread "
    "for when."
)
MONTH_USAGE = N_("{spent} spent this month + {reserved} reserved")
RATE_USAGE = N_("{rate} + {reserved} reserved")


def render_budget_overview(
    cap_usages: Sequence[CapUsage], approvers: Sequence[str], command: ShowBudgets = ALL_BUDGETS
) -> Answer:
    """Return the usage of each cap, one line per scope: of the scopes that the command asks for."""
    scopes = [command.scope] if command.scope else list(Scope)
    headings = {scope: render_phrase(SCOPE_HEADINGS[scope]) for scope in scopes}
    if command.person:
        headings[Scope.PERSON] = mention(command.person)
    blocks = [section(mrkdwn("*{}* · {}", headings[scope], render_scope_usage(cap_usages, scope))) for scope in scopes]
    if approvers:
        people = join_markup_list(map(mention_person_or_group, approvers))
        blocks.append(context(render_phrase("{people} can raise these limits.", people=people)))
    return build_answer(render_phrase("Used and remaining"), blocks)


def render_run_budget(run: Run, now: datetime) -> Answer:
    """Return what a run has spent of its budget."""
    budget, cost = wording.format_dollars(run.limits.budget_dollars), run.cost(now)
    if cost is None:
        return build_text_answer(
            mrkdwn(":moneybag: {}", render_phrase(BUDGET_OF_UNPRICED_RUN, run=wording.link_run(run), budget=budget))
        )
    usage = render_phrase(BUDGET_OF_RUN, run=wording.link_run(run), spent=wording.format_dollars(cost), budget=budget)
    change = render_phrase(HOW_TO_RAISE_BUDGET, command=code(f"/verl budget {run.id} {suggest_budget(run, now)}"))
    sentence = usage if run.is_finished else join_markup_sentences(usage, change)
    return build_text_answer(mrkdwn(":moneybag: {}", sentence))


BUDGET_OF_RUN = N_("{run} has spent {spent} of its budget of {budget}.")
BUDGET_OF_UNPRICED_RUN = N_("{run} has a budget of {budget}. Its price is unknown, so what it has spent is too.")
HOW_TO_RAISE_BUDGET = N_("To raise it, for example: {command}")


def render_scope_usage(cap_usages: Sequence[CapUsage], scope: Scope) -> Markup:
    """Return the usage of the caps of one scope."""
    return join_parts(" · ", (render_cap_usage(usage) for usage in cap_usages if usage.scope is scope))


def render_cap_usage(usage: CapUsage) -> Markup:
    """Return the usage of one measure, with its cap if it has one."""
    match usage.measure:
        case Measure.RUNS:
            return render_usage_of_cap(
                render_plural("{count} run", "{count} runs", round(usage.used)), format_cap(usage.cap)
            )
        case Measure.GPUS:
            return render_usage_of_cap(
                render_plural("{count} GPU", "{count} GPUs", round(usage.used)), format_cap(usage.cap)
            )
        case Measure.DOLLARS_PER_HOUR:
            return render_usage_of_cap(
                render_rate_usage(usage), wording.format_dollars(usage.cap) if usage.cap is not None else None
            )
        case Measure.DOLLARS_PER_MONTH:
            month = render_phrase(
                MONTH_USAGE,
                spent=wording.format_dollars(usage.spent),
                reserved=wording.format_dollars(usage.reserved),
            )
            return render_usage_of_cap(month, wording.format_dollars(usage.cap) if usage.cap is not None else None)


def render_rate_usage(usage: CapUsage) -> Markup:
    """Return the dollars an hour that machines cost now, and those that waiting runs hold of the cap."""
    now = wording.format_hourly_rate(max(usage.used - usage.waiting, 0.0))
    if not usage.waiting:
        return now
    return render_phrase(RATE_USAGE, rate=now, reserved=wording.format_hourly_rate(usage.waiting))


def format_cap(cap: float | None) -> str | None:
    """Return a cap on a number as text; None for no cap."""
    return None if cap is None else f"{cap:g}"


def render_usage_of_cap(usage: Markup, cap: str | None) -> Markup:
    """Return the usage, followed by its cap."""
    return render_phrase("{usage} of {most}", usage=usage, most=cap) if cap else usage


BAR_WIDTH = 10
"""Characters of a bar: narrow enough for a phone."""


def render_bar(share: float) -> str:
    """Return a share as a bar of text; a share above one fills it.

    >>> render_bar(0.42), render_bar(0.001), render_bar(7.0)
    ('▓▓▓▓░░░░░░', '░░░░░░░░░░', '▓▓▓▓▓▓▓▓▓▓')
    """
    filled = min(max(round(share * BAR_WIDTH), 0), BAR_WIDTH)
    return "▓" * filled + "░" * (BAR_WIDTH - filled)


def render_month_line(usage: CapUsage, owner: Markup | None = None) -> Markup:
    """Return a monthly budget on one line: what is spent, with a bar where it has a limit.

    Args:
        owner: whose it is, such as a channel; None for the words of its scope.
    """
    bar = code(render_bar(usage.spent / usage.cap if usage.cap else 1.0)) if usage.cap is not None else ""
    whose = owner or render_phrase(SCOPE_HEADINGS[usage.scope])
    return join_parts(" ", [bar, join_parts(" · ", [whose, render_cap_usage(usage)])])


def acknowledge_monthly_budget(command: SetMonthlyBudget, spent_dollars: float) -> Answer:
    """Return the new monthly budget, with a warning if it is spent already."""
    confirmation = render_phrase(
        MONTHLY_BUDGET_SET[command.scope],
        person=mention(command.person),
        dollars=wording.format_dollars(command.dollars),
    )
    warning = (
        render_phrase(MONTHLY_BUDGET_EXHAUSTED, spent=wording.format_dollars(spent_dollars))
        if spent_dollars and command.dollars <= spent_dollars
        else Markup()
    )
    return build_text_answer(mrkdwn(":moneybag: {}", join_markup_sentences(confirmation, warning)))


def describe_month_use(run: Run) -> Markup:
    """Return how much of the requester's monthly budget is used; empty where there is no such budget."""
    facts = run.approval.facts if run.approval else None
    if facts is None or facts.month is None:
        return Markup()
    return render_phrase(
        "{person} has spent {spent} of {limit}; other runs reserve {reserved}",
        person=mention(run.requester),
        spent=wording.format_dollars(facts.month.spent_dollars),
        limit=wording.format_dollars(facts.month.limit_dollars),
        reserved=wording.format_dollars(facts.month.reserved_dollars),
    )


def describe_month_time(run: Run) -> Markup:
    """Return when the requester's month was as the card shows it; empty where that is not known."""
    month = run.approval.facts.month if run.approval and run.approval.facts else None
    return render_phrase("as of {time}", time=date(month.at)) if month and month.at else Markup()
