"""The end of a log as SkyPilot's API server streams it, in bounded memory.

SkyPilot's client searches every line for messages of its own, by an expression that takes cubic time on a line that
nearly has one, and it takes such a message for the server's where a job prints it: by printing one line a job would
delay or break off every read of its log. So the bytes are read as they come.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

STREAM_BLOCK_BYTES = 65_536


@contextmanager
def disable_decoding() -> Iterator[None]:
    """Make SkyPilot's client return streams undecoded, as `requests.Response`. Not public; measured with 0.14.1."""
    from sky.utils import rich_utils  # noqa: PLC0415

    decode = rich_utils.decode_rich_status
    rich_utils.decode_rich_status = lambda response, *_: response
    try:
        yield
    finally:
        rich_utils.decode_rich_status = decode


def read_end(open_stream: Callable[[], Any], max_bytes: int) -> str:
    """Return the end of a stream of SkyPilot's client: complete lines, except perhaps the last one.

    Args:
        max_bytes: maximum bytes in memory at any moment; of a longer stream, the line that would be cut is left out.
    """
    with disable_decoding():
        response = open_stream()
    return decode_end(response.iter_content(STREAM_BLOCK_BYTES), max_bytes)


def decode_end(blocks: Iterable[bytes], max_bytes: int) -> str:
    r"""Return the text at the end of a stream.

    >>> blocks = [b"first\nsecond\n", b"third\nfour"]
    >>> decode_end(blocks, 100).split(), decode_end(blocks, 12), decode_end([b"x" * 9, b"x" * 9], 10)
    (['first', 'second', 'third', 'four'], 'third\nfour', '')
    """
    buffer: deque[bytes] = deque()
    size, is_cut = 0, False
    for block in blocks:
        buffer.append(block)
        size += len(block)
        while size - len(buffer[0]) >= max_bytes:
            size -= len(buffer.popleft())
            is_cut = True
    content = b"".join(buffer)
    # The first line may be cut, so it is left out.
    if is_cut or len(content) > max_bytes:
        content = content[-max_bytes:].partition(b"\n")[2]
    return content.decode(errors="replace")
