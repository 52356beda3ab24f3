"""Relaunch of a run: with its own settings, with some of them changed, or from its newest checkpoint."""

from bot.core.command import Launch, Resume, Retry
from bot.core.loss import checkpoint_outlives
from bot.core.parse import parse
from bot.core.recipe import RESUME
from bot.core.run import Run
from bot.core.status import Status
from bot.errors import UserError
from bot.language import say

Again = Retry | Resume


def again(run: Run, asked: Again) -> Launch:
    """Return the launch that repeats or resumes a run.

    Raises:
        UserError: the run is not finished, or there is no checkpoint to resume from.
    """
    if not run.over:
        raise UserError(
            say("`{run}` is not over.", run=run.id),
            say("End it first: `/verl stop {run}`. Or launch another: `/verl {line}`.", run=run.id, line=run.line),
        )
    before = parse(run.line)
    if not isinstance(before, Launch):  # every run was recorded with a launch command
        raise UserError(say("`{run}` cannot be launched again.", run=run.id), say("Type `/verl launch`."))
    match asked:
        case Retry():
            return changed(before, asked.parameters, asked.overrides)
        case Resume():
            refuse_resume(run)
            return changed(before, ((RESUME.name, run.id), *asked.parameters), asked.overrides)


def can_resume(run: Run) -> bool:
    """Return whether another run can resume from this one's checkpoint: its cluster is gone, so
    nothing writes there."""
    return run.resumes and run.status is Status.ENDED and checkpoint_outlives(run)


def refuse_resume(run: Run) -> None:
    """Raise an error unless another run can resume from this one's checkpoint.

    Raises:
        UserError: its recipe cannot resume, no checkpoint has outlived its cluster, or the cluster is not gone yet.
    """
    over_again = say("`/verl retry {run}` starts it over.", run=run.id)
    if not run.resumes:
        raise UserError(say("The recipe `{recipe}` cannot go on from a checkpoint.", recipe=run.recipe), over_again)
    # A downloaded checkpoint is on the bot's machine, where no cluster can read it.
    if run.keeping.fetch and run.keeping.fetched:
        where = say("It was fetched to `{folder}` on the bot's machine.", folder=run.keeping.fetch.where)
        copied = say("Copy it into a volume or bucket; `/verl artifacts {run}` says how.", run=run.id)
        raise UserError(where, copied)
    if not checkpoint_outlives(run):
        raise UserError(say("No checkpoint of `{run}` has outlived its cluster.", run=run.id), over_again)
    # A cluster that is not gone may still write into the folder that the resumed run would read and write.
    if run.status is not Status.ENDED:
        gone = say("Ask again once its card says so.")
        raise UserError(say("The cluster of `{run}` is not gone yet, and may still write.", run=run.id), gone)


def changed(before: Launch, parameters: tuple[tuple[str, str], ...], overrides: tuple[str, ...]) -> Launch:
    """Return the launch with these settings in place of those of the same name; new ones come last.

    >>> changed(Launch("ppo", (("nodes", "2"),), ("a.b=1",)), (("nodes", "4"), ("epochs", "3")), ("+a.b=2",))
    Launch(recipe='ppo', parameters=(('nodes', '4'), ('epochs', '3')), overrides=('+a.b=2',), dry_run=False, sure=False)
    """
    merged = {name.replace("-", "_"): (name, text) for name, text in (*before.parameters, *parameters)}
    words = {override_key(word): word for word in (*before.overrides, *overrides)}
    return Launch(before.recipe, tuple(merged.values()), tuple(words.values()))


def override_key(word: str) -> str:
    """Return the key that an override sets, however the override is written.

    >>> override_key("+a.b=1"), override_key("~a.b")
    ('a.b', 'a.b')
    """
    return word.lstrip("+~").partition("=")[0]
