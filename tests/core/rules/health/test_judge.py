"""A finding is said once it lasts, taken back once it is over, and does not flap: whatever the numbers do."""

from dataclasses import replace
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.frameworks import FRAMEWORK
from bot.core.model.finding import Finding, HealthRules, MetricRule, Severity
from bot.core.model.health_state import MAX_RESOLVED_FINDINGS, HealthState
from bot.core.model.measurement import HEALTHY, Detector, Measurement
from bot.core.model.metrics import StepMetrics
from bot.core.rules.health.judge import judge
from tests.core.rules.health.runs import streamed

NAME = "too-warm"


def rules(for_steps: int = 3, severity: Severity = Severity.WARNING) -> HealthRules:
    rule = MetricRule(
        NAME, "custom/heat", above=0.5, for_steps=for_steps, severity=severity, what="Warm.", advice="Cool it."
    )
    return HealthRules(team_rules=(rule,), heal_steps=4, cooldown_steps=10)


def rows(heat: list[bool | None]) -> list[StepMetrics]:
    """A step for each: too warm, not, or without a word of it."""
    return [
        StepMetrics(step, {"other": 1.0} if warm is None else {"custom/heat": float(warm)}, 1000.0 + step)
        for step, warm in enumerate(heat, 1)
    ]


def shown(heat: list[bool | None], which: HealthRules | None = None) -> str:
    """Whether it stands after each step."""
    return "".join("#" if watch.find_open(NAME) else "." for watch in streamed(rows(heat), which or rules()))


def warm(text: str) -> list[bool | None]:
    return [{"w": True, "c": False, "-": None}[letter] for letter in text]


@pytest.mark.parametrize(
    ("heat", "stands"),
    [
        pytest.param("wwcwwc", "......", id="not yet"),
        pytest.param("cwwwwc", "...###", id="once it lasts"),
        pytest.param("wwwcccw", "..#####", id="a relapse is no recovery"),
        pytest.param("wwwcccccc", "..####...", id="taken back once it is over"),
        pytest.param("w-w-w", "....#", id="a step that does not tell counts neither way"),
        pytest.param("wwwcccc" + "w" * 12, "..####" + "." * 10 + "###", id="not said again at once"),
        pytest.param("wwwcccc" + "cccccccccc" + "www", "..####" + "." * 13 + "#", id="said again later"),
    ],
)
def test_when_it_stands(heat: str, stands: str) -> None:
    assert shown(warm(heat)) == stands


def test_what_is_grave_is_said_again_without_a_rest() -> None:
    assert shown(warm("wwwccccwww"), rules(severity=Severity.STOP)) == "..####...#"


def test_a_step_between_sick_and_well_takes_nothing_back() -> None:
    clipped = [0.25] * 40 + [0.18] * 40 + [0.1] * 60
    told = [StepMetrics(step, {"actor/pg_clipfrac": value}) for step, value in enumerate(clipped)]
    stands = [watch.find_open("clip-saturation") is not None for watch in streamed(told)]
    assert [(one, len(list(group))) for one, group in groupby(stands)][:2] == [(False, 18), (True, 80)]


HEAT = st.lists(st.sampled_from([True, False, None]), max_size=120)


@given(HEAT, st.integers(1, 6))
def test_it_is_said_only_of_what_lasted_and_taken_back_only_of_what_is_over(
    heat: list[bool | None], for_steps: int
) -> None:
    told = [one for one in heat if one is not None]
    stands = shown(list(told), rules(for_steps))
    for at, (before, now) in enumerate(pairwise("." + stands)):
        if (before, now) == (".", "#"):
            assert all(told[at - for_steps + 1 : at + 1])
            assert at + 1 >= for_steps
        if (before, now) == ("#", "."):
            assert not any(told[at - max(4, for_steps) + 1 : at + 1])


@given(HEAT)
def test_it_does_not_flap(heat: list[bool | None]) -> None:
    told = [one for one in heat if one is not None]
    spells = [(one, len(list(group))) for one, group in groupby(shown(list(told), rules(1)))]
    rests = [length for one, length in spells[1:-1] if one == "."]
    assert all(length >= 10 - 1 for length in rests)
    assert sum(one == "#" for one, _ in spells) <= len(told) // 10 + 1


@given(HEAT)
def test_every_finding_that_stood_stands_or_has_healed(heat: list[bool | None]) -> None:
    opened = 0
    before: tuple[Finding, ...] = ()
    for watch in streamed(rows(heat), rules(1)):
        opened += len([one for one in watch.open_findings if one not in before])
        before = watch.open_findings
        assert (
            opened == len(watch.open_findings) + len(watch.resolved_findings)
            or len(watch.resolved_findings) == MAX_RESOLVED_FINDINGS
        )


