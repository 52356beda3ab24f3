"""The list of checks: what is queried, and which function judges the answer."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from bot.adapters import host_diagnostics
from bot.adapters.files import finding_rules, policy_files, team_files
from bot.adapters.files.recipe_files import RecipeFolder
from bot.adapters.local.accounts import account_name
from bot.adapters.redis import store_diagnostics
from bot.adapters.sky import sdk_queries as sky_vitals
from bot.adapters.sky import task_builder
from bot.adapters.sky.sdk_worker import SdkExecutor, SdkWorker
from bot.app import process_health
from bot.app.disk_watch import measure_disk
from bot.app.process_health import Clock
from bot.bootstrap.providers import STORE_SECONDS, build_sky_cloud, find_local_account
from bot.cli.check_recipes import find_problems
from bot.cli.doctor import checklist, installation_checks, skypilot_checks, slack_checks
from bot.cli.doctor.checklist import DoctorCheck, DoctorFinding, DoctorStatus, failure, ok, run_checks, warning
from bot.config.compute_settings import LOCAL_HINT
from bot.config.settings import Settings
from bot.core.model.near_names import find_near_names
from bot.core.model.policy import SAFE_POLICY, Policy
from bot.core.model.recipe import Recipe
from bot.errors import Unavailable, UserError
from bot.runtime.secret_filter import SecretFilter
from bot.slack import slack_diagnostics as slack_vitals
from bot.slack.manifest import SCOPES
from bot.slack.outbound.web_client import build_web_client

T = TypeVar("T")

SETTINGS = "settings"

SETTING_ADVICE = {
    "SLACK_BOT_TOKEN": "Make the app from `verlbot manifest` at https://api.slack.com/apps, install it, and set "
    "SLACK_BOT_TOKEN to its Bot User OAuth Token.",
    "SLACK_APP_TOKEN": "Under Basic Information of the app, make an app-level token with `connections:write`, and set "
    "SLACK_APP_TOKEN to it.",
    "SLACK_SIGNING_SECRET": "Copy the signing secret from Basic Information of the app into SLACK_SIGNING_SECRET.",
}
"""Advice for settings whose value comes from Slack."""


def find_near_settings(name: str, setting_names: Iterable[str]) -> list[str]:
    """Return the settings that a variable nearly is; what all of them begin with does not count.

    >>> find_near_settings("VERLBOT_FOO", ["VERLBOT_POLICY"]), find_near_settings("VERLBOT_POLCY", ["VERLBOT_POLICY"])
    ([], ['VERLBOT_POLICY'])
    """
    by_ending = {setting.removeprefix(PREFIX): setting for setting in setting_names}
    return [by_ending[ending] for ending in find_near_names(name.removeprefix(PREFIX), by_ending)]


PREFIX = "VERLBOT_"


def call_or_error(call: Callable[[], T]) -> T | Unavailable:
    """Return the result of a call, or its error where the service is unavailable."""
    try:
        return call()
    except Unavailable as error:
        return error


@dataclass(frozen=True, slots=True)
class CheckContext:
    """All that is checked for one environment.

    Attributes:
        environment: the source of the settings; settings: those that are readable.
        problems: what is wrong with the others, by variable.
        worker: runs the queries to SkyPilot.
    """

    environment: Mapping[str, str]
    settings: Settings
    problems: Mapping[str, str]
    worker: SdkExecutor

    def list_checks(self) -> Iterator[DoctorCheck]:
        """Yield the checks of all parts that these settings use."""
        yield DoctorCheck((SETTINGS,), self.check_settings)
        yield DoctorCheck(
            (slack_checks.SLACK, slack_checks.CLOCK), self.check_slack, blocker=self.find_blocker("SLACK_API_URL")
        )
        yield DoctorCheck(
            (slack_checks.TOKEN, slack_checks.SCOPES),
            self.check_bot_token,
            (slack_checks.SLACK,),
            self.find_blocker("SLACK_BOT_TOKEN"),
        )
        yield from (
            self.list_socket_mode_checks() if self.settings.slack_mode == "socket" else self.list_http_mode_checks()
        )
        yield DoctorCheck(
            (
                installation_checks.STORE,
                installation_checks.DISK,
                installation_checks.MEMORY,
                installation_checks.WRITES,
            ),
            self.check_store,
            blocker=self.find_blocker("REDIS_URL"),
        )
        yield from self.list_skypilot_checks()
        yield DoctorCheck(
            (installation_checks.RECIPES, installation_checks.SECRETS),
            self.check_recipes,
            blocker=self.find_blocker("VERLBOT_RECIPES_DIR"),
        )
        yield DoctorCheck((installation_checks.POLICY,), self.check_policy, blocker=self.find_blocker("VERLBOT_POLICY"))
        yield from self.list_file_checks()
        yield DoctorCheck((installation_checks.DATA_DIRECTORY, installation_checks.BOT), self.check_machine)
        if self.settings.admin_policy_port:
            yield DoctorCheck((installation_checks.ADMIN_POLICY,), self.check_admin_policy)

    def list_file_checks(self) -> Iterator[DoctorCheck]:
        """Yield the checks of the files that the settings name."""
        if (findings := self.settings.findings) is not None:
            check_findings = partial(
                self.check_file, installation_checks.FINDINGS_FILE, findings, finding_rules.read_rules
            )
            yield DoctorCheck((installation_checks.FINDINGS_FILE,), check_findings)
        table = None if self.settings.uses_skypilot else self.settings.prices  # the check of prices covers it
        if table is not None:
            yield DoctorCheck(
                (installation_checks.PRICES_FILE,),
                partial(self.check_file, installation_checks.PRICES_FILE, table, team_files.read_prices),
            )

    def list_socket_mode_checks(self) -> Iterator[DoctorCheck]:
        """Yield the checks of Socket Mode."""
        yield DoctorCheck(
            (slack_checks.APP_TOKEN, slack_checks.CONNECTION),
            self.check_app_token,
            (slack_checks.SLACK,),
            self.find_blocker("SLACK_APP_TOKEN"),
        )

    def list_http_mode_checks(self) -> Iterator[DoctorCheck]:
        """Yield the checks of HTTP mode."""
        yield DoctorCheck(
            (slack_checks.SIGNING_SECRET,), self.check_signing_secret, blocker=self.find_blocker("SLACK_SIGNING_SECRET")
        )
        yield DoctorCheck(
            (slack_checks.PUBLIC_URL,), self.check_public_url, blocker=self.find_blocker("VERLBOT_PUBLIC_URL")
        )

    def list_skypilot_checks(self) -> Iterator[DoctorCheck]:
        """Yield the checks of SkyPilot, or that of local compute."""
        blocker = self.find_blocker("VERLBOT_COMPUTE", "SKYPILOT_API_SERVER_ENDPOINT", "SKYPILOT_SERVICE_ACCOUNT_TOKEN")
        if not (self.settings.uses_skypilot or blocker):
            yield DoctorCheck((skypilot_checks.SERVER,), self.check_local_compute)
            return
        yield DoctorCheck((skypilot_checks.SERVER, skypilot_checks.VERSION), self.check_server, blocker=blocker)
        yield DoctorCheck(
            (skypilot_checks.INFRA, skypilot_checks.RECIPE_INFRA), self.check_infra, (skypilot_checks.SERVER,), blocker
        )
        yield DoctorCheck(
            (skypilot_checks.PRICES,),
            self.check_prices,
            (skypilot_checks.SERVER,),
            blocker or self.find_blocker("VERLBOT_PRICES"),
        )

    def find_blocker(self, *variables: str) -> str:
        """Return why a check that needs these variables cannot run; empty where it can."""
        return next((f"{variable} is missing or wrong" for variable in variables if variable in self.problems), "")

    # The queries, each with the function that judges the answer.

    def check_settings(self) -> Iterator[DoctorFinding]:
        for variable, problem in self.problems.items():
            yield failure(SETTINGS, problem, SETTING_ADVICE.get(variable, f"See docs/settings.md about {variable}."))
        setting_names = {str(setting.metadata["variable"]) for setting in fields(self.settings) if setting.metadata}
        for name in sorted(self.environment):
            if name.startswith("VERLBOT_") and name not in setting_names:
                near = find_near_settings(name, setting_names)
                advice = f"Write {near[0]}, or unset it." if near else "Unset it; docs/settings.md lists the settings."
                yield warning(SETTINGS, f"{name} is not a setting", advice)
        if self.settings.secret_patterns:
            try:
                team_files.read_patterns(self.settings.secret_patterns)
            except UserError as error:
                yield failure(SETTINGS, str(error), error.hint)
        if not self.problems:
            count = sum(bool(self.environment.get(name)) for name in setting_names)
            yield ok(SETTINGS, f"{count} in the environment, all readable; the others as in docs/settings.md")

    def check_slack(self) -> Iterable[DoctorFinding]:
        url = self.settings.slack_api_url
        answer = call_or_error(lambda: slack_vitals.check_token(build_web_client("", url), "api.test"))
        return slack_checks.judge_slack(answer, url), slack_checks.judge_clock(answer)

    def check_bot_token(self) -> Iterable[DoctorFinding]:
        client = build_web_client(self.settings.slack_bot_token, self.settings.slack_api_url)
        answer = call_or_error(lambda: slack_vitals.check_token(client, "auth.test"))
        yield slack_checks.judge_token(answer)
        yield slack_checks.judge_scopes(answer, SCOPES)
        if not isinstance(answer, Unavailable) and not answer.error:
            recipe = next(iter(self.load_valid_recipes()), None)
            samples = call_or_error(lambda: slack_vitals.validate_examples(client, recipe, Clock().now()))
            yield slack_checks.judge_messages(samples)

    def check_app_token(self) -> Iterable[DoctorFinding]:
        client = build_web_client(self.settings.slack_app_token, self.settings.slack_api_url)
        answer = call_or_error(lambda: slack_vitals.check_token(client, "apps.connections.open"))
        connections = None
        if not isinstance(answer, Unavailable) and not answer.error:
            address = answer.address
            connections = call_or_error(lambda: slack_vitals.connect(address, self.settings.doctor_seconds))
        return slack_checks.judge_app_token(answer), slack_checks.judge_connection(connections)

    def check_signing_secret(self) -> Iterable[DoctorFinding]:
        yield ok(slack_checks.SIGNING_SECRET, "set; whether it is the right one shows at the first command")

    def check_public_url(self) -> Iterable[DoctorFinding]:
        url = self.settings.public_url
        status = call_or_error(lambda: slack_vitals.probe_public_url(url)) if url else None
        yield slack_checks.judge_reach(url, status, host_diagnostics.is_folder_in_use(self.settings.data_dir))

    def check_store(self) -> Iterable[DoctorFinding]:
        url, folder = self.settings.redis_url, self.settings.data_dir / "store"
        if url:
            return installation_checks.judge_store(
                call_or_error(lambda: store_diagnostics.inspect_store(url, STORE_SECONDS)),
                checklist.remove_password(url),
            )
        try:
            answer, is_running = store_diagnostics.inspect_embedded_store(folder, STORE_SECONDS)
        except UserError as error:
            return installation_checks.judge_store(Unavailable(error.sentence), str(folder))
        return installation_checks.judge_store(
            answer, f"{folder} (embedded; " + ("it runs)" if is_running else "it starts with the bot)")
        )

    def check_local_compute(self) -> Iterable[DoctorFinding]:
        try:
            account, problem = find_local_account(self.settings)
        except UserError as error:
            yield failure(installation_checks.COMPUTE, str(error), error.hint)
            return
        user = account_name(account) if account else ""
        yield installation_checks.judge_local_compute(self.settings.local_compute_refusal, LOCAL_HINT, user, problem)

    def check_server(self) -> Iterable[DoctorFinding]:
        health = call_or_error(lambda: self.worker.call(sky_vitals.fetch_health))
        has_token, starts = bool(self.settings.sky_token), self.settings.sky_start_server
        return skypilot_checks.judge_server(health, has_token=has_token, starts=starts), skypilot_checks.judge_version(
            health
        )

    def check_infra(self) -> Iterable[DoctorFinding]:
        infra = call_or_error(lambda: self.worker.call(sky_vitals.list_infra))
        tasks = {recipe.name: recipe.task for recipe in self.load_valid_recipes()}
        return skypilot_checks.judge_infra(infra), skypilot_checks.judge_recipe_infra(infra, tasks)

    def check_prices(self) -> Iterable[DoctorFinding]:
        tasks = {
            skypilot_checks.describe_node(recipe.task): {**recipe.task, "num_nodes": 1}
            for recipe in self.load_valid_recipes()
        }
        call_seconds = min(self.settings.sky_call_seconds, self.settings.doctor_seconds)
        table = str(self.settings.prices or "")
        try:
            cloud = build_sky_cloud(replace(self.settings, sky_call_seconds=call_seconds), Clock().now)
        except UserError as error:
            yield failure(skypilot_checks.PRICES, str(error), error.hint)
            return
        try:
            rates = call_or_error(lambda: {name: cloud.estimate_rate(task) for name, task in tasks.items()})
        finally:
            cloud.stop()
        yield skypilot_checks.judge_prices(rates, table)

    def check_recipes(self) -> Iterable[DoctorFinding]:
        folder = RecipeFolder(self.settings.recipes_dir)
        problems = {
            name: find_problems(folder, name, lambda task: self.worker.call(task_builder.find_schema_problem, task))
            for name in folder.list_names()
        }
        secret_names = self.settings.secrets
        validity = installation_checks.judge_recipes(problems, str(self.settings.recipes_dir))
        return validity, installation_checks.judge_secrets(self.load_valid_recipes(), secret_names)

    def load_valid_recipes(self) -> Sequence[Recipe]:
        folder = RecipeFolder(self.settings.recipes_dir)
        valid = []
        for name in folder.list_names():
            with suppress(UserError):  # reported by the check of recipes
                valid.append(folder.get(name))
        return valid

    def check_policy(self) -> Iterable[DoctorFinding]:
        path = self.settings.policy
        try:
            policy: Policy | UserError = policy_files.read_policy(path) if path else SAFE_POLICY
        except UserError as error:
            policy = error
        yield installation_checks.judge_policy(path, policy)

    def check_file(self, name: str, path: Path, read: Callable[[Path], object]) -> Iterable[DoctorFinding]:
        problem = None
        try:
            read(path)
        except UserError as error:
            problem = error
        yield installation_checks.judge_file(name, path, problem)

    def check_machine(self) -> Iterable[DoctorFinding]:
        path = self.settings.data_dir
        folder = host_diagnostics.inspect_data_folder(path)
        nearest = next(place for place in (path, *path.parents) if place.exists())
        used_percent = measure_disk(nearest).used_share * 100
        longest = process_health.max_age_seconds(self.settings)
        return (
            installation_checks.judge_folder(str(path), folder, used_percent, self.settings.disk_warning_percent),
            installation_checks.judge_bot(str(path), folder.is_in_use, process_health.read_age_seconds(path), longest),
        )

    def check_admin_policy(self) -> Iterable[DoctorFinding]:
        host, port = self.settings.admin_policy_host, self.settings.admin_policy_port
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        answer = call_or_error(lambda: host_diagnostics.is_bot_answering(f"{address}/health"))
        bot_runs, needs = (
            host_diagnostics.is_folder_in_use(self.settings.data_dir),
            self.settings.needs_admin_policy_secret,
        )
        yield installation_checks.judge_admin_policy(
            f"{address}/admin-policy", bot_runs, answer, self.settings.uses_skypilot, needs
        )


def run_doctor(environment: Mapping[str, str], as_json: bool) -> int:
    """Run all checks and print their findings; return 0 where none has failed, else 1."""
    settings, problems = Settings.examine(environment)
    worker = SdkWorker(settings.sky_environment, settings.doctor_seconds)
    secrets = SecretFilter(environment)
    findings: list[DoctorFinding] = []
    try:
        for check_findings in run_checks(
            list(CheckContext(environment, settings, problems, worker).list_checks()), settings.doctor_seconds
        ):
            masked_findings = [checklist.mask_finding(finding, secrets.mask) for finding in check_findings]
            findings += masked_findings
            if not as_json:
                print(*map(checklist.format_finding, masked_findings), sep="\n", flush=True)
    finally:
        worker.stop()
    print(checklist.format_json(findings) if as_json else f"\n{checklist.summary_line(findings)}")
    return 1 if any(finding.status is DoctorStatus.FAILURE for finding in findings) else 0
