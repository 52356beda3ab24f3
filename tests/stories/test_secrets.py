"""Secrets against every place where they might come to light, through the parts that really are in between."""

import io
import json
import logging
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from slack_sdk import WebClient

from bot.adapters.files.recipe_files import RecipeFolder
from bot.adapters.redis.redis_store import RedisStore
from bot.app.rate_limits import InteractivePriority
from bot.bootstrap.masked_log import LOG_FORMAT, MaskingFormatter
from bot.cli.doctor import checklist
from bot.cli.doctor.checklist import DoctorFinding, DoctorStatus
from bot.core.model.cluster import JobState
from bot.errors import Unavailable, UserError
from bot.runtime.secret_filter import GENERAL_FILTER, SecretFilter
from bot.slack.inbound.background import BackgroundReplies
from bot.slack.inbound.delivery_queue import Inbox
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.secret_corpus import Planted, corpus
from tests.slack.inbound.test_delivery_queue import a_request, now
from tests.story import ANA, Bot

CORPUS = list(corpus(seed=5, each=3))
random.Random(5).shuffle(CORPUS)
LINES = [one for one in CORPUS if "\n" not in one.text]
TOKEN = "hf_aB3dE6gH9jK2mN5pQ8sTuVwXyZ1234aBcD"

BATCH = 12
"""Secrets of one run: the last lines of a failed one are twenty."""


def leaks(planted: Sequence[Planted], *places: str) -> list[tuple[str, str]]:
    """Return what is to be read where, with the kind of secret that it is of."""
    return [(one.kind, leak) for one in planted for place in places if (leak := one.leak(place))]


def everything(redis: Redis) -> str:
    """Return all that the store holds: every key with its value, whatever its kind."""
    found: list[Any] = []
    for key in redis.keys("*"):
        kind = redis.type(key)
        kind = kind.decode() if isinstance(kind, bytes) else kind
        match kind:
            case "string":
                value: Any = redis.get(key)
            case "hash":
                value = redis.hgetall(key)
            case "list":
                value = redis.lrange(key, 0, -1)
            case "set":
                value = redis.smembers(key)
            case "zset":
                value = redis.zrange(key, 0, -1, withscores=True)
            case _:
                value = redis.xrange(key)
        found += [key, value]
    return "\n".join(texts(found))


def texts(value: Any) -> Iterator[str]:
    """Yield every text of a value; msgpack and JSON hold texts as they are."""
    if isinstance(value, bytes):
        yield value.decode(errors="replace")
        if value[:1] in b'{["':
            yield json.dumps(json.loads(value), ensure_ascii=False) if is_json(value) else ""
    elif isinstance(value, dict):
        for pair in value.items():
            yield from texts(list(pair))
    elif isinstance(value, list | tuple | set):
        for one in value:
            yield from texts(one)


def is_json(value: bytes) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def shown_in_slack(bot: Bot) -> str:
    """Return all that Slack was ever sent: calls, messages that stand there, files, pages."""
    workspace = bot.playground._slack.workspace
    files = [file.content.decode(errors="replace") for file in workspace.files.values()]
    sent = json.dumps(bot.slack.get("record"), ensure_ascii=False)
    return "\n".join([sent, bot.reads(), *files, *(json.dumps(home.body) for home in workspace.homes.values())])


def drive(bot: Bot, planted: Sequence[Planted]) -> None:
    """Have a run print secrets, fail with one, and ask for it in every way that there is."""
    text = "\n".join(one.text for one in planted)
    run = bot.run(bot.running())
    bot.say(f"logs {run.id} --follow lines=50")
    bot.cloud.print(run.cluster, *text.split("\n"))
    bot.tick()
    bot.say(f"logs {run.id}")
    bot.say(f"logs {run.id} lines=200")
    bot.say(f"logs {run.id} grep=a lines=100")
    bot.say(f"status {run.id}")
    bot.cloud.finish(run.cluster, JobState.FAILED, " ".join(one.text for one in planted[:3]))
    bot.ticks(12)
    bot.say(f"logs {run.id} lines=200")
    bot.say(f"status {run.id}")
    bot.say("list all")
    bot.opens_page()


def rehearse(bot: Bot, planted: Sequence[Planted]) -> None:
    """Have prices, refusals and launches fail with secrets in what is said."""
    for one in planted:
        bot.cloud.refuses = f"refused: {one.text}"
        bot.say("launch smoke --dry-run")
        bot.say("launch smoke")
        bot.say("recipes")
    bot.cloud.refuses = None


def batched(planted: Sequence[Planted], size: int) -> list[Sequence[Planted]]:
    return [planted[at : at + size] for at in range(0, len(planted), size)]


