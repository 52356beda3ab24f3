"""Pictures of figures: what is in them, not how they look, which docs/pictures/charts shows to eyes."""

import random
import struct
from io import BytesIO

import pytest

from bot.core.rules.chart_data import Chart, ChartLine, render_labels
from bot.i18n import render, use_language
from bot.phrase import Phrase

pytestmark = pytest.mark.slow


def figure(lines: int = 1, seed: int = 1, steps: int = 200) -> Chart:
    source = random.Random(seed)
    drawn = tuple(
        ChartLine(Phrase(f"line-{number}"), tuple((step, source.gauss(number, 0.1)) for step in range(steps)))
        for number in range(lines)
    )
    validation = ChartLine(Phrase("validation"), tuple((step, -1.0) for step in range(0, steps, 20)), is_sparse=True)
    return Chart(Phrase("Reward of a"), Phrase("step"), Phrase("reward"), (*drawn, validation), (50.0, 150.0))


def size(png: bytes) -> tuple[int, int]:
    """Width and height as the file itself says."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def colours(png: bytes) -> set[tuple[int, int, int]]:
    from PIL import Image

    found = Image.open(BytesIO(png)).convert("RGB").getcolors(1 << 24)
    return {colour for _, colour in found or []}  # type: ignore[misc]  # of RGB they are triples


def near(wanted: str, found: set[tuple[int, int, int]]) -> bool:
    parts = [int(wanted[at : at + 2], 16) for at in (1, 3, 5)]
    return any(all(abs(a - b) <= 6 for a, b in zip(parts, one, strict=True)) for one in found)


def test_a_picture_is_as_wide_as_a_phone_shows_and_small_enough_to_load_there() -> None:
    from bot.adapters.charts.chart_renderer import render_chart

    png = render_chart(figure(2))
    assert size(png) == (800, 640)
    assert len(png) < 60_000


def test_equal_figures_make_equal_pictures_and_others_do_not() -> None:
    from bot.adapters.charts.chart_renderer import render_chart

    assert render_chart(figure()) == render_chart(figure())
    assert render_chart(figure()) != render_chart(figure(seed=2))


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_every_line_is_there_in_its_colour_and_nothing_in_that_of_another(lines: int) -> None:
    from bot.adapters.charts.chart_renderer import LINE_COLOURS, TEXT_COLOUR, render_chart

    found = colours(render_chart(figure(lines)))
    assert [near(colour, found) for colour in LINE_COLOURS[: lines + 1]] == [True] * (lines + 1)
    assert [near(colour, found) for colour in LINE_COLOURS[lines + 1 :]] == [False] * (len(LINE_COLOURS) - lines - 1)
    assert near(TEXT_COLOUR, found)


def test_colours_and_letters_stand_out_from_the_paper() -> None:
    """WCAG's contrast: 4.5 for letters, 3 for what is drawn."""
    from bot.adapters.charts.chart_renderer import BACKGROUND_COLOUR, LINE_COLOURS, SECONDARY_COLOUR, TEXT_COLOUR

    assert min(contrast(one, BACKGROUND_COLOUR) for one in (TEXT_COLOUR, SECONDARY_COLOUR)) >= 4.5
    assert min(contrast(one, BACKGROUND_COLOUR) for one in LINE_COLOURS) >= 3


def contrast(a: str, b: str) -> float:
    light = sorted(luminance(one) for one in (a, b))
    return (light[1] + 0.05) / (light[0] + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(Chart(Phrase("t"), Phrase("x"), Phrase("y"), ()), id="nothing at all"),
        pytest.param(
            Chart(Phrase("t"), Phrase("x"), Phrase("y"), (ChartLine(Phrase("a"), ((1, 0.5),)),)), id="one point"
        ),
        pytest.param(
            Chart(
                Phrase(r"$\foo$ of a"), Phrase("x"), Phrase("y"), (ChartLine(Phrase("_a"), ((1, 1e300), (2, -1e300))),)
            ),
            id="text that is no formula, numbers that are huge",
        ),
        pytest.param(figure(9), id="more lines than colours"),
    ],
)
def test_whatever_there_is_to_draw_there_is_a_picture(found: Chart) -> None:
    from bot.adapters.charts.chart_renderer import render_chart

    assert size(render_chart(found)) == (800, 640)


def forget_fonts() -> None:
    from bot.adapters.charts import chart_renderer

    chart_renderer.find_chinese_fonts.cache_clear()
    chart_renderer.list_font_families.cache_clear()


def test_without_chinese_letters_a_picture_is_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    from bot.adapters.charts import chart_renderer

    found = Chart(Phrase("Reward of {run}", run="a"), Phrase("step"), Phrase("reward"), ())
    monkeypatch.setattr("bot.adapters.charts.chart_renderer.CHINESE_FONTS", ())
    forget_fonts()
    with use_language("zh-CN"):
        translated = render_labels(found, render)
    assert translated.title == "a 的奖励"
    assert chart_renderer.render_chart(translated, found) == chart_renderer.render_chart(found)
    forget_fonts()
