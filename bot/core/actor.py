"""An actor: a person who does something, with the role that counts where it is done. Pure."""

from dataclasses import dataclass

from bot.core.people import APP_HOME, Channel, Person
from bot.core.roles import Role


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who does something in Slack.

    Attributes:
        user: Slack's id of the person.
        person, channel: as Slack describes them; None if Slack does not, and `trouble` says why.
        role: the role that counts here; own_role: the role in a channel without a limit.
        is_channel_audience: whether everyone in the channel reads the answer.
    """

    user: str
    channel: Channel | None
    person: Person | None
    role: Role
    own_role: Role
    trouble: str = ""
    is_channel_audience: bool = False

    @property
    def is_known(self) -> bool:
        """Return whether Slack has said who the person is and where."""
        return self.person is not None and self.channel is not None


def create_trusted_actor(user: str, role: Role = Role.ADMIN) -> Actor:
    """Return an actor on whose behalf the bot itself acts, as when a demo ends its own runs."""
    return Actor(user, APP_HOME, None, role, role)
