"""How fast one may talk: turns go round by channel, none is lost, and none waits for who does not come."""

from datetime import timedelta

from bot.core.model.token_bucket import FairTokenBucket
from tests.builders import NOON


def spans(bucket: FairTokenBucket, busy: int, quiet_comes: int, seconds: int) -> list[str]:
    """Who has a turn, in order: many of one group from the beginning, one of another from a moment on."""
    waiting = {f"b{number}": "busy" for number in range(busy)}
    asks = dict.fromkeys(waiting, NOON)
    served: list[str] = []
    for second in range(seconds):
        now = NOON + timedelta(seconds=second)
        if second == quiet_comes:
            asks["quiet"], waiting["quiet"] = now, "quiet"
        for who in sorted((who for who, at in asks.items() if at <= now), key=asks.__getitem__):
            if wait := bucket.acquire(who, waiting[who], now):
                asks[who] = now + wait
            else:
                served.append(who)
                del asks[who]
    return served


def test_however_many_wait_in_one_group_another_has_its_turn_soon() -> None:
    served = spans(FairTokenBucket(per_second=1, capacity=1), busy=50, quiet_comes=5, seconds=30)
    assert served.index("quiet") <= 8
    assert len(served) >= 29, "no turn is lost"


def test_who_does_not_come_for_a_turn_holds_up_nobody() -> None:
    bucket = FairTokenBucket(per_second=1, capacity=1)
    assert bucket.acquire("a", "x", NOON) == timedelta()
    assert bucket.acquire("gone", "x", NOON) == timedelta(seconds=1)
    assert bucket.acquire("b", "x", NOON) == timedelta(seconds=2)
    later = NOON + timedelta(seconds=30)
    assert bucket.acquire("b", "x", later) == timedelta()
    assert list(bucket.waiting) in ([], ["x"])


def test_what_was_saved_up_goes_at_once_whatever_the_group() -> None:
    bucket = FairTokenBucket(per_second=1, capacity=3)
    assert [bucket.acquire(who, who, NOON).seconds for who in ("a", "b", "c", "d")] == [0, 0, 0, 1]
