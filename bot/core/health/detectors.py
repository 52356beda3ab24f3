"""All detectors, the gravest first, each with the source of its advice."""

from bot.core.health.gradient import gradient_spikes, gradient_vanished, not_a_number
from bot.core.health.policy import clip_saturation, entropy_collapse, kl_blow_up
from bot.core.health.response import length_growth, silent_tools, truncation
from bot.core.health.reward import hopeless_groups, plateau, reward_collapse, reward_parts, saturated_groups
from bot.core.health.validation import validation_falls
from bot.core.health.window import Detector

DAPO = "https://arxiv.org/abs/2503.14476"

DETECTORS = (
    Detector("not-a-number", "https://arxiv.org/abs/1710.03740", not_a_number, persist_steps=1),
    Detector("reward-collapse", "https://arxiv.org/abs/2210.10760", reward_collapse),
    Detector("kl-blow-up", "https://arxiv.org/abs/2210.10760", kl_blow_up),
    Detector("entropy-collapse", "https://arxiv.org/abs/2505.22617", entropy_collapse),
    Detector("clip-saturation", "https://arxiv.org/abs/1707.06347", clip_saturation, persist_steps=10),
    Detector("gradient-spikes", "https://arxiv.org/abs/1211.5063", gradient_spikes, persist_steps=1),
    Detector("gradient-vanished", DAPO, gradient_vanished, persist_steps=10),
    Detector("saturated-groups", DAPO, saturated_groups, persist_steps=10),
    Detector("hopeless-groups", DAPO, hopeless_groups, persist_steps=10),
    Detector("reward-parts", "https://arxiv.org/abs/2501.12948", reward_parts, persist_steps=10),
    Detector("validation-falls", "https://arxiv.org/abs/2210.10760", validation_falls, persist_steps=1),
    Detector("length-growth", "https://arxiv.org/abs/2310.03716", length_growth, persist_steps=10),
    Detector("truncation", DAPO, truncation),
    Detector("silent-tools", "https://verl.readthedocs.io/en/latest/sglang_multiturn/multiturn.html", silent_tools, 1),
    Detector("plateau", "https://doi.org/10.2307/1907187", plateau, persist_steps=20),
)
