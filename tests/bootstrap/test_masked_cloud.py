"""A cloud whose answers are masked: its logs, observations, refusals and failures."""

import traceback
from typing import Any

import pytest

from bot.bootstrap.masked_cloud import MaskingCloud
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.cluster import AutostopSetting, ClusterState, Observation
from bot.core.model.launch_plan import ClusterRef, LaunchOrder
from bot.core.model.managed_job import JobsController
from bot.core.model.money import Rate
from bot.core.model.rollout import RunFolder
from bot.errors import ClusterNameInUse, Unavailable, UserError
from bot.phrase import Phrase
from bot.runtime.secret_filter import SecretFilter
from tests.doubles.cloud import FakeCloud

PASSWORD = f"hunter{22}"


TOKEN = "hf_aB3dE6gH9jK2mN5pQ8sTuVwXyZ1234aBcD"


def a_cloud(**environment: str) -> tuple[FakeCloud, MaskingCloud]:
    cloud = FakeCloud()
    return cloud, MaskingCloud(cloud, SecretFilter(environment))


def test_a_log_and_what_is_seen_are_masked() -> None:
    cloud, masked = a_cloud()
    cloud.seen["verl-a"] = Observation(
        cluster=ClusterState.UP, error=f"401 for {TOKEN}", infra=f"k8s/{TOKEN}", unhealthy=f"no {TOKEN}"
    )
    cloud.print("verl-a", f"export HF_TOKEN={TOKEN}", "step:1 - a:2")
    watched = ClusterRef("verl-a")
    assert masked.tail_log(watched, 10) == "export HF_TOKEN=hf_…(masked)\nstep:1 - a:2\n"
    seen = masked.observe([watched])["verl-a"]
    assert (seen.error, seen.infra, seen.unhealthy) == ("401 for hf_…(masked)", "k8s/hf_…(masked)", "no hf_…(masked)")


def test_rays_logs_are_masked_and_the_beginning_of_a_secret_at_their_end_too() -> None:
    cloud, masked = a_cloud(MY_PASSWORD=PASSWORD)
    cloud.come_up("verl-a")
    cloud.write_file("verl-a", "ray/session_latest/logs/raylet.out", f"{PASSWORD}\n{TOKEN}\n{TOKEN[:20]}")
    (log,) = masked.read_process_logs(ClusterRef("verl-a"), RunFolder(CheckpointRef("/tmp", "ray")), [])
    assert PASSWORD not in log.text
    assert TOKEN[3:15] not in log.text


def test_names_by_which_clusters_are_removed_stay_as_they_are() -> None:
    cloud, masked = a_cloud(MY_PASSWORD="verl-a-long-name")
    cloud.seen["verl-a-long-name"] = Observation(cluster=ClusterState.UP)
    cloud.users["verl-a-long-name"] = f"ana {TOKEN}"
    (one,) = masked.list_clusters()
    assert (one.name, one.user) == ("verl-a-long-name", "ana hf_…(masked)")


def test_a_refusal_and_an_autostop_are_masked() -> None:
    cloud, masked = a_cloud()
    cloud.refuses = f"no image for {TOKEN}"
    assert str(masked.explain_refusal({})) == "no image for hf_…(masked)"
    cloud.seen["verl-a"] = Observation(cluster=ClusterState.UP)
    cloud.autostop_by = f"ana {TOKEN}"
    assert masked.set_autostop(ClusterRef("verl-a"), 5) == AutostopSetting("autostop-1", "ana hf_…(masked)")


def test_the_source_of_a_controllers_price_is_masked() -> None:
    cloud, masked = a_cloud()
    controller = JobsController(rate=Rate(0.5, f"by {TOKEN}"))
    cloud.find_missing_controller = lambda task: controller  # type: ignore[method-assign]
    assert masked.find_missing_controller({}) == JobsController(rate=Rate(0.5, "by hf_…(masked)"))


def test_a_phrase_is_masked_and_stays_a_phrase() -> None:
    cloud, masked = a_cloud()
    cloud.seen["verl-a"] = Observation(error=Phrase("It failed: {why}", why=f"401 for {TOKEN}"))
    seen = masked.observe([ClusterRef("verl-a")])["verl-a"]
    assert seen.error == Phrase("It failed: {why}", why="401 for hf_…(masked)")


def test_a_secret_that_only_the_whole_phrase_shows_is_masked_too() -> None:
    cloud, masked = a_cloud()
    value = "Xk7pQ2vL9wR4tZ8m"
    cloud.seen["verl-a"] = Observation(error=Phrase("{name}={value}", name="DB_PASSWORD", value=value))
    assert value not in str(masked.observe([ClusterRef("verl-a")])["verl-a"].error)


class Failing(FakeCloud):
    """A cloud that fails with a given error."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def describe_server(self) -> str:
        try:
            raise OSError(f"cannot reach https://ana:{PASSWORD}@sky with {TOKEN}")
        except OSError as error:
            raise self.error from error


FAILURES: dict[str, tuple[Exception, str]] = {
    "no answer": (Unavailable(f"silent: {TOKEN}"), "silent: hf_…(masked)"),
    "a refusal": (UserError(f"refused: {TOKEN}", f"Try {TOKEN}.", ["U0LEA"]), "refused: hf_…(masked)"),
    "a name that is taken": (ClusterNameInUse(f"taken: {TOKEN}"), "taken: hf_…(masked)"),
    "a mistake": (RuntimeError(f"mistake: {TOKEN}"), "mistake: hf_…(masked)"),
    "one that takes more than words": (
        UnicodeDecodeError("utf-8", b"x", 0, 1, TOKEN),
        "UnicodeDecodeError: 'utf-8' codec can't decode byte 0x78 in position 0: hf_…(masked)",
    ),
    "one whose cause alone says it": (Unavailable("silent"), "silent"),
}


@pytest.mark.parametrize(("error", "said"), FAILURES.values(), ids=FAILURES)
def test_what_a_failure_says_is_masked_with_what_caused_it(error: Exception, said: str) -> None:
    masked = MaskingCloud(Failing(error), SecretFilter({}))
    with pytest.raises((type(error), RuntimeError)) as met:
        masked.describe_server()
    assert str(met.value) == said
    shown = "".join(traceback.format_exception(met.value))
    assert TOKEN[3:11] not in shown
    assert PASSWORD not in shown
    hint: Any = getattr(met.value, "hint", "")
    assert TOKEN not in hint


def test_a_failure_without_a_secret_is_raised_as_it_is() -> None:
    error = Unavailable("silent")
    cloud = FakeCloud(answers=False)
    with pytest.raises(Unavailable, match="The cloud does not answer"):
        MaskingCloud(cloud, SecretFilter({})).describe_server()
    assert error.__cause__ is None


def test_what_a_task_names_as_secret_is_known_before_its_run_prints() -> None:
    cloud, masked = a_cloud(MY_THING="blue-sky-99", OTHER="green-hill-7")
    cloud.print("verl-a", "under a blue-sky-99 and a green-hill-7")
    masked.explain_refusal({"secrets": {"MY_THING": None}})
    masked.launch(LaunchOrder("verl-a", {}, ("OTHER",)))
    assert masked.tail_log(ClusterRef("verl-a"), 5) == "under a …(masked) and a …(masked)\n"
