"""Three hundred runs that launch and end at once: what matters most comes first, within what Slack takes."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bot.core.model.sent_message import SentMessage
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.outbox_limits import OutboxLimits
from bot.slack.views.message import Message
from bot.slack.views.mrkdwn import Markup
from tests.builders import NOON
from tests.story import TRAINING

RUNS = 300
RECHECK = timedelta(seconds=60)


class Record:
    """Stores nothing."""

    def begin(self, sent: object) -> bool:
        return True

    def confirm(self, sent: object, channel: str) -> None: ...

    def withdraw(self, keys: object) -> None: ...

    def await_repeat(self, key: str, since: object) -> None: ...

    def redirect(self, user: str, edited_keys: object) -> None: ...


def message(key: str, broadcast: bool = False) -> Message:
    return Message(key, Markup(key), (), broadcast=broadcast, is_edited=key == "card")


CARD, REPLY, END = message("card"), message("launching"), message("ended", broadcast=True)


def conversation(number: int) -> Conversation:
    sent = {"card": SentMessage("1.0", "", "", NOON)}
    return Conversation(name=f"run {number}", identity={}, channel=TRAINING, desired=[CARD], sent=sent, record=Record())


class Day:
    """Time passes by seconds. Each caller asks again when it was told to, and at least once a minute."""

    def __init__(self) -> None:
        self.now = NOON
        self.limits = OutboxLimits(lambda: self.now)
        self.due: dict[str, tuple[datetime, Callable[[], timedelta]]] = {}
        self.done: dict[str, float] = {}

    def add(self, name: str, ask: Callable[[], timedelta]) -> None:
        self.due[name] = self.now, ask

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            for name, (at, ask) in sorted(self.due.items(), key=lambda one: one[1][0]):
                if at <= self.now:
                    if wait := ask():
                        self.due[name] = self.now + min(wait, RECHECK), ask
                    else:
                        del self.due[name]
                        self.done[name] = (self.now - NOON).total_seconds()
            self.now += timedelta(seconds=1)

    def post(self, number: int, what: Message) -> None:
        self.add(f"{what.key} {number}", lambda: self.limits.acquire_turn(conversation(number), [what]))

    def edit(self, number: int, is_urgent: bool) -> None:
        self.add(f"edit {number}", lambda: self.limits.acquire_edit(conversation(number), is_urgent))


@pytest.mark.parametrize(("what", "seconds"), [(END, 5), (CARD, 5), (REPLY, 290)], ids=["an end", "a card", "a reply"])
def test_what_the_channel_is_to_hear_comes_before_the_replies_of_others(what: Message, seconds: int) -> None:
    day = Day()
    for number in range(RUNS):
        day.post(number, REPLY)
    day.pass_time(10)
    day.post(RUNS, what)
    day.pass_time(RUNS + 30)
    assert len(day.done) == RUNS + 1
    waited = day.done[f"{what.key} {RUNS}"] - 10
    assert waited <= seconds if what is not REPLY else waited >= seconds - 5


def test_a_run_that_ends_while_its_reply_waits_is_more_important_from_then_on() -> None:
    day = Day()
    for number in range(RUNS):
        day.post(number, REPLY)
    day.pass_time(10)
    day.post(RUNS - 1, END)
    day.pass_time(10)
    assert f"ended {RUNS - 1}" in day.done


def test_all_posts_come_at_the_rate_that_slack_takes() -> None:
    day = Day()
    for number in range(RUNS):
        day.post(number, [CARD, REPLY, END][number % 3])
    day.pass_time(RUNS + 30)
    assert len(day.done) == RUNS
    assert max(day.done.values()) == pytest.approx(RUNS, abs=20)
    order = sorted(day.done, key=lambda name: day.done[name])
    assert [name.split()[0] for name in order[5:90]] == ["ended"] * 85


def test_the_cards_of_three_hundred_ends_are_right_within_eight_minutes() -> None:
    day = Day()
    for number in range(RUNS):
        day.edit(number, is_urgent=True)
        day.edit(RUNS + number, is_urgent=False)
    day.pass_time(8 * 60)
    assert sum(int(name.split()[1]) < RUNS for name in day.done) >= RUNS - 10
    for minute in range(8):
        in_minute = sum(60 * minute <= at < 60 * (minute + 1) for at in day.done.values())
        assert in_minute <= 50
