"""Slack's data on people, with their time zones, and on channels: cached in bounded memory, never waited for long."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any, Generic, TypeVar

from slack_sdk import WebClient

from bot.app.report_service import canonical_name
from bot.core.model.people import Channel, ChannelKind, Person, PersonKind
from bot.errors import Unavailable, UserError
from bot.phrase import N_, Phrase
from bot.slack.outbound.web_client import (
    BotIdentity,
    SlackRateLimited,
    SlackRejected,
    SlackUncertain,
    classify_slack_errors,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

PERSON_CACHE_SECONDS = 600.0
"""Seconds for which a person's kind is cached. A deactivated person can do nothing in Slack anyway."""

CHANNEL_CACHE_SECONDS = 600.0
"""Seconds for which a channel's kind is cached."""

MEMBERS_CACHE_SECONDS = 60.0
"""Seconds for which the members of a channel or a user group are cached."""

ANSWER_TIMEOUT_SECONDS = 1.0
"""Seconds to wait for Slack while a person waits for the bot: Slack allows three seconds for the whole answer."""

MAX_CACHE_ENTRIES = 10_000
"""Maximum cached entries of one kind: a few megabytes."""

MAX_MEMBERS = 20_000
"""Maximum members read of one channel or group; further members of a larger one count as not in it."""

MEMBERS_PER_PAGE = 1_000
"""Members per page of Slack's answer (docs: conversations.members)."""

NO_ANSWER = N_("Slack does not answer in time.")
SLACK_REFUSES = N_("Slack refuses to say ({code}).")
MISSING_SCOPE = N_("The Slack app is missing a permission ({code}); ask the operator to run `verlbot doctor`.")

MAX_NAMES, MAX_NAME_CHARACTERS = 50, 40
"""Maximum people whose names one message needs, and characters of a name."""

UNKNOWN_USER_CODES = {"user_not_found", "user_not_visible", "users_not_found"}
"""Error codes for a person who is not of this workspace."""

HIDDEN_CHANNEL_CODES = {"channel_not_found", "not_in_channel", "missing_channel"}
"""Error codes for a channel that the bot is not in and may not see."""


