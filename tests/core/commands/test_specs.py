"""The table of commands: what it shows can be typed."""

import pytest

from bot.core.commands.parser import parse_command
from bot.core.commands.specs import COMMAND_SPECS
from bot.core.model.typed_text import split_words


@pytest.mark.parametrize("form", COMMAND_SPECS.values(), ids=COMMAND_SPECS)
def test_the_example_of_every_form_works_as_it_stands(form: object) -> None:
    example = getattr(form, "example", "")
    assert split_words(example)[0] == getattr(form, "word", None)
    parse_command(example)
