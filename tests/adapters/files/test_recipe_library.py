"""The shell files that recipes share: their text is in the task, and what the bot cannot insert is refused."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.adapters.files.recipe_files import RecipeFolder
from bot.core.model.launch_plan import build_launch_plan
from bot.core.model.recipe import Recipe
from bot.errors import UserError
from tests.fuzz.recipe_files import SHORT

MOUNTED = SHORT.replace(
    "setup: echo setup\nrun: |\n",
    "file_mounts: {~/verlbot/lib: recipes/lib}\nsetup: |\n  . ~/verlbot/lib/greet.sh\n  greet setup\n"
    "run: |\n  # greet is in ~/verlbot/lib\n  . ~/verlbot/lib/greet.sh\n  greet run\n",
)
GREET = 'greet() {\n  echo hello "$1"\n}\n'
INSERTED = f"# lib/greet.sh:\n{GREET}# end of lib/greet.sh\n"

Write = Callable[[str, str], RecipeFolder]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_folder(recipe: str, library: str) -> RecipeFolder:
        (tmp_path / "lib").mkdir(exist_ok=True)
        (tmp_path / "lib" / "greet.sh").write_text(library)
        (tmp_path / "toy.yaml").write_text(recipe)
        return RecipeFolder(tmp_path)

    return write_folder


def refused(recipes: RecipeFolder) -> str:
    with pytest.raises(UserError) as refusal:
        recipes.get("toy")
    return str(refusal.value.sentence)


def hash_launch(recipe: Recipe) -> str:
    return build_launch_plan(recipe, (), (), "toy-7f3a").hash


@pytest.mark.parametrize("source", ["recipes/lib", "lib", "./lib", "../team/recipes/lib", "/srv/recipes/lib"])
def test_the_text_is_where_the_scripts_read_it_and_nothing_is_mounted(write: Write, source: str) -> None:
    task = write(MOUNTED.replace("recipes/lib}", f"{source}}}"), GREET).get("toy").task
    assert task["setup"] == f"{INSERTED}greet setup\n"
    assert task["run"] == f'# greet is in ~/verlbot/lib\n{INSERTED}greet run\npython3 train.py "$@"\n'
    assert "file_mounts" not in task


def test_other_mounts_stay(write: Write) -> None:
    recipe = MOUNTED.replace("recipes/lib}", "recipes/lib, /data: s3://team/lib, /src: recipes/src}")
    assert write(recipe, GREET).get("toy").task["file_mounts"] == {"/data": "s3://team/lib", "/src": "recipes/src"}


def test_backslashes_of_the_library_stay_as_they_are(write: Write) -> None:
    assert r"printf '\1\n\g<0>'" in write(MOUNTED, r"printf '\1\n\g<0>'").get("toy").task["run"]


def test_an_approval_covers_the_text_of_the_library(write: Write) -> None:
    """People approve a hash: with another text behind the same line it is another task."""
    recipes = write(MOUNTED, GREET)
    before = recipes.get("toy")
    write(MOUNTED, GREET.replace("hello", "bye"))
    after = recipes.get("toy")
    assert "echo bye" in recipes.to_yaml(after.task)
    assert hash_launch(before) != hash_launch(after)


def test_a_changed_library_counts_from_the_next_use_and_an_unchanged_one_is_read_once(
    write: Write, tmp_path: Path
) -> None:
    recipes = write(MOUNTED, GREET)
    first = recipes.get("toy")
    assert recipes.get("toy") is first
    os.utime(tmp_path / "lib" / "greet.sh", ns=(0, 0))
    assert recipes.get("toy") is not first


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("  greet run", "  bash ~/verlbot/lib/greet.sh", id="run as a program"),
        pytest.param("  greet run", "  . ~/verlbot/lib/greet.sh", id="read twice"),
        pytest.param("  greet run", "  if true; then\n    . ~/verlbot/lib/greet.sh\n  fi", id="read inside of a block"),
        pytest.param("  greet run", "  . ~/verlbot/lib/greet.sh now", id="with arguments"),
        pytest.param("  greet run", "  . $HOME/verlbot/lib/greet.sh", id="by another spelling"),
        pytest.param("  greet run", '  . "${HOME}/verlbot/lib/greet.sh"', id="in quotes"),
        pytest.param("  greet run", "  python3 ~/verlbot/lib/greet.py", id="no shell"),
        pytest.param("  greet run", "  . ~/verlbot/lib/../greet.sh", id="a file outside of it"),
        pytest.param("  greet run", "  . ~/verlbot/lib/more/greet.sh", id="a folder in it"),
    ],
)
def test_a_mount_that_is_used_otherwise_is_refused_since_nothing_would_be_there(
    write: Write, old: str, new: str
) -> None:
    assert MOUNTED.count(old) == 1
    assert (
        "its `run` must use `~/verlbot/lib` by one line `. ~/verlbot/lib/NAME.sh` for each shell file and "
        "`cat ~/verlbot/lib/NAME.py >TARGET` for each Python file, and in no other way"
        in refused(write(MOUNTED.replace(old, new), GREET))
    )


def test_a_file_that_reads_another_is_refused(write: Write) -> None:
    assert "its `setup` must use `~/verlbot/lib` by one line" in refused(write(MOUNTED, ". ~/verlbot/lib/more.sh\n"))


@pytest.mark.parametrize(
    "script", ["cd /app && python -m lib.main", "cd ~/verlbot && . ./lib/greet.sh", "echo nothing of it"]
)
def test_a_mount_that_no_line_reads_is_refused(write: Write, script: str) -> None:
    task = SHORT.replace("setup: echo setup\nrun: |\n", f"file_mounts: {{/app/lib: ./lib}}\nrun: |\n  {script}\n")
    assert "it mounts `/app/lib`, but no line `. /app/lib/NAME.sh` reads it" in refused(write(task, GREET))


def test_a_slash_at_the_end_of_a_mount_changes_nothing(write: Write) -> None:
    task = write(MOUNTED.replace("~/verlbot/lib: recipes", "~/verlbot/lib/: recipes"), GREET).get("toy").task
    assert INSERTED in task["run"]
    assert "file_mounts" not in task


def test_what_an_editor_leaves_beside_the_library_is_passed_over(write: Write, tmp_path: Path) -> None:
    recipes = write(MOUNTED, GREET)
    (tmp_path / "lib" / ".#greet.sh").symlink_to("ana@host.1234")
    (tmp_path / "lib" / "gone.sh").symlink_to("nowhere")
    assert INSERTED in recipes.get("toy").task["run"]


def test_a_file_that_is_not_there_is_named(write: Write) -> None:
    recipes = write(MOUNTED.replace("lib/greet.sh", "lib/absent.sh"), GREET)
    assert refused(recipes).startswith("The recipe `toy` is not valid: `lib/absent.sh`: No such file or directory.")


def test_a_file_that_is_no_text_is_named(write: Write, tmp_path: Path) -> None:
    recipes = write(MOUNTED, GREET)
    (tmp_path / "lib" / "greet.sh").write_bytes(b"\xff")
    assert "`lib/greet.sh`: it is not UTF-8 text" in refused(recipes)


def test_a_file_that_is_too_large_is_named(write: Write) -> None:
    assert "`lib/greet.sh`: it has more than 1,000,000 bytes" in refused(write(MOUNTED, "#" * 1_000_001))


def test_a_secret_in_the_library_is_found_as_in_the_recipe(write: Write) -> None:
    token = "hf_" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbC"
    assert "the value of a secret is written in `setup (hf_…)`" in refused(write(MOUNTED, f"login {token}\n"))
