"""A checkpoint is opened once after it was fetched: what a full disk has cut off does not open.

It is data from outside. No tensor is loaded and nothing is unpickled: of each file only that part is read which says
how the rest is laid out, and of all of them together no more than EXAMINED_BYTES.
"""

import os
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from errno import ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, ENXIO
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

import msgspec

from bot.core.checkpoint import MISSING, PART, Listing, display_path
from bot.language import mark, say

EXAMINED_BYTES = 512 * 1024 * 1024
"""Of all files together; what is beyond is taken as it is."""

HEADER_BYTES = 32 * 1024 * 1024
"""Of a safetensors header or of JSON that is read: some 300,000 tensors. A longer one is taken as it is."""

DIRECTORY_BYTES = 4 * 1024 * 1024
"""Of a zip's directory that is read: some 40,000 tensors of one rank. Of a longer one only its place is looked at."""

LENIENT_BYTES = 4 * 1024 * 1024
"""Of JSON that only Python's own reader takes, which allows NaN, as trainers write it; it takes much memory."""

ZIP, PICKLE = b"PK\x03\x04", b"\x80"
"""How a file of torch.save begins: since torch 1.6, and before."""

ZIP_END, ZIP_END_BYTES = b"PK\x05\x06", 22
ZIP64_LOCATOR, ZIP64_LOCATOR_BYTES = b"PK\x06\x07", 20
ZIP64_END, ZIP64_END_BYTES = b"PK\x06\x06", 56
COMMENT_BYTES = 65_535
"""The records at a zip's end (APPNOTE 4.3)."""

NO_PLAIN_FILE = (ENOENT, ENOTDIR, ELOOP, ENXIO, ENAMETOOLONG)
"""What the system says where a path leads to no plain file."""

CUT = mark("`{name}` cannot be opened: it is cut off, or is no {kind} file.")
SHORTER = mark("`{name}` has {size} bytes, and should have {of}.")

READER_ERRORS = (
    struct.error,
    ValueError,
    OverflowError,
    RecursionError,
    EOFError,
    NotImplementedError,  # of zipfile: a version that no zip has yet
    zipfile.BadZipFile,
    msgspec.MsgspecError,
)
"""What readers raise of a file that is not what its name says."""


class UnreadableFile(Exception):
    """A file is not what its name says."""


@dataclass(slots=True)
class ReadingBudget:
    """How much may still be read."""

    left: int = EXAMINED_BYTES

    def read(self, file: BinaryIO, at: int, size: int) -> bytes | None:
        """Return so many bytes, fewer at the file's end; None where that would be too much."""
        if size > self.left:
            return None
        self.left -= size
        file.seek(at)
        return file.read(size)


def find_damage(folder: Path, listing: Listing) -> str | None:
    """Return what of a checkpoint cannot be opened, a sentence; None where all of it can.

    Args:
        listing: its files as its cluster has listed them.

    Raises:
        OSError: the folder cannot be read.
    """
    budget = ReadingBudget()
    for name, size in sorted(listing.items()):
        try:
            with open_plain(folder / name) as file:
                there = os.fstat(file.fileno()).st_size
                if there != size:
                    return say(SHORTER, name=display_path(name), size=there, of=size)
                examine(file, name, size, listing, budget)
        except FileNotFoundError:
            return say(MISSING, name=display_path(name))
        except UnreadableFile as error:
            return str(error)
    return None


def examine(file: BinaryIO, name: str, size: int, listing: Listing, budget: ReadingBudget) -> None:
    """Raise UnreadableFile where a file is not what its name says."""
    for end, (kind, check) in KINDS.items():
        if name.endswith(end):
            try:
                check(file, name, size, listing, budget)
            except READER_ERRORS as error:
                raise UnreadableFile(say(CUT, name=display_path(name), kind=kind)) from error
            return


