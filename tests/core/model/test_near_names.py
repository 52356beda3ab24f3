"""Which names a mistyped word is taken for: those few typing errors away, and never one that only looks alike."""

import pytest

from bot.core.model.near_names import (
    MAX_COMPARED_CHARACTERS,
    MAX_SUGGESTIONS,
    find_near_names,
    get_max_distance,
    measure_edit_distance,
)

COMMANDS = ["launch", "list", "logs", "status", "stop", "cost", "compare"]


@pytest.mark.parametrize(
    ("word", "near"),
    [
        pytest.param("lunch", ["launch"], id="a letter left out"),
        pytest.param("launnch", ["launch"], id="a letter twice"),
        pytest.param("stauts", ["status"], id="two letters swapped"),
        pytest.param("STATUS", ["status"], id="capitals"),
        pytest.param("comp", ["compare"], id="a beginning"),
        pytest.param("cst", ["cost"], id="one error of three letters"),
        pytest.param("st", [], id="two letters are no hint"),
        pytest.param("train", [], id="another word"),
        pytest.param("", [], id="nothing"),
        pytest.param("sto", ["stop"], id="a beginning of three letters"),
    ],
)
def test_a_word_suggests_the_names_that_it_nearly_is(word: str, near: list[str]) -> None:
    assert find_near_names(word, COMMANDS) == near


def test_the_nearest_name_comes_first_and_few_are_suggested() -> None:
    names = ["batch_sizes", "batch_size", "batch_rise", "batch_side", "batch_site"]
    found = find_near_names("batch_size", names)
    assert found[0] == "batch_size"
    assert len(found) == MAX_SUGGESTIONS


def test_a_caller_may_allow_fewer_errors_than_the_length_does() -> None:
    assert find_near_names("ppo-7f3a", ["ppo-7f4b"]) == ["ppo-7f4b"]
    assert find_near_names("ppo-7f3a", ["ppo-7f4b"], max_distance=1) == []


@pytest.mark.parametrize(("length", "most"), [(0, 0), (2, 0), (3, 1), (5, 1), (6, 2), (9, 3), (200, 3)])
def test_a_longer_word_may_have_more_errors(length: int, most: int) -> None:
    assert get_max_distance("x" * length) == most


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        pytest.param("", "", 0, id="both empty"),
        pytest.param("", "abc", 3, id="three inserted"),
        pytest.param("kitten", "sitting", 3, id="two replaced and one inserted"),
        pytest.param("ca", "abc", 3, id="what is swapped is not edited again"),
        pytest.param("训练", "训连", 1, id="a Chinese character"),
    ],
)
def test_the_distance_counts_insertions_deletions_replacements_and_swaps(a: str, b: str, distance: int) -> None:
    assert measure_edit_distance(a, b, 10) == measure_edit_distance(b, a, 10) == distance


def test_a_distance_above_the_maximum_is_one_more_than_it() -> None:
    assert measure_edit_distance("abcdef", "uvwxyz", 2) == 3


def test_a_word_of_thousands_of_characters_is_near_nothing() -> None:
    word = "a" * (MAX_COMPARED_CHARACTERS + 1)
    assert find_near_names(word, [word, word[:-1]]) == []
