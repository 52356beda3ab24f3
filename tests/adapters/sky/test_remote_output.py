"""The end of a log as SkyPilot streams it: whole lines, in bounded room."""

import tracemalloc
from collections.abc import Iterator

import pytest

from bot.adapters.sky.remote_output import STREAM_BLOCK_BYTES, decode_end


def blocks(line: bytes, count: int, size: int = STREAM_BLOCK_BYTES) -> Iterator[bytes]:
    """So many lines, in pieces that end anywhere."""
    rest = b""
    for _ in range(count):
        rest += line
        while len(rest) >= size:
            yield rest[:size]
            rest = rest[size:]
    yield rest


@pytest.mark.parametrize("size", [1, 7, 100, STREAM_BLOCK_BYTES])
@pytest.mark.parametrize("most", [1, 10, 11, 12, 1000])
def test_lines_are_whole_however_they_travel(size: int, most: int) -> None:
    whole = b"first line\n\xc3\xa9 second\nthird"
    text = decode_end((whole[at : at + size] for at in range(0, len(whole), size)), most)
    assert len(text.encode()) <= most
    assert text in ("", "third", "\u00e9 second\nthird", whole.decode())
    assert text or most < len(b"\nthird")


def test_a_stream_without_end_takes_no_more_room_than_is_kept_of_it() -> None:
    tracemalloc.start()
    assert decode_end(blocks(b"x" * 100_000, 1_000), 1_000_000) == ""
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
