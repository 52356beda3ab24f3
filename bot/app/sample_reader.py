"""Read samples of a run for a person, or say why there are none and what to type."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.app.ports import RunFileSource
from bot.core.commands.command import ShowSamples
from bot.core.model.checkpoint_paths import locate_checkpoint_folder
from bot.core.model.rollout import RunFolder, SampleBatch, SampleRequest
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.model.valid_names import list_valid_names
from bot.core.rules.unstarted_runs import refuse_unstarted
from bot.errors import Unavailable, UserError
from bot.phrase import N_, Phrase, Text

STORE_COMMANDS = {"s3://": "aws s3 ls", "gs://": "gcloud storage ls", "oci://": "oci os object list -bn"}
"""The command that lists a bucket, by the beginning of its address."""

NO_SAMPLES_SET = N_("The recipe `{recipe}` names no folder of samples.")
HOW_TO_SET = N_(
    "Let the recipe set {option}, and name that folder under `_metadata.verlbot.files`; `/verl describe ppo` shows a "
    "recipe that does."
)


@dataclass(frozen=True, slots=True)
class SampleReader:
    """Reads samples where a run has written them.

    Attributes:
        new_seed: returns the seed of a random choice.
    """

    files: RunFileSource
    new_seed: Callable[[], int]

    def read(self, run: Run, command: ShowSamples) -> SampleBatch:
        """Return samples of a step. It waits for the cluster.

        Raises:
            UserError: there are none, and never will be, or not yet.
            Unavailable: the cluster cannot be read now.
        """
        folder = locate_samples(run, command.is_validation)
        request = SampleRequest(command.step, command.order, command.count, self.new_seed())
        try:
            batch = self.files.read_samples(run.cluster_ref, folder, request)
        except (Unavailable, UserError) as error:
            if run.status is RunStatus.ENDED or isinstance(error, UserError):
                raise explain_loss(run, folder) from error
            raise
        if batch.step is None:
            raise explain_absence(run, command, folder, batch)
        return batch


def locate_samples(run: Run, is_validation: bool) -> RunFolder:
    """Return the folder of a run's samples.

    Raises:
        UserError: its recipe names none, or its program has not started.
    """
    refuse_unstarted(run)
    folder = run.plan.files.get_samples_folder(is_validation)
    if not folder or not run.plan.checkpoint_folder:
        option = "`trainer.validation_data_dir`" if is_validation else "`trainer.rollout_data_dir`"
        raise UserError(Phrase(NO_SAMPLES_SET, recipe=run.recipe), Phrase(HOW_TO_SET, option=option))
    # There is no machine to ask yet, so a read would end in a cluster that does not answer.
    if run.running_at is None and not run.is_finished:
        missing = Phrase("`{run}` is launching and has no samples yet.", run=run.id)
        raise UserError(missing, explain_writing(is_validation))
    return locate_run_folder(run, folder)


def locate_run_folder(run: Run, below: str = "") -> RunFolder:
    """Return a folder below a run's own folder, or that itself.

    Raises:
        UserError: the recipe names a folder that the bot may not touch.
    """
    own = locate_checkpoint_folder(run.plan.checkpoint_folder, None, run.id, run.plan.nodes)
    path = f"{own.name}/{below}" if below else own.name
    return RunFolder(type(own)(own.folder, path, own.nodes), run.plan.checkpoint_store)


def explain_absence(run: Run, command: ShowSamples, folder: RunFolder, batch: SampleBatch) -> UserError:
    """Return that a step has no samples, and which steps have some."""
    if batch.steps and command.step is not None:
        newest = [str(step) for step in reversed(batch.steps)]
        missing = Phrase("`{run}` has no samples of step {step}.", run=run.id, step=command.step)
        return UserError(missing, list_valid_names(newest))
    if run.status is RunStatus.ENDED:
        return explain_loss(run, folder)
    missing = Phrase("`{run}` has written no samples yet.", run=run.id)
    return UserError(missing, explain_writing(command.is_validation))


def explain_writing(is_validation: bool) -> Text:
    """Return when a training writes its samples."""
    after_step = Phrase("The training writes them at the end of each step.")
    after_validation = Phrase("The training writes them at the end of each validation.")
    return after_validation if is_validation else after_step


def explain_loss(run: Run, folder: RunFolder) -> UserError:
    """Return why the bot cannot read the samples of a run that has ended, or of a managed job, and what to type."""
    store, path = folder.store, folder.location.name
    if store is None:
        if run.plan.managed and run.status is not RunStatus.ENDED:
            message = Phrase("SkyPilot gives no access to the machines of a managed job, where the samples are.")
            return UserError(message, keep_hint())
        message = Phrase("The samples of `{run}` were on its cluster, which no longer exists.", run=run.id)
        return UserError(message, keep_hint())
    if command := find_store_command(store, path):
        message = Phrase("I cannot read the bucket of `{run}`. Its samples are in {store}.", run=run.id, store=store)
        return UserError(message, Phrase("Type `{command}` where you have access to it.", command=command))
    message = Phrase("I cannot read the {store} of `{run}`, where its samples are.", run=run.id, store=store)
    hint = Phrase("Mount it on a machine and read the folder `{path}`.", path=f"{folder.location.path}/")
    return UserError(message, hint)


def find_store_command(store: str, path: str) -> str:
    """Return what a person types to list a folder of a bucket; empty where the store is no known bucket.

    >>> find_store_command("s3://models/team-a", "ppo-7f3a/rollouts"), find_store_command("volume a", "x")
    ('aws s3 ls s3://models/team-a/ppo-7f3a/rollouts/', '')
    """
    command = next((command for scheme, command in STORE_COMMANDS.items() if store.startswith(scheme)), "")
    return f"{command} {store.rstrip('/')}/{path}/" if command else ""


def keep_hint() -> Text:
    """Return how to keep the samples of a later run."""
    return Phrase("Launch with `volume=` or `bucket=` to keep them.")
