"""Rich text: what the composer makes, and what apps may (docs.slack.dev, rich text block)."""

from collections.abc import Mapping

from slack_playground.checks.objects import IDENTIFIER, URL
from slack_playground.checks.rules import Rule, anything, flag, items, kinds, one_of, record, string, whole

LONG = 100_000
"""Characters and items for which Slack names no limit of their own; a message's all together have one."""

STYLE = record(
    {},
    dict.fromkeys(("bold", "italic", "strike", "underline", "code", "highlight", "client_highlight", "unlink"), flag),
)
STYLED: Mapping[str, Rule] = {"style": STYLE}

INLINE = kinds(
    {
        "text": record({"text": string(LONG)}, STYLED),
        "link": record({"url": URL}, {**STYLED, "text": string(LONG), "unsafe": flag}),
        "emoji": record(
            {"name": string(255)}, {**STYLED, "unicode": string(255), "skin_tone": whole(1, 6), "url": URL}
        ),
        "user": record({"user_id": string(255)}, STYLED),
        "usergroup": record({"usergroup_id": string(255)}, STYLED),
        "channel": record({"channel_id": string(255)}, STYLED),
        "team": record({"team_id": string(255)}, STYLED),
        "broadcast": record({"range": one_of("here", "channel", "everyone")}, STYLED),
        "color": record({"value": string(255)}, STYLED),
        "date": record(
            {"timestamp": whole(0), "format": string(LONG)}, {**STYLED, "url": URL, "fallback": string(LONG)}
        ),
    }
)

SECTION = record({"elements": items(INLINE, LONG)}, {})
BORDER = whole(0, 1)

RICH_TEXT = kinds(
    {
        "rich_text": record(
            {
                "elements": items(
                    kinds(
                        {
                            "rich_text_section": SECTION,
                            "rich_text_list": record(
                                {
                                    "style": one_of("bullet", "ordered"),
                                    "elements": items(kinds({"rich_text_section": SECTION}), LONG),
                                },
                                {"indent": whole(0, 8), "offset": whole(0), "border": BORDER},
                            ),
                            "rich_text_preformatted": record(
                                {"elements": items(INLINE, LONG)}, {"border": BORDER, "language": anything}
                            ),
                            "rich_text_quote": record({"elements": items(INLINE, LONG)}, {"border": BORDER}),
                        }
                    ),
                    LONG,
                )
            },
            {"block_id": IDENTIFIER},
        )
    }
)
