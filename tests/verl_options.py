"""Write the settings that an installed verl has into the bot's list of them: run by `make options`.

It runs in an environment of its own that holds verl and Hydra, and imports neither verl (which would load torch) nor
the bot: Hydra composes verl's configuration from its files, and the syntax tree of its sources tells what else its
code takes. The list holds names and kinds of values, none of verl's words.
"""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PROGRAMS: Mapping[str, tuple[str, str, Mapping[str, tuple[str, ...]]]] = {
    "verl.trainer.main_ppo": (
        "ppo_trainer",
        "model_engine",
        {engine: (f"model_engine={engine}",) for engine in ("dp", "megatron", "torchtitan", "veomni")},
    ),
    "verl.trainer.sft_trainer": (
        "sft_trainer_engine",
        "engine",
        {
            engine: (f"engine={engine}", f"optim={engine}")
            for engine in ("fsdp", "automodel", "megatron", "torchtitan", "veomni")
        },
    ),
}
"""Each program with the name of its configuration, the setting that chooses its engine, and the overrides that choose
each."""

KINDS = {"bool": "flag", "int": "integer", "float": "number", "str": "text"}
"""What the list calls the kinds of single values."""

CONFIG_WORDS = ("config", "cfg", "kwargs", "conf")
"""Words in the names of variables that hold settings."""

MAX_DEPTH = 1
"""Maximum levels of settings that a class of verl's takes below those of its configuration."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a class of settings: its kind, whether it may be null, and the class that it is of."""

    kind: str
    is_nullable: bool
    of_class: str = ""


@dataclass(slots=True)
class Setting:
    """A setting, or a group of them.

    Attributes:
        kind: of its value; `group` for a group, `open` for one that takes any name.
        engines: those whose configuration has it; none for a setting that only a `+` adds.
    """

    kind: str = "any"
    is_nullable: bool = True
    engines: set[str] = field(default_factory=set)
    below: dict[str, "Setting"] = field(default_factory=dict)


def parse_sources(folder: Path) -> Iterator[ast.Module]:
    """Return the syntax trees of all of verl's modules."""
    for path in sorted(folder.rglob("*.py")):
        yield ast.parse(path.read_text(encoding="utf-8"))


def read_annotation(node: ast.expr) -> Field:
    """Return what a field's annotation says of its values."""
    text = ast.unparse(node)
    is_nullable = "None" in text or "Optional" in text or "Any" in text
    bare = text.removeprefix("Optional[").removesuffix("]") if text.startswith("Optional[") else text
    names = {part.strip() for part in bare.split("|")} - {"None"}
    if len(names) == 1:
        name = names.pop()
        if name in KINDS:
            return Field(KINDS[name], is_nullable)
        if name.lower().startswith(("dict", "mapping")):
            return Field("open", is_nullable)
        return Field("any", is_nullable, name if name.isidentifier() else "")
    return Field("number" if names <= {"int", "float"} else "any", is_nullable)


def list_fields(modules: Sequence[ast.Module]) -> Mapping[str, Mapping[str, Field]]:
    """Return the fields of each class of settings, by its name, those of its bases too."""
    classes = {
        node.name: node
        for module in modules
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef) and "dataclass" in "".join(map(ast.unparse, node.decorator_list))
    }

    def collect(name: str) -> dict[str, Field]:
        node = classes.get(name)
        if node is None:
            return {}
        inherited = {key: entry for base in node.bases for key, entry in collect(ast.unparse(base)).items()}
        own = {
            line.target.id: line
            for line in node.body
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.target.id[:1] != "_"
        }
        fields = {key: read_annotation(line.annotation) for key, line in own.items()}
        nulls = {key for key, line in own.items() if isinstance(line.value, ast.Constant) and line.value.value is None}
        return inherited | {
            key: Field(entry.kind, entry.is_nullable or key in nulls, entry.of_class) for key, entry in fields.items()
        }

    return {name: collect(name) for name in classes}


def list_read_names(modules: Sequence[ast.Module]) -> list[str]:
    """Return the names that verl's code asks for where a configuration may be without them."""
    names = set()
    for module in modules:
        for node in ast.walk(module):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            is_lookup = called.endswith((".get", ".pop"))
            words = node.args[:1] if is_lookup else node.args[1:2]
            source = called if is_lookup else "".join(map(ast.unparse, node.args[:1]))
            of_config = any(word in source.lower() for word in CONFIG_WORDS)
            if of_config and (is_lookup or called in ("hasattr", "getattr", "OmegaConf.select")):
                names |= {
                    word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str)
                }
    parts = (part for name in names for part in name.split("."))
    return sorted(part for part in parts if part.isidentifier() and part.islower() and part[:1] != "_")


