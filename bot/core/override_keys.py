"""Finds the settings that a Hydra override changes, in any notation, for bounds that allow or deny
them by name. Pure."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

HYDRA_MARKS = re.compile(r"^[+~]{1,2}")
"""Marks before a key: add, add or change, delete (Hydra's basic override syntax)."""

NESTED_KEY = re.compile(r"(?<![\w.@/-])([\w.@/-]++)['\"]?+\s*+:")
"""A key inside a value: `{trust_remote_code: true}`."""

CONFIG_REFERENCE = re.compile(r"\$\{\s*+[\w.\[\]]++\s*+\}")
"""OmegaConf's reference to another setting, which changes nothing else."""

RESOLVER_CALL = re.compile(r"\$\{[^}$]*+")
"""What remains after removing references: OmegaConf calls a resolver such as `oc.env`, whose name may itself be built
from references.
"""

OUTSIDE_PATH = re.compile(r"^['\"]?(/|~|\.\.(/|$)|[A-Za-z]:[\\/])|/\.\.(/|$)")
"""A value that names a place outside the run's own folder."""


def parse_override_key(override: str) -> str:
    """Return the setting that an override names, without Hydra's marks.

    >>> (parse_override_key("++a.b=1"), parse_override_key("~a.b"), parse_override_key("hydra/launcher=x"),
    ...  parse_override_key("db@src=y"))
    ('a.b', 'a.b', 'hydra/launcher', 'db@src')
    """
    return HYDRA_MARKS.sub("", override).partition("=")[0].strip()


def parse_override_value(override: str) -> str:
    return override.partition("=")[2].strip()


def list_override_keys(override: str) -> tuple[str, ...]:
    """Return every setting that an override changes: its own key, each package that it names, and keys in its value.

    >>> list_override_keys("actor.model={path: x, trust_remote_code: true}")
    ('actor.model', 'actor.model.path', 'actor.model.trust_remote_code')
    >>> (list_override_keys("model@hydra.run=big"), list_override_keys("a=${oc.${b}:TOKEN}"),
    ...  list_override_keys("a=${trainer.n_gpus_per_node}"))
    (('model@hydra.run', 'model', 'hydra.run'), ('a', 'a.oc.', '${oc.:TOKEN'), ('a',))
    """
    key, value = parse_override_key(override), CONFIG_REFERENCE.sub("", parse_override_value(override))
    packages = re.split(r"[@:]", key) if "@" in key else []
    # A dict or list in the value changes settings below the key.
    nested = [f"{key}.{name}" for name in NESTED_KEY.findall(value)] if "{" in value or "[" in value else []
    return tuple(dict.fromkeys(filter(None, [key, *packages, *nested, *RESOLVER_CALL.findall(value)])))


def find_matching_pattern(keys: Iterable[str], patterns: Iterable[str]) -> str | None:
    """Return the first of these patterns that one of the keys matches, in any case; None for none.

    A pattern that ends in `.*` also matches the setting itself: replacing a group changes all of it.

    >>> find_matching_pattern(["hydra"], ["hydra.*"]), find_matching_pattern(["Hydra.run.dir"], ["hydra.*"]), find_matching_pattern(["data.path"], ["hydra.*"])
    ('hydra.*', 'hydra.*', None)
    """
    names = [key.lower() for key in keys]
    for pattern in patterns:
        lowercase_pattern = pattern.lower()
        group = lowercase_pattern.removesuffix(".*")
        if any(fnmatchcase(name, lowercase_pattern) or name == group for name in names):
            return pattern
    return None


def points_outside(override: str) -> bool:
    """Return whether an override's value names a place outside the run's own folder.

    >>> [points_outside(f"trainer.default_local_dir={place}") for place in ("/root", "'~/x'", "b/../../c", "b")]
    [True, True, True, False]
    """
    return OUTSIDE_PATH.search(parse_override_value(override)) is not None
