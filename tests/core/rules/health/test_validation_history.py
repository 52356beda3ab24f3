"""Which validations of a run are remembered."""

from bot.core.frameworks.verl.metric_keys import VERL_KEYS
from bot.core.model.metrics import StepMetrics
from bot.core.rules.health.validation_history import MAX_VALIDATIONS, add_validations

VALIDATION = "val-core/x/acc/mean@1"


def rows_with_validations(*steps: int) -> list[StepMetrics]:
    return [StepMetrics(step, {VALIDATION: step / 100}, 60.0 * step) for step in steps]


def test_new_validations_are_added_once() -> None:
    rows = rows_with_validations(1, 2, 3)
    found = add_validations((), rows, since=0.0, keys=VERL_KEYS)
    assert [result.step for result in found] == [1, 2, 3]
    assert add_validations(found, rows, since=rows[-1].at, keys=VERL_KEYS) == found


def test_a_training_that_goes_back_drops_its_later_validations() -> None:
    known = add_validations((), rows_with_validations(10, 20, 30), since=0.0, keys=VERL_KEYS)
    again = [StepMetrics(15, {VALIDATION: 0.9}, 9000.0)]
    assert [result.step for result in add_validations(known, again, since=1800.0, keys=VERL_KEYS)] == [10, 15]


def test_only_the_last_validations_are_kept() -> None:
    rows = rows_with_validations(*range(1, MAX_VALIDATIONS + 4))
    assert [result.step for result in add_validations((), rows, since=0.0, keys=VERL_KEYS)] == list(
        range(4, MAX_VALIDATIONS + 4)
    )
