"""A check that the files of a downloaded checkpoint can be opened; a file that a full disk has cut off cannot.

The files are data from outside. No tensor is loaded and nothing is unpickled: of each file, only the part that
describes the layout of the rest is read, and of all files together no more than MAX_EXAMINED_BYTES.
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

from bot.core.frameworks.verl.checkpoint_files import FILE_MISSING, SHARD_NAME, CheckpointFiles, display_path
from bot.phrase import N_, Phrase, Text

MAX_EXAMINED_BYTES = 512 * 1024 * 1024
"""Maximum bytes read of all files together; what is beyond is not checked."""

MAX_HEADER_BYTES = 32 * 1024 * 1024
"""Maximum bytes of a safetensors header or a JSON file that is read: about 300,000 tensors. A longer one is not
checked.
"""

MAX_DIRECTORY_BYTES = 4 * 1024 * 1024
"""Maximum bytes of a zip's directory that is read: about 40,000 tensors of one rank. Of a longer one, only the
position is checked.
"""

MAX_LENIENT_BYTES = 4 * 1024 * 1024
"""Maximum bytes of JSON that only Python's own parser accepts: it allows NaN, which trainers write, and uses much
memory.
"""

ZIP_MAGIC, PICKLE_MAGIC = b"PK\x03\x04", b"\x80"
"""First bytes of a file of torch.save: since torch 1.6, and before."""

ZIP_END, ZIP_END_BYTES = b"PK\x05\x06", 22
ZIP64_LOCATOR, ZIP64_LOCATOR_BYTES = b"PK\x06\x07", 20
ZIP64_END, ZIP64_END_BYTES = b"PK\x06\x06", 56
MAX_COMMENT_BYTES = 65_535
"""Marks and lengths in bytes of the records at a zip's end (APPNOTE 4.3)."""

NOT_REGULAR_FILE_ERRORS = (ENOENT, ENOTDIR, ELOOP, ENXIO, ENAMETOOLONG)
"""Error numbers of the operating system for a path that does not lead to a regular file."""

TRUNCATED_FILE = N_("`{name}` cannot be opened: it is incomplete, or not a {kind} file.")
WRONG_FILE_SIZE = N_("`{name}` has {size} bytes instead of {of}.")

READER_ERRORS = (
    struct.error,
    ValueError,
    OverflowError,
    RecursionError,
    EOFError,
    NotImplementedError,  # zipfile raises it for a version that no zip has yet
    zipfile.BadZipFile,
    msgspec.MsgspecError,
)
"""Errors that parsers raise for a file whose content does not match its name."""


class UnreadableFile(Exception):
    """The content of a file does not match its name."""

    def __init__(self, why: Text) -> None:
        super().__init__(why)
        self.why = why


@dataclass(slots=True)
class ReadingBudget:
    """The number of bytes that may still be read."""

    remaining_bytes: int = MAX_EXAMINED_BYTES

    def read(self, file: BinaryIO, at: int, size: int) -> bytes | None:
        """Return so many bytes, fewer at the end of the file; None if that would exceed the budget."""
        if size > self.remaining_bytes:
            return None
        self.remaining_bytes -= size
        file.seek(at)
        return file.read(size)


def find_damage(folder: Path, listing: CheckpointFiles) -> Text | None:
    """Return a sentence on what part of a checkpoint cannot be opened; None if all of it can.

    Args:
        listing: the files of the checkpoint as the cluster listed them.

    Raises:
        OSError: the folder cannot be read.
    """
    budget = ReadingBudget()
    for name, size in sorted(listing.items()):
        try:
            with open_regular_file(folder / name) as file:
                actual_size = os.fstat(file.fileno()).st_size
                if actual_size != size:
                    return Phrase(WRONG_FILE_SIZE, name=display_path(name), size=actual_size, of=size)
                check_file(file, name, size, listing, budget)
        except FileNotFoundError:
            return Phrase(FILE_MISSING, name=display_path(name))
        except UnreadableFile as error:
            return error.why
    return None


def check_file(file: BinaryIO, name: str, size: int, listing: CheckpointFiles, budget: ReadingBudget) -> None:
    """Raise UnreadableFile if the content of a file does not match its name."""
    for end, (kind, check) in FILE_CHECKS.items():
        if name.endswith(end):
            try:
                check(file, name, size, listing, budget)
            except READER_ERRORS as error:
                raise UnreadableFile(Phrase(TRUNCATED_FILE, name=display_path(name), kind=kind)) from error
            return


