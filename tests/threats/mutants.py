"""Run the test of each threat without its guard, in a copy of the tree: `make threats`.

A mutant is caught where its test fails with it, and passes without it.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import psutil

from bot.runtime.process_guard import call_prctl
from tests.threats.rows import ROOT, Theme, Threat, find_faults, read_themes

LIMIT = 300.0
"""Seconds a test may take; the slowest take about 35 on a machine that does nothing else."""

NOT_COPIED = (".git", ".venv", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis")

PR_SET_CHILD_SUBREAPER = 36
"""prctl(2): orphans of what this process starts become its children, so that it finds and ends them."""


class Outcome(StrEnum):
    CAUGHT = "caught"
    CAUGHT_BY_LIMIT = "caught: its test does not end"
    SURVIVED = "SURVIVED"
    FAILS_ANYHOW = "FAILS ANYHOW: its test does not pass without it"
    NOT_RUN = "NOT RUN: pytest finds no such test, or cannot import it"


CAUGHT = (Outcome.CAUGHT, Outcome.CAUGHT_BY_LIMIT)


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the tree, whose files are changed and changed back.

    Attributes:
        root: its folder; the tree that people work in is never touched.
        passes: whether a test passes without a mutant, by its id, once it was run.
        limit: seconds a test may take.
    """

    root: Path
    passes: dict[str, bool] = field(default_factory=dict)
    limit: float = LIMIT

    def run_unmutated(self, tests: Sequence[str]) -> None:
        """Run tests together, which takes a fraction of the time; where one fails, each is run alone when it counts."""
        if self._run(*tests, limit=self.limit * len(tests)) == 0:
            self.passes.update(dict.fromkeys(tests, True))

    def judge(self, one: Threat) -> Outcome:
        """Return what the test of a threat makes of its mutant."""
        if one.test not in self.passes:
            self.passes[one.test] = self._run(one.test) == 0
        if not self.passes[one.test]:
            return Outcome.FAILS_ANYHOW
        with self._mutated(one):
            return outcome_of(self._run(one.test))

    @contextmanager
    def _mutated(self, one: Threat) -> Iterator[None]:
        """Put the mutant in place; its time of change goes back too, so that compiled bytecode is known to be older."""
        file = self.root / one.file
        before, times = file.read_bytes(), file.stat()
        file.write_text(one.mutate(before.decode()))
        try:
            yield
        finally:
            file.write_bytes(before)
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    def _run(self, *tests: str, limit: float | None = None) -> int | None:
        """Run tests until one fails. Return pytest's exit code, or None where the time limit ended it."""
        before = children()
        with (self.root.parent / "output").open("wb") as output:
            started = self._start(tests, output)
            try:
                return started.wait(limit or self.limit)
            except subprocess.TimeoutExpired:
                return None
            finally:
                end_group(started)
                end_left(children() - before)

    def _start(self, tests: Sequence[str], output: BinaryIO) -> subprocess.Popen[bytes]:
        """Start pytest in a process group of its own, with the copy's modules before all others."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--timeout=0", *tests]
        environment = {**os.environ, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": ""}
        return subprocess.Popen(
            command, cwd=self.root, env=environment, stdout=output, stderr=output, start_new_session=True
        )


def outcome_of(code: int | None) -> Outcome:
    """Return what pytest's exit code says of a mutant."""
    match code:
        case None:
            return Outcome.CAUGHT_BY_LIMIT
        case 0:
            return Outcome.SURVIVED
        case 1:
            return Outcome.CAUGHT
        case _:
            return Outcome.NOT_RUN


def end_group(started: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)
    started.wait()


def children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def end_left(left: Collection[psutil.Process]) -> None:
    """End what a test has left in groups of its own, such as the programs of local compute."""
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=10)


@contextmanager
def copied(root: Path) -> Iterator[Copy]:
    """Yield a copy of the tree in a temporary folder that other users can enter, as local compute does."""
    with tempfile.TemporaryDirectory(prefix="threats-") as folder:
        Path(folder).chmod(0o755)
        tree = Path(folder) / "tree"
        shutil.copytree(root, tree, ignore=shutil.ignore_patterns(*NOT_COPIED), symlinks=True)
        yield Copy(tree)


def chosen(themes: Sequence[Theme], ids: Sequence[str], names: Sequence[str]) -> list[Threat]:
    """Return the threats of these themes and of these ids; of all where none are named.

    Raises:
        ValueError: there is no such theme or id.
    """
    known = {theme.name for theme in themes} | {one.id for theme in themes for one in theme.threats}
    if unknown := [one for one in [*ids, *names] if one not in known]:
        raise ValueError(f"there is no {', '.join(unknown)}")
    found = [one for theme in themes if not names or theme.name in names for one in theme.threats]
    return [one for one in found if not ids or one.id in ids]


def run_all(threats: Sequence[Threat], copy: Copy) -> dict[str, Outcome]:
    """Return what became of each mutant, by its id, and print a line each."""
    copy.run_unmutated(sorted({one.test for one in threats}))
    outcomes = {}
    for number, one in enumerate(threats, 1):
        began = time.monotonic()
        outcomes[one.id] = copy.judge(one)
        seconds = time.monotonic() - began
        print(f"{number}/{len(threats)} {one.id}: {outcomes[one.id]} ({seconds:.0f} s)", flush=True)
    return outcomes


def main(arguments: Sequence[str]) -> int:
    """Return 0 if every mutant is caught, 1 if not, 2 if the rows are wrong."""
    parser = argparse.ArgumentParser(prog="tests.threats", description=__doc__)
    parser.add_argument("--only", default="", help="ids of threats, with commas")
    parser.add_argument("--file", default="", help="names of files in tests/threats, with commas, such as logs,doors")
    asked = parser.parse_args(arguments)
    themes = read_themes()
    if faults := find_faults(themes):
        print(*faults, sep="\n")
        return 2
    try:
        threats = chosen(themes, split(asked.only), split(asked.file))
    except ValueError as error:
        parser.error(str(error))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what was started is ended too
    call_prctl(PR_SET_CHILD_SUBREAPER, 1)
    with copied(ROOT) as copy:
        return summarize(run_all(threats, copy))


def split(typed: str) -> list[str]:
    return [one.strip() for one in typed.split(",") if one.strip()]


def summarize(outcomes: dict[str, Outcome]) -> int:
    bad = [name for name, outcome in outcomes.items() if outcome not in CAUGHT]
    print(f"{len(outcomes)} mutants: {len(outcomes) - len(bad)} caught, {len(bad)} not.")
    print(*[f"{name}: {outcomes[name]}" for name in bad], sep="\n", end="\n" if bad else "")
    return 1 if bad else 0
