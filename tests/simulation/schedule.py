"""One schedule: its steps, then a quiet time in which nothing is wrong, then the promises."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from tests.doubles.sky_world import Machines, World
from tests.simulation.disks import Disks
from tests.simulation.events import EVENTS
from tests.simulation.outside import Host, Outside
from tests.simulation.robot import Robot, make_ids
from tests.simulation.sky import Current, Sky
from tests.simulation.slack import SimulatedSlack
from tests.simulation.steps import PEOPLE, Step, Value
from tests.simulation.stores import StoreBed
from tests.story import BEN, LEA

CHANNEL = "C0TRAIN"

APPROVERS = (BEN, LEA)

TURN_SECONDS = 15.0
"""The longest time between two turns of a bot."""

ACCEPTED = re.compile(r"Launching `(smoke-[0-9a-f]{4})`|`(smoke-[0-9a-f]{4})` needs approval")

GRACE_SECONDS = 120.0
"""How long a run may go on beyond its budget or lease while nothing hinders the bot: the save grace, a tick, the bill
that shows it."""

LAST_LOOK_SECONDS = 400.0
"""Between the last turns, in which the bot looks for messages that came twice, and archives the runs."""


@dataclass
class Account:
    """What the schedule has to compare the bot with.

    Attributes:
        accepted_at: runs that the bot has answered a person with, and the true time.
        unanswered: requests that a bot which lived has not answered.
        strangers: second jobs by another client, by cluster.
        ended_early: runs that the bot called ended while their cluster was up.
        overspent: seconds for which each cluster has cost too much while nothing hindered the bot.
        outlived: the same for each lease that has ended.
        removed: healthy runs whose cluster the bot removed.
        by_delivery: runs that each delivery was answered with, by its trigger; launches: triggers of all that launch.
        approved: runs that an approver who had not asked for them has approved.
        most_dollars: the most that was spent and reserved at once; most_runs: the most runs of a person at once.
        cut_off: runs whose cluster only a server knows, or its cost, which does not answer any more.
        set_back_unseen: whether the store was set back while no bot ran whose machine knew it.
        store_was_set_back: whether the store was; lost_with_it: runs recorded after the state that came back.
    """

    accepted_at: dict[str, float] = field(default_factory=dict)
    unanswered: list[str] = field(default_factory=list)
    strangers: dict[str, int] = field(default_factory=dict)
    ended_early: list[str] = field(default_factory=list)
    overspent: dict[str, float] = field(default_factory=dict)
    outlived: dict[str, float] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    by_delivery: dict[str, set[str]] = field(default_factory=dict)
    launches: set[str] = field(default_factory=set)
    approved: set[str] = field(default_factory=set)
    most_dollars: float = 0.0
    most_runs: int = 0
    cut_off: set[str] = field(default_factory=set)
    set_back_unseen: bool = False
    store_was_set_back: bool = False
    lost_with_it: set[str] = field(default_factory=set)


class Schedule:
    """A life of bots, people, SkyPilot and Slack.

    Args:
        bed: the store.
        current: lets SkyPilot's client find this schedule's server.
        folder: where the bots' machines, which share a disk, keep models.
    """

    def __init__(self, bed: StoreBed, current: Current, folder: Path) -> None:
        bed.clear()
        self.bed = bed
        self.outside = Outside()
        self.world = World(lambda: self.outside.time)
        current.sky = self.sky = Sky(self.outside, self.world)
        self.disks, self.folder = Disks(self.outside, self.world), folder
        self.sky.note_removal = self._note_removal
        self.slack = SimulatedSlack(self.outside)
        self.hosts = {"a": Host("a"), "b": Host("b")}
        self.robots: dict[str, Robot] = {}
        self.down_until: dict[str, float] = {}
        self.ids = make_ids()
        self.account = Account()
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.snapshot: tuple[Any, set[str]] | None = None
        self.last_delivery: dict[str, Any] | None = None
        self.troubled_until = 0.0

    # the whole

    def run(self, steps: list[Step]) -> None:
        """Take the steps, then let everything come right."""
        self._start("a")
        for step in steps:
            self.take(step)
        self.come_right()

    def take(self, step: Step) -> None:
        """Take one step."""
        self._revive()
        if happen := EVENTS.get(step.kind):
            happen(self, *step.values)
        else:
            getattr(self, f"_{step.kind.replace(' ', '_')}")(*step.values)

    def come_right(self) -> None:
        """Let faults cease, jobs end, and a person stop what is left."""
        self.outside.faults.asked.clear()
        self.outside.store_trouble.cease()
        self.disks.bot_is_full = False
        for happen in [happen for _, happen in sorted(self.later, key=lambda one: one[0])]:
            happen()
        self.later.clear()
        for cluster in self.world.clusters.values():
            cluster.hidden, cluster.reachable = False, True
        for host in self.hosts.values():
            host.ahead = 0.0
        for robot in self.robots.values():
            robot.process.fatal = robot.process.pause = robot.process.pause_at = None
        self.down_until.clear()
        self._pass(10 * TURN_SECONDS)
        for name in list(self.world.clusters):
            self.world.finish(name, "SUCCEEDED")
        self._pass(12 * TURN_SECONDS, self.is_over)
        self._stop_all()
        self._pass(16 * TURN_SECONDS, self.is_over)
        for _ in range(3):
            self._pass_at_once(LAST_LOOK_SECONDS)
        self._pass(2 * TURN_SECONDS)

    def finish(self) -> None:
        """Let go of the bots."""
        for robot in self.robots.values():
            robot.end()

    def sum_costs(self) -> dict[str, float]:
        """Return what the clusters of each run have cost, whichever server remembers them; nothing for no cluster."""
        costs: dict[str, float] = {}
        for run, one, seconds in self._list_gone():
            costs[run] = costs.get(run, 0.0) + self.world.dollars_per_node_hour * one.nodes * seconds / 3600
        return costs

    def _list_gone(self) -> Iterator[tuple[str, Machines, float]]:
        """Yield the run of each cluster that is gone, the cluster, and how long it was up."""
        for one in [*self.world.graves, *(self.world.away.graves if self.world.away else [])]:
            yield one.name.removeprefix("verl-"), one, (one.gone_at or one.since) - one.since

    def list_runs(self) -> dict[str, Run]:
        """Return the runs that the store has, by id."""
        store = self.bot.store
        runs = [*store.list_open_runs(), *store.list_recent_runs(100)]
        return {run.id: run for run in runs}

    def is_over(self) -> bool:
        return all(run.status is RunStatus.ENDED for run in self.list_runs().values())

    # time

    def _pass(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, with a turn of every bot at least each `TURN_SECONDS`."""
        end = self.outside.time + seconds
        while self.outside.time < end and not until():
            self._pass_at_once(min(TURN_SECONDS, end - self.outside.time))

    def _pass_at_once(self, seconds: float, but: Robot | None = None) -> None:
        """Let time pass, then give each bot a turn.

        Args:
            but: the bot that is paused.
        """
        self.outside.time += seconds
        self.world.advance()
        self.slack.advance()
        self._note_spending(seconds)
        due = sorted((one for one in self.later if one[0] <= self.outside.time), key=lambda one: one[0])
        self.later = [one for one in self.later if one[0] > self.outside.time]
        for _, happen in due:
            happen()
        if but is None:
            self._revive()
        for robot in list(self.robots.values()):
            if robot is not but and robot.alive:
                robot.turn()
        self.world.advance()
        self._note_early_ends()

    def _at(self, seconds: float, happen: Callable[[], None]) -> None:
        self.later.append((self.outside.time + seconds, happen))

    def _trouble(self, seconds: float) -> None:
        """Note that something hinders the bot for so long."""
        self.troubled_until = max(self.troubled_until, self.outside.time + seconds)

    def _note_spending(self, seconds: float) -> None:
        """Count for how long each cluster is up beyond its run's budget and lease while nothing hinders the bot."""
        is_calm = self.outside.time - seconds >= self.troubled_until and self.robots["a"].alive
        for name, cluster in self.world.clusters.items():
            run = self._find_run(name)
            if run is None or run.reason is not None:  # the bot has acted; its model may be waited for
                continue
            up_seconds = self.outside.time - cluster.since
            dollars = self.world.dollars_per_node_hour * cluster.nodes * up_seconds / 3600
            for counts, is_over in (
                (self.account.overspent, dollars > run.limits.budget_dollars),
                (self.account.outlived, up_seconds > run.limits.lease.total_seconds()),
            ):
                if is_over:
                    counts[name] = counts.get(name, 0.0) + seconds if is_calm else 0.0

    def _note_early_ends(self) -> None:
        for name in self.world.standing():
            run = self._find_run(name)
            if run and run.status is RunStatus.ENDED and run.id not in self.account.ended_early:
                self.account.ended_early.append(run.id)

    def _note_removal(self, cluster: str) -> None:
        """Note a removal that nothing in the run's record asks for."""
        run = self._find_run(cluster)
        if run and run.reason is None and not self.account.store_was_set_back:
            self.account.removed.append(run.id)

    def _find_run(self, cluster: str) -> Run | None:
        process, self.outside.process = self.outside.process, None
        try:
            return self.bot.store.get(cluster.removeprefix("verl-"))
        finally:
            self.outside.process = process

    # bots

    @property
    def bot(self) -> Robot:
        return next((robot for robot in self.robots.values() if robot.alive), self.robots["a"])

    def _start(self, name: str) -> None:
        self.robots[name] = Robot(
            self.outside, self.slack, self.bed, self.hosts[name], self.ids, self.disks, self.folder
        )

    def _revive(self) -> None:
        """Start each bot again that was killed, if it is time."""
        for name, robot in list(self.robots.items()):
            if not robot.alive and self.outside.time >= self.down_until.get(name, 0.0):
                self._start(name)

    def is_due(self, name: str) -> bool:
        """Return whether a bot that was killed starts again before the next turn of the others."""
        return self.down_until.get(name, 0.0) <= self.outside.time + TURN_SECONDS

    def _kill(self, calls: Value, down: Value) -> None:
        name = next(iter(self.robots))
        self.robots[name].process.fatal = int(calls)
        self.down_until[name] = self.outside.time + float(down) + 30 if down else 0.0
        self._trouble(120 + float(down))

    def _second_bot(self) -> None:
        if "b" not in self.robots:
            self.outside.counts["second bot"] += 1
            self._start("b")

    def _pause(self, calls: Value, seconds: Value) -> None:
        self.bot.process.pause = int(calls), self._let_pass_without(self.bot, float(seconds))
        self._trouble(120 + float(seconds))

    def _pause_at(self, call: Value, seconds: Value) -> None:
        self.bot.process.pause_at = str(call), self._let_pass_without(self.bot, float(seconds))
        self._trouble(120 + float(seconds))

    def _let_pass_without(self, robot: Robot, seconds: float) -> Callable[[], None]:
        """Return what happens while a bot is paused: time passes for everything else."""

        def happen() -> None:
            left = seconds
            while left > 0:
                self._pass_at_once(min(10.0, left), but=robot)
                left -= 10.0

        return happen

    # people

    def _say(self, user: str, text: str) -> str | None:
        """Type `/verl TEXT`; return what is answered, or None where the bot dies meanwhile."""
        deliveries = self.slack.deliveries
        body = {
            "command": "/verl",
            "text": text,
            "user_id": user,
            "channel_id": CHANNEL,
            "team_id": "T0PLAY",
            "trigger_id": deliveries.new_trigger(user),
            "response_url": deliveries.new_response_url(user, CHANNEL),
        }
        self.last_delivery = body
        return self._deliver(body)

    def _deliver(self, body: dict[str, Any]) -> str | None:
        robot = self.bot
        if not robot.alive:
            return None
        if str(body["text"]).startswith("launch "):
            self.account.launches.add(str(body["trigger_id"]))
        before = len(self.slack.messages())
        can_answer = not any(fault.method == "slack.*" for fault in self.outside.faults.asked)
        answer = robot.dispatch(body)
        if answer == "" and len(self.slack.messages()) == before and can_answer:
            self.account.unanswered.append(str(body["text"]))
        if answer and (accepted := ACCEPTED.search(answer)):
            run = accepted[1] or accepted[2]
            self.account.accepted_at.setdefault(run, self.outside.time)
            self.account.by_delivery.setdefault(str(body["trigger_id"]), set()).add(run)
        self._note_caps()
        return answer

    def _note_caps(self) -> None:
        """Note what open runs have reserved, and how many a person has."""
        account, store = self.account, self.bot.store
        runs = [run for run in store.list_open_runs() if run.status is not RunStatus.ENDED]
        reserved = sum(run.limits.budget_dollars for run in runs)
        spent = sum(dollars for key, dollars in store.get_ledger().spent_dollars.items() if key.endswith("workspace"))
        account.most_dollars = max(account.most_dollars, reserved + spent)
        account.most_runs = max([account.most_runs, *Counter(run.requester for run in runs).values()])

    def _launch(self, user: Value, line: Value) -> None:
        self._say(str(user), str(line))

    def _ask(self, user: Value, line: Value) -> None:
        self._say(str(user), str(line))

    def _stop(self, which: Value, user: Value) -> None:
        if run := self._pick(which):
            self._say(str(user), f"stop {run}")

    def _set_budget(self, which: Value, dollars: Value) -> None:
        if run := self._pick(which):
            self._say("U0BEN", f"budget {run} {dollars}")

    def _approve(self, which: Value, user: Value) -> None:
        self._answer_request(which, str(user), "approve")

    def _decline(self, which: Value, user: Value) -> None:
        self._answer_request(which, str(user), "decline")

    def _answer_request(self, which: Value, user: str, command: str) -> None:
        """Let a person answer the so many-th request for an approval, if it is not their own."""
        waiting = [run for run in self.list_runs().values() if run.status is RunStatus.AWAITING_APPROVAL]
        if not waiting:
            return
        run = sorted(waiting, key=lambda run: run.id)[int(which) % len(waiting)]
        if command == "approve" and user in APPROVERS and user != run.requester:
            self.account.approved.add(run.id)
        self._say(user, f"{command} {run.id}")

    def _deliver_again(self) -> None:
        if self.last_delivery is not None:
            self.outside.counts["delivery repeated"] += 1
            self._deliver(self.last_delivery)

    def _pick(self, which: Value) -> str | None:
        """Return the so many-th run that the store has, by its id."""
        runs = sorted(self.list_runs())
        return runs[int(which) % len(runs)] if runs else None

    def _stop_all(self) -> None:
        """A person stops what is left; of what no server remembers, the person has looked for the machines."""
        for run in self.list_runs().values():
            if run.status is not RunStatus.ENDED:
                self.bot.store.update(run.id, lambda run: run.request_stop(PEOPLE[0], self.bot.clock.now(), False))
                if run.observed.memory.is_lost:
                    self.world.remove_by_hand(run.cluster)
                    self.bot.store.update(run.id, lambda run: run.confirm_gone(PEOPLE[0]))
