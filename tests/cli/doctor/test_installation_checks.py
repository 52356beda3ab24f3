"""What the doctor says of the installation: the store, the recipes, the data folder, the bot that runs."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.files.recipe_files import RecipeFolder
from bot.adapters.host_diagnostics import DataFolderDiagnosis
from bot.adapters.redis.store_diagnostics import StoreDiagnosis
from bot.cli.doctor import installation_checks
from bot.cli.doctor.checklist import DoctorStatus
from bot.config.operation_settings import SOURCE_RECIPES
from bot.errors import Unavailable, UserError
from tests.cli.doctor.judgements import FAILURE, OK, SILENT, SKIPPED, WARNING, told

STORE = StoreDiagnosis(
    "Redis 8.0.1",
    appendonly=True,
    fsync="always",
    snapshots="",
    eviction_policy="noeviction",
    memory_limit_bytes=0,
    write_error="",
)


SMOKE = RecipeFolder(SOURCE_RECIPES).get("smoke")


PPO = RecipeFolder(SOURCE_RECIPES).get("ppo")


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
        pytest.param(STORE, OK, ["never evicts keys"], id="noeviction"),
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
        pytest.param("Error 111 connecting to localhost:6379", "Start it, correct REDIS_URL", id="no server there"),
        pytest.param("WRONGPASS invalid username-password pair", "password into REDIS_URL", id="another password"),
    ],
)
def test_a_store_that_cannot_be_asked_is_told_of_once(why: str, advice: str) -> None:
    first, *others = installation_checks.judge_store(Unavailable(why), "redis://localhost:6379/0")
    told(first, FAILURE, why, advice)
    assert {one.status for one in others} == {SKIPPED}


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
        "HF_TOKEN set; MLFLOW_TRACKING_URI, SWANLAB_API_KEY and WANDB_API_KEY not set (optional)",
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
    told(installation_checks.judge_folder("/data", folder, 50.0, 90.0), status, *words)


@pytest.mark.parametrize(("used", "status"), [(89.0, OK), (90.0, WARNING), (99.0, WARNING)])
def test_a_disk_that_fills_up_is_a_warning_however_large_it_is(used: float, status: DoctorStatus) -> None:
    folder = DataFolderDiagnosis(True, "", 500 * 10**9, False)
    told(installation_checks.judge_folder("/data", folder, used, 90.0), status, f"{used:.0f}% used")


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


@pytest.mark.parametrize(
    ("taken", "found", "uses_skypilot", "status", "words"),
    [
        pytest.param(True, True, True, OK, ["answers at http://h/admin-policy", "`admin_policy`"], id="well"),
        pytest.param(True, SILENT, True, FAILURE, ["Connection refused", "VERLBOT_ADMIN_POLICY_PORT"], id="silent"),
        pytest.param(True, False, True, FAILURE, ["another program answers"], id="another's port"),
        pytest.param(False, SILENT, True, SKIPPED, ["SkyPilot refuses every launch"], id="no bot"),
        pytest.param(True, True, False, WARNING, ["no server calls this port"], id="no SkyPilot"),
    ],
)
def test_the_admin_policy(
    taken: bool, found: bool | Unavailable, uses_skypilot: bool, status: DoctorStatus, words: list[str]
) -> None:
    told(installation_checks.judge_admin_policy("http://h/admin-policy", taken, found, uses_skypilot), status, *words)


def test_a_file_that_cannot_be_read_has_its_advice_once() -> None:
    problem = UserError("The price table cannot be read: it is not UTF-8 text.", "It holds lines such as `k8s: 1`.")
    judged = installation_checks.judge_file("prices file", Path("prices.yaml"), problem)
    assert (judged.status, judged.result, judged.advice) == (DoctorStatus.FAILURE, problem.message, problem.hint)
