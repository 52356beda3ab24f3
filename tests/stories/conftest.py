"""A running bot for the stories with real processes; a story that needs another one has a fixture of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import Live


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """A bot that is not started yet; when the story ends, no part of it may be left."""
    found = Live(tmp_path)
    yield found
    found.stop()
    assert found.processes() == 0
