"""Charts as Slack draws them. Pure."""

from bot.core.figure import Figure, Words, is_cut, is_smoothed, tabled
from bot.language import mark
from bot.slack.blocks import CHART, IMAGE, Block, line_chart


def native(figure: Figure) -> Block | None:
    """Return the chart as a Slack block; None if it has too few points."""
    table = tabled(figure) if figure.drawable else None
    if table is None:
        return None
    columns = {label(x): at for at, x in enumerate(table.xs)}
    series = {str(name): [rounded(values[at]) for at in columns.values()] for name, values in table.lines}
    x_label, y_label = figure.x_label, figure.y_label
    if is_cut(figure):
        x_label = Words(mark("{axis}, as far as both go"), {"axis": x_label})
    if is_smoothed(figure):
        y_label = Words(mark("{metric}, smoothed"), {"metric": y_label})
    return line_chart(str(figure.title), str(x_label), str(y_label), list(columns), series)


def label(x: float) -> str:
    """Return an x value as text.

    >>> label(1200000.0), label(12.3456)
    ('1200000', '12.35')
    """
    return str(int(x)) if float(x).is_integer() else f"{x:.4g}"


def rounded(value: float) -> float:
    """Return the value with six digits: more are not visible, and every edit transfers them."""
    return float(f"{value:.6g}")


def is_chart(block: Block) -> bool:
    """Return whether a block draws something, which a workspace may refuse to do."""
    return block["type"] in (CHART, IMAGE)
