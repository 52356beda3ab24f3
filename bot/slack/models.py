"""Messages about a run's checkpoint: where it is, how its rescue goes, and what people must decide where that fails.
Pure.
"""

from datetime import datetime, timedelta

from bot.core import drain
from bot.core.keeping import Fetch, TornCheckpoint
from bot.core.run import Run
from bot.core.status import Reason, Status
from bot.language import mark
from bot.slack import words
from bot.slack.blocks import Block, actions, button, confirm, section
from bot.slack.message import Message, said
from bot.slack.phrases import say, together
from bot.slack.standing import written
from bot.slack.text import Markup, code, command, date, mention, mrkdwn

SAVE_AND_STOP, KEEP, LOSE = "save_and_stop", "keep_model", "lose_model"
"""Action ids of the buttons."""

KEEP_HOURS = 1

UNKNOWN = "?"

DAY_AND_TIME = "{date_short_pretty} {time}"

ASK_BEFORE = timedelta(minutes=15)
ASK_AFTER = timedelta(hours=1)
"""Time before the deadline at which people must decide, less where less time was given (a quarter of it); time after
the begin of a rescue at which they must decide in any case."""

DRAINS = {
    Reason.LEASE_OVER: mark("Its lease is over. It trains on until {time} at the most, so that it saves first."),
    Reason.OVER_BUDGET: mark("Its budget is spent. It trains on until {time} at the most, so that it saves first."),
    Reason.MONTH_SPENT: mark(
        "This month's dollars are spent. It trains on until {time} at the most, so that it saves first."
    ),
    Reason.STOPPED: mark("It is to be stopped. It trains on until {time} at the most, so that it saves first."),
}
COSTS = mark("That costs {rate}.")

FETCHING = mark("Fetching the model of step {step} from its cluster: {amount} so far.")
FETCHING_OF = mark("Fetching the model of step {step} from its cluster: {amount} of {size}, {percent} %.")
AGAIN = mark("The model of step {step} is not fetched yet, and I try again: {why}")
FETCHED = mark("The model of step {step} is fetched: {size}, in {folder} on my machine.")
SEARCHING = mark("I look on its cluster for a model, because the last lines of its log could not be read.")
SEARCHES_AGAIN = mark("Whether its cluster has a model is not known yet, and I try again: {why}")
NONE = mark("Its cluster had no checkpoint.")
TORN = mark("Its checkpoint of step {step} is not whole: {why}")
NEWER_LOST = mark("Its newer checkpoint of step {step} was lost with its machine.")
NONE_WHOLE = mark("*None of its checkpoints is whole.* Step {step}: {why}")
NONE_WAS_WHOLE = mark("None of its checkpoints was whole, so there is no model. Step {step}: {why}")
NONE_SEEN = mark("No checkpoint was seen in its log.")
NONE_SEEN_NOR_ASKED = mark("No checkpoint was seen in its log, and its cluster could not be asked: {why}")
NOT_KNOWN_YET = mark("Whether it has saved a model is not known yet.")
NEVER_KNOWN = mark(
    "Whether it saved a model is not known: "
    "its log was not read to its end, and its cluster was gone before I could look."
)
LET_GO = mark("{person} has the model of step {step} lost with its cluster.")
GIVEN_UP = mark("The model of step {step} is given up: it could not be fetched by {time}, and nobody said to wait.")

CANNOT = mark("*The model of step {step} cannot be fetched*: {why}")
IS_SLOW = mark("*The model of step {step} is not here yet.*")
STANDS = mark("Its cluster stands for it until {time}; then it is removed, and the model is lost.")
STANDS_AT = mark("Its cluster stands for it at {rate}, until {time}; then it is removed, and the model is lost.")
KEPT = mark("{person} has it kept until then.")
GOES_ON = mark("I go on trying.")

