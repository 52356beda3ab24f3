"""Description of a failed run: its first error, the likely cause, the remedy, what is lost. Pure."""

import re
from collections.abc import Sequence
from datetime import datetime

from bot.core.frameworks import FRAMEWORK
from bot.core.model.failure import FailureKind, FailureSummary, RetryEffect
from bot.core.model.finding import Finding
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.model.training_framework import Remedy
from bot.core.rules.failure_causes import CAUSES_BY_KIND
from bot.core.rules.failure_diagnosis import diagnose
from bot.core.rules.relaunch import takes_setting
from bot.core.rules.save_grace import compute_loss
from bot.core.rules.unknown_checkpoints import is_checkpoint_unknown, is_search_given_up
from bot.phrase import N_, Phrase
from bot.slack.views import checkpoint_views, wording
from bot.slack.views.advice_views import render_advice
from bot.slack.views.mrkdwn import (
    Markup,
    code,
    escape,
    join_markup_list,
    join_markup_sentences,
    join_parts,
    render_phrase,
    render_plural,
)

MAX_ERROR_CHARACTERS = 200
"""Maximum characters of an error in a headline; the excerpt has more."""

RETRY_PHRASES = {
    RetryEffect.HELPS: N_("A retry without changes can help."),
    RetryEffect.DOES_NOT_HELP: N_("A retry without changes will fail again."),
    RetryEffect.UNKNOWN: N_("A retry without changes may not help."),
    RetryEffect.NOT_NEEDED: N_("No retry is needed."),
}
RAY_LOG = N_("in Ray's log of {process}")
RAISED_IN = N_("The error was raised in {place}.")
NAMED_SETTINGS = N_("The line names {settings}.")
UNNAMED_KINDS = (FailureKind.CONFIG_KEY, FailureKind.OVERRIDE)
"""Kinds whose line names a setting that does not exist."""
NOTHING_WITHOUT_CHECKPOINT = N_("Without one, nothing can be recovered ({amount}).")
NO_CHECKPOINT_LEFT = N_("Nothing can be recovered ({amount}).")
SETUP_ADVICE = N_(
    "The recipe's `setup` failed before the training began. With `keep=30m`, the next launch keeps a failed "
    "cluster, and you can try the commands of the setup there."
)
NO_CAUSE_IN_LOG = N_("Its log names no cause; its last lines are all that is known.")
DOLLARS_LOST = N_("Work since then ({dollars}) is lost.")
CHECKPOINT_MAY_BE_PARTIAL = N_("The run ended while it was being written, so it may be incomplete.")


def find_failure(run: Run, log: str) -> FailureSummary | None:
    """Return why a run failed, if its log shows it; from the saved log lines if the end of the log
    could not be read."""
    if run.reason is Reason.SUCCEEDED and run.training.progress.has_only_resumed:
        return FailureSummary("", FailureKind.NOTHING_TRAINED)
    if run.reason is None or not run.reason.is_explained_by_log:
        return None
    return run.failure or diagnose("\n".join([log, str(run.detail or "")]), run.plan.nodes)


SIGNAL_DEATH = re.compile(r"\bSIG[A-Z]+\b|\b(?:134|137|139|143)\b")
"""Matches exit codes of signals: a killed process prints nothing, and the others only print that it is missing."""


def render_failure_error(run: Run, failure: FailureSummary | None) -> Markup:
    """Return the error and where it occurred, or the run's own detail if its log has no error."""
    if failure is None or not failure.error or (run.detail and not failure.excerpt):
        return escape(run.detail or "")
    # The error in the log may come from another process than the killed one, so the signal is shown first.
    signal_detail = run.detail if run.detail and SIGNAL_DEATH.search(str(run.detail)) else ""
    return join_parts(
        " · ", [signal_detail, code(failure.error, MAX_ERROR_CHARACTERS), render_failure_location(failure)]
    )


def render_failure_location(failure: FailureSummary) -> Markup:
    """Return the node, the rank and the process of an error.

    >>> (render_failure_location(FailureSummary("KeyError", node=1, rank=12)),
    ...  render_failure_location(FailureSummary("KeyError")))
    ('node 1, rank 12', '')
    """
    address = code(failure.address) if failure.address else Markup()
    node = render_phrase("node {node}", node=failure.node) if failure.node is not None else address
    rank = render_phrase("rank {rank}", rank=failure.rank) if failure.rank is not None else Markup()
    process = render_phrase(RAY_LOG, process=code(failure.process)) if failure.process else Markup()
    return join_markup_list([node, rank, process])


