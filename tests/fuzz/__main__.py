"""Try targets for a time: `python -m tests.fuzz [--minutes M] [--seed N] [TARGET …]`, at most two at a time."""

import argparse
import secrets
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

from tests.fuzz.target import FOUND, Target, try_for
from tests.fuzz.targets import TARGETS

AT_ONCE = 2
"""Processes."""

MOST_SEED = 10**9


def main() -> int:
    asked = read_arguments()
    if len(asked.targets) == 1:
        return try_one(TARGETS[asked.targets[0]], asked.minutes, asked.seed)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failed = sum(pool.map(lambda name: in_process(name, asked.minutes, asked.seed), asked.targets or TARGETS))
    return 1 if failed else 0


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--minutes", type=float, default=1.0, help="of each target (default: 1)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(MOST_SEED), help="the first (default: by chance)")
    asked = parser.parse_args()
    if strange := [name for name in asked.targets if name not in TARGETS]:
        parser.error(f"there is no target {strange[0]}: {', '.join(TARGETS)}")
    return asked


def try_one(target: Target, minutes: float, first: int) -> int:
    """Try one target here; 1 where it fails."""
    begin = f"{target.name}: {target.promise}; seed {first}:"
    try:
        count = try_for(target, minutes, first)
    except Exception:
        traceback.print_exc(file=sys.stdout)
        again = f"python -m tests.fuzz {target.name}"
        print(f"{begin} FAILED. `{again}` tries the example again first; it is kept in {FOUND / target.name}.")
        return 1
    print(f"{begin} {count:,} examples in {minutes:g} min, none failed")
    return 0


def in_process(name: str, minutes: float, first: int) -> int:
    """Try one target in a process of its own, and print what it says at its end."""
    program = [sys.executable, "-W", "ignore", "-m", "tests.fuzz", name, f"--minutes={minutes}", f"--seed={first}"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    print(done.stdout + (done.stderr if done.returncode else ""), end="", flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
