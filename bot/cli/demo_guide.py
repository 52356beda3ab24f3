"""The guide of the demo: what to try, step by step, on the page and in the terminal."""

from dataclasses import dataclass

FIRST_LINE = "/verl launch smoke nodes=2"

ANA, BEN = "U0ANA", "U0BEN"

RUN_PATTERN = r"\bsmoke-[0-9a-f]{4}\b"
"""Matches the id of a run of the recipe that the demo launches: the page puts the newest into lines in place of RUN."""

LEAVE_HINT = "Ctrl-D closes the demo and stops everything that it started."


@dataclass(frozen=True, slots=True)
class GuideStep:
    """Something to try.

    Attributes:
        text: what there is to see; lines: what to type, with RUN for the newest run's id.
        user: Slack's id of the person who types; role: what this person may do, where it is not Ana.
        run_pattern: matches a run's id.
        done_pattern: matches a message of the bot's, or a form's title, that the person sees once the step is done: the
            page ticks it off then, and not at a line that the bot refuses.
    """

    title: str
    text: str
    lines: tuple[str, ...]
    done_pattern: str
    user: str = ANA
    role: str = ""
    run_pattern: str = RUN_PATTERN


GUIDE = (
    GuideStep(
        "Launch a run",
        "It trains a toy model with real GRPO for a minute and a half, on two processes in place of two nodes.",
        (FIRST_LINE,),
        r"\bis running\b",
    ),
    GuideStep(
        "Watch it learn",
        "The card updates in place. Open its thread for the chart; `follow` shows the log there as it grows.",
        ("/verl status", "/verl logs RUN follow"),
        r"^:scroll: Following the log",
    ),
    GuideStep(
        "Plot its metrics",
        "Slack draws the chart for you alone; `picture` posts an image with every step to the run's thread.",
        ("/verl plot RUN", "/verl plot RUN kl entropy", "/verl plot RUN picture"),
        r"^(?!Log )[\w ]+ of smoke-[0-9a-f]{4}\b",
    ),
    GuideStep(
        "Compare two runs",
        "Launch a second run with another learning rate. Once it trains, compare both: curves, settings and cost.",
        ("/verl launch smoke learning_rate=0.3", "/verl compare"),
        r"\bcompared$",
    ),
    GuideStep(
        "See a failure explained",
        "The notice shows the first error, the likely cause and what is lost. You can retry it with changes.",
        ("/verl launch smoke fail_at_step=3",),
        r"\bfailed at step\b",
    ),
    GuideStep(
        "Catch a sick run",
        "From step 20 on, this run unlearns. After about 30 seconds the bot reports that the reward has collapsed, and "
        "which of verl's settings you could change.",
        ("/verl launch smoke sick_at_step=20 learning_rate=0.2 steps=80 seconds_per_step=0.5",),
        r"The reward has (?:collapsed|fallen)",
    ),
    GuideStep(
        "Resume from a checkpoint",
        "This run keeps its checkpoints on a volume and fails at step 30, after about 20 seconds. Then resume it: it "
        "continues from step 20.",
        ("/verl launch smoke volume=models fail_at_step=30 seconds_per_step=0.5", "/verl resume RUN fail_at_step=0"),
        r"resumed from `smoke-",
    ),
    GuideStep(
        "Use up a budget",
        "The bot warns at 50% and 80%, and earlier if the forecast is over the budget; then it stops the run.",
        ("/verl launch smoke nodes=2 budget=0.06", "/verl cost"),
        r"has used \d+% of its budget",
    ),
    GuideStep(
        "Ask for a report",
        "All runs at a glance, now or every morning in a channel.",
        ("/verl report now", "/verl report daily 9:00"),
        r"^:clipboard: Runs of|every day at",
    ),
    GuideStep(
        "Ask for an approval",
        "Launches over $100 need an approver's consent.",
        ("/verl launch smoke nodes=2 budget=150",),
        r"\bneeds approval\b",
    ),
    GuideStep(
        "Approve it",
        "Now act as Ben, who is an approver: press *Approve* on the waiting card, or check the budgets.",
        ("/verl budget", "/verl list"),
        r"is approved and launching|has approved the launch",
        user=BEN,
        role="approver",
    ),
    GuideStep(
        "Fill in a form",
        "The same command as a form, with the range of each field. This also works on a phone.",
        ("/verl launch",),
        r"^Launch a run$",
    ),
    GuideStep(
        "Look at a real recipe",
        "The task as SkyPilot would get it, its budget, and what this machine does not have. Nothing is started.",
        ("/verl describe ppo", "/verl launch ppo nodes=4 algorithm.gamma=0.99 --dry-run"),
        r"^:\w+: This would (?:launch|be refused|need approval)",
    ),
    GuideStep(
        "Stop a run",
        "Press *Stop* on its card, or type the command. A run counts as stopped only when its machines are gone.",
        ("/verl list", "/verl stop RUN"),
        r"was stopped by (?!autostop)",
    ),
    GuideStep(
        "Switch to Chinese",
        "Private answers come in your language; cards and threads in the workspace's.",
        ("/verl language zh-CN", "/verl language en"),
        "你的语言是",
    ),
    GuideStep("See every command", "Each with an example.", ("/verl help",), r"^What you can type after"),
)


def format_guide(address: str) -> str:
    """Return the guide for people who stay in the terminal, where everyone is Ana, and the page's address again: the
    guide is longer than many a terminal.
    """
    own = [step for step in GUIDE if step.user == ANA]
    lines = [
        f"  {line:<72}  {step.title if line == step.lines[0] else ''}".rstrip() for step in own for line in step.lines
    ]
    opening = "Open it in a browser, or type here as Ana in #training (RUN is a run's id, such as smoke-7f3a):"
    return "\n".join([opening, *lines, LEAVE_HINT, f"The page: {address}"])
