"""The bot as people and time see it: say something, click something, let a tick pass.

It is put together as in production. Every part is real but the cloud, the clock and the charts: Bolt's own dispatch,
the store, the notifier, and a Slack over HTTP. Time stands still between two ticks.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from slack_bolt import BoltRequest

from bot.adapters.files.recipe_files import RecipeFolder
from bot.adapters.redis.redis_store import RedisStore
from bot.app.health_monitor import HealthMonitor
from bot.app.ports import Cloud
from bot.app.process_health import MAX_OFFSET_SECONDS, Clock
from bot.app.run_queries import Requester
from bot.app.store_watch import StoreMemory
from bot.bootstrap.container import assemble
from bot.bootstrap.outside import Outside
from bot.bootstrap.policy_source import PolicySource
from bot.config.operation_settings import SOURCE_RECIPES
from bot.config.settings import Settings
from bot.core.model.policy import Policy
from bot.core.model.run import Run
from bot.core.model.run_state import SummaryInterval
from bot.core.rules.chart_data import Chart
from bot.errors import Unavailable
from bot.phrase import ENGLISH
from bot.runtime.secret_filter import SecretFilter
from bot.slack.inbound.background import BackgroundReplies
from bot.slack.outbound.web_client import build_web_client
from bot.slack.views.message import Answer, Responder
from slack_playground.checks import check_message
from slack_playground.client import Person, PlaygroundClient
from slack_playground.server import Playground
from slack_playground.slack import BOT_TOKEN
from tests.builders import NOON, approvers
from tests.doubles.cloud import FakeCloud
from tests.doubles.repositories import FakeRepositories

ANA, BEN, LEA = "U0ANA", "U0BEN", "U0LEA"
TRAINING, RANDOM, SECRET = "C0TRAIN", "C0RANDOM", "C0SECRET"

RECIPES = RecipeFolder(SOURCE_RECIPES)
"""One for all stories: it keeps what it has read, and a story changes no recipe."""

OPEN = Policy(grants=approvers(BEN, LEA))
"""Without bounds; Ben and Lea are approvers."""

HOURLY = SummaryInterval(period=timedelta(hours=1))


class AtOnce(BackgroundReplies):
    """Background answers that are given before `run` returns, so that a story need not wait."""

    def answer_later(self, answer: Callable[[], Answer], reply: Responder, who: str = "") -> None:
        self._answer_and_deliver(answer, reply)

    def send(self, answer: Answer, reply: Responder) -> None:
        self._answer_and_deliver(lambda: answer, reply)


class StoryClock(Clock):
    """The bot's own time is the story's."""

    def __init__(self, bot: "Bot") -> None:
        super().__init__()
        self._bot = bot

    def now(self) -> datetime:
        return self._bot.moment

    def catch_up(self, recorded: datetime) -> None:
        if recorded > self._bot.moment + timedelta(seconds=MAX_OFFSET_SECONDS):
            self._bot.moment = recorded


@dataclass
class FakePainter:
    """Draws nothing: a picture is a dot, and what was to be drawn is kept."""

    figures: list[Chart] = field(default_factory=list)
    answers: bool = True

    def render(self, figure: Chart, fallback: Chart | None = None) -> bytes:
        if not self.answers:
            raise Unavailable("No picture.")
        self.figures.append(figure)
        return b"\x89PNG\r\n\x1a\n" + str(figure.title).encode()

    def stop(self) -> None:
        """There is nothing to let go of."""


class Bot:
    """One bot, put together for a story. Made twice over one store, it is the bot after a restart.

    Args:
        cloud: in memory, for the story to have its hand on; machines: what the bot gets instead of it.
        language: of the workspace; rhythm: of summaries; ops_channel: of those who keep the machines;
            policy: what is allowed; secrets: the masking filter; memory: which store it knows;
            late_seconds: how long Slack may take to show a message.
    """

    def __init__(
        self,
        store: RedisStore,
        playground: Playground,
        slack: PlaygroundClient,
        cloud: FakeCloud | None = None,
        moment: datetime = NOON,
        owner: str = "the story's",
        machines: Cloud | None = None,
        language: str = ENGLISH,
        rhythm: SummaryInterval = HOURLY,
        ops_channel: str = "",
        policy: Policy = OPEN,
        secrets: SecretFilter | None = None,
        memory: StoreMemory | None = None,
        late_seconds: float = 3,
    ) -> None:
        self.memory, self.late_seconds = memory or StoreMemory(), late_seconds
        self.store = store
        self.cloud = cloud or FakeCloud()
        self.secrets = secrets or SecretFilter({})
        self.slack = slack
        self.playground = playground
        self.moment = moment
        self.policies = PolicySource(None, policy)
        self.ids = count(1)
        self.deliveries = count(1)
        self.painter = FakePainter()
        self.repositories = FakeRepositories()
        self.audit = store.audit
        self.audit.now = self.now
        settings = Settings(
            slack_bot_token=BOT_TOKEN,
            slack_api_url=playground.api_url,
            slack_mode="http",  # its port is opened at the start alone
            slack_signing_secret="a story's",
            compute="local",
            language=language,
            ops_channel=ops_channel,
            slack_late_seconds=late_seconds,
            summary_minutes=rhythm.period.total_seconds() / 60 if rhythm.period else 0,
        )
        self.client = build_web_client(BOT_TOKEN, playground.api_url)
        parts = assemble(
            Outside(
                settings=settings,
                store=store,
                cloud=machines or self.cloud,
                slack=self.client,
                clock=StoryClock(self),
                secrets=self.secrets,
                policy_source=self.policies,
                recipes=RECIPES,
                health_monitor=HealthMonitor(),
                chart_renderer=self.painter,
                repositories=self.repositories,
                owner_name=owner,
                new_run_id=lambda recipe: f"{recipe}-{next(self.ids):04x}",
                build_background=AtOnce,
                patience=timedelta(seconds=20),
                directory_seconds=30.0,  # a busy machine refuses no person
                store_memory=self.memory,
            )
        )
        parts.language_preferences.refresh()
        self.app, self.listeners = parts.app, parts.listeners
        self.service, self.homes = parts.run_service, parts.home_publisher
        self.directory, self.access = parts.directory, parts.listeners.requesters.access
        self.reconciler, self.pool = parts.reconciler, parts.reconciler.pool
        self.unreadable, self.memory_watch = parts.unreadable_runs, parts.memory_watch
        self.finding_samples, self.pending_launches = parts.finding_samples, parts.pending_launches
        self.notifier, self.boards, self.notices = parts.notifier, parts.report_publisher, parts.notice_sender
        self.sweeper, self.cluster_notifier = parts.cluster_sweep, parts.orphan_notifier
        self.budget_monitor, self.outbox = parts.budget_monitor, parts.notice_sender.outbox
        self.disk_watch = parts.disk_watch

    @property
    def policy(self) -> Policy:
        """What is allowed now; a story may change it."""
        return self.policies.policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self.policies.policy = policy

    def allowed(self) -> Policy:
        return self.policy

    def now(self) -> datetime:
        return self.moment

    def later(self) -> "Bot":
        """The bot after a restart: another process, the same store, the same outside."""
        found = Bot(
            self.store,
            self.playground,
            self.slack,
            self.cloud,
            self.moment,
            memory=self.memory,
            late_seconds=self.late_seconds,
        )
        found.ids, found.deliveries = self.ids, self.deliveries
        return found

    # people

    def say(self, text: str, user: str = ANA, channel: str = TRAINING, trigger: str | None = None) -> str:
        """Type `/verl TEXT`; what the person alone is answered."""
        body = {
            "command": "/verl",
            "text": text,
            "user_id": user,
            "channel_id": channel,
            "team_id": "T0PLAY",
            "trigger_id": trigger or self.playground._deliveries.new_trigger(user),
            "response_url": self.playground._deliveries.new_response_url(user, channel),
        }
        answer = self.app.dispatch(BoltRequest(body=body, mode="socket_mode"))
        assert answer.status == 200
        if not answer.body:
            return ""
        said = json.loads(answer.body)
        check_message(said["text"], said["blocks"])
        return read(said)

    def told(self, user: str = ANA, channel: str = TRAINING) -> str:
        """What the person alone was answered last, after the acknowledgement."""
        messages = self.slack.get("messages", user=user, channel=channel)["messages"]
        return read(next(message for message in reversed(messages) if message["only_for"] == user))

    def click(self, action: str, run_id: str, user: str = ANA, channel: str = TRAINING) -> None:
        """Press a button of a card."""
        where = {
            "channel": {"id": channel},
            "container": {"type": "message", "message_ts": "1767355200.000100", "channel_id": channel},
            "response_url": self.playground._deliveries.new_response_url(user, channel),
        }
        self.act(where, {"type": "button", "action_id": action, "value": run_id}, user)

    def click_on_page(self, action: str, value: str, user: str = ANA) -> None:
        """Press a button of the bot's own page."""
        self.act({"view": {"type": "home"}}, {"type": "button", "action_id": action, "value": value}, user)

    def act(self, where: dict[str, Any], action: dict[str, Any], user: str) -> None:
        body = self.by(user) | where | {"type": "block_actions", "actions": [{"block_id": "b"} | action]}
        assert self.app.dispatch(BoltRequest(body=body, mode="socket_mode")).status == 200

    def by(self, user: str) -> dict[str, Any]:
        """What every interaction of a person's tells."""
        trigger = self.playground._deliveries.new_trigger(user)
        return {"team": {"id": "T0PLAY"}, "user": {"id": user}, "trigger_id": trigger}

    def caller(self, user: str = ANA, channel: str = TRAINING, wish: str | None = None) -> Requester:
        """A person with the role that counts in a channel, as the listeners make one."""
        return Requester(user, channel, self.access.find_actor(user, "T0PLAY", channel), wish)

    # views

    def opens_page(self, user: str = ANA) -> str:
        """Open the bot's own page; what is on it."""
        event = {"type": "app_home_opened", "user": user, "tab": "home"}
        body = {"type": "event_callback", "team_id": "T0PLAY", "event_id": f"Ev{next(self.deliveries)}", "event": event}
        assert self.app.dispatch(BoltRequest(body=body, mode="socket_mode")).status == 200
        self.homes.publish()
        return self.page(user)

    def page(self, user: str = ANA) -> str:
        """The bot's own page as it is now."""
        return read(self.playground._slack.workspace.homes[user].body)

    def view(self, user: str = ANA) -> dict[str, Any]:
        """What is in front of a person, or nothing."""
        found = next((one for one in self.slack.get("state")["modals"] if one["user"] == user), None)
        return found["body"] | {"id": found["id"], "hash": found["hash"]} if found else {}

    def fills(self, user: str = ANA, **values: str) -> dict[str, Any]:
        """The view with what was typed into its fields, by the ends of their blocks' names."""
        view = self.view(user)
        fields = {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}
        named = {next(block for block in fields if block.endswith(end)): text for end, text in values.items()}
        typed = {block: {"value": typed_into(fields[block], text)} for block, text in named.items()}
        return view | {"state": {"values": typed}}

    def chooses(self, recipe: str, user: str = ANA, **values: str) -> None:
        """Choose another recipe in the form."""
        chosen = {"type": "static_select", "action_id": "form_recipe", "selected_option": {"value": recipe}}
        self.act({"view": self.fills(user, **values)}, chosen, user)

    def previews(self, user: str = ANA, **values: str) -> str:
        """Ask the form for its command; the form then."""
        self.act({"view": self.fills(user, **values)}, {"type": "button", "action_id": "form_preview"}, user)
        return read(self.view(user))

    def submits(self, user: str = ANA, **values: str) -> dict[str, str]:
        """Send the form; what is wrong with it, by field."""
        body = self.by(user) | {"type": "view_submission", "view": self.fills(user, **values)}
        answer = self.app.dispatch(BoltRequest(body=body, mode="socket_mode"))
        assert answer.status == 200
        return dict(json.loads(answer.body)["errors"]) if answer.body else {}

    def mention(self, text: str, user: str = ANA, thread_ts: str | None = None, event_id: str | None = None) -> None:
        """Write a message that mentions the bot."""
        event = {"type": "app_mention", "user": user, "text": f"<@U0VERLBOT> {text}", "channel": TRAINING, "ts": "1.0"}
        event |= {"thread_ts": thread_ts} if thread_ts else {}
        if thread_ts is None:
            typed = f"verlbot: {text}" if text.startswith("/") else text  # by itself it would be a command
            event["ts"] = Person(self.slack, user).says(typed)["ts"]
        event_id = event_id or f"Ev{next(self.deliveries)}"
        body = {"type": "event_callback", "team_id": "T0PLAY", "event_id": event_id, "event": event}
        assert self.app.dispatch(BoltRequest(body=body, mode="socket_mode")).status == 200

    # time

    def tick(self, seconds: float = 1) -> None:
        """Let time pass, then one tick, then whatever is to be said."""
        self.moment += timedelta(seconds=seconds)
        self.reconciler.tick()
        self.unreadable.reconcile()
        self.memory_watch.check()
        self.finding_samples.attach()
        self.speak()

    def ticks(self, number: int, seconds: float = 1) -> None:
        for _ in range(number):
            self.tick(seconds)

    def sweep(self, minutes: float = 10) -> timedelta | None:
        """Let time pass, then one sweep, then all notices about it; in how long it wants another."""
        self.moment += timedelta(minutes=minutes)
        wanted = self.sweeper.sweep()
        for _ in range(20):
            wait = self.cluster_notifier.sync()
            if wait is None or wait > timedelta():
                break
        return wanted

    def check_monthly_budgets(self) -> None:
        self.budget_monitor.check()
        self.speak()

    def speak(self) -> None:
        """Turns of the notifier, as long as it wants another at once."""
        for _ in range(50):
            waits = [self.notifier.sync(), self.boards.publish_due_reports(), self.notices.send_due()]
            if all(wait is None or wait > timedelta() for wait in waits):
                return

    # what is there

    def run(self, run_id: str = "smoke-0001") -> Run:
        found = self.store.get(run_id)
        assert found is not None
        return found

    def reads(self, user: str = ANA, channel: str = TRAINING) -> str:
        """The channel as a person sees it, threads included."""
        return self.slack.transcript(user, channel)

    def card(self, run_id: str = "smoke-0001") -> str:
        """The card of a run, as text."""
        ts = self.run(run_id).messages.sent["card"].ts
        channel = self.run(run_id).messages.thread_channel
        messages = self.slack.get("messages", user=ANA, channel=channel)["messages"]
        return next(read(message) for message in messages if message["ts"] == ts)

    def running(self, line: str = "launch smoke nodes=2") -> str:
        """Launch, and let its job be seen to run; the run's id."""
        self.say(line)
        self.ticks(2)
        run_id = self.service.queries.list_active()[0].id
        assert self.run(run_id).status == "running"
        return run_id


