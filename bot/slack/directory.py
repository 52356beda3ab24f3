"""Slack's data on people and channels, cached in bounded memory and never waited for long."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, TypeVar

from slack_sdk import WebClient

from bot.core.people import Channel, ChannelKind, Person, PersonKind
from bot.errors import Unavailable
from bot.language import mark, say
from bot.slack.client import Doubtful, Identity, Limited, Refused, sorted_failures

log = logging.getLogger(__name__)

T = TypeVar("T")

PERSON_SECONDS = 600.0
"""Seconds for which a person's kind is cached. A deactivated person can do nothing in Slack anyway."""

CHANNEL_SECONDS = 600.0
"""Seconds for which a channel's kind is cached."""

MEMBERS_SECONDS = 60.0
"""Seconds for which the members of a channel or a user group are cached."""

ANSWER_SECONDS = 1.0
"""Seconds to wait for Slack while a person waits for the bot: Slack allows three seconds for the whole answer."""

MOST_ENTRIES = 10_000
"""Maximum cached entries of one kind: a few megabytes."""

MOST_MEMBERS = 20_000
"""Maximum members read of one channel or group; further members of a larger one count as not in it."""

PAGE = 1_000
"""Members per page of Slack's answer (docs: conversations.members)."""

NO_ANSWER = mark("Slack does not answer in time.")
REFUSED = mark("Slack refuses to say ({code}).")
LACKS_RIGHT = mark("The Slack app lacks a right ({code}); whoever installed it runs `verlbot doctor`.")

UNSEEN = {"user_not_found", "user_not_visible", "users_not_found"}
"""Error codes for a person who is not of this workspace."""

HIDDEN = {"channel_not_found", "not_in_channel", "missing_channel"}
"""Error codes for a channel that the bot is not in and may not see."""


