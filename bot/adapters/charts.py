"""Figures as pictures. The only importer of matplotlib, which a process of its own loads: see `painter`."""

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
"""Inches: of letters that are 9 points high, a phone 360 pixels wide makes 11 pixels, a desktop more."""

RIGHT, TOP, BOTTOM = 0.16, 0.60, 0.50
"""Inches around the plot itself."""

DOTS_PER_INCH = 200
"""Which makes 800 pixels: as many as a phone has where it shows the picture as wide as itself."""

MOST_LINES = 12
"""Checkpoints that are marked through the whole height: more make a fence."""

MOST_DIAMONDS = 40
"""Points that are each to be seen: more hide the line."""

FOLLOWED = 200
"""Points of a line that the eye follows: more stand nearer than it can tell."""

COLOURS_KEPT = 64
"""Of a picture: four lines and a grey, each with the shades of its edges."""

PAPER, INK, FAINT, GRID = "#fbfbf9", "#24292f", "#646b75", "#e3e5e8"
"""A paper of its own, because a reader's background is white or nearly black and nobody can say which."""

COLOURS = ("#0072b2", "#d55e00", "#007a5a", "#9b4f96")
"""Told apart by the colour-blind too (after Okabe and Ito), each at least four times as dark as the paper."""

DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
"""Told apart without any colour."""

CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
)
"""Fonts with Chinese letters, where one of them is installed."""

LATIN = "DejaVu Sans"
"""Comes with matplotlib."""


def picture(figure: Figure, language: str = ENGLISH) -> bytes:
    """The figure as a PNG, the same for the same figure.

    It is in English where no font here has the letters of the language.
    """
    with speaking(language if language == ENGLISH or chinese() else ENGLISH):
        return drawn(figure)


def drawn(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # 60 MB: not before they are needed
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
    """In few colours, as it is drawn in few: a quarter of the bytes, in half the time."""
    from PIL import Image  # noqa: PLC0415  # comes with matplotlib

    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib types most but this
    drawn = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    whole = Image.frombuffer("RGBA", canvas.get_width_height(), drawn, "raw", "RGBA", 0, 1).convert("RGB")
    found = BytesIO()
    whole.quantize(COLOURS_KEPT, method=Image.Quantize.FASTOCTREE).save(found, "png", compress_level=6)
    return found.getvalue()


def ticks(values: Sequence[float], most: int, whole: bool = False) -> dict[float, str]:
    """Round numbers among these values, and how they are written."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    if not values:
        return {}
    low, high = min(values), max(values)
    room = (high - low) * 0.02 or abs(high) * 0.1 or 1.0
    found = MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10], integer=whole).tick_values(low - room, high + room)
    return alike([float(value) for value in found if low - room <= value <= high + room])


def alike(values: Sequence[float]) -> dict[float, str]:
    """Numbers with as many digits after the point, each.

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
    """Grid, axis and numbers. matplotlib's own ticks are some dozens of objects each, and half of all the time."""
    xs = [x for line in figure.lines for x, _ in line.points]
    steps = ticks(xs, 6, whole=all(float(x).is_integer() for x in xs))  # steps have no halves
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
    """One line: its points faintly where they are many, and what the eye follows through them."""
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
    return [x for x, _ in points], [y for _, y in points]


def checkpoints(sheet: Sheet, axes: Axes, figure: Figure) -> None:
    """Ticks that stand on the axis."""
    if figure.marks:
        from matplotlib.transforms import ScaledTranslation  # noqa: PLC0415

        bottom = axes.get_xaxis_transform()
        if len(figure.marks) <= MOST_LINES:
            axes.vlines(
                figure.marks, 0, 1, transform=bottom, color=FAINT, linewidth=0.6, linestyle=(0, (1, 2)), zorder=1
            )
        above = bottom + ScaledTranslation(0, 3.5 / 72, sheet.dpi_scale_trans)  # of the axis, not on its numbers
        axes.plot(figure.marks, [0] * len(figure.marks), "^", transform=above, color=INK, markersize=5, zorder=5)


def legend(sheet: Sheet, figure: Figure) -> None:
    """What each line is, in a row under the title; nothing where the title says it."""
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
    """Text that is no formula, whatever is in it."""
    return str(words).replace("$", r"\$")


def font(size: float, weight: str = "normal") -> dict[str, Any]:
    return {"fontfamily": families(), "fontsize": size, "fontweight": weight}


@cache
def families() -> list[str]:
    return [LATIN, *chinese()]


@cache
def chinese() -> list[str]:
    """The first font here that has Chinese letters, if there is any."""
    from matplotlib.font_manager import fontManager  # noqa: PLC0415

    here = set(fontManager.get_font_names())
    return [name for name in CHINESE if name in here][:1]
