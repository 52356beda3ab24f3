"""The rows of the threats fit the code; `make threats` runs their mutants."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.runtime.process_guard import call_prctl
from tests.threats.mutants import PR_SET_CHILD_SUBREAPER, Copy, Outcome, children, chosen, copied
from tests.threats.rows import Theme, Threat, find_faults, read_themes

ROW = Threat(
    id="open-door",
    attacker="anybody",
    door="front",
    threat="It opens.",
    stops="A lock.",
    test="tests/test_door.py::test_it_is_locked",
    file="door.py",
    old="LOCKED = True",
    new="LOCKED = False",
)
TEST = "from door import LOCKED\n\n\ndef test_it_is_locked() -> None:\n    assert LOCKED\n"


def test_each_guard_is_where_its_row_says_and_has_a_test() -> None:
    assert find_faults(read_themes()) == []


def test_every_kind_of_threat_has_rows() -> None:
    themes = {theme.name: theme for theme in read_themes()}
    assert set(themes) == {
        "access",
        "audit",
        "clocks",
        "doors",
        "logs",
        "models",
        "people",
        "secrets",
        "store",
        "views",
    }
    assert all(len(theme.threats) >= 10 for theme in themes.values())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project of one guard and one test."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "door.py").write_text("LOCKED = True\nGLASS = 1\nGLASS = 1\n")
    (tmp_path / "tests" / "test_door.py").write_text(TEST)
    return tmp_path


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (replace(ROW, old="GLASS = 1"), "its guard is found 2 times in door.py, not once"),
        (replace(ROW, old="BARRED"), "its guard is found 0 times in door.py, not once"),
        (replace(ROW, file="gate.py"), "there is no file gate.py"),
        (replace(ROW, test="tests/test_door.py::test_it_is_open"), "there is no test"),
        (replace(ROW, test="tests/app/test_launch_gate.py::test_it_is_locked"), "there is no test"),
        (replace(ROW, new="LOCKED = True"), "its mutant changes nothing"),
        (replace(ROW, new="LOCKED ="), "its mutant is no Python"),
        (replace(ROW, threat=""), "its threat is empty"),
    ],
)
def test_a_row_that_fits_no_more_is_told_in_a_sentence(tree: Path, row: Threat, fault: str) -> None:
    assert find_faults([Theme("doors", "Doors", (ROW,))], tree) == []
    (told,) = find_faults([Theme("doors", "Doors", (row,))], tree)
    assert told.startswith(f"open-door: {fault}")


def test_an_id_is_used_once(tree: Path) -> None:
    assert find_faults([Theme("doors", "Doors", (ROW, ROW))], tree) == ["open-door: 2 rows have this id."]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        pytest.param(ROW, Outcome.CAUGHT, id="caught"),
        pytest.param(replace(ROW, new="LOCKED = 'yes'"), Outcome.SURVIVED, id="survives"),
        pytest.param(replace(ROW, new="LATCH = True"), Outcome.NOT_RUN, id="cannot be imported"),
        pytest.param(
            replace(ROW, old="GLASS = 1\nGLASS = 1", new="import time; time.sleep(99)"),
            Outcome.CAUGHT_BY_LIMIT,
            id="hangs",
        ),
    ],
)
@pytest.mark.long
def test_a_mutant_is_judged_and_taken_back(tree: Path, row: Threat, outcome: Outcome) -> None:
    before = (tree / "door.py").read_bytes()
    with copied(tree) as copy:
        assert (
            Copy(copy.root, {row.test: True}, limit=5.0 if outcome is Outcome.CAUGHT_BY_LIMIT else 60.0).judge(row)
            is outcome
        )
        assert (copy.root / "door.py").read_bytes() == before
    assert (tree / "door.py").read_bytes() == before
    assert not copy.root.exists()


@pytest.fixture
def adopts_orphans() -> Iterator[None]:
    call_prctl(PR_SET_CHILD_SUBREAPER, 1)
    yield
    call_prctl(PR_SET_CHILD_SUBREAPER, 0)


@pytest.fixture
def other() -> Iterator[None]:
    """A process of this one's that is no mutant's."""
    with subprocess.Popen(["sleep", "99"]) as found:
        yield
        found.kill()


@pytest.mark.slow
@pytest.mark.usefixtures("adopts_orphans", "other")
def test_what_a_test_leaves_behind_is_ended_and_nothing_else(tree: Path) -> None:
    leaving = "import subprocess; subprocess.Popen(['sleep', '99'], start_new_session=True)"
    before = children()
    with copied(tree) as copy:
        assert Copy(copy.root, {ROW.test: True}).judge(replace(ROW, new=f"{leaving}; LOCKED = 0")) is Outcome.CAUGHT
    assert children() == before


@pytest.mark.slow
@pytest.mark.long
def test_a_test_that_fails_anyhow_catches_nothing(tree: Path) -> None:
    (tree / "door.py").write_text("LOCKED = False\n# LOCKED = True\n")
    with copied(tree) as copy:
        copy.run_unmutated([ROW.test])
        assert copy.judge(ROW) is Outcome.FAILS_ANYHOW


def test_threats_are_chosen_by_id_and_by_file() -> None:
    other = replace(ROW, id="open-window")
    themes = [Theme("doors", "Doors", (ROW, other)), Theme("logs", "Logs", (replace(ROW, id="long-line"),))]
    assert [one.id for one in chosen(themes, [], [])] == ["open-door", "open-window", "long-line"]
    assert [one.id for one in chosen(themes, ["open-window"], [])] == ["open-window"]
    assert [one.id for one in chosen(themes, [], ["logs"])] == ["long-line"]
    with pytest.raises(ValueError, match="there is no gates"):
        chosen(themes, [], ["gates"])
