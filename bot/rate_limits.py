"""Maximum requests of one person in a minute, so that other people are answered too."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

from bot.core.pace import TokenBucket
from bot.core.policy import Policy
from bot.errors import UserError
from bot.language import N_, translate
from bot.ports import Now

MAX_PEOPLE = 10_000
"""Maximum number of people whose latest requests are remembered; the least recent is forgotten first."""


class RateLimitKind(StrEnum):
    """Kinds of requests, counted separately."""

    LAUNCH = "launch"
    QUESTION = "question"


TOO_MANY = {
    RateLimitKind.LAUNCH: N_("You have asked for more than {most} launches within a minute; this one is not recorded."),
    RateLimitKind.QUESTION: N_("You have asked for more than {most} things within a minute."),
}
TRY_LATER = N_("Try again in {seconds} s.")


@dataclass(slots=True)
class RateLimits:
    """Counts each person's requests."""

    policy: Callable[[], Policy]
    now: Now
    buckets: OrderedDict[tuple[str, RateLimitKind], TokenBucket] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def count_request(self, user: str, kind: RateLimitKind) -> None:
        """Count one request.

        Raises:
            UserError: it exceeds the limit; the message says when to try again.
        """
        fairness = self.policy().fairness
        most = fairness.launches_per_minute if kind is RateLimitKind.LAUNCH else fairness.questions_per_minute
        if most is None:
            return
        now = self.now()
        with self.lock:
            bucket = self.buckets.pop((user, kind), None)
            if bucket is None or bucket.capacity != most:
                bucket = TokenBucket(per_second=most / 60, capacity=most)
            self.buckets[user, kind] = bucket
            if len(self.buckets) > MAX_PEOPLE:
                self.buckets.popitem(last=False)
            turn = bucket.reserve(now)
            if turn > now:
                # A refusal takes no turn, otherwise the wait would never end.
                bucket.tokens = (bucket.tokens or 0.0) + 1
        if turn > now:
            seconds = max(int((turn - now).total_seconds()) + 1, 1)
            raise UserError(translate(TOO_MANY[kind], most=most), translate(TRY_LATER, seconds=seconds))
