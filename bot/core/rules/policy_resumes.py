"""The resume that follows a finding: from which checkpoint, with which setting, or why none is possible. Pure."""

from dataclasses import replace

from bot.core.commands.command import Launch
from bot.core.commands.parser import parse_command
from bot.core.frameworks import FRAMEWORK
from bot.core.model.checkpoint_paths import SAFE_FOLDER, CheckpointRef, is_safe_path_part, split_path
from bot.core.model.cluster import ClusterState, Observation
from bot.core.model.finding import Finding
from bot.core.model.lineage import PolicyResume
from bot.core.model.parameter import parse_number
from bot.core.model.recipe import RESUME
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.model.training_framework import MAX_NUMBER_CHARACTERS, SettingChange
from bot.core.rules.relaunch import collect_settings, get_override_key, takes_setting, with_settings
from bot.core.rules.save_grace import SOUND_FINDINGS, checkpoint_outlives_cluster
from bot.errors import UserError
from bot.phrase import N_, Phrase

RESUMED_BEFORE = N_("A rule resumes a training once, and `{run}` was resumed already.")
CANNOT_RESUME = N_("The recipe `{recipe}` cannot start from a checkpoint.")
ON_CLUSTER_ALONE = N_("The checkpoints are on the cluster alone; with `volume=` or `bucket=` they would outlive it.")
NO_CHECKPOINT = N_("No checkpoint was saved before step {step}, where the finding began.")
NEVER_SAVED = N_("No checkpoint was saved.")
OUTSIDE_FOLDER = N_("Its name leads out of the folder of checkpoints; I do not touch other folders.")
NO_SETTING = N_("No setting is known that helps against `{finding}` and that `{recipe}` takes.")
"""Why a run is not resumed."""


MAX_CHECKS = 3
"""Looks at the checkpoint of a resume, if they fail, before the cluster goes all the same."""


def plan_policy_resume(run: Run, finding: Finding) -> PolicyResume:
    """Return the resume of a run that a finding stops: the newest checkpoint from before the finding, and the setting
    that changes; refused where one of them is missing, or where the lineage had its resume.
    """
    planned = PolicyResume(finding=finding.name, why=finding.what)
    if run.lineage.origin:
        return planned.refuse(Phrase(RESUMED_BEFORE, run=run.lineage.origin.stopped_run))
    if not run.plan.resumes:
        return planned.refuse(Phrase(CANNOT_RESUME, recipe=run.recipe))
    if run.plan.checkpoint_store is None:
        return planned.refuse(Phrase(ON_CLUSTER_ALONE))
    # Where only the machines are sick, the newest weights are sound too.
    before = None if finding.name in SOUND_FINDINGS else finding.since_step
    checkpoints = list_sound_checkpoints(run, before)
    if not checkpoints:
        return planned.refuse(Phrase(NEVER_SAVED) if before is None else Phrase(NO_CHECKPOINT, step=before))
    setting = find_changed_setting(run, finding.name)
    if setting is None:
        return planned.refuse(Phrase(NO_SETTING, finding=finding.name, recipe=run.recipe))
    step, checkpoint = checkpoints[0]
    return replace(planned, step=step, checkpoint=checkpoint, setting=setting, before_step=before)


def list_sound_checkpoints(run: Run, before: int | None) -> list[tuple[int, str]]:
    """Return the steps of the checkpoints from before a step, the newest first, each with its name for `resume_from`.

    They are the run's own, and last the one that the run itself resumed from.
    """
    progress = run.training.progress
    # verl names a checkpoint before it writes it, and prints its step after.
    limit = (progress.step or 0) + 1 if before is None else min(before, (progress.step or 0) + 1)
    own = [step for step in reversed(progress.checkpoint_steps) if step < limit]
    checkpoints = [(step, name_checkpoint(run.id, step)) for step in own if checkpoint_outlives_cluster(run)]
    source, resumed_step = collect_settings(run).get(RESUME.name, "").partition("/")[0], progress.resumed_step
    if source and resumed_step is not None and resumed_step < limit:
        checkpoints.append((resumed_step, name_checkpoint(source, resumed_step)))
    return checkpoints


