"""Checkpoints of local clusters: real files in the homes of their nodes, copied so that a later copy resumes.

The program that writes the files may still run. Each folder and file is opened relative to the open folder above it,
and links are never followed: between a check and a copy, the program can put nothing there that leads elsewhere.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, ENXIO
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from bot.adapters.disk_space import DiskAllowance
from bot.core.frameworks import FRAMEWORK
from bot.core.frameworks.verl.checkpoint_files import (
    MAX_PATH_DEPTH,
    PARTIAL_FOLDER,
    TOO_LONG,
    TOO_MANY,
    CheckpointFiles,
    collect_files,
    display_path,
)
from bot.core.model.checkpoint import CheckpointListing
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.errors import Unavailable, UserError
from bot.phrase import N_, Phrase

BLOCK_BYTES = 4 * 1024 * 1024

MAX_NAMES = 20_000
"""Maximum names in a run's own folder, which contains its checkpoints."""

NEWEST_BYTES = 64
"""Maximum bytes of the file that names the newest checkpoint."""

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK

MISSING_FILE_ERRORS = (ENOENT, ENOTDIR, ELOOP, ENXIO, ENAMETOOLONG)
"""Errors of the system where a path leads to no such file, or to a link."""

FILES_CHANGED = N_("Its files changed during the download.")


