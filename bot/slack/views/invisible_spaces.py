"""Invisible spaces between Slack's formatting and Chinese, which has no spaces of its own there.

Pure.
"""

import re

CHINESE = "[\u4e00-\u9fff，。；：？！、（）「」]"
"""Characters and punctuation of Chinese, as a class of a pattern."""

FORMATTED_SPAN = re.compile(rf"(?P<before>(?<={CHINESE}))?(?P<span>`[^`\n]+`|\*[^*\n]+\*)(?P<after>(?={CHINESE}))?")
"""Code or bold text, and whether Chinese touches it on the left and on the right: then Slack does not format it."""

ZERO_WIDTH_SPACE = "\u200b"


def separate_formatting(text: str) -> str:
    r"""Return markup with an invisible space between formatting and Chinese, so that Slack formats it.

    Code stays as it is, so that it can be copied.

    >>> separate_formatting("输入 `/verl`。") == "输入 `/verl`\u200b。", separate_formatting("`grep=（*`")
    (True, '`grep=（*`')
    """
    return text if text.isascii() else FORMATTED_SPAN.sub(add_invisible_spaces, text)


def add_invisible_spaces(match: re.Match[str]) -> str:
    """Return formatted text with an invisible space on each side that Chinese touches."""
    before, span, after = match["before"], match["span"], match["after"]
    return f"{'' if before is None else ZERO_WIDTH_SPACE}{span}{'' if after is None else ZERO_WIDTH_SPACE}"
