"""For how long the oldest message waits."""

from bot.slack.outbound.outbox_lag import FORGET_AFTER_SECONDS, OutboxLag


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_oldest_record_counts_until_slack_shows_all_of_it() -> None:
    seconds = Seconds()
    lag = OutboxLag(seconds)
    assert lag.measure_seconds() == 0
    lag.begin("run a")
    seconds.now = 5
    lag.begin("run b")
    lag.begin("run a")  # it is tried again, and still waits since its first time
    seconds.now = 8
    assert lag.measure_seconds() == 8
    lag.end("run a")
    assert lag.measure_seconds() == 3
    lag.end("run b")
    lag.end("run b")
    assert lag.measure_seconds() == 0


def test_a_record_that_is_never_tried_again_is_forgotten() -> None:
    seconds = Seconds()
    lag = OutboxLag(seconds)
    lag.begin("notice x")
    seconds.now = FORGET_AFTER_SECONDS - 1
    assert lag.measure_seconds() == FORGET_AFTER_SECONDS - 1
    seconds.now += 1
    assert lag.measure_seconds() == 0


def test_what_another_leader_has_sent_meanwhile_does_not_count_after_a_return() -> None:
    seconds, is_leading = Seconds(), [True]
    lag = OutboxLag(seconds, lambda: is_leading[0])
    lag.begin("run a")
    is_leading[0], seconds.now = False, 60
    assert lag.measure_seconds() == 0
    is_leading[0] = True
    assert lag.measure_seconds() == 0
    lag.begin("run a")
    seconds.now = 65
    assert lag.measure_seconds() == 5
