"""Downloads of checkpoints to the bot's machine: a thread downloads each one, and every caller gets the progress."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock

from bot.adapters.checkpoint_integrity import find_damage
from bot.adapters.disk_space import (
    NO_FILES_LEFT,
    CheckpointTooLarge,
    DiskAllowance,
    format_gigabytes,
    get_default_reserve_bytes,
    get_free_bytes,
    get_free_files,
    measure_folder,
)
from bot.core.frameworks import FRAMEWORK
from bot.core.frameworks.verl.checkpoint_files import PARTIAL_FOLDER, SHARD_NAME, CheckpointFiles
from bot.core.model.checkpoint import DownloadProgress
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.errors import BeingStopped, IncompleteCheckpoint, Unavailable, UserError
from bot.phrase import N_, Phrase

MAX_PARALLEL_DOWNLOADS = 4
"""Maximum number of downloads at the same time."""

MAX_CHECKPOINT_FILES = 100_000
"""Maximum files of one checkpoint, unless a setting says otherwise; verl writes some thousands for a hundred nodes."""

CHECKPOINT_TOO_BIG = N_("It has {size} GB. I download at most {most} GB (VERLBOT_ARTIFACTS_GIGABYTES).")
NO_DISK_SPACE = N_("It has {size} GB, and my disk has room for {free} GB.")
CHECKPOINT_GROWING = N_("The run was still writing it while I downloaded it.")
BOT_STOPPING = N_("The bot is stopping.")


@dataclass(frozen=True, slots=True)
class DownloadTask:
    """The description of one download for a thread.

    Attributes:
        checkpoint: which checkpoint it is.
        list_files: returns the files on all nodes, at most so many; empty if the checkpoint does not exist.
        download: copies the files into the folder, on top of what is already there, until they are complete or the bot
            ends. It checks the allowance while it copies, and passes the lock on to the process that does the work, so
            that no second process begins beside it.
    """

    checkpoint: CheckpointRef
    list_files: Callable[[int], CheckpointFiles]
    download: Callable[[Path, CheckpointFiles, int, DiskAllowance], None]


@dataclass(slots=True)
class CheckpointDownloads:
    """The folder of downloaded checkpoints: `RUN/global_step_N`, and `….json` beside it once it is complete.

    Attributes:
        root: the folder.
        max_bytes, max_files: limits of one checkpoint.
        reserve_bytes: bytes that stay free on its disk; None for a share of the disk, see `get_default_reserve_bytes`.
        measure_free_bytes: returns the free bytes on the disk of a folder.
        measure_free_files: returns the number of files that the disk still takes beside its reserve.
        active: downloads that a thread works on, by name.
        expected_bytes: size of each, once it is known.
        stopping: set when the bot ends.
    """

    root: Path
    max_bytes: int
    max_files: int = MAX_CHECKPOINT_FILES
    reserve_bytes: int | None = None
    measure_free_bytes: Callable[[Path], int] = get_free_bytes
    measure_free_files: Callable[[Path], float] = get_free_files
    pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(MAX_PARALLEL_DOWNLOADS, thread_name_prefix="fetch")
    )
    active: dict[str, Future[None]] = field(default_factory=dict)
    expected_bytes: dict[str, int] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    stopping: Event = field(default_factory=Event)

    def begin_or_check(self, task: DownloadTask) -> DownloadProgress:
        """Begin a download, or return its progress. An error of the thread is raised once.

        Raises:
            NotWhole: the checkpoint is torn.
            UserError: it is too big.
            Unavailable: the download failed.
            BeingStopped: the bot ends.
        """
        name = task.checkpoint.name
        with self.lock:
            if progress := self._find_recorded(name):
                return progress
            if self.stopping.is_set():
                raise BeingStopped(Phrase(BOT_STOPPING))
            future = self.active.get(name)
            if future is None:
                self.expected_bytes.pop(name, None)  # from an earlier attempt
                self.active[name] = self.pool.submit(self._download, task)
            elif future.done():
                del self.active[name]
                future.result()
        return DownloadProgress(
            str(self.root / name), measure_folder(self.root / name)[0], self.expected_bytes.get(name)
        )

    def find_downloaded(self, folder_ref: CheckpointRef) -> Mapping[int, DownloadProgress]:
        """Return the complete checkpoints of a run on the bot's machine, by step, without a call to the run's cluster.

        A checkpoint counts once its last byte has arrived, compared with the cluster's listing, even if its thread has
        not recorded that yet.
        """
        folder = self.root / folder_ref.name
        paths_by_step = {
            step: path
            for path in folder.glob(f"{FRAMEWORK.checkpoints.step_prefix}*")
            if (step := FRAMEWORK.checkpoints.parse_folder(path.name)) is not None
        }
        names_by_step = {step: f"{folder_ref.name}/{path.name}" for step, path in paths_by_step.items()}
        progress_by_step = {
            step: self._find_recorded(name) or self._record_if_complete(name) for step, name in names_by_step.items()
        }
        return {step: progress for step, progress in progress_by_step.items() if progress}

    def stop(self) -> None:
        """Stop all active downloads, because the bot ends."""
        with self.lock:
            self.stopping.set()
        self.pool.shutdown(wait=False, cancel_futures=True)

    def _find_recorded(self, name: str) -> DownloadProgress | None:
        """Return a complete checkpoint by its note; None if there is no note, or the folder is gone."""
        folder = self.root / name
        try:
            size = int(json.loads(self._get_note_path(name).read_text())["bytes"]) or 1
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return (
            DownloadProgress(str(folder), size, size, is_complete=True, shard_folder=find_shard_folder(folder))
            if folder.is_dir()
            else None
        )

    def _record_if_complete(self, name: str) -> DownloadProgress | None:
        """Return a checkpoint that is complete without a note, and write its note; None if it is not complete.

        It is complete if all listed files have arrived and can be opened.
        """
        try:
            listing: CheckpointFiles = json.loads(self._get_listing_path(name).read_text())
            if FRAMEWORK.checkpoints.find_flaw(listing) or find_damage(self.root / name, listing):
                return None
            self._record_complete(name, listing)
        except (OSError, ValueError, AttributeError, TypeError):
            return None
        return self._find_recorded(name)

    def _get_note_path(self, name: str) -> Path:
        """Return the path of the note that says that a checkpoint is complete."""
        return self.root / f"{name}.json"

    def _get_listing_path(self, name: str) -> Path:
        """Return the path of the listing that the cluster gave before the download."""
        folder, _, step_name = name.rpartition("/")
        return self.root / folder / f".{step_name}.listing"

    def _download(self, task: DownloadTask) -> None:
        """Download a checkpoint, and raise Unavailable if the disk fails."""
        target = self.root / task.checkpoint.name
        try:
            target.mkdir(parents=True, exist_ok=True)
            self._download_exclusively(task, target)
        except OSError as error:
            raise Unavailable(f"{error.strerror}: {error.filename or target}") from error

    def _download_exclusively(self, task: DownloadTask, target: Path) -> None:
        """Download a checkpoint unless another process already does, check it, and record that it is complete."""
        with (target.parent / f".{target.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The process of a killed bot still downloads it, and this bot waits for that.
            except BlockingIOError:
                return
            name = task.checkpoint.name
            listing = task.list_files(self.max_files)
            if flaw := FRAMEWORK.checkpoints.find_flaw(listing):
                raise IncompleteCheckpoint(flaw)
            self._check_size(name, listing, target)
            write_atomically(self._get_listing_path(name), json.dumps(listing))
            remove_unlisted_files(target, listing)
            self._download_within_allowance(task, target, listing, lock.fileno())
            if not self.stopping.is_set():
                self._check_complete(task, listing, target)
                self._record_complete(name, listing)

    def _download_within_allowance(self, task: DownloadTask, target: Path, listing: CheckpointFiles, lock: int) -> None:
        """Download a checkpoint within the allowance. Delete one that outgrows the limit for any checkpoint."""
        reserve = self._get_reserve_bytes(target)
        allowance = DiskAllowance(
            target,
            self.max_bytes,
            self.max_files,
            reserve,
            self.stopping,
            self.measure_free_bytes,
            self.measure_free_files,
        )
        allowance.measure()
        try:
            task.download(target, listing, lock, allowance)
        except CheckpointTooLarge:
            shutil.rmtree(target, ignore_errors=True)
            raise

    def _check_size(self, name: str, listing: CheckpointFiles, target: Path) -> None:
        """Raise UserError if a checkpoint is too big, or if other downloads leave too little space for it."""
        size = sum(listing.values())
        if size > self.max_bytes:
            raise UserError(
                Phrase(CHECKPOINT_TOO_BIG, size=format_gigabytes(size), most=format_gigabytes(self.max_bytes))
            )
        present_bytes, files = measure_folder(target)
        # Without the lock, two downloads that begin at once would use the same space, or reject each other.
        with self.lock:
            available_bytes = (
                self.measure_free_bytes(target)
                + present_bytes
                - self._get_reserve_bytes(target)
                - self._count_pending_bytes(name)
            )
            if size > available_bytes:
                raise UserError(
                    Phrase(NO_DISK_SPACE, size=format_gigabytes(size), free=format_gigabytes(available_bytes))
                )
            self.expected_bytes[name] = size
        if len(listing) - files > self.measure_free_files(target):
            raise UserError(Phrase(NO_FILES_LEFT))

    def _count_pending_bytes(self, name: str) -> int:
        """Return the bytes that other active downloads still need. The caller has the lock."""
        others = [other for other, future in self.active.items() if other != name and not future.done()]
        return sum(max(self.expected_bytes.get(other, 0) - measure_folder(self.root / other)[0], 0) for other in others)

    def _get_reserve_bytes(self, folder: Path) -> int:
        """Return the bytes that stay free on a folder's disk."""
        return get_default_reserve_bytes(folder) if self.reserve_bytes is None else self.reserve_bytes

    def _check_complete(self, task: DownloadTask, listing: CheckpointFiles, target: Path) -> None:
        """Raise an error if the checkpoint changed during the download, or is torn.

        A checkpoint that the training was still writing is not the model; the next attempt downloads the rest.
        """
        if task.list_files(self.max_files) != listing:
            raise Unavailable(Phrase(CHECKPOINT_GROWING))
        if damage := find_damage(target, listing):
            raise IncompleteCheckpoint(damage)

    def _record_complete(self, name: str, listing: CheckpointFiles) -> None:
        """Write the note that the checkpoint is complete, and the file in which verl looks for the newest step.

        That step is the newest complete checkpoint of the run.
        """
        target = self.root / name
        # The cluster is removed next, so from here on a power cut must not lose the files either.
        for file in listing:
            flush_to_disk(target / file)
        remove_unlisted_files(target, listing, partial=True)
        names = [target.name, *(note.stem for note in target.parent.glob("*.json"))]
        steps = [step for entry_name in names if (step := FRAMEWORK.checkpoints.parse_folder(entry_name)) is not None]
        if steps:
            write_atomically(target.parent / FRAMEWORK.checkpoints.latest_file, str(max(steps)))
        write_atomically(self._get_note_path(name), json.dumps({"bytes": sum(listing.values())}))


