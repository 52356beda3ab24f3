"""What the doctor says of each answer: pure judgements, and how they are shown."""

import json
from dataclasses import replace

import pytest

from bot.adapters.files.recipe_files import RecipeFolder
from bot.adapters.host_diagnostics import DataFolderDiagnosis, StoreDiagnosis
from bot.adapters.sky.sdk_queries import TESTED_VERSION, ServerHealth, parse_health
from bot.cli.doctor import checklist, installation_checks, skypilot_checks, slack_checks
from bot.cli.doctor.checklist import DoctorFinding, DoctorStatus, failure, ok, skip, warning
from bot.config.settings import SOURCE_RECIPES
from bot.core.model.money import Rate
from bot.errors import Unavailable
from bot.slack.manifest import SCOPES
from bot.slack.slack_diagnostics import TokenCheck, parse_answer

OK, WARNING, FAILURE, SKIPPED = DoctorStatus.OK, DoctorStatus.WARNING, DoctorStatus.FAILURE, DoctorStatus.SKIPPED
SILENT = Unavailable("Connection refused")
WELL = TokenCheck(team="lab", bot="verlbot", scopes=frozenset(SCOPES), ahead_seconds=0.4)
STORE = StoreDiagnosis(
    "Redis 8.0.1",
    appendonly=True,
    fsync="always",
    snapshots="",
    eviction_policy="noeviction",
    memory_limit_bytes=0,
    write_error="",
)
HEALTHY = ServerHealth("https://sky.example.org", 200, "healthy", TESTED_VERSION, "verlbot")
SMOKE = RecipeFolder(SOURCE_RECIPES).get("smoke")
PPO = RecipeFolder(SOURCE_RECIPES).get("ppo")


def told(finding: DoctorFinding, status: DoctorStatus, *words: str) -> None:
    """It has this mark and says these words; and where something is to be done, what."""
    said = f"{finding.found} {finding.advice}"
    assert finding.status is status, said
    assert all(word in said for word in words), said
    assert bool(finding.advice) is (status in (WARNING, FAILURE))


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        pytest.param(WELL, OK, ["@verlbot in lab"], id="well"),
        pytest.param(TokenCheck("invalid_auth"), FAILURE, ["invalid_auth", "SLACK_BOT_TOKEN"], id="wrong"),
        pytest.param(TokenCheck("not_allowed_token_type"), FAILURE, ["Bot User OAuth Token"], id="another kind"),
        pytest.param(TokenCheck("some_new_word"), FAILURE, ["`some_new_word`"], id="a word that we do not know"),
        pytest.param(SILENT, FAILURE, ["Connection refused"], id="silence"),
    ],
)
def test_the_bot_token(answer: TokenCheck | Unavailable, status: DoctorStatus, words: list[str]) -> None:
    told(slack_checks.judge_token(answer), status, *words)


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        pytest.param(WELL, OK, [f"all {len(SCOPES)}"], id="just those"),
        pytest.param(
            replace(WELL, scopes=frozenset(SCOPES) - {"files:write", "commands"}),
            FAILURE,
            ["`commands` (for /verl)", "`files:write` (to put long logs", "reinstall"],
            id="two are lacking, each with what it is for",
        ),
        pytest.param(
            replace(WELL, scopes=frozenset(SCOPES) | {"team:read", "admin"}),
            WARNING,
            ["not needed: `admin` and `team:read`"],
            id="two too many",
        ),
        pytest.param(replace(WELL, scopes=None), WARNING, ["docs/rights.md"], id="Slack does not say"),
        pytest.param(TokenCheck("invalid_auth"), SKIPPED, ["because Slack refuses"], id="a wrong token"),
        pytest.param(SILENT, SKIPPED, ["because Slack does not answer"], id="silence"),
    ],
)
def test_the_scopes(answer: TokenCheck | Unavailable, status: DoctorStatus, words: list[str]) -> None:
    told(slack_checks.judge_scopes(answer, SCOPES), status, *words)


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        pytest.param(TokenCheck(address="wss://x"), OK, ["connections:write"], id="well"),
        pytest.param(TokenCheck("missing_scope"), FAILURE, ["`connections:write`"], id="without its scope"),
        pytest.param(TokenCheck("not_allowed_token_type"), FAILURE, ["xapp-"], id="the bot's instead"),
        pytest.param(TokenCheck("invalid_auth"), FAILURE, ["SLACK_APP_TOKEN"], id="wrong"),
        pytest.param(SILENT, FAILURE, ["does not answer"], id="silence"),
    ],
)
def test_the_app_token(answer: TokenCheck | Unavailable, status: DoctorStatus, words: list[str]) -> None:
    told(slack_checks.judge_app_token(answer), status, *words)


