"""The guide of the demo: what shows that a step is done, and what does not."""

import re

import pytest

from bot.cli.demo_guide import GUIDE, GuideStep

LINK = "<http://127.0.0.1:1/archives/C0TRAIN/p1|smoke-1d17>"
PROOFS = {
    "Launch a run": ":large_blue_circle: smoke-1d17 is running · step 1/60 · reward 0.04 · 1.2 s/step",
    "Watch it learn": f":scroll: Following the log of {LINK} in its thread until 15:36.",
    "Plot its metrics": "KL of smoke-1d17 · entropy of smoke-1d17",
    "Compare two runs": "smoke-1d17 and smoke-b43a compared",
    "See a failure explained": ":x: smoke-45cf failed at step 2 of 60 · 8 s · under $0.01",
    "Catch a sick run": f":warning: {LINK} · The reward has fallen back to its starting level.",
    "Resume from a checkpoint": "by <@U0ANA> · recipe `smoke` · resumed from `smoke-2025` at step 20",
    "Use up a budget": f":moneybag: *{LINK} has used 50% of its budget* ($0.03 of $0.06).",
    "Ask for a report": ":clipboard: Runs of <#C0TRAIN> since yesterday · 1 active, 5 ended",
    "Ask for an approval": ":raised_hand: smoke-df25 needs approval",
    "Approve it": f":ok: <@U0BEN> has approved the launch of {LINK}",
    "Fill in a form": "Launch a run",
    "Look at a real recipe": ":no_entry_sign: This would be refused. It needs H100:1; there is no GPU here.",
    "Stop a run": ":black_square_for_stop: smoke-df25 was stopped by <@U0ANA>",
    "Switch to Chinese": ":speech_balloon: 你的语言是简体中文",
    "See every command": "What you can type after /verl",
}
"""A message of the demo, or a form's title, for each step."""

REFUSALS = (
    ":warning: `smoke-2025` has not ended. Stop it first: `/verl stop smoke-2025`.",
    ":warning: There is no run `smoke-ffff`.",
    ":warning: Your limit is 1 run.",
    ":ok_hand: Launching `smoke-1d17`. To stop it: `/verl stop smoke-1d17`",
    "Log of smoke-1d17",
    ":moneybag: smoke-51ce was stopped: budget used up · 54 s · $0.06",
)


def test_every_step_has_a_proof() -> None:
    assert {step.title for step in GUIDE} == PROOFS.keys()


@pytest.mark.parametrize("step", GUIDE, ids=lambda step: step.title)
def test_a_step_is_proven_by_what_the_bot_shows_once_it_is_done_alone(step: GuideStep) -> None:
    assert re.search(step.done_pattern, PROOFS[step.title])
    assert [text for text in REFUSALS if re.search(step.done_pattern, text)] == []
