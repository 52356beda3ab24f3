"""A clock that is set: no tick waits for the old time, no lease moves, the sign of life tells the truth."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from bot.__main__ import main
from bot.adapters.redis.redis_store import RedisStore
from bot.app import process_health
from bot.app.operator_notices import Announcer
from bot.app.process_health import Clock, read_clocks
from bot.app.scheduler import Scheduler
from bot.bootstrap.container import build
from bot.config.settings import Settings
from bot.core.model.bot_clock import ClockReading, Timeline
from bot.core.model.money import Bill, Rate
from bot.core.model.people import create_trusted_actor
from bot.core.model.run_state import Reason
from bot.slack.outbound.clock_watch import ClockWatch
from slack_playground.client import Person, PlaygroundClient
from slack_playground.server import Playground
from slack_playground.slack import APP_TOKEN, BOT_TOKEN
from tests.builders import NOON
from tests.doubles.cloud import FakeCloud
from tests.story import ANA, RANDOM, Bot, changed
from tests.waiting import SECONDS, eventually

OPS = RANDOM
HOUR = 3600.0


@dataclass
class Machine:
    """The clocks of a machine, and Slack's, which tells no time where it is None."""

    elapsed: float = 50.0
    wall: float = NOON.timestamp()
    slack: float | None = None
    boot: str = "a"

    def read(self) -> ClockReading:
        return ClockReading(self.wall, self.elapsed, self.boot)

    def ask_slack(self) -> float | None:
        return self.slack

    def passes(self, seconds: float) -> None:
        self.elapsed += seconds
        self.wall += seconds
        self.slack = self.slack and self.slack + seconds


class Timed:
    """A bot whose time comes from a machine's clocks."""

    def __init__(self, bot: Bot, machine: Machine) -> None:
        self.bot, self.machine = bot, machine
        self.clock = Clock(machine.read)
        self.watch = ClockWatch(self.clock, machine.ask_slack, Announcer(bot.store, bot.now, OPS))

    def ticks(self, number: int = 1, seconds: float = 5) -> None:
        for _ in range(number):
            self.machine.passes(seconds)
            self.watch.check_clock()
            self.bot.moment = self.clock.now()
            self.bot.tick(0)

    def sets_clock(self, seconds: float) -> None:
        self.machine.wall += seconds


@pytest.fixture
def timed(store: RedisStore, playground: Playground, slack: PlaygroundClient) -> Timed:
    return Timed(Bot(store, playground, slack, ops_channel=OPS), Machine())


@pytest.mark.parametrize("jump", [-120.0, -HOUR, HOUR, 30 * 24 * HOUR])
def test_a_person_stops_a_run_within_seconds_of_a_jump(timed: Timed, jump: float) -> None:
    timed.bot.running()
    timed.sets_clock(jump)
    timed.bot.say("stop smoke-0001")
    timed.ticks(6)
    assert timed.bot.run().status == "ended"
    assert timed.bot.run().compute_billed_duration(timed.clock.now()) < timedelta(minutes=2)


@pytest.mark.parametrize("jump", [-120.0, -HOUR, HOUR, 30 * 24 * HOUR])
def test_a_lease_lasts_as_long_as_it_should(timed: Timed, jump: float) -> None:
    timed.bot.running("launch smoke lease=2 budget=100")
    timed.ticks(6, seconds=600)
    timed.sets_clock(jump)
    timed.ticks(5, seconds=600)
    assert timed.bot.run().status == "running"  # for an hour and fifty minutes
    timed.ticks(8, seconds=100)
    assert timed.bot.run().reason is Reason.LEASE_EXPIRED


@pytest.mark.long
@pytest.mark.parametrize("jump", [-120.0, -HOUR, HOUR, 30 * 24 * HOUR])
def test_a_budget_lasts_as_long_as_it_should(timed: Timed, jump: float) -> None:
    timed.bot.running("launch smoke nodes=2 lease=90 budget=8")  # at four dollars an hour
    timed.ticks(6, seconds=600)
    timed.sets_clock(jump)
    timed.ticks(5, seconds=600)
    assert timed.bot.run().status == "running"
    timed.ticks(8, seconds=100)
    assert timed.bot.run().reason is Reason.BUDGET_EXCEEDED


@pytest.mark.parametrize(
    ("jump", "ends_after"),
    [
        pytest.param(HOUR, 15, id="skypilot's clock is set ahead"),
        pytest.param(-HOUR, 17, id="skypilot's clock is set back"),
    ],
)
def test_a_budget_outlasts_a_jump_of_the_clock_that_skypilot_bills_by(
    timed: Timed, jump: float, ends_after: int
) -> None:
    bot, rate = timed.bot, Rate(4.0, "SkyPilot")
    bot.running("launch smoke nodes=2 lease=90 budget=1")  # at four dollars an hour
    began = timed.clock.now()
    for _ in range(60):
        billed = max((timed.clock.now() - began).total_seconds() + jump, 1.0)
        bill = Bill(rate.dollars_per_hour * billed / HOUR, rate, timed.clock.now())
        changed(bot.cloud, "verl-smoke-0001", bill=bill)
        timed.ticks(1, seconds=30)
        if bot.run().is_finished:
            break
    assert bot.run().reason is Reason.BUDGET_EXCEEDED
    minutes = (timed.clock.now() - began) / timedelta(minutes=1)
    assert minutes == pytest.approx(ends_after, abs=2)


