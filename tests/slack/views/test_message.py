"""A message as a value: its text, its key and its file are what Slack takes."""

import pytest

from bot.slack.outbound.conversation import to_metadata_keys
from bot.slack.views.blocks import (
    MAX_MESSAGE_CHARACTERS,
)
from bot.slack.views.message import FileUpload, Message, thread_notice, to_metadata_key
from bot.slack.views.mrkdwn import Markup, count_utf16_units, escape
from tests.builders import a_run


def test_the_text_of_a_message_is_one_that_an_edit_takes() -> None:
    assert count_utf16_units(Message("key", Markup("&amp;" * 3_000), ()).text) <= MAX_MESSAGE_CHARACTERS


@pytest.mark.parametrize(
    ("key", "mark"),
    [
        ("finding-kl,x", "finding-kl;x"),
        ("a\nb\u202e", "a b"),
        ("é" * 500, "?" * 119 + "?"),
        ("budget-overrun-1", "budget-overrun-1"),
    ],
)
def test_a_key_is_one_word_of_metadata(key: str, mark: str) -> None:
    assert to_metadata_key(key) == mark
    assert to_metadata_keys([thread_notice(key, escape("x")), thread_notice("b", escape("y"))]) == f"{mark},b"
    assert a_run().id in to_metadata_key(a_run().id)


@pytest.mark.parametrize(
    ("upload", "name", "title", "content"),
    [
        pytest.param(
            FileUpload("a/../b\n.log", "Log\u202e of <a>\n", "x\0\x1b[1m\ny"),
            "a-..-b .log",
            "Log of <a>",
            "x[1m\ny",
            id="text",
        ),
        pytest.param(FileUpload("", "", b"\0\x1b"), "–", "–", b"\0\x1b", id="a picture stays what it is"),
        pytest.param(FileUpload("x" * 999, "y" * 999, ""), "x" * 99 + "…", "y" * 249 + "…", "", id="long names"),
    ],
)
def test_a_file_has_a_sound_name_and_text_that_can_be_seen(
    upload: FileUpload, name: str, title: str, content: str | bytes
) -> None:
    assert (upload.name, upload.title, upload.content) == (name, title, content)
