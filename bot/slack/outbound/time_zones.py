"""The time zones of people, as Slack has them."""

import logging

from slack_sdk import WebClient

from bot.app.report_service import canonical_name
from bot.errors import UserError
from bot.slack.outbound.web_client import SlackRateLimited, SlackRejected, SlackUncertain, classify_slack_errors

log = logging.getLogger(__name__)


def find_time_zone(client: WebClient, user: str) -> str | None:
    """Return a person's time zone in Slack; None where Slack does not give one."""
    try:
        with classify_slack_errors():
            response = client.users_info(user=user)
        zone = (response.get("user") or {}).get("tz")
        return canonical_name(str(zone)) if zone else None
    except (SlackRejected, SlackRateLimited, SlackUncertain) as error:
        log.warning("Slack does not tell the time zone of %s: %s", user, error)
    except UserError as error:
        log.warning("Slack has an unknown time zone of %s: %s", user, error)
    return None
