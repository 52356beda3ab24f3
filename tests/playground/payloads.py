"""Blocks and views that Slack takes, as small as they can be, with whatever a test puts into them."""

from typing import Any

Json = dict[str, Any]


def plain(text: str = "x") -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str = "x") -> Json:
    return {"type": "mrkdwn", "text": text}


def section(text: str = "x") -> Json:
    return {"type": "section", "text": mrkdwn(text)}


def context(*texts: str) -> Json:
    return {"type": "context", "elements": [mrkdwn(text) for text in texts]}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def confirm(title: str = "t", text: str = "q", yes: str = "y", no: str = "n") -> Json:
    return {"title": plain(title), "text": mrkdwn(text), "confirm": plain(yes), "deny": plain(no)}


def x(count: int) -> str:
    return "x" * count


def button(**more: Any) -> Json:
    return {"type": "button", "text": plain()} | more


def option(number: int = 0, **more: Any) -> Json:
    return {"text": plain(f"option {number}"), "value": str(number)} | more


def options(count: int) -> list[Json]:
    return [option(number) for number in range(count)]


def boxed(element: Json) -> Json:
    """An element where it may stand: in a row, or in a field of a form."""
    kind = element["type"]
    if kind.endswith("_input"):
        return {"type": "input", "label": plain(), "element": element}
    return actions(element) if kind != "image" else {"type": "context", "elements": [element]}


def element(kind: str, **more: Any) -> Json:
    return boxed({"type": kind, **more})


def select(**more: Any) -> Json:
    return element("static_select", **({"options": options(2)} | more))


def field(**more: Any) -> Json:
    return {"type": "input", "label": plain(), "element": {"type": "plain_text_input"}} | more


def image(**more: Any) -> Json:
    return {"type": "image", "alt_text": "x", "image_url": "https://x.y/z.png"} | more


def rich(*inline: Json, kind: str = "rich_text_section", **more: Any) -> Json:
    return {"type": "rich_text", "elements": [{"type": kind, "elements": list(inline), **more}]}


def bullets(**more: Any) -> Json:
    line = {"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}
    return rich(line, kind="rich_text_list", style="bullet", **more)


def table(rows: int = 1, columns: int = 1, **more: Any) -> Json:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * columns] * rows} | more


def series(name: str = "reward", labels: tuple[str, ...] = ("1", "2")) -> Json:
    return {"name": name, "data": [{"label": label, "value": 0.5} for label in labels]}


def chart(
    *of: Json, kind: str = "line", categories: tuple[str, ...] = ("1", "2"), title: str = "x", **axes: Any
) -> Json:
    axis = {"categories": list(categories)} | axes
    return {
        "type": "data_visualization",
        "title": title,
        "chart": {"type": kind, "series": list(of or [series()]), "axis_config": axis},
    }


def pie(*segments: Json) -> Json:
    return {"type": "data_visualization", "title": "x", "chart": {"type": "pie", "segments": list(segments)}}


def names(count: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(count))


def modal(**more: Any) -> Json:
    return {"type": "modal", "title": plain(), "submit": plain(), "blocks": [field()]} | more


def home(**more: Any) -> Json:
    return {"type": "home", "blocks": [{"type": "divider"}]} | more
