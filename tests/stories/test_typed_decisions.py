"""Approvals and refusals in the thread of a launch, in people's own words: understood, or told what to type."""

from dataclasses import replace

import pytest

from tests.story import BEN, OPEN, TRAINING, Bot


@pytest.fixture
def waiting(bot: Bot) -> Bot:
    """A bot with three launches that need approval."""
    bot.policy = replace(OPEN, approve_above_dollars=3)
    for name in ("one", "second", "seed"):
        bot.say(f"launch ppo name={name}")
        bot.ticks(2)
    return bot


def write(bot: Bot, text: str, run: str = "ppo-0001") -> str:
    """Write a line in a run's thread, as Ben; what Ben alone is answered."""
    bot.mention(text, user=BEN, thread_ts=bot.run(run).messages.sent["card"].ts)
    bot.tick()
    messages = bot.slack.get("messages", user=BEN, channel=TRAINING)["messages"]
    return " ".join(str(message["text"]) for message in messages if message["only_for"] == BEN)


def list_decisions(bot: Bot) -> dict[str, tuple[bool, str]]:
    """The decided launches: whether they were approved, and the note."""
    approvals = {run_id: bot.run(run_id).approval for run_id in ("ppo-0001", "ppo-0002", "ppo-0003")}
    return {run_id: (one.granted, one.note) for run_id, one in approvals.items() if one and one.by}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("decline, too expensive", "too expensive"),
        ("decline too expensive, and too long", "too expensive, and too long"),
        ("decline — not this month, sorry", "not this month, sorry"),
        ("decline <@U0ANA|ana> uses a smaller one", "@ana uses a smaller one"),
        ("decline ppo is too big for this", "ppo is too big for this"),
        ("驳回 太贵了", "太贵了"),
        ("decline please", "please"),
    ],
)
def test_words_behind_decline_are_the_reason(waiting: Bot, text: str, reason: str) -> None:
    write(waiting, text)
    (granted, note) = list_decisions(waiting)["ppo-0001"]
    assert not granted
    assert note.removeprefix("— ") == reason
    assert f"Reason: {note}" in waiting.card("ppo-0001")


@pytest.mark.parametrize("named", ["second", "ppo-0002", "0002"])
def test_another_run_in_the_thread_is_that_run(waiting: Bot, named: str) -> None:
    write(waiting, f"decline {named} too big")
    assert list_decisions(waiting) == {"ppo-0002": (False, "too big")}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("decline secnod dear", "Did you mean `second`? To decline `ppo-0001` for this reason, type `/verl decline"),
        ("decline ppo-0009 too big", "There is no run `ppo-0009`"),
        ("approve please", "`/verl approve ppo-0001`; with a note, `/verl approve ppo-0001 note=please`"),
        ("approve not yet", '`/verl approve ppo-0001`; with a note, `/verl approve ppo-0001 note="not yet"`'),
        ("approve — looks fine, thanks", '`/verl approve ppo-0001 note="looks fine, thanks"`'),
        ("approve secnod", "Did you mean `second`?"),
        ("looks good, approve", "The command comes first, as in `/verl approve ppo-0001`."),
        ("ok", "Did you mean `approve`?"),
        ("approve?", "To do it, type `/verl approve ppo-0001`."),
    ],
)
def test_what_may_mean_another_thing_decides_nothing_and_is_answered(waiting: Bot, text: str, says: str) -> None:
    assert says in write(waiting, text)
    assert list_decisions(waiting) == {}


def test_what_the_answer_shows_works(waiting: Bot) -> None:
    waiting.say('approve ppo-0001 note="looks fine, thanks"', user=BEN)
    waiting.say("decline ppo-0002 secnod dear", user=BEN)
    assert list_decisions(waiting) == {"ppo-0001": (True, "looks fine, thanks"), "ppo-0002": (False, "secnod dear")}