def typed_into(element: dict[str, Any], text: str) -> dict[str, Any]:
    """The state of a control that a person has filled in."""
    match element["type"]:
        case "static_select":
            return {"type": element["type"], "selected_option": {"value": text}}
        case "conversations_select":
            return {"type": element["type"], "selected_conversation": text}
        case kind:
            return {"type": kind, "value": text}


def read(message: dict[str, Any]) -> str:
    """What a person reads of a message: its blocks, or else its text."""
    hanging = [block for one in message.get("attachments") or [] for block in one.get("blocks") or []]
    texts = [text for block in [*(message.get("blocks") or []), *hanging] for text in texts_in(block)]
    return "\n".join(texts) or str(message.get("text") or "")


def shown(text: str) -> str:
    """A text as Slack shows it: of a link, its label alone."""
    return re.sub(r"<https?://[^|>]+\|([^>]+)>", r"\1", text)


def texts_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["text"]] if isinstance(value.get("text"), str) else []
        return own + [text for key, inner in value.items() if key != "confirm" for text in texts_in(inner)]
    return [text for inner in value for text in texts_in(inner)] if isinstance(value, list) else []


def changed(cloud: FakeCloud, cluster: str, **fields: Any) -> None:
    """Let the next look show something else of a cluster."""
    cloud.seen[cluster] = replace(cloud.seen[cluster], **fields)
