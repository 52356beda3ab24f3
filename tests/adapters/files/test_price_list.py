"""The price table as a file: what is read, and what is refused with the place."""

from pathlib import Path

import pytest

from bot.adapters.files.price_list import read_prices
from bot.errors import UserError


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


def test_a_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_prices(tmp_path / "prices.yaml")
