"""Scheduled reports of a channel: who may set them up, when they are due, and the time zones of their hours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, tzinfo
from functools import cache, partial
from typing import Protocol
from zoneinfo import ZoneInfo, available_timezones

from bot.app.ports import EventRecorder, Now, discard_event
from bot.app.store_ports import LedgerStore, ReportStore, RunReader
from bot.core.commands.report_command import AddReport, ChangeReport, RemoveReport, ReportOptions
from bot.core.model.audit import build_request_event
from bot.core.model.ledger import build_ledger_key
from bot.core.model.report import Report
from bot.core.model.run import Run
from bot.core.model.schedule import Daily, format_schedule
from bot.core.model.typed_text import format_inline_code
from bot.core.model.valid_names import list_valid_names, unknown_name_error
from bot.core.rules.costs import calendar_month
from bot.core.rules.monthly_budget import sum_external_spending
from bot.core.rules.report_content import DigestContent, build_digest_content, compute_run_content, list_costs
from bot.errors import UserError
from bot.phrase import N_, Phrase, join_list
from bot.runtime.failure_isolation import skip_failing_runs
from bot.runtime.request_origin import get_origin


def load_zone(name: str) -> tzinfo:
    """Return the time zone of a record, whose name was checked when the record was made."""
    return ZoneInfo(name)


def canonical_name(text: str) -> str:
    """Return the name of a time zone as its files spell it: `europe/berlin` is accepted too.

    Raises:
        UserError: the time zone does not exist; the hint names similar ones.
    """
    spelling_of = list_spellings()
    spelling = spelling_of.get(text.lower().replace(" ", "_"))
    if spelling is None:
        last = {name: name.rpartition("/")[2].lower() for name in spelling_of.values() if "/" in name}
        matches = [name for name, city in last.items() if city == text.lower()]
        raise unknown_zone_error(text, matches)
    return spelling


def unknown_zone_error(text: str, matches: Sequence[str]) -> UserError:
    """Return the error for an unknown time zone, with those that end like it, else with examples."""
    names = join_list(f"`{name}`" for name in matches or COMMON_ZONES)
    example = Phrase("Give a city's zone, such as {names}.", names=names)
    return UserError(Phrase("There is no time zone {word}.", word=format_inline_code(text)), example)


@cache
def list_spellings() -> dict[str, str]:
    """Return every zone's name by its lower-case form; read once, because all the files are opened for it."""
    return {name.lower(): name for name in available_timezones()}


COMMON_ZONES = ("Europe/Berlin", "America/New_York", "Asia/Shanghai")
"""Shown where no name is similar: there are some six hundred."""


MAX_REPORTS = 10
"""Maximum number of reports of one channel."""

DAY = timedelta(days=1)

REPORT_HINT = N_("`/verl report daily 09:00` adds one.")


class ReportServiceStore(RunReader, ReportStore, LedgerStore, Protocol):
    """The reports, the runs that they cover, and what was spent."""