@pytest.mark.parametrize(
    ("jump", "other", "told"),
    [
        pytest.param(-120, None, "jumped back by 2 min.* I go by the time that has really passed", id="back"),
        pytest.param(HOUR, None, "jumped ahead by 1 h.* I go by the time that has really passed", id="ahead"),
        pytest.param(HOUR, 0, "Slack's clock agrees with mine: set this machine's clock right.", id="wrong"),
        pytest.param(HOUR, HOUR, "that time has passed, as while a virtual machine is paused", id="passed"),
        pytest.param(-HOUR, -HOUR, "I bring it back by 36 s an hour", id="ahead from the beginning"),
        pytest.param(HOUR, 3 * HOUR, "Slack's clock agrees with neither", id="three times"),
    ],
)
def test_a_jump_is_said_once(timed: Timed, jump: float, other: float | None, told: str) -> None:
    timed.ticks(3)
    timed.sets_clock(jump)
    timed.machine.slack = None if other is None else NOON.timestamp() + 15 + other
    timed.ticks(40)
    said = timed.bot.reads(channel=OPS)
    assert said.count("This machine's clock jumped") == 1
    assert told in said


def test_slack_is_asked_again_where_it_did_not_answer(timed: Timed) -> None:
    timed.sets_clock(HOUR)
    timed.ticks(3)
    assert "Slack does not tell me the time" in timed.bot.reads(channel=OPS)
    timed.machine.slack = timed.clock.now().timestamp()
    timed.ticks(13)
    assert timed.bot.reads(channel=OPS).count("Slack's clock agrees with mine") == 1
    timed.sets_clock(-HOUR)
    timed.ticks(3)
    assert timed.bot.reads(channel=OPS).count("This machine's clock and mine agree again.") == 1


def test_a_lease_ends_by_time_that_has_passed_without_being_counted(timed: Timed) -> None:
    """A virtual machine that was paused: its clock is set right when it goes on, and its count of seconds was not."""
    timed.bot.running("launch smoke lease=1")
    timed.sets_clock(2 * HOUR)
    timed.machine.slack = timed.machine.wall
    timed.ticks(3)
    assert timed.bot.run().reason is Reason.LEASE_EXPIRED


@pytest.mark.parametrize("jump", [-120.0, HOUR])
def test_a_restart_goes_on_with_the_time_of_the_bot_before_it(tmp_path: Path, jump: float) -> None:
    machine = Machine()
    first = Clock(machine.read)
    machine.wall += jump
    machine.passes(60)
    process_health.write(tmp_path, first.read_timeline())
    machine.passes(30)
    assert Clock(machine.read, process_health.read(tmp_path)).now() == NOON + timedelta(seconds=90)


def test_times_are_read_from_clocks_that_nobody_can_set() -> None:
    reading, later = read_clocks(), read_clocks()
    assert later.elapsed >= reading.elapsed > 0
    assert abs(reading.wall - time.time()) < 60
    assert abs(Clock().now().timestamp() - time.time()) < 60


# the sign of life


@pytest.mark.parametrize(
    ("passes", "jump", "age"),
    [
        pytest.param(7, 0, 7, id="a while ago"),
        pytest.param(7, -120, 7, id="the clock was set back"),
        pytest.param(7, HOUR, 7, id="the clock was set ahead"),
    ],
)
def test_a_sign_of_life_is_as_old_as_it_is(tmp_path: Path, passes: float, jump: float, age: float) -> None:
    machine = Machine()
    process_health.write(tmp_path, Clock(machine.read).read_timeline())
    machine.passes(passes)
    machine.wall += jump
    assert process_health.read_age_seconds(tmp_path, machine.read) == pytest.approx(age)


def test_a_sign_of_life_of_before_a_reboot_is_none(tmp_path: Path) -> None:
    machine = Machine()
    assert process_health.read_age_seconds(tmp_path, machine.read) is None
    process_health.write(tmp_path, Clock(machine.read).read_timeline())
    machine.boot, machine.elapsed = "b", 60.0
    assert process_health.read_age_seconds(tmp_path, machine.read) == float("inf")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"time": 1, "elapsed": "1", "boot": "a"}', b'{"time": 1e300, "elapsed": 1}']
)
def test_a_sign_of_life_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / process_health.FILE_NAME).write_bytes(content)
    assert process_health.read(tmp_path) is None
    assert process_health.read_age_seconds(tmp_path) == float("inf")


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        pytest.param(None, 1, "No verlbot has run in", id="none"),
        pytest.param(
            Timeline(0.0, 0.0, "another boot"), 1, "The last tick was before this machine was started.", id="old"
        ),
    ],
)
def test_health_says_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: Timeline | None,
    code: int,
    told: str,
) -> None:
    monkeypatch.setenv("VERLBOT_DATA_DIR", str(tmp_path))
    if line:
        process_health.write(tmp_path, line)
    assert main(["health"]) == code
    assert told in capsys.readouterr().err


