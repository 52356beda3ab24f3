"""No detector is without a sick run that it finds, a healthy run that it leaves in peace, and its lines in the page."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from bot.core.frameworks import FRAMEWORK
from bot.core.frameworks.verl.detectors import DETECTORS
from bot.core.model.finding import HealthRules
from bot.core.model.measurement import Detector, Measurement, RowWindow
from bot.core.rules.health.stall import STALL_NAME
from tests.core.rules.health.healthy_runs import GROUPED, HEALTHY, HEALTHY_BY_DETECTOR
from tests.core.rules.health.runs import SICK_BY_DETECTOR, said

NAMES = [detector.name for detector in DETECTORS]
PAGE = Path(__file__).parents[5] / "docs" / "findings.md"


def alone(name: str) -> HealthRules:
    """The rules under which no other detector speaks."""
    return replace(GROUPED, disabled=tuple(other for other in NAMES if other != name))


def test_the_runs_are_those_of_the_detectors() -> None:
    assert set(SICK_BY_DETECTOR) == set(NAMES), "tests/core/rules/health/runs.py: SICK or EXPECTED"
    assert set(HEALTHY_BY_DETECTOR) == set(NAMES), "tests/core/rules/health/healthy_runs.py: HEALTHY_BY_DETECTOR"


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
def test_a_detector_finds_its_own_sickness_and_advises_what_its_record_has(detector: Detector) -> None:
    advice = set()
    for rows in SICK_BY_DETECTOR[detector.name]:
        found = [one.finding for one in said(rows(0), alone(detector.name))]
        assert {finding.name for finding in found} == {detector.name}
        assert {finding.reference for finding in found} == {detector.reference}
        advice |= {str(finding.advice) for finding in found}
    assert advice == set(detector.advice)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
def test_a_detector_measures_a_healthy_run_and_says_nothing_of_it(detector: Detector) -> None:
    measured = []

    def measure(window: RowWindow) -> Measurement | None:
        measurement = detector.measure(window)
        measured.append(measurement is not None)
        return measurement

    framework = replace(FRAMEWORK, detectors=(replace(detector, measure=measure),))
    assert said(HEALTHY[HEALTHY_BY_DETECTOR[detector.name]](0), GROUPED, framework) == []
    assert sum(measured) >= 20


@pytest.mark.parametrize("name", [STALL_NAME, *NAMES])
def test_a_finding_has_its_lines_in_the_page(name: str) -> None:
    assert len(lines_of(name)) >= 3, "docs/findings.md: `make docs`"


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
def test_the_page_says_of_a_detector_what_its_record_says(detector: Detector) -> None:
    assert detector.sign
    assert detector.thresholds
    assert detector.advice
    text = "\n".join(lines_of(detector.name))
    for told in (detector.sign, *detector.thresholds, *detector.advice, detector.reference):
        assert told in text


def test_the_page_has_each_threshold_with_its_value() -> None:
    text = PAGE.read_text()
    thresholds = {one.name: one.default for one in fields(HealthRules) if type(one.default) in (int, float)}
    assert [name for name, value in thresholds.items() if f"`{name}` {value:g}" not in text] == []


def lines_of(name: str) -> list[str]:
    return [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{name}` |")]
