"""Requests about reports: each is recorded, and the report publisher is woken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from functools import partial

from bot import zones
from bot.core.audit import wish_event
from bot.core.board import Board, gather, reckon, spent_by
from bot.core.nearest import listed, unknown
from bot.core.report import Report
from bot.core.report_command import AskReport, ChangeReport, EndReport, Options
from bot.core.run import Run
from bot.core.schedule import Daily, spelled
from bot.core.spend import calendar_month
from bot.errors import UserError
from bot.isolation import sound_ones
from bot.language import mark, say
from bot.origin import current_origin
from bot.ports import Now, Record, Store, unrecorded

MOST = 10
"""Maximum number of reports of one channel."""

DAY = timedelta(days=1)

ASK = mark("`/verl report daily 09:00` asks for one.")


@dataclass(frozen=True, slots=True)
class Reports:
    """Records people's requests about reports.

    Attributes:
        wake: lets the report publisher run now.
        timezone: the time zone of people who name none, and of whom Slack gives none.
        channel_may_read: whether all members of a channel may read about a run. record: writes to the audit.
    """

    store: Store
    now: Now
    wake: Callable[[], None]
    zone: str = "UTC"
    channel_sees: Callable[[str, Run], bool] = lambda channel, run: True
    record: Record = unrecorded

    def ask(self, asked: AskReport, user: str, channel: str, zone: str) -> Report:
        """Record a report; a report that exists already with the same options is not added twice.

        Raises:
            UserError: the channel has as many reports as a channel may have.
        """
        made = wished(asked, user, channel, zone, self.now())
        there = self.of(channel)
        # The same options once more mean the same report.
        if alike := next((one for one in there if wish(one) == wish(made)), None):
            return alike
        if len(there) >= MOST:
            many = say("This channel has {count} reports already.", count=len(there))
            raise UserError(many, say("`/verl report off report-1` takes one away."))
        open_runs = filter(made.covers, self.store.open())
        spent = spent_by(sound_ones(open_runs, lambda run: reckon(run, made.told_at), []), made.told_at)
        added = self.store.add_report(lambda name: replace(made, id=name, spent=spent))
        self._record("schedule report", added, None)
        return self._woken(added)

    def change(self, asked: ChangeReport, user: str, channel: str) -> Report:
        """Change the schedule or the options; what was not typed stays."""
        found, options = self.find(asked.report, user, channel), asked.options
        when = spelled(asked.schedule) if asked.schedule else found.when
        zone = zones.named(options.zone) if options.zone else found.zone
        quiet = found.quiet if options.quiet is None else options.quiet or None
        everywhere = found.everywhere if options.everywhere is None else options.everywhere
        changed = self.store.update_report(
            found.id, lambda report: report.changed(self.now(), when, zone, quiet, everywhere)
        )
        self._record("change report", changed or found, found)
        return self._woken(changed or found)

    def end(self, asked: EndReport, user: str, channel: str) -> Report:
        """Remove a report; without a name the only one of the channel."""
        if asked.report:
            found = self.find(asked.report, user, channel)
        else:
            there = self.of(channel)
            if not there:
                raise UserError(say("This channel has no report."), say(ASK))
            if len(there) > 1:
                raise UserError(say("This channel has several reports."), listed([one.id for one in there]))
            found = there[0]
        self.store.remove_report(found.id)
        self._record("end report", found, found)
        return found

    def find(self, name: str, user: str, channel: str) -> Report:
        """Return a report of this channel, or of this person elsewhere: what others receive is theirs.

        Raises:
            UserError: it does not exist; the hint names the ones that do.
        """
        known = {
            one.id: one for one in self.store.reports() if channel in (one.channel, one.stands_in) or one.by == user
        }
        if name not in known:
            raise unknown("report", name, known, say(ASK))
        return known[name]

    def of(self, channel: str) -> Sequence[Report]:
        """Return the reports of a channel."""
        return [one for one in self.store.reports() if one.channel == channel]

    def board(self, report: Report, now: datetime, show: Callable[[Run], Run] | None = None) -> Board:
        """Return the content of a report at this time.

        Args:
            show: returns a run as its readers may see it; unless given, as all members of the report's channel may.
        """
        show = show or partial(self._shown_in, report.channel)
        open_runs = self.store.open()
        month = calendar_month(now, zones.zone(self.zone))
        # At least the last day, even if the clocks disagree.
        ended = self.store.ended_since(min(month.begin, report.told_at - DAY))
        failed: list[str] = []
        sound = partial(sound_ones, probe=lambda run: reckon(run, now), failed=failed)
        active, gone = ([show(run) for run in sound(filter(report.covers, some))] for some in (open_runs, ended))
        found = gather(report, active, gone, month, now)
        return replace(found, failed=tuple(dict.fromkeys(failed)))

    def _shown_in(self, channel: str, run: Run) -> Run:
        """Return a run as all members of a channel may see it."""
        return run if self.channel_sees(channel, run) else run.redact()

    def board_now(self, user: str, channel: str, everywhere: bool, show: Callable[[Run], Run]) -> tuple[Report, Board]:
        """Return a report of the last day for this channel, and its content.

        Args:
            show: returns a run as the person may see it.
        """
        asked = AskReport(Daily(time()), Options(everywhere=everywhere))
        report = wished(asked, user, channel, self.zone, self.now() - DAY)
        return report, self.board(report, self.now(), show)

    def _record(self, what: str, report: Report, before: Report | None) -> None:
        """Record a change of a report in the audit."""
        self.record(
            wish_event(what, report.id, self.now(), current_origin(), after=options(report), before=options(before))
        )

    def _woken(self, report: Report) -> Report:
        """Wake the report publisher; return the report."""
        self.wake()
        return report


def options(report: Report | None) -> dict[str, str]:
    """Return what the audit records of a report."""
    if report is None:
        return {}
    quiet = report.quiet
    return {"schedule": report.when, "zone": report.zone, "quiet": str(quiet or ""), "channel": report.channel}


def wished(asked: AskReport, user: str, channel: str, zone: str, now: datetime) -> Report:
    """Return the record of a report that was never sent; it has no name yet."""
    return Report(
        id="",
        channel=channel,
        by=user,
        when=spelled(asked.schedule),
        zone=zone,
        quiet=asked.options.quiet or None,
        everywhere=bool(asked.options.everywhere),
        told=now,
        told_at=now,
    )


def wish(report: Report) -> tuple[object, ...]:
    """Return the parts of a report that people choose."""
    return report.when, report.zone, report.quiet, report.everywhere
