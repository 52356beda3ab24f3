"""The policy of an installation, from its YAML file, which is read again when it changes."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from bot.adapters.yaml_files import FAILURES, describe_error, read_as
from bot.core.bounds import Bounds
from bot.core.policy import SAFE, SAFE_BOUNDS, Caps, Fairness, Outside, Policy, Remedy, WhenDown
from bot.core.roles import Grants, Role
from bot.errors import UserError
from bot.language import mark, say

HINT = mark("`verlbot policy init` prints one with comments; docs/policy.md says what each line means.")

RENAMED = {
    "leads": mark("`leads` is now `roles.approver`"),
    "teams": mark("`teams` is now `channels`, with `caps` under each channel"),
}
"""Settings of earlier versions, and what to write now."""

User = Annotated[str, msgspec.Meta(pattern=r"^[UW][A-Z0-9]+$")]
Holder = Annotated[str, msgspec.Meta(pattern=r"^[UWS][A-Z0-9]+$|^members$|^guests$")]
Workspace = Annotated[str, msgspec.Meta(pattern=r"^[TE][A-Z0-9]+$")]
ChannelKey = Annotated[str, msgspec.Meta(pattern=r"^[CGD][A-Z0-9]+$|^public$|^private$|^shared$|^direct$")]
Dollars = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Hours = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
PerMinute = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
RoleWord = Literal["viewer", "launcher", "approver", "admin"]

UNSET = msgspec.UNSET
Unset = msgspec.UnsetType


class CapsYaml(msgspec.Struct, forbid_unknown_fields=True):
    """Caps in the file; the keys set the fields of `Caps`. A missing field is as in `SAFE`, `null` is no cap."""

    runs: Count | Unset | None = UNSET
    gpus: Count | Unset | None = UNSET
    dollars_per_hour: Dollars | Unset | None = UNSET
    dollars_per_month: Dollars | Unset | None = UNSET

    def over(self, caps: Caps) -> Caps:
        """Return caps in which the written fields count."""
        return replace(caps, **given(self))


class BoundsYaml(msgspec.Struct, forbid_unknown_fields=True):
    """Bounds in the file; the keys set the fields of `Bounds`. A missing field changes nothing, `null` is no bound."""

    recipes: list[Pattern] | Unset | None = UNSET
    infra: list[Pattern] | Unset | None = UNSET
    images: list[Pattern] | Unset | None = UNSET
    buckets: list[Pattern] | Unset | None = UNSET
    volumes: list[Pattern] | Unset | None = UNSET
    accelerators: dict[Pattern, Count] | Unset | None = UNSET
    nodes: Count | Unset | None = UNSET
    gpu_hours: Hours | Unset | None = UNSET
    lease_hours: Hours | Unset | None = UNSET
    budget_dollars: Dollars | Unset | None = UNSET
    overrides: list[Pattern] | Unset | None = UNSET
    denied_overrides: list[Pattern] | Unset | None = UNSET
    absolute_outputs: bool | Unset = UNSET

    def over(self, bounds: Bounds) -> Bounds:
        """Return bounds in which the written fields count."""
        written: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in given(self).items()
        }
        return replace(bounds, **written)


class ChannelYaml(msgspec.Struct, forbid_unknown_fields=True):
    """The rules of one channel, or of one kind of channel."""

    most: RoleWord | None = None
    bounds: BoundsYaml = msgspec.field(default_factory=BoundsYaml)
    caps: CapsYaml = msgspec.field(default_factory=CapsYaml)


class RolesYaml(msgspec.Struct, forbid_unknown_fields=True):
    """The people of each role."""

    viewer: list[Holder] = []
    launcher: list[Holder] = []
    approver: list[Holder] = []
    admin: list[Holder] = []


class RoleBoundsYaml(msgspec.Struct, forbid_unknown_fields=True):
    """Bounds of single roles, in addition to those for all."""

    launcher: BoundsYaml | Unset = UNSET
    approver: BoundsYaml | Unset = UNSET
    admin: BoundsYaml | Unset = UNSET


class OutsideYaml(msgspec.Struct, forbid_unknown_fields=True):
    """Rules for external launches; the keys set the fields of `ExternalLaunchPolicy` and of its caps."""

    autostop_idle_minutes: Annotated[int, msgspec.Meta(ge=1)] | None = SAFE.outside.autostop_idle_minutes
    autostop: Remedy = SAFE.outside.autostop
    runs: Count | None = None
    gpus: Count | None = None
    dollars_per_hour: Dollars | None = None
    people: dict[str, User] = {}
    appears_minutes: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = SAFE.outside.appears_minutes
    when_store_is_down: WhenDown = SAFE.outside.when_store_is_down

    def outside(self) -> Outside:
        """Return the rules for external launches."""
        return Outside(
            autostop_idle_minutes=self.autostop_idle_minutes,
            autostop=self.autostop,
            caps=Caps(runs=self.runs, gpus=self.gpus, dollars_per_hour=self.dollars_per_hour),
            people=self.people,
            appears_minutes=self.appears_minutes,
            when_store_is_down=self.when_store_is_down,
        )


class PolicyYaml(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file; its keys set the fields of `Policy`. A missing field counts as without a policy file."""

    roles: RolesYaml | Unset = UNSET
    workspaces: list[Workspace] = []
    stop_others: RoleWord = "launcher"
    channels: dict[ChannelKey, ChannelYaml] = {}
    bounds: BoundsYaml = msgspec.field(default_factory=BoundsYaml)
    bounds_by_role: RoleBoundsYaml = msgspec.field(default_factory=RoleBoundsYaml)
    launches_per_minute: PerMinute | None = SAFE.fairness.launches_per_minute
    questions_per_minute: PerMinute | None = SAFE.fairness.questions_per_minute
    confirm_over_dollars: Dollars | None = SAFE.confirm_over_dollars
    approve_over_dollars: Dollars | None = SAFE.approve_over_dollars
    approve_over_gpu_hours: Hours | None = SAFE.approve_over_gpu_hours
    approve_unpriced: bool = SAFE.approve_unpriced
    approval_lapses_hours: Annotated[float, msgspec.Meta(gt=0, le=1e4)] = SAFE.approval_lapses_hours
    lease_warnings_minutes: tuple[Annotated[float, msgspec.Meta(gt=0, le=1e6)], ...] = SAFE.lease_warnings_minutes
    month_grace_minutes: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = SAFE.month_grace_minutes
    person: CapsYaml = msgspec.field(default_factory=CapsYaml)
    team: CapsYaml = msgspec.field(default_factory=CapsYaml)
    everybody: CapsYaml = msgspec.field(default_factory=CapsYaml)
    outside: OutsideYaml = msgspec.field(default_factory=OutsideYaml)
    shadow: list[str] = []

    def policy(self) -> Policy:
        """Return the policy that the file describes."""
        team = self.team.over(SAFE.team)
        return Policy(
            grants=self.grants(),
            workspaces=frozenset(self.workspaces),
            stop_role=role(self.stop_others),
            bounds=self.role_bounds(),
            channel_bounds={key: one.bounds.over(Bounds()) for key, one in self.channels.items() if given(one.bounds)},
            fairness=Fairness(
                launches_per_minute=self.launches_per_minute, questions_per_minute=self.questions_per_minute
            ),
            confirm_over_dollars=self.confirm_over_dollars,
            approve_over_dollars=self.approve_over_dollars,
            approve_over_gpu_hours=self.approve_over_gpu_hours,
            approve_unpriced=self.approve_unpriced,
            approval_lapses_hours=self.approval_lapses_hours,
            lease_warnings_minutes=self.lease_warnings_minutes,
            month_grace_minutes=self.month_grace_minutes,
            person=self.person.over(SAFE.person),
            team=team,
            teams={key: one.caps.over(team) for key, one in self.channels.items() if given(one.caps)},
            everybody=self.everybody.over(SAFE.everybody),
            outside=self.outside.outside(),
            shadow=tuple(self.shadow),
        )

    def grants(self) -> Grants:
        """Return who has which role, and the highest role in each channel."""
        written = {} if isinstance(self.roles, Unset) else given(self.roles)
        holders = {role(word): tuple(people) for word, people in written.items() if people}
        most = {key: role(one.most) for key, one in self.channels.items() if one.most}
        return Grants(
            given=SAFE.grants.given if isinstance(self.roles, Unset) else holders,
            most={**SAFE.grants.most, **most},
        )

    def role_bounds(self) -> dict[Role, Bounds]:
        """Return the bounds of each role: the role's own over those for all, and those over the safe ones.

        Admins have no bounds unless the file has some for them.
        """
        common = self.bounds.over(SAFE_BOUNDS)
        found = dict.fromkeys((Role.LAUNCHER, Role.APPROVER), common)
        for word, bounds in given(self.bounds_by_role).items():
            base = Bounds() if word == "admin" else common
            found[role(word)] = bounds.over(base)
        return found


