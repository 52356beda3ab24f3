"""The pages of this folder that are made from the code: `make docs` writes them, a test compares them."""

from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import architecture_page
import findings_page
import roles_page
import threats_page

from bot.config.settings import Settings
from bot.core.commands.specs import COMMAND_SPECS
from bot.slack.manifest import SCOPES

HERE = Path(__file__).parent


def table(*rows: tuple[str, ...]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def commands() -> str:
    rows = [(f"`/verl {form.usage}`", form.meaning, f"`/verl {form.example}`") for form in COMMAND_SPECS.values()]
    return f"""# Commands

Type them after `/verl`, or after a mention of the bot. Made from `bot/core/commands/specs.py` by `make docs`.

{table(("command", "what it does", "example"), *rows)}

Values with blanks are put in quotes, straight or curly; a long dash is taken for `--`. A command may have several
lines: between words a line may end, with a backslash or without. Within a word no line ends and no tab is allowed. The
bot refuses invisible characters: control characters, those that turn the text around them, those without a width. The
refusal names the character, such as `U+202E right-to-left override`.
"""


def slack_scopes() -> str:
    rows = [(f"`{scope}`", reason) for scope, reason in SCOPES.items()]
    return f"""# Scopes of the Slack app

What the app asks Slack for, and what for. Made from `bot/slack/manifest.py` by `make docs`.

{table(("scope", "what for"), *rows)}

The app-level token needs `connections:write`, to open the connection of Socket Mode.
"""


def settings() -> str:
    known = [one for one in fields(Settings) if one.metadata]
    rows = [(f"`{one.metadata['variable']}`", shown_default(one), str(one.metadata["meaning"])) for one in known]
    return f"""# Settings

Environment variables of `verlbot run`. Made from the classes of settings in `bot/config` by `make docs`.

{table(("variable", "default", "meaning"), *rows)}
"""


def shown_default(one: Field[Any]) -> str:
    if one.default is MISSING:
        return {"data_dir": "`~/.verlbot`", "recipes_dir": "those that came with it"}[one.name]
    if one.default in ("", None):
        return ""
    if isinstance(one.default, tuple):
        return f"`{','.join(one.default)}`"
    return f"`{str(one.default).lower() if isinstance(one.default, bool) else one.default}`"


def roles() -> str:
    return roles_page.page(table)


def threats() -> str:
    return threats_page.page(table)


def findings() -> str:
    return findings_page.page(table)


PAGES = {
    "architecture.md": architecture_page.page,
    "settings.md": settings,
    "commands.md": commands,
    "findings.md": findings,
    "slack-scopes.md": slack_scopes,
    "roles.md": roles,
    "threats.md": threats,
}


def main() -> None:
    for name, page in PAGES.items():
        (HERE / name).write_text(page())


if __name__ == "__main__":
    main()
