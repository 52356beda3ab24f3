"""Who somebody is here, and who sees what, by what Slack says of people and channels, or does not say."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from bot.app.access_control import AccessControl
from bot.core.model.people import APP_HOME, MEMBERS, Actor, Channel, ChannelKind, Grants, Person, PersonKind, Role
from bot.core.model.policy import Policy
from bot.core.model.run import Run
from bot.core.model.run_state import Approval, RunStatus
from bot.errors import Unavailable, UserError
from tests.builders import NOON, a_run, change_run

ANA, BEN, LEA, EVA, GUS, SAM = "U0ANA", "U0BEN", "U0LEA", "U0EVA", "U0GUS", "U0SAM"
KINDS = {GUS: PersonKind.GUEST, SAM: PersonKind.STRANGER}
CHANNELS = {
    "C0TRAIN": ChannelKind.PUBLIC,
    "C0RANDOM": ChannelKind.PUBLIC,
    "C0HIDDEN": ChannelKind.PRIVATE,
    "C0SHARED": ChannelKind.SHARED,
    "D0BEN": ChannelKind.DIRECT,
}
PUBLIC_RUN, PRIVATE_RUN = a_run(channel="C0TRAIN"), a_run(channel="C0HIDDEN")
POLICY = Policy(
    grants=Grants(
        holders_by_role={Role.LAUNCHER: (MEMBERS,), Role.APPROVER: (LEA,), Role.ADMIN: (EVA,)},
        highest_by_channel={ChannelKind.SHARED: Role.VIEWER},
    )
)


@dataclass
class KnownDirectory:
    """Slack's word, in memory.

    Attributes:
        members: who is in which channel; silent: the questions that get no answer.
    """

    members: Mapping[str, frozenset[str]] = field(default_factory=lambda: {"C0HIDDEN": frozenset({ANA, BEN})})
    silent: frozenset[str] = frozenset()

    def _answers(self, question: str) -> None:
        if question in self.silent:
            raise Unavailable("Slack does not answer in time.")

    def get_person(self, user: str, team: str, groups: frozenset[str], workspaces: frozenset[str]) -> Person:
        self._answers("person")
        return Person(user, KINDS.get(user, PersonKind.MEMBER))

    def get_channel(self, channel_id: str) -> Channel:
        self._answers("channel")
        return Channel(channel_id, CHANNELS[channel_id])

    def is_in(self, user: str, channel_id: str) -> bool:
        self._answers("is_in")
        return user in self.members.get(channel_id, ())


def control(*silent: str) -> AccessControl:
    return AccessControl(KnownDirectory(silent=frozenset(silent)), lambda: POLICY)


def actor(user: str, channel: str, *silent: str) -> Actor:
    return control(*silent).find_actor(user, "T0PLAY", channel)


@pytest.mark.parametrize(
    ("user", "channel", "role", "own_role"),
    [
        (ANA, "C0TRAIN", Role.LAUNCHER, Role.LAUNCHER),
        (LEA, "C0SHARED", Role.VIEWER, Role.APPROVER),
        (EVA, "", Role.ADMIN, Role.ADMIN),
        (GUS, "C0TRAIN", Role.NONE, Role.NONE),
        (SAM, "C0SHARED", Role.NONE, Role.NONE),
    ],
)
def test_the_lower_role_counts(user: str, channel: str, role: Role, own_role: Role) -> None:
    found = actor(user, channel)
    assert (found.role, found.own_role) == (role, own_role)
    assert found.is_known
    assert found.channel == (Channel(channel, CHANNELS[channel]) if channel else APP_HOME)


def test_what_slack_does_not_say_is_left_open_and_gives_no_role() -> None:
    nobody, nowhere = actor(EVA, "C0TRAIN", "person"), actor(EVA, "C0TRAIN", "channel")
    assert (nobody.person, nobody.role, nobody.own_role, str(nobody.trouble) != "") == (
        None,
        Role.NONE,
        Role.NONE,
        True,
    )
    assert (nowhere.channel, nowhere.role, nowhere.own_role) == (None, Role.NONE, Role.ADMIN)


WAITING = replace(PRIVATE_RUN, status=RunStatus.AWAITING_APPROVAL, approval=Approval((LEA,), NOON, "0" * 64))


@pytest.mark.parametrize(
    ("user", "channel", "run", "sees"),
    [
        (ANA, "C0RANDOM", PRIVATE_RUN, True),  # owns it
        (BEN, "C0RANDOM", PRIVATE_RUN, True),  # is in its channel
        (GUS, "C0HIDDEN", PRIVATE_RUN, True),  # types there
        (EVA, "C0RANDOM", PRIVATE_RUN, True),  # an admin
        (EVA, "C0SHARED", PRIVATE_RUN, False),  # an admin counts as a viewer there
        (LEA, "C0RANDOM", PRIVATE_RUN, False),
        (LEA, "C0RANDOM", WAITING, True),  # approves what waits
        (BEN, "C0RANDOM", replace(WAITING, channel="C0SHARED"), False),
        (LEA, "", PUBLIC_RUN, True),
        (GUS, "C0RANDOM", PUBLIC_RUN, False),  # a guest sees no other public channel
        (SAM, "C0SHARED", PUBLIC_RUN, False),
    ],
)
def test_who_sees_a_run(user: str, channel: str, run: Run, sees: bool) -> None:
    assert control().can_see(actor(user, channel), run) == sees


@pytest.mark.parametrize("silent", ["channel", "is_in"])
def test_while_slack_says_nothing_a_private_run_is_shown_to_its_owner_and_admins_alone(silent: str) -> None:
    assert control(silent).can_see(actor(ANA, "C0RANDOM"), PRIVATE_RUN)
    assert control(silent).can_see(actor(EVA, "C0RANDOM"), PRIVATE_RUN)
    assert not control(silent).can_see(actor(BEN, "C0RANDOM"), PRIVATE_RUN)


@pytest.mark.parametrize(
    ("channel", "run", "sees"),
    [
        ("C0HIDDEN", PRIVATE_RUN, True),
        ("C0RANDOM", PRIVATE_RUN, False),
        ("C0RANDOM", PUBLIC_RUN, True),
        ("C0HIDDEN", PUBLIC_RUN, True),
        ("C0SHARED", PUBLIC_RUN, False),  # other companies see no public channel
        ("C0SHARED", replace(PUBLIC_RUN, channel="C0SHARED"), True),
        ("D0BEN", change_run(PRIVATE_RUN, thread_channel="D0BEN"), True),
    ],
)
def test_what_a_whole_channel_may_read_even_an_admin_is_shown_no_more_of_there(
    channel: str, run: Run, sees: bool
) -> None:
    assert control().can_channel_see(channel, run) == sees
    heard = replace(actor(EVA, channel), role=Role.ADMIN, is_channel_audience=True)
    assert control().can_see(heard, run) == sees


def test_while_slack_says_nothing_a_channel_sees_its_own_runs_alone() -> None:
    assert control("channel").can_channel_see("C0HIDDEN", PRIVATE_RUN)
    assert not control("channel").can_channel_see("C0RANDOM", PUBLIC_RUN)


@pytest.mark.parametrize(
    ("user", "channel", "silent", "said"),
    [
        (GUS, "C0TRAIN", (), ""),
        (BEN, "C0HIDDEN", (), ""),
        (LEA, "C0HIDDEN", (), "You are not in that channel"),
        (LEA, "C0SHARED", (), "You are not in that channel"),
        (
            BEN,
            "C0HIDDEN",
            ("is_in",),
            "^I could not check whether you are in that channel: Slack does not answer in time\\.$",
        ),
    ],
)
def test_a_run_is_posted_where_its_person_is(user: str, channel: str, silent: tuple[str, ...], said: str) -> None:
    if not said:
        control(*silent).refuse_non_member(user, channel)
        return
    with pytest.raises(UserError, match=said):
        control(*silent).refuse_non_member(user, channel)
