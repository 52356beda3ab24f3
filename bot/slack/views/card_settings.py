"""The settings on a run's card that tell it from other runs of its recipe. Pure."""

from bot.core.model.recipe import NAME, RESUME, WHY
from bot.core.model.run import Run
from bot.core.rules.relaunch import collect_settings
from bot.slack.views.mrkdwn import Markup, code, render_phrase, render_plural

LIMIT_SETTINGS = {"budget", "lease", NAME.name, WHY.name, RESUME.name}
"""Settings that the card shows elsewhere."""

MAX_CARD_SETTINGS, MAX_SETTING_CHARACTERS = 4, 40
"""Maximum settings on the card's last line, and maximum characters of each."""


def list_card_settings(run: Run) -> list[Markup]:
    """Return the settings that differ from the recipe's, the first few of them."""
    settings = [(name, value) for name, value in collect_settings(run).items() if name not in LIMIT_SETTINGS]
    shown = [
        code(f"{name}={value}", MAX_SETTING_CHARACTERS) for name, value in settings[1 : MAX_CARD_SETTINGS + 1]
    ]  # the first is the recipe
    more = len(settings) - 1 - MAX_CARD_SETTINGS
    recipe = render_phrase("recipe {recipe}", recipe=code(run.recipe))
    return [
        recipe,
        *shown,
        *([render_plural("{count} more setting", "{count} more settings", more)] if more > 0 else []),
    ]


def describe_origin(run: Run) -> Markup:
    """Return from which run this one resumed; empty where it began at step 0."""
    origin = collect_settings(run).get(RESUME.name)
    return render_phrase("resumed from {run}", run=code(origin)) if origin else Markup()
