"""The parts that are made of the settings alone."""

import pytest

from bot.bootstrap.providers import build_secret_filter
from bot.config.settings import Settings


@pytest.mark.parametrize(
    ("variable", "value", "secret"),
    [
        pytest.param(
            "OTEL_EXPORTER_OTLP_HEADERS", "x-team=maths,authorization=Bearer%20abcd", "abcd", id="a short token"
        ),
        pytest.param("OTEL_EXPORTER_OTLP_HEADERS", "x-one=blue%2Dsky%2D99", "blue-sky-99", id="a header"),
        pytest.param(
            "REDIS_URL", "rediss://db:1/0?ssl_password=blue-sky-99", "blue-sky-99", id="the password of a key"
        ),
    ],
)
def test_the_bot_masks_what_its_own_settings_hold(variable: str, value: str, secret: str) -> None:
    settings, _ = Settings.examine({variable: value})
    assert build_secret_filter(settings).mask(f"maths of {secret}") == "maths of …(masked)"
