"""The buttons of a run's card, and the menu behind three dots with what people need less often. Pure."""

from bot.core.model.run import Run
from bot.core.model.run_state import Reason
from bot.core.rules import save_grace
from bot.core.rules.cluster_keeping import may_be_kept
from bot.core.rules.relaunch import can_resume
from bot.slack.views.approval_views import (
    build_approval_buttons,
    build_relaunch_buttons,
    build_resume_button,
    build_retry_form_button,
    build_task_button,
    is_awaiting_approval,
)
from bot.slack.views.blocks import Block, button, overflow_menu
from bot.slack.views.mrkdwn import render_phrase
from bot.slack.views.rescue_views import discard_button
from bot.slack.views.stop_buttons import can_save, removal_button, stop_button

SHOW_CHART, COMPARE, SHOW_MODEL = "plot", "compare", "artifacts"
"""Actions of buttons that show something to the person who presses them."""

MENU, CHANGE_LEASE, CHANGE_BUDGET, COPY_COMMAND, SAVE = "card_menu", "extend", "budget", "copy", "save"
"""The action of the menu behind three dots, and the first words of its choices' values; the second is the run's id."""


def card_buttons(run: Run, previous: Run | None = None, may_approve: bool = True) -> list[Block]:
    """Return the buttons for what people may do now.

    Args:
        previous: the run that a succeeded one is compared with, if there is one.
        may_approve: whether a reader may be an approver of the launch: a card has many readers.
    """
    if is_awaiting_approval(run):
        return [*(build_approval_buttons(run) if may_approve else [build_task_button(run)]), stop_button(run)]
    logs = [] if run.launch.first_requested_at is None else [button(render_phrase("Logs"), "logs", run.id)]
    if save_grace.shows_rescue(run):
        return [*logs, discard_button(run)]
    if run.reason is Reason.SUCCEEDED:
        return build_success_buttons(run, previous)
    if run.is_finished:
        return build_end_buttons(run)
    plot = [button(render_phrase("Plot"), SHOW_CHART, run.id)] if run.training.progress.curve.points else []
    if run.requests.stop_requested_by and not run.checkpoint_rescue.save_grace:
        return [*logs, *plot]
    return [*logs, *plot, stop_button(run)]


def build_success_buttons(run: Run, previous: Run | None) -> list[Block]:
    """Return the buttons of a succeeded run: its model, a comparison, another launch. It is not repeated by chance."""
    model = [button(render_phrase("Get the model"), SHOW_MODEL, run.id)] if keeps_model(run) else []
    compare = [button(render_phrase("Compare"), COMPARE, f"{run.id} {previous.id}")] if previous else []
    resume = [build_resume_button(run)] if can_resume(run) else []
    again = build_retry_form_button(run, render_phrase("Run again…"))
    return [*model, *compare, again, *resume, button(render_phrase("Logs"), "logs", run.id)]


def keeps_model(run: Run) -> bool:
    """Return whether a checkpoint of the run is known to outlive its cluster, or its cluster is still there."""
    if run.training.progress.checkpoint is None:
        return False
    return not run.is_finished or bool(run.plan.checkpoint_store) or run.checkpoint_rescue.is_downloaded


def build_end_buttons(run: Run) -> list[Block]:
    """Return the buttons of a run that ended in another way; a run that never had machines has no log."""
    is_error = run.reason is not None and run.reason.is_error
    label = render_phrase("Full log") if is_error else render_phrase("Logs")
    logs = [] if run.launch.first_requested_at is None else [button(label, "logs", run.id)]
    removal = [removal_button(run)] if may_be_kept(run) else []
    return [*removal, *build_relaunch_buttons(run), *logs]


def build_menu(run: Run) -> Block | None:
    """Return the menu of a card; None where it would be empty."""
    choices = {f"{COPY_COMMAND} {run.id}": render_phrase("Copy command")}
    if not run.is_finished and run.launch.first_requested_at is not None and not run.requests.stop_requested_by:
        choices |= {
            f"{CHANGE_LEASE} {run.id}": render_phrase("Extend…"),
            f"{CHANGE_BUDGET} {run.id}": render_phrase("Change budget…"),
        }
        choices |= {f"{SAVE} {run.id}": render_phrase("Save and stop")} if can_save(run) else {}
    if keeps_model(run) and run.reason is not Reason.SUCCEEDED:
        choices |= {f"{SHOW_MODEL} {run.id}": render_phrase("Get the model")}
    return overflow_menu(MENU, choices)
