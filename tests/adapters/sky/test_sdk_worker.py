"""Calls in processes of their own: what they bring, and that they end."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from bot.adapters.sky.sdk_worker import SdkWorker
from bot.errors import BeingStopped, Unavailable, UserError
from bot.i18n import render, use_language
from bot.phrase import Phrase
from tests.waiting import eventually

pytestmark = pytest.mark.slow


def answers(value: int) -> dict[str, int]:
    return {"value": value, "pid": os.getpid()}


def tells_environment() -> dict[str, str]:
    return dict(os.environ)


def refuses() -> None:
    raise UserError("No such GPU.", "Ask for others.")


def refuses_in_words() -> None:
    raise UserError(Phrase("No process was started."))


def hears_nothing() -> None:
    raise Unavailable("Nobody answers.")


def is_wrong() -> None:
    raise ZeroDivisionError("a mistake of ours")


def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(folder: Path) -> None:
    """Whatever may interrupt a sleep."""
    (folder / f"{os.getpid()}").touch()
    while True:
        time.sleep(60)


@pytest.fixture
def workers() -> Iterator[Callable[..., SdkWorker]]:
    made: list[SdkWorker] = []

    def make(seconds: float = 20, **more: object) -> SdkWorker:
        environment = {"HOME": "/nonexistent", "ONLY": "this"}
        made.append(SdkWorker(environment, seconds, **more))  # type: ignore[arg-type]  # as each test gives them
        return made[-1]

    yield make
    for worker in made:
        worker.stop()


def under_way(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir()]


def test_a_result_comes_from_another_process_that_sees_what_it_is_given(workers: Callable[..., SdkWorker]) -> None:
    found = workers().call(answers, 7)
    assert (found["value"], found["pid"] != os.getpid()) == (7, True)
    assert workers().call(tells_environment) == {"HOME": "/nonexistent", "ONLY": "this"}


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        pytest.param(refuses, UserError, "No such GPU", id="refused"),
        pytest.param(hears_nothing, Unavailable, "Nobody answers", id="unavailable"),
        pytest.param(dies, Unavailable, "SkyPilot did not answer within", id="a process that dies"),
        pytest.param(is_wrong, RuntimeError, "a mistake of ours", id="our mistake, with its traceback"),
    ],
)
def test_what_a_call_raises(
    workers: Callable[..., SdkWorker], call: Callable[[], None], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        workers().call(call)


def test_a_call_that_hangs_is_given_up_and_is_no_more(workers: Callable[..., SdkWorker], tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"within 2 s"):
        workers(2).call(hangs, tmp_path)
    (pid,) = under_way(tmp_path)
    assert not psutil.pid_exists(pid)


def test_slow_calls_leave_places_for_the_others(workers: Callable[..., SdkWorker], tmp_path: Path) -> None:
    worker = workers(60, concurrency=2, shares={hangs: 0.5})
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(worker.call, hangs, tmp_path) for _ in range(3)]
        eventually(lambda: under_way(tmp_path))
        assert worker.call(answers, 1)["value"] == 1
        assert len(under_way(tmp_path)) == 1
        worker.stop()
        for one in waiting:  # that its answer was cut off says nothing of what was asked
            with pytest.raises(BeingStopped):
                one.result()


def test_when_all_places_are_taken_that_is_said(workers: Callable[..., SdkWorker], tmp_path: Path) -> None:
    worker = workers(4, concurrency=1)
    with ThreadPoolExecutor(2) as pool:
        hanging = pool.submit(worker.call, hangs, tmp_path)
        eventually(lambda: under_way(tmp_path))
        worker._seconds = 0.5
        with pytest.raises(Unavailable, match="slow"):
            worker.call(answers, 1)
        worker.stop()
        with pytest.raises(Unavailable):
            hanging.result()


def test_after_the_stop_nothing_is_sent(workers: Callable[..., SdkWorker]) -> None:
    worker = workers()
    worker.stop()
    with pytest.raises(BeingStopped, match="stopping"):
        worker.call(answers, 1)


def test_what_a_call_refuses_is_said_in_the_language_of_who_asks(workers: Callable[..., SdkWorker]) -> None:
    with pytest.raises(UserError, match="No process was started") as refused:
        workers().call(refuses_in_words)
    with use_language("zh-CN"):
        assert render(refused.value.message) == "没有启动任何进程。"
