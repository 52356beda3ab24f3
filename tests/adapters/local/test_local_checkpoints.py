"""Checkpoints of local clusters, whose program may be hostile, and may run while they are looked at and copied."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from bot.adapters.checkpoint_downloads import CheckpointDownloads
from bot.adapters.disk_space import DiskAllowance
from bot.adapters.local import local_checkpoints
from bot.adapters.local.local_checkpoints import FileWalk, NodeFolder, list_checkpoints, list_files, locate_node_folders
from bot.adapters.local.local_cloud import LocalCloud
from bot.adapters.local.state_files import ClusterDirectory
from bot.core.frameworks import FRAMEWORK
from bot.core.frameworks.verl.checkpoint_files import MAX_PATH_DEPTH
from bot.core.model.checkpoint import CheckpointListing, DownloadProgress
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.launch_plan import ClusterRef
from bot.errors import BeingStopped, IncompleteCheckpoint, Unavailable, UserError
from tests.adapters.test_checkpoint_integrity import cut, torch
from tests.builders import refusal_of
from tests.waiting import eventually

X = ClusterRef("verl-x")
RUN = CheckpointRef("~/models", "x")
STEP = CheckpointRef("~/models", "x/global_step_4")
SECRET = "the bot's own"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home directory of the only node, with a checkpoint."""
    found = ClusterDirectory(tmp_path.resolve() / "local", X.cluster).node_folder(0) / "home"
    folder = found / "models" / "x" / "global_step_4"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_text("weights")
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "secrets" / "global_step_9").mkdir(parents=True)
    (tmp_path / "secrets" / "global_step_9" / "model.bin").write_text(SECRET)
    (tmp_path / "secrets" / FRAMEWORK.checkpoints.latest_file).write_text("9")
    return found


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    found = LocalCloud(
        tmp_path / "local", secrets={}, downloads=CheckpointDownloads(tmp_path / "artifacts", 10**9, 1000, 0)
    )
    yield found
    found.stop()


def fetched(cloud: LocalCloud, checkpoint: CheckpointRef = STEP) -> DownloadProgress:
    return eventually(
        lambda: (found := cloud.download_checkpoint(X, checkpoint)).is_complete and found
    ) or DownloadProgress("")


def refused(cloud: LocalCloud) -> UserError:
    """Why it is not fetched."""
    found = eventually(lambda: refusal_of(lambda: cloud.download_checkpoint(X, STEP)))
    assert found is not None
    return found


def replace_by_link(path: Path, target: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to(target)


LINKS: list[tuple[str, Callable[[Path, Path], None]]] = [
    ("a file", lambda models, bot: (models / "x/global_step_4/more").symlink_to(bot / "secret")),
    ("a folder", lambda models, bot: (models / "x/global_step_4/more").symlink_to(bot / "secrets")),
    ("a checkpoint", lambda models, bot: (models / "x/global_step_9").symlink_to(bot / "secrets/global_step_9")),
    ("the run's folder", lambda models, bot: replace_by_link(models / "x", bot / "secrets")),
    ("all checkpoints", replace_by_link),
    (
        "the file that names the newest",
        lambda models, bot: (models / "x" / FRAMEWORK.checkpoints.latest_file).symlink_to(
            bot / "secrets" / FRAMEWORK.checkpoints.latest_file
        ),
    ),
]


@pytest.mark.parametrize("link", [make for _, make in LINKS], ids=[name for name, _ in LINKS])
def test_no_link_is_followed(tmp_path: Path, home: Path, cloud: LocalCloud, link: Callable[[Path, Path], None]) -> None:
    link(home / "models", tmp_path)
    shelf = cloud.list_checkpoints(X, RUN)
    assert 9 not in (*shelf.steps, shelf.latest_step)
    for step in (4, 9):
        files = list_files(locate_node_folders([home], CheckpointRef("~/models", f"x/global_step_{step}")), 100)
        assert set(files) <= {"model.bin"}
    if shelf.steps:
        assert SECRET not in "".join(path.read_text() for path in Path(fetched(cloud).folder).rglob("*"))


def test_a_link_that_takes_a_files_place_between_a_look_and_a_copy_is_not_followed(tmp_path: Path, home: Path) -> None:
    found = locate_node_folders([home], STEP)
    listing = list_files(found, 100)
    file = home / "models/x/global_step_4/model.bin"
    file.unlink()
    file.symlink_to(tmp_path / "secret")
    target = tmp_path / "copy"
    target.mkdir()
    with pytest.raises(Unavailable, match="changed during"):
        local_checkpoints.copy_files(found, target, listing, 0, allowance(target))
    assert not list(target.rglob("model.bin"))


def allowance(folder: Path, most_bytes: int = 10**9) -> DiskAllowance:
    return DiskAllowance(folder, most_bytes, 1000, 0, Event(), lambda _: 10**12, lambda _: 10**6)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("name", ["x/global_step_4/pipe", f"x/{FRAMEWORK.checkpoints.latest_file}"])
def test_a_pipe_holds_nothing_up(home: Path, cloud: LocalCloud, name: str) -> None:
    a_pipe(home / "models" / name)
    assert cloud.list_checkpoints(X, RUN) == CheckpointListing((4,))
    assert fetched(cloud).downloaded_bytes == 7


def many(folder: Path, make: Callable[[Path], object]) -> None:
    for number in range(1000):
        make(folder / f"{number}")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        pytest.param(lambda folder: many(folder, Path.touch), "more than 1000 files", id="many files"),
        pytest.param(
            lambda folder: many(folder, Path.mkdir), "more than 1000 files", id="many folders, without a file"
        ),
        pytest.param(
            lambda folder: many(folder, lambda path: path.symlink_to("x")), "more than 1000 files", id="many links"
        ),
        pytest.param(
            lambda folder: (folder / "/".join("x" * (MAX_PATH_DEPTH + 2))).mkdir(parents=True),
            "a path that is too long or too deep",
            id="depth",
        ),
    ],
)
def test_what_is_looked_at_is_bounded(
    home: Path, cloud: LocalCloud, spoil: Callable[[Path], object], told: str
) -> None:
    spoil(home / "models/x/global_step_4")
    assert told in str(refused(cloud).sentence)


