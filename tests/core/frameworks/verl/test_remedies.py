"""What to try after a failure: in options that verl has, and with settings that may be typed."""

import re

import pytest

from bot.core.frameworks.verl.option_keys import OPTION_LIST
from bot.core.frameworks.verl.remedies import REMEDIES
from bot.core.model.failure import FailureKind
from bot.core.model.policy import DENIED_OVERRIDES
from bot.core.rules.launch_bounds import find_matching_pattern, list_override_keys
from bot.core.rules.override_checks import Override, refuse_unfit_override, warn_of_override
from bot.phrase import Phrase

TREE = OPTION_LIST.trees["verl.trainer.main_ppo"]


@pytest.mark.parametrize("kind", FailureKind)
def test_a_remedy_names_the_run_and_no_other_field(kind: FailureKind) -> None:
    text = str(Phrase(REMEDIES[kind].sentence, run="ppo-7f3a"))
    assert "{" not in text
    assert text.endswith(".")


@pytest.mark.parametrize("kind", FailureKind)
def test_a_remedy_names_settings_that_verl_takes(kind: FailureKind) -> None:
    overrides = [change.override for change in REMEDIES[kind].changes]
    typed = re.findall(r"`(\+?[a-z_]+\.[\w.]+=[^`\s]+)`", REMEDIES[kind].sentence)
    for override in (*overrides, *typed):
        refuse_unfit_override(override, TREE, "dp")
        assert not warn_of_override(Override.parse(override), TREE, "dp")


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if REMEDIES[kind].changes])
def test_every_member_may_type_the_settings_of_a_remedy(kind: FailureKind) -> None:
    for change in REMEDIES[kind].changes:
        assert find_matching_pattern(list_override_keys(change.override), DENIED_OVERRIDES) is None


def test_the_memory_of_the_engine_is_lowered_or_raised_from_what_the_run_sets() -> None:
    lowered, raised = REMEDIES[FailureKind.ROLLOUT_MEMORY].changes[0], REMEDIES[FailureKind.CACHE_BLOCKS].changes[0]
    key = "actor_rollout_ref.rollout.gpu_memory_utilization"
    assert (lowered.apply("0.9"), raised.apply("0.6"), raised.apply("0.9")) == (
        f"{key}=0.72",
        f"{key}=0.72",
        f"{key}=0.95",
    )
    assert (lowered.apply("${x}"), lowered.apply("9" * 900), lowered.apply("0..4")) == (f"{key}=0.4",) * 3
