"""Charts as PNG images. This is the only importer of matplotlib, which a separate process loads:
see the chart worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from bot.core.figure import Figure, Line, Words
from bot.core.thin import SMOOTHED_FROM, Point, smoothed, thinned
from bot.language import ENGLISH, speaking

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Sheet

WIDTH, HEIGHT = 4.0, 3.2
"""Size of the image in inches: a phone 360 pixels wide shows letters of 9 points 11 pixels high, a desktop higher."""

RIGHT, TOP, BOTTOM = 0.16, 0.60, 0.50
"""Margins in inches around the plot itself."""

DOTS_PER_INCH = 200
"""Resolution of the image: 800 pixels of width, as many as a phone has if it shows the image at full width."""

MOST_LINES = 12
"""Maximum checkpoints that are marked by a line through the whole height: more lines would hide the plot."""

MOST_DIAMONDS = 40
"""Maximum points that get a marker each: more markers would hide the line."""

FOLLOWED = 200
"""Maximum points of a smoothed line: more points are too close for the eye to tell apart."""

COLOURS_KEPT = 64
"""Number of colours in an image: four lines and a grey, each with the shades of its edges."""

PAPER, INK, FAINT, GRID = "#fbfbf9", "#24292f", "#646b75", "#e3e5e8"
"""Colours of the background, text, secondary text and grid. The background is opaque because a reader's own may be
white or nearly black.
"""

COLOURS = ("#0072b2", "#d55e00", "#007a5a", "#9b4f96")
"""Colours of lines that colour-blind readers can tell apart (after Okabe and Ito), each at least four times as dark as
the background.
"""

DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
"""Line styles that readers can tell apart without colour."""

CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
)
"""Fonts with Chinese letters, in the order of preference."""

LATIN = "DejaVu Sans"
"""The font that comes with matplotlib."""


def picture(figure: Figure, language: str = ENGLISH) -> bytes:
    """Return the chart as a PNG; the same chart gives the same bytes.

    The chart is in English if no font on this machine has the letters of the language.
    """
    with speaking(language if language == ENGLISH or chinese() else ENGLISH):
        return drawn(figure)


def drawn(figure: Figure) -> bytes:
    """Return the chart as a PNG, in the current language."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # 60 MB: loaded when needed
    from matplotlib.figure import Figure as Sheet  # noqa: PLC0415

    sheet = Sheet(figsize=(WIDTH, HEIGHT), dpi=DOTS_PER_INCH, facecolor=PAPER, edgecolor=GRID, linewidth=2)
    canvas = FigureCanvasAgg(sheet)
    rows = ticks([y for line in figure.lines for _, y in line.points], 5)
    left = 0.16 + 0.09 * max(map(len, rows.values()), default=0)
    plot = (left / WIDTH, BOTTOM / HEIGHT, (WIDTH - left - RIGHT) / WIDTH, (HEIGHT - TOP - BOTTOM) / HEIGHT)
    axes = sheet.add_axes(plot, frame_on=False, xticks=[], yticks=[])
    sheet.text(0.14 / WIDTH, 1 - 0.13 / HEIGHT, plain(figure.title), **font(11, "bold"), color=INK, va="top")
    for number, line in enumerate(figure.lines):
        trace(axes, line, number)
    scales(axes, figure, rows)
    checkpoints(sheet, axes, figure)
    legend(sheet, figure)
    return png(canvas)


def png(canvas: FigureCanvasAgg) -> bytes:
    """Return the canvas as a PNG with a small palette, as it has few colours: a quarter of the bytes, in half the
    time.
    """
    from PIL import Image  # noqa: PLC0415  # comes with matplotlib

    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib leaves this untyped
    drawn = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    whole = Image.frombuffer("RGBA", canvas.get_width_height(), drawn, "raw", "RGBA", 0, 1).convert("RGB")
    found = BytesIO()
    whole.quantize(COLOURS_KEPT, method=Image.Quantize.FASTOCTREE).save(found, "png", compress_level=6)
    return found.getvalue()


