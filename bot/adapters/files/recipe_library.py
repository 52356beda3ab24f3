"""The files that recipes share: a recipe mounts them for `sky launch`, and the bot inserts their text.

A line `. MOUNT/NAME.sh` reads shell functions; a line `cat MOUNT/NAME.py >TARGET` writes a Python module.

SkyPilot uploads a mount from the client's machine at the moment of the launch. An approval would then cover a path and
not the text behind it, and clusters that share a home would share one copy. So the bot mounts nothing: the text is part
of the task that is shown, hashed, approved and recorded.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from bot.adapters.files.yaml_reader import MAX_FILE_BYTES, RefusedYaml, YamlTooLarge, describe_error
from bot.phrase import Phrase

LIBRARY = "lib"
"""The folder beside the recipes. Its path in a mount depends on where people type `sky launch`; its name does not."""

SCRIPTS = ("setup", "run")

SHELL_FILE, MODULE_FILE = (rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,99}}\.{suffix}" for suffix in ("sh", "py"))
FILE_NAME = re.compile(f"{SHELL_FILE}|{MODULE_FILE}")


def insert_library(task: Mapping[str, Any], recipes: Path) -> dict[str, Any]:
    """Return the task with the text of the library in place of the lines that read it, and without its mount.

    Args:
        recipes: the folder of the recipe.

    Raises:
        RefusedYaml: a file cannot be read, or the task uses the mount in another way.
    """
    complete = dict(task)
    mounts = dict(task.get("file_mounts") or {})
    for path in [path for path, source in mounts.items() if is_library(source)]:
        mount = path.rstrip("/")
        scripts = {name: task[name] for name in SCRIPTS if task.get(name)}
        inserted = {name: insert_files(name, complete[name], mount, recipes / LIBRARY) for name in scripts}
        # A mount that no script reads is used in another way, which would find nothing there.
        if inserted == {name: complete[name] for name in scripts}:
            line = f". {mount}/NAME.sh"
            raise RefusedYaml(Phrase("it mounts `{mount}`, but no line `{line}` reads it", mount=mount, line=line))
        del mounts[path]
        complete |= inserted | {"file_mounts": mounts}
    return {key: value for key, value in complete.items() if key != "file_mounts" or value}


def is_library(source: object) -> bool:
    """Return whether the source of a mount is the library.

    >>> is_library("recipes/lib"), is_library("recipes/data"), is_library("s3://team/lib")
    (True, False, False)
    """
    return isinstance(source, str) and "://" not in source and PurePosixPath(source).name == LIBRARY


def insert_files(script_name: str, script: str, mount: str, library: Path) -> str:
    """Return a script with the text of each file in place of the line that reads it.

    Raises:
        RefusedYaml: a file cannot be read, or the script uses the mount in another way.
    """
    inserted: set[str] = set()

    def insert(line: re.Match[str]) -> str:
        file = line["shell"] or line["module"]
        # One file once: a short recipe would else become a task of any length.
        if file in inserted:
            return line[0]
        inserted.add(file)
        text = read_library_file(library / file)
        return mark_origin(file, text if line["shell"] else write_document(file, text, line["target"]))

    reads = rf"\. {re.escape(mount)}/(?P<shell>{SHELL_FILE})"
    writes = rf"cat {re.escape(mount)}/(?P<module>{MODULE_FILE}) >(?P<target>\S+)"
    whole = re.sub(f"^(?:{reads}|{writes})$", insert, script, flags=re.MULTILINE)
    if any(path in line for line in list_commands(whole) for path in list_spellings(mount)):
        raise RefusedYaml(
            Phrase(
                "its `{script}` must use `{mount}` by one line `{line}` for each shell file and `{other}` for each "
                "Python file, and in no other way",
                script=script_name,
                mount=mount,
                line=f". {mount}/NAME.sh",
                other=f"cat {mount}/NAME.py >TARGET",
            )
        )
    return whole


def read_library_file(path: Path) -> str:
    """Return the text of a file of the library.

    Raises:
        RefusedYaml: it cannot be read, is no text, or is too large.
    """
    place = f"`{LIBRARY}/{path.name}`"
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise YamlTooLarge(Phrase("it has more than {count} bytes", count=f"{MAX_FILE_BYTES:,}"))
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, YamlTooLarge) as error:
        raise RefusedYaml(Phrase("{place}: {flaw}", place=place, flaw=describe_error(error))) from error


def write_document(file: str, text: str, target: str) -> str:
    """Return the shell command that writes the text to the target, which the shell expands; the text it does not.

    Raises:
        RefusedYaml: the text has a line that would end it too early.
    """
    end = f"END_OF_{file.partition('.')[0].upper()}"
    if end in text.splitlines():
        raise RefusedYaml(Phrase("`{place}` has a line `{line}`", place=f"{LIBRARY}/{file}", line=end))
    return f"cat >{target} <<'{end}'\n{text.rstrip()}\n{end}"


def mark_origin(file: str, text: str) -> str:
    """Return the text of a file between two comments that name it."""
    return f"# {LIBRARY}/{file}:\n{text.rstrip()}\n# end of {LIBRARY}/{file}"


def list_commands(script: str) -> Iterator[str]:
    """Yield the lines of a script that are not comments."""
    return (line for line in script.splitlines() if not line.lstrip().startswith("#"))


def list_spellings(path: str) -> list[str]:
    """Return the ways in which a script can write a path.

    >>> list_spellings("~/lib"), list_spellings("/lib")
    (['~/lib', '$HOME/lib', '${HOME}/lib'], ['/lib'])
    """
    return [home + path[1:] for home in ("~", "$HOME", "${HOME}")] if path.startswith("~/") else [path]


def list_versions(recipes: Path) -> tuple[tuple[str, int], ...]:
    """Return the name and the time of change of each file of the library; 0 for one that is gone by now."""
    paths = sorted(path for path in (recipes / LIBRARY).glob("*") if FILE_NAME.fullmatch(path.name))
    return tuple((path.name, read_change_time(path)) for path in paths)


def read_change_time(path: Path) -> int:
    """Return the time of change of a file in nanoseconds; 0 where it cannot be read."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
