"""What a workspace holds: people, channels, messages, files, views. No protocol here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

Json = dict[str, Any]

PICTURES = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}
"""How a picture of each kind begins."""


class NotThere(Exception):
    """A person cannot do that: there is no such channel, message, element or choice in front of him."""


@dataclass(slots=True)
class User:
    """A person, or the bot.

    Attributes:
        tz: where he is, by its IANA name.
        locale: the language in which he reads Slack.
        team: the workspace that he is of; empty for this one.
        is_guest: whether he is a guest of one or several channels; is_in_one_channel: of one alone.
        is_deleted: whether his account is deactivated.
    """

    id: str
    name: str
    is_bot: bool = False
    real_name: str = ""
    tz: str = "Etc/UTC"
    locale: str = "en-US"
    team: str = ""
    is_guest: bool = False
    is_in_one_channel: bool = False
    is_deleted: bool = False


@dataclass(slots=True)
class Channel:
    """A channel, or a direct message where `between` names its people.

    Attributes:
        is_shared: whether another workspace is in it too (Slack Connect).
    """

    id: str
    name: str
    is_private: bool = False
    is_archived: bool = False
    is_shared: bool = False
    members: list[str] = field(default_factory=list)
    between: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Slack's word for it: `im`, `group` (a private channel) or `channel`."""
        return "im" if self.between else "group" if self.is_private else "channel"

    @property
    def shown_name(self) -> str:
        """What payloads call it."""
        return "directmessage" if self.between else self.name


@dataclass(slots=True)
class Message:
    """One message.

    Attributes:
        ts: Slack's id of it, unique in its channel and growing.
        only_for: the one person who sees it, of an ephemeral; None for all.
        broadcast: whether a reply is shown in the channel too.
    """

    ts: str
    channel: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    metadata: Json | None = None
    only_for: str | None = None
    broadcast: bool = False
    edited: bool = False
    files: list[str] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    attachments: list[Json] = field(default_factory=list)

    @property
    def all_files(self) -> list[str]:
        """Those that hang on it, and those that its blocks show."""
        shown = [str(block["slack_file"].get("id")) for block in self.all_blocks if block.get("slack_file")]
        return [*self.files, *shown]

    @property
    def all_blocks(self) -> list[Json]:
        """Its own blocks, and below them those of its attachments."""
        return [*self.blocks, *(block for one in self.attachments for block in one.get("blocks") or [])]

    def react(self, user: str, name: str) -> bool:
        """Add a person's reaction, or take it back; whether it is there now."""
        people = self.reactions.setdefault(name, [])
        people.remove(user) if user in people else people.append(user)
        if not people:
            del self.reactions[name]
        return user in people


@dataclass(slots=True)
class File:
    id: str
    name: str
    title: str
    user: str
    content: bytes = b""
    shared: bool = False

    @property
    def mimetype(self) -> str:
        """By what is in it, whatever its name says; only pictures that a browser may safely show keep their type."""
        return next((kind for kind, begin in PICTURES.items() if begin.match(self.content)), "text/plain")


@dataclass(slots=True)
class View:
    """A modal in front of a person, or his App Home.

    Attributes:
        body: as the app gave it.
        hash: another with every change.
        root, previous: the first of its stack, and the one below, where it is a modal.
        channel: where the person was when it was opened; empty where that was no channel.
    """

    id: str
    user: str
    body: Json
    hash: str = ""
    root: str = ""
    previous: str = ""
    channel: str = ""


@dataclass(slots=True)
class Workspace:
    """Everything in it that outlives a restart. Changed by one thread alone, the server's.

    Attributes:
        groups: the people of each user group, by its id.
    """

    team: str = "T0PLAY"
    app: str = "A0VERLBOT"
    bot: str = "U0VERLBOT"
    users: dict[str, User] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    messages: dict[str, list[Message]] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    homes: dict[str, View] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    counter: int = 0
    last_ts: int = 0

    def add(self, message: Message) -> Message:
        self.messages.setdefault(message.channel, []).append(message)
        return message

    def remove(self, message: Message) -> None:
        self.messages[message.channel].remove(message)

    def next_id(self, prefix: str) -> str:
        self.counter += 1
        return f"{prefix}{self.counter:07d}"

    def next_ts(self, now: float) -> str:
        """A new message's id: the time in microseconds, moved on where two fall together."""
        self.last_ts = max(int(now * 1e6), self.last_ts + 1)
        return f"{self.last_ts // 1_000_000}.{self.last_ts % 1_000_000:06d}"

    def find(self, channel: str, ts: str | None) -> Message | None:
        return next((message for message in self.messages.get(channel, []) if message.ts == ts), None)

    def history(self, channel: str) -> Iterator[Message]:
        """What stands in the channel itself, newest first; ephemerals belong to no history."""
        for message in reversed(self.messages.get(channel, [])):
            if message.only_for is None and (message.thread_ts is None or message.broadcast):
                yield message

    def replies(self, channel: str, ts: str) -> Iterator[Message]:
        """A message and its thread, oldest first."""
        for message in self.messages.get(channel, []):
            if message.only_for is None and ts in (message.ts, message.thread_ts):
                yield message

    def seen_by(self, user: str, channel: str) -> list[Message]:
        """All that a person may see in a channel, threads included, oldest first."""
        found = self.messages.get(channel, [])
        return [message for message in found if message.only_for in (None, user)]

    def room(self, user: str, channel: str) -> Channel:
        """The channel, where the person is in it.

        Raises:
            NotThere: he is not.
        """
        found = self.channels.get(channel)
        if user not in self.users or found is None or user not in found.members:
            raise NotThere(f"{user} is not in {channel}")
        return found

    def direct(self, user: str) -> Channel:
        """The direct message between a person and the bot; made at its first use."""
        between = sorted([user, self.bot])
        for channel in self.channels.values():
            if channel.between == between:
                return channel
        found = Channel(self.next_id("D"), f"dm-{self.users[user].name}", members=between, between=between)
        self.channels[found.id] = found
        return found


def seeded() -> Workspace:
    """A team of three, their channels, and the bot."""
    found = Workspace()
    for user in (
        User("U0ANA", "ana", real_name="Ana Roth", tz="Europe/Berlin"),
        User("U0BEN", "ben", real_name="Ben Carter", tz="America/Los_Angeles"),
        User("U0LEA", "lea", real_name="Lea Zhou", tz="Asia/Shanghai", locale="zh-CN"),
        User(found.bot, "verlbot", is_bot=True, real_name="verlbot"),
    ):
        found.users[user.id] = user
    everyone = list(found.users)
    people = [user.id for user in found.users.values() if not user.is_bot]
    for channel in (
        Channel("C0TRAIN", "training", members=everyone),
        Channel("C0RANDOM", "random", members=people),
        Channel("C0SECRET", "secret", is_private=True, members=["U0ANA"]),
    ):
        found.channels[channel.id] = channel
    return found


def load(path: Path) -> Workspace:
    """The workspace of a file, or a new one where there is none. Who the people are is said here, not in the file."""
    if not path.exists():
        return seeded()
    found = msgspec.json.decode(path.read_bytes(), type=Workspace)
    found.users |= seeded().users
    return found


def save(workspace: Workspace, path: Path) -> None:
    """Write it so that a kill leaves the old file or the new one."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(workspace))
    draft.replace(path)
