"""An app on a playground of its own rights."""

from collections.abc import Iterator

import pytest

from slack_playground.client import Person, PlaygroundClient
from slack_playground.server import Playground
from tests.playground.echo import Echo
from tests.waiting import eventually


@pytest.fixture
def echo(playground: Playground, slack: PlaygroundClient) -> Iterator[Echo]:
    found = Echo(playground)
    eventually(lambda: slack.get("state")["connections"])
    yield found
    found.socket.stop()


@pytest.fixture
def ana(slack: PlaygroundClient) -> Person:
    return Person(slack)