PARTS = [pytest.param(part, id=f"part {at}") for at, part in enumerate(batched(CORPUS, BATCH)) if at < 2] + [
    pytest.param(part, id=f"part {at}", marks=pytest.mark.thorough)
    for at, part in enumerate(batched(CORPUS, BATCH))
    if at >= 2
]


@pytest.mark.parametrize("planted", PARTS)
def test_no_secret_that_is_printed_comes_to_light(bot: Bot, redis: Redis, planted: Sequence[Planted]) -> None:
    drive(bot, planted)
    assert leaks(planted, shown_in_slack(bot)) == []
    assert leaks(planted, everything(redis)) == []
    assert "…(masked)" in shown_in_slack(bot)


def test_no_secret_in_a_refusal_comes_to_light(bot: Bot, redis: Redis) -> None:
    planted = LINES[:BATCH]
    rehearse(bot, planted)
    assert leaks(planted, shown_in_slack(bot), everything(redis)) == []
    assert "…(masked)" in shown_in_slack(bot)


@pytest.mark.thorough
def test_no_secret_in_any_refusal_comes_to_light(bot: Bot, redis: Redis) -> None:
    for planted in batched(LINES, BATCH):
        rehearse(bot, planted)
    assert leaks(LINES, shown_in_slack(bot), everything(redis)) == []


def test_a_refused_launch_shows_and_keeps_no_secret(bot: Bot, redis: Redis) -> None:
    bot.say("launch smoke")
    planted = LINES[:4]
    bot.cloud.refuses = " and ".join(one.text for one in planted)
    bot.ticks(40)
    assert bot.run().reason == "launch_failed"
    assert leaks(planted, shown_in_slack(bot), everything(redis), str(bot.run().detail or "")) == []


def test_a_price_that_fails_shows_no_secret(bot: Bot) -> None:
    class Silent(type(bot.cloud)):  # type: ignore[misc]  # whatever the double is
        def estimate_rate(self, task: Any) -> None:
            raise Unavailable(f"no price for {TOKEN}")

    bot.cloud.__class__ = Silent
    bot.say("launch smoke --dry-run")
    assert "hf_…(masked)" in bot.told()
    assert TOKEN not in shown_in_slack(bot)


