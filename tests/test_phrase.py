"""Phrases are values: equal under any language, kept in records, and read by each reader in the reader's own."""

import pickle
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from bot.adapters.redis.codec import decode_run, encode_run
from bot.core.model.run_state import Reason, RunStatus
from bot.i18n import render, use_language
from bot.phrase import (
    Phrase,
    Text,
    join_alternatives,
    join_list,
    join_sentences,
    map_outside_text,
    plural_phrase,
)
from bot.slack.views.failure_views import render_failure_error
from tests.builders import a_run


@dataclass(frozen=True)
class Record:
    """Something that is stored."""

    why: Text


NODES = plural_phrase("{count} node", "{count} nodes", 2)
PHRASES: dict[str, Text] = {
    "text from outside": "No such GPU.",
    "plain": Phrase("needs no approval"),
    "with values": Phrase("{count} h", count=2),
    "plural": NODES,
    "nested": Phrase("{name} and {more} more", name=NODES, more=join_list(["`a`", Phrase("any text")])),
    "sentences": join_sentences("One.", Phrase("{count} h", count=3), ""),
    "choice": join_alternatives(["`a`", "`b`", "`c`"]),
}


@pytest.mark.parametrize("name", PHRASES)
def test_a_phrase_survives_the_store_and_the_way_between_processes(name: str) -> None:
    record = Record(PHRASES[name])
    assert msgspec.json.decode(msgspec.json.encode(record), type=Record) == record
    assert pickle.loads(pickle.dumps(record)) == record


@pytest.mark.parametrize("name", PHRASES)
def test_a_phrase_is_the_same_in_every_language_and_english_as_a_string(name: str) -> None:
    phrase, english = PHRASES[name], str(PHRASES[name])
    with use_language("zh-CN"):
        assert (phrase, str(phrase), hash(phrase)) == (PHRASES[name], english, hash(PHRASES[name]))
    assert render(phrase) == english


def test_a_phrase_is_read_in_the_readers_language_with_all_that_is_in_it() -> None:
    phrase = Phrase("{run} has {time} left, {where}", run="ppo-1", time=Phrase("{count} h", count=2), where=NODES)
    assert str(phrase) == "ppo-1 has 2 h left, 2 nodes"
    with use_language("zh-CN"):
        assert render(phrase) == "ppo-1 has 2 小时 left, 2 个节点"
        assert render(join_list(["a", NODES])) == "a、2 个节点"


def test_a_reason_that_is_stored_is_read_in_each_readers_language() -> None:
    why = Phrase("Someone cancelled its launch outside verlbot.")
    run = a_run(status=RunStatus.ENDED, reason=Reason.CANCELLED_EXTERNALLY, detail=why)
    stored = decode_run(encode_run(run))
    assert stored.detail == why
    assert "cancelled its launch outside verlbot" in render_failure_error(stored, None)
    with use_language("zh-CN"):
        assert "cancelled" not in render_failure_error(stored, None)


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("{count:>99999999}", "{count:>99999999}"),
        ("{count.__class__}", "{count.__class__}"),
        ("{other} of {count}", "{other} of 2"),
        ("{count", "{count"),
        ("{}{0}", "{}{0}"),
    ],
)
def test_a_key_from_a_broken_store_is_shown_and_reaches_nothing(key: str, shown: str) -> None:
    document = msgspec.json.encode({"why": {"key": key, "values": {"count": 2}, "plural": ""}})
    phrase = msgspec.json.decode(document, type=Record).why
    assert str(phrase) == shown
    with use_language("zh-CN"):
        assert render(phrase) == shown


def test_a_plural_that_has_lost_its_count_is_shown_all_the_same() -> None:
    document = b'{"why": {"key": "{count} node", "values": {}, "plural": "{count} nodes"}}'
    assert str(msgspec.json.decode(document, type=Record).why) == "{count} nodes"


@pytest.mark.parametrize("value", [True, None, 0.5, {"H100": 8}, ["a"], b"x", {"a"}, (True, 2), 10**40, -(10**40)])
def test_a_value_of_any_type_survives_the_store(value: Any) -> None:
    record = Record(Phrase("It asks for {value}.", value=value))
    assert msgspec.json.decode(msgspec.json.encode(record), type=Record) == record
    assert str(record.why).startswith("It asks for ")


def test_only_what_comes_from_outside_is_changed() -> None:
    phrase = Phrase("{name} needs {what}", name="a", what=join_list(["b", NODES]))
    assert str(map_outside_text(phrase, str.upper)) == "A needs B, 2 nodes"
    assert map_outside_text("a", str.upper) == "A"
