"""Whole runs of `verlbot doctor`: a real Web API, a real Valkey, and SkyPilot's own client on a server's double."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from redis import Redis

from bot.__main__ import main
from bot.config.operation_settings import SOURCE_RECIPES
from bot.slack.manifest import SCOPES
from slack_playground.faults import Trouble
from slack_playground.server import Playground
from slack_playground.slack import APP_TOKEN, BOT_TOKEN
from tests.adapters.beds import client_environment
from tests.doubles.sky_server import SkyServer
from tests.doubles.sky_world import World
from tests.live import Live

pytestmark = pytest.mark.slow

WRONG_TOKEN, PASSWORD = "xoxb-nobody-knows-this", "hunter2hunter2"
NOWHERE = "127.0.0.1:9"
"""The discard port, where nobody listens."""


@dataclass
class Clinic:
    """An installation in which all is well, until a test makes something ill."""

    playground: Playground
    redis: Redis
    sky: SkyServer
    environment: dict[str, str]
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    code: int = 0
    findings: list[dict[str, str]] = field(default_factory=list)
    said: str = ""

    def visit(self, **changed: str) -> "Clinic":
        """`verlbot doctor --json` with this environment, changed so."""
        for name in os.environ:
            self.monkeypatch.delenv(name)
        for name, text in {**self.environment, **changed}.items():
            self.monkeypatch.setenv(name, text)
        self.code = main(["doctor", "--json"])
        self.said = self.capsys.readouterr().out
        self.findings = json.loads(self.said)["findings"]
        return self

    def found(self, subject: str) -> dict[str, str]:
        return next(one for one in self.findings if one["subject"] == subject)

    def ill(self) -> list[str]:
        return [one["subject"] for one in self.findings if one["status"] == "failure"]

    def left_out(self) -> list[str]:
        return [one["subject"] for one in self.findings if one["status"] == "skipped"]


@pytest.fixture
def durable(redis: Redis) -> Iterator[Redis]:
    """The server as a bot starts its own: what it was told is on the disk before it answers."""
    redis.config_set("appendonly", "yes")
    yield redis
    redis.config_set("appendonly", "no")


@pytest.fixture
def clinic(
    tmp_path: Path,
    playground: Playground,
    durable: Redis,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Clinic]:
    playground._slack.scopes = set(SCOPES)
    sky = SkyServer(World(time.time))
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    shutil.copy(SOURCE_RECIPES / "smoke.yaml", recipes)
    prices = tmp_path / "prices.yaml"
    prices.write_text('"*": {node: 0.4}\n')
    socket = durable.connection_pool.connection_kwargs["path"]
    environment = {
        **client_environment(tmp_path, sky.url),
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_APP_TOKEN": APP_TOKEN,
        "SLACK_API_URL": playground.api_url,
        "REDIS_URL": f"unix://{socket}",
        "VERLBOT_DATA_DIR": str(tmp_path / "data"),
        "VERLBOT_RECIPES_DIR": str(recipes),
        "VERLBOT_PRICES": str(prices),
        "VERLBOT_DOCTOR_SECONDS": "90",
    }
    yield Clinic(playground, durable, sky, environment, monkeypatch, capsys)
    sky.stop()


def test_all_is_well(clinic: Clinic) -> None:
    found = clinic.visit()
    assert {one["subject"]: one for one in found.findings if one["status"] not in ("ok", "skipped")} == {}
    assert (found.code, found.left_out()) == (0, ["bot"])
    assert found.found("Slack bot token")["result"] == "@verlbot in playground"
    assert found.found("Slack connection")["result"] == "a WebSocket opens"
    assert found.found("store")["result"].startswith("Valkey ")
    assert found.found("SkyPilot")["result"].startswith(f"healthy at {clinic.sky.url}")
    assert found.found("SkyPilot's infra")["result"] == "slurm"
    assert found.found("prices")["result"] == "a node without GPUs $0.40/h by the price table"
    assert found.found("recipes")["result"] == "all valid: smoke"
    assert clinic.redis.keys("verl:doctor:*") == []
    assert not Path(clinic.environment["VERLBOT_DATA_DIR"]).exists()


def test_a_wrong_token_is_named_by_its_variable_and_never_shown(clinic: Clinic) -> None:
    found = clinic.visit(SLACK_BOT_TOKEN=WRONG_TOKEN)
    assert (found.code, found.ill(), found.left_out()) == (1, ["Slack bot token"], ["Slack scopes", "bot"])
    assert "SLACK_BOT_TOKEN" in found.found("Slack bot token")["advice"]
    assert WRONG_TOKEN not in found.said


def test_a_bot_token_for_the_app_token_hinders_the_connection_alone(clinic: Clinic) -> None:
    found = clinic.visit(SLACK_APP_TOKEN="xapp-nobody-knows-this")
    assert (found.ill(), found.left_out()) == (["Slack app token"], ["Slack connection", "bot"])
    assert "nobody-knows" not in found.said


def test_a_missing_scope_is_named_and_a_superfluous_one_too(clinic: Clinic) -> None:
    clinic.playground._slack.scopes = set(SCOPES) - {"files:write"}
    found = clinic.visit()
    assert (found.code, found.ill()) == (1, ["Slack scopes"])
    assert found.found("Slack scopes")["result"] == f"missing: `files:write` ({SCOPES['files:write']})"
    clinic.playground._slack.scopes = {*SCOPES, "admin"}
    found = clinic.visit()
    assert (found.code, found.found("Slack scopes")["status"]) == (0, "warning")
    assert "not needed: `admin`" in found.found("Slack scopes")["result"]


def test_a_store_that_is_down_hides_nothing_else(clinic: Clinic) -> None:
    found = clinic.visit(REDIS_URL=f"redis://:{PASSWORD}@{NOWHERE}/0")
    assert (found.code, found.ill()) == (1, ["store"])
    assert f"redis://{NOWHERE}/0" in found.found("store")["result"]
    assert found.left_out() == ["store's disk", "store's memory", "store's writes", "bot"]
    assert PASSWORD not in found.said


def test_a_store_that_drops_records_has_failed(clinic: Clinic) -> None:
    clinic.redis.config_set("maxmemory-policy", "allkeys-lru")
    clinic.redis.config_set("maxmemory", "100mb")
    try:
        found = clinic.visit()
    finally:
        clinic.redis.config_set("maxmemory", "0")
        clinic.redis.config_set("maxmemory-policy", "noeviction")
    assert (found.code, found.ill()) == (1, ["store's memory"])
    assert "allkeys-lru" in found.found("store's memory")["result"]


def test_the_embedded_store_says_where_its_file_is(clinic: Clinic) -> None:
    found = clinic.visit(REDIS_URL="")
    folder = Path(clinic.environment["VERLBOT_DATA_DIR"]) / "store"
    assert found.code == 0
    assert f"{folder} (embedded; it starts with the bot)" in found.found("store")["result"]
    assert not folder.exists()


def test_a_skypilot_that_is_down_leaves_infra_and_prices_unknown(clinic: Clinic) -> None:
    clinic.sky.stop()
    found = clinic.visit()
    assert (found.code, found.ill()) == (1, ["SkyPilot"])
    assert "SKYPILOT_API_SERVER_ENDPOINT" in found.found("SkyPilot")["advice"]
    assert found.found("prices")["result"] == "not checked, because SkyPilot has a problem"
    assert found.found("recipes")["status"] == "ok"


@pytest.mark.long
def test_a_skypilot_that_hangs_takes_no_longer_than_a_check_may(clinic: Clinic) -> None:
    clinic.sky.trouble("/api/health", Trouble.SLOW, times=None, seconds=60)
    found = clinic.visit(VERLBOT_DOCTOR_SECONDS="20")
    assert (found.code, found.ill()) == (1, ["SkyPilot"])
    assert found.found("recipes")["status"] == "ok"


@pytest.mark.parametrize(
    ("version", "code", "status"),
    [pytest.param("0.12.0", 1, "failure", id="too old"), pytest.param("0.15.0", 0, "warning", id="not tested")],
)
@pytest.mark.long
def test_a_skypilot_of_another_version(clinic: Clinic, version: str, code: int, status: str) -> None:
    clinic.sky.version = version
    found = clinic.visit()
    assert (found.code, found.found("SkyPilot's version")["status"]) == (code, status)
    assert "skypilot==0.14.1" in found.found("SkyPilot's version")["advice"]


def test_who_the_token_says_that_we_are(clinic: Clinic) -> None:
    token = "sky_nobody-knows-this"
    found = clinic.visit(SKYPILOT_SERVICE_ACCOUNT_TOKEN=token)
    assert "ENABLE_SERVICE_ACCOUNTS" in found.found("SkyPilot")["advice"]
    clinic.sky.user = {"id": "sa-1", "name": "verlbot"}
    found = clinic.visit(SKYPILOT_SERVICE_ACCOUNT_TOKEN=token)
    assert found.found("SkyPilot")["result"].endswith("the bot's user there is verlbot")
    clinic.sky.health = "needs_auth"
    found = clinic.visit(SKYPILOT_SERVICE_ACCOUNT_TOKEN=token)
    assert found.ill() == ["SkyPilot"]
    assert token not in found.said


@pytest.mark.long
def test_the_recipes_that_came_with_it_are_told_where_they_cannot_run_and_that_they_are_unpriced(
    clinic: Clinic,
) -> None:
    found = clinic.visit(VERLBOT_RECIPES_DIR=str(SOURCE_RECIPES), VERLBOT_PRICES="")
    assert found.code == 0
    assert found.found("where recipes run")["result"].startswith(
        "`dapo`, `grpo`, `lora`, `multiturn-tools`, `own-data`, `ppo` and `sft` ask for kubernetes"
    )
    assert "VERLBOT_PRICES" in found.found("prices")["advice"]
    assert "H100:1 on k8s" in found.found("prices")["result"]


def test_a_broken_recipe_and_a_broken_price_table_are_told_of(clinic: Clinic) -> None:
    text = (SOURCE_RECIPES / "smoke.yaml").read_text()
    folder = Path(clinic.environment["VERLBOT_RECIPES_DIR"])
    (folder / "odd.yaml").write_text(text.replace("num_nodes: 1\n", "num_nodes: 1\nnodez: 2\n", 1))
    Path(clinic.environment["VERLBOT_PRICES"]).write_text("k8s: 3\n")
    found = clinic.visit()
    assert (found.code, found.ill()) == (1, ["prices", "recipes"])
    assert "nodez" in found.found("recipes")["result"]
    assert f"`verlbot recipes check {folder}`" in found.found("recipes")["advice"]


@pytest.mark.long
def test_a_clock_that_is_off_has_failed(clinic: Clinic) -> None:
    class Later(BaseHTTPRequestHandler):
        """Answers everything as a Slack of ten minutes from now."""

        def do_POST(self) -> None:
            body = b'{"ok": false, "error": "invalid_auth"}'
            self.send_response_only(200)
            headers = {"Date": formatdate(time.time() + 600, usegmt=True), "Content-Length": str(len(body))}
            for name, text in headers.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing: the test tells what went wrong."""

    server = HTTPServer(("127.0.0.1", 0), Later)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        found = clinic.visit(SLACK_API_URL=f"http://127.0.0.1:{server.server_port}/api/")
    finally:
        server.shutdown()
        server.server_close()
    assert "clock" in found.ill()
    assert re.match(r"(599|600|601) s behind Slack's", found.found("clock")["result"])


