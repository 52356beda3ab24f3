"""Answer time of `/verl status` against a bare Bolt listener that only acknowledges, over a real socket."""

from statistics import median

from benchmarks.world import a_bot, a_slack

ROUNDS, TIMES = 3, 200
"""The two take turns, so that a busy moment of the machine falls on both."""

LINES = {"bare": "/verl status", "quick": "/verl status ppo-00001"}


def measure() -> None:
    times: dict[str, list[float]] = {kind: [] for kind in LINES}
    with a_slack() as slack:
        for _ in range(ROUNDS):
            for kind, line in LINES.items():
                with a_bot(slack, kind):
                    slack.talk([[line] * 20])
                    times[kind] += [seconds for seconds, _ in slack.talk([[line] * TIMES])]
    print(f"{'':28}{'median':>10}{'p95':>12}")
    for name, kind in (("bare Bolt listener", "bare"), ("/verl status RUN", "quick")):
        print(f"{name:28}{median(times[kind]) * 1000:8.2f} ms{p95(times[kind]) * 1000:9.2f} ms")
    ratios = [measured(times["quick"]) / measured(times["bare"]) for measured in (median, p95)]
    print(f"{'ratio':28}{ratios[0]:9.2f}x{ratios[1]:11.2f}x")


def p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]
