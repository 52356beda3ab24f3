"""People and channels as Slack knows them: what roles are given to, and what they are bounded by. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class PersonKind(StrEnum):
    """What somebody is to this workspace."""

    MEMBER = "member"  # a full member
    GUEST = "guest"  # a guest of one or of several channels
    STRANGER = "stranger"  # of another workspace, met in a shared channel
    BOT = "bot"  # another app, or a workflow
    DEACTIVATED = "deactivated"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does something in Slack.

    Attributes:
        user: Slack's id.
        groups: Slack's ids of the user groups that the person is in, of those that the policy names.
    """

    user: str
    kind: PersonKind
    groups: frozenset[str] = frozenset()


class ChannelKind(StrEnum):
    """What sort of conversation something is done in."""

    PUBLIC = "public"
    PRIVATE = "private"  # a private channel, or a direct message of several people
    SHARED = "shared"  # with another workspace (Slack Connect), public or private
    DIRECT = "direct"  # with the bot alone, its own page included


@dataclass(frozen=True, slots=True)
class Channel:
    """Where something is done.

    Attributes:
        id: Slack's id; empty for the bot's own page.
    """

    id: str
    kind: ChannelKind


OWN_PAGE = Channel("", ChannelKind.DIRECT)