def test_what_is_healed_is_kept_with_its_step_and_only_the_last_few() -> None:
    heat = warm("wcccccccccccccccc" * (MAX_RESOLVED_FINDINGS + 4))
    *_, watch = streamed(rows(heat), rules(1))
    assert len(watch.resolved_findings) == MAX_RESOLVED_FINDINGS
    assert watch.resolved_findings[-1].step == len(heat) - 12
    assert watch.resolved_findings[-1].finding.since_step == len(heat) - 16


def test_a_rule_of_a_team_waits_for_its_step_and_says_the_teams_own_words() -> None:
    rule = MetricRule("low-score", "critic/score/mean", below=0.1, for_steps=2, after_step=5, severity=Severity.NOTE)
    told = [StepMetrics(step, {"critic/score/mean": 0.05}, 100.0 + step) for step in range(1, 9)]
    which = HealthRules(team_rules=(rule,))
    stands = [[one for one in watch.open_findings if one.name == "low-score"] for watch in streamed(told, which)]
    assert [len(one) for one in stands] == [0, 0, 0, 0, 0, 1, 1, 1]
    finding = stands[-1][0]
    assert (finding.severity, finding.since_step, finding.since_at) == (Severity.NOTE, 5, 105.0)
    assert str(finding.evidence) == "`critic/score/mean` is 0.05, below 0.1 for 2 steps."


def test_a_finding_whose_rule_the_team_has_taken_away_is_taken_back() -> None:
    told, without = rows([True] * 12), HealthRules(heal_steps=4)
    watch, stands = HealthState(), ""
    for end in range(1, len(told) + 1):
        watch = judge(told[:end], watch, rules() if end <= 6 else without)
        stands += "#" if watch.find_open(NAME) else "."
    assert stands == "..#######..."
    assert (watch.resolved_findings[-1].finding.what, watch.resolved_findings[-1].step) == ("Warm.", 10)


def test_it_becomes_graver_in_place() -> None:
    told, mild, grave = rows([True] * 4), rules(1, Severity.NOTE), rules(1, Severity.STOP)
    watch = judge(told[:2], HealthState(), mild)
    watch = judge(told[:3], watch, grave)
    assert [(one.severity, one.since_step) for one in watch.open_findings] == [(Severity.STOP, 2)]
    assert judge(told, watch, mild).open_findings == watch.open_findings


def explained(cause_severity: Severity, consequence_severity: Severity) -> str:
    """Which findings are open after twelve rows in which both are unhealthy, by their initials."""
    cause = Measurement(1.0, cause_severity, "Cut.", explains=("vanished",))
    consequence = Measurement(1.0, consequence_severity, "Vanished.")
    detectors = (
        Detector("vanished", "", lambda _: consequence, persist_steps=6),
        Detector("cut", "", lambda window: cause if window.newest.step < 10 else HEALTHY, persist_steps=6),
    )
    framework = replace(FRAMEWORK, detectors=detectors)
    told = [StepMetrics(step, {"other": 1.0}, 1000.0 + step) for step in range(1, 31)]
    opened = [{one.name[0] for one in watch.open_findings} for watch in streamed(told, HealthRules(), framework)]
    return "".join(sorted(opened[8])) + " " + "".join(sorted(opened[-1]))


@pytest.mark.parametrize(
    ("cause", "consequence", "open_then_later"),
    [
        pytest.param(Severity.WARNING, Severity.WARNING, "c v", id="the cause speaks, and the rest once it is over"),
        pytest.param(Severity.WARNING, Severity.NOTE, "c v", id="a milder consequence is silent"),
        pytest.param(Severity.NOTE, Severity.WARNING, "cv v", id="a graver consequence speaks all the same"),
    ],
)
def test_one_sickness_is_said_once(cause: Severity, consequence: Severity, open_then_later: str) -> None:
    assert explained(cause, consequence) == open_then_later


def test_a_finding_names_the_metrics_that_it_rests_on_and_their_values() -> None:
    clipped = [StepMetrics(step, {"actor/pg_clipfrac": 0.25}) for step in range(1, 41)]
    finding = list(streamed(clipped))[-1].find_open("clip-saturation")
    assert finding is not None
    assert str(finding.evidence).endswith("At step 19: `actor/pg_clipfrac` 0.25.")
