"""What Slack lets an app do: its slash commands, scopes and events, as its manifest says."""

from dataclasses import dataclass

from slack_playground.workspace import Json

SCOPES = frozenset(
    {
        "app_mentions:read",
        "channels:history",
        "channels:read",
        "chat:write",
        "chat:write.public",
        "commands",
        "files:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:read",
        "im:write",
        "usergroups:read",
        "users:read",
    }
)
"""What an app without a manifest was given when it was installed."""

EVENTS = frozenset({"app_home_opened", "app_mention"})
"""What an app without a manifest hears of."""


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """One command.

    Attributes:
        url: where it is delivered in HTTP mode.
        should_escape: whether people and channels in its words arrive as ids.
    """

    command: str
    description: str = ""
    usage_hint: str = ""
    url: str = ""
    should_escape: bool = False


@dataclass(frozen=True, slots=True)
class App:
    """An app as it was installed.

    Attributes:
        commands: by their names; None lets people type any.
        events_url, interactivity_url: where these are delivered in HTTP mode.
    """

    commands: dict[str, SlashCommand] | None = None
    scopes: frozenset[str] = SCOPES
    events: frozenset[str] = EVENTS
    is_interactive: bool = True
    socket_mode: bool = True
    events_url: str = ""
    interactivity_url: str = ""
    home_tab: bool = True
    messages_tab: bool = True
    can_be_written_to: bool = True

    @classmethod
    def of(cls, manifest: Json) -> "App":
        """The app of a manifest (docs.slack.dev, app manifest reference); what it leaves out is off, as in Slack."""
        features, settings = manifest.get("features") or {}, manifest.get("settings") or {}
        home = features.get("app_home") or {}
        events = settings.get("event_subscriptions") or {}
        interactivity = settings.get("interactivity") or {}
        commands = [slash_command(one) for one in features.get("slash_commands") or []]
        scopes = ((manifest.get("oauth_config") or {}).get("scopes") or {}).get("bot") or []
        return cls(
            commands={one.command: one for one in commands},
            scopes=frozenset(scopes),
            events=frozenset(events.get("bot_events") or []),
            is_interactive=bool(interactivity.get("is_enabled")),
            socket_mode=bool(settings.get("socket_mode_enabled")),
            events_url=str(events.get("request_url") or ""),
            interactivity_url=str(interactivity.get("request_url") or ""),
            home_tab=bool(home.get("home_tab_enabled")),
            messages_tab=bool(home.get("messages_tab_enabled")),
            can_be_written_to=not home.get("messages_tab_read_only_enabled"),
        )

    def command(self, name: str) -> SlashCommand | None:
        """The command that a person typed; None where the app has none of this name."""
        if self.commands is None:
            return SlashCommand(name, should_escape=True)
        return self.commands.get(name)

    def url_of(self, kind: str, payload: Json) -> str:
        """Where a delivery goes in HTTP mode; empty where the manifest names no place."""
        match kind:
            case "slash_commands":
                command = self.command(payload["command"])
                return command.url if command else ""
            case "events_api":
                return self.events_url
            case _:
                return self.interactivity_url


def slash_command(found: Json) -> SlashCommand:
    return SlashCommand(
        command=str(found["command"]),
        description=str(found.get("description") or ""),
        usage_hint=str(found.get("usage_hint") or ""),
        url=str(found.get("url") or ""),
        should_escape=bool(found.get("should_escape")),
    )
