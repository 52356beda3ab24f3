"""Values of any type whose every string is hostile, made from the types alone; and what Slack may never get of them.

A new field of a record, and a new record, need no word here: they are found by their types.
"""

import json
import random
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import Enum
from functools import cache
from typing import Any

from bot.core.model.characters import INVISIBLE
from bot.errors import AmbiguousRun, Unavailable, UserError
from bot.phrase import Phrase
from bot.slack.views.invisible_spaces import CHINESE, ZERO_WIDTH_SPACE
from bot.slack.views.mrkdwn import CODE_SPAN, Markup, escape
from slack_playground.checks import check_blocks, check_message, check_metadata, check_view
from tests.builders import NOON

HOSTILE = [
    "<!channel> HOSTILE <!here|HOSTILE> <!subteam^SHOSTILE> <!everyone>",
    "val-core/<!channel>",
    "<@UHOSTILE> <#CHOSTILE|HOSTILE> <https://hostile.example|HOSTILE> <!date^0^{date}|HOSTILE>",
    "&lt;!channel&gt; &amp;lt; & &HOSTILE; &#60;!channel&#62;",
    "*SHAPED* _SHAPED_ ~SHAPED~ :hostile: a:hostile:b",
    "`HOSTILE *SHAPED*",
    "```HOSTILE``` `*SHAPED*`b",
    "> HOSTILE\n> FORGED\r\n:hostile: FORGED\u2028FORGED\u2029*SHAPED*\x85FORGED\vFORGED",
    "HOSTILE\0\a\b\x1b[31m\x7f\x9b\u202e\u2066\u2069\u200e\u200f\u061c\u200b\u200d\ufeff\u00ad\u3164\U000e0041|",
    "\ud800HOSTILE\udfff \ud83d",
    "Z" + 500 * "\u0301" + "HOSTILE",
    "<!channel>&`*SHAPED* " * 300,
    "&" * 3_000,
    "🎉" * 3_000,
    "",
    " ",
    "\n",
    "{HOSTILE} {0} {run.__class__} %s",
]
"""What comes from logs, from strangers, from recipes, and from SkyPilot, where it means no good."""

PLAIN = ["ppo-7f3a", "harmless", "a b", "U0ANA", "C0TRAIN", "https://hostile.example/HOSTILE"]
"""What looks well; so that a value which is compared with another may be the same."""

LIVE = re.compile(
    r"<@[UW][A-Z0-9]+>|<#[CGD][A-Z0-9]+>|<!date\^-?\d+\^\{[^<>|]*\|\d\d:\d\d UTC>|<https?://[!-~]+\|[^<>|\n]+>"
)
"""What the bot itself makes live: people, channels, dates, links."""

SHAPED = re.compile(r"[*_~]SHAPED|SHAPED[*_~]|:hostile:|(?m:^(&gt;|FORGED))|`")
"""What of a hostile text would be shaped, or begin a line, outside of code."""

Special = Mapping[Any, Callable[["Maker"], Any]]