def given(struct: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of a struct that the file contains."""
    values = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return {name: value for name, value in values.items() if value is not UNSET}


def role(word: str) -> Role:
    """Return the role of its name in the file."""
    return Role[word.upper()]


def read(path: Path) -> Policy:
    """Return the policy of a file.

    Raises:
        UserError: the file is not a policy, or contradicts itself; the message names the place.
    """
    try:
        policy = read_as(path, PolicyYaml).policy()
    except FAILURES as error:
        why = renamed(error) or describe_error(error)
        raise UserError(say("The policy file {path} cannot be read: {why}.", path=path, why=why), say(HINT)) from error
    if problems := policy.problems():
        why = " ".join(problems)
        raise UserError(say("The policy file {path} contradicts itself: {why}", path=path, why=why), say(HINT))
    return policy


def renamed(error: Exception) -> str:
    """Return what to write instead of a setting of an earlier version; empty if the error is a different one."""
    return next((say(new) for old, new in RENAMED.items() if f"field `{old}`" in str(error)), "")


def differences(before: Policy, after: Policy) -> list[str]:
    """Return the names of the parts that differ between two policies, for the message about the change."""
    old, new = describe(before), describe(after)
    return [name for name in new if old[name] != new[name]]


def describe(policy: Policy) -> dict[str, str]:
    """Return each part of a policy as JSON text, so that the audit shows what was allowed when."""
    return {name: json.dumps(spelled(value), sort_keys=True) for name, value in asdict(policy).items()}


def spelled(value: Any) -> Any:
    """Return a value as JSON has it, with the names of roles and rules."""
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, Mapping):
        return {str(spelled(key)): spelled(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [spelled(one) for one in value]
    return sorted(value) if isinstance(value, set | frozenset) else value