@pytest.mark.parametrize(
    ("connections", "status", "words"),
    [
        pytest.param(1, OK, ["opens"], id="ours alone"),
        pytest.param(3, OK, ["2 more open"], id="others, such as the bot's"),
        pytest.param(SILENT, FAILURE, ["Connection refused", "VERLBOT_SLACK_MODE=http"], id="blocked"),
        pytest.param(None, SKIPPED, ["because the app token"], id="no token for it"),
    ],
)
def test_the_connection(connections: int | Unavailable | None, status: DoctorStatus, words: list[str]) -> None:
    told(slack_checks.judge_connection(connections), status, *words)


@pytest.mark.parametrize(
    ("ahead", "status", "words"),
    [
        pytest.param(1.0, OK, ["as Slack's"], id="a second, which its header leaves open"),
        pytest.param(4.0, OK, ["4 s behind"], id="four seconds"),
        pytest.param(-6.0, WARNING, ["6 s ahead of", "NTP"], id="six seconds"),
        pytest.param(61.0, FAILURE, ["61 s behind", "NTP"], id="past a minute"),
        pytest.param(None, SKIPPED, ["does not say"], id="no date in the answer"),
    ],
)
def test_the_clock(ahead: float | None, status: DoctorStatus, words: list[str]) -> None:
    told(slack_checks.judge_clock(TokenCheck(ahead_seconds=ahead)), status, *words)


def test_a_clock_is_compared_with_the_middle_of_the_question() -> None:
    found = parse_answer({"ok": True}, {"date": "Thu, 01 Jan 1970 00:02:00 GMT"}, called_at=50.0)
    assert (found.ahead_seconds, found.scopes, found.error) == (70.5, None, "")


@pytest.mark.parametrize(
    ("url", "status", "runs", "mark", "words"),
    [
        pytest.param("https://x", 401, True, OK, ["leads to the bot"], id="Bolt refuses the unsigned"),
        pytest.param("", None, True, WARNING, ["VERLBOT_PUBLIC_URL"], id="no address"),
        pytest.param("http://x", 401, True, FAILURE, ["TLS"], id="no TLS"),
        pytest.param("https://x", 404, True, FAILURE, ["404", "/slack/events"], id="a proxy that passes nothing on"),
        pytest.param("https://x", 502, False, WARNING, ["no bot runs", "verlbot run"], id="before the first start"),
        pytest.param("https://x", SILENT, True, FAILURE, ["Connection refused"], id="nobody there"),
    ],
)
def test_whether_slack_reaches_the_bot(
    url: str, status: int | Unavailable | None, runs: bool, mark: DoctorStatus, words: list[str]
) -> None:
    told(slack_checks.judge_reach(url, status, runs), mark, *words)


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        pytest.param(STORE, OK, ["before it is answered"], id="each wish at once"),
        pytest.param(replace(STORE, fsync="everysec"), OK, ["within about a second"], id="each second"),
        pytest.param(replace(STORE, fsync=None), OK, ["within about a second"], id="it does not say when"),
        pytest.param(
            replace(STORE, appendonly=False, snapshots="3600 1"),
            WARNING,
            ["save 3600 1", "--appendonly yes"],
            id="copies",
        ),
        pytest.param(replace(STORE, appendonly=False), FAILURE, ["forgets every run", "--appendonly"], id="nothing"),
        pytest.param(replace(STORE, appendonly=False, snapshots=None), WARNING, ["does not say"], id="a hosted one"),
    ],
)
def test_what_of_the_store_is_on_its_disk(found: StoreDiagnosis, status: DoctorStatus, words: list[str]) -> None:
    told(installation_checks.judge_disk(found), status, *words)


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        pytest.param(STORE, OK, ["drops nothing"], id="noeviction"),
        pytest.param(replace(STORE, memory_limit_bytes=2**28), OK, ["256 MB"], id="noeviction with a limit"),
        pytest.param(
            replace(STORE, eviction_policy="allkeys-lru", memory_limit_bytes=2**28),
            FAILURE,
            ["allkeys-lru", "noeviction"],
            id="evicting",
        ),
        pytest.param(
            replace(STORE, eviction_policy="volatile-ttl"),
            WARNING,
            ["volatile-ttl", "noeviction"],
            id="without a limit",
        ),
    ],
)
def test_what_the_store_does_when_its_memory_is_full(
    found: StoreDiagnosis, status: DoctorStatus, words: list[str]
) -> None:
    told(installation_checks.judge_memory(found), status, *words)


