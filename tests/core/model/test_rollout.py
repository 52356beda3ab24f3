"""The files that a recipe's program writes beside its checkpoints."""

import pytest

from bot.core.model.rollout import OutputFiles


@pytest.mark.parametrize(("is_validation", "folder"), [(False, "rollouts"), (True, "validations")])
def test_training_and_validation_have_folders_of_their_own(is_validation: bool, folder: str) -> None:
    assert OutputFiles("rollouts", "validations").get_samples_folder(is_validation) == folder


def test_a_recipe_that_names_none_has_none() -> None:
    assert OutputFiles().get_samples_folder(False) == ""
