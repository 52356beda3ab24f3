"""The origin of a request lasts as long as its delivery."""

from bot.runtime.request_origin import get_origin
from tests.story import Bot


def test_an_origin_ends_with_its_delivery(bot: Bot) -> None:
    bot.say("launch smoke")
    assert get_origin() is None
