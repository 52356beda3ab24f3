"""The steps of a schedule: what people, time and faults do, drawn from a seed. A step is plain data and names all that
it needs, so that a schedule without one of its steps is a schedule too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

PEOPLE = ("U0ANA", "U0BEN", "U0LEA")

LINES = (
    "launch smoke nodes=2",
    "launch smoke nodes=1 budget=0.03",
    "launch smoke nodes=1 budget=0.3 lease=1",
    "launch smoke nodes=3 lease=0.03",
    "launch smoke nodes=5 budget=3",
)
"""Commands that launch; each second costs, so some budgets and leases end within a schedule. One needs an approval."""

QUESTIONS = ("list", "cost", "help", "budget")

SKY_CALLS = (
    "launch",
    "launch",
    "down",
    "status",
    "queue",
    "get",
    "cost_report",
    "logs",
    "api_status",
    "autostop",
    "users",
)
SLACK_CALLS = (
    "chat.postMessage",
    "chat.postMessage",
    "chat.update",
    "conversations.history",
    "response_url",
    "users.info",
)
SKY_TROUBLES = ("broken", "lost")
SLACK_TROUBLES = ("broken", "lost", "limited")
JOB_ENDS = ("SUCCEEDED", "FAILED", "FAILED_SETUP", "CANCELLED")
CLOCK_JUMPS = (-3600.0, -120.0, 120.0, 3600.0)

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        kind: the name of what happens; values: what it needs.
    """

    kind: str
    values: tuple[Value, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.kind, *map(str, self.values)])


Draw = Callable[[Random], tuple[Value, ...]]


def nothing(_: Random) -> tuple[Value, ...]:
    return ()


def which_run(rng: Random) -> tuple[Value, ...]:
    return (rng.randrange(3),)


def seconds(low: float, high: float) -> Draw:
    return lambda rng: (round(rng.uniform(low, high), 1),)


def one_of(*choices: tuple[Value, ...]) -> Draw:
    return lambda rng: tuple(rng.choice(choice) for choice in choices)


def draw_pace(rng: Random) -> tuple[Value, ...]:
    """Return the seconds that a launch takes to each of its four marks, in order, and those of a removal."""
    marks = sorted(round(rng.uniform(0.5, 25), 1) for _ in range(4))
    return (*marks, round(rng.uniform(1, 15), 1))


KINDS: dict[str, tuple[int, Draw]] = {
    # people
    "launch": (5, one_of(PEOPLE, LINES)),
    "stop": (3, lambda rng: (rng.randrange(3), rng.choice(PEOPLE))),
    "ask": (1, one_of(PEOPLE, QUESTIONS)),
    "set budget": (1, lambda rng: (rng.randrange(3), rng.choice(("0.05", "0.5", "5")))),
    "approve": (3, one_of((0, 1, 2), PEOPLE)),
    "decline": (1, one_of((0, 1, 2), PEOPLE)),
    "deliver again": (2, nothing),
    # time
    "wait": (22, seconds(2, 60)),
    "pace": (1, draw_pace),
    "clock": (2, lambda rng: (rng.choice(CLOCK_JUMPS),)),
    # what clusters do
    "job ends": (3, lambda rng: (rng.randrange(3), rng.choice(JOB_ENDS))),
    "log grows": (3, lambda rng: (rng.randrange(3), rng.randrange(1, 6))),
    "model is saved": (4, which_run),
    "model is torn": (2, one_of((0, 1, 2), ("a part is missing", "a file is empty", "a file is cut off"))),
    "disk is full": (1, lambda rng: (round(rng.uniform(10, 200), 1), rng.randrange(2))),
    "machines go": (2, lambda rng: (rng.randrange(3), rng.choice(("vanish", "autodown")))),
    "autostop is reset": (1, which_run),
    "record is hidden": (1, lambda rng: (rng.randrange(3), rng.choice((30, 90, 240)))),
    "queue is silent": (1, lambda rng: (rng.randrange(3), rng.choice((30, 90, 240)))),
    "second job": (1, which_run),
    "launch fails": (1, lambda rng: (rng.randrange(1, 4), round(rng.uniform(0.1, 20), 1))),
    "no room": (1, lambda rng: (rng.randrange(1, 4),)),
    # SkyPilot's server
    "sky": (6, lambda rng: (rng.choice(SKY_CALLS), rng.choice(SKY_TROUBLES), rng.randrange(1, 3))),
    "sky is away": (2, seconds(10, 150)),
    "sky restarts": (3, nothing),
    "sky forgets": (1, seconds(30, 300)),
    # Slack
    "slack": (5, lambda rng: (rng.choice(SLACK_CALLS), rng.choice(SLACK_TROUBLES), rng.randrange(1, 3))),
    "slack is late": (3, seconds(4, 60)),
    "slack is away": (1, seconds(10, 120)),
    # the bot
    "kill": (7, lambda rng: (rng.randrange(160), rng.choice((0, 0, 5, 60)))),
    "second bot": (2, nothing),
    "pause": (3, lambda rng: (rng.randrange(160), rng.choice((5, 30, 90)))),
    "pause at": (
        1,
        lambda rng: (rng.choice(("slack.chat.postMessage", "sky.launch", "sky.down")), rng.choice((30, 90))),
    ),
    # the store
    "snapshot": (3, nothing),
    "roll back": (2, nothing),
    "store refuses": (2, seconds(3, 90)),
    "store hangs": (1, seconds(3, 60)),
    "store link breaks": (3, lambda rng: (rng.randrange(12),)),
}
"""Each kind of step with its weight, and what draws its values."""

SHORTEST, LONGEST = 8, 24
"""Steps of a schedule."""


def draw_schedule(seed: int) -> list[Step]:
    """Return the schedule of a seed. It begins with SkyPilot's pace and a launch: without one,
    hardly anything can go wrong."""
    rng = Random(seed)
    names, weights = list(KINDS), [weight for weight, _ in KINDS.values()]
    kinds = ["pace", "launch", *rng.choices(names, weights, k=rng.randint(SHORTEST, LONGEST))]
    return [Step(kind, KINDS[kind][1](rng)) for kind in kinds]
