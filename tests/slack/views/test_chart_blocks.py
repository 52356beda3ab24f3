"""Blocks of charts: Slack takes whatever a log held, and a person tells the lines apart."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.views.chart_blocks import (
    MAX_CHART_CAPTION_CHARACTERS,
    MAX_CHART_LABEL_CHARACTERS,
    line_chart,
    make_distinct,
    picture,
    shorten_middle,
)
from bot.slack.views.mrkdwn import count_utf16_units


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        pytest.param([], [], id="none"),
        pytest.param(["a", "b"], ["a", "b"], id="different ones"),
        pytest.param(["a", "a", "a"], ["a", "a 2", "a 3"], id="equal ones"),
        pytest.param(["a", "a 2", "a"], ["a", "a 2", "a 3"], id="a number that is taken"),
        pytest.param(["", " ", "–"], ["–", "– 2", "– 3"], id="empty ones"),
        pytest.param(["x" * 30 + "1", "x" * 30 + "2"], ["x" * 10 + "…" + "x" * 8 + "1", "x" * 10 + "…" + "x" * 8 + "2"],
                     id="long ones that differ at their end"),
        pytest.param(["a\nb", "a b"], ["a b", "a b 2"], id="a line end is a space"),
    ],
)  # fmt: skip
def test_labels_are_short_and_each_is_another(names: list[str], labels: list[str]) -> None:
    assert make_distinct(names) == labels


@given(st.lists(st.text(max_size=60), max_size=30))
def test_whatever_the_names_are_slack_takes_the_labels(names: list[str]) -> None:
    labels = make_distinct(names)
    assert len(set(labels)) == len(names)
    assert all(0 < count_utf16_units(label) <= MAX_CHART_LABEL_CHARACTERS for label in labels)


@pytest.mark.parametrize(
    ("text", "longest", "shown"),
    [
        pytest.param("grpo-7f3a", 9, "grpo-7f3a", id="it fits"),
        pytest.param("grpo-of-all-7f3a", 9, "grpo…7f3a", id="its end tells it apart"),
        pytest.param("训练训练训练训练", 5, "训练…训练", id="Chinese"),
        pytest.param("🚀🚀🚀🚀", 5, "🚀…🚀", id="an emoji is not cut in two"),
        pytest.param("ae\u0301e\u0301e\u0301e\u0301", 4, "ae\u0301…", id="no mark without its letter"),
    ],
)
def test_a_long_name_loses_its_middle(text: str, longest: int, shown: str) -> None:
    short = shorten_middle(text, longest)
    assert count_utf16_units(short) <= longest
    assert short == shown


def test_a_number_that_slack_refuses_is_drawn_as_zero() -> None:
    chart = line_chart("t", "x", "y", ["1", "2", "3"], [("reward", [nan, inf, 0.5])])["chart"]
    assert [point["value"] for point in chart["series"][0]["data"]] == [0.0, 0.0, 0.5]
    assert [point["label"] for point in chart["series"][0]["data"]] == chart["axis_config"]["categories"]


def test_a_line_has_one_value_per_label() -> None:
    with pytest.raises(ValueError, match="zip"):
        line_chart("t", "x", "y", ["1", "2"], [("reward", [0.5])])


def test_titles_are_cut_and_never_empty() -> None:
    chart = line_chart("t" * 200, "", "\n", ["1"], [("reward", [0.5])])
    assert len(chart["title"]) <= MAX_CHART_CAPTION_CHARACTERS
    assert (chart["chart"]["axis_config"]["x_label"], chart["chart"]["axis_config"]["y_label"]) == ("–", "–")


def test_a_picture_has_words_for_those_who_do_not_see_it() -> None:
    assert picture("F1", "Reward of ppo-7f3a") == {
        "type": "image",
        "slack_file": {"id": "F1"},
        "alt_text": "Reward of ppo-7f3a",
    }
    assert picture("F1", "")["alt_text"] == "–"