def test_of_a_run_with_very_many_folders_no_more_are_read(
    home: Path, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_checkpoints, "MAX_NAMES", 10)
    many(home / "models/x", Path.touch)
    with pytest.raises(UserError, match="more than 10 files"):
        cloud.list_checkpoints(X, RUN)


def test_a_file_that_takes_no_room_counts_as_what_it_would_take_here(tmp_path: Path, home: Path) -> None:
    """A sparse file of a terabyte, and one file under a thousand names."""
    folder = home / "models/x/global_step_4"
    with (folder / "sparse").open("wb") as file:
        file.truncate(10**12)
    for number in range(9):
        os.link(folder / "model.bin", folder / f"model{number}.bin")
    assert sum(list_files(locate_node_folders([home], STEP), 100).values()) == 10**12 + 10 * 7
    fetches = CheckpointDownloads(tmp_path / "artifacts", 10**9)
    cloud = LocalCloud(tmp_path / "local", secrets={}, downloads=fetches)
    assert "1,000 GB" in str(refused(cloud).sentence)
    assert not list((tmp_path / "artifacts").rglob("sparse"))
    cloud.stop()


def test_a_file_of_somebody_else_is_not_the_programs_though_a_hard_link_leads_to_it(home: Path) -> None:
    folder = os.open(home / "models/x/global_step_4", os.O_RDONLY)
    assert dict(FileWalk(os.getuid(), 10).walk(folder)) == {"model.bin": 7}
    assert dict(FileWalk(os.getuid() + 1, 10).walk(folder)) == {}
    os.close(folder)


def test_of_a_file_that_grows_no_more_is_copied_than_was_listed(tmp_path: Path, home: Path) -> None:
    found = locate_node_folders([home], STEP)
    listing = list_files(found, 100)
    (home / "models/x/global_step_4/model.bin").write_text("weights, and ever more of them")
    target = tmp_path / "copy"
    target.mkdir()
    local_checkpoints.copy_files(found, target, listing, 0, allowance(target))
    assert (target / "model.bin").read_text() == "weights"


def test_a_file_that_shrinks_is_no_copy(tmp_path: Path, home: Path) -> None:
    found = locate_node_folders([home], STEP)
    with pytest.raises(Unavailable, match="changed during"):
        local_checkpoints.copy_files(found, tmp_path, {"model.bin": 8}, 0, allowance(tmp_path))


