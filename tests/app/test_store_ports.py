"""The ports are small, each method has one port, and a module asks for no port of which it uses nothing."""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Protocol

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.app import ports, store_ports
from tests.naming import ROOT, find_duplicates

MAX_METHODS = 8


def list_ports(module: object) -> Iterator[type]:
    """Yield the protocols that a module defines."""
    for _, port in inspect.getmembers(module, inspect.isclass):
        if port.__module__ == getattr(module, "__name__", "") and Protocol in port.__bases__:
            yield port


def list_methods(kind: type) -> list[str]:
    """Return the public methods that a class defines itself."""
    return [name for name, value in vars(kind).items() if inspect.isfunction(value) and not name.startswith("_")]


STORE_PORTS = list(list_ports(store_ports))
PORTS = {port.__name__: port for port in [*STORE_PORTS, *list_ports(ports)]}
CONSUMERS = [
    path
    for folder in ("app", "slack", "bootstrap", "cli")
    for path in sorted((ROOT / "bot" / folder).rglob("*.py"))
    if path.stem not in ("ports", "store_ports")
]
USERS = [
    path
    for path in CONSUMERS
    if path.relative_to(ROOT / "bot").parts[0] in ("app", "slack") and path.stem != "reconciler"  # hands its two on
]


@cache
def read_attributes(path: Path) -> frozenset[str]:
    """Return the names of all attributes that a module reads."""
    return frozenset(node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute))


def list_imported_ports(path: Path) -> Iterator[type]:
    """Yield the ports that a module imports; of a combined one its parts."""
    imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    names = [alias.name for node in imports if str(node.module).endswith("ports") for alias in node.names]
    for port in (PORTS[name] for name in names if name in PORTS):
        yield from (part for part in port.__mro__ if list_methods(part))


@pytest.mark.parametrize("port", PORTS.values(), ids=list(PORTS))
def test_a_port_is_small(port: type) -> None:
    assert len(list_methods(port)) <= MAX_METHODS


def test_a_method_has_one_port() -> None:
    assert find_duplicates([name for port in STORE_PORTS for name in list_methods(port)]) == []


def test_the_store_has_no_method_that_no_port_names() -> None:
    methods = {name for port in STORE_PORTS if port is not store_ports.Audit for name in list_methods(port)}
    assert set(list_methods(RedisStore)) - methods == set()


def test_every_method_of_a_port_is_used() -> None:
    used = set[str]().union(*map(read_attributes, CONSUMERS))
    assert {name for port in PORTS.values() for name in list_methods(port)} - used == set()


@pytest.mark.parametrize("path", USERS, ids=lambda path: path.stem)
def test_a_module_asks_for_no_port_of_which_it_uses_nothing(path: Path) -> None:
    used = read_attributes(path)
    assert [port.__name__ for port in list_imported_ports(path) if not used & set(list_methods(port))] == []