SAVED_HERE = mark("Model: step {step}, {size}, in {folder} on my machine.")
SAVED_HERE_VALIDATED = mark("Model: step {step} (validation {value}), {size}, in {folder} on my machine.")
SAVED_HERE_VALIDATED_AT = mark(
    "Model: step {step} (validation {value} at step {at}), {size}, in {folder} on my machine."
)
MERGE = mark("To load it, make a Hugging Face model of its shards: {command}")
COPY = mark("To go on from it, copy {folder} into a volume or bucket: {command}")
LOST_BY = mark("The model of step {step} was lost with its machine: so {person} has said.")
NOT_FETCHED = mark("The model of step {step} was lost with its machine: it could not be fetched in time.")
NOT_FETCHED_WHY = mark("The model of step {step} was lost with its machine, for it could not be fetched in time: {why}")
DIED = mark("The model of step {step} died with the machine: no `volume=` or `bucket=` was set.")
DIED_ELSEWHERE = mark(
    "The model of step {step} was saved in {folder}, which is not in {place}: "
    "it died with the machine, unless that outlives it."
)
ON_MACHINES = mark("The model of step {step} is on machines that go with its program.")
ON_CLUSTER = mark("The model of step {step} is on its cluster alone. I fetch it before that goes.")


def model_messages(run: Run, now: datetime) -> list[Message]:
    """Return the messages about saving the checkpoint before its machine goes; what people must decide, the channel
    shows too.
    """
    return [message for message in (draining(run), fetching(run), question(run, now)) if message]


def draining(run: Run) -> Message | None:
    """Return that the run may save before it ends, and at which rate; None once the run has finished, because it saves
    no more.
    """
    found = run.keeping.draining
    if found is None or run.over:
        return None
    costs = say(COSTS, rate=words.hourly(run.hourly.dollars_per_hour)) if run.hourly else ""
    text = together(say(DRAINS[found.reason], time=date(found.until)), costs)
    return said(f"draining-{found.until.timestamp():.0f}", mrkdwn(":floppy_disk: {}", text))


def fetching(run: Run) -> Message | None:
    """Return the state of the rescue, in one message of the thread."""
    # A log that was read to its end and mentions no checkpoint is almost proof that there is none.
    unsaid = run.progress.checkpoint is None and run.log_saved_at is not None
    if run.keeping.began_at is None or unsaid:
        return None
    text = mrkdwn(":package: {}", outcome(run) or under_way(run))
    state = "settled" if run.keeping.settled else "trouble" if run.keeping.trouble else ""
    return Message("model", text, (section(text),), urgent=state, edited=True)


def outcome(run: Run) -> Markup:
    """Return the result of the rescue; empty where it is not known yet."""
    found, step = run.keeping, step_of(run)
    if found.fetch and found.fetched:
        fetched = say(FETCHED, step=found.step, size=size(found.fetch.size), folder=code(found.fetch.where))
        return together(fetched, newer(run))
    if found.lost_by:
        return say(LET_GO, person=mention(found.lost_by), step=step)
    if found.none_at:
        return say(NONE)
    if found.given_up_at and found.none_whole_at:
        return none_whole(run, NONE_WAS_WHOLE)
    if found.given_up_at:
        return say(GIVEN_UP, step=step, time=date(found.given_up_at, DAY_AND_TIME))
    if run.status is not Status.ENDED:
        return Markup()
    return gone(run) if run.progress.checkpoint is not None else unsaved(run)


def under_way(run: Run) -> Markup:
    """Return the state of a rescue without a result."""
    found, step = run.keeping, step_of(run)
    if run.progress.checkpoint is None:
        return say(SEARCHES_AGAIN, why=found.trouble) if found.trouble else say(SEARCHING)
    if found.trouble:
        return say(AGAIN, step=step, why=found.trouble)
    return together(on_its_way(found.fetch or Fetch(""), step), newer(run))


