"""A team's own findings come from a file and from installed packages, and neither can break the bot."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from bot.adapters.files import finding_rules
from bot.core.model.finding import Finding, MetricRule, Severity
from bot.core.model.metrics import StepMetrics
from bot.errors import UserError

WHOLE = """
findings:
  - name: low-score
    metric: critic/score/mean
    below: 0.1
    for_steps: 20
    after_step: 100
    severity: note
    what: The score does not rise.
    advice: Ask Ada.
  - {name: hot, metric: custom/heat, above: 80}
"""


def test_a_file_becomes_rules(tmp_path: Path) -> None:
    file = tmp_path / "findings.yaml"
    file.write_text(WHOLE)
    assert finding_rules.read_rules(file) == (
        MetricRule(
            "low-score",
            "critic/score/mean",
            below=0.1,
            for_steps=20,
            after_step=100,
            severity=Severity.NOTE,
            what="The score does not rise.",
            advice="Ask Ada.",
        ),
        MetricRule("hot", "custom/heat", above=80.0),
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("findings: [{name: a, metric: m}]", "`a` needs `above` or `below`", id="no bound"),
        pytest.param(
            "findings: [{name: a, metric: m, above: 1}, {name: a, metric: n, above: 1}]",
            "`a` is there twice",
            id="twice",
        ),
        pytest.param(
            "findings: [{name: plateau, metric: m, above: 1}]", "`plateau` is a finding of verlbot's own", id="ours"
        ),
        pytest.param("findings: [{name: stall, metric: m, above: 1}]", "verlbot's own", id="ours by time"),
        pytest.param(
            "findings: [{name: A b, metric: m, above: 1}]",
            "`findings[0].name` must be words of small letters",
            id="no slug",
        ),
        pytest.param("findings: [{name: a, metric: m, over: 1}]", "`over`", id="an unknown word"),
        pytest.param("findings: [{name: a, metric: m, above: 1, severity: fatal}]", "severity", id="no such severity"),
        pytest.param("findings: [{name: a, metric: m, above: 1, for_steps: 0}]", "for_steps", id="no steps"),
        pytest.param("findings: [", "expected", id="no YAML"),
        pytest.param(None, "No such file", id="no file"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, text: str | None, why: str) -> None:
    file = tmp_path / "findings.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError) as caught:
        finding_rules.read_rules(file)
    assert why in str(caught.value)
    assert "findings:" in str(caught.value.hint)


ROWS = [StepMetrics(1, {"a": 1.0})]
THEIRS = Finding("own", Severity.WARNING, 1, 0.0, "It smells.", "7 of 9.", "Air.", "")


def finds(rows: Sequence[StepMetrics]) -> Iterable[Finding]:
    yield THEIRS


def fails(rows: Sequence[StepMetrics]) -> Iterable[Finding]:
    yield THEIRS
    raise ZeroDivisionError


def steals(rows: Sequence[StepMetrics]) -> Iterable[Finding]:
    return [Finding("not-a-number", Severity.STOP, 1, 0.0, "", "", "", "")]


def test_code_of_a_package_is_asked_and_what_fails_is_logged_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        found = finding_rules.run_plugins({"bad": fails, "good": finds, "thief": steals}, ROWS)
    assert found == (THEIRS,)
    assert ["bad" in record.getMessage() for record in caplog.records] == [True]


PACKAGE = """
[verlbot.findings]
smell = smelling:find
gone = smelling:nothing_of_that_name
"""


def test_installed_packages_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "smelling.py").write_text("def find(rows):\n    return []\n")
    described = tmp_path / "smelling-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: smelling\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = finding_rules.load_plugins()
    assert set(found) == {"smell"}
    assert finding_rules.run_plugins(found, ROWS) == ()
