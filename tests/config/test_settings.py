from pathlib import Path

import pytest

from bot.config.settings import Settings
from bot.errors import UserError

TOKENS = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}


def test_tokens_are_all_that_must_be_set() -> None:
    found = Settings.read(TOKENS)
    assert (found.slack_mode, found.http_host, found.redis_url) == ("socket", "127.0.0.1", "")
    assert found.recipes_dir.name == "recipes"


def test_every_problem_is_reported_at_once() -> None:
    wrong = {"SLACK_BOT_TOKEN": "xoxp-secret", "VERLBOT_TICK_SECONDS": "soon", "VERLBOT_SLACK_MODE": "pigeon"}
    with pytest.raises(UserError) as refusal:
        Settings.read(wrong)
    said = str(refusal.value)
    assert "SLACK_BOT_TOKEN must be a Slack token that begins with xoxb-" in said
    assert "VERLBOT_TICK_SECONDS must be a number above 0, not `soon`." in said
    assert "VERLBOT_SLACK_MODE must be socket or http, not `pigeon`." in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        pytest.param({}, ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"], id="Socket Mode"),
        pytest.param({"VERLBOT_SLACK_MODE": "http"}, ["SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"], id="HTTP mode"),
    ],
)
def test_what_is_missing_is_named_with_what_it_is_for(environment: dict[str, str], missing: list[str]) -> None:
    with pytest.raises(UserError) as refusal:
        Settings.read(environment)
    for variable in missing:
        assert f"{variable} is not set." in str(refusal.value)


def test_what_is_set_counts() -> None:
    found = Settings.read(
        {**TOKENS, "VERLBOT_DATA_DIR": "/data", "VERLBOT_TICK_SECONDS": "2.5", "VERLBOT_HTTP_PORT": "7"}
    )
    assert (found.data_dir, found.tick_seconds, found.http_port) == (Path("/data"), 2.5, 7)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "1e3", "", " "])
def test_a_number_that_makes_no_sense_is_refused_or_not_set(text: str) -> None:
    environment = {**TOKENS, "VERLBOT_TICK_SECONDS": text}
    if text.strip():
        with pytest.raises(UserError, match="a number above 0"):
            Settings.read(environment)
    else:
        assert Settings.read(environment).tick_seconds == 15


def test_a_service_accounts_token_is_a_web_token_behind_skypilots_prefix() -> None:
    token = "sky_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.a_b-c"
    assert Settings.read({**TOKENS, "SKYPILOT_SERVICE_ACCOUNT_TOKEN": token}).sky_token == token
    with pytest.raises(UserError, match="SkyPilot service-account token"):
        Settings.read({**TOKENS, "SKYPILOT_SERVICE_ACCOUNT_TOKEN": "xoxb-1"})


@pytest.mark.parametrize("url", ["redis://:pass/word@host:6379/0", "redis://:[word@host:6379/0", "host:6379"])
def test_an_address_whose_password_hides_its_host_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(UserError, match="percent-encoded") as refusal:
        Settings.read({**TOKENS, "REDIS_URL": url})
    assert "word" not in str(refusal.value).replace("password", "")


def test_recipes_get_no_secret_that_sets_up_the_bot() -> None:
    found = Settings.read({**TOKENS, "REDIS_URL": "redis://:password@x", "WANDB_API_KEY": "key"})
    assert dict(found.secrets) == {"WANDB_API_KEY": "key"}
    assert "key" not in repr(found)


@pytest.mark.parametrize(
    ("environment", "refused"),
    [
        pytest.param({}, True, id="a real Slack"),
        pytest.param({"VERLBOT_COMPUTE": "local"}, True, id="asked for"),
        pytest.param({"SLACK_API_URL": "http://10.0.0.9/api/"}, True, id="another machine's"),
        pytest.param({"SLACK_API_URL": "http://127.0.0.1.example.org/api/"}, True, id="only named like this machine"),
        pytest.param({"SLACK_API_URL": "http://127.0.0.1@slack.com/api/"}, True, id="this machine as a user's name"),
        pytest.param({"SLACK_API_URL": "http://127.0.0.1:8765/api/"}, False, id="the demo's"),
        pytest.param({"SLACK_API_URL": "http://[::1]:8765/api/"}, False, id="the demo's, by IPv6"),
        pytest.param({"SLACK_API_URL": "http://localhost:8765/api/"}, False, id="the demo's, by name"),
        pytest.param({"VERLBOT_LOCAL_WITH_SLACK": "true"}, False, id="allowed"),
        pytest.param({"SKYPILOT_API_SERVER_ENDPOINT": "https://sky.example.org"}, False, id="SkyPilot's machines"),
    ],
)
def test_local_runs_beside_a_real_slack_are_refused_unless_a_setting_allows_them(
    environment: dict[str, str], refused: bool
) -> None:
    assert bool(Settings.read(TOKENS | environment).local_compute_refusal) is refused


@pytest.mark.parametrize(
    ("environment", "needed"),
    [
        pytest.param({}, False, id="no port"),
        pytest.param({"VERLBOT_ADMIN_POLICY_PORT": "8085"}, False, id="on loopback"),
        pytest.param({"VERLBOT_ADMIN_POLICY_PORT": "8085", "VERLBOT_ADMIN_POLICY_HOST": "0.0.0.0"}, True, id="open"),
        pytest.param(
            {
                "VERLBOT_ADMIN_POLICY_PORT": "8085",
                "VERLBOT_ADMIN_POLICY_HOST": "0.0.0.0",
                "VERLBOT_ADMIN_POLICY_SECRET": "s" * 16,
            },
            False,
            id="with a secret",
        ),
    ],
)
def test_an_open_port_of_the_admin_policy_needs_a_secret(environment: dict[str, str], needed: bool) -> None:
    assert Settings.read(TOKENS | environment).needs_admin_policy_secret is needed


@pytest.mark.parametrize("secret", ["short", "with/a/slash/in/it", "ünïversal-ünïversal"])
def test_a_secret_that_no_address_can_hold_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(UserError, match="VERLBOT_ADMIN_POLICY_SECRET must be at least 16 letters") as refusal:
        Settings.read(TOKENS | {"VERLBOT_ADMIN_POLICY_SECRET": secret})
    assert secret not in str(refusal.value)


def test_what_may_be_a_secret_is_taken_from_the_environment_and_no_more() -> None:
    private = {"SLACK_BOT_TOKEN", "REDIS_URL", "HF_TOKEN", "AWS_ACCESS_KEY_ID", "db_password", "GIT_CREDENTIALS"}
    others = {"PATH", "HOME", "HTTPS_PROXY", "SSL_CERT_FILE", "VERLBOT_DATA_DIR", "SLACK_API_URL"}
    assert Settings.find_secret_variables(dict.fromkeys(private | others, "x")) == private
