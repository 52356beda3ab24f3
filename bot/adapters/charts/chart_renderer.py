"""Charts as PNG images. This is the only importer of matplotlib, which a separate process loads:
see the chart worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from bot.core.rules.chart_axis import choose_bounds, choose_positions, format_positions
from bot.core.rules.chart_data import Chart, ChartLine
from bot.core.rules.downsample import SMOOTHED_FROM_POINTS, Point, downsample, smooth
from bot.phrase import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Sheet

WIDTH_INCHES, HEIGHT_INCHES = 4.0, 3.2
"""Size of the image in inches: a phone 360 pixels wide shows letters of 9 points 11 pixels high, a desktop higher."""

RIGHT_INCHES, TOP_INCHES, BOTTOM_INCHES = 0.16, 0.60, 0.50
"""Margins in inches around the plot itself."""

DOTS_PER_INCH = 200
"""Resolution of the image: 800 pixels of width, as many as a phone has if it shows the image at full width."""

MAX_CHECKPOINT_LINES = 12
"""Maximum checkpoints that are marked by a line through the whole height: more lines would hide the plot."""

MAX_X_LABELS = 6
"""Maximum labels of the x axis: "90 min" six times fills the width."""

Y_MARGIN = 0.04
"""Share of the y axis beyond each bound, so that a line along a bound has its full width."""

MAX_MARKERS = 40
"""Maximum points that get a marker each: more markers would hide the line."""

MAX_SMOOTHED_POINTS = 200
"""Maximum points of a smoothed line: more points are too close for the eye to tell apart."""

PALETTE_SIZE = 64
"""Number of colours in an image: four lines and a grey, each with the shades of its edges."""

BACKGROUND_COLOUR, TEXT_COLOUR, SECONDARY_COLOUR, GRID_COLOUR = "#fbfbf9", "#24292f", "#646b75", "#e3e5e8"
"""Colours of the background, text, secondary text and grid. The background is opaque because a reader's own may be
white or nearly black.
"""

LINE_COLOURS = ("#0072b2", "#d55e00", "#007a5a", "#9b4f96")
"""Colours of lines that colour-blind readers can tell apart (after Okabe and Ito), each at least four times as dark as
the background.
"""

LINE_STYLES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
"""Line styles that readers can tell apart without colour."""

CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
)
"""Fonts with Chinese letters, in the order of preference."""

FIRST_CHINESE_CHARACTER = "\u2e80"
"""First character of the blocks of Chinese, Japanese and Korean letters (Unicode, CJK Radicals Supplement)."""

LATIN_FONT = "DejaVu Sans"
"""The font that comes with matplotlib."""


def render_chart(chart: Chart, fallback: Chart | None = None) -> bytes:
    """Return the chart as a PNG; the same chart gives the same bytes.

    Args:
        fallback: the same chart in English; drawn if no font on this machine has the letters of the first.
    """
    is_readable = fallback is None or not has_chinese_labels(chart) or find_chinese_fonts()
    return draw_chart(chart if is_readable or fallback is None else fallback)


def has_chinese_labels(chart: Chart) -> bool:
    """Return whether a label has letters that the Latin font lacks."""
    labels = (chart.title, chart.x_label, chart.y_label, chart.marks_label, *(line.name for line in chart.lines))
    return any(char >= FIRST_CHINESE_CHARACTER for label in labels for char in str(label))


def draw_chart(chart: Chart) -> bytes:
    """Return the chart as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # 60 MB: loaded when needed
    from matplotlib.figure import Figure as Sheet  # noqa: PLC0415

    page = Sheet(
        figsize=(WIDTH_INCHES, HEIGHT_INCHES),
        dpi=DOTS_PER_INCH,
        facecolor=BACKGROUND_COLOUR,
        edgecolor=GRID_COLOUR,
        linewidth=2,
    )
    canvas = FigureCanvasAgg(page)
    y_bounds = find_bounds(chart)
    y_labels = choose_ticks(y_bounds, 5) if y_bounds else {}
    left_inches = 0.16 + 0.09 * max(map(len, y_labels.values()), default=0)
    plot = (
        left_inches / WIDTH_INCHES,
        BOTTOM_INCHES / HEIGHT_INCHES,
        (WIDTH_INCHES - left_inches - RIGHT_INCHES) / WIDTH_INCHES,
        (HEIGHT_INCHES - TOP_INCHES - BOTTOM_INCHES) / HEIGHT_INCHES,
    )
    axes = page.add_axes(plot, frame_on=False, xticks=[], yticks=[])
    page.text(
        0.14 / WIDTH_INCHES,
        1 - 0.13 / HEIGHT_INCHES,
        escape_formula(chart.title),
        **build_font_options(11, "bold"),
        color=TEXT_COLOUR,
        va="top",
    )
    for number, line in enumerate(chart.lines):
        draw_line(axes, line, number)
    draw_scales(axes, chart, y_labels, y_bounds)
    draw_checkpoints(page, axes, chart)
    draw_legend(page, chart)
    return encode_png(canvas)


