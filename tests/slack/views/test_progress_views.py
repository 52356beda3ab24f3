"""A run's numbers as its card says them."""

from dataclasses import replace

from bot.core.frameworks import FRAMEWORK
from bot.core.model.metrics import StepMetrics
from bot.core.model.progress import Progress
from bot.slack.views.progress_views import describe_loss, describe_sources, describe_validations, metrics_line


def progress_of(values: dict[str, float]) -> Progress:
    return Progress().record_events([StepMetrics(30, values)], FRAMEWORK.keys)


def test_of_several_data_sources_the_card_says_which_counts_and_what_the_others_have() -> None:
    values = {f"val-core/{name}/acc/mean@32": 0.1 * at for at, name in enumerate(["aime", "gsm8k", "math", "olympic"])}
    shown = describe_validations(progress_of({**values, "val-core/zebra/acc/mean@32": 0.5}))
    assert shown == [
        "0.00 (step 30)",
        "`aime` counts, the first of 5 data sources; `gsm8k` 0.10, `math` 0.20, `olympic` 0.30, …",
    ]


def test_of_one_data_source_nothing_is_said() -> None:
    assert (
        describe_sources(progress_of({"val-core/aime/acc/mean@32": 0.5, "val-core/aime/acc/best@32/mean": 0.7})) == ""
    )


def test_a_training_without_a_reward_shows_its_loss() -> None:
    progress = Progress().record_events(
        [StepMetrics(8, {"train/loss": 0.72}), StepMetrics(8, {"val/loss": 0.61})], FRAMEWORK.keys
    )
    assert metrics_line(progress) == "step 8 · loss 0.72, validation 0.61"
    assert describe_loss(progress) == "0.72, validation 0.61"
    assert describe_loss(replace(progress, reward=0.5)) == ""
