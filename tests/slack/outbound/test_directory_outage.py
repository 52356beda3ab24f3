"""What Slack says of people and channels: asked once in a while, in bounded memory, never waited for long."""

import time
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from bot.core.model.people import Channel, ChannelKind, PersonKind
from bot.errors import Unavailable
from bot.slack.outbound import directory as directory_module
from bot.slack.outbound.directory import (
    CHANNEL_CACHE_SECONDS,
    MEMBERS_CACHE_SECONDS,
    PERSON_CACHE_SECONDS,
    SlackDirectory,
    classify_channel,
    classify_person,
)
from bot.slack.outbound.web_client import BotIdentity
from tests.waiting import eventually

OWN, OTHER = "T0OWN", "T0OTHER"
NOBODY: frozenset[str] = frozenset()


class FakeSlack:
    """Answers as Slack's client does, and counts what it is asked.

    Attributes:
        people, channels, members, groups: what it says, by id.
        refuses: a code that every question is refused with; gate: what every answer waits for.
    """

    token = "xoxb-1"

    def __init__(self) -> None:
        self.people: dict[str, dict[str, Any]] = {"U0ANA": {"id": "U0ANA", "team_id": OWN}}
        self.channels: dict[str, dict[str, Any]] = {"C0TRAIN": {}, "C0HIDDEN": {"is_private": True}}
        self.members: dict[str, list[list[str]]] = {"C0HIDDEN": [["U0ANA"], ["U0BEN"]]}
        self.groups: dict[str, list[str]] = {"S0LEADS": ["U0ANA"]}
        self.refuses = ""
        self.gate: Event | None = None
        self.asked: list[str] = []

    def auth_test(self) -> dict[str, Any]:
        return {"ok": True, "team_id": OWN, "user_id": "U0BOT", "bot_id": "B0BOT", "team": "own", "url": "x"}

    def users_info(self, user: str) -> dict[str, Any]:
        return {"user": self._found(self.people, user, "user_not_found")}

    def conversations_info(self, channel: str) -> dict[str, Any]:
        return {"channel": self._found(self.channels, channel, "channel_not_found")}

    def conversations_members(self, channel: str, limit: int) -> Iterator[dict[str, Any]]:
        pages = self._found(self.members, channel, "channel_not_found")
        return iter([{"members": page} for page in pages])

    def usergroups_users_list(self, usergroup: str) -> dict[str, Any]:
        return {"users": self._found(self.groups, usergroup, "no_such_subteam")}

    def _found(self, known: dict[str, Any], key: str, missing: str) -> Any:
        self.asked.append(key)
        if self.gate:
            self.gate.wait(10)
        code = self.refuses or ("" if key in known else missing)
        if code:
            status = 429 if code == "ratelimited" else 200
            raise SlackApiError(code, Answer(status, code))  # type: ignore[no-untyped-call]  # slack_sdk types it not
        return known[key]