def test_a_copy_asks_before_it_writes(tmp_path: Path, home: Path) -> None:
    found = locate_node_folders([home], STEP)
    target = tmp_path / "copy"
    target.mkdir()
    with pytest.raises(UserError, match="grew to more than"):
        local_checkpoints.copy_files(found, target, {"model.bin": 7}, 0, allowance(target, most_bytes=6))
    assert sum(path.stat().st_size for path in target.rglob("*") if path.is_file()) == 0


def test_what_is_here_is_not_copied_again_and_what_has_changed_is(tmp_path: Path, home: Path) -> None:
    found, target = locate_node_folders([home], STEP), tmp_path / "copy"
    target.mkdir()
    tight = allowance(target, most_bytes=7)
    local_checkpoints.copy_files(found, target, {"model.bin": 7}, 0, tight)
    (target / "model.bin").chmod(0o400)  # one that is copied again is another file
    local_checkpoints.copy_files(found, target, {"model.bin": 7}, 0, tight)
    assert (target / "model.bin").stat().st_mode & 0o777 == 0o400
    (home / "models/x/global_step_4/model.bin").write_text("WEIGHTS")
    os.utime(home / "models/x/global_step_4/model.bin", (1, 1))
    local_checkpoints.copy_files(found, target, {"model.bin": 7}, 0, tight)
    assert (target / "model.bin").read_text() == "WEIGHTS"


@pytest.mark.parametrize(
    ("over", "found"),
    [pytest.param(False, None, id="it may be written now"), pytest.param(True, CheckpointListing((4,)), id="over")],
)
def test_a_newest_that_names_none_is_waited_for_while_its_job_runs(
    home: Path, cloud: LocalCloud, over: bool, found: CheckpointListing | None
) -> None:
    (home / "models/x" / FRAMEWORK.checkpoints.latest_file).write_text("")
    if found:
        assert cloud.list_checkpoints(X, RUN, over) == found
    else:
        with pytest.raises(Unavailable):
            cloud.list_checkpoints(X, RUN, over)


def test_where_there_is_no_cluster_there_is_no_checkpoint(cloud: LocalCloud) -> None:
    assert cloud.list_checkpoints(X, RUN) == CheckpointListing()
    assert list_checkpoints([NodeFolder(Path("/nonexistent"), ("x",))]) == CheckpointListing()


def test_an_absolute_folder_is_the_recipes_and_what_is_below_it_the_programs(tmp_path: Path, home: Path) -> None:
    (tmp_path / "shared").symlink_to(home / "models")
    (home / "models/x/more").symlink_to(tmp_path / "secrets")
    checkpoint = CheckpointRef(str(tmp_path / "shared"), "x")
    assert list_checkpoints(locate_node_folders([], checkpoint)) == CheckpointListing((4,))
    assert list_files(locate_node_folders([], CheckpointRef(str(tmp_path / "shared"), "x/more")), 10) == {}


def a_first_checkpoint_torn_by_a_full_disk(folder: Path) -> None:
    (folder / "actor/huggingface").mkdir(parents=True)
    (folder / "actor/huggingface/config.json").write_text("{}")
    torch(folder / "actor/model_world_size_1_rank_0.pt")
    cut(folder / "actor/model_world_size_1_rank_0.pt")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        pytest.param(a_first_checkpoint_torn_by_a_full_disk, "rank_0.pt` cannot be opened", id="torn"),
        pytest.param(lambda folder: (folder / "model.bin").unlink(), "or it is empty", id="empty"),
    ],
)
def test_what_is_not_whole_is_not_taken_for_the_model(
    home: Path, cloud: LocalCloud, spoil: Callable[[Path], None], told: str
) -> None:
    spoil(home / "models/x/global_step_4")
    found = refused(cloud)
    assert isinstance(found, IncompleteCheckpoint)
    assert told in str(found.sentence)
    assert cloud.list_downloads(RUN) == {}


def test_what_was_fetched_is_there_though_its_cluster_is_gone(home: Path, cloud: LocalCloud) -> None:
    found = fetched(cloud)
    for path in sorted(home.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    assert cloud.list_downloads(RUN) == {4: found}
    assert cloud.download_checkpoint(X, STEP) == found


def test_after_its_stop_it_begins_nothing_and_calls_that_no_failure(home: Path, cloud: LocalCloud) -> None:
    cloud.stop()
    with pytest.raises(BeingStopped):
        cloud.download_checkpoint(X, STEP)
