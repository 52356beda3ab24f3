"""Which buttons a card has: what a person may do with the run now, and nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from bot.core.model.checkpoint import CheckpointRescue
from bot.core.model.progress import Progress, Sparkline
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.i18n import use_language
from bot.phrase import LANGUAGES
from bot.slack.views.blocks import Block
from bot.slack.views.card_buttons import build_menu, card_buttons, keeps_model
from tests.builders import a_run, at, change_run, launching, running
from tests.slack.views.test_run_thread import RUNS, over, waiting_for_approval

TRAINED = Progress(40, 100, rewards=Sparkline(((1, 0.1), (2, 0.2)), 1), checkpoint="/c/global_step_40")
KEPT: dict[str, Any] = {
    "progress": replace(TRAINED, checkpoint="/c/ppo-7f3a/global_step_40"),
    "checkpoint_store": "volume m",
    "resumes": True,
    "checkpoint_at": at(3700),
}


def ended(reason: Reason, **changes: Any) -> Run:
    run = running(**changes).begin_teardown(reason, None, at(4000))
    return replace(run, status=RunStatus.ENDED, closed_at=at(4060))


def labels_of(blocks: list[Block]) -> list[str]:
    return [block["text"]["text"] for block in blocks]


def choices_of(run: Run) -> dict[str, str]:
    menu = build_menu(run)
    assert menu is not None
    return {choice["value"]: choice["text"]["text"] for choice in menu["options"]}


@pytest.mark.parametrize(
    ("run", "labels"),
    [
        pytest.param(a_run(), ["Stop"], id="it waits"),
        pytest.param(launching(), ["Logs", "Stop"], id="it has machines"),
        pytest.param(running(progress=TRAINED), ["Logs", "Plot", "Stop"], id="it has a reward"),
        pytest.param(running(progress=TRAINED, stop_requested_by="U0BEN"), ["Logs", "Plot"], id="it is to stop"),
        pytest.param(a_run(stop_requested_by="U0BEN"), [], id="it is to stop and has no machines"),
        pytest.param(
            ended(Reason.SUCCEEDED, **KEPT),
            ["Get the model", "Run again…", "Resume from checkpoint", "Logs"],
            id="it succeeded",
        ),
        pytest.param(ended(Reason.SUCCEEDED), ["Run again…", "Logs"], id="it succeeded without a model"),
        pytest.param(
            ended(Reason.SUCCEEDED, progress=TRAINED, checkpoints_ephemeral=True),
            ["Run again…", "Logs"],
            id="its model is gone with its cluster",
        ),
    ],
)
def test_a_card_has_the_buttons_of_what_may_be_done_now(run: Run, labels: list[str]) -> None:
    assert labels_of(card_buttons(run)) == labels


def test_a_launch_that_waits_for_an_approver_is_answered_on_its_card() -> None:
    labels = labels_of(card_buttons(waiting_for_approval()))
    assert labels[-1] == "Stop"
    assert len(labels) >= 3


@pytest.mark.parametrize(
    ("reason", "label"),
    [
        pytest.param(Reason.FAILED, "Full log", id="an error is in the log"),
        pytest.param(Reason.STOPPED, "Logs", id="a person stopped it"),
    ],
)
def test_an_end_with_an_error_offers_the_full_log(reason: Reason, label: str) -> None:
    assert label in labels_of(card_buttons(ended(reason)))


def test_a_launch_that_never_had_machines_has_no_log() -> None:
    run = replace(a_run(), status=RunStatus.ENDED, reason=Reason.LAUNCH_FAILED, closed_at=at(9))
    assert not {"Logs", "Full log"} & set(labels_of(card_buttons(run)))


def test_a_success_is_compared_with_the_run_before_it() -> None:
    buttons = card_buttons(ended(Reason.SUCCEEDED), previous=a_run(id="ppo-9c21"))
    assert [(block["action_id"], block["value"]) for block in buttons if block["action_id"] == "compare"] == [
        ("compare", "ppo-7f3a ppo-9c21")
    ]


@pytest.mark.parametrize(
    ("run", "keeps"),
    [
        pytest.param(running(), False, id="no checkpoint"),
        pytest.param(running(progress=TRAINED), True, id="on a cluster that is there"),
        pytest.param(ended(Reason.STOPPED, progress=TRAINED), False, id="on a cluster that is gone"),
        pytest.param(ended(Reason.STOPPED, **KEPT), True, id="in a volume"),
        pytest.param(
            replace(ended(Reason.STOPPED, progress=TRAINED), checkpoint_rescue=CheckpointRescue(started_at=at(1))),
            False,
            id="a download that did not end",
        ),
    ],
)
def test_a_model_is_offered_where_it_is_known_to_be(run: Run, keeps: bool) -> None:
    assert keeps_model(run) is keeps


@pytest.mark.parametrize(
    ("run", "values"),
    [
        pytest.param(a_run(), ["copy"], id="a launch that waits can be copied"),
        pytest.param(running(), ["copy", "extend", "budget"], id="a run has limits"),
        pytest.param(
            running(checkpoint_store="volume m"), ["copy", "extend", "budget", "save"], id="one that saves may save"
        ),
        pytest.param(
            running(**KEPT), ["copy", "extend", "budget", "save", "artifacts"], id="one that saved has a model"
        ),
        pytest.param(ended(Reason.STOPPED, **KEPT), ["copy", "artifacts"], id="an end has no limits"),
        pytest.param(ended(Reason.SUCCEEDED, **KEPT), ["copy"], id="a success has its button for the model"),
    ],
)
def test_the_menu_has_the_rest(run: Run, values: list[str]) -> None:
    assert list(choices_of(run)) == [f"{value} ppo-7f3a" for value in values]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_every_card_has_few_buttons_each_with_another_action_and_label(run: Run, language: str) -> None:
    with use_language(language):
        buttons = card_buttons(run, previous=over(Reason.SUCCEEDED))
        menu = choices_of(run)
    assert len(buttons) <= 5
    assert len({block["action_id"] for block in buttons}) == len(set(labels_of(buttons))) == len(buttons)
    assert len(menu) == len(set(menu.values()))


def test_the_labels_are_in_the_language_of_the_reader() -> None:
    with use_language("zh-CN"):
        labels = [*labels_of(card_buttons(running(progress=TRAINED))), *choices_of(running()).values()]
    assert all(any("\u4e00" <= char <= "\u9fff" for char in label) for label in labels)


def test_the_name_of_a_run_is_data_in_its_buttons() -> None:
    run = change_run(running(), id="<!channel>`*")
    assert "<!channel>`*" not in str(labels_of(card_buttons(run)))
