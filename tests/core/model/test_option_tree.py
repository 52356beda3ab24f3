"""The list of a program's settings: what its lines mean."""

import pytest

from bot.core.model.option_tree import Option, OptionKind, parse_option_list

LINES = """# A list.
verl 1.2
read
 first second
 third
program a.main engine x y
choices
 part@of.a one two
settings
 of
  a integer!
  b @y
   c flag
   +d text
  +e
   f any
 kw open
 logger list
program a.other kind z
choices
settings
 of number
"""
BOTH, Y = frozenset({"x", "y"}), frozenset({"y"})
LIST = parse_option_list(LINES, {"of.a": "of.b"}, {})
TREE = LIST.trees["a.main"]


def test_a_list_has_the_version_and_its_programs_with_their_engines() -> None:
    assert LIST.version == "1.2"
    assert [(tree.program, tree.engine_setting, tree.engines) for tree in LIST.trees.values()] == [
        ("a.main", "engine", ("x", "y")),
        ("a.other", "kind", ("z",)),
    ]
    assert TREE.read_names == {"first", "second", "third"}
    assert TREE.choices == {"part@of.a": ("one", "two")}
    assert TREE.unread == {"of.a": "of.b"}
    assert list(LIST.trees["a.other"].options) == ["of"]


@pytest.mark.parametrize(
    ("key", "option"),
    [
        pytest.param("of", Option(OptionKind.GROUP, engines=BOTH), id="a group"),
        pytest.param("of.a", Option(OptionKind.INTEGER, True, BOTH), id="a value that may not be null"),
        pytest.param("of.b", Option(OptionKind.GROUP, engines=Y), id="a group of one engine"),
        pytest.param("of.b.c", Option(OptionKind.FLAG, engines=Y), id="what is below it"),
        pytest.param("of.b.d", Option(OptionKind.TEXT), id="what only a plus adds"),
        pytest.param("of.e", Option(OptionKind.GROUP), id="a group that only a plus adds"),
        pytest.param("of.e.f", Option(OptionKind.ANY), id="what is below that"),
        pytest.param("kw", Option(OptionKind.OPEN, engines=BOTH), id="after a deeper one"),
    ],
)
def test_a_line_says_what_a_setting_takes_and_which_engines_have_it(key: str, option: Option) -> None:
    assert TREE.options[key] == option


@pytest.mark.parametrize(
    ("key", "is_open"),
    [
        ("kw.any.name", True),
        ("kw", False),
        ("of.engine_kwargs.name", True),
        ("of.override_config.name", True),
        ("of.a.name", False),
    ],
)
def test_below_an_open_setting_and_one_that_is_passed_on_any_name_may_be(key: str, is_open: bool) -> None:
    assert TREE.is_below_open(key) is is_open


@pytest.mark.parametrize(("key", "is_entry"), [("logger.0", True), ("logger.x", False), ("of.0", False), ("0", False)])
def test_an_entry_of_a_list_is_named_by_its_number(key: str, is_entry: bool) -> None:
    assert TREE.is_list_entry(key) is is_entry


def test_what_is_directly_below_a_group_is_listed() -> None:
    assert TREE.list_below("of") == ["of.a", "of.b", "of.e"]
    assert TREE.list_below("") == ["of", "kw", "logger"]
