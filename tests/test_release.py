"""What `make release` builds: the same wheel from the same source on every machine, and a list of what it brings."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.config.operation_settings import SOURCE_RECIPES

PROJECT = SOURCE_RECIPES.parent
SOURCES = ("bot", "recipes", "pyproject.toml", "README.md", "LICENSE")
LOCKED = re.compile(r"^([a-z0-9._-]+)==([^ ]+)", re.MULTILINE)

pytestmark = [pytest.mark.slow, pytest.mark.long]


def build(source: Path, into: Path) -> Path:
    """The wheel of a source."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(into)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = into.glob("*.whl")
    return wheel


def test_the_wheel_is_the_same_from_another_folder_at_another_time(tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, other / name)
    for path in other.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.utime(path, (1, 1))
    assert build(PROJECT, tmp_path / "first").read_bytes() == build(other, tmp_path / "second").read_bytes()


def test_the_list_of_what_the_bot_brings_has_each_locked_package(tmp_path: Path) -> None:
    path = tmp_path / "verlbot.cdx.json"
    command = ["make", "--silent", "sbom", f"VENV={Path(sys.executable).parents[1]}", f"SBOM={path}"]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    listed = json.loads(path.read_text())
    assert listed["metadata"]["component"]["name"] == "verlbot"
    locked = LOCKED.findall((PROJECT / "requirements-bot.lock").read_text())
    assert len(locked) > 50
    assert sorted((part["name"], part["version"]) for part in listed["components"]) == sorted(locked)
