"""Advice names only what the run's recipe takes."""

import pytest

from bot.core.model.run_plan import OptionParameter
from bot.phrase import Phrase
from bot.slack.views.advice_views import render_advice
from tests.builders import running

LOWER = Phrase("Lower `actor_rollout_ref.actor.optim.lr`, or resume with `trainer.resume_mode=resume_path`.")
ALL = "`/verl describe ppo`"
NO_SETTINGS = f"`ppo` takes no settings of verl; {ALL} lists its own parameters. `/verl stop ppo-7f3a` ends this run."
KL = Phrase("Raise `algorithm.kl_ctrl.kl_coef`.")
RATE = OptionParameter("actor_rollout_ref.actor.optim.lr", "learning_rate", "0.1", None, None)


@pytest.mark.parametrize(
    ("changes", "advice", "shown"),
    [
        ({}, LOWER, str(LOWER)),
        (
            {"takes_overrides": False, "option_parameters": (RATE,)},
            LOWER,
            f"Try another value of `learning_rate`. {ALL} lists all parameters of `ppo`.",
        ),
        (
            {"takes_overrides": False},
            LOWER,
            NO_SETTINGS,
        ),
        (
            {"takes_overrides": True, "program": "verl.trainer.sft_trainer"},
            LOWER,
            "Lower `optim.lr`, or resume with `trainer.resume_mode=resume_path`.",
        ),
        (
            {"takes_overrides": True, "program": "verl.trainer.sft_trainer"},
            KL,
            f"`ppo` runs another trainer of verl, which has other settings; {ALL} lists its parameters.",
        ),
        (
            {"takes_overrides": True, "program": "verl.trainer.sft_trainer"},
            Phrase("Save more often: `trainer.save_freq=20`."),
            "Save more often: `trainer.save_freq=20`.",
        ),
        ({"takes_overrides": False}, Phrase("Run `py-spy dump` on each rank."), "Run `py-spy dump` on each rank."),
        ({"takes_overrides": False}, "Look at `team.data` first", "Look at `team.data` first"),
    ],
    ids=[
        "a recipe of verl",
        "a parameter of its own",
        "no such parameter",
        "what another trainer calls it",
        "a setting that another trainer lacks",
        "a setting of both trainers",
        "no setting",
        "a team's own words",
    ],
)
def test_advice_is_what_the_recipe_can_follow(changes: dict[str, object], advice: Phrase | str, shown: str) -> None:
    assert render_advice(running(**changes), advice) == shown