def encode_png(canvas: FigureCanvasAgg) -> bytes:
    """Return the canvas as a PNG with a small palette, as it has few colours: a quarter of the bytes, in half the
    time.
    """
    from PIL import Image  # noqa: PLC0415  # comes with matplotlib

    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib leaves this untyped
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    image = Image.frombuffer("RGBA", canvas.get_width_height(), pixels, "raw", "RGBA", 0, 1).convert("RGB")
    buffer = BytesIO()
    image.quantize(PALETTE_SIZE, method=Image.Quantize.FASTOCTREE).save(buffer, "png", compress_level=6)
    return buffer.getvalue()


def find_bounds(chart: Chart) -> tuple[float, float] | None:
    """Return the bounds of the y axis; None for a chart without points."""
    values = [y for line in chart.lines for _, y in line.points]
    return choose_bounds(values, chart.is_share) if values else None


def choose_ticks(bounds: tuple[float, float], max_count: int) -> dict[float, str]:
    """Return round numbers within the bounds, each with its label."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    low, high = bounds
    margin = (high - low) * 1e-6
    tick_values = MaxNLocator(nbins=max_count, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return format_ticks([float(value) for value in tick_values if low - margin <= value <= high + margin])


def choose_x_labels(chart: Chart) -> dict[float, str]:
    """Return round positions of the x axis, each with its label; the only position where all points share it."""
    xs = [x for line in chart.lines for x, _ in line.points]
    if not xs:
        return {}
    positions = choose_positions(min(xs), max(xs), MAX_X_LABELS, chart.axis) or (min(xs),)
    return dict(zip(positions, format_positions(positions, chart.axis), strict=True))


def format_ticks(values: Sequence[float]) -> dict[float, str]:
    """Return labels for numbers, all with the same number of digits after the point.

    >>> format_ticks([0.0, 0.25, 0.5]), format_ticks([0.0, 1e-07]), format_ticks([0.0, 20_000.0])
    ({0.0: '0.00', 0.25: '0.25', 0.5: '0.50'}, {0.0: '0', 1e-07: '1e-07'}, {0.0: '0', 20000.0: '20k'})
    """
    if values and max(map(abs, values)) >= 10_000 and not any(value % 1000 for value in values):
        return {value: f"{value / 1000:.6g}k" if value else "0" for value in values}
    labels = [f"{value:.6g}" for value in values]
    if not any("e" in text for text in labels):
        digits = max((len(text.partition(".")[2]) for text in labels), default=0)
        labels = [f"{value:.{digits}f}" for value in values]
    return dict(zip(values, labels, strict=True))


def draw_scales(axes: Axes, chart: Chart, y_labels: Mapping[float, str], y_bounds: tuple[float, float] | None) -> None:
    """Draw the grid, the axis and its numbers.

    matplotlib's own ticks are some dozens of objects each, and take half of the whole time.
    """
    x_labels = choose_x_labels(chart)
    across, down = axes.get_yaxis_transform(), axes.get_xaxis_transform()
    axes.margins(x=0.02)
    axes.autoscale_view()
    if y_bounds:
        margin = (y_bounds[1] - y_bounds[0]) * Y_MARGIN
        axes.set_ylim(y_bounds[0] - margin, y_bounds[1] + margin)
    axes.hlines(list(y_labels), 0, 1, transform=across, color=GRID_COLOUR, linewidth=0.8, zorder=0)
    axes.hlines(0, 0, 1, transform=axes.transAxes, color=SECONDARY_COLOUR, linewidth=1.2, zorder=1, clip_on=False)
    for y, text in y_labels.items():
        axes.text(
            -0.02,
            y,
            text,
            transform=across,
            ha="right",
            va="center_baseline",
            **build_font_options(9),
            color=SECONDARY_COLOUR,
        )
    for x, text in x_labels.items():
        axes.text(
            x,
            -0.03,
            escape_formula(text),
            transform=down,
            ha="center",
            va="top",
            **build_font_options(9),
            color=SECONDARY_COLOUR,
        )
    axes.text(
        0.5,
        -0.11,
        escape_formula(chart.x_label),
        transform=axes.transAxes,
        ha="center",
        va="top",
        **build_font_options(9),
        color=SECONDARY_COLOUR,
    )


def draw_line(axes: Axes, line: ChartLine, number: int) -> None:
    """Draw one line: its raw points faintly if there are many, and a smoothed line through them."""
    colour, dash = LINE_COLOURS[number % len(LINE_COLOURS)], LINE_STYLES[number % len(LINE_STYLES)]
    xs, ys = split_points(line.points)
    if line.is_sparse:
        xs, ys = split_points(downsample(line.points, MAX_MARKERS))
        axes.plot(xs, ys, color=colour, linewidth=1.2, linestyle=dash, marker="D", markersize=4.5, zorder=4)
        return
    if len(line.points) >= SMOOTHED_FROM_POINTS:
        axes.plot(xs, ys, color=colour, linewidth=0.7, alpha=0.28, zorder=2)
    smoothed_points = downsample(smooth(line.points), MAX_SMOOTHED_POINTS)
    xs, ys = split_points(smoothed_points)
    axes.plot(xs, ys, color=colour, linewidth=2.2, linestyle=dash, zorder=3)


def split_points(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """Return the x values and the y values of points."""
    return [x for x, _ in points], [y for _, y in points]


def draw_checkpoints(page: Sheet, axes: Axes, chart: Chart) -> None:
    """Draw the checkpoints as markers on the axis."""
    if chart.marks:
        from matplotlib.transforms import ScaledTranslation  # noqa: PLC0415

        bottom = axes.get_xaxis_transform()
        if len(chart.marks) <= MAX_CHECKPOINT_LINES:
            axes.vlines(
                chart.marks,
                0,
                1,
                transform=bottom,
                color=SECONDARY_COLOUR,
                linewidth=0.6,
                linestyle=(0, (1, 2)),
                zorder=1,
            )
        # The markers are above the axis, so that they do not hide its numbers.
        above_axis = bottom + ScaledTranslation(0, 3.5 / 72, page.dpi_scale_trans)
        axes.plot(
            chart.marks, [0] * len(chart.marks), "^", transform=above_axis, color=TEXT_COLOUR, markersize=5, zorder=5
        )


def draw_legend(page: Sheet, chart: Chart) -> None:
    """Draw the name of each line in a row under the title, or nothing if the title already names the only line."""
    from matplotlib.lines import Line2D  # noqa: PLC0415

    handles = [
        Line2D([], [], color=LINE_COLOURS[at % len(LINE_COLOURS)], linewidth=2.2,
               linestyle=LINE_STYLES[at % len(LINE_STYLES)], marker="D" if line.is_sparse else "", markersize=4.5,
               label=escape_formula(line.name))
        for at, line in enumerate(chart.lines)
    ]  # fmt: skip
    if chart.marks:
        handles.append(
            Line2D(
                [],
                [],
                color=TEXT_COLOUR,
                linestyle="",
                marker="^",
                markersize=5,
                label=escape_formula(chart.marks_label),
            )
        )
    if len(handles) > 1:
        page.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(0.14 / WIDTH_INCHES, 1 - 0.34 / HEIGHT_INCHES),
            ncols=len(handles), frameon=False, borderpad=0, borderaxespad=0, handlelength=2.4, handletextpad=0.5,
            columnspacing=1.2, prop={"family": list_font_families(), "size": 9}, labelcolor=TEXT_COLOUR,
        )  # fmt: skip


def escape_formula(text: Text) -> str:
    """Return a text as text that matplotlib does not read as a formula."""
    return str(text).replace("$", r"\$")


def build_font_options(size: float, weight: str = "normal") -> dict[str, Any]:
    """Return matplotlib's options for a text of this size."""
    return {"fontfamily": list_font_families(), "fontsize": size, "fontweight": weight}


@cache
def list_font_families() -> list[str]:
    """Return the font families to try, in order."""
    return [LATIN_FONT, *find_chinese_fonts()]


@cache
def find_chinese_fonts() -> list[str]:
    """Return the first installed font with Chinese letters, in a list that is empty if there is none."""
    from matplotlib.font_manager import fontManager  # noqa: PLC0415

    installed = set(fontManager.get_font_names())
    return [name for name in CHINESE_FONTS if name in installed][:1]