class Answer(dict[str, Any]):
    """A refusal, as Slack's client has it."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(error=code, status=status)
        self.headers = {"Retry-After": "30"}


@pytest.fixture
def fake() -> FakeSlack:
    return FakeSlack()


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def directory(fake: FakeSlack, clock: list[float]) -> Iterator[SlackDirectory]:
    client: Any = fake
    found = SlackDirectory(client, BotIdentity(client), answer_seconds=10, clock=lambda: clock[0])
    yield found
    found.stop()


def kind(directory: SlackDirectory, user: str = "U0ANA", team: str = OWN) -> PersonKind:
    return directory.get_person(user, team, NOBODY, NOBODY).kind


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({"team_id": OWN}, PersonKind.MEMBER),
        ({"team_id": OTHER}, PersonKind.STRANGER),
        (None, PersonKind.STRANGER),
        ({}, PersonKind.STRANGER),
        ({"team_id": OWN, "is_restricted": True}, PersonKind.GUEST),
        ({"team_id": OWN, "is_restricted": True, "is_ultra_restricted": True}, PersonKind.GUEST),
        ({"team_id": OTHER, "is_restricted": True}, PersonKind.STRANGER),
        ({"team_id": OWN, "deleted": True}, PersonKind.DEACTIVATED),
        ({"team_id": OWN, "is_bot": True}, PersonKind.BOT),
        ({"team_id": OWN, "id": "USLACKBOT"}, PersonKind.BOT),
        ({"team_id": OWN, "is_workflow_bot": True}, PersonKind.BOT),
        ({"team_id": OTHER, "enterprise_user": {"teams": [OWN]}}, PersonKind.MEMBER),
        ({"team_id": "T0FRIEND"}, PersonKind.MEMBER),
        ({"team_id": OTHER, "enterprise_user": {"enterprise_id": "E0FRIEND"}}, PersonKind.MEMBER),
    ],
)
def test_what_slack_says_of_somebody(described: dict[str, Any] | None, expected: PersonKind) -> None:
    assert classify_person(described, OWN, frozenset({"T0FRIEND", "E0FRIEND"})) is expected


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({}, ChannelKind.PUBLIC),
        ({"is_private": True}, ChannelKind.PRIVATE),
        ({"is_mpim": True}, ChannelKind.PRIVATE),
        ({"is_im": True}, ChannelKind.DIRECT),
        ({"is_private": True, "is_ext_shared": True}, ChannelKind.SHARED),
        ({"is_pending_ext_shared": True}, ChannelKind.SHARED),
    ],
)
def test_what_slack_says_of_a_channel(described: dict[str, Any], expected: ChannelKind) -> None:
    assert classify_channel(described) is expected


def test_an_answer_counts_for_a_while_and_no_longer(
    directory: SlackDirectory, fake: FakeSlack, clock: list[float]
) -> None:
    for _ in range(5):
        assert kind(directory) is PersonKind.MEMBER
        assert directory.get_channel("C0TRAIN").kind is ChannelKind.PUBLIC
        assert directory.is_in("U0BEN", "C0HIDDEN")
    assert sorted(fake.asked) == ["C0HIDDEN", "C0TRAIN", "U0ANA"]
    fake.people["U0ANA"] |= {"deleted": True}
    fake.channels["C0TRAIN"] |= {"is_ext_shared": True}
    fake.members["C0HIDDEN"] = [["U0ANA"]]
    clock[0] = MEMBERS_CACHE_SECONDS
    assert not directory.is_in("U0BEN", "C0HIDDEN")
    clock[0] = max(PERSON_CACHE_SECONDS, CHANNEL_CACHE_SECONDS)
    assert kind(directory) is PersonKind.DEACTIVATED
    assert directory.get_channel("C0TRAIN").kind is ChannelKind.SHARED


def test_ever_so_many_people_take_bounded_memory(
    directory: SlackDirectory, fake: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_module, "MAX_CACHE_ENTRIES", 20)
    for number in range(100):
        assert kind(directory, f"U{number}") is PersonKind.STRANGER
    assert len(directory._people.entries) == 20
    assert directory._people.pending == {}


def test_an_outage_is_said_and_a_later_answer_counts(directory: SlackDirectory, fake: FakeSlack) -> None:
    for code in ("internal_error", "ratelimited"):
        fake.refuses = code
        with pytest.raises(Unavailable, match="does not answer in time"):
            kind(directory)
        with pytest.raises(Unavailable):
            directory.get_channel("C0TRAIN")
        with pytest.raises(Unavailable):
            directory.is_in("U0ANA", "C0HIDDEN")
    fake.refuses = ""
    assert kind(directory) is PersonKind.MEMBER


def test_a_missing_right_is_said_with_what_to_do(directory: SlackDirectory, fake: FakeSlack) -> None:
    fake.refuses = "missing_scope"
    with pytest.raises(Unavailable, match=r"is missing a permission \(missing_scope\).*`verlbot doctor`"):
        kind(directory)


def test_what_is_known_counts_through_an_outage_as_long_as_it_does(
    directory: SlackDirectory, fake: FakeSlack, clock: list[float]
) -> None:
    assert kind(directory) is PersonKind.MEMBER
    fake.refuses = "internal_error"
    clock[0] = PERSON_CACHE_SECONDS - 1
    assert kind(directory) is PersonKind.MEMBER
    clock[0] = PERSON_CACHE_SECONDS
    with pytest.raises(Unavailable):
        kind(directory)


def test_who_comes_from_another_workspace_is_a_stranger_even_while_slack_says_nothing(
    directory: SlackDirectory, fake: FakeSlack
) -> None:
    fake.refuses = "internal_error"
    assert kind(directory, team=OTHER) is PersonKind.STRANGER
    with pytest.raises(Unavailable):
        directory.get_person("U0ANA", OTHER, NOBODY, frozenset({OTHER}))


def test_slack_is_not_waited_for_longer_than_a_moment_and_its_answer_is_there_for_the_next(fake: FakeSlack) -> None:
    client: Any = fake
    identity = BotIdentity(client)
    identity.resolve()
    fake.gate = Event()
    hasty, patient = (SlackDirectory(client, identity, answer_seconds=seconds) for seconds in (0.05, 10))
    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(Unavailable):
            kind(hasty)
    assert time.monotonic() - began < 5
    assert eventually(lambda: fake.asked) == ["U0ANA"]  # one question, however many wait for it
    fake.gate.set()
    eventually(lambda: not hasty._people.pending)
    assert kind(hasty) is kind(patient) is PersonKind.MEMBER
    hasty.stop()
    patient.stop()


def test_a_group_gives_its_people_what_it_has_and_one_that_slack_hides_gives_nobody(
    directory: SlackDirectory, fake: FakeSlack
) -> None:
    asked = frozenset({"S0LEADS", "S0HIDDEN"})
    assert directory.get_person("U0ANA", OWN, asked, NOBODY).groups == {"S0LEADS"}
    fake.people["U0BEN"] = {"id": "U0BEN", "team_id": OWN}
    assert directory.get_person("U0BEN", OWN, asked, NOBODY).groups == NOBODY


def test_a_channel_that_the_bot_may_not_see_is_private_and_shows_nobody(directory: SlackDirectory) -> None:
    assert directory.get_channel("C0UNSEEN") == Channel("C0UNSEEN", ChannelKind.PRIVATE, is_hidden=True)
    assert not directory.is_in("U0ANA", "C0UNSEEN")


def test_a_conversation_with_one_person_is_that_persons(directory: SlackDirectory, fake: FakeSlack) -> None:
    assert directory.get_channel("U0ANA").kind is directory.get_channel("D0ANA").kind is ChannelKind.DIRECT
    assert directory.is_in("U0ANA", "U0ANA")
    assert not directory.is_in("U0BEN", "U0ANA")
    assert fake.asked == []
