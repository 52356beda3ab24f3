"""The systemd unit in `deploy/`: its keys are systemd's, and what it starts is a command of the bot."""

import re
import shlex
from pathlib import Path

from bot.__main__ import ACTIONS
from bot.cli.command_line import build_parser

UNIT = Path(__file__).parents[1] / "deploy" / "systemd" / "verlbot.service"

KNOWN_KEYS = {
    "Unit": {"Description", "Wants", "After", "StartLimitIntervalSec"},
    "Service": {
        *("Type", "User", "Group", "EnvironmentFile", "Environment", "ExecStart", "Restart", "RestartSec"),
        *("KillSignal", "TimeoutStopSec", "StateDirectory", "StateDirectoryMode", "ConfigurationDirectory", "UMask"),
        *("NoNewPrivileges", "PrivateTmp", "ProtectSystem", "ProtectHome", "ProtectKernelTunables"),
        *("ProtectKernelModules", "ProtectControlGroups", "RestrictSUIDSGID", "LockPersonality"),
    },
    "Install": {"WantedBy"},
}
"""The keys that the unit may use, by section (systemd.unit, systemd.service and systemd.exec, version 252)."""


def read_unit() -> dict[str, dict[str, str]]:
    """Return the settings of each section."""
    sections: dict[str, dict[str, str]] = {}
    section = ""
    for line in UNIT.read_text().splitlines():
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            section = heading[1]
            sections[section] = {}
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, line
            assert value, line
            sections[section][key] = value
    return sections


def test_the_unit_uses_only_keys_that_systemd_knows_in_that_section() -> None:
    unit = read_unit()
    assert set(unit) == set(KNOWN_KEYS)
    for section, settings in unit.items():
        assert set(settings) <= KNOWN_KEYS[section]


def test_the_unit_starts_a_command_of_the_bot_and_keeps_its_data_where_it_may_write() -> None:
    service = read_unit()["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert program.endswith("/bin/verlbot")
    assert build_parser(ACTIONS).parse_args(words).action is ACTIONS["run"]
    assert service["Environment"] == f"VERLBOT_DATA_DIR=/var/lib/{service['StateDirectory']}"
    assert service["Restart"] == "always"
