"""Read runs and recipes on behalf of a person.

Nothing here changes anything, and each person gets only what that person may read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from bot.app.log_selection import LogExcerpt, count_lines_to_read, select_excerpt
from bot.app.ports import JobControl, RecipeSource, TaskEstimator
from bot.app.run_lookup import REMEMBERED_RUNS, find_run, has_name, sort_newest_first
from bot.app.store_ports import LogStore, MetricsStore, RunReader
from bot.core.commands import command
from bot.core.frameworks import FRAMEWORK
from bot.core.model.cluster import read_idle_minutes
from bot.core.model.code_version import TOKEN_VARIABLE
from bot.core.model.launch_plan import LaunchPlan, find_missing_safeguards, resources
from bot.core.model.lineage import Lineage, ResumeOrigin
from bot.core.model.managed_job import JobsController, is_managed
from bot.core.model.money import Rate
from bot.core.model.people import Act, Actor
from bot.core.model.policy import Policy
from bot.core.model.recipe import Recipe
from bot.core.model.run import Run
from bot.core.model.run_limits import RunLimits
from bot.core.model.run_plan import RunPlan, list_option_parameters
from bot.core.model.run_state import RunStatus
from bot.core.model.run_stub import RunStub
from bot.core.model.sent_message import RunMessages
from bot.core.model.valid_names import unknown_name_error
from bot.core.rules.chart_data import RunHistory
from bot.core.rules.launch_checks import list_launch_warnings
from bot.core.rules.run_names import build_name_refusal
from bot.core.rules.unstarted_runs import refuse_unstarted
from bot.errors import Denied, Unavailable, UnreadableRecord, UserError
from bot.phrase import N_, Phrase, Text


@dataclass(frozen=True, slots=True)
class Requester:
    """The person who asks, and where.

    Attributes:
        user, channel: Slack's ids.
        actor: the same person with the role that counts there.
        delivery_id: Slack's id of the delivery, the same if Slack delivers twice; it makes the request idempotent.
        permanent: whether the id counts for ever, as that of a button on a message that stays.
    """

    user: str
    channel: str
    actor: Actor
    delivery_id: str | None = None
    permanent: bool = False

    @property
    def is_in_hidden_channel(self) -> bool:
        """Return whether the bot is not in the channel and cannot write there."""
        return self.actor.channel is not None and self.actor.channel.is_hidden


@dataclass(frozen=True, slots=True)
class LaunchPreview:
    """The preview of a launch: the answer to `--dry-run`.

    Attributes:
        yaml: the task, its scripts cut short.
        rate: its price; None if unknown, with `trouble` if the price could not be looked up.
        refusal: why it would be refused here; controller: the jobs controller to be rented first; None for neither.
        admitted: the run as it would be recorded, with the approval that it would need; None where that is not known.
    """

    plan: LaunchPlan
    yaml: str
    rate: Rate | None
    refusal: Text | None
    trouble: Text | None = None
    controller: JobsController | None = None
    admitted: Run | None = None


def new_run(
    plan: LaunchPlan, requester: Requester, now: datetime, policy: Policy, origin: ResumeOrigin | None = None
) -> Run:
    """Return the record of a new launch, before any cluster is requested.

    Admission decides whether it waits for an approval.

    Args:
        origin: the resume that the policy has made in its lineage; it is this run's own if it names no run.
    """
    run_id = str(plan.task["name"])
    return Run(
        id=run_id,
        recipe=plan.recipe.name,
        command_line=plan.command_line,
        requester=requester.user,
        channel=requester.channel,
        created_at=now,
        name=plan.name,
        why=plan.why,
        plan=RunPlan(
            nodes=plan.nodes,
            image=str(resources(plan.task).get("image_id") or ""),
            gpus=plan.gpus,
            infra=plan.infra,
            task_hash=plan.hash,
            code=plan.code,
            checkpoint_store=plan.checkpoint_store,
            checkpoints_ephemeral=plan.checkpoints_ephemeral,
            checkpoint_folder=plan.checkpoints,
            files=plan.recipe.files,
            resumes=plan.recipe.checkpoints is not None and plan.recipe.checkpoints.resume != "",
            missing_safeguards=find_missing_safeguards(plan, FRAMEWORK),
            warnings=list_launch_warnings(plan, FRAMEWORK),
            metrics=plan.recipe.metrics,
            finding_actions=plan.recipe.finding_actions,
            takes_overrides=plan.recipe.takes_overrides,
            program=plan.recipe.program,
            option_parameters=list_option_parameters(plan),
            keep_on_failure=timedelta(hours=policy.keep_hours) if plan.keep is None else plan.keep,
            secrets=(*plan.recipe.secrets, *((TOKEN_VARIABLE,) if plan.code else ())),
            autostop_minutes=None if is_managed(plan.task) else read_idle_minutes(plan.task),
            managed=is_managed(plan.task),
            lease_warnings=policy.lease_warnings,
        ),
        limits=RunLimits(budget_dollars=plan.budget_dollars, lease=plan.lease),
        lineage=Lineage(origin=origin and replace(origin, resumed_run=origin.resumed_run or run_id)),
    )


RECENT_RUNS = 20
"""Number of ended runs that a list shows."""


def find_stub(store: RunReader, run_id: str) -> RunStub:
    """Return the stub of a run; where the run has ended, the store keeps its record alone."""
    try:
        run = store.get(run_id)
    except UnreadableRecord:
        run = None
    return RunStub.from_run(run) if run else store.get_stub(run_id)


def rank_for_comparison(run: Run, requester: Requester, named: bool) -> tuple[bool, ...]:
    """Return the rank of a run among those to compare, the best first: the channel's before others.

    Args:
        named: whether the person named the other run; unless so, the person's own runs of the channel come first.
    """
    is_elsewhere, is_others = run.channel != requester.channel, run.requester != requester.user
    return (is_elsewhere, not named and is_others)


HOW_TO_COMPARE = N_("Name two runs: `/verl compare A B`. `/verl list all` lists them.")


def choose_named_pair(run: Run, candidates: Sequence[Run]) -> tuple[str, str]:
    """Return the ids of a run and of the first candidate of its recipe.

    Raises:
        UserError: there is none.
    """
    other = next((other for other in candidates if other.recipe == run.recipe), None)
    if other is None:
        none = Phrase(
            "I find no other run of `{recipe}` with metrics to compare `{run}` with.", recipe=run.recipe, run=run.id
        )
        raise UserError(none, Phrase(HOW_TO_COMPARE))
    return run.id, other.id


def choose_pair(candidates: Sequence[Run]) -> tuple[str, str]:
    """Return the ids of the first two candidates of one recipe, the older one first.

    Raises:
        UserError: no two are of one recipe.
    """
    seen: dict[str, Run] = {}
    for run in candidates:
        if other := seen.get(run.recipe):
            newer, older = sort_newest_first((run, other))
            return older.id, newer.id
        seen[run.recipe] = run
    none = Phrase("You do not have two runs of one recipe with metrics yet.")
    raise UserError(none, Phrase(HOW_TO_COMPARE))


def list_active_runs(store: RunReader, user: str | None = None) -> list[Run]:
    """Return the runs that have not ended, newest first; of one person where `user` is given."""
    runs = [run for run in store.list_open_runs() if run.status is not RunStatus.ENDED]
    return sort_newest_first(run for run in runs if user in (None, run.requester))


def list_runs(store: RunReader, which: str, user: str) -> Sequence[Run]:
    """Return the runs of one of `command.LISTS`."""
    match which:
        case "mine":
            return [
                *list_active_runs(store, user),
                *(run for run in store.list_recent_runs(REMEMBERED_RUNS) if run.requester == user),
            ]
        case "ended":
            return store.list_recent_runs(RECENT_RUNS)
        case "all":
            return [*list_active_runs(store), *store.list_recent_runs(RECENT_RUNS)]
        case _:
            return list_active_runs(store)


class Visibility(Protocol):
    """Decides who may read a run's output and its settings."""

    def can_see(self, actor: Actor, run: Run) -> bool:
        """Return whether this person may read the run's text."""