def ticks(values: Sequence[float], most: int, whole: bool = False) -> dict[float, str]:
    """Return round numbers in the range of these values, each with its label."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    if not values:
        return {}
    low, high = min(values), max(values)
    room = (high - low) * 0.02 or abs(high) * 0.1 or 1.0
    found = MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10], integer=whole).tick_values(low - room, high + room)
    return alike([float(value) for value in found if low - room <= value <= high + room])


def alike(values: Sequence[float]) -> dict[float, str]:
    """Return labels for numbers, all with the same number of digits after the point.

    >>> alike([0.0, 0.25, 0.5]), alike([0.0, 1e-07]), alike([0.0, 20_000.0])
    ({0.0: '0.00', 0.25: '0.25', 0.5: '0.50'}, {0.0: '0', 1e-07: '1e-07'}, {0.0: '0', 20000.0: '20k'})
    """
    if values and max(map(abs, values)) >= 10_000 and not any(value % 1000 for value in values):
        return {value: f"{value / 1000:.6g}k" if value else "0" for value in values}
    written = [f"{value:.6g}" for value in values]
    if not any("e" in text for text in written):
        digits = max((len(text.partition(".")[2]) for text in written), default=0)
        written = [f"{value:.{digits}f}" for value in values]
    return dict(zip(values, written, strict=True))


def scales(axes: Axes, figure: Figure, rows: Mapping[float, str]) -> None:
    """Draw the grid, the axis and its numbers.

    matplotlib's own ticks are some dozens of objects each, and take half of the whole time.
    """
    xs = [x for line in figure.lines for x, _ in line.points]
    steps = ticks(xs, 6, whole=all(float(x).is_integer() for x in xs))  # steps are integers
    across, down = axes.get_yaxis_transform(), axes.get_xaxis_transform()
    axes.margins(x=0.02, y=0.06)
    axes.autoscale_view()
    axes.hlines(list(rows), 0, 1, transform=across, color=GRID, linewidth=0.8, zorder=0)
    axes.hlines(0, 0, 1, transform=axes.transAxes, color=FAINT, linewidth=1.2, zorder=1, clip_on=False)
    for y, text in rows.items():
        axes.text(-0.02, y, text, transform=across, ha="right", va="center_baseline", **font(9), color=FAINT)
    for x, text in steps.items():
        axes.text(x, -0.03, text, transform=down, ha="center", va="top", **font(9), color=FAINT)
    axes.text(
        0.5, -0.11, plain(figure.x_label), transform=axes.transAxes, ha="center", va="top", **font(9), color=FAINT
    )


def trace(axes: Axes, line: Line, number: int) -> None:
    """Draw one line: its raw points faintly if there are many, and a smoothed line through them."""
    colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
    xs, ys = columns(line.points)
    if line.sparse:
        xs, ys = columns(thinned(line.points, MOST_DIAMONDS))
        axes.plot(xs, ys, color=colour, linewidth=1.2, linestyle=dash, marker="D", markersize=4.5, zorder=4)
        return
    if len(line.points) >= SMOOTHED_FROM:
        axes.plot(xs, ys, color=colour, linewidth=0.7, alpha=0.28, zorder=2)
    followed = thinned(smoothed(line.points), FOLLOWED)
    xs, ys = columns(followed)
    axes.plot(xs, ys, color=colour, linewidth=2.2, linestyle=dash, zorder=3)


def columns(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """Return the x values and the y values of points."""
    return [x for x, _ in points], [y for _, y in points]


def checkpoints(sheet: Sheet, axes: Axes, figure: Figure) -> None:
    """Draw the checkpoints as markers on the axis."""
    if figure.marks:
        from matplotlib.transforms import ScaledTranslation  # noqa: PLC0415

        bottom = axes.get_xaxis_transform()
        if len(figure.marks) <= MOST_LINES:
            axes.vlines(
                figure.marks, 0, 1, transform=bottom, color=FAINT, linewidth=0.6, linestyle=(0, (1, 2)), zorder=1
            )
        # The markers are above the axis, so that they do not hide its numbers.
        above = bottom + ScaledTranslation(0, 3.5 / 72, sheet.dpi_scale_trans)
        axes.plot(figure.marks, [0] * len(figure.marks), "^", transform=above, color=INK, markersize=5, zorder=5)


def legend(sheet: Sheet, figure: Figure) -> None:
    """Draw the name of each line in a row under the title, or nothing if the title already names the only line."""
    from matplotlib.lines import Line2D  # noqa: PLC0415

    handles = [
        Line2D([], [], color=COLOURS[at % len(COLOURS)], linewidth=2.2, linestyle=DASHES[at % len(DASHES)],
               marker="D" if line.sparse else "", markersize=4.5, label=plain(line.name))
        for at, line in enumerate(figure.lines)
    ]  # fmt: skip
    if figure.marks:
        handles.append(Line2D([], [], color=INK, linestyle="", marker="^", markersize=5, label=plain(figure.marked)))
    if len(handles) > 1:
        sheet.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(0.14 / WIDTH, 1 - 0.34 / HEIGHT), ncols=len(handles),
            frameon=False, borderpad=0, borderaxespad=0, handlelength=2.4, handletextpad=0.5, columnspacing=1.2,
            prop={"family": families(), "size": 9}, labelcolor=INK,
        )  # fmt: skip


def plain(words: Words) -> str:
    """Return a phrase as text that matplotlib does not read as a formula."""
    return str(words).replace("$", r"\$")


def font(size: float, weight: str = "normal") -> dict[str, Any]:
    """Return matplotlib's options for a text of this size."""
    return {"fontfamily": families(), "fontsize": size, "fontweight": weight}


@cache
def families() -> list[str]:
    """Return the font families to try, in order."""
    return [LATIN, *chinese()]


@cache
def chinese() -> list[str]:
    """Return the first installed font with Chinese letters, in a list that is empty if there is none."""
    from matplotlib.font_manager import fontManager  # noqa: PLC0415

    here = set(fontManager.get_font_names())
    return [name for name in CHINESE if name in here][:1]
