"""What Slack says of people and channels, and what holds where it does not."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest
from slack_sdk import WebClient

from bot.core.model.people import ChannelKind, PersonKind
from bot.errors import Unavailable
from bot.slack.outbound import directory
from bot.slack.outbound.directory import (
    DirectoryCache,
    SlackDirectory,
    classify_channel,
    classify_person,
    wait_for_answer,
)
from bot.slack.outbound.web_client import BotIdentity, SlackRejected, SlackUncertain

OWN = "T0OWN"
NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("described", "kind"),
    [
        pytest.param({"team_id": OWN}, PersonKind.MEMBER, id="a member"),
        pytest.param({"team_id": "T0ELSE"}, PersonKind.STRANGER, id="of another workspace"),
        pytest.param({"team_id": "T0ELSE", "is_stranger": True}, PersonKind.STRANGER, id="met in a shared channel"),
        pytest.param({"team_id": OWN, "is_restricted": True}, PersonKind.GUEST, id="a guest of several channels"),
        pytest.param({"team_id": OWN, "is_ultra_restricted": True}, PersonKind.GUEST, id="a guest of one channel"),
        pytest.param({"team_id": OWN, "is_bot": True}, PersonKind.BOT, id="another app"),
        pytest.param({"team_id": OWN, "is_workflow_bot": True}, PersonKind.BOT, id="a workflow"),
        pytest.param({"team_id": OWN, "id": "USLACKBOT"}, PersonKind.BOT, id="Slackbot"),
        pytest.param({"team_id": OWN, "deleted": True}, PersonKind.DEACTIVATED, id="deactivated"),
        pytest.param(None, PersonKind.STRANGER, id="whom Slack does not show"),
        pytest.param({}, PersonKind.STRANGER, id="of whom nothing is said"),
        pytest.param(
            {"team_id": "T0GRID", "enterprise_user": {"teams": [OWN]}}, PersonKind.MEMBER, id="of an organisation"
        ),
    ],
)
def test_what_slack_says_of_somebody(described: dict[str, Any] | None, kind: PersonKind) -> None:
    assert classify_person(described, OWN, NONE) is kind


def test_people_of_a_named_workspace_are_members() -> None:
    assert classify_person({"team_id": "T0ELSE"}, OWN, frozenset({"T0ELSE"})) is PersonKind.MEMBER


@pytest.mark.parametrize("mark", ["is_ext_shared", "is_pending_ext_shared"])
@pytest.mark.parametrize("is_private", [True, False])
def test_a_channel_with_another_company_is_a_shared_one(mark: str, is_private: bool) -> None:
    assert classify_channel({mark: True, "is_private": is_private}) is ChannelKind.SHARED


class Client:
    """Slack, which says nothing."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def users_info(self, **_: Any) -> Any:
        raise self._error

    def usergroups_users_list(self, **_: Any) -> Any:
        raise SlackRejected("no_such_subteam")


@pytest.fixture
def silent() -> Iterator[SlackDirectory]:
    identity = cast(BotIdentity, SimpleNamespace(resolve=lambda: SimpleNamespace(team_id=OWN)))
    found = SlackDirectory(cast(WebClient, Client(SlackUncertain("503"))), identity)
    yield found
    found.stop()


def test_where_slack_does_not_answer_nobody_is_taken_for_a_member(silent: SlackDirectory) -> None:
    for team in (OWN, ""):
        with pytest.raises(Unavailable):
            silent.get_person("U0ANA", team, NONE, NONE)
    assert silent.get_person("U0EVE", "T0ELSE", NONE, NONE).kind is PersonKind.STRANGER


def test_nobody_is_in_a_user_group_that_slack_does_not_show(silent: SlackDirectory) -> None:
    silent._people.entries["U0ANA"] = (float("inf"), {"team_id": OWN})
    found = silent.get_person("U0ANA", OWN, frozenset({"S0GONE"}), NONE)
    assert (found.kind, found.groups) == (PersonKind.MEMBER, frozenset())


@pytest.mark.parametrize("error", [TimeoutError(), SlackRejected("internal_error"), SlackUncertain("503")])
def test_a_question_without_an_answer_is_unavailable(error: Exception) -> None:
    future: Future[str] = Future()
    future.set_exception(error)
    with pytest.raises(Unavailable):
        wait_for_answer(future, 1)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as found:
        yield found


def test_answers_count_for_a_while_and_take_a_bounded_room(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "MAX_CACHE_ENTRIES", 3)
    now = 0.0
    cache: DirectoryCache[str] = DirectoryCache(60.0, pool, lambda: now)
    for name in ("a", "b", "c", "d"):
        assert cache.get_or_fetch(name, lambda name=name: name).result() == name  # type: ignore[misc]
    assert list(cache.entries) == ["b", "c", "d"]
    assert cache.get_or_fetch("d", lambda: "another").result() == "d"
    now = 60.0
    assert cache.get_or_fetch("d", lambda: "another").result() == "another"