def render_failure_advice(run: Run, failure: FailureSummary | None, advised: Sequence[Finding] = ()) -> Markup:
    """Return the likely cause, the remedy, and whether a retry helps; empty where no kind is known.

    Of a program that ended with an exit code alone, it is said that its log names no cause. Of a setup that failed for
    no known cause, it is said how to try its commands.

    Args:
        advised: the findings that are shown beside it, the first of them with its advice, which is not repeated.
    """
    setup_advice = render_phrase(SETUP_ADVICE) if run.reason is Reason.SETUP_FAILED else Markup()
    if failure is None and run.detail and run.reason is not None and run.reason.is_explained_by_log:
        return join_markup_sentences(render_phrase(NO_CAUSE_IN_LOG), setup_advice)
    if failure is None or failure.kind is None:
        return setup_advice
    cause, remedy = CAUSES_BY_KIND[failure.kind], FRAMEWORK.remedies[failure.kind]
    settings = [setting for setting in list_named_settings(failure) if takes_setting(run.plan, setting)]
    return join_markup_sentences(
        render_phrase(cause.sentence),
        render_phrase(RAISED_IN, place=code(failure.place)) if failure.place else Markup(),
        Markup() if advised and advised[0].name == remedy.finding else render_remedy(run, remedy),
        render_phrase(NAMED_SETTINGS, settings=join_markup_list(map(code, settings))) if settings else Markup(),
        render_phrase(RETRY_PHRASES[cause.retry]),
    )


def render_remedy(run: Run, remedy: Remedy) -> Markup:
    """Return what to try: the advice of the open finding of the same cause, which knows the steps, or else that of the
    failure. The two could contradict each other: only the finding knows whether a checkpoint can be sound.
    """
    findings = (finding for finding in run.training.health.open_findings if finding.name == remedy.finding)
    finding = next(findings, None)
    return render_advice(run, finding.advice if finding else Phrase(remedy.sentence, run=run.id))


def list_named_settings(failure: FailureSummary) -> list[str]:
    """Return the settings that the line of an error names, where they exist and the remedy does not name them."""
    if failure.kind is None or failure.kind in UNNAMED_KINDS:
        return []
    remedy = FRAMEWORK.remedies[failure.kind].sentence
    return [one for one in FRAMEWORK.failures.find_settings(failure.error, failure.place) if one not in remedy]


def render_remaining_checkpoint(run: Run, now: datetime) -> Markup:
    """Return where the checkpoint is, and what is lost if the run failed."""
    progress = run.training.progress
    if run.reason is None or not run.reason.is_failure or progress.step is None:
        return checkpoint_views.describe_model(run)
    run_loss = compute_loss(run, now)
    dollars = None if run_loss.dollars is None else wording.format_dollars(run_loss.dollars)
    if run_loss.checkpoint_step is not None:
        return join_markup_sentences(
            checkpoint_views.describe_model(run),
            render_lost_work(run_loss.steps_lost, dollars),
            Markup() if run_loss.is_checkpoint_complete else render_phrase(CHECKPOINT_MAY_BE_PARTIAL),
        )
    amount = render_phrase("cost unknown") if dollars is None else render_phrase("{dollars} spent", dollars=dollars)
    if progress.checkpoint is None:
        model = checkpoint_views.describe_model(run)
        # A recipe without checkpoints has none to lose, and what is unknown may not be lost.
        if not model or is_checkpoint_unknown(run) or is_search_given_up(run):
            return model
        phrase = NOTHING_WITHOUT_CHECKPOINT if run.plan.checkpoint_store else NO_CHECKPOINT_LEFT
        return join_markup_sentences(model, render_phrase(phrase, amount=amount))
    may_be_left = run.plan.checkpoint_store or run.checkpoint_rescue.is_downloaded or may_be_downloaded(run)
    nothing_left = Markup() if may_be_left else render_phrase(NO_CHECKPOINT_LEFT, amount=amount)
    return join_markup_sentences(checkpoint_views.describe_model(run), nothing_left)


def may_be_downloaded(run: Run) -> bool:
    """Return whether the checkpoint is still on the cluster, from which the bot is to download it."""
    is_settled = run.status is RunStatus.ENDED or run.checkpoint_rescue.is_resolved
    return not is_settled and not checkpoint_views.has_no_complete_checkpoint(run)


def render_lost_work(steps: int, dollars: Markup | None) -> Markup:
    """Return the steps and dollars that are lost since the newest checkpoint."""
    if dollars is None:
        return render_plural("{count} step since then is lost.", "{count} steps since then are lost.", steps)
    if not steps:
        return render_phrase(DOLLARS_LOST, dollars=dollars)
    return render_plural(
        "{count} step ({dollars}) since then is lost.",
        "{count} steps ({dollars}) since then are lost.",
        steps,
        dollars=dollars,
    )
