"""The policy of an installation, from its YAML file, which is read again when it changes."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from bot.adapters.files.recipe_files import FINDING_NAMES
from bot.adapters.files.yaml_reader import READ_ERRORS, describe_error, read_yaml_as
from bot.core.model.finding import FindingAction
from bot.core.model.people import BOUNDED_ROLES, Grants, Role
from bot.core.model.policy import (
    SAFE_BOUNDS,
    SAFE_POLICY,
    AutostopRemedy,
    Bounds,
    Caps,
    ExternalLaunchPolicy,
    Fairness,
    Policy,
    StoreOutageBehaviour,
)
from bot.core.rules.health.stall import STALL_NAME
from bot.errors import UserError
from bot.phrase import N_, Phrase, Text

POLICY_HINT = N_("`verlbot policy init` prints an example with comments; docs/policy.md explains each line.")

RENAMED_SETTINGS = {
    "leads": N_("`leads` is now `roles.approver`"),
    "teams": N_("`teams` is now `channels`, with `caps` under each channel"),
}
"""Settings of earlier versions, and what to write now."""

UserId = Annotated[str, msgspec.Meta(pattern=r"^[UW][A-Z0-9]+$")]
RoleHolder = Annotated[str, msgspec.Meta(pattern=r"^[UWS][A-Z0-9]+$|^members$|^guests$")]
WorkspaceId = Annotated[str, msgspec.Meta(pattern=r"^[TE][A-Z0-9]+$")]
ChannelKey = Annotated[str, msgspec.Meta(pattern=r"^[CGD][A-Z0-9]+$|^public$|^private$|^shared$|^direct$")]
CapDollars = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
CapHours = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
PerMinute = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
PatternText = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
RoleWord = Literal["viewer", "launcher", "approver", "admin"]

UNSET = msgspec.UNSET
UnsetType = msgspec.UnsetType


class CapsYaml(msgspec.Struct, forbid_unknown_fields=True):
    """Caps in the file; the keys set the fields of `Caps`. A missing field is as in `SAFE`, `null` is no cap."""

    runs: Count | UnsetType | None = UNSET
    gpus: Count | UnsetType | None = UNSET
    dollars_per_hour: CapDollars | UnsetType | None = UNSET
    dollars_per_month: CapDollars | UnsetType | None = UNSET

    def apply_to(self, caps: Caps) -> Caps:
        """Return caps in which the written fields count."""
        return replace(caps, **get_written_fields(self))


class BoundsYaml(msgspec.Struct, forbid_unknown_fields=True):
    """Bounds in the file; the keys set the fields of `Bounds`. A missing field changes nothing, `null` is no bound."""

    recipes: list[PatternText] | UnsetType | None = UNSET
    code: list[PatternText] | UnsetType | None = UNSET
    infra: list[PatternText] | UnsetType | None = UNSET
    images: list[PatternText] | UnsetType | None = UNSET
    buckets: list[PatternText] | UnsetType | None = UNSET
    volumes: list[PatternText] | UnsetType | None = UNSET
    accelerators: dict[PatternText, Count] | UnsetType | None = UNSET
    nodes: Count | UnsetType | None = UNSET
    gpu_hours: CapHours | UnsetType | None = UNSET
    lease_hours: CapHours | UnsetType | None = UNSET
    budget_dollars: CapDollars | UnsetType | None = UNSET
    keep_hours: CapHours | UnsetType | None = UNSET
    overrides: list[PatternText] | UnsetType | None = UNSET
    denied_overrides: list[PatternText] | UnsetType | None = UNSET
    absolute_outputs: bool | UnsetType = UNSET

    def apply_to(self, bounds: Bounds) -> Bounds:
        """Return bounds in which the written fields count."""
        written: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in get_written_fields(self).items()
        }
        return replace(bounds, **written)


class ChannelYaml(msgspec.Struct, forbid_unknown_fields=True):
    """The rules of one channel, or of one kind of channel."""

    highest_role: RoleWord | None = None
    bounds: BoundsYaml = msgspec.field(default_factory=BoundsYaml)
    caps: CapsYaml = msgspec.field(default_factory=CapsYaml)


class RolesYaml(msgspec.Struct, forbid_unknown_fields=True):
    """The people of each role."""

    viewer: list[RoleHolder] = []
    launcher: list[RoleHolder] = []
    approver: list[RoleHolder] = []
    admin: list[RoleHolder] = []


class RoleBoundsYaml(msgspec.Struct, forbid_unknown_fields=True):
    """Bounds of single roles, in addition to those for all."""

    launcher: BoundsYaml | UnsetType = UNSET
    approver: BoundsYaml | UnsetType = UNSET
    admin: BoundsYaml | UnsetType = UNSET


class ExternalLaunchesYaml(msgspec.Struct, forbid_unknown_fields=True):
    """Rules for external launches; the keys set the fields of `ExternalLaunchPolicy` and of its caps."""

    autostop_idle_minutes: Annotated[int, msgspec.Meta(ge=1)] | None = (
        SAFE_POLICY.external_launches.autostop_idle_minutes
    )
    autostop: AutostopRemedy = SAFE_POLICY.external_launches.autostop
    runs: Count | None = None
    gpus: Count | None = None
    dollars_per_hour: CapDollars | None = None
    people: dict[str, UserId] = {}
    reservation_ttl_minutes: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = (
        SAFE_POLICY.external_launches.reservation_ttl_minutes
    )
    on_store_outage: StoreOutageBehaviour = SAFE_POLICY.external_launches.on_store_outage

    def to_external_launches(self) -> ExternalLaunchPolicy:
        """Return the rules for external launches."""
        return ExternalLaunchPolicy(
            autostop_idle_minutes=self.autostop_idle_minutes,
            autostop=self.autostop,
            caps=Caps(runs=self.runs, gpus=self.gpus, dollars_per_hour=self.dollars_per_hour),
            people=self.people,
            reservation_ttl_minutes=self.reservation_ttl_minutes,
            on_store_outage=self.on_store_outage,
        )


class PolicyYaml(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file; its keys set the fields of `Policy`. A missing field counts as without a policy file."""

    roles: RolesYaml | UnsetType = UNSET
    member_workspaces: list[WorkspaceId] = []
    stop_others: RoleWord = "launcher"
    channels: dict[ChannelKey, ChannelYaml] = {}
    bounds: BoundsYaml = msgspec.field(default_factory=BoundsYaml)
    bounds_by_role: RoleBoundsYaml = msgspec.field(default_factory=RoleBoundsYaml)
    launches_per_minute: PerMinute | None = SAFE_POLICY.fairness.launches_per_minute
    questions_per_minute: PerMinute | None = SAFE_POLICY.fairness.questions_per_minute
    confirm_above_dollars: CapDollars | None = SAFE_POLICY.confirm_above_dollars
    approve_above_dollars: CapDollars | None = SAFE_POLICY.approve_above_dollars
    approve_above_gpu_hours: CapHours | None = SAFE_POLICY.approve_above_gpu_hours
    approve_unpriced: bool = SAFE_POLICY.approve_unpriced
    approval_timeout_hours: Annotated[float, msgspec.Meta(gt=0, le=1e4)] = SAFE_POLICY.approval_timeout_hours
    lease_warnings_minutes: tuple[Annotated[float, msgspec.Meta(gt=0, le=1e6)], ...] = (
        SAFE_POLICY.lease_warnings_minutes
    )
    month_grace_minutes: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = SAFE_POLICY.month_grace_minutes
    person: CapsYaml = msgspec.field(default_factory=CapsYaml)
    team: CapsYaml = msgspec.field(default_factory=CapsYaml)
    workspace: CapsYaml = msgspec.field(default_factory=CapsYaml)
    external_launches: ExternalLaunchesYaml = msgspec.field(default_factory=ExternalLaunchesYaml)
    report_only: list[str] = []
    finding_actions: dict[str, FindingAction] = {}
    keep_hours: Annotated[float, msgspec.Meta(ge=0, le=24)] = SAFE_POLICY.keep_hours

    def to_policy(self) -> Policy:
        """Return the policy that the file describes."""
        team = self.team.apply_to(SAFE_POLICY.team)
        return Policy(
            grants=self.build_grants(),
            member_workspaces=frozenset(self.member_workspaces),
            stop_others=parse_role(self.stop_others),
            bounds_by_role=self.build_role_bounds(),
            channel_bounds={
                key: channel.bounds.apply_to(Bounds())
                for key, channel in self.channels.items()
                if get_written_fields(channel.bounds)
            },
            fairness=Fairness(
                launches_per_minute=self.launches_per_minute, questions_per_minute=self.questions_per_minute
            ),
            confirm_above_dollars=self.confirm_above_dollars,
            approve_above_dollars=self.approve_above_dollars,
            approve_above_gpu_hours=self.approve_above_gpu_hours,
            approve_unpriced=self.approve_unpriced,
            approval_timeout_hours=self.approval_timeout_hours,
            lease_warnings_minutes=self.lease_warnings_minutes,
            month_grace_minutes=self.month_grace_minutes,
            person=self.person.apply_to(SAFE_POLICY.person),
            team=team,
            teams={
                key: channel.caps.apply_to(team)
                for key, channel in self.channels.items()
                if get_written_fields(channel.caps)
            },
            workspace=self.workspace.apply_to(SAFE_POLICY.workspace),
            external_launches=self.external_launches.to_external_launches(),
            report_only=tuple(self.report_only),
            finding_actions=self.finding_actions,
            keep_hours=self.keep_hours,
        )

    def build_grants(self) -> Grants:
        """Return who has which role, and the highest role in each channel."""
        written = {} if isinstance(self.roles, UnsetType) else get_written_fields(self.roles)
        holders = {parse_role(word): tuple(people) for word, people in written.items() if people}
        highest_roles = {
            key: parse_role(channel.highest_role) for key, channel in self.channels.items() if channel.highest_role
        }
        return Grants(
            holders_by_role=SAFE_POLICY.grants.holders_by_role if isinstance(self.roles, UnsetType) else holders,
            highest_by_channel={**SAFE_POLICY.grants.highest_by_channel, **highest_roles},
        )

    def build_role_bounds(self) -> dict[Role, Bounds]:
        """Return the bounds of each role: the role's own over those for all, and those over the safe ones.

        Admins have no bounds unless the file has some for them.
        """
        common = self.bounds.apply_to(SAFE_BOUNDS)
        bounds_by_role = dict.fromkeys(BOUNDED_ROLES, common)
        for word, bounds in get_written_fields(self.bounds_by_role).items():
            base = Bounds() if word == "admin" else common
            bounds_by_role[parse_role(word)] = bounds.apply_to(base)
        return bounds_by_role


