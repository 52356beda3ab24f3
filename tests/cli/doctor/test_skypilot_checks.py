"""What the doctor says of SkyPilot's answers: the server, its version, infra and prices."""

from dataclasses import replace

import pytest

from bot.adapters.files.recipe_files import RecipeFolder
from bot.adapters.sky.sdk_queries import TESTED_VERSION, ServerHealth
from bot.cli.doctor import skypilot_checks
from bot.cli.doctor.checklist import DoctorStatus
from bot.config.operation_settings import SOURCE_RECIPES
from bot.core.model.money import Rate
from bot.errors import Unavailable
from tests.cli.doctor.judgements import FAILURE, OK, SILENT, SKIPPED, WARNING, told

HEALTHY = ServerHealth("https://sky.example.org", 200, "healthy", TESTED_VERSION, "verlbot")


SMOKE = RecipeFolder(SOURCE_RECIPES).get("smoke")


PPO = RecipeFolder(SOURCE_RECIPES).get("ppo")


@pytest.mark.parametrize(
    ("found", "token", "status", "words"),
    [
        pytest.param(HEALTHY, True, OK, ["the bot's user there is verlbot"], id="known by its token"),
        pytest.param(replace(HEALTHY, user=""), False, OK, ["asks for no user"], id="an open server"),
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
        pytest.param(SILENT, False, FAILURE, ["sky api start"], id="no server"),
    ],
)
def test_skypilots_server(
    found: ServerHealth | Unavailable, token: bool, status: DoctorStatus, words: list[str]
) -> None:
    told(skypilot_checks.judge_server(found, has_token=token, starts=False), status, *words)


def test_a_server_that_the_bot_will_start_has_not_failed() -> None:
    told(skypilot_checks.judge_server(SILENT, has_token=False, starts=True), SKIPPED, "VERLBOT_SKY_START_SERVER")


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
        "price unknown",
        "L4:1",
        "Set VERLBOT_PRICES",
    )
    told(skypilot_checks.judge_prices({"L4:1": None}, "/etc/prices.yaml"), WARNING, "Add them to /etc/prices.yaml")
    told(skypilot_checks.judge_prices(SILENT, ""), FAILURE, "VERLBOT_PRICES")
