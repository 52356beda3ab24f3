"""Each sickness is found, and healthy trainings are left in peace."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf, nan

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.frameworks.verl.detectors import DETECTORS
from bot.core.model.finding import HealthRules, Severity
from bot.core.model.health_state import HealthState
from bot.core.model.metrics import StepMetrics
from bot.core.rules.health.judge import judge
from tests.core.rules.health.healthy_runs import GROUPED, HEALTHY, Shape, simulated
from tests.core.rules.health.runs import EXPECTED, SICK, lost, said, said_of, streamed
from tests.examples import thorough

SEEDS = thorough((0, 1), usual=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", HEALTHY)
@pytest.mark.long
def test_of_a_healthy_run_nothing_is_said_but_that_its_reward_rests(kind: str, seed: int) -> None:
    found = said(HEALTHY[kind](seed), GROUPED)
    assert [one for one in found if one.finding.name != "plateau"] == []
    assert len(found) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("scenario", EXPECTED)
@pytest.mark.long
def test_every_sickness_of_rldoctors_simulator_is_found(scenario: str, seed: int) -> None:
    found = [one.finding for one in said_of(scenario, seed)]
    assert EXPECTED[scenario] in {finding.name for finding in found}
    assert Severity.STOP not in {finding.severity for finding in found}


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", SICK)
def test_what_its_simulator_does_not_have_is_found_too_and_since_when(kind: str, seed: int) -> None:
    name, rows, begin = SICK[kind]
    found = [one for one in said(rows(seed)) if one.finding.name == name]
    assert found
    assert found[0].step <= begin + 40
    assert begin - 15 <= found[0].finding.since_step <= found[0].step
    assert not [one for one in found if one.step <= begin]


def hacked(every: int, steps: int = 1500) -> list[StepMetrics]:
    """The reward rises all the way, and validation, every so many steps, falls from 0.8 to 0.05."""
    rows = []
    for step in range(1, steps + 1):
        share = step / steps
        values = {"critic/rewards/mean": 0.2 + 0.7 * share, "actor/entropy": 0.5, "actor/grad_norm": 1.0}
        if step % every == 0:
            values["val-core/x/reward/mean@1"] = 0.8 - 0.75 * share
        rows.append(StepMetrics(step, values, float(step)))
    return rows


def watched(rows: Sequence[StepMetrics], window: int = 256) -> Iterator[HealthState]:
    """After each row, as a bot sees it that keeps no more rows than that."""
    watch = HealthState()
    for end in range(1, len(rows) + 1):
        watch = judge(rows[max(0, end - window) : end], watch, HealthRules())
        yield watch


@pytest.mark.parametrize("every", [25, 64, 100, 128])
def test_validation_that_falls_is_found_however_seldom_it_is_asked_for(every: int) -> None:
    found = next((watch.step for watch in watched(hacked(every)) if watch.find_open("validation-falls")), None)
    assert found, "not found at all"
    assert found <= 10 * every


def validating(step: int, at: float) -> StepMetrics:
    return StepMetrics(step, {"critic/rewards/mean": 0.5, "val-core/x/reward/mean@1": step / 1000}, at)


def test_a_training_that_went_back_keeps_the_validations_before_it_and_none_after() -> None:
    """It had validated each of its 200 steps, of which the last 48 are remembered, and goes on from step 100."""
    rows = [validating(step, float(step)) for step in range(1, 201)]
    rows += [validating(step, 100.0 + step) for step in range(101, 104)]
    steps = [one.step for one in list(watched(rows))[-1].validations]
    assert steps == list(range(56, 104))


def test_a_validation_among_rows_that_came_with_those_judged_before_is_not_missed() -> None:
    """One look brings a resume as well, whose steps are judged again only once they are new."""
    rows = [StepMetrics(step, {"critic/rewards/mean": 0.5}, 1.0) for step in (119, 120)]
    rows += [StepMetrics(101, {"critic/rewards/mean": 0.5}, 1.0), validating(102, 1.0), StepMetrics(103, {}, 1.0)]
    rows += [StepMetrics(step, {"critic/rewards/mean": 0.5}, 2.0) for step in (104, 105)]
    assert [one.step for one in list(watched(rows))[-1].validations] == [102]


def test_once_there_is_a_validation_it_is_not_said_that_there_has_been_none() -> None:
    rows = [
        StepMetrics(step, {"response_length/mean": 100.0 + 4 * step, "critic/rewards/mean": 0.5}, float(step))
        for step in range(1, 121)
    ]
    before = list(watched(rows))[-1].find_open("length-growth")
    assert before is not None
    assert "without validation" in str(before.what)
    later = [StepMetrics(row.step + 120, {**row.values, "val-core/x": 0.5}, row.at + 120) for row in rows[:1]]
    later += [StepMetrics(row.step + 120, row.values, row.at + 120) for row in rows[1:80]]
    after = list(watched([*rows, *later]))[-1].find_open("length-growth")
    assert after is None or "without validation" not in str(after.what)


def test_not_a_number_is_said_at_once_and_gravely_at_the_third_step_in_a_row() -> None:
    found = [one for one in said(lost(120)(0)) if one.finding.name == "not-a-number"]
    assert [(one.step, one.finding.severity) for one in found] == [(121, Severity.WARNING), (123, Severity.STOP)]
    assert {one.finding.since_step for one in found} == {121}
    assert "`actor/grad_norm`: inf at step 123, not finite for 3 steps in a row." in str(found[-1].finding.evidence)


def test_a_single_update_that_was_left_out_is_taken_back() -> None:
    watch = list(streamed(lost(120, steps=1)(0)))[-1]
    assert [(one.finding.name, one.step) for one in watch.resolved_findings if one.finding.name == "not-a-number"] == [
        ("not-a-number", 126)
    ]
    assert watch.find_open("not-a-number") is None


def test_padding_of_validations_is_no_sickness() -> None:
    rows = [replace(row, values={**row.values, "val-core/a/acc/mean@1": nan}) for row in Shape(steps=60).rows(0)]
    assert said(rows) == []


def test_a_reward_that_is_lost_for_thirty_steps_says_stop() -> None:
    found = [one for one in said(SICK["reward lost"][1](0)) if one.finding.name == "reward-collapse"]
    assert [one.finding.severity for one in found] == [Severity.WARNING, Severity.STOP]
    assert found[-1].step <= 150 + 50


@pytest.mark.slow
def test_groups_are_judged_only_where_it_is_known_how_many_answers_a_prompt_gets() -> None:
    found = said(simulated("saturated_groups", 0), HealthRules())
    assert not [one for one in found if "groups" in one.finding.name]


def test_a_run_of_single_turns_is_not_said_to_lack_tools_unless_it_is_meant_to_have_them() -> None:
    single = [replace(row, values={**row.values, "num_turns/mean": 2.0}) for row in Shape(steps=60).rows(0)]
    assert said(single) == []
    meant = said(single, HealthRules(expects_tools=True))
    assert [one.finding.name for one in meant] == ["silent-tools"]


@pytest.mark.slow
def test_responses_that_grow_without_validation_are_a_note_and_with_one_that_rests_a_warning() -> None:
    grows = [
        replace(row, values={key: value for key, value in row.values.items() if not key.startswith("val-")})
        for row in simulated("length_hacking", 0)
    ]
    names = [(one.finding.name, one.finding.severity) for one in said(grows) if one.finding.name == "length-growth"]
    assert names == [("length-growth", Severity.NOTE)]
    with_validation = [one.finding for one in said_of("length_hacking", 0) if one.finding.name == "length-growth"]
    assert [finding.severity for finding in with_validation] == [Severity.WARNING]


@pytest.mark.slow
@pytest.mark.parametrize("scenario", EXPECTED)
def test_a_finding_tells_numbers_what_to_change_and_on_what_that_rests(scenario: str) -> None:
    for finding in {one.finding for one in said_of(scenario, 0)}:
        assert any(digit in str(finding.evidence) for digit in "0123456789")
        assert "`" in str(finding.advice)
        assert finding.reference.startswith("https://")
        assert finding.since_at > 0
        text = f"{finding.what} {finding.evidence} {finding.advice}".lower()
        assert not [word for word in ("will", "predict", "soon", "expect") if word in text.split()]


def test_names_are_slugs_and_no_two_are_the_same() -> None:
    names = [one.name for one in DETECTORS]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() and " " not in name for name in names)


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
KEYS = sorted({key for row in Shape(tools=True, steps=20).rows(0) for key in row.values} | {"actor/kl_loss"})
ROWS = st.lists(st.dictionaries(st.sampled_from(KEYS), NUMBERS | st.sampled_from([0.0, 1.0, nan, inf])), max_size=80)


@given(ROWS, st.sampled_from([1, 2, 8]))
def test_no_numbers_whatever_upset_it_and_what_it_keeps_can_be_stored(told: list[dict[str, float]], size: int) -> None:
    rows, rules = [StepMetrics(step, values) for step, values in enumerate(told)], HealthRules(group_size=size)
    watch = HealthState()
    for watch in streamed(rows, rules):
        assert len({finding.name for finding in watch.open_findings}) == len(watch.open_findings)
    assert msgspec.json.decode(msgspec.json.encode(watch), type=HealthState) == watch
    assert all(later.row_count == earlier.row_count + 1 for earlier, later in pairwise(streamed(rows, rules)))


def test_a_row_that_is_judged_twice_changes_nothing_and_one_that_a_resumed_run_repeats_counts() -> None:
    rows = Shape(steps=40).rows(0)
    watch = list(streamed(rows))[-1]
    assert judge(rows, watch, HealthRules()) is watch
    again = [*rows[:30], replace(rows[30], at=rows[-1].at + 600)]
    assert judge(again, watch, HealthRules()).step == rows[30].step


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("all cut from the first step", ["truncation"], id="all cut"),
        pytest.param("no variance over several arms", ["no-variance"], id="several arms"),
    ],
)
def test_of_what_follows_from_a_sickness_nothing_is_said(kind: str, expected: list[str]) -> None:
    assert [one.finding.name for one in said(SICK[kind][1](0), GROUPED)][:1] == expected
    names = {one.finding.name for one in said(SICK[kind][1](0), GROUPED)}
    assert not names & {"gradient-vanished", "hopeless-groups", "saturated-groups"}


def test_answers_that_are_all_cut_from_the_first_step_are_said_within_ten_steps() -> None:
    assert said(SICK["all cut from the first step"][1](0))[0].step <= 10


def test_a_gradient_that_was_never_finite_is_no_reason_to_resume() -> None:
    never, later = said(lost(0)(0))[0].finding, said(lost(120)(0))[0].finding
    assert "Resume" not in str(never.advice)
    assert "attn_implementation" in str(never.advice)
    assert "Resume from a checkpoint before that step" in str(later.advice)


def test_a_reward_that_falls_has_not_plateaued() -> None:
    rises = [0.3 + 0.002 * min(step, 150) for step in range(200)]
    falls = [0.6 - 0.001 * step for step in range(200)]
    rows = [StepMetrics(step, {"critic/rewards/mean": value}, float(step)) for step, value in enumerate(rises + falls)]
    assert [one.finding for one in said(rows) if one.finding.name == "plateau" and one.step > 260] == []
