"""What is approved is seen whole: on the card that has the buttons, and in the task."""

from dataclasses import replace

import pytest

from bot.core.model.run import Run
from bot.core.model.run_state import Reason
from bot.slack.views.approval_views import (
    build_approval_blocks,
    build_approval_buttons,
    build_approval_messages,
    render_approval_outcome,
)
from bot.slack.views.blocks import Block
from bot.slack.views.message import Attachment
from bot.slack.views.run_card import card
from tests.builders import at
from tests.slack.views.test_run_thread import waiting_for_approval

MANY = 100
"""Settings of a line that is nearly as long as a line may be."""


def text_of(blocks: list[Block]) -> str:
    return "\n".join(str(block) for block in blocks)


def with_line(line: str) -> Run:
    return replace(waiting_for_approval(), command_line=line)


def test_the_card_says_all_that_an_approver_agrees_to() -> None:
    run = waiting_for_approval()
    seen = text_of(build_approval_blocks(run))
    for fact in (
        "It can cost at most *$100.00* (its budget).",
        "Its whole lease costs $768.00 at this price, which needs approval; its budget stops it at $100.00.",
        "It could use up to 192 GPU-hours.",
        "try a larger batch",
        "$64.00/h",
        "docker:verlai/verl:app",
        "bucket s3://models",
        "WANDB_API_KEY",
        run.plan.task_hash[:16],
        "nodes=2",
        "data.train_batch_size=512",
    ):
        assert fact in seen, fact


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        pytest.param(Reason.NOT_APPROVED, "No approver decided in time", id="too late"),
        pytest.param(Reason.STOPPED, "was stopped before an approver decided", id="its person stopped it"),
    ],
)
def test_an_open_request_says_why_it_has_ended(reason: Reason, outcome: str) -> None:
    run = waiting_for_approval().close(reason, at(60))
    assert run.approval is not None
    assert outcome in render_approval_outcome(run, run.approval)


def test_every_setting_is_on_the_card_and_what_is_not_is_counted() -> None:
    many = " ".join(f"data.key_{number}={'x' * 60}" for number in range(MANY))
    seen = text_of(build_approval_blocks(with_line(f"launch ppo {many}")))
    shown = sum(f"data.key_{number}=" in seen for number in range(MANY))
    assert 50 < shown < MANY
    assert f"{MANY - shown} more settings are in the task." in seen


def test_a_setting_too_long_for_a_card_is_named_and_not_cut_silently() -> None:
    seen = text_of(build_approval_blocks(with_line(f"launch ppo data.path={'x' * 900}")))
    assert "is too long for a card: see the task." in seen


def test_the_buttons_stand_on_the_card_that_says_it() -> None:
    run = waiting_for_approval()
    blocks = card(run, at(60)).blocks
    names = [one["action_id"] for block in blocks if block["type"] == "actions" for one in block["elements"]]
    assert names[:3] == ["approve", "refuse", "task"]
    assert "data.train_batch_size=512" in text_of(list(blocks))


def test_the_dialog_names_the_task_and_stands_for_nothing_that_it_cannot_show() -> None:
    run = waiting_for_approval()
    asked = text_of([build_approval_buttons(run)[0]])
    assert run.plan.task_hash[:16] in asked
    assert "with all that its card and *Show task* say" in asked


def test_the_exact_task_comes_as_a_file() -> None:
    assert [one.attachment for one in build_approval_messages(waiting_for_approval())] == [None, Attachment.TASK]