@dataclass(slots=True)
class DirectoryCache(Generic[T]):
    """Recent answers of Slack, the most recent last.

    Attributes:
        seconds: how long an answer is valid.
        pending: requests in progress, shared by all who need the answer.
    """

    seconds: float
    pool: ThreadPoolExecutor
    clock: Callable[[], float] = time.monotonic
    entries: OrderedDict[str, tuple[float, T]] = field(default_factory=OrderedDict)
    pending: dict[str, Future[T]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def get_or_fetch(self, key: str, question: Callable[[], T]) -> Future[T]:
        """Return a valid answer, or a request in progress."""
        with self.lock:
            entry = self.entries.get(key)
            if entry and self.clock() < entry[0] + self.seconds:
                completed: Future[T] = Future()
                completed.set_result(entry[1])
                return completed
            # One request serves all who need the answer now.
            if key not in self.pending:
                self.pending[key] = self.pool.submit(self._fetch, key, question)
            return self.pending[key]

    def _fetch(self, key: str, question: Callable[[], T]) -> T:
        """Fetch an answer and cache it; drop the oldest entries beyond `MAX_CACHE_ENTRIES`."""
        try:
            answer = question()
            with self.lock:
                self.entries[key] = (self.clock(), answer)
                self.entries.move_to_end(key)
                while len(self.entries) > MAX_CACHE_ENTRIES:
                    self.entries.popitem(last=False)
            return answer
        finally:
            with self.lock:
                self.pending.pop(key, None)

    def clear(self) -> None:
        """Remove all answers."""
        with self.lock:
            self.entries.clear()


def wait_for_answer(future: Future[T], seconds: float) -> T:
    """Return an answer of Slack.

    Raises:
        Unavailable: Slack does not answer in time, or refuses to.
    """
    try:
        return future.result(seconds)
    except TimeoutError as error:
        raise Unavailable(Phrase(NO_ANSWER)) from error
    except SlackRejected as error:
        phrase = MISSING_SCOPE if error.code in ("missing_scope", "not_allowed_token_type") else SLACK_REFUSES
        raise Unavailable(Phrase(phrase, code=error.code)) from error
    except (SlackRateLimited, SlackUncertain) as error:
        raise Unavailable(Phrase(NO_ANSWER)) from error


class SlackDirectory:
    """Looks up in Slack who people are, what channels are, and who is in them.

    Args:
        answer_seconds: how long a call waits for one request; a late answer is cached for the next call.
    """

    def __init__(
        self,
        client: WebClient,
        identity: BotIdentity,
        answer_seconds: float = ANSWER_TIMEOUT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._identity = identity
        self._answer_seconds = answer_seconds
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="directory")
        self._people: DirectoryCache[JsonObject | None] = DirectoryCache(PERSON_CACHE_SECONDS, self._pool, clock)
        # The names of many people are asked for apart, so that no one's rights wait for them.
        self._names_pool = ThreadPoolExecutor(2, thread_name_prefix="names")
        self._names: DirectoryCache[JsonObject | None] = DirectoryCache(PERSON_CACHE_SECONDS, self._names_pool, clock)
        self._channels: DirectoryCache[Channel] = DirectoryCache(CHANNEL_CACHE_SECONDS, self._pool, clock)
        self._members: DirectoryCache[frozenset[str]] = DirectoryCache(MEMBERS_CACHE_SECONDS, self._pool, clock)
        self._groups: DirectoryCache[frozenset[str]] = DirectoryCache(MEMBERS_CACHE_SECONDS, self._pool, clock)

    def prefetch(self, user: str) -> None:
        """Request a person who has just done something, so that the answer is cached when it is needed."""
        self._people.get_or_fetch(user, lambda: self._fetch_person(user))

    def stop(self) -> None:
        """Cancel the requests that wait for a thread."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._names_pool.shutdown(wait=False, cancel_futures=True)

    def get_person(self, user: str, team: str, groups: frozenset[str], workspaces: frozenset[str]) -> Person:
        """Return a person's kind and user groups; see `Directory`. All answers share one wait, because a view
        must open within three seconds.
        """
        deadline = time.monotonic() + self._answer_seconds
        answers = {
            group: self._groups.get_or_fetch(group, partial(self._fetch_group_members, group)) for group in groups
        }
        own_team = self._find_own_team()
        try:
            description = wait_for_answer(
                self._people.get_or_fetch(user, lambda: self._fetch_person(user)), self._answer_seconds
            )
        except Unavailable:
            if team and team != own_team and team not in workspaces:
                # Slack has signed the delivery, so its foreign team proves a stranger even without an answer.
                return Person(user, PersonKind.STRANGER)
            raise
        kind = classify_person(description, own_team, workspaces)
        member_of = {
            group
            for group, answer in answers.items()
            if user in wait_for_answer(answer, max(deadline - time.monotonic(), 0.0))
        }
        return Person(user, kind, frozenset(member_of))

    def get_channel(self, channel_id: str) -> Channel:
        """Return a conversation with its kind."""
        # A direct message; the channel of a run may also be a person's id.
        if channel_id.startswith(("D", "U", "W")):
            return Channel(channel_id, ChannelKind.DIRECT)
        return wait_for_answer(
            self._channels.get_or_fetch(channel_id, lambda: self._fetch_channel(channel_id)), self._answer_seconds
        )

    def is_in(self, user: str, channel_id: str) -> bool:
        """Return whether a person is in a channel. A conversation with the bot alone has one person in it."""
        if channel_id.startswith(("U", "W")):
            return user == channel_id
        members = wait_for_answer(
            self._members.get_or_fetch(channel_id, lambda: self._fetch_channel_members(channel_id)),
            self._answer_seconds,
        )
        return user in members

    def find_names(self, users: Iterable[str]) -> dict[str, str]:
        """Return what people call themselves, by Slack's id: to name them without notifying them. People whose names
        Slack does not give in time are left out.
        """
        known_ids = [user for user in dict.fromkeys(users) if user.startswith(("U", "W"))][:MAX_NAMES]
        futures = {user: self._people.get_or_fetch(user, partial(self._fetch_person, user)) for user in known_ids}
        done, _ = wait(futures.values(), self._answer_seconds)
        return {user: name for user, future in futures.items() if future in done and (name := read_name(future))}

    def find_all_names(self, users: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return all names of people by Slack's id: display name, real name, handle; see `NameDirectory`."""
        futures = {user: self._names.get_or_fetch(user, partial(self._fetch_person, user)) for user in users}
        done, _ = wait(futures.values(), self._answer_seconds)
        return {user: read_names(future) for user, future in futures.items() if future in done}

    def list_members(self, channel_id: str) -> frozenset[str]:
        """Return who is in a channel; no one where Slack does not say."""
        if not channel_id.startswith(("C", "G")):
            return frozenset()
        question = partial(self._fetch_channel_members, channel_id)
        try:
            return wait_for_answer(self._members.get_or_fetch(channel_id, question), self._answer_seconds)
        except Unavailable:
            return frozenset()

    def _find_own_team(self) -> str:
        """Return the id of the bot's workspace."""
        try:
            return self._identity.resolve().team_id or ""
        except (SlackRejected, SlackRateLimited, SlackUncertain) as error:
            raise Unavailable(Phrase(NO_ANSWER)) from error

    def _fetch_person(self, user: str) -> "JsonObject | None":
        """Return Slack's description of a person; None if Slack does not show the person to this workspace."""
        try:
            with classify_slack_errors():
                answer: Any = self._client.users_info(user=user)
        except SlackRejected as error:
            if error.code in UNKNOWN_USER_CODES:
                return None
            raise
        return dict(answer.get("user") or {})

    def _fetch_channel(self, channel_id: str) -> Channel:
        """Return a channel with its kind; one that Slack hides from the bot is private."""
        try:
            with classify_slack_errors():
                answer: Any = self._client.conversations_info(channel=channel_id)
        except SlackRejected as error:
            if error.code in HIDDEN_CHANNEL_CODES:
                return Channel(channel_id, ChannelKind.PRIVATE, is_hidden=True)
            raise
        return Channel(channel_id, classify_channel(answer.get("channel") or {}))

    def _fetch_channel_members(self, channel_id: str) -> frozenset[str]:
        """Return who is in a channel, up to `MAX_MEMBERS`; nothing for a channel that Slack hides from the bot."""
        member_ids: set[str] = set()
        try:
            with classify_slack_errors():
                for page in self._client.conversations_members(channel=channel_id, limit=MEMBERS_PER_PAGE):
                    member_ids |= set(page.get("members") or ())
                    if len(member_ids) >= MAX_MEMBERS:
                        break
        except SlackRejected as error:
            if error.code not in HIDDEN_CHANNEL_CODES:
                raise
        return frozenset(member_ids)

    def _fetch_group_members(self, group: str) -> frozenset[str]:
        """Return who is in a user group; empty if Slack does not show the group, so that it gives
        its people no role."""
        try:
            with classify_slack_errors():
                answer: Any = self._client.usergroups_users_list(usergroup=group)
        except SlackRejected as error:
            log.error("Slack does not show the user group %s, which the policy names: %s", group, error.code)
            return frozenset()
        return frozenset(list(answer.get("users") or ())[:MAX_MEMBERS])


JsonObject = dict[str, Any]


def read_name(future: "Future[JsonObject | None]") -> str:
    """Return the name in Slack's description of a person; empty where there is none."""
    return next(iter(read_names(future)), "")


def read_names(future: "Future[JsonObject | None]") -> tuple[str, ...]:
    """Return the names in Slack's description of a person, the one that Slack shows first."""
    if future.exception() is not None:
        return ()
    description = future.result() or {}
    profile = description.get("profile") or {}
    names = (profile.get("display_name"), profile.get("real_name"), description.get("name"))
    return tuple(str(name)[:MAX_NAME_CHARACTERS] for name in names if name)


def classify_person(description: JsonObject | None, own_team: str, workspaces: frozenset[str]) -> PersonKind:
    """Return what Slack's description of a person means here (docs: users.info, the user object).

    >>> classify_person({"team_id": "T1"}, "T1", frozenset()), classify_person({"team_id": "T2"}, "T1", frozenset())
    (<PersonKind.MEMBER: 'member'>, <PersonKind.STRANGER: 'stranger'>)
    """
    if description is None:
        return PersonKind.STRANGER
    if description.get("deleted"):
        return PersonKind.DEACTIVATED
    if description.get("is_bot") or description.get("is_workflow_bot") or description.get("id") == "USLACKBOT":
        return PersonKind.BOT
    enterprise = description.get("enterprise_user") or {}
    teams = {description.get("team_id"), *(enterprise.get("teams") or ())}
    if own_team not in teams and not workspaces & {*teams, enterprise.get("enterprise_id")}:
        return PersonKind.STRANGER
    if description.get("is_restricted") or description.get("is_ultra_restricted"):
        return PersonKind.GUEST
    return PersonKind.MEMBER


def classify_channel(description: JsonObject) -> ChannelKind:
    """Return what Slack's description of a conversation means (docs: the conversation object).

    >>> classify_channel({"is_private": True}), classify_channel({"is_ext_shared": True}), classify_channel({})
    (<ChannelKind.PRIVATE: 'private'>, <ChannelKind.SHARED: 'shared'>, <ChannelKind.PUBLIC: 'public'>)
    """
    if description.get("is_ext_shared") or description.get("is_pending_ext_shared"):
        return ChannelKind.SHARED
    if description.get("is_im"):
        return ChannelKind.DIRECT
    return ChannelKind.PRIVATE if description.get("is_private") or description.get("is_mpim") else ChannelKind.PUBLIC


log = logging.getLogger(__name__)


def find_time_zone(client: WebClient, user: str) -> str | None:
    """Return a person's time zone in Slack; None where Slack does not give one."""
    try:
        with classify_slack_errors():
            response = client.users_info(user=user)
        zone = (response.get("user") or {}).get("tz")
        return canonical_name(str(zone)) if zone else None
    except (SlackRejected, SlackRateLimited, SlackUncertain) as error:
        log.warning("Slack does not tell the time zone of %s: %s", user, error)
    except UserError as error:
        log.warning("Slack has an unknown time zone of %s: %s", user, error)
    return None