def on_its_way(fetch: Fetch, step: int | str) -> Markup:
    """Return how much of the checkpoint is downloaded, in percent where its size is known."""
    if not fetch.of:
        return say(FETCHING, step=step, amount=size(fetch.size))
    percent = min(100 * fetch.size // fetch.of, 99)
    return say(FETCHING_OF, step=step, amount=size(fetch.size), size=size(fetch.of), percent=percent)


def newer(run: Run) -> Markup:
    """Return what became of the newest checkpoint where an older one is rescued; empty where there is none newer."""
    found = run.keeping
    known = run.progress.checkpoint_step if found.step is None else found.step
    above = next((one for one in found.torn if known is not None and one.step > known), None)
    if above:
        return say(TORN, step=above.step, why=above.why)
    newest = run.progress.checkpoint_step
    is_older = found.fetched and newest is not None and known is not None and newest > known
    return say(NEWER_LOST, step=newest) if is_older else Markup()


def found_none_whole(run: Run) -> bool:
    """Return whether the cluster is kept although none of its checkpoints is complete."""
    return run.keeping.none_whole_at is not None and not run.keeping.settled and run.status is not Status.ENDED


def none_whole(run: Run, phrase: str) -> Markup:
    """Return that no checkpoint is complete, with what is wrong with the newest."""
    torn = (
        run.keeping.torn[0]
        if run.keeping.torn
        else TornCheckpoint(run.progress.checkpoint_step or 0, run.keeping.trouble or "")
    )
    return say(phrase, step=torn.step, why=torn.why)


def question(run: Run, now: datetime) -> Message | None:
    """Return the question what to do about a checkpoint that cannot be rescued: one message, edited to the result at
    the end.
    """
    found = run.keeping
    if found.asked_at is None and not (drain.keeps(run) and is_late(run, now)):
        return None
    if ended := outcome(run):
        text = mrkdwn(":package: {}", ended)
        return Message("model-lost", text, (section(text),), urgent="over", edited=True, broadcast=True)
    text = mrkdwn(":rotating_light: {}", together(problem(run), stands(run), kept(run), say(GOES_ON)))
    blocks = (section(mrkdwn("{} {}", text, mention(run.requester))), actions(keep(run), lose(run)))
    state = f"{found.until.timestamp():.0f}" if found.until else "asks"
    return Message("model-lost", text, blocks, urgent=state, edited=True, broadcast=True)


def is_late(run: Run, now: datetime) -> bool:
    """Return whether the download may miss its deadline."""
    began, until = run.keeping.began_at, run.keeping.until
    if began is None or until is None:
        return False
    return now >= min(until - min(ASK_BEFORE, (until - began) / 4), began + ASK_AFTER)


def problem(run: Run) -> Markup:
    """Return why the checkpoint is not rescued yet."""
    step = step_of(run)
    if run.keeping.none_whole_at:
        return none_whole(run, NONE_WHOLE)
    return say(CANNOT, step=step, why=run.keeping.trouble) if run.keeping.trouble else say(IS_SLOW, step=step)


def stands(run: Run) -> Markup:
    """Return until when its cluster is kept, and at which rate."""
    until = date(run.keeping.until, DAY_AND_TIME) if run.keeping.until else ""
    if run.hourly is None:
        return say(STANDS, time=until)
    return say(STANDS_AT, time=until, rate=words.hourly(run.hourly.dollars_per_hour))


def kept(run: Run) -> Markup:
    """Return who has extended the deadline; empty where no person has."""
    return say(KEPT, person=mention(run.keeping.keep_by)) if run.keeping.keep_by else Markup()


def keep(run: Run) -> Block:
    """Return the button that keeps the cluster longer. It names the deadline that it was shown with, so a second click
    adds nothing.
    """
    until = run.keeping.until.timestamp() if run.keeping.until else 0
    return button(say("Keep {hours} h", hours=KEEP_HOURS), KEEP, f"{run.id} {until:.0f}")


def lose(run: Run) -> Block:
    """Return the button that tears the cluster down and loses the checkpoint, after a confirmation: there is no way
    back.
    """
    question = say(
        "The cluster of {run} is removed, and the model of step {step} is lost for good.",
        run=code(run.id),
        step=step_of(run),
    )
    asked = confirm(say("Lose this model?"), question, say("Lose it"), say("Keep it"))
    return button(say("Tear down and lose it"), LOSE, run.id, asked, "danger")


def save_and_stop(run: Run) -> Block:
    """Return the button that saves a checkpoint and then stops the run."""
    return button(say("Save and stop"), SAVE_AND_STOP, run.id)


def model(run: Run) -> Markup:
    """Return where the trained model is, in a sentence; empty where the recipe saves none."""
    found = run.progress
    if found.checkpoint is None:
        left = run.keeping.given_up_at or (run.keeping.lost_by and run.keeping.began_at)
        return gone(run) if left else unsaved(run)
    if run.keeping.fetch and run.keeping.fetched:
        return here(run, run.keeping.fetch)
    if run.place is None and found_none_whole(run):
        return none_whole(run, NONE_WHOLE)
    if run.place is None:
        return gone(run) if run.keeping.settled or run.status is Status.ENDED else on_cluster(run)
    # A checkpoint whose path lacks the run's id is not in the run's folder of the store.
    if run.id not in found.checkpoint:
        return say(DIED_ELSEWHERE, step=found.checkpoint_step, folder=code(found.checkpoint), place=code(run.place))
    there = code(f"{run.place} › {found.checkpoint[found.checkpoint.find(run.id) :]}")
    return say("Model: step {step}, in {place}.", step=found.checkpoint_step, place=there)


def how_to(run: Run) -> list[Markup]:
    """Return what can be done with a downloaded checkpoint, a line each."""
    fetch = run.keeping.fetch
    return list(filter(None, [how_to_load(fetch), how_to_go_on(run)])) if fetch and fetch.done else []


def unsaved(run: Run) -> Markup:
    """Return what is known of a checkpoint that no log has mentioned; empty where none is to be expected.

    That there is none is reported once a look at the cluster has shown it.
    """
    began = run.progress.step is not None or drain.may_have_trained(run)
    if not began or not (run.place or run.model_dies):
        return Markup()
    if run.place:
        there = code(f"{run.place} › {run.id}")
        return say("No checkpoint was seen in its log; if there is one, it is in {place}.", place=there)
    if run.keeping.none_at:
        return say(NONE)
    if not run.over:
        return say(NONE_SEEN) if run.progress.step is not None else Markup()
    if run.log_saved_at is None and not run.managed:
        return say(NEVER_KNOWN if run.status is Status.ENDED else NOT_KNOWN_YET)
    trouble = run.keeping.trouble
    return say(NONE_SEEN_NOR_ASKED, why=trouble) if trouble else say(NONE_SEEN)


def step_of(run: Run) -> int | str:
    """Return the step of the newest checkpoint; a question mark where it is unknown whether there is one."""
    step = run.progress.checkpoint_step
    return UNKNOWN if step is None else step


def here(run: Run, fetch: Fetch) -> Markup:
    """Return where the downloaded checkpoint is, and what became of a newer one."""
    return together(fetched_model(run, fetch), newer(run))


def fetched_model(run: Run, fetch: Fetch) -> Markup:
    """Return step, size and folder of the downloaded checkpoint, with its validation where known."""
    about = {"step": run.keeping.step, "size": size(fetch.size), "folder": code(fetch.where)}
    found = run.progress
    validated = found.validations.points
    exact = next((value for step, value in validated if step == run.keeping.step), None)
    if exact is not None:
        return say(SAVED_HERE_VALIDATED, **about, value=written(exact))
    if found.validation is None or found.validated_step is None:
        return say(SAVED_HERE, **about)
    if found.validated_step == run.keeping.step:
        return say(SAVED_HERE_VALIDATED, **about, value=written(found.validation))
    return say(SAVED_HERE_VALIDATED_AT, **about, value=written(found.validation), at=found.validated_step)


def how_to_load(fetch: Fetch) -> Markup:
    """Return the command that merges the shards: verl's own program (verl 0.9.1, `verl.model_merger`)."""
    if not fetch.sharded:
        return Markup()
    merge = "python3 -m verl.model_merger merge --backend fsdp"
    return say(MERGE, command=command(f"{merge} --local_dir {fetch.where}/actor --target_dir MODEL"))


def how_to_go_on(run: Run) -> Markup:
    """Return the commands that resume training from the downloaded checkpoint."""
    if not run.resumes or run.keeping.fetch is None:
        return Markup()
    folder = run.keeping.fetch.where.rpartition("/")[0]
    line = f"/verl launch {run.recipe} volume=NAME resume_from={run.id}"
    return say(COPY, folder=code(folder), command=command(line))


def on_cluster(run: Run) -> Markup:
    """Return that the checkpoint is on the run's machines alone."""
    return say(ON_MACHINES if run.managed else ON_CLUSTER, step=run.progress.checkpoint_step)


def gone(run: Run) -> Markup:
    """Return why a checkpoint that was on its machine alone is lost."""
    found, step = run.keeping, step_of(run)
    if found.lost_by:
        return say(LOST_BY, step=step, person=mention(found.lost_by))
    if found.none_whole_at:
        return none_whole(run, NONE_WAS_WHOLE)
    if found.given_up_at and found.trouble:
        return say(NOT_FETCHED_WHY, step=step, why=found.trouble)
    return say(NOT_FETCHED if found.given_up_at else DIED, step=step)


def size(count: int) -> str:
    """Return a count of bytes with a decimal unit.

    >>> size(0), size(999), size(12_345), size(2_000_000), size(123_456_789_000)
    ('0 B', '999 B', '12 KB', '2.0 MB', '123 GB')
    """
    amount, units = float(count), ["B", "KB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.1f} {units[0]}" if amount < 10 and units[0] != "B" else f"{amount:,.0f} {units[0]}"
