"""The end of a log as SkyPilot's API server streams it, in bounded memory.

SkyPilot's client searches every line for messages of its own, by an expression that takes cubic time on a line that
nearly has one, and it takes such a message for the server's where a job prints it: by printing one line a job would
delay or break off every read of its log. So the bytes are read as they come.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

BLOCK_BYTES = 65_536


@contextmanager
def undecoded() -> Iterator[None]:
    """Make SkyPilot's client return streams undecoded, as `requests.Response`. Not public; measured with 0.14.1."""
    from sky.utils import rich_utils  # noqa: PLC0415

    decode = rich_utils.decode_rich_status
    rich_utils.decode_rich_status = lambda response, *_: response
    try:
        yield
    finally:
        rich_utils.decode_rich_status = decode


def read_end(ask: Callable[[], Any], most_bytes: int) -> str:
    """Return the end of a stream of SkyPilot's client: complete lines, except perhaps the last one.

    Args:
        max_bytes: maximum bytes in memory at any moment; of a longer stream, the line that would be cut is left out.
    """
    with undecoded():
        response = ask()
    return end_of(response.iter_content(BLOCK_BYTES), most_bytes)


def end_of(blocks: Iterable[bytes], most_bytes: int) -> str:
    r"""Return the text at the end of a stream.

    >>> blocks = [b"first\nsecond\n", b"third\nfour"]
    >>> end_of(blocks, 100).split(), end_of(blocks, 12), end_of([b"x" * 9, b"x" * 9], 10)
    (['first', 'second', 'third', 'four'], 'third\nfour', '')
    """
    kept: deque[bytes] = deque()
    size, is_cut = 0, False
    for block in blocks:
        kept.append(block)
        size += len(block)
        while size - len(kept[0]) >= most_bytes:
            size -= len(kept.popleft())
            is_cut = True
    found = b"".join(kept)
    # The first line may be cut, so it is left out.
    if is_cut or len(found) > most_bytes:
        found = found[-most_bytes:].partition(b"\n")[2]
    return found.decode(errors="replace")
