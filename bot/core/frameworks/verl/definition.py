"""verl (0.1 to 0.9), as the bot knows it."""

from bot.core.frameworks.verl.advice_directions import find_directions
from bot.core.frameworks.verl.checkpoint_files import find_flaw
from bot.core.frameworks.verl.detectors import DETECTORS
from bot.core.frameworks.verl.detectors.misleading import find_unreliable_metrics
from bot.core.frameworks.verl.finding_changes import FINDING_CHANGES
from bot.core.frameworks.verl.general_advice import GENERAL_ADVICE
from bot.core.frameworks.verl.log_grammar import count_step_metrics, find_phase
from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.frameworks.verl.metric_keys import VERL_KEYS
from bot.core.frameworks.verl.option_keys import OPTION_LIST
from bot.core.frameworks.verl.options import (
    CHECKPOINT_INTERVAL_OPTION,
    SFT_OPTIONS,
    STALL_ADVICE,
    VALIDATION_INTERVAL_OPTION,
    adapt_rules,
)
from bot.core.frameworks.verl.remedies import REMEDIES
from bot.core.frameworks.verl.rollout_files import FINDING_ORDERS, SCORE_KEYS, parse_metrics_file, parse_samples
from bot.core.frameworks.verl.run_checks import refuse_unfit_run, warn_of_group
from bot.core.frameworks.verl.size_forecast import describe_checkpoint_sizes, list_size_warnings
from bot.core.frameworks.verl.verl_errors import READING
from bot.core.model.checkpoint_paths import CheckpointLayout
from bot.core.model.training_framework import Framework, LaunchChecks, OutputFormat

PPO_PROGRAM = "verl.trainer.main_ppo"
"""The program whose settings the advice names."""

SFT_PROGRAM = "verl.trainer.sft_trainer"

VERL = Framework(
    name="verl",
    keys=VERL_KEYS,
    reader=LogParser(),
    count_step_metrics=count_step_metrics,
    find_phase=find_phase,
    checkpoints=CheckpointLayout("global_step_", "latest_checkpointed_iteration.txt", find_flaw),  # verl 0.9.1
    detectors=DETECTORS,
    find_unreliable_metrics=find_unreliable_metrics,
    checkpoint_interval_option=CHECKPOINT_INTERVAL_OPTION,
    validation_interval_option=VALIDATION_INTERVAL_OPTION,
    adapt_rules=adapt_rules,
    failures=READING,
    remedies=REMEDIES,
    finding_changes=FINDING_CHANGES,
    stall_advice=STALL_ADVICE,
    samples=OutputFormat(SCORE_KEYS, FINDING_ORDERS, parse_samples, parse_metrics_file),
    option_trees=OPTION_LIST.trees,
    advised_program=PPO_PROGRAM,
    equivalent_options={SFT_PROGRAM: SFT_OPTIONS},
    general_advice=GENERAL_ADVICE,
    find_directions=find_directions,
    launch_checks={
        PPO_PROGRAM: LaunchChecks(
            refuse_unfit_run,
            lambda task, overrides: [*warn_of_group(task, overrides), *list_size_warnings(task, overrides)],
            describe_checkpoint_sizes,
        )
    },
)