def get_written_fields(struct: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of a struct that the file contains."""
    values = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return {name: value for name, value in values.items() if value is not UNSET}


def parse_role(word: str) -> Role:
    """Return the role of its name in the file."""
    return Role[word.upper()]


def read_policy(path: Path) -> Policy:
    """Return the policy of a file.

    Raises:
        UserError: the file is not a policy, or contradicts itself; the message names the place.
    """
    try:
        policy = read_yaml_as(path, PolicyYaml).to_policy()
    except READ_ERRORS as error:
        why = explain_renamed_setting(error) or describe_error(error)
        raise UserError(
            Phrase("The policy file {path} cannot be read: {why}.", path=str(path), why=why), Phrase(POLICY_HINT)
        ) from error
    if problems := [*policy.find_contradictions(), *list_unknown_findings(policy)]:
        why = " ".join(problems)
        raise UserError(
            Phrase("The policy file {path} contradicts itself: {why}", path=str(path), why=why), Phrase(POLICY_HINT)
        )
    return policy


def list_unknown_findings(policy: Policy) -> list[str]:
    """Return a sentence for each finding that the policy acts on and that no detector has."""
    known = sorted({*FINDING_NAMES, STALL_NAME})
    return [
        f"`finding_actions` names {name}, which is none of {', '.join(known)}."
        for name in policy.finding_actions
        if name not in known
    ]


def explain_renamed_setting(error: Exception) -> Text:
    """Return what to write instead of a setting of an earlier version; empty if the error is a different one."""
    return next((Phrase(new) for old, new in RENAMED_SETTINGS.items() if f"field `{old}`" in str(error)), "")


def list_differences(before: Policy, after: Policy) -> list[str]:
    """Return the names of the parts that differ between two policies, for the message about the change."""
    old, new = describe_policy(before), describe_policy(after)
    return [name for name in new if old[name] != new[name]]


def describe_policy(policy: Policy) -> dict[str, str]:
    """Return each part of a policy as JSON text, by its key in the file, so that the audit shows what was allowed when.

    Other than in the file, `bounds_by_role` has all the bounds of each role.
    """
    parts = asdict(policy)
    grants, fairness = parts.pop("grants"), parts.pop("fairness")
    parts["external_launches"] |= parts["external_launches"].pop("caps")
    of_channels = {
        "highest_role": grants["highest_by_channel"],
        "bounds": parts.pop("channel_bounds"),
        "caps": parts.pop("teams"),
    }
    keys = {str(key) for rules in of_channels.values() for key in rules}
    channels = {key: {name: rules[key] for name, rules in of_channels.items() if key in rules} for key in keys}
    parts = {"roles": grants["holders_by_role"], "channels": channels, **fairness, **parts}
    return {name: json.dumps(to_json_value(value), sort_keys=True) for name, value in parts.items()}


def to_json_value(value: Any) -> Any:
    """Return a value as JSON has it, with the names of roles and rules."""
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, Mapping):
        return {str(to_json_value(key)): to_json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json_value(item) for item in value]
    return sorted(value) if isinstance(value, set | frozenset) else value