def name_checkpoint(run_id: str, step: int) -> str:
    """Return a checkpoint as `resume_from` takes it."""
    return f"{run_id}/{FRAMEWORK.checkpoints.name_folder(step)}"


def locate_named_checkpoint(run: Run, name: str) -> CheckpointRef:
    """Return where a run's cluster has the checkpoint that `resume_from` names.

    Raises:
        UserError: the name leads out of the folder of checkpoints.
    """
    if not all(map(is_safe_path_part, split_path(name))) or not SAFE_FOLDER.fullmatch(run.plan.checkpoint_folder):
        raise UserError(Phrase(OUTSIDE_FOLDER))
    return CheckpointRef(run.plan.checkpoint_folder, name, run.plan.nodes)


def find_changed_setting(run: Run, finding: str) -> str | None:
    """Return the setting that a resume after this finding changes, with its new value; None where none is known."""
    settings = (change_setting(run, change) for change in FRAMEWORK.finding_changes.get(finding, ()))
    return next((setting for setting in settings if setting), None)


def change_setting(run: Run, change: SettingChange) -> str | None:
    """Return a change as it is typed: of the override that the run was launched with, or of the recipe's parameter.

    None where the run takes neither, where the change depends on a number that is not known, and where nothing would
    change.
    """
    option = get_override_key(change.override)
    words = {get_override_key(word): word for word in list_overrides(run)}
    if option in words:
        value = words[option].partition("=")[2]
        marks = words[option][: len(words[option]) - len(words[option].lstrip("+"))]
        changed = compute_value(change, value)
        return f"{marks}{option}={changed}" if changed and changed != value else None
    parameter = next((one for one in run.plan.option_parameters if one.option == option), None)
    if parameter:
        changed = compute_value(change, parameter.value)
        number = parse_number(changed or "")
        above = number is None or parameter.minimum is None or number >= parameter.minimum
        below = number is None or parameter.maximum is None or number <= parameter.maximum
        is_valid = changed and changed != parameter.value and above and below
        return f"{parameter.parameter}={changed}" if is_valid else None
    return change.override if change.factor is None and takes_setting(run.plan, option) else None


def list_overrides(run: Run) -> tuple[str, ...]:
    """Return the overrides that a run was launched with."""
    try:
        launch = parse_command(run.command_line)
    except UserError:  # an older verlbot accepted commands that this one does not
        return ()
    return launch.overrides if isinstance(launch, Launch) else ()


def compute_value(change: SettingChange, value: str) -> str | None:
    """Return the new value of a setting; None where it depends on a number, and this value is none.

    >>> compute_value(SettingChange("a.b=5e-7", 0.5), "1e-6"), compute_value(SettingChange("a.b=5e-7", 0.5), "${x}")
    ('5e-07', None)
    """
    number = parse_number(value) if len(value) <= MAX_NUMBER_CHARACTERS else None
    if change.factor is not None and not number:
        return None
    return change.apply(value).partition("=")[2]


def build_policy_launch(run: Run, resume: PolicyResume) -> Launch | None:
    """Return the launch that continues a run as planned; None where its own line launches nothing any more."""
    try:
        before = parse_command(run.command_line)
    except UserError:
        return None
    if not isinstance(before, Launch):
        return None
    name, _, value = resume.setting.partition("=")
    is_override = "." in name
    parameters = ((RESUME.name, resume.checkpoint), *(() if is_override else ((name, value),)))
    return with_settings(before, parameters, (resume.setting,) if is_override else ())


def must_check_checkpoint(run: Run, observation: Observation | None) -> bool:
    """Return whether to look now, while the cluster is up, whether the checkpoint of a resume is whole.

    The trainer removes older checkpoints. Where no look succeeds, the recipe refuses one that is missing.
    """
    resume = run.lineage.resume
    if resume is None or not resume.is_open or resume.is_checked or resume.check_count >= MAX_CHECKS:
        return False
    is_up = observation is not None and observation.cluster is ClusterState.UP
    return is_up and run.teardown.requested_at is None and not run.plan.managed


def is_resume_due(run: Run) -> bool:
    """Return whether the run that continues this one is to be launched now: its cluster is gone, so nothing writes
    there any more.
    """
    return run.status is RunStatus.ENDED and run.lineage.is_resume_open
