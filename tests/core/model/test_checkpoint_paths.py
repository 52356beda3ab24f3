"""Paths of checkpoints: only a plain path in the run's own folder is touched."""

import pytest

from bot.core.model.checkpoint_paths import locate_checkpoint
from tests.builders import refusal_of


@pytest.mark.parametrize(
    ("folder", "told", "fetched"),
    [
        ("~/checkpoints", "/home/sky/checkpoints/r-1/global_step_9", "~/checkpoints/r-1/global_step_9"),
        ("~/checkpoints", "~/checkpoints/r-1/global_step_9", "~/checkpoints/r-1/global_step_9"),
        ("~/checkpoints", "/checkpoints/r-1/global_step_9", "~/checkpoints/r-1/global_step_9"),
        ("/data/models", "/data/models/r-1/sub/global_step_9", "/data/models/r-1/sub/global_step_9"),
        ("/data/models/", "/data/models/r-1/global_step_9/", "/data/models/r-1/global_step_9"),
        ("~/checkpoints", "/home/sky/checkpoints/r-2/global_step_9", None),
        ("~/checkpoints", "/etc/global_step_9", None),
        ("~/checkpoints", "checkpoints/r-1/global_step_9", None),
        ("~/checkpoints", "/x/checkpoints/r-1/../../../etc/global_step_9", None),
        ("~/checkpoints", "/x/checkpoints/r-1/$(id)/global_step_9", None),
        ("~/checkpoints", "/x/checkpoints/r-1/a;id/global_step_9", None),
        ("~/checkpoints", "/x/checkpoints/r-1/-rf/global_step_9", None),
        ("~/checkpoints", "/x/checkpoints/r-1//global_step_9", None),
        ("/data/models", "/elsewhere/data/models/r-1/global_step_9", None),
        ("", "/r-1/global_step_9", None),
        ("~", "/home/sky/r-1/global_step_9", None),
        ("/", "/r-1/global_step_9", None),
        ("~/$(id)", "/x/$(id)/r-1/global_step_9", None),
        ("relative", "/x/relative/r-1/global_step_9", None),
    ],
)
def test_of_what_a_log_says_only_a_plain_path_in_the_runs_own_folder_is_touched(
    folder: str, told: str, fetched: str | None
) -> None:
    refused = refusal_of(lambda: locate_checkpoint(folder, told, "r-1", 2))
    assert (refused is None) is (fetched is not None)
    if fetched:
        assert locate_checkpoint(folder, told, "r-1", 2).path == fetched
