"""The list of checks: what is queried, and which function judges the answer."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from bot import heartbeat
from bot.adapters import health_rules, policies, prices, vitals
from bot.adapters.local.accounts import name_of
from bot.adapters.recipes import FolderOfRecipes
from bot.adapters.secret_filter import SecretFilter
from bot.adapters.secret_patterns import read_patterns
from bot.adapters.sky import schema
from bot.adapters.sky import vitals as sky_vitals
from bot.adapters.sky.courier import Carries, Courier
from bot.check import problems_of
from bot.clock import Clock
from bot.core.policy import SAFE, Policy
from bot.core.recipe import Recipe
from bot.doctor import files, machine, page, recipes, sky, slack, store
from bot.doctor.finding import Finding, Status, failure, ok, warning
from bot.doctor.visit import Check, visit
from bot.errors import Unavailable, UserError
from bot.parts import STORE_SECONDS, local_account, sky_cloud
from bot.settings import LOCAL_HINT, Settings
from bot.slack import vitals as slack_vitals
from bot.slack.client import web_client
from bot.slack.manifest import SCOPES

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


def outcome(ask: Callable[[], T]) -> T | Unavailable:
    """Return the result of a call, or its error where the service is unavailable."""
    try:
        return ask()
    except Unavailable as error:
        return error


@dataclass(frozen=True, slots=True)
class Surgery:
    """All that is checked for one environment.

    Attributes:
        environment: the source of the settings; settings: those that are readable.
        problems: what is wrong with the others, by variable.
        worker: runs the queries to SkyPilot.
    """

    environment: Mapping[str, str]
    settings: Settings
    problems: Mapping[str, str]
    courier: Carries

    def checks(self) -> Iterator[Check]:
        """Yield the checks of all parts that these settings use."""
        yield Check((SETTINGS,), self.look_at_settings)
        yield Check((slack.SLACK, slack.CLOCK), self.look_at_slack, hindered=self.wrong("SLACK_API_URL"))
        yield Check((slack.TOKEN, slack.SCOPES), self.look_at_bot_token, (slack.SLACK,), self.wrong("SLACK_BOT_TOKEN"))
        yield from self.socket_mode() if self.settings.slack_mode == "socket" else self.http_mode()
        yield Check(
            (store.STORE, store.DISK, store.MEMORY, store.WRITES), self.look_at_store, hindered=self.wrong("REDIS_URL")
        )
        yield from self.skypilot()
        yield Check(
            (recipes.RECIPES, recipes.SECRETS), self.look_at_recipes, hindered=self.wrong("VERLBOT_RECIPES_DIR")
        )
        yield Check((files.POLICY,), self.look_at_policy, hindered=self.wrong("VERLBOT_POLICY"))
        yield from self.named_files()
        yield Check((machine.FOLDER, machine.BOT), self.look_at_machine)
        if self.settings.admin_policy_port:
            yield Check((machine.GATE,), self.look_at_gate)

    def named_files(self) -> Iterator[Check]:
        """Yield the checks of the files that the settings name."""
        if (findings := self.settings.findings) is not None:
            own = partial(self.look_at_file, files.FINDINGS_FILE, findings, health_rules.read)
            yield Check((files.FINDINGS_FILE,), own)
        table = None if self.settings.uses_skypilot else self.settings.prices  # the check of prices covers it
        if table is not None:
            yield Check((files.PRICES_FILE,), partial(self.look_at_file, files.PRICES_FILE, table, prices.read))

    def socket_mode(self) -> Iterator[Check]:
        """Yield the checks of Socket Mode."""
        yield Check(
            (slack.APP_TOKEN, slack.CONNECTION), self.look_at_app_token, (slack.SLACK,), self.wrong("SLACK_APP_TOKEN")
        )

    def http_mode(self) -> Iterator[Check]:
        """Yield the checks of HTTP mode."""
        yield Check((slack.SIGNING_SECRET,), self.look_at_secret, hindered=self.wrong("SLACK_SIGNING_SECRET"))
        yield Check((slack.PUBLIC_URL,), self.look_at_public_url, hindered=self.wrong("VERLBOT_PUBLIC_URL"))

    def skypilot(self) -> Iterator[Check]:
        """Yield the checks of SkyPilot, or that of local compute."""
        wrong = self.wrong("VERLBOT_COMPUTE", "SKYPILOT_API_SERVER_ENDPOINT", "SKYPILOT_SERVICE_ACCOUNT_TOKEN")
        if not (self.settings.uses_skypilot or wrong):
            yield Check((sky.SERVER,), self.look_at_no_skypilot)
            return
        yield Check((sky.SERVER, sky.VERSION), self.look_at_server, hindered=wrong)
        yield Check((sky.INFRA, sky.PLACES), self.look_at_infra, (sky.SERVER,), wrong)
        yield Check((sky.PRICES,), self.look_at_prices, (sky.SERVER,), wrong or self.wrong("VERLBOT_PRICES"))

    def wrong(self, *variables: str) -> str:
        """Return why a check that needs these variables cannot run; empty where it can."""
        return next((f"{one} is not right" for one in variables if one in self.problems), "")

    # The queries, each with the function that judges the answer.

    def look_at_settings(self) -> Iterator[Finding]:
        for variable, problem in self.problems.items():
            yield failure(
                SETTINGS, problem, SETTING_ADVICE.get(variable, f"Set {variable} as docs/settings.md has it.")
            )
        known = {str(one.metadata["variable"]) for one in fields(self.settings) if one.metadata}
        for name in sorted(self.environment):
            if name.startswith("VERLBOT_") and name not in known:
                near = difflib.get_close_matches(name, known, 1)
                yield warning(
                    SETTINGS, f"{name} is no setting", f"Write {near[0]}, or unset it." if near else "Unset it."
                )
        if self.settings.secret_patterns:
            try:
                read_patterns(self.settings.secret_patterns)
            except UserError as error:
                yield failure(SETTINGS, str(error), error.hint)
        if not self.problems:
            count = sum(bool(self.environment.get(name)) for name in known)
            yield ok(SETTINGS, f"{count} in the environment, all readable; the others as in docs/settings.md")

    def look_at_slack(self) -> Iterable[Finding]:
        url = self.settings.slack_api_url
        answer = outcome(lambda: slack_vitals.ask(web_client("", url), "api.test"))
        return slack.judge_slack(answer, url), slack.judge_clock(answer)

    def look_at_bot_token(self) -> Iterable[Finding]:
        client = web_client(self.settings.slack_bot_token, self.settings.slack_api_url)
        answer = outcome(lambda: slack_vitals.ask(client, "auth.test"))
        return slack.judge_token(answer), slack.judge_scopes(answer, SCOPES)

    def look_at_app_token(self) -> Iterable[Finding]:
        client = web_client(self.settings.slack_app_token, self.settings.slack_api_url)
        answer = outcome(lambda: slack_vitals.ask(client, "apps.connections.open"))
        connections = None
        if not isinstance(answer, Unavailable) and not answer.error:
            address = answer.address
            connections = outcome(lambda: slack_vitals.connect(address, self.settings.doctor_seconds))
        return slack.judge_app_token(answer), slack.judge_connection(connections)

    def look_at_secret(self) -> Iterable[Finding]:
        yield ok(slack.SIGNING_SECRET, "set; whether it is the right one shows at the first command")

    def look_at_public_url(self) -> Iterable[Finding]:
        url = self.settings.public_url
        status = outcome(lambda: slack_vitals.reach(url)) if url else None
        yield slack.judge_reach(url, status, vitals.taken(self.settings.data_dir))

    def look_at_store(self) -> Iterable[Finding]:
        url, folder = self.settings.redis_url, self.settings.data_dir / "store"
        if url:
            return store.judge_store(outcome(lambda: vitals.ask_store(url, STORE_SECONDS)), page.without_password(url))
        try:
            found, runs = vitals.ask_embedded(folder, STORE_SECONDS)
        except UserError as error:
            return store.judge_store(Unavailable(error.sentence), str(folder))
        return store.judge_store(found, f"{folder} (embedded; " + ("it runs)" if runs else "it starts with the bot)"))

    def look_at_no_skypilot(self) -> Iterable[Finding]:
        try:
            account, problem = local_account(self.settings)
        except UserError as error:
            yield failure(machine.COMPUTE, str(error), error.hint)
            return
        user = name_of(account) if account else ""
        yield machine.judge_local_compute(self.settings.local_compute_refusal, LOCAL_HINT, user, problem)

    def look_at_server(self) -> Iterable[Finding]:
        found = outcome(lambda: self.courier.call(sky_vitals.health))
        has_token, starts = bool(self.settings.sky_token), self.settings.sky_start_server
        return sky.judge_server(found, has_token=has_token, starts=starts), sky.judge_version(found)

    def look_at_infra(self) -> Iterable[Finding]:
        found = outcome(lambda: self.courier.call(sky_vitals.infra))
        tasks = {recipe.name: recipe.task for recipe in self.valid_recipes()}
        return sky.judge_infra(found), sky.judge_places(found, tasks)

    def look_at_prices(self) -> Iterable[Finding]:
        tasks = {sky.request(one.task): {**one.task, "num_nodes": 1} for one in self.valid_recipes()}
        patience = min(self.settings.sky_call_seconds, self.settings.doctor_seconds)
        table = str(self.settings.prices or "")
        try:
            cloud = sky_cloud(replace(self.settings, sky_call_seconds=patience), Clock().now)
        except UserError as error:
            yield failure(sky.PRICES, str(error), error.hint)
            return
        try:
            found = outcome(lambda: {name: cloud.rate(task) for name, task in tasks.items()})
        finally:
            cloud.stop()
        yield sky.judge_prices(found, table)

    def look_at_recipes(self) -> Iterable[Finding]:
        folder = FolderOfRecipes(self.settings.recipes_dir)
        problems = {
            name: problems_of(folder, name, lambda task: self.courier.call(schema.problem, task))
            for name in folder.names()
        }
        known = self.settings.secrets
        judged = recipes.judge_recipes(problems, str(self.settings.recipes_dir))
        return judged, recipes.judge_secrets(self.valid_recipes(), known)

    def valid_recipes(self) -> Sequence[Recipe]:
        folder = FolderOfRecipes(self.settings.recipes_dir)
        found = []
        for name in folder.names():
            with suppress(UserError):  # reported by the check of recipes
                found.append(folder.get(name))
        return found

    def look_at_policy(self) -> Iterable[Finding]:
        path = self.settings.policy
        try:
            found: Policy | UserError = policies.read(path) if path else SAFE
        except UserError as error:
            found = error
        yield files.judge_policy(path, found)

    def look_at_file(self, name: str, path: Path, read: Callable[[Path], object]) -> Iterable[Finding]:
        problem = None
        try:
            read(path)
        except UserError as error:
            problem = error
        yield files.judge_file(name, path, problem)

    def look_at_machine(self) -> Iterable[Finding]:
        path = self.settings.data_dir
        folder = vitals.ask_folder(path)
        longest = heartbeat.longest_seconds(self.settings)
        return (
            machine.judge_folder(str(path), folder),
            machine.judge_bot(str(path), folder.taken, heartbeat.age_seconds(path), longest),
        )

    def look_at_gate(self) -> Iterable[Finding]:
        host, port = self.settings.admin_policy_host, self.settings.admin_policy_port
        place = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        found = outcome(lambda: vitals.greets(f"{place}/health"))
        taken, needs = vitals.taken(self.settings.data_dir), self.settings.admin_policy_needs_secret
        yield machine.judge_gate(f"{place}/admin-policy", taken, found, self.settings.uses_skypilot, needs)


def doctor(environment: Mapping[str, str], as_json: bool) -> int:
    """Run all checks and print their findings; return 0 where none has failed, else 1."""
    settings, problems = Settings.examine(environment)
    courier = Courier(settings.sky_environment, settings.doctor_seconds)
    secrets = SecretFilter(environment)
    found: list[Finding] = []
    try:
        for some in visit(list(Surgery(environment, settings, problems, courier).checks()), settings.doctor_seconds):
            told = [page.masked(one, secrets.mask) for one in some]
            found += told
            if not as_json:
                print(*map(page.lines, told), sep="\n", flush=True)
    finally:
        courier.stop()
    print(page.as_json(found) if as_json else f"\n{page.conclusion(found)}")
    return 1 if any(one.status is Status.FAILURE for one in found) else 0