def test_health_knows_a_bot_that_ticks_by_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VERLBOT_DATA_DIR", str(tmp_path))
    process_health.write(tmp_path, Clock().read_timeline())
    assert main(["health"]) == 0
    assert "alive: the last tick was 0" in capsys.readouterr().out


# the scheduler


class Shifted:
    """The real clocks of this machine, of which the wall clock is set at will."""

    def __init__(self) -> None:
        self.shift = 0.0

    def read(self) -> ClockReading:
        reading = read_clocks()
        return ClockReading(reading.wall + self.shift, reading.elapsed, reading.boot)


@pytest.fixture
def shifted() -> Iterator[tuple[Shifted, Scheduler]]:
    clocks = Shifted()
    scheduler = Scheduler(Clock(clocks.read).now)
    scheduler.start()
    yield clocks, scheduler
    scheduler.stop()


@pytest.mark.slow
@pytest.mark.long
def test_a_bot_as_it_runs_loses_no_tick_to_a_clock_that_is_set_back(
    tmp_path: Path, playground: Playground, slack: PlaygroundClient
) -> None:
    clocks, cloud = Shifted(), FakeCloud()
    environment = {
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_APP_TOKEN": APP_TOKEN,
        "SLACK_API_URL": playground.api_url,
        "VERLBOT_DATA_DIR": str(tmp_path),
        "VERLBOT_TICK_SECONDS": "0.5",
        "VERLBOT_TEARDOWN_CONFIRM_SECONDS": "0.2",
        "VERLBOT_OPS_CHANNEL": "C0RANDOM",
    }
    bot = build(Settings.read(environment), cloud, Clock(clocks.read))
    bot.start()
    try:
        ana = Person(slack)
        eventually(lambda: slack.get("state")["connections"])
        ana.says("/verl launch smoke")
        ana.can_see(" is running*")
        clocks.shift = -120.0
        run = bot.run_service.queries.list_active()[0]
        ana.says(f"/verl stop {run.id}")
        eventually(lambda: bot.run_service.queries.find(run.id, create_trusted_actor(ANA)).closed_at, seconds=10)
        assert (process_health.read_age_seconds(tmp_path) or 0.0) < 5
        eventually(lambda: "This machine's clock jumped back by 2 min" in slack.transcript(ANA, "C0RANDOM"))
    finally:
        bot.stop()


class Counter:
    def __init__(self) -> None:
        self.runs = 0
        self.ran = Event()

    def __call__(self) -> None:
        self.runs += 1
        self.ran.set()

    def runs_again(self) -> None:
        self.ran.clear()
        assert self.ran.wait(SECONDS)


@pytest.mark.parametrize("jump", [-120.0, -HOUR, HOUR, 30 * 365 * 24 * HOUR])
def test_a_job_goes_on_at_its_pace_whatever_the_wall_clock_does(
    shifted: tuple[Shifted, Scheduler], jump: float
) -> None:
    clocks, scheduler = shifted
    often, seldom = Counter(), Counter()
    scheduler.add_job("often", timedelta(milliseconds=20), often)
    scheduler.add_job("seldom", timedelta(hours=2), seldom)
    often.runs_again()
    clocks.shift = jump
    began = time.monotonic()
    for _ in range(5):
        often.runs_again()
    assert time.monotonic() - began < SECONDS / 2
    assert seldom.runs == 1
    scheduler.wake("seldom")
    seldom.runs_again()


def test_the_scheduler_has_no_clock_but_the_one_it_is_given_and_makes_up_for_no_missed_time() -> None:
    """As after a sleep of the machine, which the bot's own time counts."""
    clock, slept, tick, other = Clock(), Event(), Counter(), Counter()
    scheduler = Scheduler(lambda: clock.now() + timedelta(days=400 if slept.is_set() else 0))
    scheduler.add_job("tick", timedelta(hours=1), tick)
    scheduler.add_job("other", timedelta(hours=1), other)
    scheduler.start()
    try:
        eventually(lambda: tick.runs == other.runs == 1)
        tick.ran.clear()
        slept.set()
        scheduler.wake("other")  # so that it looks for what is due
        assert tick.ran.wait(SECONDS)
        eventually(lambda: other.runs >= 2)
        assert tick.runs == 2
    finally:
        scheduler.stop()
