"""What a launch would do, cost and be refused for, before anything is recorded."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from bot.app.ports import CodeRepositories, Now, RecipeSource, TaskEstimator
from bot.app.run_queries import LaunchPreview, Requester, new_run
from bot.core.commands import command
from bot.core.frameworks import FRAMEWORK
from bot.core.model.code_version import GITHUB_URL, CodeVersion
from bot.core.model.launch_plan import LaunchPlan, build_launch_plan
from bot.core.model.money import Rate
from bot.core.model.people import APP_HOME, Act, Actor, exclude_person
from bot.core.model.policy import UNRESTRICTED, Policy
from bot.core.model.recipe import CODE, NAME, RESUME, Recipe
from bot.core.model.run import Run
from bot.core.model.task_excerpt import shorten_task
from bot.core.rules.access import refuse_act
from bot.core.rules.launch_bounds import build_launch_request, refuse_out_of_bounds
from bot.core.rules.launch_checks import refuse_failing_settings
from bot.core.rules.override_checks import move_choices
from bot.core.rules.relaunch import refuse_other_gpus, refuse_unstarted_resume
from bot.core.rules.run_names import refuse_unusable_name
from bot.errors import Unavailable, UserError
from bot.phrase import Phrase


@dataclass(frozen=True, slots=True)
class LaunchPlanner:
    """Plans launches, and refuses those that are out of bounds.

    Attributes:
        read_policy: returns what is allowed now.
        find_run: returns a run that the person may see.
        repositories: say which commit a branch is. code_host_url: the web address of their host.
        admit: returns a run with the approval that it needs, or raises a UserError where a cap has no room for it; its
            second argument is the person who reads that.
    """

    recipes: RecipeSource
    cloud: TaskEstimator
    now: Now
    repositories: CodeRepositories
    read_policy: Callable[[], Policy] = lambda: UNRESTRICTED
    admit: Callable[[Run, Actor], Run] = lambda run, reader: run
    find_run: Callable[[str, Actor], Run | None] = lambda name, actor: None
    code_host_url: str = GITHUB_URL

    @property
    def policy(self) -> Policy:
        """Return the current policy."""
        return self.read_policy()

    def plan(self, launch_command: command.Launch) -> LaunchPlan:
        """Return what a launch would do.

        Raises:
            UserError: the command is not valid.
        """
        recipe = self.recipes.get(launch_command.recipe)
        return self._plan_checked(recipe, launch_command, f"{recipe.name}-0000")

    def _plan_checked(self, recipe: Recipe, launch_command: command.Launch, run_id: str) -> LaunchPlan:
        """Return the plan of a launch whose settings its program accepts.

        Raises:
            UserError: the command is not valid, or its program would refuse a setting on the machines.
        """
        tree = FRAMEWORK.option_trees.get(recipe.program)
        launch_command = move_choices(launch_command, recipe, tree) if tree else launch_command
        launch_plan = build_launch_plan(
            recipe, launch_command.parameters, launch_command.overrides, run_id, self.code_host_url
        )
        refuse_failing_settings(launch_plan, FRAMEWORK)
        return launch_plan

    def refuse_names(self, launch_command: command.Launch, caller: Requester) -> None:
        """Refuse a name of the run that commands would take for something else, and an earlier run that never ran.

        Raises:
            UserError: it is such a name, and the message has one that commands take; or there is nothing to resume.
        """
        if earlier_run := self.find_earlier_run(launch_command.parameters, caller):
            refuse_unstarted_resume(earlier_run)
        if name := dict(launch_command.parameters).get(NAME.name):
            refuse_unusable_name(name, self.recipes.list_names())

    def find_moving_code(self, launch_command: command.Launch) -> CodeVersion | None:
        """Return the branch or tag that the launch names, whose commit is not known yet; None where it names none.

        Raises:
            UserError: the recipe does not exist, or what is typed is no version of a repository.
        """
        code = self.find_code(launch_command)
        return None if code is None or code.is_pinned else code

    def find_code(self, launch_command: command.Launch) -> CodeVersion | None:
        """Return the version of a repository that the launch names; None where it names none.

        Raises:
            UserError: as for `find_moving_code`.
        """
        text = dict(launch_command.parameters).get(CODE.name)
        if text is None or not self.recipes.get(launch_command.recipe).takes_code:
            return None
        return CodeVersion.parse(str(CODE.parse(text)), self.code_host_url)

    def refuse_code(self, launch_command: command.Launch, caller: Requester, is_typed: bool = False) -> bool:
        """Return whether the host of the launch's code has to be asked, which takes too long for a listener.

        Args:
            is_typed: whether a person has typed the version; a commit of theirs may not exist.

        Raises:
            UserError: it has to be, and the launch is out of bounds or not valid.
        """
        code = self.find_code(launch_command) if is_typed else self.find_moving_code(launch_command)
        if code is None:
            return False
        refuse_act(self.policy, Act.LAUNCH, caller.actor)
        self.refuse_out_of_bounds(self.plan(launch_command), caller)
        return True

    def check_commit(self, launch_command: command.Launch, caller: Requester) -> None:
        """Check that the repository has the commit that a person has typed.

        Not for listeners, because it waits for the repository's host.

        Raises:
            UserError: as for `refuse_code`, or there is no such commit.
            Unavailable: the host does not answer.
        """
        code = self.find_code(launch_command)
        if code and code.is_pinned and self.refuse_code(launch_command, caller, is_typed=True):
            self.repositories.check_commit(code)

    def pin_code(self, launch_command: command.Launch, caller: Requester) -> command.Launch:
        """Return the launch with the commit that its branch or tag has now, or unchanged where it names none.

        Not for listeners, because it waits for the repository's host.

        Raises:
            UserError: as for `refuse_code`, or the repository cannot be seen.
            Unavailable: the host does not answer.
        """
        code = self.find_moving_code(launch_command)
        # Nothing outside is asked about a repository that the policy does not allow.
        if code is None or not self.refuse_code(launch_command, caller):
            return launch_command
        pinned = code.pin(self.repositories.find_commit(code))
        parameters = dict(launch_command.parameters) | {CODE.name: str(pinned)}
        return replace(launch_command, parameters=tuple(parameters.items()))

    def needs_confirmation(self, launch_command: command.Launch) -> bool:
        """Return whether the person must confirm the launch, because it is expensive and needs no approver.

        Raises:
            UserError: as for `plan`.
        """
        dollars, threshold = self.plan(launch_command).budget_dollars, self.policy.approve_above_dollars
        return self.policy.needs_confirmation(dollars) and (threshold is None or dollars <= threshold)

    def preview(self, launch_command: command.Launch, caller: Requester) -> LaunchPreview:
        """Return what the launch would cost, and whether it would be refused.

        Not for listeners, because it waits for the cloud.

        Raises:
            UserError: the command is not valid, or names a repository that cannot be seen or is not allowed.
            Unavailable: it names a branch, and its host does not answer.
        """
        self.refuse_names(launch_command, caller)
        self.check_commit(launch_command, caller)
        launch_plan = self.plan(self.pin_code(launch_command, caller))
        rate, failure, controller = None, None, None
        try:
            rate = self.cloud.estimate_rate(launch_plan.task)
            controller = self.cloud.find_missing_controller(launch_plan.task)
        except Unavailable as error:
            failure = error.message
        yaml = self.recipes.to_yaml(shorten_task(launch_plan.task))
        if refusal := self.cloud.explain_refusal(launch_plan.task):
            return LaunchPreview(launch_plan, yaml, rate, refusal, failure, controller)
        try:
            admitted = self._admit(launch_plan, caller, None if failure else rate)
        except UserError as error:
            return LaunchPreview(launch_plan, yaml, rate, error.sentence, failure, controller)
        return LaunchPreview(launch_plan, yaml, rate, None, failure, controller, admitted)

    def _admit(self, launch_plan: LaunchPlan, caller: Requester, rate: Rate | None) -> Run:
        """Return the run as a launch would record it, at this rate if it is known.

        Raises:
            UserError: the person may not launch this here, or a cap has no room for it.
        """
        refuse_act(self.policy, Act.LAUNCH, caller.actor)
        self.refuse_out_of_bounds(launch_plan, caller)
        run = new_run(launch_plan, caller, self.now(), self.policy)
        return self.admit(run.record_price(rate, self.now()) if rate else run, caller.actor)

    def plan_supported(self, recipe: Recipe, launch_command: command.Launch, run_id: str) -> LaunchPlan:
        """Return the plan of a launch.

        Raises:
            UserError: the command is not valid, or the cloud can never run the task.
        """
        launch_plan = self._plan_checked(recipe, launch_command, run_id)
        if why := self.cloud.explain_refusal(launch_plan.task):
            message = Phrase("`{recipe}` cannot run here. {why}", recipe=recipe.name, why=why)
            raise UserError(message, Phrase("`/verl recipes` lists the recipes."))
        return launch_plan

    def refuse_out_of_bounds(self, launch_plan: LaunchPlan, caller: Requester) -> None:
        """Refuse a launch that needs more than the person's role, or the channel, allows, or another number of GPUs
        than the checkpoint that it resumes from.

        Raises:
            UserError: it does; the message names every bound, and what to type instead.
        """
        if earlier_run := self.find_earlier_run(launch_plan.parameters, caller):
            refuse_other_gpus(earlier_run, launch_plan, FRAMEWORK)
        bounds = self.policy.bounds_for(caller.actor.role, caller.actor.channel or APP_HOME)
        refuse_out_of_bounds(bounds, build_launch_request(launch_plan), exclude_person(self.policy.admins, caller.user))

    def find_earlier_run(self, parameters: Iterable[tuple[str, str]], caller: Requester) -> Run | None:
        """Return the run that a launch resumes; None where it resumes none, or one that the person may not see.

        Of a run that the bot does not know, the recipe speaks on the machines.
        """
        earlier = dict(parameters).get(RESUME.name, "").partition("/")[0]
        try:
            return self.find_run(earlier, caller.actor) if earlier else None
        except UserError:
            return None
