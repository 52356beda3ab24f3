"""Answers to commands that need no run, and to stops that save first."""

import html

import pytest

from bot.core.commands.specs import COMMAND_SPECS
from bot.core.model.cluster import JobState
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.i18n import use_language
from bot.phrase import LANGUAGES
from bot.slack.views import answers, help_views
from tests.builders import a_run, at, launching, running


def test_no_command_is_cut_from_the_help() -> None:
    shown = "\n".join(
        block["text"]["text"] for block in help_views.render_help(None)["blocks"] if block["type"] == "section"
    )
    assert [form.word for form in COMMAND_SPECS.values() if form.meaning not in html.unescape(shown)] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "run",
    [
        pytest.param(a_run(status=RunStatus.AWAITING_APPROVAL, checkpoints_ephemeral=True), id="it needs approval"),
        pytest.param(a_run(checkpoints_ephemeral=True), id="it waits"),
        pytest.param(launching(checkpoints_ephemeral=True), id="its machines are requested"),
        pytest.param(running(checkpoints_ephemeral=True, job=JobState.SETTING_UP), id="it is set up"),
        pytest.param(running(checkpoints_ephemeral=True), id="it has made no step"),
        pytest.param(running(progress=Progress(20)), id="its recipe saves none"),
    ],
)
def test_where_there_is_nothing_to_save_a_stop_is_answered_as_any_other(run: Run, language: str) -> None:
    with use_language(language):
        saving = answers.acknowledge_stop(run.request_stop("U0ANA", at(60), save=True))
        assert saving == answers.acknowledge_stop(run.request_stop("U0ANA", at(60)))


def test_a_stop_of_a_training_that_saves_says_that_it_saves_first() -> None:
    trained = running(checkpoints_ephemeral=True, progress=Progress(20))
    answer = answers.acknowledge_stop(trained.request_stop("U0ANA", at(60), save=True))
    assert "`ppo-7f3a` stops once it has saved a checkpoint" in answer["text"]


@pytest.mark.parametrize(
    ("yaml", "is_cut"),
    [
        pytest.param("run: |\n" + "  echo 1\n" * 1_800, False, id="longer than a message"),
        pytest.param("# \N{ROCKET}\n" * 6_000, False, id="characters that Slack counts twice"),
        pytest.param("run: |\n" + "  echo 1\n" * 9_000, True, id="longer than a window"),
    ],
)
def test_an_approver_is_shown_every_character_of_a_task_or_told_where_the_rest_is(yaml: str, is_cut: bool) -> None:
    _, *blocks = answers.render_task(running(), yaml)["blocks"]
    code_blocks = [block["elements"][0]["elements"][0]["text"] for block in blocks if block["type"] == "rich_text"]
    shown = "".join(code_blocks)
    assert yaml.startswith(shown)
    assert (shown != yaml) is is_cut
    assert ("The rest is in the file" in str(blocks[-1])) is is_cut