def find_shard_folder(folder: Path) -> str:
    """Return where in a checkpoint the shards of the model are: the SFT trainer has none of an actor; or empty."""
    candidates = (candidate for candidate in (folder / "actor", folder) if candidate.is_dir())
    return next((str(path) for path in candidates if any(map(SHARD_NAME.fullmatch, os.listdir(path)))), "")


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of it or nothing, after a power cut too."""
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(text)
    flush_to_disk(draft)
    draft.replace(path)


def flush_to_disk(path: Path) -> None:
    """Wait until the disk has stored a file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_unlisted_files(folder: Path, listing: CheckpointFiles, partial: bool = False) -> None:
    """Remove files in a folder that do not belong to its checkpoint: leftovers of an earlier attempt, or unrequested
    files.

    Args:
        partial: whether to remove partly downloaded files too, because no later attempt resumes from them.
    """
    for at, folders, names in os.walk(folder, topdown=False):
        inside = Path(at).relative_to(folder)
        if PARTIAL_FOLDER in inside.parts:
            continue
        links = [name for name in folders if (Path(at) / name).is_symlink()]
        for name in [*names, *links]:
            path = Path(at) / name
            if listing.get(str(inside / name)) != path.lstat().st_size or path.is_symlink():
                path.unlink()
        if partial and PARTIAL_FOLDER in folders:
            shutil.rmtree(Path(at) / PARTIAL_FOLDER, ignore_errors=True)
