"""Values of parameters and overrides, through a plan, in a real shell: each arrives whole, and no part of it is run."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st

from bot.adapters.files.recipe_files import parse_recipe
from bot.core.model.launch_plan import build_launch_plan
from bot.core.model.recipe import Recipe
from bot.errors import UserError
from tests.fuzz.recipe_files import SHORT
from tests.fuzz.target import Check, Target

SCRIPT = r"""
  printf '%s\\0' "$MODEL" "$@"
"""
TEXT = SHORT.replace('  python3 train.py "$@"\n', SCRIPT.lstrip("\n").replace("\\\\", "\\")).replace(
    ', pattern: "[a-z]+", shape: a word', ""
)

PIECES = st.sampled_from(
    [
        *("$(touch pwned)", "`touch pwned`", "; touch pwned", "| touch pwned", "&& touch pwned", "\n touch pwned\n"),
        *("'", '"', "\\", "\\\\", "$MODEL", "${HOME}", "$((1))", "a[$(touch pwned)]", "*", "?", "~", "#", "!", "!!"),
        *("<(touch pwned)", ">pwned", "2>pwned", "&", "{a,b}", "\t", " ", "$'\\x27'", "--", "-n", "%s", "é", "\u2028"),
    ]
)
WORDS = (
    st.lists(PIECES | st.text(max_size=4), min_size=1, max_size=6).map("".join).filter(lambda text: "\0" not in text)
)
CASES = st.tuples(WORDS, st.lists(WORDS.map("x.y={}".format), max_size=4))


@contextmanager
def opened() -> Iterator[Check]:
    recipe = parse_recipe("toy", TEXT)
    with TemporaryDirectory() as folder:
        yield lambda case: check(recipe, Path(folder), *case)


def check(recipe: Recipe, folder: Path, model: str, overrides: Sequence[str]) -> None:
    try:
        made = build_launch_plan(recipe, (("model", model),), tuple(overrides), "toy-7f3a")
        script = str(made.task["run"]).encode()
    except (UserError, UnicodeEncodeError):  # what is no text reaches no machine
        return
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MODEL": str(made.task["envs"]["MODEL"])}
    done = subprocess.run(["bash", "-s"], input=script, cwd=folder, env=environment, capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == [model.strip(), *overrides]
    assert done.stderr == b""
    assert list(folder.iterdir()) == []


TARGET = Target(
    name="shell",
    promise="a value arrives whole, and nothing of it is run",
    examples=CASES,
    opened=opened,
    slice=25,
)
