"""The settings that verl's trainers know, as the list beside this module has them.

The list is made from the pinned verl by `make options`. It is part of the program, like this module: it is read
once, when the module is.
"""

from collections.abc import Mapping
from importlib.resources import files

from bot.core.frameworks.verl.option_values import OPTION_VALUES
from bot.core.model.option_tree import OptionList, parse_option_list

UNREAD_OPTIONS: Mapping[str, str] = {
    "actor_rollout_ref.actor.grad_clip": "actor_rollout_ref.actor.optim.clip_grad",
    "critic.grad_clip": "critic.optim.clip_grad",
    "actor_rollout_ref.nccl_timeout": "",
    "critic.nccl_timeout": "",
}
"""Settings of verl 0.9.1 that none of its code reads, each with the one that counts instead; empty for none.

(Source: verl 0.9.1. `grad_clip` and `nccl_timeout` are fields in `workers/config/actor.py` and `critic.py`, and read
nowhere; the engines clip by `optim.clip_grad`.)
"""

OPTION_LIST: OptionList = parse_option_list(
    files(__package__).joinpath("option_tree.txt").read_text("utf-8"), UNREAD_OPTIONS, OPTION_VALUES
)
"""verl's version and its settings."""