class Maker:
    """Makes values of a type, the same for the same seed.

    Args:
        special: how to make values of types, or of fields (`Record.field`), that not every value will do for.
    """

    def __init__(self, seed: int, special: Special) -> None:
        self._random = random.Random(seed)
        self._special = special
        self._simple: dict[Any, Callable[[], Any]] = {
            str: self.text,
            Markup: lambda: escape(self.text()),
            bool: lambda: self._random.random() < 0.5,
            int: lambda: self._random.choice([0, 1, 2, 7, 400, 10_000, 10**6]),
            float: lambda: self._random.choice([0.0, 0.004, 0.5, 1.5, 99.0, 12_345.678, 2e6]),
            datetime: lambda: NOON + timedelta(minutes=self._random.randint(-3_000, 3_000)),
            timedelta: lambda: timedelta(seconds=self._random.choice([0, 30, 4_000, 90_000])),
            time: lambda: time(self._random.randint(0, 23), 30),
            tzinfo: lambda: UTC,
            bytes: lambda: b"\0",
            types.NoneType: lambda: None,
            Any: self.text,
            object: self.text,
            UserError: lambda: UserError(self.text(), self.text(), [self.text(), "U0ANA"]),
            AmbiguousRun: lambda: AmbiguousRun(self.text(), self.text(), [(self.text(), NOON), (self.text(), NOON)]),
            Unavailable: lambda: Unavailable(self.text()),
            Phrase: lambda: Phrase(self.text(), what=self.text(), more=(self.text(), Phrase(self.text()))),
        }

    def text(self) -> str:
        return self._random.choice(HOSTILE if self._random.random() < 0.8 else PLAIN)

    def choice(self, of: Sequence[Any]) -> Any:
        return self._random.choice(of)

    def several(self, kind: Any, name: str = "", least: int = 0) -> list[Any]:
        return [self.make(kind, name) for _ in range(self._random.randint(least, 3))]

    def make(self, kind: Any, name: str = "") -> Any:
        """Return a value of a type.

        Raises:
            TypeError: of this type none can be made; `Special` is where to say how.
        """
        for known in (name, kind):
            if known in self._special:
                return self._special[known](self)
        if kind in self._simple:
            return self._simple[kind]()
        if isinstance(kind, type) and issubclass(kind, Enum):
            return self._random.choice(list(kind))
        if is_dataclass(kind):
            return self.record(kind)
        return self.composed(kind, name)

    def record(self, kind: Any) -> Any:
        """Return a record, each of its fields filled, those too that have defaults."""
        hints = hints_of(kind)
        made = {one.name: self.make(hints[one.name], f"{kind.__name__}.{one.name}") for one in fields(kind) if one.init}
        return kind(**made)

    def poisoned(self, value: Any, name: str = "") -> Any:
        """Return a record as it is, but with a hostile string in the place of each, wherever it is."""
        if isinstance(value, Phrase):
            return self.make(Phrase, name)
        if is_dataclass(value) and not isinstance(value, type):
            kind = type(value)
            own = {one.name: getattr(value, one.name) for one in fields(kind) if one.init}
            return kind(**{key: self.poisoned(inner, f"{kind.__name__}.{key}") for key, inner in own.items()})
        if type(value) is str:
            return self.make(str, name)
        if isinstance(value, tuple | list):
            return type(value)(self.poisoned(inner, name) for inner in value)
        if isinstance(value, Mapping):
            return {key: self.poisoned(inner, name) for key, inner in value.items()}
        return value

    def _mostly(self, kinds: Sequence[Any]) -> Sequence[Any]:
        """Most of what may be there is."""
        there = [kind for kind in kinds if kind is not types.NoneType]
        return kinds if self._random.random() < 0.3 else there

    def composed(self, kind: Any, name: str) -> Any:
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            return self.make(self._random.choice(self._mostly(arguments)), name)
        if origin is typing.Literal:
            return self._random.choice(arguments)
        if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(self.several(arguments[0], name))
        if origin is tuple:
            return tuple(self.make(one, name) for one in arguments)
        if origin in (list, Sequence, Iterable, Iterator, Collection):
            return self.several(arguments[0], name)
        if origin in (frozenset, set):
            return origin(self.several(arguments[0], name))
        if origin in (dict, Mapping):
            return {self.make(arguments[0]): self.make(arguments[1], name) for _ in range(self._random.randint(0, 3))}
        raise TypeError(f"{name or 'a value'} of {kind}: nobody knows how to make one")


@cache
def hints_of(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


# what Slack gets


def refuse_live(text: str, *, is_formatted: bool = True) -> None:
    """Fail on markup in mrkdwn that the bot did not make: what calls, links, shapes, or breaks a line."""
    rest = LIVE.sub("", text)
    assert not set(rest) & set("<>"), f"live: {text!r}"
    assert not re.search("<[^<>]*HOSTILE[^<>]*>", LABELLED.sub(">", text)), f"forged: {text!r}"
    assert not re.search(r"&(?!amp;|lt;|gt;)", rest), f"no entity: {text!r}"
    if is_formatted:
        assert not SHAPED.search(CODE_SPAN.sub("", rest)), f"shaped: {text!r}"


LABELLED = re.compile(r"\|[^<>]*>")
"""The label of a link, in which a name may stand."""


SEPARATOR = re.compile(rf"(?<=[`*]){ZERO_WIDTH_SPACE}(?={CHINESE})|(?<={CHINESE}){ZERO_WIDTH_SPACE}(?=[`*])")
"""The one invisible character of the bot's own: without it, Slack formats nothing that Chinese touches."""


def refuse_unseen(value: Any) -> None:
    """Fail on what cannot be seen or written, in any string of a payload, and in its keys."""
    for text in strings_in(value):
        assert not INVISIBLE.search(SEPARATOR.sub("", text)), f"not seen: {text!r}"
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def strings_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from strings_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings_in(inner)


def marked_up(value: Any) -> Iterator[str]:
    """Return every text of blocks that Slack reads as mrkdwn."""
    if isinstance(value, Mapping):
        if value.get("type") == "mrkdwn":
            assert value.get("verbatim") is True
            yield value["text"]
        for inner in value.values():
            yield from marked_up(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from marked_up(inner)


def refuse_unsafe(payload: Any) -> None:
    """Fail on a payload, or a part of one, that Slack would refuse or take for more than text."""
    refuse_unseen(payload)
    for text in marked_up(payload):
        refuse_live(text)
    match payload:
        case Markup():
            refuse_live(payload)
        case {"type": "modal" | "home" as kind}:
            # No caller makes a view without blocks, which Slack refuses; the values of a test may.
            check_view({**payload, "blocks": payload["blocks"] or [{"type": "divider"}]}, kind)
        case {"event_type": _}:
            check_metadata(payload)
        case {"text": str(text), "blocks": list(blocks)}:
            refuse_live(text)
            assert len(text) <= 4_000
            check_message(text, blocks)
        case {"type": "input"}:
            check_blocks([payload], "modal")
        case {
            "type": "section"
            | "context"
            | "actions"
            | "header"
            | "rich_text"
            | "data_visualization"
            | "image"
            | "table"
        }:
            check_blocks([payload])
        case {"type": "button" | "static_select" | "overflow"}:
            check_blocks([{"type": "actions", "elements": [payload]}])
        case list():
            for one in payload:
                refuse_unsafe(one)
