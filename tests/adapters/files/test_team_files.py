"""A team's own patterns of secrets and its price table: read from files, or refused at the start with the place."""

from pathlib import Path

import pytest

from bot.adapters.files.team_files import read_patterns, read_prices
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
    "not a valid RE2 expression": ("a: [1]", "must be text, not a list."),
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


def test_prices_are_read_by_infra_and_accelerator(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text("k8s: {H100: 2.5, node: 0}\n'*': {L4: 1}\n")
    assert read_prices(path) == {"k8s": {"H100": 2.5, "node": 0.0}, "*": {"L4": 1.0}}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("k8s: {H100: -1}", id="a price below zero"),
        pytest.param("k8s: {H100: 2000000}", id="a price of millions"),
        pytest.param("k8s: {H100: .nan}", id="a price that is no number"),
        pytest.param("k8s: {H100: cheap}", id="a word"),
        pytest.param("k8s: 2.5", id="no accelerator"),
        pytest.param("- k8s", id="a list"),
        pytest.param("k8s: {H100: [", id="no YAML"),
    ],
)
def test_a_file_that_is_no_price_table_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        read_prices(path)
    assert str(path) in str(refused.value)
    assert "`k8s: {H100: 2.5, node: 0.4}`" in str(refused.value.hint)
    assert str(refused.value.message).endswith(".")


def test_a_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_prices(tmp_path / "prices.yaml")