def check_safetensors(file: BinaryIO, name: str, size: int, listing: CheckpointFiles, budget: ReadingBudget) -> None:
    """Check the length of the header, the header's JSON, and where the last tensor ends.

    These are the rules of the format's own description.
    """
    prefix = budget.read(file, 0, 8)
    if prefix is None:
        return
    (length,) = struct.unpack("<Q", prefix)
    if 8 + length > size:
        raise ValueError(length)
    header = budget.read(file, 8, length) if length <= MAX_HEADER_BYTES else None
    if header is None:
        return
    tensors = msgspec.json.decode(header, type=dict[str, SafetensorsEntry])
    end = max((tensor.data_offsets[1] for tensor in tensors.values() if tensor.data_offsets), default=0)
    if 8 + length + end != size:
        raise ValueError(end)


class SafetensorsEntry(msgspec.Struct):
    """The part of a safetensors header that describes one tensor. The entry `__metadata__` has none of these fields."""

    data_offsets: tuple[int, int] | None = None


def check_json(file: BinaryIO, name: str, size: int, listing: CheckpointFiles, budget: ReadingBudget) -> None:
    """Check that the file can be parsed to its end, and that the files that an index names exist."""
    text = budget.read(file, 0, size) if size <= MAX_HEADER_BYTES else None
    if text is None:
        return
    if name.endswith(".safetensors.index.json"):
        check_index(name, msgspec.json.decode(text, type=SafetensorsIndex), listing)
        return
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.DecodeError:
        if size > MAX_LENIENT_BYTES:
            raise
        import json  # noqa: PLC0415  # for the few files that contain NaN

        json.loads(text)


class SafetensorsIndex(msgspec.Struct):
    """The files that contain a model's tensors."""

    weight_map: dict[str, str]


def check_index(name: str, index: SafetensorsIndex, listing: CheckpointFiles) -> None:
    """Raise UnreadableFile if the checkpoint lacks a file that the index names."""
    folder = name.rpartition("/")[0]
    for file in sorted(set(index.weight_map.values())):
        if (path := f"{folder}/{file}" if folder else file) not in listing:
            raise UnreadableFile(Phrase(FILE_MISSING, name=display_path(path)))


def check_torch(file: BinaryIO, name: str, size: int, listing: CheckpointFiles, budget: ReadingBudget) -> None:
    """Check that the file is a zip with its directory, as verl's own parts are.

    The format that torch wrote before it wrote zips cannot be checked.
    """
    prefix = budget.read(file, 0, len(ZIP_MAGIC)) or b""
    if prefix != ZIP_MAGIC:
        # verl's own parts are always zips, and a file of zeros is what a full disk leaves behind.
        if SHARD_NAME.fullmatch(name.rpartition("/")[2]) or not prefix.strip(b"\0"):
            raise ValueError(prefix)
        return
    at, length = find_zip_directory(file, size, budget)
    if length <= min(MAX_DIRECTORY_BYTES, budget.remaining_bytes):
        budget.remaining_bytes -= length
        with zipfile.ZipFile(file) as directory:
            ends = (entry.header_offset + entry.compress_size for entry in directory.infolist())
            if max(ends, default=0) > at:
                raise ValueError(at)


def find_zip_directory(file: BinaryIO, size: int, budget: ReadingBudget) -> tuple[int, int]:
    """Return where a zip's directory begins, and its length in bytes.

    Raises:
        ValueError: the zip has no directory, or its end record describes another one.
    """
    begin = max(size - ZIP_END_BYTES - MAX_COMMENT_BYTES, 0)
    tail = budget.read(file, begin, size - begin) or b""
    record_offset = tail.rfind(ZIP_END)
    if record_offset < 0:
        raise ValueError(record_offset)
    length, at = struct.unpack_from("<2L", tail, record_offset + 12)
    end = begin + record_offset
    locator = record_offset - ZIP64_LOCATOR_BYTES
    if locator >= 0 and tail.startswith(ZIP64_LOCATOR, locator):
        (end,) = struct.unpack_from("<Q", tail, locator + 8)
        record = budget.read(file, end, ZIP64_END_BYTES) if end <= size else None
        if record is None or not record.startswith(ZIP64_END):
            raise ValueError(end)
        length, at = struct.unpack_from("<2Q", record, 40)
    if at + length != end:
        raise ValueError(at)
    return at, length


FileCheck = Callable[[BinaryIO, str, int, CheckpointFiles, ReadingBudget], None]

FILE_CHECKS: Mapping[str, tuple[str, FileCheck]] = {
    ".safetensors": ("safetensors", check_safetensors),
    ".json": ("JSON", check_json),
    ".pt": ("torch", check_torch),
}


def open_regular_file(path: Path) -> BinaryIO:
    """Open a regular file for reading, and never the target of a link.

    Raises:
        FileNotFoundError: there is no such regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in NOT_REGULAR_FILE_ERRORS:
            raise FileNotFoundError(path) from error
        raise
    if S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise FileNotFoundError(path)