class RunQueryStore(RunReader, LogStore, MetricsStore, Protocol):
    """The runs, their logs and their metrics, for those who look."""


class RunQueryCloud(TaskEstimator, JobControl, Protocol):
    """What a recipe needs of the machines, and the logs as they are now."""


@dataclass(frozen=True, slots=True)
class RunQueries:
    """Answers from the records and the recipes; a log also from its cluster."""

    store: RunQueryStore
    recipes: RecipeSource
    cloud: RunQueryCloud
    visibility: Visibility

    def find(self, name: str, actor: Actor) -> Run:
        """Return the run of this name, whose text the person may read.

        Raises:
            UserError: it does not exist, or belongs to a private channel that the person is not in.
            UnreadableRecord: its record cannot be read.
        """
        run = self.look_up(name, actor)
        self.refuse_private(run, actor)
        return run

    def look_up(self, name: str, actor: Actor) -> Run:
        """Return the run of this id, or of the name that a person gave it, which counts only among runs that the actor
        may see.

        Raises:
            UserError: no run fits, or several do.
            UnreadableRecord: its record cannot be read.
        """
        return find_run(self.store, name, partial(self.visibility.can_see, actor))

    def refuse_name_in_use(self, name: str, actor: Actor) -> None:
        """Refuse a name that an active run has already, among those that the actor may see.

        Raises:
            UserError: one has; the message says which.
        """
        for run in self.list_active():
            if name and not run.is_finished and has_name(run, name) and self.visibility.can_see(actor, run):
                raise build_name_refusal(name, run.id)

    def refuse_private(self, run: Run, actor: Actor) -> None:
        """Refuse text that only the members of a run's channel may read.

        Raises:
            UserError: the person is not a member, does not own the run, and is no admin.
        """
        if self.visibility.can_see(actor, run):
            return
        if actor.is_channel_audience and self.visibility.can_see(replace(actor, is_channel_audience=False), run):
            raise UserError(
                Phrase(
                    "I do not show `{run}` here: people who are not in its private channel would see it.", run=run.id
                ),
                Phrase("Type the same command after `/verl`: only you see that answer."),
            )
        raise Denied(
            Phrase("`{run}` belongs to a private channel that you are not in.", run=run.id),
            Phrase("Ask its owner about it, or ask for an invitation. `/verl list` shows its state and cost."),
            (run.requester,),
            Act.READ,
            run.id,
        )

    def redact_for(self, actor: Actor, visible_runs: Iterable[Run]) -> list[Run]:
        """Return these runs as the person may see them: of some only that they exist and what they cost."""
        return [run if self.visibility.can_see(actor, run) else run.redact() for run in visible_runs]

    def hide_name(self, actor: Actor, run: Run | RunStub) -> Run | RunStub:
        """Return the run without its name and the address of its card for a person who may stop it, but not see it."""
        if isinstance(run, RunStub) or self.visibility.can_see(actor, run):
            return run
        return replace(run, name="", messages=RunMessages())

    def get_run_history(self, name: str, actor: Actor) -> RunHistory:
        """Return the run of this name with the metrics of all its steps."""
        run = self.find(name, actor)
        return RunHistory(run, self.store.get_history(run.id))

    def list_active(self, user: str | None = None) -> list[Run]:
        """Return the runs that have not ended; those of one person where `user` is given."""
        return list_active_runs(self.store, user)

    def list_runs(self, which: str, user: str) -> Sequence[Run]:
        """Return the runs of a list."""
        return list_runs(self.store, which, user)

    def find_compared_runs(self, compare_command: command.CompareRuns, requester: Requester) -> tuple[str, str]:
        """Return the ids of the two runs to compare: those that were named, else the newest of one recipe with metrics.

        Raises:
            UserError: there are no two, or one has not started.
        """
        named = [self.find(name, requester.actor) for name in (compare_command.a, compare_command.b) if name]
        for run in named:
            refuse_unstarted(run)
        if len(named) > 1:
            return named[0].id, named[1].id
        candidates = [run for run in self._list_comparable_runs(requester) if run not in named]
        candidates.sort(key=lambda run: rank_for_comparison(run, requester, bool(named)))
        return choose_named_pair(named[0], candidates) if named else choose_pair(candidates)

    def _list_comparable_runs(self, requester: Requester) -> list[Run]:
        """Return the runs with metrics that the person may read here: own ones and the channel's, newest first."""
        runs = {run.id: run for run in [*list_active_runs(self.store), *self.store.list_recent_runs(REMEMBERED_RUNS)]}
        return sort_newest_first(
            run
            for run in runs.values()
            if run.training.progress.step is not None
            and (run.requester == requester.user or run.channel == requester.channel)
            and self.visibility.can_see(requester.actor, run)
        )

    def list_unreadable(self) -> Sequence[RunStub]:
        """Return the stubs of open runs whose records cannot be read."""
        return [stub for stub, _ in self.store.list_unreadable_runs()]

    def load_catalogue(self) -> Mapping[str, Recipe | UserError]:
        """Return every recipe by name, or what is wrong with its file."""
        return {name: self._load_recipe(name) for name in self.recipes.list_names()}

    def find_recipe_refusal(self, recipe: Recipe) -> Text:
        """Return why a recipe cannot run here as it is; empty if it can."""
        why = self.cloud.explain_refusal(recipe.task)
        return Phrase("`{recipe}` cannot run here. {why}", recipe=recipe.name, why=why) if why else ""

    def find_refusals(self) -> Mapping[str, Text]:
        """Return why recipes cannot run here as they are, for those that cannot."""
        recipes = self.load_catalogue().items()
        why = {name: self.cloud.explain_refusal(recipe.task) for name, recipe in recipes if isinstance(recipe, Recipe)}
        return {name: reason for name, reason in why.items() if reason}

    def _load_recipe(self, name: str) -> Recipe | UserError:
        try:
            return self.recipes.get(name)
        except UserError as error:
            return error

    def read_log(self, run: Run, logs_command: command.ShowLogs) -> LogExcerpt:
        """Return lines of the log, fresh from the cluster while it exists. It waits for the cluster.

        Raises:
            UserError: the run has no such node, or has not started.
        """
        refuse_unknown_node(run, logs_command.node)
        text, failure = self.store.get_log(run.id), None
        if not text:
            refuse_unstarted(run)
        if not run.is_finished and run.launch.requested_at:
            try:
                text = self.cloud.tail_log(run.cluster_ref, count_lines_to_read(logs_command))
            except Unavailable as error:
                failure = error.message
        return select_excerpt(run, logs_command, text, failure)

    def get_task_yaml(self, name: str, actor: Actor) -> tuple[Run, str]:
        """Return a run with its exact task as YAML. It holds no secret's value."""
        run = self.find(name, actor)
        return run, self.recipes.to_yaml(self.store.get_task(run.id))


def refuse_unknown_node(run: Run, node: int | None) -> None:
    """Raise UserError if the run has no node of this rank."""
    if node is not None and node >= run.plan.nodes:
        ranks = [str(rank) for rank in range(run.plan.nodes)]
        raise unknown_name_error("node", str(node), ranks, owner=run.id)
