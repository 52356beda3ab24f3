"""Lines of JSON: one object a record, masked in every field, with the run and the trace."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from bot.bootstrap.json_log import JsonFormatter
from bot.runtime.secret_filter import SecretFilter
from bot.runtime.telemetry import CURRENT_RUN, CURRENT_SPAN, OperationKind, Telemetry

TOKEN = "hf_aB3dE6gH9jK2mN5pQ8sTuVwXyZ1234aBcD"
LOG = logging.getLogger("tests.json_log")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the log has, as text."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(SecretFilter({"MY_PASSWORD": 'quoted"pass\\word'}).mask))
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
    yield stream
    LOG.removeHandler(handler)
    LOG.propagate = True


def test_a_line_has_its_time_level_module_and_message_and_no_empty_field(written: io.StringIO) -> None:
    LOG.warning("policy: %s", "two\nlines")
    (line,) = written.getvalue().splitlines()
    found = json.loads(line)
    assert found.pop("time").endswith("+00:00")
    assert found == {"level": "WARNING", "logger": "tests.json_log", "message": "policy: two\nlines"}


def test_a_line_has_the_operation_within_which_it_was_written_and_its_run(written: io.StringIO) -> None:
    telemetry = Telemetry()
    with telemetry.observe(OperationKind.JOB, "tick"):
        span = CURRENT_SPAN.get()
        LOG.info("run ppo-7f3a: it ends")
        token = CURRENT_RUN.set("ppo-0001")
        LOG.info("a call failed")
        CURRENT_RUN.reset(token)
    LOG.info("later")
    first, second, third = map(json.loads, written.getvalue().splitlines())
    assert span is not None
    assert (first["trace"], first["span"], first["run"]) == (span.trace_id, span.span_id, "ppo-7f3a")
    assert (second["trace"], second["run"]) == (span.trace_id, "ppo-0001")
    assert third.keys() == {"time", "level", "logger", "message"}


def test_secrets_are_masked_in_messages_and_tracebacks(written: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys, "tracebacklimit", raising=False)  # SkyPilot's client sets it
    try:
        raise ValueError(f"no access with {TOKEN}")  # its traceback is what is tested
    except ValueError:
        LOG.exception("it failed with %s", 'quoted"pass\\word')
    found = json.loads(written.getvalue())
    assert "Traceback" in found["exception"]
    assert "test_json_log.py" in found["exception"]
    assert TOKEN not in written.getvalue()
    assert "pass" not in found["message"]


def test_a_record_that_cannot_be_formatted_shows_nothing_of_its_arguments() -> None:
    record = logging.LogRecord("a.library", logging.ERROR, __file__, 1, "%d", (TOKEN,), None)
    line = JsonFormatter(str).format(record)
    assert "a record of a.library cannot be formatted: TypeError" in json.loads(line)["message"]
    assert TOKEN not in line
