"""People and channels as Slack knows them: roles are granted to them, and limited by them. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class PersonKind(StrEnum):
    """The relation of a person to this workspace."""

    MEMBER = "member"  # a full member
    GUEST = "guest"  # a guest of one or of several channels
    STRANGER = "stranger"  # a member of another workspace, in a shared channel
    BOT = "bot"  # another app, or a workflow
    DEACTIVATED = "deactivated"


@dataclass(frozen=True, slots=True)
class Person:
    """A person who acts in Slack.

    Attributes:
        user: Slack's id.
        groups: Slack's ids of the user groups that the person is in, limited to those that the policy names.
    """

    user: str
    kind: PersonKind
    groups: frozenset[str] = frozenset()


class ChannelKind(StrEnum):
    """The kind of conversation that a person acts in."""

    PUBLIC = "public"
    PRIVATE = "private"  # a private channel, or a direct message of several people
    SHARED = "shared"  # a channel with another workspace (Slack Connect), public or private
    DIRECT = "direct"  # with the bot alone, its App Home included


@dataclass(frozen=True, slots=True)
class Channel:
    """The place in Slack where a person acts.

    Attributes:
        id: Slack's id; empty for the bot's App Home.
    """

    id: str
    kind: ChannelKind


APP_HOME = Channel("", ChannelKind.DIRECT)
