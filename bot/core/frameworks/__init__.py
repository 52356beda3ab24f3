"""The frameworks for training that the bot knows: one, until there is a second."""

from bot.core.frameworks.verl.definition import VERL
from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.model.training_framework import Framework

__all__ = ["FRAMEWORK", "LogParser"]

FRAMEWORK: Framework = VERL
"""The framework of every run. Rules and use cases take another one as an argument; `LogParser` is what records hold."""
