"""All targets, by name."""

from collections.abc import Mapping

from tests.fuzz import growth, lines, logs, payloads, policy_files, recipe_files, shell
from tests.fuzz.target import Target

MODULES = (lines, logs, growth, payloads, policy_files, recipe_files, shell)
TARGETS: Mapping[str, Target] = {one.TARGET.name: one.TARGET for one in MODULES}
