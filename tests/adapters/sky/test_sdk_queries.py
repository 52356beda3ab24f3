"""What SkyPilot's server says of itself."""

import pytest

from bot.adapters.sky.sdk_queries import parse_health


@pytest.mark.parametrize(
    ("said", "status", "user"),
    [
        pytest.param(
            {"status": "healthy", "version": "0.14.1", "user": {"id": "9", "name": "ana"}}, "healthy", "ana", id="named"
        ),
        pytest.param(
            {"status": "healthy", "version": "0.14.1", "user": {"id": "9", "name": None}}, "healthy", "9", id="unnamed"
        ),
        pytest.param({"status": "healthy", "version": "0.14.1", "user": None}, "healthy", "", id="no user"),
        pytest.param({"status": "ok"}, "", "", id="another server's health"),
    ],
)
def test_how_a_servers_health_is_read(said: dict[str, object], status: str, user: str) -> None:
    found = parse_health("http://x", 200, said)
    assert (found.status, found.user) == (status, user)
