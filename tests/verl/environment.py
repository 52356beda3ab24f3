"""The environment that real verl runs in: beside the project's own, made once, kept between runs."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from bot.config.operation_settings import SOURCE_RECIPES

PROJECT = SOURCE_RECIPES.parent
STAND_INS = Path(__file__).parent / "stand_ins"
VENV = Path(os.environ.get("VERLBOT_VERL_VENV") or PROJECT / ".verl-venv").absolute()
NEWEST = "newest"
"""In place of a version: the newest that the package index has."""

TORCH = "torch==2.13.0"
"""Not in the lock: its build for CPUs is where pip's configuration says, or where `UV_TORCH_BACKEND=cpu` says."""

READY = ".ready"
MATERIALS = "materials"

VARIABLES = {
    "VERL_PLATFORM": "cpu",
    "VERL_ENGINE_DEVICE": "cuda",  # under which verl has registered its FSDP workers
    "VERL_USE_EXTERNAL_MODULES": "verl_bed_platform",
    "PYTHONPATH": str(STAND_INS),
    "RAY_OVERRIDE_RESOURCES": '{"CPU": 16}',  # what the recipes ask for; nothing here keeps one busy
    "RAY_worker_register_timeout_seconds": "180",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
}
"""What verl's processes need in their environment to run here."""


def pinned_version() -> str:
    """The version of verl that the recipes install."""
    (found,) = re.findall(r"verl\[\w+\]==([\w.]+)", (SOURCE_RECIPES / "lib" / "verl-setup.sh").read_text())
    return str(found)


def installed_version(venv: Path = VENV) -> str:
    return (venv / READY).read_text().strip()


def materials(venv: Path = VENV) -> Path:
    """The folder with the model, its tokenizer and the data."""
    return venv / MATERIALS


def install(venv: Path = VENV, version: str = "") -> None:
    """Make the environment and the materials, from nothing.

    Args:
        version: of verl, the pinned one unless said; or `newest`, with the newest of what it imports.
    """
    version = version or pinned_version()
    shutil.rmtree(venv, ignore_errors=True)
    # Relocatable, for the copy on the nodes of tests/slurm.
    uv("venv", "--quiet", "--relocatable", "--python", sys.executable, str(venv))
    if version == NEWEST:
        into(venv, "verl", TORCH, *imported_names())
    else:
        into(venv, "--no-deps", "--require-hashes", "--requirement", f"{PROJECT}/requirements-verl.lock")
        into(venv, TORCH)
        into(venv, "--no-deps", f"verl=={version}")
    # Ray starts many processes at once, and each would compile what it imports: these two have done it before.
    run_python(
        venv, "-c", "import verl.trainer.main_ppo, verl.trainer.ppo.v1, verl.workers.engine_workers, ray.dashboard"
    )
    run_python(venv, str(STAND_INS / "verl_bed_materials.py"), str(materials(venv)))
    found = run_python(venv, "-c", "import importlib.metadata; print(importlib.metadata.version('verl'))")
    (venv / READY).write_text(found)


def imported_names() -> list[str]:
    """What verl imports, of whatever version, with the extras."""
    groups = tomllib.loads((PROJECT / "pyproject.toml").read_text())["dependency-groups"]
    return [re.split(r"[<>=!~]", one)[0] for one in groups["verl"]]


def into(venv: Path, *words: str) -> None:
    uv("pip", "install", "--quiet", "--python", f"{venv}/bin/python", *words)


def uv(*words: str) -> None:
    environment = {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", ""), **os.environ}
    # Without the settings in pyproject.toml, which keep torch out of locks.
    subprocess.run([Path(sys.executable).parent / "uv", "--no-config", *words], env=environment, check=True)


def run_python(venv: Path, *words: str) -> str:
    """What verl's Python prints.

    Raises:
        CalledProcessError: it failed; its standard error has been shown.
    """
    environment = {**os.environ, **VARIABLES, "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        [venv / "bin" / "python", "-W", "ignore", *words], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stderr)
    done.check_returncode()
    return done.stdout