@dataclass(frozen=True, slots=True)
class NodeFolder:
    """A node's part of a checkpoint, or of the folder of all its checkpoints.

    Attributes:
        base: a folder that no program of the run has created; below: the folders from there.
    """

    base: Path
    below: tuple[str, ...]

    @contextmanager
    def open_part(self, path: str = "", flags: int = FOLDER_FLAGS) -> Iterator[int | None]:
        """Yield the folder, or a file of it, open; None where it does not exist, or a part of its path is a link."""
        try:
            folder = os.open(self.base, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            yield None
            return
        descriptor = open_below(folder, (*self.below, *filter(None, path.split("/"))), flags)
        try:
            yield descriptor
        finally:
            if descriptor is not None:
                os.close(descriptor)


def open_below(folder: int, parts: Sequence[str], flags: int) -> int | None:
    """Open a path below an open folder, which is closed; return None where there is no such path without a link."""
    descriptor = folder
    for number, part in enumerate(parts, 1):
        try:
            above, descriptor = (
                descriptor,
                os.open(part, flags if number == len(parts) else FOLDER_FLAGS, dir_fd=descriptor),
            )
        except OSError as error:
            os.close(descriptor)
            if error.errno in MISSING_FILE_ERRORS:
                return None
            raise
        os.close(above)
    return descriptor


def locate_node_folders(homes: Iterable[Path], checkpoint: CheckpointRef) -> list[NodeFolder]:
    """Return the folder to search for a checkpoint on each node, the head first."""
    name = tuple(checkpoint.name.split("/"))
    if not checkpoint.folder.startswith("~"):
        return [NodeFolder(Path(checkpoint.folder), name)]
    folder = filter(None, checkpoint.folder.removeprefix("~").split("/"))
    below = (*folder, *name)
    return [NodeFolder(home.parent, (home.name, *below)) for home in homes]


def list_checkpoints(node_folders: Sequence[NodeFolder], job_ended: bool = False) -> CheckpointListing:
    """Return the checkpoints of all nodes, and the step that the head names as the newest, or else another node.

    Raises:
        OSError: a folder cannot be read.
        UserError: a folder has too many entries.
        Unavailable: the name of the newest checkpoint cannot be read.
    """
    return CheckpointListing.combine(
        node_listing for node_folder in node_folders if (node_listing := list_node_checkpoints(node_folder, job_ended))
    )


def list_node_checkpoints(node_folder: NodeFolder, job_ended: bool) -> CheckpointListing | None:
    """Return the checkpoints of one node; None where it has no such folder."""
    with node_folder.open_part() as folder:
        if folder is None:
            return None
        names = set()
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= MAX_NAMES:
                    raise UserError(Phrase(TOO_MANY, most=MAX_NAMES))
                names |= {entry.name} if entry.is_dir(follow_symlinks=False) else set()
    with node_folder.open_part(FRAMEWORK.checkpoints.latest_file, FILE_FLAGS) as file:
        if file is None or not S_ISREG(os.fstat(file).st_mode):
            return CheckpointListing.from_node(names, "", FRAMEWORK.checkpoints, job_ended)
        newest = os.read(file, NEWEST_BYTES).decode(errors="replace")
        return CheckpointListing.from_node(
            {*names, FRAMEWORK.checkpoints.latest_file}, newest, FRAMEWORK.checkpoints, job_ended
        )


def list_files(node_folders: Sequence[NodeFolder], max_files: int) -> CheckpointFiles:
    """Return the plain files of all nodes together; of files with the same path, the head's.

    Raises:
        UserError: there are too many entries of any kind, or they are nested too deep.
        OSError: a folder cannot be read.
    """
    return collect_files(
        (file for node_folder in node_folders for file in walk_files(node_folder, max_files)), max_files
    )


def walk_files(node_folder: NodeFolder, max_entries: int) -> Iterator[tuple[str, int]]:
    """Yield the plain files of one node, with their bytes."""
    with node_folder.open_part() as folder:
        if folder is not None:
            yield from FileWalk(os.fstat(folder).st_uid, max_entries).walk(folder)


@dataclass(slots=True)
class FileWalk:
    """A search below a folder for at most so many entries.

    Attributes:
        owner: whose files count. A hard link may lead to any file of the disk, but the run's program owns only its own.
    """

    owner: int
    most_entries: int
    entries: int = 0

    def walk(self, folder: int, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Yield the path and the bytes of each plain file.

        Raises:
            UserError: there are too many entries, or they are nested too deep.
        """
        if prefix.count("/") > MAX_PATH_DEPTH:
            raise UserError(Phrase(TOO_LONG, name=display_path(prefix)))
        with os.scandir(folder) as entries:
            for entry in entries:
                self.entries += 1
                if self.entries > self.most_entries:
                    raise UserError(Phrase(TOO_MANY, most=self.most_entries))
                status = entry.stat(follow_symlinks=False)
                if S_ISREG(status.st_mode) and status.st_uid == self.owner:
                    yield f"{prefix}{entry.name}", status.st_size
                elif S_ISDIR(status.st_mode):
                    yield from self._walk_below(folder, entry.name, f"{prefix}{entry.name}/")

    def _walk_below(self, folder: int, name: str, prefix: str) -> Iterator[tuple[str, int]]:
        below = os.open(name, FOLDER_FLAGS, dir_fd=folder)
        try:
            yield from self.walk(below, prefix)
        finally:
            os.close(below)


def copy_files(
    node_folders: Sequence[NodeFolder], target: Path, listing: CheckpointFiles, lock: int, allowance: DiskAllowance
) -> None:
    """Copy the missing files one by one; an interrupted file is copied from its beginning.

    Raises:
        UserError: the copy would exceed its allowance.
        Unavailable: a file no longer exists.
    """
    shutil.rmtree(target / PARTIAL_FOLDER, ignore_errors=True)
    allowance.measure()
    for path, size in listing.items():
        if allowance.stopping.is_set():
            return
        copy_from_first_node(node_folders, target, path, size, allowance)


def copy_from_first_node(
    node_folders: Sequence[NodeFolder], target: Path, path: str, size: int, allowance: DiskAllowance
) -> None:
    """Copy a file from the first node that has it.

    Raises:
        Unavailable: no node has the file, or it has become shorter.
    """
    for node_folder in node_folders:
        with node_folder.open_part(path, FILE_FLAGS) as file:
            if file is None:
                continue
            # The program may have replaced the file since it was listed.
            status = os.fstat(file)
            if not S_ISREG(status.st_mode) or status.st_size < size:
                raise Unavailable(Phrase(FILES_CHANGED))
            if not is_same_file(target / path, size, status.st_mtime):
                with open(file, "rb", closefd=False) as reader:
                    copy_content(reader, target, path, size, allowance)
                if not allowance.stopping.is_set():
                    os.utime(target / path, ns=(status.st_mtime_ns, status.st_mtime_ns), follow_symlinks=False)
            return
    raise Unavailable(Phrase(FILES_CHANGED))


def is_same_file(path: Path, size: int, modified: float) -> bool:
    """Return whether a file of that size and time is there, which is how rsync recognises the same file."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    return S_ISREG(status.st_mode) and (status.st_size, int(status.st_mtime)) == (size, int(modified))


def copy_content(reader: BinaryIO, target: Path, path: str, size: int, allowance: DiskAllowance) -> None:
    """Copy so many bytes, even if the file has grown since.

    The file gets its final name only once all of it is there.

    Raises:
        Unavailable: the file has become shorter.
    """
    draft, final = target / PARTIAL_FOLDER / "part", target / path
    for file in (draft, final):
        file.parent.mkdir(parents=True, exist_ok=True)
    if final.exists():
        allowance.count_write(-final.stat().st_size, files=-1)
        final.unlink()
    allowance.count_write(0, files=1)
    remaining = size
    with draft.open("wb") as writer:
        while remaining and not allowance.stopping.is_set():
            block = reader.read(min(BLOCK_BYTES, remaining))
            if not block:
                raise Unavailable(Phrase(FILES_CHANGED))
            allowance.count_write(len(block))
            writer.write(block)
            remaining -= len(block)
    if not remaining:
        draft.replace(final)
