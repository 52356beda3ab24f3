"""Finds the settings that a Hydra override changes, in any notation, for bounds that allow or deny
them by name. Pure."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

MARKS = re.compile(r"^[+~]{1,2}")
"""Marks before a key: add, add or change, delete (Hydra's basic override syntax)."""

NESTED = re.compile(r"(?<![\w.@/-])([\w.@/-]++)['\"]?+\s*+:")
"""A key inside a value: `{trust_remote_code: true}`."""

REFERENCE = re.compile(r"\$\{\s*+[\w.\[\]]++\s*+\}")
"""OmegaConf's reference to another setting, which changes nothing else."""

RESOLVER = re.compile(r"\$\{[^}$]*+")
"""What remains after removing references: OmegaConf calls a resolver such as `oc.env`, whose name may itself be built
from references.
"""

ABSOLUTE = re.compile(r"^['\"]?(/|~|\.\.(/|$)|[A-Za-z]:[\\/])|/\.\.(/|$)")
"""A value that names a place outside the run's own folder."""


def key_of(override: str) -> str:
    """Return the setting that an override names, without Hydra's marks.

    >>> key_of("++a.b=1"), key_of("~a.b"), key_of("hydra/launcher=x"), key_of("db@src=y")
    ('a.b', 'a.b', 'hydra/launcher', 'db@src')
    """
    return MARKS.sub("", override).partition("=")[0].strip()


def value_of(override: str) -> str:
    return override.partition("=")[2].strip()


def keys_of(override: str) -> tuple[str, ...]:
    """Return every setting that an override changes: its own key, each package that it names, and keys in its value.

    >>> keys_of("actor.model={path: x, trust_remote_code: true}")
    ('actor.model', 'actor.model.path', 'actor.model.trust_remote_code')
    >>> keys_of("model@hydra.run=big"), keys_of("a=${oc.${b}:TOKEN}"), keys_of("a=${trainer.n_gpus_per_node}")
    (('model@hydra.run', 'model', 'hydra.run'), ('a', 'a.oc.', '${oc.:TOKEN'), ('a',))
    """
    key, value = key_of(override), REFERENCE.sub("", value_of(override))
    packages = re.split(r"[@:]", key) if "@" in key else []
    # A dict or list in the value changes settings below the key.
    nested = [f"{key}.{name}" for name in NESTED.findall(value)] if "{" in value or "[" in value else []
    return tuple(dict.fromkeys(filter(None, [key, *packages, *nested, *RESOLVER.findall(value)])))


def matches(keys: Iterable[str], patterns: Iterable[str]) -> str | None:
    """Return the first of these patterns that one of the keys matches, in any case; None for none.

    A pattern that ends in `.*` also matches the setting itself: replacing a group changes all of it.

    >>> matches(["hydra"], ["hydra.*"]), matches(["Hydra.run.dir"], ["hydra.*"]), matches(["data.path"], ["hydra.*"])
    ('hydra.*', 'hydra.*', None)
    """
    names = [key.lower() for key in keys]
    for pattern in patterns:
        low = pattern.lower()
        whole = low.removesuffix(".*")
        if any(fnmatchcase(name, low) or name == whole for name in names):
            return pattern
    return None


def is_outside(override: str) -> bool:
    """Return whether an override's value names a place outside the run's own folder.

    >>> [is_outside(f"trainer.default_local_dir={place}") for place in ("/root", "'~/x'", "b/../../c", "b")]
    [True, True, True, False]
    """
    return ABSOLUTE.search(value_of(override)) is not None
