"""What verl will be run with: the settings of a task's script, its variables and its overrides together. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import floordiv, mul
from typing import Self

from bot.core.model.parameter import parse_number
from bot.core.model.recipe import Task
from bot.core.model.resources import count_nodes, find_node_gpus

SETTING_IN_SCRIPT = re.compile(r"(?<![\w.@/-])\+{0,2}([a-z_]\w{0,60}(?:\.\w{1,60}){1,8})=([^\s\\]{0,300})")
"""A setting as a script passes it on: `data.train_batch_size="$BATCH_SIZE"`."""

VARIABLE = re.compile(r"\$\{?(\w{1,60})\}?")

SHELL_PRODUCT = re.compile(r"^[ \t]*(\w{1,60})=\$\(\((\w{1,60}) ([*/]) (\w{1,60})\)\)[ \t]*$", re.MULTILINE)
"""A variable that a script works out from two others: `mini_batch=$((BATCH_SIZE / 4))`."""

NODES_VARIABLE, GPUS_VARIABLE = "SKYPILOT_NUM_NODES", "SKYPILOT_NUM_GPUS_PER_NODE"

DEFAULTS: Mapping[str, str] = {
    "actor_rollout_ref.actor.fsdp_config.fsdp_size": "-1",
    "actor_rollout_ref.actor.fsdp_config.model_dtype": "fp32",
    "actor_rollout_ref.actor.fsdp_config.offload_policy": "False",
    "actor_rollout_ref.actor.fsdp_config.optimizer_offload": "False",
    "actor_rollout_ref.actor.fsdp_config.param_offload": "False",
    "actor_rollout_ref.actor.ppo_mini_batch_size": "256",
    "actor_rollout_ref.actor.ulysses_sequence_parallel_size": "1",
    "actor_rollout_ref.model.lora_rank": "0",
    "actor_rollout_ref.rollout.data_parallel_size": "1",
    "actor_rollout_ref.rollout.n": "1",
    "actor_rollout_ref.rollout.pipeline_model_parallel_size": "1",
    "actor_rollout_ref.rollout.tensor_model_parallel_size": "2",
    "algorithm.adv_estimator": "gae",
    "critic.fsdp.param_offload": "False",
    "critic.fsdp.optimizer_offload": "False",
    "data.train_batch_size": "1024",
}
"""What verl 0.9.1 takes for a setting that no script and no override sets."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What verl will be run with.

    Attributes:
        nodes: how many; gpus: of each node; None while SkyPilot may choose.
        values: the settings of the script and of the overrides, the last of one name.
        overridden: the names that an override sets.
        variables: the values of the script's variables, as far as they are known.
    """

    nodes: int
    gpus: int | None
    values: Mapping[str, str]
    overridden: frozenset[str]
    variables: Mapping[str, str]

    @classmethod
    def read(cls, task: Task, overrides: Sequence[str]) -> Self:
        """Return what the script and the overrides of a task set."""
        script = str(task.get("run") or "")
        nodes, gpus = count_nodes(task), find_node_gpus(task)
        variables = {str(name): str(value) for name, value in (task.get("envs") or {}).items()}
        variables |= {NODES_VARIABLE: str(nodes)} | ({GPUS_VARIABLE: str(gpus)} if gpus else {})
        for name, first, sign, second in SHELL_PRODUCT.findall(script):
            numbers = [parse_whole_number(variables.get(word, word)) for word in (first, second)]
            if None not in numbers and (sign == "*" or numbers[1]):
                variables[name] = str((mul if sign == "*" else floordiv)(*numbers))
        values = {key: value.strip("\"'") for key, value in SETTING_IN_SCRIPT.findall(script)}
        typed = [override.lstrip("+").partition("=") for override in overrides if not override.startswith("~")]
        set_by_person = {key.strip(): value.strip().strip("\"'") for key, _, value in typed}
        return cls(nodes, gpus, values | set_by_person, frozenset(set_by_person), variables)

    @property
    def all_gpus(self) -> int | None:
        """Return the number of GPUs of all nodes together; None while SkyPilot may choose."""
        return self.nodes * self.gpus if self.gpus else None

    @property
    def needs_critic(self) -> bool:
        """Return whether verl trains a critic (`need_critic` in `trainer/ppo/utils.py`)."""
        enabled = self.get("critic.enable").lower()
        return enabled == "true" if enabled in ("true", "false") else self.get("algorithm.adv_estimator") == "gae"

    def get(self, option: str) -> str:
        """Return the value of a setting, or verl's default; empty where it is not known."""
        value = self.values.get(option, DEFAULTS.get(option, ""))
        matched = VARIABLE.fullmatch(value)
        return self.variables.get(matched[1], "") if matched else value

    def get_number(self, option: str) -> int | None:
        """Return the whole number of a setting; None where it is not known."""
        return parse_whole_number(self.get(option))

    def is_on(self, option: str) -> bool:
        return self.get(option).lower() == "true"


def parse_whole_number(text: str) -> int | None:
    """Return a whole number; None for any other text.

    >>> parse_whole_number("256"), parse_whole_number("0.5"), parse_whole_number("$X")
    (256, None, None)
    """
    number = parse_number(text)
    return int(number) if number is not None and number == int(number) else None
