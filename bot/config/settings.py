"""Settings: the only reader of the environment. Every problem is reported, not just the first."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Self

from bot.config.compute_settings import ComputeSettings
from bot.config.slack_settings import setting
from bot.config.validators import choice_parser, parse_positive
from bot.errors import UserError

SECRET_NAME_PATTERN = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|COOKIE|WEBHOOK|DSN", re.IGNORECASE)
"""Parts of the names of variables whose values are secret."""

STORE_VARIABLES = ("REDIS_PASSWORD", "REDISCLI_AUTH")
"""Variables from which compose and Kubernetes make REDIS_URL: no recipe may name them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(ComputeSettings):
    """Settings of a bot. Each field is an environment variable; docs/settings.md is made from this class."""

    doctor_seconds: float = setting(
        "VERLBOT_DOCTOR_SECONDS", "Timeout for one check of `verlbot doctor`, in seconds.", 30.0, parse_positive
    )
    log_level: str = setting(
        "VERLBOT_LOG_LEVEL",
        "Level of the bot's own log: `DEBUG`, `INFO`, `WARNING` or `ERROR`.",
        "INFO",
        choice_parser("DEBUG", "INFO", "WARNING", "ERROR"),
    )
    log_format: str = setting(
        "VERLBOT_LOG_FORMAT",
        "Form of the bot's own log: `text`, or `json` for lines of JSON (docs/monitoring.md).",
        "text",
        choice_parser("text", "json"),
    )
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The rest of the environment, for the secrets that recipes name; the bot's own settings are not for runs."""

    @property
    def own_secrets(self) -> list[str]:
        """Return every value of a setting that is, or may hold, a secret."""
        secret_names = (setting_field.name for setting_field in fields(self) if setting_field.metadata.get("secret"))
        return [value for name in secret_names if (value := getattr(self, name))]

    @property
    def sky_environment(self) -> Mapping[str, str]:
        """Return the environment of SkyPilot's client, without the bot's own tokens."""
        own = {
            "SKYPILOT_API_SERVER_ENDPOINT": self.sky_endpoint,
            "SKYPILOT_SERVICE_ACCOUNT_TOKEN": self.sky_token,
            "SKYPILOT_DISABLE_LOCAL_API_SERVER": "" if self.sky_start_server else "1",
            "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
        }
        return {**self.secrets, **{name: value for name, value in own.items() if value}}

    @classmethod
    def find_secret_variables(cls, environment: Mapping[str, str]) -> set[str]:
        """Return the names of variables that hold secrets: the bot's own, and those whose names indicate one."""
        variables = {
            str(setting_field.metadata["variable"])
            for setting_field in fields(cls)
            if setting_field.metadata.get("secret")
        }
        return {name for name in environment if name in variables or SECRET_NAME_PATTERN.search(name)}

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings of an environment.

        Raises:
            UserError: something is missing or wrong; the message names all of it.
        """
        settings, problems = cls.examine(environment)
        if problems:
            raise UserError("\n".join(problems.values()), "")
        return settings

    @classmethod
    def examine(cls, environment: Mapping[str, str]) -> tuple[Self, dict[str, str]]:
        """Return the settings as far as they can be read, and the problems.

        The problems are sentences about what is missing or wrong, by variable.
        """
        values, problems = {}, {}
        fields_by_variable = {
            str(setting_field.metadata["variable"]): setting_field
            for setting_field in fields(cls)
            if setting_field.metadata
        }
        for variable, setting_field in fields_by_variable.items():
            text = environment.get(variable, "").strip()
            if text:
                try:
                    values[setting_field.name] = setting_field.metadata["read"](text)
                except ValueError as error:
                    # A secret's value must not appear in an error message.
                    shown = "its present value" if setting_field.metadata["secret"] else f"`{text}`"
                    problems[variable] = f"{variable} must be {error}, not {shown}."
        others = {
            name: text for name, text in environment.items() if name not in (*fields_by_variable, *STORE_VARIABLES)
        }
        settings = cls(**values, secrets=others)
        return settings, {**settings.find_missing(), **problems}
