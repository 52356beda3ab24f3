"""Who may do what, and where: the lower of the person's role and the channel's."""

import pytest

from bot.core.model.people import (
    COSTS_OR_ENDS,
    GUESTS,
    MEMBERS,
    Act,
    Actor,
    Channel,
    ChannelKind,
    Grants,
    Person,
    PersonKind,
    Role,
)
from bot.core.model.policy import SAFE_POLICY, Policy
from bot.core.model.run import Run
from bot.core.model.run_state import Approval, RunStatus
from bot.core.rules.access import check_may_approve, refuse_act
from tests.builders import a_run, at, refusal_of

ANA, BEN = "U0ANA", "U0BEN"

GRANTS = Grants(
    holders_by_role={
        Role.VIEWER: (GUESTS,),
        Role.LAUNCHER: (MEMBERS,),
        Role.APPROVER: (BEN, "S0LEADS"),
        Role.ADMIN: ("B0APP",),
    },
    highest_by_channel={ChannelKind.SHARED: Role.VIEWER, "C0QUIET": Role.VIEWER},
)
POLICY = Policy(grants=GRANTS)


def person(user: str = ANA, kind: PersonKind = PersonKind.MEMBER, *groups: str) -> Person:
    return Person(user, kind, frozenset(groups))


@pytest.mark.parametrize(
    ("who", "role"),
    [
        pytest.param(person(), Role.LAUNCHER, id="a member"),
        pytest.param(person(BEN), Role.APPROVER, id="by the person's id"),
        pytest.param(person(ANA, PersonKind.MEMBER, "S0LEADS"), Role.APPROVER, id="by a user group"),
        pytest.param(person(ANA, PersonKind.GUEST), Role.VIEWER, id="a guest"),
        pytest.param(person(ANA, PersonKind.STRANGER), Role.NONE, id="a stranger"),
        pytest.param(person("B0APP", PersonKind.BOT), Role.NONE, id="another app, whatever its id was given"),
        pytest.param(person(BEN, PersonKind.DEACTIVATED), Role.NONE, id="who was deactivated"),
    ],
)
def test_the_role_of_a_person(who: Person, role: Role) -> None:
    assert GRANTS.own_role(who) is role


@pytest.mark.parametrize(
    ("who", "channel", "role"),
    [
        pytest.param(person(BEN), Channel("C0TRAIN", ChannelKind.PUBLIC), Role.APPROVER, id="a public channel"),
        pytest.param(person(BEN), Channel("C0THEM", ChannelKind.SHARED), Role.VIEWER, id="a shared channel"),
        pytest.param(person(BEN), Channel("C0QUIET", ChannelKind.PUBLIC), Role.VIEWER, id="a channel of its own bound"),
        pytest.param(
            person(ANA, PersonKind.GUEST),
            Channel("C0TRAIN", ChannelKind.PUBLIC),
            Role.VIEWER,
            id="by no channel more",
        ),
    ],
)
def test_a_role_is_the_lower_of_the_persons_and_the_channels(who: Person, channel: Channel, role: Role) -> None:
    assert GRANTS.effective_role(who, channel) is role


def actor(role: Role, user: str = ANA, own_role: Role | None = None) -> Actor:
    channel = Channel("C0TRAIN", ChannelKind.PUBLIC)
    return Actor(user, channel, person(user), role, role if own_role is None else own_role)


@pytest.mark.parametrize("act", Act)
def test_without_a_role_nothing_may_be_done_but_to_end_ones_own_run(act: Act) -> None:
    nobody = actor(Role.NONE)
    assert refusal_of(lambda: refuse_act(POLICY, act, nobody)) is not None
    own = refusal_of(lambda: refuse_act(POLICY, act, nobody, a_run(requester=ANA)))
    assert (own is None) == (act in (Act.STOP, Act.DISCARD))


@pytest.mark.parametrize(
    ("act", "on", "least"),
    [
        (Act.LAUNCH, None, Role.LAUNCHER),
        (Act.STOP, a_run(requester=BEN), Role.LAUNCHER),
        (Act.DISCARD, a_run(requester=BEN), Role.APPROVER),
        (Act.EXTEND, a_run(requester=BEN), Role.APPROVER),
        (Act.EXTEND, a_run(requester=ANA), Role.LAUNCHER),
        (Act.APPROVE, a_run(requester=BEN), Role.APPROVER),
        (Act.SET_MONTHLY_BUDGET, None, Role.APPROVER),
        (Act.MANAGE_CLUSTER, None, Role.APPROVER),
        (Act.AUDIT, None, Role.ADMIN),
    ],
)
def test_each_act_has_a_least_role(act: Act, on: Run | None, least: Role) -> None:
    for role in Role:
        refused = refusal_of(lambda role=role: refuse_act(POLICY, act, actor(role), on))  # type: ignore[misc]
        assert (refused is None) == (role >= least), role


@pytest.mark.parametrize("act", Act)
def test_while_slack_does_not_say_who_somebody_is_nothing_is_spent_or_ended(act: Act) -> None:
    unknown = Actor(ANA, None, None, Role.NONE, Role.NONE, "no answer")
    refused = refusal_of(lambda: refuse_act(POLICY, act, unknown, a_run(requester=BEN)))
    assert (refused is not None) == (act in COSTS_OR_ENDS or act is Act.TUNE)
    assert ("I cannot check with Slack who you are" in str(refused)) == (act is not Act.READ)
    assert refusal_of(lambda: refuse_act(POLICY, Act.STOP, unknown, a_run(requester=ANA))) is None


def test_a_refusal_says_that_another_channel_allows_more() -> None:
    here = actor(Role.VIEWER, own_role=Role.APPROVER)
    refused = refusal_of(lambda: refuse_act(POLICY, Act.LAUNCH, here))
    assert refused is not None
    assert str(refused.hint) == "In this channel your role is at most `viewer`; in other channels it is `approver`."


def waiting() -> Run:
    approval = Approval((BEN,), at(3600), "0" * 64)
    return a_run(requester=ANA, status=RunStatus.AWAITING_APPROVAL, approval=approval)


def test_nobody_approves_a_launch_of_ones_own() -> None:
    assert refusal_of(lambda: check_may_approve(POLICY, waiting(), actor(Role.ADMIN, BEN))) is None
    for role in Role:
        assert refusal_of(lambda role=role: check_may_approve(POLICY, waiting(), actor(role, ANA)))  # type: ignore[misc]


def test_without_a_file_members_launch_guests_do_not_and_shared_channels_only_look() -> None:
    public, shared = Channel("C1", ChannelKind.PUBLIC), Channel("C2", ChannelKind.SHARED)
    kinds = (PersonKind.MEMBER, PersonKind.GUEST, PersonKind.STRANGER)
    assert [SAFE_POLICY.grants.effective_role(person(ANA, kind), public) for kind in kinds] == [
        Role.LAUNCHER,
        Role.NONE,
        Role.NONE,
    ]
    assert SAFE_POLICY.grants.effective_role(person(), shared) is Role.VIEWER
