"""Charts as Slack draws them. Pure."""

from bot.core.figure import Chart, Phrase, build_table, is_cut, is_smoothed
from bot.language import N_
from bot.slack.blocks import CHART, IMAGE, Block, line_chart


def build_native_chart(chart: Chart) -> Block | None:
    """Return the chart as a Slack block; None if it has too few points."""
    table = build_table(chart) if chart.is_drawable else None
    if table is None:
        return None
    columns = {format_x_value(x): index for index, x in enumerate(table.xs)}
    series = {
        str(name): [round_to_six_digits(values[index]) for index in columns.values()] for name, values in table.lines
    }
    x_label, y_label = chart.x_label, chart.y_label
    if is_cut(chart):
        x_label = Phrase(N_("{axis}, as far as both go"), {"axis": x_label})
    if is_smoothed(chart):
        y_label = Phrase(N_("{metric}, smoothed"), {"metric": y_label})
    return line_chart(str(chart.title), str(x_label), str(y_label), list(columns), series)


def format_x_value(x: float) -> str:
    """Return an x value as text.

    >>> format_x_value(1200000.0), format_x_value(12.3456)
    ('1200000', '12.35')
    """
    return str(int(x)) if float(x).is_integer() else f"{x:.4g}"


def round_to_six_digits(value: float) -> float:
    """Return the value with six digits: more are not visible, and every edit transfers them."""
    return float(f"{value:.6g}")


def is_chart(block: Block) -> bool:
    """Return whether a block draws something, which a workspace may refuse to do."""
    return block["type"] in (CHART, IMAGE)
