"""All detectors, the gravest first, each with the source of its advice."""

from bot.core.model.finding import Detector
from bot.core.rules.health.detectors.gradient import (
    detect_gradient_spikes,
    detect_not_a_number,
    detect_vanished_gradient,
)
from bot.core.rules.health.detectors.policy_loss import (
    detect_clip_saturation,
    detect_entropy_collapse,
    detect_kl_blow_up,
)
from bot.core.rules.health.detectors.response import detect_length_growth, detect_silent_tools, detect_truncation
from bot.core.rules.health.detectors.reward import (
    detect_hopeless_groups,
    detect_plateau,
    detect_reward_collapse,
    detect_reward_parts,
    detect_saturated_groups,
)
from bot.core.rules.health.detectors.validation import detect_validation_fall

DAPO_PAPER = "https://arxiv.org/abs/2503.14476"

DETECTORS = (
    Detector("not-a-number", "https://arxiv.org/abs/1710.03740", detect_not_a_number, persist_steps=1),
    Detector("reward-collapse", "https://arxiv.org/abs/2210.10760", detect_reward_collapse),
    Detector("kl-blow-up", "https://arxiv.org/abs/2210.10760", detect_kl_blow_up),
    Detector("entropy-collapse", "https://arxiv.org/abs/2505.22617", detect_entropy_collapse),
    Detector("clip-saturation", "https://arxiv.org/abs/1707.06347", detect_clip_saturation, persist_steps=10),
    Detector("gradient-spikes", "https://arxiv.org/abs/1211.5063", detect_gradient_spikes, persist_steps=1),
    Detector("gradient-vanished", DAPO_PAPER, detect_vanished_gradient, persist_steps=10),
    Detector("saturated-groups", DAPO_PAPER, detect_saturated_groups, persist_steps=10),
    Detector("hopeless-groups", DAPO_PAPER, detect_hopeless_groups, persist_steps=10),
    Detector("reward-parts", "https://arxiv.org/abs/2501.12948", detect_reward_parts, persist_steps=10),
    Detector("validation-falls", "https://arxiv.org/abs/2210.10760", detect_validation_fall, persist_steps=1),
    Detector("length-growth", "https://arxiv.org/abs/2310.03716", detect_length_growth, persist_steps=10),
    Detector("truncation", DAPO_PAPER, detect_truncation),
    Detector(
        "silent-tools", "https://verl.readthedocs.io/en/latest/sglang_multiturn/multiturn.html", detect_silent_tools, 1
    ),
    Detector("plateau", "https://doi.org/10.2307/1907187", detect_plateau, persist_steps=20),
)
