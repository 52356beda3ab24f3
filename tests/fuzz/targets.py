"""All targets, by name."""

from collections.abc import Mapping

from tests.fuzz import lines, logs, payloads, policy_files, recipe_files
from tests.fuzz.target import Target

TARGETS: Mapping[str, Target] = {
    one.TARGET.name: one.TARGET for one in (lines, logs, payloads, policy_files, recipe_files)
}