def test_a_typed_secret_is_refused_and_found_nowhere(bot: Bot, redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
    planted = LINES[:40]
    said = [bot.say(f"launch smoke note={one.text}") for one in planted]
    assert all("what looks like a secret" in text for text in said)
    assert leaks(planted, *said, everything(redis), caplog.text) == []
    assert bot.store.list_open_runs() == []


def test_a_typed_secret_in_a_mention_is_refused_to_the_person_alone(bot: Bot, redis: Redis) -> None:
    bot.mention(f"launch smoke note={TOKEN}")
    assert "what looks like a secret" in bot.told()
    posted = [entry for entry in bot.slack.record("call") if "postMessage" in json.dumps(entry)]
    assert TOKEN not in json.dumps(posted)
    assert TOKEN not in everything(redis)


def test_a_secret_in_a_form_is_refused_at_its_field(bot: Bot, redis: Redis) -> None:
    bot.say("launch")
    bot.chooses("ppo")
    wrong = bot.submits(overrides=f"trainer.note={TOKEN}")
    assert list(wrong) == ["overrides"]
    assert "what looks like a secret" in wrong["overrides"]
    assert TOKEN not in everything(redis) + json.dumps(wrong)
    assert bot.store.list_open_runs() == []


def test_a_form_with_a_secret_in_it_is_shown_again_without(bot: Bot) -> None:
    bot.say("launch")
    bot.chooses("ppo")
    shown = bot.previews(overrides=f"trainer.note={TOKEN}")
    assert "what looks like a secret" in shown
    assert TOKEN not in json.dumps(bot.view(ANA))


def test_a_known_value_is_refused_and_masked_too(
    store: RedisStore, playground: Playground, slack: PlaygroundClient
) -> None:
    bot = Bot(store, playground, slack, secrets=SecretFilter({"MY_PASSWORD": "blue-sky-99"}))
    assert "what looks like a secret" in bot.say("launch smoke note=blue-sky-99")
    run = bot.run(bot.running())
    bot.cloud.print(run.cluster, "under a blue-sky-99")
    bot.tick()
    bot.say(f"logs {run.id}")
    assert "under a …(masked)" in bot.told()


def test_a_command_with_a_secret_is_not_kept_in_the_inbox(store: RedisStore, redis: Redis) -> None:
    inbox = Inbox(store, BackgroundReplies(InteractivePriority()), WebClient(), now)
    planted = LINES[:40]
    assert all(inbox.accept(a_request(f"launch smoke note={one.text}")) for one in planted)
    assert store.list_deliveries() == []
    assert leaks(planted, everything(redis)) == []


def test_the_inbox_keeps_no_token_of_slacks(store: RedisStore) -> None:
    request = a_request("stop ppo-7f3a")
    request.payload["token"] = "a-verification-token"
    assert Inbox(store, BackgroundReplies(InteractivePriority()), WebClient(), now).accept(request)
    (kept,) = store.list_deliveries()
    assert "a-verification-token" not in kept


# recipes


RECIPE = """
name: own
resources: {cpus: 1+}
envs: {MODEL: tiny%s}
secrets: {HF_TOKEN: %s}
run: |
  echo %s
_metadata:
  verlbot: {title: Own, description: One, budget_dollars: 1, lease_hours: 1, metrics: []}
"""

LITERALS = {
    "under secrets": (RECIPE % ("", "some-value", "x"), "secrets.HF_TOKEN"),
    "in a variable": (RECIPE % (", DB_PASSWORD: hunter2", "null", "x"), "envs.DB_PASSWORD"),
    "in a script": (RECIPE % ("", "null", f"login {TOKEN}"), "run (hf_…)"),
}


@pytest.mark.parametrize(("text", "place"), LITERALS.values(), ids=LITERALS)
def test_a_recipe_that_holds_the_value_of_a_secret_is_refused(tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(UserError) as refused:
        RecipeFolder(tmp_path).get("own")
    assert f"the value of a secret is written in `{place}`" in str(refused.value.sentence)
    assert not any(value in str(refused.value.sentence) for value in ("some-value", "hunter2", TOKEN))


def test_a_recipe_that_names_a_secret_or_uses_a_variable_is_taken(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(RECIPE % (", API_URL: https://x/y", "null", '"$HF_TOKEN" -u me:"$PASSWORD"'))
    assert RecipeFolder(tmp_path).get("own").name == "own"


# the bot's own log, the doctor


def a_log() -> tuple[logging.Logger, io.StringIO]:
    """Return a library's logger whose records go where the bot's own do, and what comes there."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(MaskingFormatter(GENERAL_FILTER.mask))
    log = logging.getLogger("slack_sdk.web.base_client.test")
    log.propagate, log.handlers = False, [handler]
    log.setLevel(logging.DEBUG)
    return log, written


@pytest.mark.parametrize(
    "planted", [pytest.param(part, id=f"part {at}") for at, part in enumerate(batched(CORPUS, 60))]
)
def test_the_bots_log_holds_no_secret_whichever_way_it_comes(
    planted: Sequence[Planted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(sys, "tracebacklimit", raising=False)  # SkyPilot's client sets it
    for one in planted:
        log, written = a_log()
        log.info("said %s", one.text)
        log.info("said %r", {"text": one.text} if one in LINES else len(one.text))
        log.error(one.text)
        try:
            raise RuntimeError(one.text)
        except RuntimeError as error:
            log.exception("failed: %s", error)
            try:
                raise ValueError("again") from error
            except ValueError:
                log.exception("chained")
        log.warning("with a stack", stack_info=True, extra={"note": one.text})
        assert leaks([one], written.getvalue()) == [], written.getvalue()
        assert written.getvalue().count("Traceback") == 3


def test_a_record_that_cannot_be_formatted_is_told_of_without_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    log, written = a_log()
    log.error("one %s two %s", *[TOKEN])
    assert "a record of slack_sdk.web.base_client.test cannot be formatted: TypeError" in written.getvalue()
    assert TOKEN not in written.getvalue() + capsys.readouterr().err


def test_another_handler_gets_no_traceback_that_ours_has_rendered() -> None:
    formatter = MaskingFormatter(GENERAL_FILTER.mask, LOG_FORMAT)
    try:
        raise RuntimeError(TOKEN)
    except RuntimeError as error:
        record = logging.LogRecord("a", logging.ERROR, "", 1, "failed", (), (type(error), error, error.__traceback__))
    assert TOKEN[3:] not in formatter.format(record)
    assert record.exc_text is None


def test_what_the_doctor_finds_is_shown_without_secrets() -> None:
    for one in CORPUS:
        found = checklist.mask_finding(
            DoctorFinding(DoctorStatus.FAILURE, "store", one.text, f"Unset {one.text}"), GENERAL_FILTER.mask
        )
        assert leaks([one], checklist.format_json([found]), checklist.format_finding(found)) == []
