"""Advice names only what the run's recipe takes."""

import re

import pytest

from bot.core.frameworks import FRAMEWORK
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
            f"Lower `learning_rate`. {ALL} lists all parameters of `ppo`.",
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


SFT = {"takes_overrides": True, "program": "verl.trainer.sft_trainer"}
STALL = FRAMEWORK.stall_advice
FINDINGS = {detector.name: detector.advice for detector in FRAMEWORK.detectors}


def list_advice() -> dict[str, str]:
    """Every advice that names a setting, by where it comes from."""
    return {
        **{f"{name} {place}": text for name, advice in FINDINGS.items() for place, text in enumerate(advice)},
        **{
            f"stall {place}": text for place, text in enumerate((STALL.silent_log, STALL.busy_log, STALL.no_first_step))
        },
        **{kind.value: remedy.sentence for kind, remedy in FRAMEWORK.remedies.items()},
    }


PARTIAL = {
    "zero-learning-rate 0": "Check `optim.lr`, `optim.lr_warmup_steps_ratio`.",
    "model_code": "Set `model.use_remove_padding=False`, `engine.ulysses_sequence_parallel_size=1`.",
    "not-a-number 1": "Try another value of `engine.dtype`. Set `model.use_remove_padding=True`.",
    "reward-collapse 0": "Lower `optim.lr`.",
    "kl-blow-up 0": "Lower `optim.lr`.",
    "kl-blow-up 1": "Lower `optim.lr`. Raise `data.train_batch_size`.",
    "entropy-rise 0": "Lower `optim.lr`.",
    "rollout-mismatch 0": "Try another value of `engine.dtype`.",
    "clip-saturation 0": "Lower `optim.lr`. Raise `data.train_batch_size`.",
    "gradient-spikes 0": "Lower `optim.clip_grad`, `optim.lr`.",
    "gradient-clipped 0": "Raise `optim.clip_grad`.",
    "gradient-vanished 0": "Check `optim.lr`.",
    "length-growth 0": "Lower `data.max_length`.",
    "lost-rollouts 1": "Try another value of `data.train_batch_size`.",
    "truncation 0": "Raise `data.max_length`.",
    "stall 1": "Check `data.max_length`.",
    "gpu_memory": "Lower `data.max_token_len_per_gpu`, `data.micro_batch_size_per_gpu`.",
    "cache_blocks": "Lower `data.max_length`.",
    "message_size": "Lower `data.train_batch_size`, `data.max_length`.",
    "object_store_full": "Lower `data.train_batch_size`, `data.max_length`.",
    "rollout_hang": "Lower `data.max_length`.",
    "process_limit": "Lower `data.num_workers`.",
    "prompt_too_long": "Set `data.truncation=left`. Raise `data.max_length`.",
    "image_tokens": "Raise `data.max_length`.",
    "context_length": "Lower `data.max_length`.",
    "sequence_limit": "Raise `data.max_token_len_per_gpu`.",
    "model_not_found": "Check `model.path`.",
    "batch_size": "Try another value of `data.train_batch_size`.",
    "nothing_to_train": "Set `model.enable_gradient_checkpointing=False`.",
    "save_memory": "Set `engine.param_offload=True`.",
    "micro_batch": "Set `data.micro_batch_size_per_gpu`.",
    "sequence_parallel": "Set `model.use_remove_padding=True`. Lower `engine.ulysses_sequence_parallel_size`.",
}
"""What SFT's runs are told of advice of which their program has only some of the settings."""

DIRECTED = re.compile(r"^(?:Lower|Raise|Set|Check|Try another value of) `")


def test_advice_of_which_the_sft_trainer_has_some_settings_says_which_way_to_change_which() -> None:
    run = running(**SFT)
    shown = {name: str(render_advice(run, Phrase(text, run="sft-7f3a"))) for name, text in list_advice().items()}
    changed = {name: text for name, text in shown.items() if text != str(Phrase(list_advice()[name], run="sft-7f3a"))}
    assert {name: text for name, text in changed.items() if DIRECTED.match(text) and len(text) < 100} == PARTIAL


def test_advice_to_trust_the_authors_of_a_model_keeps_its_condition() -> None:
    shown = render_advice(running(**SFT), Phrase(list_advice()["remote_code"]))
    assert shown.startswith("If you trust its authors, ")


@pytest.mark.parametrize("name", [name for name, text in list_advice().items() if RATE.option in text])
def test_advice_on_the_learning_rate_says_which_way_to_change_it_by_the_parameter_of_the_recipe(name: str) -> None:
    run = running(takes_overrides=False, option_parameters=(RATE,))
    shown = render_advice(run, Phrase(list_advice()[name], run=run.id))
    is_checked = name in ("gradient-vanished 0", "zero-learning-rate 0")
    assert re.match("Check" if is_checked else r"Lower|(?i:.*with a lower )`learning_rate`", shown)