def test_a_store_that_only_reads_has_failed() -> None:
    told(installation_checks.judge_writes(STORE), OK)
    told(
        installation_checks.judge_writes(replace(STORE, write_error="READONLY You can't write")),
        FAILURE,
        "READONLY",
        "primary",
    )


@pytest.mark.parametrize(
    ("why", "advice"),
    [
        pytest.param("Error 111 connecting to localhost:6379", "Start it, mend REDIS_URL", id="nobody there"),
        pytest.param("WRONGPASS invalid username-password pair", "password into REDIS_URL", id="another password"),
    ],
)
def test_a_store_that_cannot_be_asked_is_told_of_once(why: str, advice: str) -> None:
    first, *others = installation_checks.judge_store(Unavailable(why), "redis://localhost:6379/0")
    told(first, FAILURE, why, advice)
    assert {one.status for one in others} == {SKIPPED}


@pytest.mark.parametrize(
    ("found", "token", "status", "words"),
    [
        pytest.param(HEALTHY, True, OK, ["we are verlbot"], id="known by its token"),
        pytest.param(replace(HEALTHY, user=""), False, OK, ["asks nobody"], id="an open server"),
        pytest.param(replace(HEALTHY, user=""), True, WARNING, ["ENABLE_SERVICE_ACCOUNTS"], id="a token for nothing"),
        pytest.param(replace(HEALTHY, code=401), True, FAILURE, ["does not know the token"], id="a wrong token"),
        pytest.param(
            replace(HEALTHY, status="needs_auth", user=""),
            False,
            FAILURE,
            ["SKYPILOT_SERVICE_ACCOUNT_TOKEN"],
            id="no token",
        ),
        pytest.param(replace(HEALTHY, status="unhealthy"), False, FAILURE, ["unhealthy"], id="ill"),
        pytest.param(
            ServerHealth("http://x", 404), False, FAILURE, ["404", "SKYPILOT_API_SERVER_ENDPOINT"], id="another server"
        ),
        pytest.param(SILENT, False, FAILURE, ["sky api start"], id="nobody"),
    ],
)
def test_skypilots_server(
    found: ServerHealth | Unavailable, token: bool, status: DoctorStatus, words: list[str]
) -> None:
    told(skypilot_checks.judge_server(found, has_token=token, starts=False), status, *words)


def test_a_server_that_the_bot_will_start_has_not_failed() -> None:
    told(skypilot_checks.judge_server(SILENT, has_token=False, starts=True), SKIPPED, "VERLBOT_SKY_START_SERVER")


