"""Acknowledgement times with 50 commands in flight, by the double's record; and while the machines hang."""

from statistics import median

from benchmarks.answer import p95
from benchmarks.world import a_bot, a_slack

IN_FLIGHT, EACH = 50, 8
LINES = (
    "/verl status",
    "/verl status ppo-00001",
    "/verl list",
    "/verl launch smoke nodes=2",
    "/verl launch ppo nodes=2 trainer.total_epochs=3 --dry-run",
    "/verl logs ppo-00001",
    "/verl describe grpo",
    "/verl launch smok",
)
KINDS = {"bare": "bare Bolt listener", "quick": "the bot", "hanging": "the bot, machines hanging"}


def measure() -> None:
    print(f"{'':28}{'median':>10}{'p95':>10}{'slowest':>10}   over 100 ms   unanswered")
    people = [[LINES[(number + turn) % len(LINES)] for turn in range(EACH)] for number in range(IN_FLIGHT)]
    with a_slack() as slack:
        for kind, name in KINDS.items():
            with a_bot(slack, kind):
                slack.talk([["/verl list"]] * 5)
                report(name, slack.talk(people))


def report(name: str, answers: list[tuple[float, str]]) -> None:
    times = [seconds for seconds, _ in answers]
    late = sum(seconds > 0.1 for seconds in times)
    unanswered = sum(outcome != "ok" for _, outcome in answers)
    figures = "".join(f"{seconds * 1000:7.1f} ms" for seconds in (median(times), p95(times), max(times)))
    print(f"{name:28}{figures}{late:8} of {len(times)}{unanswered:10}")
