"""What masking costs a read of a log and a command, and how good it is: secrets left, and lines masked wrongly.

Logs are those of the folder that VERLBOT_LOGS names, else one that is made. `DETECT_SECRETS=1` measures the library of
that name on the same secrets and lines, where it is installed.
"""

import os
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.logs import logs
from bot.core.commands.parser import parse_command
from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.masking.masker import SHAPE_MASKER, Masker, search_nothing
from bot.runtime.secret_filter import SecretFilter
from tests.secret_corpus import Planted, corpus

LOOK = 250_000
"""Characters of a look at a log."""

TRIES = 5
SHOWN_LINES = 10
KNOWN = {f"SERVICE_{at}_TOKEN": f"a-known-value-{at}-of-some-length-{at * 7919}" for at in range(20)}

COMMAND = (
    "launch ppo nodes=2 trainer.total_epochs=3 actor_rollout_ref.model.path=Qwen/Qwen2.5-7B-Instruct trainer.note=x"
)
COMMANDS = 1_000
"""In one try."""

Mask = Callable[[str], str]


def measure() -> None:
    looks = [text[at : at + LOOK] for _, text in logs() for at in range(0, len(text), LOOK)]
    size = sum(map(len, looks))
    secrets = SecretFilter(KNOWN)
    plain = seconds(lambda: [LogParser().parse(text) for text in looks])
    print(f"{size / 1e6:.1f} MB in looks of {LOOK // 1000} kB{'':8}{'MB/s':>8}{'of reading':>12}")
    for name, took in (
        ("reading, without masking", plain),
        ("masking alone", seconds(lambda: [secrets.mask(text) for text in looks])),
        ("reading, with masking", seconds(lambda: [LogParser().parse(secrets.mask(text)) for text in looks])),
    ):
        print(f"{name:38}{size / took / 1e6:8.1f}{took / plain:12.2f}")
    few = looks[:1]
    took = seconds(lambda: [SHAPE_MASKER.mask(text) for text in few]) * size / sum(map(len, few))
    print(f"{'masking with the engine of Python':38}{size / took / 1e6:8.1f}{took / plain:12.2f}")
    unmasked = Masker(search_nothing)
    free = seconds(lambda: [parse_command(COMMAND, masker=unmasked) for _ in range(COMMANDS)])
    checked = seconds(lambda: [parse_command(COMMAND, masker=secrets.masker) for _ in range(COMMANDS)])
    print(f"a command is read in {free / COMMANDS * 1e6:.0f} µs, looked through for secrets in", end=" ")
    print(f"{checked / COMMANDS * 1e6:.0f} µs ({checked / free:.2f})")
    planted, lines = list(corpus(seed=7, each=3)), all_lines()
    print(f"\n{'':24}{'secrets left':>16}{'lines masked wrongly':>26}")
    judge("verlbot", secrets.mask, planted, lines)
    if os.environ.get("DETECT_SECRETS"):
        for entropy in (True, False):
            name = "detect-secrets" + ("" if entropy else " but entropy")
            judge(name, detect_secrets(entropy), planted, lines[::10])


def seconds(work: Callable[[], object]) -> float:
    """Processor time of the quickest of some tries; the first builds RE2's automaton, and is not counted."""
    work()
    tries = []
    for _ in range(TRIES):
        start = time.process_time()
        work()
        tries.append(time.process_time() - start)
    return min(tries)


def all_lines() -> list[str]:
    """Every line of every text file in the folder of logs and below, of whatever kind."""
    folder = os.environ.get("VERLBOT_LOGS")
    if not folder:
        return [line for _, text in logs() for line in text.split("\n")]
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return [line for path in paths for line in path.read_text(errors="replace").split("\n")]


def judge(name: str, mask: Mask, planted: Sequence[Planted], lines: Sequence[str]) -> None:
    left = [one for one in planted if one.leak(mask(one.text))]
    wrong = [(line, shown) for line in lines if (shown := mask(line)) != line]
    share = f"{len(wrong)} of {len(lines)} ({len(wrong) / max(len(lines), 1):.3%})"
    print(f"{name:24}{f'{len(left)} of {len(planted)}':>16}{share:>26}")
    for _, shown in wrong[:SHOWN_LINES]:
        at = max(shown.find("…(masked)") - 60, 0)
        print(f"    {shown[at : at + 120]!r}")


def detect_secrets(entropy: bool) -> Mask:
    """The plugins of detect-secrets, each value that it finds masked.

    Args:
        entropy: with those two that take whatever looks random for a secret.
    """
    scan = import_module("detect_secrets.core.scan")
    settings = import_module("detect_secrets.settings")
    known = import_module("detect_secrets.core.plugins.util").get_mapping_from_secret_type_to_class()
    used = [{"name": one.__name__} for one in known.values() if entropy or "Entropy" not in one.__name__]

    def mask(text: str) -> str:
        with settings.transient_settings({"plugins_used": used}):
            for line in text.split("\n"):
                for secret in scan.scan_line(line):
                    text = text.replace(secret.secret_value, "***") if secret.secret_value else text
        return text

    return mask


if __name__ == "__main__":
    measure()
