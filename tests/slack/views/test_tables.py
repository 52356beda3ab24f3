"""Slack's tables: what a cell becomes, which rows fit, and the same rows as lines where tables are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.views.blocks import section
from bot.slack.views.mrkdwn import Markup, code, escape, mention, mrkdwn
from bot.slack.views.tables import (
    MAX_CELL_CHARACTERS,
    MAX_LINES_CHARACTERS,
    MAX_TABLE_CHARACTERS,
    MAX_TABLE_ROWS,
    Column,
    build_cell,
    build_table,
    count_cell_characters,
    is_table,
    render_cell,
    replace_tables,
)

RUN, COST, NOTE = Column(Markup("Run")), Column(Markup("Cost"), is_number=True), Column(Markup("Note"), is_wrapped=True)


def rows_of(count: int, text: str = "a") -> list[list[Markup]]:
    return [[escape(f"{text}{number}"), escape("$1.00"), Markup()] for number in range(count)]


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        pytest.param(Markup("*a* &lt;b&gt;"), None, id="plain text, unbold and unescaped"),
        pytest.param(code("ppo"), [{"type": "text", "text": "ppo", "style": {"code": True}}], id="code"),
        pytest.param(Markup(":rocket:"), [{"type": "emoji", "name": "rocket"}], id="an emoji"),
        pytest.param(mention("U0ANA"), [{"type": "user", "user_id": "U0ANA"}], id="a person"),
        pytest.param(Markup("<#C0X>"), [{"type": "channel", "channel_id": "C0X"}], id="a channel"),
        pytest.param(
            Markup("<https://a.org/?b&amp;c|d &amp; e>"),
            [{"type": "link", "url": "https://a.org/?b&c", "text": "d & e"}],
            id="a link",
        ),
        pytest.param(
            Markup("<!date^7^{time}|07:00>"),
            [{"type": "date", "timestamp": 7, "format": "{time}", "fallback": "07:00"}],
            id="a time",
        ),
        pytest.param(
            mrkdwn("{} of {}", code("a"), mention("U0ANA")),
            [
                {"type": "text", "text": "a", "style": {"code": True}},
                {"type": "text", "text": " of "},
                {"type": "user", "user_id": "U0ANA"},
            ],
            id="several",
        ),
    ],
)
def test_a_cell_is_rich_where_it_must_be(text: Markup, elements: list[dict[str, object]] | None) -> None:
    cell = build_cell(text)
    if elements is None:
        assert cell == {"type": "raw_text", "text": "a <b>"}
    else:
        assert cell["elements"][0]["elements"] == elements
        assert render_cell(cell) == text


def test_an_empty_cell_has_a_dash_and_is_left_out_of_lines() -> None:
    cell = build_cell(Markup())
    assert cell["text"] == "–"
    assert render_cell(cell) == ""


def test_a_column_without_content_is_left_out_and_the_first_one_never() -> None:
    table = build_table([RUN, COST, NOTE], rows_of(2))
    assert [cell["text"] for cell in table["rows"][0]] == ["Run", "Cost"]
    assert table["column_settings"] == [
        {"align": "left", "is_wrapped": False},
        {"align": "right", "is_wrapped": False},
    ]
    empty = build_table([RUN, COST], [[Markup(), Markup()]])
    assert [cell["text"] for row in empty["rows"] for cell in row] == ["Run", "–"]


def test_a_table_has_as_many_rows_as_slack_accepts() -> None:
    assert len(build_table([RUN, COST, NOTE], rows_of(500))["rows"]) == MAX_TABLE_ROWS
    long = build_table([RUN, COST, NOTE], rows_of(99, "x" * 110))["rows"]
    assert 80 < len(long) < 99
    assert sum(count_cell_characters(cell) for row in long for cell in row) <= MAX_TABLE_CHARACTERS


def test_a_long_cell_is_cut() -> None:
    (_, row) = build_table([RUN], [[escape("x" * 500)]])["rows"]
    assert len(row[0]["text"]) <= MAX_CELL_CHARACTERS
    assert row[0]["text"].endswith("…")


def test_as_lines_a_number_follows_the_title_of_its_column() -> None:
    table = build_table([RUN, COST, NOTE], [[code("ppo-1"), escape("$1.00"), escape("a note")]])
    other = section(Markup("other"))
    lines, kept = replace_tables([table, other])
    assert lines["text"]["text"] == "`ppo-1` · Cost $1.00 · a note"
    assert kept is other
    assert [is_table(block) for block in (table, lines)] == [True, False]


def test_the_lines_of_a_long_table_are_in_several_sections_and_none_is_lost() -> None:
    sections = replace_tables([build_table([RUN, COST, NOTE], rows_of(90, "x" * 80))])
    assert len(sections) > 1
    assert all(len(block["text"]["text"]) <= MAX_LINES_CHARACTERS + 200 for block in sections)
    assert sum(block["text"]["text"].count("\n") + 1 for block in sections) == 90


def test_a_table_without_rows_is_no_line() -> None:
    assert replace_tables([build_table([RUN], [])]) == []


@given(st.text(st.characters(exclude_categories=["Zs", "Zl", "Zp", "Cc", "Cf", "Cs"]) | st.just(" "), max_size=200))
def test_a_cell_that_is_rendered_is_the_same_cell_again(text: str) -> None:
    cell = build_cell(escape(text))
    assert build_cell(render_cell(cell)) == cell
