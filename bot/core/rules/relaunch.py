"""Launch a run again: with the same settings, resumed from its checkpoint, or with some of them changed. Pure."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from bot.core.commands.command import Launch, Resume, Retry
from bot.core.commands.parser import parse_command
from bot.core.frameworks import FRAMEWORK
from bot.core.model.launch_plan import LaunchPlan
from bot.core.model.recipe import NAME, RESUME
from bot.core.model.resources import find_node_gpus
from bot.core.model.run import Run
from bot.core.model.run_plan import RunPlan
from bot.core.model.run_state import Reason, RunStatus
from bot.core.model.training_framework import Framework
from bot.core.model.typed_text import join_words, split_words
from bot.core.rules.absent_checkpoints import explain_absent_checkpoint
from bot.core.rules.override_checks import find_engine
from bot.core.rules.save_grace import checkpoint_outlives_cluster, needs_rescue
from bot.core.rules.unknown_checkpoints import is_checkpoint_unknown
from bot.core.rules.unstarted_runs import describe_wait, is_unstarted
from bot.errors import UserError
from bot.phrase import Phrase, Text, join_sentences

Relaunch = Retry | Resume


def relaunch(run: Run, command: Relaunch) -> Launch:
    """Return the launch that repeats or resumes a run.

    Raises:
        UserError: the run is not finished, or there is no checkpoint to resume from.
    """
    refuse_unfinished(run)
    before = parse_command(run.command_line)
    if not isinstance(before, Launch):  # every run was recorded with a launch command
        raise UserError(Phrase("`{run}` cannot be launched again.", run=run.id), Phrase("Type `/verl launch`."))
    match command:
        case Retry():
            return with_settings(before, command.parameters, command.overrides)
        case Resume():
            refuse_resume(run)
            return with_settings(before, ((RESUME.name, run.id), *command.parameters), command.overrides)


def refuse_unfinished(run: Run) -> None:
    """Raise UserError for a run that has not ended, or not started.

    Raises:
        UserError: it has not; the hint says how to launch another one like it.
    """
    if run.is_finished:
        return
    # The name stays this run's as long as it is active.
    line = join_words(tuple(word for word in split_words(run.command_line) if not word.startswith(f"{NAME.name}=")))
    another = Phrase("Launch another one: `/verl {line}`.", line=line)
    if run.launch.first_requested_at is None:
        waits = Phrase("`/verl status {run}` shows what it waits for.", run=run.id)
        raise UserError(describe_wait(run), join_sentences(waits, another))
    stop = Phrase("Stop it first: `/verl stop {run}`.", run=run.id)
    raise UserError(Phrase("`{run}` has not ended.", run=run.id), join_sentences(stop, another))


def suggest_relaunch(run: Run) -> Launch | None:
    """Return the launch that repeats a run with what remedies its failure; None where its line launches nothing."""
    before = parse_command(run.command_line)
    if not isinstance(before, Launch) or run.failure is None or run.failure.kind is None:
        return before if isinstance(before, Launch) else None
    values = {get_override_key(word): word.partition("=")[2] for word in before.overrides}
    changes = [
        change for change in FRAMEWORK.remedies[run.failure.kind].changes if takes_setting(run.plan, change.override)
    ]
    return with_settings(
        before, (), tuple(change.apply(values.get(get_override_key(change.override))) for change in changes)
    )


def takes_setting(plan: RunPlan, override: str) -> bool:
    """Return whether a run's program takes a setting that the framework's advice names."""
    if not plan.takes_overrides or plan.program in ("", FRAMEWORK.advised_program):
        return plan.takes_overrides
    tree = FRAMEWORK.option_trees.get(plan.program)
    return tree is not None and get_override_key(override) in tree.options


def can_resume(run: Run) -> bool:
    """Return whether another run can resume from this one's checkpoint: its cluster is gone, so
    nothing writes there."""
    return run.plan.resumes and run.status is RunStatus.ENDED and checkpoint_outlives_cluster(run)


def refuse_resume(run: Run) -> None:
    """Raise an error unless another run can resume from this one's checkpoint.

    Raises:
        UserError: its recipe cannot resume, no checkpoint has outlived its cluster, or the cluster is not gone yet.
    """
    retry_hint = Phrase("`/verl retry {run}` starts it over.", run=run.id)
    if not run.plan.resumes:
        why = Phrase("its recipe `{recipe}` cannot start from a checkpoint.", recipe=run.recipe)
        raise resume_error(run, why, retry_hint)
    refuse_unstarted_resume(run)
    # A downloaded checkpoint is on the bot's machine, where no cluster can read it.
    if run.checkpoint_rescue.download and run.checkpoint_rescue.is_downloaded:
        folder = run.checkpoint_rescue.download.folder
        why = Phrase(
            "its checkpoint is in `{folder}` on the bot's machine, where no cluster can read it.", folder=folder
        )
        copy_hint = Phrase("Copy it into a volume or bucket; `/verl artifacts {run}` shows how.", run=run.id)
        raise resume_error(run, why, copy_hint)
    step = run.training.progress.checkpoint_step
    wait_hint = Phrase("Try again once its card says that the machines are gone.")
    if is_checkpoint_unknown(run) and run.status is not RunStatus.ENDED:
        raise resume_error(run, Phrase("I do not know yet whether it saved a checkpoint."), wait_hint)
    if needs_rescue(run) and step is not None and not run.checkpoint_rescue.none_complete_at:
        why = Phrase("its step-{step} checkpoint is only on the cluster, and I download it from there.", step=step)
        place_hint = Phrase("`/verl artifacts {run}` shows how to resume from it then.", run=run.id)
        raise resume_error(run, why, place_hint)
    if not checkpoint_outlives_cluster(run):
        raise resume_error(run, explain_absent_checkpoint(run), retry_hint)
    # A cluster that is not gone may still write into the folder that the resumed run would read and write.
    if run.status is not RunStatus.ENDED:
        why = Phrase("its cluster is not gone yet, and may still write.")
        raise resume_error(run, why, wait_hint)


def refuse_unstarted_resume(run: Run) -> None:
    """Raise an error for a run without machines, which never ran or has not started: there is no checkpoint in any
    place.

    Raises:
        UserError: it never ran, or has not started.
    """
    if run.launch.first_requested_at is None and not run.is_finished:
        hint = Phrase("It has no checkpoint yet: launch without `resume_from=`, or wait for one.")
        raise UserError(describe_wait(run), hint)
    if is_unstarted(run):
        why = Phrase("it never ran, so it has no checkpoint.")
        raise resume_error(run, why, Phrase("`/verl retry {run}` launches it.", run=run.id))


def refuse_other_gpus(earlier: Run, plan: LaunchPlan, framework: Framework) -> None:
    """Refuse to resume from a checkpoint on another number of GPUs: each GPU's part of it is a file of its own, whose
    name has the number (verl 0.9.1 with FSDP: `model_world_size_W_rank_R.pt`).

    Raises:
        UserError: the earlier run had another number of GPUs.
    """
    tree = framework.option_trees.get(plan.recipe.program)
    if tree is None or find_engine(plan, tree) != tree.engines[0]:
        return
    before, now = count_plan_gpus(earlier.plan.gpus, earlier.plan.nodes), count_plan_gpus(plan.gpus, plan.nodes)
    if before is None or now is None or before == now:
        return
    why = Phrase(
        "its checkpoint is in {before} parts, one for each of its GPUs, and this launch has {now} GPUs.",
        before=before,
        now=now,
    )
    settings = f"`nodes={earlier.plan.nodes} gpus={earlier.plan.gpus}`"
    raise resume_error(earlier, why, Phrase("Launch it with {settings}.", settings=settings))


def count_plan_gpus(gpus: str, nodes: int) -> int | None:
    """Return the number of GPUs of all nodes; None while SkyPilot may choose the number, and for none.

    >>> count_plan_gpus("H100:8", 2), count_plan_gpus("H100:8, A100:4", 1), count_plan_gpus("", 1)
    (16, None, None)
    >>> count_plan_gpus("H100:2, A100:2", 1)
    2
    """
    count = find_node_gpus({"resources": {"accelerators": gpus.split(", ")}}) if gpus else None
    return None if count is None else count * nodes


def resume_error(run: Run, why: Text, hint: Text) -> UserError:
    """Return the error for a run that no other can continue."""
    return UserError(Phrase("`{run}` can't be resumed: {why}", run=run.id, why=why), hint)


def with_settings(before: Launch, parameters: tuple[tuple[str, str], ...], overrides: tuple[str, ...]) -> Launch:
    """Return the launch with these settings in place of those of the same name; new ones come last.

    >>> with_settings(Launch("ppo", (("nodes", "2"),), ("a.b=1",)), (("nodes", "4"), ("epochs", "3")), ("+a.b=2",))
    Launch(recipe='ppo', parameters=(('nodes', '4'), ('epochs', '3')), overrides=('+a.b=2',), dry_run=False, sure=False)
    """
    merged = {name.replace("-", "_"): (name, text) for name, text in (*before.parameters, *parameters)}
    words = {get_override_key(word): word for word in (*before.overrides, *overrides)}
    return Launch(before.recipe, tuple(merged.values()), tuple(words.values()))


def get_override_key(word: str) -> str:
    """Return the key that an override sets, however the override is written.

    >>> get_override_key("+a.b=1"), get_override_key("~a.b")
    ('a.b', 'a.b')
    """
    return word.lstrip("+~").partition("=")[0]


def find_comparable_run(run: Run, candidates: Iterable[Run]) -> Run | None:
    """Return the newest run with which a succeeded run is compared: an earlier success of its recipe in its channel,
    so that people who read the card may read about both.

    Args:
        candidates: ended runs, newest first.
    """
    if run.reason is not Reason.SUCCEEDED:
        return None
    return next(
        (
            other
            for other in candidates
            if other.id != run.id
            and (other.recipe, other.channel, other.reason) == (run.recipe, run.channel, run.reason)
            and other.created_at < run.created_at
        ),
        None,
    )


def collect_settings(run: Run) -> Mapping[str, str]:
    """Return what was typed, by name; of an override that was given twice, the last, which is the one that Hydra uses.

    >>> from tests.builders import a_run
    >>> collect_settings(a_run(command_line="launch ppo nodes=2 +a.b=1 a.b=2 ~c"))
    {'recipe': 'ppo', 'nodes': '2', 'a.b': '2', '~c': ''}
    """
    return {"recipe": run.recipe, **read_typed_settings(run.command_line)}


@lru_cache(maxsize=4096)
def read_typed_settings(command_line: str) -> Mapping[str, str]:
    """Return the settings of a command line, without its recipe. Cached, because each update of a card shows them."""
    try:
        launch = parse_command(command_line)
    except UserError:  # an older verlbot accepted commands that this one does not
        return {}
    if not isinstance(launch, Launch):
        return {}
    overrides = (override.partition("=") for override in launch.overrides)
    return {**dict(launch.parameters), **{name.lstrip("+"): value for name, _, value in overrides}}
