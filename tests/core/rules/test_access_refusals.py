"""Who may do what: by role and channel, on one's own run, and while Slack does not say who somebody is."""

from dataclasses import replace

import pytest

from bot.core.model.people import (
    COSTS_OR_ENDS,
    REQUIRED_ROLES,
    Act,
    Actor,
    Channel,
    ChannelKind,
    Grants,
    Person,
    PersonKind,
    Role,
)
from bot.core.model.policy import Policy
from bot.core.model.run import Run
from bot.core.model.run_state import Approval, RunStatus
from bot.core.rules.access import check_may_approve, refuse_act
from bot.errors import UserError
from tests.builders import NOON, a_run

ANA, LEA, EVA = "U0ANA", "U0LEA", "U0EVA"
HERE = Channel("C0TRAIN", ChannelKind.PUBLIC)
POLICY = Policy(grants=Grants(holders_by_role={Role.APPROVER: (LEA,), Role.ADMIN: (EVA,)}))


def actor(role: Role, user: str = "U0BEN", own_role: Role | None = None, kind: PersonKind = PersonKind.MEMBER) -> Actor:
    return Actor(user, HERE, Person(user, kind), role, role if own_role is None else own_role)


def unknown(own_role: Role | None = None, user: str = "U0BEN") -> Actor:
    """Somebody of whom Slack says nothing, or where it says nothing of the channel alone."""
    person = None if own_role is None else Person(user, PersonKind.GUEST)
    return Actor(user, None, person, Role.NONE, own_role or Role.NONE, "Slack does not answer in time.")


def is_refused(act: Act, who: Actor, run: Run | None = None, policy: Policy = POLICY) -> str:
    try:
        refuse_act(policy, act, who, run)
    except UserError as error:
        return f"{error.sentence} {error.hint}"
    return ""


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("role", Role)
def test_an_act_needs_its_role_and_no_more(act: Act, role: Role) -> None:
    assert bool(is_refused(act, actor(role), a_run())) == (role < REQUIRED_ROLES[act].role)
    assert bool(is_refused(act, actor(role, ANA), a_run())) == (role < REQUIRED_ROLES[act].on_own)


def test_who_may_stop_the_runs_of_others_is_set_by_the_policy() -> None:
    strict = replace(POLICY, stop_others=Role.ADMIN)
    assert "`admin`" in is_refused(Act.STOP, actor(Role.APPROVER), a_run(), strict)
    assert not is_refused(Act.STOP, actor(Role.NONE, ANA), a_run(), strict)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (PersonKind.STRANGER, "you are in another one"),
        (PersonKind.GUEST, "you are a guest"),
        (PersonKind.BOT, "not other apps"),
        (PersonKind.DEACTIVATED, "deactivated"),
        (PersonKind.MEMBER, "You have no role here."),
    ],
)
def test_who_has_no_role_is_told_why_and_whom_to_ask(kind: PersonKind, said: str) -> None:
    with pytest.raises(UserError, match=said) as refused:
        refuse_act(POLICY, Act.READ, actor(Role.NONE, kind=kind))
    assert refused.value.people == (EVA,)


def test_a_refusal_names_those_who_can_and_says_where_the_person_could() -> None:
    with pytest.raises(UserError, match="`approver`; here you are `launcher`") as refused:
        refuse_act(POLICY, Act.APPROVE, actor(Role.LAUNCHER))
    assert refused.value.people == (LEA, EVA)
    assert "in other channels it is `approver`" in is_refused(Act.APPROVE, actor(Role.VIEWER, own_role=Role.APPROVER))


@pytest.mark.parametrize("act", Act)
def test_while_slack_says_nothing_people_may_look_and_stop_their_own_and_no_more(act: Act) -> None:
    assert bool(is_refused(act, unknown())) == (act is not Act.READ)
    assert bool(is_refused(act, unknown(), a_run())) == (act is not Act.READ)
    free = act in (Act.READ, Act.TUNE, Act.STOP, Act.DISCARD)
    assert bool(is_refused(act, unknown(user=ANA), a_run())) != free
    if act in COSTS_OR_ENDS:
        assert "I cannot check with Slack who you are" in is_refused(act, unknown())


def test_whose_role_is_known_to_be_too_low_is_not_let_in_because_the_channel_is_not_known() -> None:
    assert "you are a guest" in is_refused(Act.READ, unknown(own_role=Role.NONE))
    assert not is_refused(Act.READ, unknown(own_role=Role.VIEWER))
    assert "I cannot check with Slack" in is_refused(Act.LAUNCH, unknown(own_role=Role.LAUNCHER))


WAITING = a_run(status=RunStatus.AWAITING_APPROVAL, approval=Approval((LEA,), NOON, "0" * 64))


@pytest.mark.parametrize(
    ("run", "who", "said"),
    [
        (WAITING, actor(Role.APPROVER, LEA), ""),
        (WAITING, actor(Role.ADMIN, ANA), "can't approve or decline your own"),
        (WAITING, actor(Role.LAUNCHER), "you need the role `approver`"),
        (a_run(), actor(Role.APPROVER, LEA), "isn't waiting for approval"),
        (replace(WAITING, approval=Approval((LEA,), NOON, "0", by=EVA)), actor(Role.APPROVER, LEA), "An approver has "),
    ],
    ids=["approver", "own", "launcher", "waits for none", "answered"],
)
def test_a_launch_is_judged_once_by_another_who_may(run: Run, who: Actor, said: str) -> None:
    if not said:
        check_may_approve(POLICY, run, who)
        return
    with pytest.raises(UserError, match=said):
        check_may_approve(POLICY, run, who)
