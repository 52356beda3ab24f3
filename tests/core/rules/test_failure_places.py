"""Where an error was raised says more than its own line does."""

import pytest

from bot.core.model.failure import FailureKind
from bot.core.rules.failure_diagnosis import diagnose

LIBRARIES = "/opt/env/lib/python3.11/site-packages"


def lay_out(frames: list[str], error: str) -> str:
    return "\n".join(
        ["Traceback (most recent call last):", *(f"  File {frame}\n    call()" for frame in frames), error]
    )


MAIN = '"/opt/job/train.py", line 3, in <module>'
MAIN_OF_A_LIBRARY = f'"{LIBRARIES}/acme/run.py", line 3, in <module>'
RUNPY = '"<frozen runpy>", line 198, in _run_module_as_main'
IMPORTED = f'"{LIBRARIES}/acme_ops/__init__.py", line 9, in <module>'
REGISTERS = f'"{LIBRARIES}/acme_hub/registry.py", line 80, in register'
CHECKS = f'"{LIBRARIES}/acme/workers/config/actor.py", line 70, in __post_init__'
FETCHES = f'"{LIBRARIES}/huggingface_hub/file_download.py", line 540, in http_get'
LOADS = f'"{LIBRARIES}/acme_hub/auto.py", line 77, in from_pretrained'

PLACES = {
    "a library that fails while it is imported": (
        [MAIN, IMPORTED],
        "RuntimeError: operator acme::sort was not found",
        FailureKind.LIBRARY_MISMATCH,
    ),
    "a library that calls another one while it is imported": (
        [MAIN, IMPORTED, REGISTERS],
        "ValueError: 'acme9' is taken, choose another name",
        FailureKind.LIBRARY_MISMATCH,
    ),
    "a library that is the program": (
        [RUNPY, MAIN_OF_A_LIBRARY, REGISTERS],
        "ValueError: 'acme9' is taken, choose another name",
        FailureKind.CODE_ERROR,
    ),
    "an import whose error has a kind of its own": (
        [MAIN, IMPORTED],
        "RuntimeError: No CUDA GPUs are available",
        FailureKind.NO_GPU,
    ),
    "a check of the settings": (
        [MAIN, CHECKS],
        "AssertionError: clip_high must exceed clip_low",
        FailureKind.CONFIG_VALUE,
    ),
    "an error of code in a check": ([MAIN, CHECKS], "AttributeError: no attribute 'x'", FailureKind.CODE_ERROR),
    "an error below a check": ([MAIN, CHECKS, REGISTERS], "ValueError: too few rows", FailureKind.CODE_ERROR),
    "a download that was cut off": (
        [MAIN, LOADS, FETCHES],
        "OSError: the file should have 9 bytes but has 8",
        FailureKind.NETWORK,
    ),
    "a tokenizer that cannot be read": (
        [MAIN, LOADS],
        "Exception: no variant matches at line 9 column 3",
        FailureKind.MODEL_UNSUPPORTED,
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_the_place_makes_the_kind_more_exact(name: str) -> None:
    frames, error, kind = PLACES[name]
    found = diagnose(lay_out(frames, error))
    assert found is not None
    assert (found.kind, found.error) == (kind, error)


def test_the_server_that_a_network_error_is_about_is_named_by_the_error_that_follows_from_it() -> None:
    root = lay_out(['"/x/http.py", line 9, in send'], "httpx.ConnectError: All connection attempts failed")
    then = lay_out(['"/opt/job/judge.py", line 5, in compute_score'], "openai.APIConnectionError: Connection error.")
    found = diagnose(f"{root}\n\nThe above exception was the direct cause of the following exception:\n\n{then}")
    assert found is not None
    assert (found.kind, found.error) == (FailureKind.REWARD_SERVER, "openai.APIConnectionError: Connection error.")


@pytest.mark.parametrize(
    ("raises", "place"),
    [
        pytest.param("/home/ray/job/judge.py", "home/ray/job/judge.py, line 3, in read", id="a home of that name"),
        pytest.param(f"{LIBRARIES}/ray/worker.py", "/opt/job/train.py, line 3, in <module>", id="the library"),
    ],
)
def test_the_place_of_an_error_is_the_team_s_own_code_wherever_it_is(raises: str, place: str) -> None:
    found = diagnose(lay_out([MAIN, f'"{raises}", line 3, in read'], "ValueError: no score"))
    assert found is not None
    assert found.place == place