@pytest.mark.parametrize(
    ("said", "status", "user"),
    [
        pytest.param(
            {"status": "healthy", "version": "0.14.1", "user": {"id": "9", "name": "ana"}}, "healthy", "ana", id="named"
        ),
        pytest.param(
            {"status": "healthy", "version": "0.14.1", "user": {"id": "9", "name": None}}, "healthy", "9", id="unnamed"
        ),
        pytest.param({"status": "healthy", "version": "0.14.1", "user": None}, "healthy", "", id="nobody"),
        pytest.param({"status": "ok"}, "", "", id="another server's health"),
    ],
)
def test_how_a_servers_health_is_read(said: dict[str, object], status: str, user: str) -> None:
    found = parse_health("http://x", 200, said)
    assert (found.status, found.user) == (status, user)


@pytest.mark.parametrize(
    ("version", "status"),
    [
        pytest.param("0.14.1", OK, id="tested"),
        pytest.param("0.14.9", OK, id="a later patch"),
        pytest.param("0.13.2", FAILURE, id="too old"),
        pytest.param("0.15.0", WARNING, id="newer"),
        pytest.param("nightly", WARNING, id="no number"),
        pytest.param("", SKIPPED, id="it does not say"),
    ],
)
def test_skypilots_version(version: str, status: DoctorStatus) -> None:
    told(
        skypilot_checks.judge_version(replace(HEALTHY, version=version)),
        status,
        *([TESTED_VERSION] if status is FAILURE else []),
    )


def test_infra_and_the_recipes_that_could_run_there() -> None:
    tasks = {"smoke": SMOKE.task, "ppo": PPO.task}
    told(skypilot_checks.judge_infra(["kubernetes", "slurm"]), OK, "kubernetes and slurm")
    told(skypilot_checks.judge_infra([]), FAILURE, "sky check")
    told(skypilot_checks.judge_infra(SILENT), FAILURE, "sky check")
    told(skypilot_checks.judge_recipe_infra(["kubernetes"], tasks), OK, "smoke (any), ppo (kubernetes)")
    told(
        skypilot_checks.judge_recipe_infra(["slurm"], tasks),
        WARNING,
        "`ppo` ask for kubernetes",
        "can run: smoke (any)",
        "infra=slurm",
    )
    told(skypilot_checks.judge_recipe_infra([], tasks), SKIPPED, "no infra")


def test_prices_of_what_the_recipes_ask_for() -> None:
    rate = Rate(2.5, "the price table")
    told(skypilot_checks.judge_prices({"H100:1 on k8s": rate}, ""), OK, "H100:1 on k8s $2.50/h by the price table")
    told(
        skypilot_checks.judge_prices({"H100:1 on k8s": rate, "L4:1": None}, ""),
        WARNING,
        "unpriced",
        "L4:1",
        "Set VERLBOT_PRICES",
    )
    told(skypilot_checks.judge_prices({"L4:1": None}, "/etc/prices.yaml"), WARNING, "Add them to /etc/prices.yaml")
    told(skypilot_checks.judge_prices(SILENT, ""), FAILURE, "VERLBOT_PRICES")


def test_recipes_and_their_secrets_by_name() -> None:
    told(installation_checks.judge_recipes({"ppo": [], "smoke": []}, "/r"), OK, "ppo and smoke")
    told(
        installation_checks.judge_recipes({"ppo": ["it has no run."], "smoke": []}, "/r"),
        FAILURE,
        "1 of 2",
        "`ppo`: it has no run.",
    )
    told(installation_checks.judge_recipes({}, "/r"), FAILURE, "VERLBOT_RECIPES_DIR")
    told(
        installation_checks.judge_secrets([PPO], {"HF_TOKEN"}),
        OK,
        "HF_TOKEN set; WANDB_API_KEY not set, which the recipes can do",
    )
    strict = replace(PPO, task={**PPO.task, "secrets": {"HF_TOKEN": None}})
    told(installation_checks.judge_secrets([strict, SMOKE], set()), FAILURE, "HF_TOKEN not set", "`ppo`")
    told(installation_checks.judge_secrets([SMOKE], set()), OK, "none")
    told(installation_checks.judge_secrets([], set()), SKIPPED)


