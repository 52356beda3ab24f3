"""Who does something, with the role that counts where it is done. Pure."""

from dataclasses import dataclass

from bot.core.people import OWN_PAGE, Channel, Person
from bot.core.roles import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who does something in Slack.

    Attributes:
        user: Slack's id.
        person, channel: as Slack describes them; None where it does not, and `trouble` says why.
        role: what counts here; own_role: what it would be in a channel without a limit.
        is_heard: whether all who are in the channel read what the person is answered.
    """

    user: str
    channel: Channel | None
    person: Person | None
    role: Role
    own_role: Role
    trouble: str = ""
    is_heard: bool = False

    @property
    def is_known(self) -> bool:
        """Return whether Slack has said who it is and where."""
        return self.person is not None and self.channel is not None


def trusted(user: str, role: Role = Role.ADMIN) -> Actor:
    """Return an actor whom the bot itself stands in for, as when a demo ends its own runs."""
    return Actor(user, OWN_PAGE, None, role, role)