def test_settings_that_are_wrong_hinder_only_what_rests_on_them(clinic: Clinic) -> None:
    wrong = {"REDIS_URL": f"http://:{PASSWORD}@redis", "VERLBOT_TICK_SECOND": "3", "SLACK_APP_TOKEN": ""}
    found = clinic.visit(**wrong)
    assert (found.code, found.ill()) == (1, ["settings", "settings"])
    assert "Write VERLBOT_TICK_SECONDS" in found.said
    assert found.found("store")["result"] == "not checked, because REDIS_URL is missing or wrong"
    assert found.found("Slack connection")["status"] == "skipped"
    assert found.found("Slack scopes")["status"] == "ok"
    assert PASSWORD not in found.said


def test_an_endpoint_that_cannot_be_read_does_not_count_as_none(clinic: Clinic) -> None:
    found = clinic.visit(SKYPILOT_API_SERVER_ENDPOINT=f"bot:{PASSWORD}@sky")
    assert found.found("SkyPilot")["result"] == "not checked, because SKYPILOT_API_SERVER_ENDPOINT is missing or wrong"
    assert PASSWORD not in found.said


def test_in_http_mode_it_looks_whether_slack_reaches_the_bot(clinic: Clinic) -> None:
    http = {"VERLBOT_SLACK_MODE": "http", "SLACK_SIGNING_SECRET": "a-secret-of-slacks", "SLACK_APP_TOKEN": ""}
    found = clinic.visit(**http)
    assert (found.code, found.found("Slack reaches the bot")["status"]) == (0, "warning")
    assert "Slack connection" not in [one["subject"] for one in found.findings]
    assert "a-secret-of-slacks" not in found.said


