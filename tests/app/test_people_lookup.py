"""Whom a name means: by handle, display name or real name."""

from collections.abc import Mapping, Sequence

import pytest

from bot.app.people_lookup import match_people, unknown_person_error

NAMES: Mapping[str, Sequence[str]] = {
    "U0ANA": ("ana", "Ana Roth"),
    "U0BEN": ("Benny", "Ben Carter", "bcarter"),
    "U0BEN2": ("Benny", "Ben Lee"),
    "U0NIL": (),
}


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("ana", ["U0ANA"]),
        ("@Ana", ["U0ANA"]),
        ("ANA  roth", ["U0ANA"]),
        ("bcarter", ["U0BEN"]),
        ("@ben carter", ["U0BEN"]),
        ("benny", ["U0BEN", "U0BEN2"]),
        ("ben", []),
        ("", []),
    ],
)
def test_a_name_means_those_who_have_it_whatever_its_capitals(typed: str, found: list[str]) -> None:
    assert match_people(typed, NAMES) == found


@pytest.mark.parametrize(
    ("typed", "guess"), [("anna", "@U0ANA"), ("roth", "@U0ANA"), ("carter", "@U0BEN"), ("benni", ""), ("zoe", "")]
)
def test_a_near_name_is_suggested_where_one_person_has_it(typed: str, guess: str) -> None:
    hint = str(unknown_person_error(typed, NAMES).hint)
    assert (f"Did you mean {guess}?" in hint) is (guess != "")
    assert "Type `@` and choose the person" in hint
