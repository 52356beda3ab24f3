"""The bot's process ends in bounded time, and its exit code says whether all went well."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys, threading, time
from bot.bootstrap import shutdown

class Part:
    def __init__(self, stop):
        self.stop = stop

def hang():
    threading.Event().wait()

def fail():
    raise OSError("the socket is gone")

bot = Part(globals().get(sys.argv[1], lambda: None))
bot.valkey = Part(globals().get(sys.argv[2], lambda: None))
shutdown.STOP_SECONDS = 0.2
shutdown.STORE_STOP_SECONDS = 0.2
if sys.argv[3] == "hang":
    threading.Thread(target=hang, name="an endless part").start()
shutdown.stop_in_time(bot, OSError("it did not start") if sys.argv[4] == "failed" else None)
print("returned")
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("bot", "store", "thread", "why", "code", "said"),
    [
        pytest.param("-", "-", "-", "-", 0, "returned", id="all stops"),
        pytest.param("hang", "-", "-", "-", 0, "a part took longer", id="a part hangs"),
        pytest.param("hang", "hang", "-", "-", 0, "a part took longer", id="the store hangs too"),
        pytest.param("hang", "fail", "-", "-", 0, "a part took longer", id="the store fails then"),
        pytest.param("-", "-", "hang", "-", 0, "an endless part took longer", id="a thread goes on"),
        pytest.param("fail", "-", "-", "-", 1, "the socket is gone", id="a part fails to stop"),
        pytest.param("fail", "-", "hang", "-", 1, "the socket is gone", id="one fails, and one goes on"),
        pytest.param("hang", "-", "-", "failed", 1, "it did not start", id="it hangs after a failed start"),
    ],
)
def test_the_process_ends_whatever_hangs_and_its_code_tells_of_a_failure(
    bot: str, store: str, thread: str, why: str, code: int, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, bot, store, thread, why],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
