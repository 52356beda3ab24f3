"""A team's own findings come from a file, which is refused in words where it is wrong."""

from pathlib import Path

import pytest

from bot.adapters.files import finding_rules
from bot.core.model.finding import MetricRule, Severity
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
            "`a` occurs twice",
            id="twice",
        ),
        pytest.param(
            "findings: [{name: plateau, metric: m, above: 1}]", "`plateau` is the name of a built-in finding", id="ours"
        ),
        pytest.param("findings: [{name: stall, metric: m, above: 1}]", "built-in finding", id="ours by time"),
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
