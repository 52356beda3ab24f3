"""A team's own patterns of secrets: read from a file, or refused at the start."""

from pathlib import Path

import pytest

from bot.adapters.files.secret_patterns import read_patterns
from bot.errors import UserError
from bot.runtime.secret_filter import SecretFilter


def test_a_teams_patterns_are_masked(tmp_path: Path) -> None:
    path = tmp_path / "patterns.yaml"
    path.write_text("our-badge: 'badge-[0-9a-f]{8}'\n")
    assert SecretFilter({}, patterns=read_patterns(path)).mask("badge-0123abcd and badge-x") == "…(masked) and badge-x"


BROKEN = {
    "a look ahead": ("a: 'x(?=y)'", "invalid perl operator"),
    "a reference back": (r"a: '(x)\1'", "invalid escape"),
    "an open bracket": ("a: '('", "missing )"),
    "what matches nothing": ("a: 'x*'", "finds nothing"),
    "not a valid RE2 expression": ("a: [1]", "Expected `str`"),
    "no YAML": ("a: 'x", "found unexpected end"),
    "one that is too long": (f"a: '{'x' * 501}'", "501 characters"),
}


@pytest.mark.parametrize(("text", "why"), BROKEN.values(), ids=BROKEN)
def test_a_pattern_that_is_not_valid_is_refused_at_the_start(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "patterns.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        read_patterns(path)
    assert why in str(refused.value)