@dataclass(slots=True)
class Cache(Generic[T]):
    """Recent answers of Slack, the most recent last.

    Attributes:
        seconds: how long an answer is valid.
        pending: requests in progress, shared by all who need the answer.
    """

    seconds: float
    pool: ThreadPoolExecutor
    clock: Callable[[], float] = time.monotonic
    entries: OrderedDict[str, tuple[float, T]] = field(default_factory=OrderedDict)
    asking: dict[str, Future[T]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def ask(self, key: str, question: Callable[[], T]) -> Future[T]:
        """Return a valid answer, or a request in progress."""
        with self.lock:
            known = self.entries.get(key)
            if known and self.clock() < known[0] + self.seconds:
                done: Future[T] = Future()
                done.set_result(known[1])
                return done
            # One request serves all who need the answer now.
            if key not in self.asking:
                self.asking[key] = self.pool.submit(self._answer, key, question)
            return self.asking[key]

    def _answer(self, key: str, question: Callable[[], T]) -> T:
        """Fetch an answer and cache it; drop the oldest entries beyond `MAX_CACHE_ENTRIES`."""
        try:
            answer = question()
            with self.lock:
                self.entries[key] = (self.clock(), answer)
                self.entries.move_to_end(key)
                while len(self.entries) > MOST_ENTRIES:
                    self.entries.popitem(last=False)
            return answer
        finally:
            with self.lock:
                self.asking.pop(key, None)

    def forget(self) -> None:
        """Remove all answers."""
        with self.lock:
            self.entries.clear()


def get(future: Future[T], seconds: float) -> T:
    """Return an answer of Slack.

    Raises:
        Unavailable: Slack does not answer in time, or refuses to.
    """
    try:
        return future.result(seconds)
    except TimeoutError as error:
        raise Unavailable(say(NO_ANSWER)) from error
    except Refused as error:
        lacking = LACKS_RIGHT if error.code in ("missing_scope", "not_allowed_token_type") else REFUSED
        raise Unavailable(say(lacking, code=error.code)) from error
    except (Limited, Doubtful) as error:
        raise Unavailable(say(NO_ANSWER)) from error


class SlackDirectory:
    """Looks up in Slack who people are, what channels are, and who is in them.

    Args:
        answer_seconds: how long a call waits for one request; a late answer is cached for the next call.
    """

    def __init__(
        self,
        client: WebClient,
        identity: Identity,
        answer_seconds: float = ANSWER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._identity = identity
        self._answer_seconds = answer_seconds
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="directory")
        self._people: Cache[Json | None] = Cache(PERSON_SECONDS, self._pool, clock)
        self._channels: Cache[Channel] = Cache(CHANNEL_SECONDS, self._pool, clock)
        self._members: Cache[frozenset[str]] = Cache(MEMBERS_SECONDS, self._pool, clock)
        self._groups: Cache[frozenset[str]] = Cache(MEMBERS_SECONDS, self._pool, clock)

    def prefetch(self, user: str) -> None:
        """Request a person who has just done something, so that the answer is cached when it is needed."""
        self._people.ask(user, lambda: self._ask_person(user))

    def stop(self) -> None:
        """Cancel the requests that wait for a thread."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def person(self, user: str, team: str, groups: frozenset[str], workspaces: frozenset[str]) -> Person:
        """Return a person's kind and user groups; see `Directory`."""
        answers = {group: self._groups.ask(group, lambda group=group: self._ask_group(group)) for group in groups}  # type: ignore[misc]  # mypy takes the default for a second type
        own = self._own_team()
        try:
            described = get(self._people.ask(user, lambda: self._ask_person(user)), self._answer_seconds)
        except Unavailable:
            if team and team != own and team not in workspaces:
                # Slack has signed the delivery, so its foreign team proves a stranger even without an answer.
                return Person(user, PersonKind.STRANGER)
            raise
        kind = kind_of(described, own, workspaces)
        member_of = {group for group, answer in answers.items() if user in get(answer, self._answer_seconds)}
        return Person(user, kind, frozenset(member_of))

    def channel(self, channel_id: str) -> Channel:
        """Return a conversation with its kind."""
        # A direct message; the channel of a run may also be a person's id.
        if channel_id.startswith(("D", "U", "W")):
            return Channel(channel_id, ChannelKind.DIRECT)
        return get(self._channels.ask(channel_id, lambda: self._ask_channel(channel_id)), self._answer_seconds)

    def is_in(self, user: str, channel_id: str) -> bool:
        """Return whether a person is in a channel. A conversation with the bot alone has one person in it."""
        if channel_id.startswith(("U", "W")):
            return user == channel_id
        members = get(self._members.ask(channel_id, lambda: self._ask_members(channel_id)), self._answer_seconds)
        return user in members

    def _own_team(self) -> str:
        """Return the id of the bot's workspace."""
        try:
            return self._identity.learn().team_id or ""
        except (Refused, Limited, Doubtful) as error:
            raise Unavailable(say(NO_ANSWER)) from error

    def _ask_person(self, user: str) -> "Json | None":
        """Return Slack's description of a person; None if Slack does not show the person to this workspace."""
        try:
            with sorted_failures():
                answer: Any = self._client.users_info(user=user)
        except Refused as error:
            if error.code in UNSEEN:
                return None
            raise
        return dict(answer.get("user") or {})

    def _ask_channel(self, channel_id: str) -> Channel:
        """Return a channel with its kind; one that Slack hides from the bot is private."""
        try:
            with sorted_failures():
                answer: Any = self._client.conversations_info(channel=channel_id)
        except Refused as error:
            if error.code in HIDDEN:
                return Channel(channel_id, ChannelKind.PRIVATE)
            raise
        return Channel(channel_id, channel_kind(answer.get("channel") or {}))

    def _ask_members(self, channel_id: str) -> frozenset[str]:
        """Return who is in a channel, up to `MAX_MEMBERS`; nothing for a channel that Slack hides from the bot."""
        found: set[str] = set()
        try:
            with sorted_failures():
                for page in self._client.conversations_members(channel=channel_id, limit=PAGE):
                    found |= set(page.get("members") or ())
                    if len(found) >= MOST_MEMBERS:
                        break
        except Refused as error:
            if error.code not in HIDDEN:
                raise
        return frozenset(found)

    def _ask_group(self, group: str) -> frozenset[str]:
        """Return who is in a user group; empty if Slack does not show the group, so that it gives
        its people no role."""
        try:
            with sorted_failures():
                answer: Any = self._client.usergroups_users_list(usergroup=group)
        except Refused as error:
            log.error("Slack does not show the user group %s, which the policy names: %s", group, error.code)
            return frozenset()
        return frozenset(list(answer.get("users") or ())[:MOST_MEMBERS])


Json = dict[str, Any]


def kind_of(described: Json | None, own_team: str, workspaces: frozenset[str]) -> PersonKind:
    """Return what Slack's description of a person means here (docs: users.info, the user object).

    >>> kind_of({"team_id": "T1"}, "T1", frozenset()), kind_of({"team_id": "T2"}, "T1", frozenset())
    (<PersonKind.MEMBER: 'member'>, <PersonKind.STRANGER: 'stranger'>)
    """
    if described is None:
        return PersonKind.STRANGER
    if described.get("deleted"):
        return PersonKind.DEACTIVATED
    if described.get("is_bot") or described.get("is_workflow_bot") or described.get("id") == "USLACKBOT":
        return PersonKind.BOT
    enterprise = described.get("enterprise_user") or {}
    teams = {described.get("team_id"), *(enterprise.get("teams") or ())}
    if own_team not in teams and not workspaces & {*teams, enterprise.get("enterprise_id")}:
        return PersonKind.STRANGER
    if described.get("is_restricted") or described.get("is_ultra_restricted"):
        return PersonKind.GUEST
    return PersonKind.MEMBER


def channel_kind(described: Json) -> ChannelKind:
    """Return what Slack's description of a conversation means (docs: the conversation object).

    >>> channel_kind({"is_private": True}), channel_kind({"is_ext_shared": True}), channel_kind({})
    (<ChannelKind.PRIVATE: 'private'>, <ChannelKind.SHARED: 'shared'>, <ChannelKind.PUBLIC: 'public'>)
    """
    if described.get("is_ext_shared") or described.get("is_pending_ext_shared"):
        return ChannelKind.SHARED
    if described.get("is_im"):
        return ChannelKind.DIRECT
    return ChannelKind.PRIVATE if described.get("is_private") or described.get("is_mpim") else ChannelKind.PUBLIC