@pytest.mark.parametrize(
    ("folder", "status", "words"),
    [
        pytest.param(DataFolderDiagnosis(True, "", 50 * 10**9, False), OK, ["50.0 GB free"], id="well"),
        pytest.param(DataFolderDiagnosis(False, "", 50 * 10**9, False), OK, ["will be made"], id="not there yet"),
        pytest.param(DataFolderDiagnosis(True, "", 500 * 10**6, False), WARNING, ["0.5 GB"], id="nearly full"),
        pytest.param(DataFolderDiagnosis(True, "", 50 * 10**6, False), FAILURE, ["Make room"], id="full"),
        pytest.param(
            DataFolderDiagnosis(True, "Permission denied", 0, False),
            FAILURE,
            ["Permission denied", "VERLBOT_DATA_DIR"],
            id="not ours",
        ),
    ],
)
def test_the_data_directory(folder: DataFolderDiagnosis, status: DoctorStatus, words: list[str]) -> None:
    told(installation_checks.judge_folder("/data", folder), status, *words)


@pytest.mark.parametrize(
    ("taken", "age", "status"),
    [
        pytest.param(False, None, SKIPPED, id="none runs"),
        pytest.param(False, 9999.0, SKIPPED, id="none runs any more"),
        pytest.param(True, 3.0, OK, id="ticks"),
        pytest.param(True, 61.0, FAILURE, id="stuck"),
        pytest.param(True, None, WARNING, id="just started"),
    ],
)
def test_the_bot_that_runs(taken: bool, age: float | None, status: DoctorStatus) -> None:
    told(installation_checks.judge_bot("/data", taken, age, longest_seconds=60), status)


ALL = [
    ok("clock", "as Slack's"),
    warning("prices", "L4:1 unpriced", "Set VERLBOT_PRICES."),
    skip("bot", "none runs"),
]


def test_a_line_has_a_mark_what_was_found_and_what_to_do() -> None:
    assert checklist.format_finding(ALL[0], 80) == "✓ clock                 as Slack's"
    assert checklist.format_finding(ALL[1], 80).splitlines()[1] == " " * 24 + "→ Set VERLBOT_PRICES."
    assert checklist.format_finding(ALL[2], 80).startswith("– bot ")
    assert (
        checklist.summary_line([*ALL, failure("store", "gone", "Start it.")]) == "1 failure; 1 warning; 1 not checked."
    )


def test_a_program_is_told_the_worst() -> None:
    assert json.loads(checklist.format_json(ALL))["status"] == "warning"
    assert json.loads(checklist.format_json([*ALL, failure("store", "gone", "Start it.")]))["status"] == "failure"
    assert json.loads(checklist.format_json(ALL[2:]))["status"] == "ok"
    assert json.loads(checklist.format_json(ALL))["findings"][1] == {
        "status": "warning", "subject": "prices", "found": "L4:1 unpriced", "advice": "Set VERLBOT_PRICES."
    }  # fmt: skip


@pytest.mark.parametrize(
    ("taken", "found", "uses_skypilot", "status", "words"),
    [
        pytest.param(True, True, True, OK, ["answers at http://h/admin-policy", "`admin_policy`"], id="well"),
        pytest.param(True, SILENT, True, FAILURE, ["Connection refused", "VERLBOT_ADMIN_POLICY_PORT"], id="silent"),
        pytest.param(True, False, True, FAILURE, ["somebody else answers"], id="another's port"),
        pytest.param(False, SILENT, True, SKIPPED, ["SkyPilot refuses every launch"], id="no bot"),
        pytest.param(True, True, False, WARNING, ["nobody asks"], id="no SkyPilot"),
    ],
)
def test_the_admin_policy(
    taken: bool, found: bool | Unavailable, uses_skypilot: bool, status: DoctorStatus, words: list[str]
) -> None:
    told(installation_checks.judge_admin_policy("http://h/admin-policy", taken, found, uses_skypilot), status, *words)
