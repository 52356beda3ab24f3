"""The policy of an installation, from its YAML file."""

from pathlib import Path
from typing import Annotated

import msgspec
import yaml

from bot.core.policy import UNSET, Caps, Outside, Policy, Remedy, WhenDown
from bot.errors import UserError

HINT = "It holds lines such as `leads: [U024BE7LH, U0G9QF9C6]` and `person: {runs: 4, gpus: 16}` (docs/policy.md)."

User = Annotated[str, msgspec.Meta(pattern=r"^[UW][A-Z0-9]+$")]
Channel = Annotated[str, msgspec.Meta(pattern=r"^[CGD][A-Z0-9]+$")]
Dollars = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class CapsYaml(msgspec.Struct, forbid_unknown_fields=True):
    """The words are those of `Caps`."""

    runs: Count | None = None
    gpus: Count | None = None
    dollars_per_hour: Dollars | None = None
    dollars_per_month: Dollars | None = None

    def caps(self) -> Caps:
        return Caps(**msgspec.structs.asdict(self))


class OutsideYaml(msgspec.Struct, forbid_unknown_fields=True):
    """The words are those of `Outside`, and its caps beside them."""

    autostop_idle_minutes: Annotated[int, msgspec.Meta(ge=1)] | None = UNSET.outside.autostop_idle_minutes
    autostop: Remedy = UNSET.outside.autostop
    runs: Count | None = None
    gpus: Count | None = None
    dollars_per_hour: Dollars | None = None
    people: dict[str, User] = {}
    appears_minutes: Annotated[float, msgspec.Meta(gt=0)] = UNSET.outside.appears_minutes
    when_store_is_down: WhenDown = UNSET.outside.when_store_is_down

    def outside(self) -> Outside:
        return Outside(
            autostop_idle_minutes=self.autostop_idle_minutes,
            autostop=self.autostop,
            caps=Caps(runs=self.runs, gpus=self.gpus, dollars_per_hour=self.dollars_per_hour),
            people=self.people,
            appears_minutes=self.appears_minutes,
            when_store_is_down=self.when_store_is_down,
        )


class PolicyYaml(msgspec.Struct, forbid_unknown_fields=True):
    """The words are those of `Policy`; what a file leaves out is as without one."""

    leads: list[User] = []
    confirm_over_dollars: Dollars | None = UNSET.confirm_over_dollars
    approve_over_dollars: Dollars | None = UNSET.approve_over_dollars
    approval_lapses_hours: Annotated[float, msgspec.Meta(gt=0)] = UNSET.approval_lapses_hours
    lease_warnings_minutes: tuple[Annotated[float, msgspec.Meta(gt=0)], ...] = UNSET.lease_warnings_minutes
    month_grace_minutes: Annotated[float, msgspec.Meta(ge=0)] = UNSET.month_grace_minutes
    person: CapsYaml = msgspec.field(default_factory=CapsYaml)
    team: CapsYaml = msgspec.field(default_factory=CapsYaml)
    teams: dict[Channel, CapsYaml] = {}
    everybody: CapsYaml = msgspec.field(default_factory=CapsYaml)
    outside: OutsideYaml = msgspec.field(default_factory=OutsideYaml)
    shadow: list[str] = []

    def policy(self) -> Policy:
        return Policy(
            leads=tuple(self.leads),
            confirm_over_dollars=self.confirm_over_dollars,
            approve_over_dollars=self.approve_over_dollars,
            approval_lapses_hours=self.approval_lapses_hours,
            lease_warnings_minutes=self.lease_warnings_minutes,
            month_grace_minutes=self.month_grace_minutes,
            person=self.person.caps(),
            team=self.team.caps(),
            teams={channel: found.caps() for channel, found in self.teams.items()},
            everybody=self.everybody.caps(),
            outside=self.outside.outside(),
            shadow=tuple(self.shadow),
        )


def read(path: Path) -> Policy:
    """The policy of a file.

    Raises:
        UserError: it is none, or contradicts itself; the message tells where.
    """
    try:
        policy = msgspec.convert(yaml.safe_load(path.read_text()) or {}, PolicyYaml).policy()
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        why = " ".join(str(error).split())
        raise UserError(f"The policy {path} cannot be read: {why}.", HINT) from error
    if problems := policy.problems():
        raise UserError(f"The policy {path} cannot hold: {' '.join(problems)}", HINT)
    return policy
