"""Where a run's samples are, and what a person is told where there are none."""

from dataclasses import replace

import pytest

from bot.app.sample_reader import SampleReader, explain_loss, find_store_command, locate_samples
from bot.core.commands.command import ShowSamples
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.rollout import OutputFiles, RunFolder
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.errors import Unavailable, UserError
from tests.builders import running
from tests.doubles.cloud import FakeCloud

FILES = OutputFiles("rollouts", "validations")


def sampled(files: OutputFiles = FILES, folder: str = "~/checkpoints", store: str | None = None) -> Run:
    run = running()
    return replace(run, plan=replace(run.plan, files=files, checkpoint_folder=folder, checkpoint_store=store, nodes=2))


@pytest.mark.parametrize(("is_validation", "below"), [(False, "rollouts"), (True, "validations")])
def test_samples_are_below_the_runs_own_folder(is_validation: bool, below: str) -> None:
    run = sampled(store="volume models")
    expected = RunFolder(CheckpointRef("~/checkpoints", f"{run.id}/{below}", 2), "volume models")
    assert locate_samples(run, is_validation) == expected


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (sampled(OutputFiles()), "names no folder of samples"),
        (sampled(folder=""), "names no folder of samples"),
        (sampled(folder="~/a b"), "a folder of checkpoints that I may not touch"),
        (replace(sampled(), launch=type(running().launch)()), "has not started"),
        (replace(sampled(), status=RunStatus.LAUNCHING, running_at=None), "is launching and has no samples yet"),
    ],
    ids=["an old recipe", "without checkpoints", "a strange folder", "waits", "launches"],
)
def test_a_run_without_samples_is_refused(run: Run, words: str) -> None:
    with pytest.raises(UserError, match=words):
        locate_samples(run, is_validation=False)


def test_a_living_cluster_that_does_not_answer_is_no_loss() -> None:
    cloud = FakeCloud(breaks_fetch="The cluster does not answer.")
    with pytest.raises(Unavailable):
        SampleReader(cloud, lambda: 1).read(sampled(), ShowSamples("ppo"))


@pytest.mark.parametrize(
    ("store", "words"),
    [
        (None, "managed job, where the samples are"),
        ("s3://models", "aws s3 ls s3://models/"),
        ("gs://models/", "gcloud storage ls gs://models/"),
        ("volume models", "Mount it on a machine"),
    ],
)
def test_samples_out_of_reach_come_with_what_to_type(store: str | None, words: str) -> None:
    run = sampled(store=store)
    run = replace(run, plan=replace(run.plan, managed=True))
    assert words in str(explain_loss(run, locate_samples(run, is_validation=False)).sentence)


def test_an_unknown_kind_of_bucket_has_no_command() -> None:
    assert find_store_command("https://example.com/models", "x") == ""