def check_safetensors(file: BinaryIO, name: str, size: int, listing: Listing, budget: ReadingBudget) -> None:
    """The header's length, the header as JSON, and where the last tensor ends (the format's own description)."""
    start = budget.read(file, 0, 8)
    if start is None:
        return
    (length,) = struct.unpack("<Q", start)
    if 8 + length > size:
        raise ValueError(length)
    header = budget.read(file, 8, length) if length <= HEADER_BYTES else None
    if header is None:
        return
    tensors = msgspec.json.decode(header, type=dict[str, Tensor])
    end = max((one.data_offsets[1] for one in tensors.values() if one.data_offsets), default=0)
    if 8 + length + end != size:
        raise ValueError(end)


class Tensor(msgspec.Struct):
    """What a safetensors header says of one tensor; of the entry `__metadata__` nothing."""

    data_offsets: tuple[int, int] | None = None


def check_json(file: BinaryIO, name: str, size: int, listing: Listing, budget: ReadingBudget) -> None:
    """It can be read to its end; and what an index names is there."""
    text = budget.read(file, 0, size) if size <= HEADER_BYTES else None
    if text is None:
        return
    if name.endswith(".safetensors.index.json"):
        check_index(name, msgspec.json.decode(text, type=Index), listing)
        return
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.DecodeError:
        if size > LENIENT_BYTES:
            raise
        import json  # noqa: PLC0415  # for the few files that hold a NaN

        json.loads(text)


class Index(msgspec.Struct):
    """The files that a model's tensors are in."""

    weight_map: dict[str, str]


def check_index(name: str, index: Index, listing: Listing) -> None:
    folder = name.rpartition("/")[0]
    for file in sorted(set(index.weight_map.values())):
        if (path := f"{folder}/{file}" if folder else file) not in listing:
            raise UnreadableFile(say(MISSING, name=display_path(path)))


def check_torch(file: BinaryIO, name: str, size: int, listing: Listing, budget: ReadingBudget) -> None:
    """A zip with its directory, as verl's own parts are. What torch wrote before it wrote zips cannot be checked."""
    start = budget.read(file, 0, len(ZIP)) or b""
    if start != ZIP:
        if PART.fullmatch(name.rpartition("/")[2]) or not start.strip(b"\0"):
            raise ValueError(start)
        return
    at, length = find_directory(file, size, budget)
    if length <= min(DIRECTORY_BYTES, budget.left):
        budget.left -= length
        with zipfile.ZipFile(file) as directory:
            ends = (one.header_offset + one.compress_size for one in directory.infolist())
            if max(ends, default=0) > at:
                raise ValueError(at)


def find_directory(file: BinaryIO, size: int, budget: ReadingBudget) -> tuple[int, int]:
    """Return where a zip's directory begins, and its bytes.

    Raises:
        ValueError: it has none, or its end record tells of another one.
    """
    begin = max(size - ZIP_END_BYTES - COMMENT_BYTES, 0)
    tail = budget.read(file, begin, size - begin) or b""
    found = tail.rfind(ZIP_END)
    if found < 0:
        raise ValueError(found)
    length, at = struct.unpack_from("<2L", tail, found + 12)
    end = begin + found
    locator = found - ZIP64_LOCATOR_BYTES
    if locator >= 0 and tail.startswith(ZIP64_LOCATOR, locator):
        (end,) = struct.unpack_from("<Q", tail, locator + 8)
        record = budget.read(file, end, ZIP64_END_BYTES) if end <= size else None
        if record is None or not record.startswith(ZIP64_END):
            raise ValueError(end)
        length, at = struct.unpack_from("<2Q", record, 40)
    if at + length != end:
        raise ValueError(at)
    return at, length


Check = Callable[[BinaryIO, str, int, Listing, ReadingBudget], None]

KINDS: Mapping[str, tuple[str, Check]] = {
    ".safetensors": ("safetensors", check_safetensors),
    ".json": ("JSON", check_json),
    ".pt": ("torch", check_torch),
}


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file for reading, and nothing that a link leads to.

    Raises:
        FileNotFoundError: there is no such plain file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in NO_PLAIN_FILE:
            raise FileNotFoundError(path) from error
        raise
    if S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise FileNotFoundError(path)