@pytest.mark.long
def test_without_any_environment_there_is_a_page_and_no_traceback(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bot", "doctor"],
        cwd=SOURCE_RECIPES.parent,
        env={"HOME": str(tmp_path), "SLACK_API_URL": f"http://{NOWHERE}/api/"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (1, "")
    for line in ("✗ settings", "✗ Slack ", "– clock", "✓ store ", "✓ SkyPilot", "✓ recipes", "✓ data directory"):
        assert f"\n{line}" in f"\n{ran.stdout}", ran.stdout
    assert "verlbot manifest" in ran.stdout
    assert list(tmp_path.glob(".verlbot")) == []


@pytest.mark.long
def test_a_bot_that_runs_is_seen_and_not_disturbed(tmp_path: Path) -> None:
    live = Live(tmp_path)
    live.start()
    try:
        own = {"SLACK_API_URL": live.playground.api_url, "VERLBOT_DATA_DIR": str(live.data_dir)}
        tokens = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN, "VERLBOT_DOCTOR_SECONDS": "90"}
        ran = subprocess.run(
            [sys.executable, "-m", "bot", "doctor", "--json"],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **own, **tokens},
            capture_output=True,
            text=True,
            check=False,
        )
        found = {one["subject"]: one for one in json.loads(ran.stdout)["findings"]}
        assert (ran.returncode, found["bot"]["status"]) == (0, "ok"), ran.stdout
        assert "it runs" in found["store"]["result"]
        assert "1 more open" in found["Slack connection"]["result"]
        live.ana.says("/verl help")
        live.ana.can_see("/verl launch")
    finally:
        live.stop()
