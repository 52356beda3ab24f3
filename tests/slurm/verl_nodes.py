"""Real verl on the bed's nodes, in the place where SkyPilot makes an environment for a task's Python."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tests.slurm.bed import Bed
from tests.slurm.conftest import ON
from tests.verl.bed import SETTINGS, SMALLER
from tests.verl.environment import MATERIALS, READY, STAND_INS, VARIABLES, VENV

DEBIAN_PYTHON = "/usr/bin/python3"
"""The nodes' user may not read the project's own, which may be in root's home."""

PIP = """\
import sys
print("The bed has installed it:", *sys.argv[1:])
"""
"""Module `pip` of the nodes, which have no network."""


def lacking_verl() -> str:
    """Why the nodes cannot have verl; empty where they can."""
    if not (VENV / READY).exists():
        return "verl's environment is not there: `make test-verl` makes it"
    version = subprocess.run(
        [DEBIAN_PYTHON, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=True
    )
    same = version.stdout.split() == [str(part) for part in sys.version_info[:2]]
    return "" if same else "Debian's Python is of another version than the project's, so that it cannot run its verl"


def stand_ins(bed: Bed) -> Path:
    """The folder of the stand-ins, as the nodes see it."""
    return bed.at.root / "shared" / "verl" / "stand_ins"


def give_verl(bed: Bed) -> Path:
    """Put verl's environment, its stand-ins, a model and data onto the nodes; the folder with the model."""
    shared = bed.at.root / "shared" / "verl"
    shutil.rmtree(shared, ignore_errors=True)
    shared.mkdir()
    venv = VENV.resolve()  # of a link, `cp` would copy the link
    copied = subprocess.run(["cp", "-al", venv, shared / "env"], capture_output=True, check=False)
    if copied.returncode:  # another filesystem
        shutil.rmtree(shared / "env", ignore_errors=True)
        subprocess.run(["cp", "-a", venv, shared / "env"], check=True)
    for python in (shared / "env" / "bin").glob("python*"):
        python.unlink()
        python.symlink_to(DEBIAN_PYTHON)
    settings = shared / "env" / "pyvenv.cfg"
    lines = [line for line in settings.read_text().splitlines() if not line.startswith("home")]
    settings.unlink()  # a link to the environment's own
    settings.write_text("\n".join(["home = /usr/bin", *lines, ""]))
    # SkyPilot takes an environment with a pip for usable.
    (shared / "env" / "bin" / "pip").symlink_to("/bin/true")
    shutil.copytree(STAND_INS, stand_ins(bed), ignore=shutil.ignore_patterns("__pycache__"))
    (stand_ins(bed) / "pip.py").write_text(PIP)
    fill_skeleton(bed.at.skeleton, shared)
    subprocess.run(["chmod", "-R", "a+rX", shared, bed.at.skeleton], check=True)
    return shared / "env" / MATERIALS / "model"


def list_words(bed: Bed, recipe: str, **settings: str) -> str:
    """What is typed after a recipe's name so that it trains small, on the nodes that have verl.

    Args:
        settings: of the recipe, beside or in place of those that make it small.
    """
    typed = [f"{name}={value}" for name, value in {**SETTINGS[recipe], **settings}.items()]
    overrides = [one.replace(str(STAND_INS), str(stand_ins(bed))) for one in SMALLER[recipe]]
    return " ".join([ON, "image=none", *typed, *overrides])


def fill_skeleton(skeleton: Path, shared: Path) -> None:
    """What each cluster's home holds, so that tasks run in verl's environment, on data that are there."""
    skeleton.mkdir(exist_ok=True)
    for name, target in (("sky-user-env", shared / "env"), ("data", shared / "env" / MATERIALS / "data")):
        (skeleton / name).unlink(missing_ok=True)
        (skeleton / name).symlink_to(target)
    variables = {**VARIABLES, "PYTHONPATH": str(shared / "stand_ins")}
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    (skeleton / ".bashrc").write_text(os.linesep.join([*exports, ""]))
