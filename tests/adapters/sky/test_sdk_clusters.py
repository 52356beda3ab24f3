"""Clusters through SkyPilot's SDK."""

from bot.adapters.sky.sdk_clusters import remove_skypilot_lines


def test_what_skypilot_says_to_its_client_is_no_line_of_the_job() -> None:
    text = '<sky-payload>"<heartbeat></heartbeat>"</sky-payload>\n(head, pid=1) <sky-payload>\n'
    assert remove_skypilot_lines(text) == "(head, pid=1) <sky-payload>\n"
