"""Maximum requests of one person in a minute, so that other people are answered too."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

from bot.core.pace import Bucket
from bot.core.policy import Policy
from bot.errors import UserError
from bot.language import mark, say
from bot.ports import Now

MOST_PEOPLE = 10_000
"""Maximum number of people whose latest requests are remembered; the least recent is forgotten first."""


class Kind(StrEnum):
    """Kinds of requests, counted separately."""

    LAUNCH = "launch"
    QUESTION = "question"


TOO_MANY = {
    Kind.LAUNCH: mark("You have asked for more than {most} launches within a minute; this one is not recorded."),
    Kind.QUESTION: mark("You have asked for more than {most} things within a minute."),
}
TRY_LATER = mark("Try again in {seconds} s.")


@dataclass(slots=True)
class RateLimits:
    """Counts each person's requests."""

    policy: Callable[[], Policy]
    now: Now
    buckets: OrderedDict[tuple[str, Kind], Bucket] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def take(self, user: str, kind: Kind) -> None:
        """Count one request.

        Raises:
            UserError: it exceeds the limit; the message says when to try again.
        """
        fairness = self.policy().fairness
        most = fairness.launches_per_minute if kind is Kind.LAUNCH else fairness.questions_per_minute
        if most is None:
            return
        now = self.now()
        with self.lock:
            bucket = self.buckets.pop((user, kind), None)
            if bucket is None or bucket.most != most:
                bucket = Bucket(per_second=most / 60, most=most)
            self.buckets[user, kind] = bucket
            if len(self.buckets) > MOST_PEOPLE:
                self.buckets.popitem(last=False)
            turn = bucket.reserve(now)
            if turn > now:
                bucket.left = (bucket.left or 0.0) + 1  # a refusal takes no turn, otherwise the wait would never end
        if turn > now:
            seconds = max(int((turn - now).total_seconds()) + 1, 1)
            raise UserError(say(TOO_MANY[kind], most=most), say(TRY_LATER, seconds=seconds))