def add_settings(parent: Setting, config: Any, engine: str, fields: Mapping[str, Mapping[str, Field]]) -> None:
    """Add the settings of a composed configuration to those of the engines before it."""
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    target = str(config._target_ if "_target_" in config else "")
    own_fields = fields.get(target.rpartition(".")[2], {})
    for name in config:
        if str(name).startswith("_"):
            continue
        setting = parent.below.setdefault(str(name), Setting())
        setting.engines.add(engine)
        try:
            value = config[name]
        except OmegaConfBaseException:
            value = None
        declared = own_fields.get(str(name))
        if isinstance(value, DictConfig) and OmegaConf.is_interpolation(config, name):
            setting.kind = "any"  # a reference to another group: what is below it is set there
        elif isinstance(value, DictConfig) and value:
            setting.kind = "group"
            add_settings(setting, value, engine, fields)
        elif isinstance(value, DictConfig) or (declared is not None and declared.kind == "open"):
            setting.kind = "open"
        elif OmegaConf.is_list(value):
            setting.kind = "list"
        elif declared is not None and declared.kind != "any":
            setting.kind = declared.kind
            setting.is_nullable = declared.is_nullable or value is None
        elif setting.kind == "any":
            setting.kind = KINDS.get(type(value).__name__, "any")
    for name, declared in own_fields.items():
        if name not in config:
            add_field(parent, name, declared, fields, MAX_DEPTH)


def add_field(
    parent: Setting, name: str, declared: Field, fields: Mapping[str, Mapping[str, Field]], depth: int
) -> None:
    """Add a setting that a class of verl's takes and its configuration does not have."""
    setting = parent.below.setdefault(name, Setting(declared.kind, declared.is_nullable))
    if setting.kind == "any" and declared.of_class in fields and depth:
        setting.kind = "group"
        for key, entry in fields[declared.of_class].items():
            add_field(setting, key, entry, fields, depth - 1)


def write_settings(parent: Setting, engines: set[str], depth: int = 1) -> Iterator[str]:
    """Return a line for each setting: `+` where only that adds it, name, kind, and the engines that alone have it.

    A `!` after the kind says that the value may not be null.
    """
    for name, setting in sorted(parent.below.items()):
        mark = "" if setting.engines or not engines else "+"
        required = "" if setting.is_nullable or setting.kind not in KINDS.values() else "!"
        kind = "" if setting.kind == "group" else f" {setting.kind}{required}"
        only = f" @{','.join(sorted(setting.engines))}" if setting.engines and setting.engines != engines else ""
        yield f"{' ' * depth}{mark}{name}{kind}{only}"
        yield from write_settings(setting, setting.engines, depth + 1)


def list_choices(name: str, folder: Path) -> Iterator[str]:
    """Return each spelling by which Hydra takes another file of a group for this configuration, with the files."""
    from hydra import compose
    from hydra.errors import HydraException
    from omegaconf import OmegaConf

    defaults = OmegaConf.load(folder / f"{name}.yaml").defaults
    for entry in (key for line in defaults if not isinstance(line, str) for key in line):
        group = str(entry).partition("@")[0]
        choices = sorted(path.stem for path in (folder / group).glob("*.yaml"))
        for spelling in dict.fromkeys((group, str(entry))):
            try:
                compose(name, overrides=[f"{spelling}={choices[0]}"])
            except HydraException:
                continue
            yield f"{spelling} {' '.join(choices)}"


def wrap(words: Sequence[str], width: int = 118) -> Iterator[str]:
    """Return the words on lines of at most this width, each behind a blank."""
    line = ""
    for word in words:
        if line and len(line) + len(word) + 2 > width:
            yield line
            line = ""
        line += f" {word}"
    if line:
        yield line


def write_option_tree() -> Iterator[str]:
    """Return the lines of the list."""
    from hydra import compose, initialize_config_dir

    spec = find_spec("verl")
    if spec is None or spec.origin is None:
        sys.exit("verl is not installed beside this Python.")
    folder = Path(spec.origin).parent
    modules = list(parse_sources(folder))
    fields = list_fields(modules)
    yield "# Made by `make options` from an installed verl. Do not edit."
    yield f"verl {version('verl')}"
    yield "read"
    yield from wrap(list(dict.fromkeys(list_read_names(modules))))
    for program, (name, engine_setting, engines) in PROGRAMS.items():
        root = Setting()
        yield f"program {program} {engine_setting} {' '.join(engines)}"
        with initialize_config_dir(str(folder / "trainer" / "config"), version_base=None):
            for engine, overrides in engines.items():
                add_settings(root, compose(name, overrides=list(overrides)), engine, fields)
            yield "choices"
            yield from (f" {line}" for line in sorted(list_choices(name, folder / "trainer" / "config")))
        yield "settings"
        yield from write_settings(root, set(engines))


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in write_option_tree())
