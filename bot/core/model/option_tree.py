"""The settings of a program that reads its configuration with Hydra, as a list that its framework ships. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

PASSED_ON = re.compile(r"(\w{1,60}_)?kwargs|override_\w{1,60}")
"""Names of settings that a program passes on to another one, which knows what is in them."""


class OptionKind(StrEnum):
    """What a setting takes."""

    FLAG = "flag"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    LIST = "list"
    ANY = "any"
    GROUP = "group"
    OPEN = "open"
    """A mapping of names that no list holds."""


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of a program.

    Attributes:
        is_required: whether its value may not be null.
        engines: those whose configuration has it; none for one that only a `+` adds.
    """

    kind: OptionKind
    is_required: bool = False
    engines: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ValueSet:
    """The values that a program takes for a setting, where it takes no other ones.

    Attributes:
        source: the file that names them, below the program's package.
        is_open: whether a team's own code can register more.
        suffix: what may follow a value.
    """

    values: tuple[str, ...]
    source: str
    is_open: bool = False
    suffix: str = ""

    def holds(self, value: str) -> bool:
        """Return whether the program takes this value."""
        return value in self.values or (bool(self.suffix) and value.removesuffix(self.suffix) in self.values)


@dataclass(frozen=True)
class OptionTree:
    """The settings of one program.

    Attributes:
        program: the module that runs, such as `verl.trainer.main_ppo`.
        engine_setting: the setting that chooses its engine; engines: the engines, the default first.
        options: each setting and group of settings, by its full name.
        choices: the settings by which Hydra takes another file of a group, with the names of the files.
        read_names: names that the program asks for where its configuration may lack them.
        unread: settings that the program has and does not read, each with the one that counts instead; empty for none.
        values: the settings that take no other values than these.
    """

    program: str
    engine_setting: str
    engines: tuple[str, ...]
    options: Mapping[str, Option]
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    read_names: frozenset[str] = frozenset()
    unread: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, ValueSet] = field(default_factory=dict)

    @cached_property
    def by_last_word(self) -> Mapping[str, Sequence[tuple[str, ...]]]:
        """Return the settings by the last word of their names, each as its words."""
        by_word: dict[str, list[tuple[str, ...]]] = {}
        for key in self.options:
            words = tuple(key.split("."))
            by_word.setdefault(words[-1], []).append(words)
        return by_word

    def list_below(self, group: str) -> list[str]:
        """Return the full names of what is directly below a group; of the top, for an empty name."""
        prefix = f"{group}." if group else ""
        return [key for key in self.options if key.startswith(prefix) and "." not in key[len(prefix) :]]

    def is_below_open(self, key: str) -> bool:
        """Return whether a name is somewhere below a setting that takes any name, or that is passed on as it is."""
        words = key.split(".")[:-1]
        above = (self.options.get(".".join(words[:count])) for count in range(1, len(words) + 1))
        is_open = any(option is not None and option.kind is OptionKind.OPEN for option in above)
        return is_open or any(PASSED_ON.fullmatch(word) for word in words)

    def is_list_entry(self, key: str) -> bool:
        """Return whether a name is an entry of a list, such as `trainer.logger.0`."""
        above, _, last = key.rpartition(".")
        option = self.options.get(above)
        return last.isdecimal() and option is not None and option.kind is OptionKind.LIST


@dataclass(frozen=True, slots=True)
class OptionList:
    """The settings of all programs of one version of a framework."""

    version: str
    trees: Mapping[str, OptionTree]


def parse_option_list(text: str, unread: Mapping[str, str], values: Mapping[str, ValueSet]) -> OptionList:
    """Return the settings that a list names.

    It has the version, the names that the code reads, and for each program the files that Hydra chooses from and its
    settings: a line for each, indented by one blank for each level; its name, behind `+` where only that adds it; its
    kind, none for a group, with `!` where null is no value; and after `@` the engines that alone have it.

    >>> lines = ["verl 1", "read", " p", "program a engine x y", "choices", "settings", " n", "  m integer!"]
    >>> option = parse_option_list("\\n".join(lines), {}, {}).trees["a"].options["n.m"]
    >>> option.kind, option.is_required, sorted(option.engines)
    (<OptionKind.INTEGER: 'integer'>, True, ['x', 'y'])
    """
    head, *programs = text.split("\nprogram ")
    first, _, names = head.partition("\nread")
    trees = (parse_option_tree(part, frozenset(names.split()), unread, values) for part in programs)
    return OptionList(first.rpartition("verl ")[2].strip(), {tree.program: tree for tree in trees})


def parse_option_tree(
    text: str, read_names: frozenset[str], unread: Mapping[str, str], values: Mapping[str, ValueSet]
) -> OptionTree:
    """Return the settings of one program, from its part of the list."""
    top, _, rest = text.partition("\nchoices")
    choices, _, settings = rest.partition("\nsettings\n")
    program, engine_setting, *engines = top.split()
    files = {words[0]: tuple(words[1:]) for words in map(str.split, choices.splitlines()) if words}
    options = dict(parse_options(settings.splitlines(), frozenset(engines)))
    return OptionTree(program, engine_setting, tuple(engines), options, files, read_names, unread, values)


def parse_options(lines: Iterable[str], engines: frozenset[str]) -> Iterable[tuple[str, Option]]:
    """Return the full name of each setting with what is known of it."""
    above: list[tuple[str, frozenset[str]]] = []
    for line in lines:
        words = line.split()
        del above[len(line) - len(line.lstrip(" ")) - 1 :]
        name, is_added = words[0].removeprefix("+"), words[0].startswith("+")
        inherited = above[-1][1] if above else engines
        only = next((frozenset(word[1:].split(",")) for word in words if word.startswith("@")), inherited)
        kind = next((word for word in words[1:] if not word.startswith("@")), OptionKind.GROUP)
        key = f"{above[-1][0]}.{name}" if above else name
        own = frozenset() if is_added else only
        yield key, Option(OptionKind(kind.removesuffix("!")), kind.endswith("!"), own)
        above.append((key, own))
