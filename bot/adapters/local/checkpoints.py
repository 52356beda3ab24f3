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

from bot.adapters.disk_room import Allowance
from bot.core.checkpoint import MOST_DEPTH, PARTIAL, TOO_LONG, TOO_MANY, Listing, collect_listing, display_path
from bot.core.keeping import NEWEST, Parcel, Shelf
from bot.errors import Unavailable, UserError
from bot.language import mark, say

BLOCK_BYTES = 4 * 1024 * 1024

MOST_NAMES = 20_000
"""Maximum names in a run's own folder, which contains its checkpoints."""

NEWEST_BYTES = 64
"""Maximum bytes of the file that names the newest checkpoint."""

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK

NOT_THERE = (ENOENT, ENOTDIR, ELOOP, ENXIO, ENAMETOOLONG)
"""Errors of the system where a path leads to no such file, or to a link."""

CHANGED = mark("Its files change while I fetch them.")


@dataclass(frozen=True, slots=True)
class Source:
    """A node's part of a checkpoint, or of the folder of all its checkpoints.

    Attributes:
        base: a folder that no program of the run has created; below: the folders from there.
    """

    base: Path
    below: tuple[str, ...]

    @contextmanager
    def open_part(self, path: str = "", flags: int = FOLDER) -> Iterator[int | None]:
        """Yield the folder, or a file of it, open; None where it does not exist, or a part of its path is a link."""
        try:
            folder = os.open(self.base, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            yield None
            return
        found = open_below(folder, (*self.below, *filter(None, path.split("/"))), flags)
        try:
            yield found
        finally:
            if found is not None:
                os.close(found)


def open_below(folder: int, parts: Sequence[str], flags: int) -> int | None:
    """Open a path below an open folder, which is closed; return None where there is no such path without a link."""
    found = folder
    for number, part in enumerate(parts, 1):
        try:
            above, found = found, os.open(part, flags if number == len(parts) else FOLDER, dir_fd=found)
        except OSError as error:
            os.close(found)
            if error.errno in NOT_THERE:
                return None
            raise
        os.close(above)
    return found


def sources(homes: Iterable[Path], parcel: Parcel) -> list[Source]:
    """Return the folder to search for a checkpoint on each node, the head first."""
    name = tuple(parcel.name.split("/"))
    if not parcel.folder.startswith("~"):
        return [Source(Path(parcel.folder), name)]
    folder = filter(None, parcel.folder.removeprefix("~").split("/"))
    below = (*folder, *name)
    return [Source(home.parent, (home.name, *below)) for home in homes]


def read_shelf(found: Sequence[Source], over: bool = False) -> Shelf:
    """Return the checkpoints of all nodes, and the step that the head names as the newest, or else another node.

    Raises:
        OSError: a folder cannot be read.
        UserError: a folder has too many entries.
        Unavailable: the name of the newest checkpoint cannot be read.
    """
    return Shelf.of_all(shelf for source in found if (shelf := read_node(source, over)))


def read_node(source: Source, over: bool) -> Shelf | None:
    """Return the checkpoints of one node; None where it has no such folder."""
    with source.open_part() as folder:
        if folder is None:
            return None
        names = set()
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= MOST_NAMES:
                    raise UserError(say(TOO_MANY, most=MOST_NAMES))
                names |= {entry.name} if entry.is_dir(follow_symlinks=False) else set()
    with source.open_part(NEWEST, FILE) as file:
        if file is None or not S_ISREG(os.fstat(file).st_mode):
            return Shelf.of_node(names, "", over)
        newest = os.read(file, NEWEST_BYTES).decode(errors="replace")
        return Shelf.of_node({*names, NEWEST}, newest, over)


def list_files(found: Sequence[Source], most_files: int) -> Listing:
    """Return the plain files of all nodes together; of files with the same path, the head's.

    Raises:
        UserError: there are too many entries of any kind, or they are nested too deep.
        OSError: a folder cannot be read.
    """
    return collect_listing((file for source in found for file in walk(source, most_files)), most_files)


def walk(source: Source, most_entries: int) -> Iterator[tuple[str, int]]:
    """Yield the plain files of one node, with their bytes."""
    with source.open_part() as folder:
        if folder is not None:
            yield from Walk(os.fstat(folder).st_uid, most_entries).files(folder)


@dataclass(slots=True)
class Walk:
    """A search below a folder for at most so many entries.

    Attributes:
        owner: whose files count. A hard link may lead to any file of the disk, but the run's program owns only its own.
    """

    owner: int
    most_entries: int
    entries: int = 0

    def files(self, folder: int, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Yield the path and the bytes of each plain file.

        Raises:
            UserError: there are too many entries, or they are nested too deep.
        """
        if prefix.count("/") > MOST_DEPTH:
            raise UserError(say(TOO_LONG, name=display_path(prefix)))
        with os.scandir(folder) as entries:
            for entry in entries:
                self.entries += 1
                if self.entries > self.most_entries:
                    raise UserError(say(TOO_MANY, most=self.most_entries))
                found = entry.stat(follow_symlinks=False)
                if S_ISREG(found.st_mode) and found.st_uid == self.owner:
                    yield f"{prefix}{entry.name}", found.st_size
                elif S_ISDIR(found.st_mode):
                    yield from self._below(folder, entry.name, f"{prefix}{entry.name}/")

    def _below(self, folder: int, name: str, prefix: str) -> Iterator[tuple[str, int]]:
        below = os.open(name, FOLDER, dir_fd=folder)
        try:
            yield from self.files(below, prefix)
        finally:
            os.close(below)


def bring(found: Sequence[Source], target: Path, listing: Listing, lock: int, allowance: Allowance) -> None:
    """Copy the missing files one by one; an interrupted file is copied from its beginning.

    Raises:
        UserError: the copy would exceed its allowance.
        Unavailable: a file no longer exists.
    """
    shutil.rmtree(target / PARTIAL, ignore_errors=True)
    allowance.measure()
    for path, size in listing.items():
        if allowance.over.is_set():
            return
        bring_file(found, target, path, size, allowance)


def bring_file(found: Sequence[Source], target: Path, path: str, size: int, allowance: Allowance) -> None:
    """Copy a file from the first node that has it.

    Raises:
        Unavailable: no node has the file, or it has become shorter.
    """
    for source in found:
        with source.open_part(path, FILE) as file:
            if file is None:
                continue
            # The program may have replaced the file since it was listed.
            known = os.fstat(file)
            if not S_ISREG(known.st_mode) or known.st_size < size:
                raise Unavailable(say(CHANGED))
            if not is_same(target / path, size, known.st_mtime):
                with open(file, "rb", closefd=False) as read:
                    copy(read, target, path, size, allowance)
                if not allowance.over.is_set():
                    os.utime(target / path, ns=(known.st_mtime_ns, known.st_mtime_ns), follow_symlinks=False)
            return
    raise Unavailable(say(CHANGED))


def is_same(path: Path, size: int, modified: float) -> bool:
    """Return whether a file of that size and time is there, which is how rsync recognises the same file."""
    try:
        known = path.lstat()
    except FileNotFoundError:
        return False
    return S_ISREG(known.st_mode) and (known.st_size, int(known.st_mtime)) == (size, int(modified))


def copy(read: BinaryIO, target: Path, path: str, size: int, allowance: Allowance) -> None:
    """Copy so many bytes, even if the file has grown since.

    The file gets its final name only once all of it is there.

    Raises:
        Unavailable: the file has become shorter.
    """
    draft, final = target / PARTIAL / "part", target / path
    for file in (draft, final):
        file.parent.mkdir(parents=True, exist_ok=True)
    if final.exists():
        allowance.take(-final.stat().st_size, files=-1)
        final.unlink()
    allowance.take(0, files=1)
    left = size
    with draft.open("wb") as write:
        while left and not allowance.over.is_set():
            block = read.read(min(BLOCK_BYTES, left))
            if not block:
                raise Unavailable(say(CHANGED))
            allowance.take(len(block))
            write.write(block)
            left -= len(block)
    if not left:
        draft.replace(final)
