"""The languages of people: chosen by each, read ahead, and never a reason to wait for the store."""

from collections.abc import Mapping

import pytest

from bot.app.language_preferences import LanguagePreferences
from bot.errors import Unavailable


class Choices:
    """A store of languages that may be away."""

    def __init__(self) -> None:
        self.choices: dict[str, str] = {}
        self.is_away = False

    def get_languages(self) -> Mapping[str, str]:
        self.answer()
        return dict(self.choices)

    def choose_language(self, user: str, language: str | None) -> None:
        self.answer()
        self.choices.pop(user, None)
        self.choices |= {user: language} if language else {}

    def answer(self) -> None:
        if self.is_away:
            raise Unavailable("The store does not answer.")


@pytest.fixture
def choices() -> Choices:
    return Choices()


def test_a_person_without_a_choice_has_the_workspaces_language(choices: Choices) -> None:
    preferences = LanguagePreferences(choices, "zh-CN")
    assert (preferences.get_language("U0ANA"), preferences.get_language(None)) == ("zh-CN", "zh-CN")


def test_a_choice_counts_at_once_and_until_it_is_taken_back(choices: Choices) -> None:
    preferences = LanguagePreferences(choices, "en")
    preferences.choose("U0ANA", "zh-CN")
    preferences.choose("U0BEN", "en")
    assert [preferences.get_language(user) for user in ("U0ANA", "U0BEN", "U0LEA")] == ["zh-CN", "en", "en"]
    assert choices.choices == {"U0ANA": "zh-CN", "U0BEN": "en"}
    preferences.choose("U0ANA", None)
    assert preferences.get_language("U0ANA") == "en"
    assert choices.choices == {"U0BEN": "en"}


def test_a_choice_that_another_bot_recorded_counts_after_the_next_reading(choices: Choices) -> None:
    preferences = LanguagePreferences(choices, "en")
    choices.choices["U0ANA"] = "zh-CN"
    assert preferences.get_language("U0ANA") == "en"
    preferences.refresh()
    assert preferences.get_language("U0ANA") == "zh-CN"


def test_while_the_store_is_away_the_earlier_choices_count(choices: Choices, caplog: pytest.LogCaptureFixture) -> None:
    choices.choices["U0ANA"] = "zh-CN"
    preferences = LanguagePreferences(choices, "en")
    preferences.refresh()
    choices.is_away = True
    preferences.refresh()
    assert preferences.get_language("U0ANA") == "zh-CN"
    assert "cannot be read" in caplog.text


def test_a_choice_that_may_not_be_recorded_is_refused_and_does_not_count(choices: Choices) -> None:
    preferences = LanguagePreferences(choices, "en")
    choices.is_away = True
    with pytest.raises(Unavailable):
        preferences.choose("U0ANA", "zh-CN")
    assert preferences.get_language("U0ANA") == "en"
