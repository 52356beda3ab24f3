"""Code and bold text beside Chinese are formatted, though Chinese has no visible space there."""

import pytest

from bot.slack.views.invisible_spaces import separate_formatting


@pytest.mark.parametrize(
    ("text", "separated"),
    [
        pytest.param("输入 `/verl`。", "输入 `/verl`\u200b。", id="code before a mark"),
        pytest.param("看（`x`）", "看（\u200b`x`\u200b）", id="code in brackets"),
        pytest.param("*失败*，`x`", "*失败*\u200b，\u200b`x`", id="bold text and code"),
        pytest.param("`grep=（*`", "`grep=（*`", id="nothing within code"),
        pytest.param("*已失败。* 它的", "*已失败。* 它的", id="nothing within bold text"),
        pytest.param("type `/verl`.", "type `/verl`.", id="English"),
    ],
)
def test_only_what_chinese_touches_is_separated(text: str, separated: str) -> None:
    assert separate_formatting(text) == separated
