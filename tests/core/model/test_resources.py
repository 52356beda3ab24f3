"""The resources of a task: how many machines and GPUs, and of several choices the largest."""

from bot.core.model.resources import with_most_accelerators


def test_of_several_machines_the_most_counts() -> None:
    task = {"resources": {"ordered": [{"accelerators": {"L4": 1}}, {"accelerators": {"H100": 8}}]}}
    assert with_most_accelerators(task)["resources"] == {"accelerators": "H100:8"}
