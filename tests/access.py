"""Who may do what, as `docs/roles.md` prints it, and a bot in which everything can be tried by everybody."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from redis import Redis
from slack_bolt import BoltRequest

from bot.adapters.redis.connection import AUDIT_EVENTS, LEADER, LEADER_EPOCH, LEADER_TERM, STORE_IDENTITY
from bot.core.model.cluster import ClusterState
from bot.core.model.orphan import ListedCluster, Orphan, Ownership
from bot.core.model.people import Grants, Role
from bot.core.model.policy import SAFE_POLICY, UNRESTRICTED, Policy
from bot.core.model.run import Run
from bot.core.model.run_state import Approval, Reason, RunStatus
from slack_playground.workspace import Channel, Message, User, View
from tests.builders import change_run
from tests.story import Bot, read

PAGE = Path(__file__).parent.parent / "docs" / "roles.md"

LADDER = ("none", "viewer", "launcher", "approver", "admin")
"""The roles as the page's first paragraph orders them."""

# What the page says


def tables(text: str) -> Iterator[list[dict[str, str]]]:
    """Yield each table of a page, a row as its cells by the names of their columns."""
    for lines in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = (
            [cell.strip().strip("`").replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in lines.splitlines()
        )
        yield [dict(zip(head, row, strict=True)) for row in rows]


@dataclass(frozen=True)
class Row:
    """A command, or a registration of the app, as the page has it."""

    name: str
    act: str
    where: str
    text: str


@dataclass(frozen=True)
class Promised:
    """All tables of the page.

    Attributes:
        acts: the roles that an act needs, on anything and on their own run.
        people: the role of each kind without a policy file; channels: the highest that counts in each kind.
    """

    acts: Mapping[str, tuple[str, str]]
    commands: Mapping[str, Row]
    doors: Mapping[str, Row]
    people: Mapping[str, str]
    channels: Mapping[str, str]

    @classmethod
    def of_page(cls) -> "Promised":
        acts, commands, doors, people, channels = tables(PAGE.read_text())
        return cls(
            {row["act"]: (row["on anything"], row["on their own run"]) for row in acts},
            {one["command"]: Row(one["command"], one["act"], "there", one["shows a run's text"]) for one in commands},
            {
                one["registered for"]: Row(
                    one["registered for"], one["act"], one["role counts"], one["shows a run's text"]
                )
                for one in doors
            },
            {row["who"]: row["role without a policy file"] for row in people},
            {row["channel"]: row["highest role that counts"] for row in channels},
        )

    def allows(self, row: Row, role: str, kind: str, own: bool, sees: bool = True) -> bool:
        """Return whether a person may.

        Args:
            role: of the person; kind: of the channel; own: whether the run is the person's.
            sees: whether the person may read the run.
        """
        counts = LADDER[min(LADDER.index(role), LADDER.index(self.channels[kind]))]
        needed = self.acts[row.act][own]
        if needed == "never" or (row.text == "yes" and not sees):
            return False
        return LADDER.index(counts) >= LADDER.index(needed)


# People and places


@dataclass(frozen=True)
class Kind:
    """A kind of person.

    Attributes:
        is_a: what the page calls it; role: given by id, or empty where the defaults count.
        slack: what is different in Slack's description.
    """

    user: str
    is_a: str = "member"
    role: str = ""
    slack: Mapping[str, Any] = field(default_factory=dict)

    @property
    def team(self) -> str:
        return str(self.slack.get("team") or "T0PLAY")

    def role_by(self, promised: Promised) -> str:
        return self.role or promised.people[self.is_a]


KINDS: Mapping[str, Kind] = {
    "admin": Kind("U0ADMIN", role="admin"),
    "approver": Kind("U0APPROVER", role="approver"),
    "launcher": Kind("U0LAUNCHER", role="launcher"),
    "viewer": Kind("U0VIEWER", role="viewer"),
    "without a role any more": Kind("U0FORMER", role="none"),
    "member by default": Kind("U0MEMBER"),
    "single-channel guest": Kind("U0SINGLE", "guest", slack={"is_guest": True, "is_in_one_channel": True}),
    "multi-channel guest": Kind("U0MULTI", "guest", slack={"is_guest": True}),
    "of another company": Kind("U0OTHER", "stranger", slack={"team": "T0OTHER"}),
    "deactivated": Kind("U0GONE", "deactivated", slack={"is_deleted": True}),
    "another app": Kind("U0APP", "bot", slack={"is_bot": True}),
    "not in the private channel": Kind("U0OUTSIDE", role="launcher"),
}
OUTSIDE = KINDS["not in the private channel"]
OWNER = "U0OWNER"
"""Who owns what the person in question does not; in all channels, and of no other part."""

GIVEN: Mapping[Role, tuple[str, ...]] = {
    role: tuple(kind.user for kind in KINDS.values() if kind.role == role.word)
    for role in Role
    if role is not Role.NONE
}
BY_IDS = Policy(grants=Grants(holders_by_role=GIVEN, highest_by_channel=SAFE_POLICY.grants.highest_by_channel))
BY_DEFAULT = Policy(grants=SAFE_POLICY.grants)
"""The defaults of an installation without a policy file, but for bounds and caps."""

CHANNELS: Mapping[str, str] = {"public": "C0TRAIN", "private": "C0HIDDEN", "shared": "C0SHARED"}
ELSEWHERE = "C0RANDOM"
"""A public channel that everybody is in, and no run is of."""


def populate(bot: Bot) -> None:
    """Put everybody into every channel, but for the one who is not in the private one."""
    workspace = bot.playground._slack.workspace
    workspace.users[OWNER] = User(OWNER, "owner")
    for kind in KINDS.values():
        workspace.users[kind.user] = User(kind.user, kind.user[2:].lower(), **kind.slack)
    everybody = list(workspace.users)
    for name, is_private, is_shared in (
        (ELSEWHERE, False, False),
        ("C0TRAIN", False, False),
        ("C0HIDDEN", True, False),
    ):
        workspace.channels[name] = Channel(name, name[2:].lower(), is_private, is_shared=is_shared, members=everybody)
    workspace.channels["C0SHARED"] = Channel("C0SHARED", "shared", is_shared=True, members=everybody)
    workspace.channels["C0HIDDEN"].members = [user for user in everybody if user != OUTSIDE.user]


# What is there

LIVE, OVER, WAITS, KEPT, SECOND = (f"smoke-{number:04x}" for number in range(1, 6))
RUNS = (LIVE, OVER, WAITS, KEPT, SECOND)
BOX = "box-1"


def furnish(bot: Bot, channel: str) -> None:
    """Record a run of each sort, a report and a cluster without a run; none of them waits for time."""
    bot.policy = UNRESTRICTED
    for _ in RUNS:
        said = bot.say("launch smoke nodes=2", OWNER, channel)
        assert "Launching" in said, said
    bot.ticks(2)
    for name in (LIVE, SECOND):
        bot.cloud.print(f"verl-{name}", "(TaskRunner pid=7) step:20 - critic/rewards/mean:0.41 - timing_s/step:1.0")
    bot.tick()
    assert bot.run(LIVE).training.progress.step == 20
    for name, change in CHANGES.items():
        bot.store.update(name, lambda run, change=change: change(bot, run))  # type: ignore[misc]  # mypy takes the default for a second type
    bot.store.archive(OVER)
    bot.say("report weekdays 08:00 tz=UTC", OWNER, channel)
    standing = ListedCluster(id=BOX, name="box", status=ClusterState.UP, launched_at=bot.moment)
    orphan = Orphan(
        cluster=standing,
        ownership=Ownership.UNCLAIMED,
        first_seen_at=bot.moment,
        last_seen_at=bot.moment,
        channel=channel,
    )
    bot.store.change_orphan(BOX, lambda _: orphan)


def ended(bot: Bot, run: Run) -> Run:
    saved = replace(
        run.training.progress, step=20, checkpoint_step=20, checkpoint=f"/checkpoints/{run.id}/global_step_20"
    )
    over = replace(run.close(Reason.FAILED, bot.moment), status=RunStatus.ENDED, closed_at=bot.moment)
    return change_run(
        over, command_line="launch smoke nodes=2 volume=models", checkpoint_store="models", progress=saved, resumes=True
    )


def waiting(bot: Bot, run: Run) -> Run:
    approval = Approval((KINDS["approver"].user,), bot.moment + timedelta(days=1), run.plan.task_hash)
    return change_run(
        run,
        status=RunStatus.AWAITING_APPROVAL,
        approval=approval,
        launch_requested_at=None,
        first_launch_requested_at=None,
    )


def kept(bot: Bot, run: Run) -> Run:
    keeping = replace(run.checkpoint_rescue, people_notified_at=bot.moment, deadline=bot.moment + timedelta(hours=1))
    return replace(
        run, checkpoint_rescue=keeping, status=RunStatus.STOPPING, reason=Reason.SUCCEEDED, finished_at=bot.moment
    )


CHANGES: Mapping[str, Callable[[Bot, Run], Run]] = {OVER: ended, WAITS: waiting, KEPT: kept}

# What is done

WRITTEN = "1767355200.000100"
"""Slack's id of the message that mentions the bot, or has the button."""


@dataclass(frozen=True)
class Outcome:
    """What came of something that a person did.

    Attributes:
        text: all that any person can read, in messages and views.
        changed: whether the store has.
        raw: the same with all that Slack got, such as questions of buttons, values and names of files.
    """

    text: str
    changed: bool
    raw: str = ""

    @property
    def refused(self) -> bool:
        said = [line for line in self.text.splitlines() if REHEARSED not in line]
        return any(phrase in line for phrase in REFUSALS for line in said)


REHEARSED = "*This would be refused.*"
"""Begins what a rehearsal says of a launch, which is no refusal of the rehearsal."""

REFUSALS = (
    "you need the role",
    "I only answer members of my own workspace",
    "I only answer full members of this workspace",
    "I only answer people, not other apps",
    "This account is deactivated",
    "You have no role here",
    "belongs to a private channel that you are not in",
    "here: people who are not in its private channel",
    "You can't approve or decline your own launch",
    "You are not in that channel, or I am not",
    "people who are not in its private channel",
)

Dump = Mapping[bytes, bytes]


def is_apart(key: str) -> bool:
    return key in (AUDIT_EVENTS, LEADER, LEADER_EPOCH, LEADER_TERM, STORE_IDENTITY) or key.endswith(":events")


@dataclass
class World:
    """A bot of which everything can be put back.

    Attributes:
        form: that of a launch, as it was opened when more was allowed.
        dumps: the store with all that is in a channel, by the kind of the channel.
    """

    bot: Bot
    redis: Redis
    form: dict[str, Any]
    dumps: dict[str, Dump] = field(default_factory=dict)

    @classmethod
    def made(cls, bot: Bot, redis: Redis) -> "World":
        redis.flushall()
        populate(bot)
        bot.policy = UNRESTRICTED
        bot.say("launch", OWNER)
        return cls(bot, redis, bot.view(OWNER) | {"state": {"values": {}}})

    def dump(self) -> Dump:
        """Return what the store holds, but who leads and who did what: a refusal is an event, and no change."""
        keys = sorted(key for key in cast(list[bytes], self.redis.keys()) if not is_apart(key.decode()))
        with self.redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.dump(key)
            return dict(zip(keys, pipe.execute(), strict=True))

    def put_back(self, dump: Dump) -> None:
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.flushall()
            for key, value in dump.items():
                pipe.restore(key, 0, value)
            pipe.execute()
        self.bot.listeners.language_preferences.refresh()

    def furnished(self, kind: str, owner: str) -> Dump:
        """Return the store with all that there is in a channel of this kind, of this owner; the channel is made."""
        if kind not in self.dumps:
            self.put_back({})
            self.bot.cloud.seen.clear()
            self.bot.cloud.logs.clear()
            self.bot.ids = iter(range(1, 1000))  # type: ignore[assignment]  # as a count, from the beginning
            furnish(self.bot, CHANNELS[kind])
            self.dumps[kind] = self.dump()
        self.put_back(self.dumps[kind])
        if owner != OWNER:
            for name in RUNS:
                self.bot.store.update(name, lambda run: replace(run, requester=owner))
        return self.dump()

    def outcome(self, before: Dump, attempt: "Try", kind: Kind, channel: str = "") -> Outcome:
        """Do something as a person in a channel, and say what came of it; what has changed is put back."""
        slack = self.bot.playground._slack
        slack.workspace.messages.clear()
        slack.modals.clear()
        slack.workspace.homes.clear()
        slack.workspace.files.clear()
        answered = attempt(self, kind, channel)
        messages = [
            one for some in slack.workspace.messages.values() for one in some if one.user == slack.workspace.bot
        ]
        told = [read({"text": one.text, "blocks": one.blocks, "attachments": one.attachments}) for one in messages]
        views = [*(view for stack in slack.modals.values() for view in stack), *slack.workspace.homes.values()]
        shown = [read(view.body) for view in views if view.hash != self.form["hash"]]
        after = self.dump()
        if after != before:
            self.put_back(before)
        for key in self.redis.keys("*:events"):  # a refusal that a later look at a history would show
            self.redis.delete(key)
        files = [f"{file.name} {file.title} {file.content!r}" for file in slack.workspace.files.values()]
        raw = [answered, *files, *(json.dumps(view.body) for view in views)]
        raw += [json.dumps([one.text, one.blocks, one.attachments]) for one in messages]
        return Outcome("\n".join([answered, *told, *shown]), after != before, "\n".join(raw))

    # ways in

    def dispatch(self, body: dict[str, Any]) -> str:
        answer = self.bot.app.dispatch(BoltRequest(body=body, mode="socket_mode"))
        assert answer.status == 200
        said = json.loads(answer.body) if answer.body else {}
        return json.dumps(said["errors"]) if "errors" in said else read(said) if said else ""

    def types(self, kind: Kind, text: str, channel: str) -> str:
        deliveries = self.bot.playground._deliveries
        where = {"channel_id": channel, "response_url": deliveries.new_response_url(kind.user, channel)}
        who = {"user_id": kind.user, "team_id": kind.team, "trigger_id": deliveries.new_trigger(kind.user)}
        return self.dispatch({"command": "/verl", "text": text} | where | who)

    def mentions(self, kind: Kind, text: str, channel: str) -> str:
        event = {"type": "app_mention", "user": kind.user, "text": f"<@U0VERLBOT> {text}", "channel": channel}
        event |= {"ts": WRITTEN, "user_team": kind.team}
        self.bot.playground._slack.workspace.add(Message(WRITTEN, channel, kind.user, text))
        event |= {"bot_id": "B0APP"} if kind.is_a == "bot" else {}
        return self.dispatch(self.event(event))

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        event_id = f"Ev{next(self.bot.deliveries)}"
        return {"type": "event_callback", "team_id": "T0PLAY", "event_id": event_id, "event": event}

    def opens_page(self, kind: Kind) -> str:
        self.bot.homes._opened_at.clear()
        self.bot.homes._published_blocks.clear()
        said = self.dispatch(
            self.event({"type": "app_home_opened", "user": kind.user, "tab": "home", "user_team": kind.team})
        )
        self.bot.homes.publish()
        return said

    def presses(self, kind: Kind, action: dict[str, Any], where: dict[str, Any]) -> str:
        by = {"id": kind.user, "team_id": kind.team}
        body = {"type": "block_actions", "user": by, "team": {"id": kind.team}, "actions": [{"block_id": "b"} | action]}
        body["trigger_id"] = self.bot.playground._deliveries.new_trigger(kind.user)
        return self.dispatch(body | where)

    def in_channel(self, kind: Kind, channel: str) -> dict[str, Any]:
        container = {"type": "message", "message_ts": WRITTEN, "channel_id": channel}
        url = self.bot.playground._deliveries.new_response_url(kind.user, channel)
        return {"channel": {"id": channel}, "container": container, "response_url": url}

    def submits(self, kind: Kind, view: dict[str, Any]) -> str:
        by = {"id": kind.user, "team_id": kind.team}
        return self.dispatch({"type": "view_submission", "user": by, "team": {"id": kind.team}, "view": view})

    def form_in(self, kind: Kind, channel: str) -> dict[str, Any]:
        """Put the form of a launch, as it was opened in a channel, in front of a person."""
        kept = json.loads(self.form["private_metadata"]) | {"channel": channel}
        body = self.form | {"private_metadata": json.dumps(kept)}
        view = View(body["id"], kind.user, body, body["hash"], root=body["id"])
        self.bot.playground._slack.modals[kind.user] = [view]
        return body

    def card_form_in(self, channel: str, word: str, run: str, value: str) -> dict[str, Any]:
        """Return a form of a card as it was opened in a channel, filled in."""
        return {
            "id": "V1",
            "type": "modal",
            "hash": "",
            "callback_id": "decline_form" if word == "decline" else "limit_form",
            "private_metadata": f"{word} {run} {channel}",
            "blocks": [{"type": "input", "block_id": "value"}],
            "state": {"values": {"value": {"value": {"type": "plain_text_input", "value": value}}}},
        }


Try = Callable[[World, Kind, str], str]
"""Does something as a person in a channel; what was acknowledged."""