@dataclass(frozen=True, slots=True)
class ReportService:
    """Records people's requests about reports.

    Attributes:
        wake: lets the report publisher run now.
        timezone: the time zone of people who name none, and of whom Slack gives none.
        channel_may_read: whether all members of a channel may read about a run. record: writes to the audit.
    """

    store: ReportServiceStore
    now: Now
    wake: Callable[[], None]
    timezone: str = "UTC"
    channel_may_read: Callable[[str, Run], bool] = lambda channel, run: True
    record: EventRecorder = discard_event

    def schedule(self, command: AddReport, user: str, channel: str, zone: str, is_zone_assumed: bool = False) -> Report:
        """Record a report; a report that exists already with the same options is not added twice.

        Args:
            is_zone_assumed: whether Slack did not give the person's time zone.

        Raises:
            UserError: the channel has as many reports as a channel may have.
        """
        report = replace(new_report(command, user, channel, zone, self.now()), is_zone_assumed=is_zone_assumed)
        existing = self.list_for_channel(channel)
        # The same options once more mean the same report.
        if duplicate := next((other for other in existing if schedule_key(other) == schedule_key(report)), None):
            return duplicate
        if len(existing) >= MAX_REPORTS:
            message = Phrase("This channel has {count} reports already.", count=len(existing))
            raise UserError(message, Phrase("`/verl report report-1 off` removes one."))
        open_runs = filter(report.covers, self.store.list_open_runs())
        costs = list_costs(
            skip_failing_runs(open_runs, lambda run: compute_run_content(run, report.covered_until), []),
            report.covered_until,
        )
        added = self.store.add_report(lambda name: replace(report, id=name, run_costs=costs))
        self._record("schedule report", added, None)
        return self._wake_publisher(added)

    def change(self, command: ChangeReport, user: str, channel: str) -> Report:
        """Change the schedule or the options; what was not typed stays."""
        current, options = self.find(command.report, user, channel), command.options
        when = format_schedule(command.schedule) if command.schedule else current.when
        zone = canonical_name(options.zone) if options.zone else current.zone
        quiet = current.quiet if options.quiet is None else options.quiet or None
        everywhere = current.everywhere if options.everywhere is None else options.everywhere
        changed = self.store.update_report(
            current.id, lambda report: report.change(self.now(), when, zone, quiet, everywhere)
        )
        self._record("change report", changed or current, current)
        return self._wake_publisher(changed or current)

    def end(self, command: RemoveReport, user: str, channel: str) -> Report:
        """Remove a report; without a name the only one of the channel."""
        if command.report:
            report = self.find(command.report, user, channel)
        else:
            existing = self.list_for_channel(channel)
            if not existing:
                raise UserError(Phrase("This channel has no report."), Phrase(REPORT_HINT))
            if len(existing) > 1:
                raise UserError(
                    Phrase("This channel has several reports."),
                    list_valid_names([candidate.id for candidate in existing]),
                )
            report = existing[0]
        self.store.remove_report(report.id)
        self._record("end report", report, report)
        return report

    def find(self, name: str, user: str, channel: str) -> Report:
        """Return a report of this channel, or of this person elsewhere: what others receive is theirs.

        Raises:
            UserError: it does not exist; the hint names the ones that do.
        """
        visible = {
            report.id: report
            for report in self.store.list_reports()
            if channel in (report.channel, report.fallback_channel) or report.by == user
        }
        if name not in visible:
            raise unknown_name_error("report", name, visible, Phrase(REPORT_HINT))
        return visible[name]

    def list_for_channel(self, channel: str) -> Sequence[Report]:
        """Return the reports of a channel."""
        return [report for report in self.store.list_reports() if report.channel == channel]

    def build_digest(
        self, report: Report, now: datetime, show: Callable[[Run], Run] | None = None, who: str = ""
    ) -> DigestContent:
        """Return the content of a report at this time.

        Args:
            who: Slack's id of the only person whose runs count; empty for all.
            show: returns a run as its readers may see it; unless given, as all members of the report's channel may.
        """
        show = show or partial(self._redact_for_channel, report.channel)
        # Read before the runs: a run that ends between the two reads is in the sum once.
        ledger = self.store.get_ledger()
        open_runs = self.store.list_open_runs()
        month = calendar_month(now, load_zone(self.timezone))
        # At least the last day, even if the clocks disagree.
        ended = self.store.iterate_ended_runs(min(month.begin, report.covered_until - DAY))
        failed: list[str] = []
        sound = partial(skip_failing_runs, probe=lambda run: compute_run_content(run, now), failed=failed)
        active, gone = (
            [show(run) for run in sound(filter(report.covers, some)) if who in ("", run.requester)]
            for some in (open_runs, ended)
        )
        content = build_digest_content(report, active, gone, month, now)
        if who:
            return replace(content, failed_ids=tuple(dict.fromkeys(failed)))
        settled = ledger.spent_dollars.get(build_ledger_key(month.name, report.budget_key), 0.0)
        costs = content.month_costs.add_other_spending(settled, sum_external_spending(ledger, report.budget_key))
        return replace(content, month_costs=costs, failed_ids=tuple(dict.fromkeys(failed)))

    def _redact_for_channel(self, channel: str, run: Run) -> Run:
        """Return a run as all members of a channel may see it."""
        return run if self.channel_may_read(channel, run) else run.redact()

    def build_digest_now(
        self, user: str, channel: str, everywhere: bool, show: Callable[[Run], Run], who: str = ""
    ) -> tuple[Report, DigestContent]:
        """Return a report of the last day for this channel, and its content.

        Args:
            show: returns a run as the person may see it.
        """
        command = AddReport(Daily(time()), ReportOptions(everywhere=everywhere))
        report = new_report(command, user, channel, self.timezone, self.now() - DAY)
        return report, self.build_digest(report, self.now(), show, who)

    def _record(self, what: str, report: Report, before: Report | None) -> None:
        """Record a change of a report in the audit."""
        self.record(
            build_request_event(
                what,
                report.id,
                self.now(),
                get_origin(),
                after=describe_options(report),
                before=describe_options(before),
            )
        )

    def _wake_publisher(self, report: Report) -> Report:
        """Wake the report publisher; return the report."""
        self.wake()
        return report


def describe_options(report: Report | None) -> dict[str, str]:
    """Return what the audit records of a report."""
    if report is None:
        return {}
    quiet = report.quiet
    return {"schedule": report.when, "zone": report.zone, "quiet": str(quiet or ""), "channel": report.channel}


def new_report(command: AddReport, user: str, channel: str, zone: str, now: datetime) -> Report:
    """Return the record of a report that was never sent; it has no name yet."""
    return Report(
        id="",
        channel=channel,
        by=user,
        when=format_schedule(command.schedule),
        zone=zone,
        quiet=command.options.quiet or None,
        everywhere=bool(command.options.everywhere),
        last_due_at=now,
        covered_until=now,
    )


def schedule_key(report: Report) -> tuple[object, ...]:
    """Return the parts of a report that people choose."""
    return report.when, report.zone, report.quiet, report.everywhere
