"""One schedule: its steps, then a quiet time in which nothing is wrong, then the promises."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from slack_playground.faults import Fault, Trouble
from tests.doubles.sky_world import LIVE_JOBS, Machines, Pace, World
from tests.simulation.disks import Disks
from tests.simulation.outside import Host, Outside
from tests.simulation.robot import Robot, make_ids
from tests.simulation.sky import Current, Sky
from tests.simulation.slack import SimulatedSlack
from tests.simulation.steps import PEOPLE, Step, Value
from tests.simulation.stores import StoreBed

CHANNEL = "C0TRAIN"

TURN_SECONDS = 15.0
"""The longest time between two turns of a bot."""

ACCEPTED = re.compile(r"Launching `(smoke-[0-9a-f]{4})`")

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
        by_delivery: runs that each delivery was answered with, by its trigger.
        cut_off: runs whose cluster only a server knows, or its cost, which does not answer any more.
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
    cut_off: set[str] = field(default_factory=set)
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
        getattr(self, f"_{step.kind.replace(' ', '_')}")(*step.values)

    def come_right(self) -> None:
        """Let faults cease, jobs end, and a person stop what is left."""
        self.outside.faults.asked.clear()
        for happen in [happen for _, happen in sorted(self.later, key=lambda one: one[0])]:
            happen()
        self.later.clear()
        for cluster in self.world.clusters.values():
            cluster.hidden, cluster.reachable = False, True
        for host in self.hosts.values():
            host.ahead = 0.0
        for robot in self.robots.values():
            robot.process.fatal = robot.process.pause = None
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
        self.robots[name] = Robot(self.outside, self.slack, self.bed, self.hosts[name], self.ids, self.folder)

    def _revive(self) -> None:
        """Start each bot again that was killed, if it is time."""
        for name, robot in list(self.robots.items()):
            if not robot.alive and self.outside.time >= self.down_until.get(name, 0.0):
                self._start(name)

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
        robot = self.bot

        def happen() -> None:
            left = float(seconds)
            while left > 0:
                self._pass_at_once(min(10.0, left), but=robot)
                left -= 10.0

        robot.process.pause = int(calls), happen
        self._trouble(120 + float(seconds))

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
        before = len(self.slack.messages())
        can_answer = not any(fault.method == "slack.*" for fault in self.outside.faults.asked)
        answer = robot.dispatch(body)
        if answer == "" and len(self.slack.messages()) == before and can_answer:
            self.account.unanswered.append(str(body["text"]))
        if answer and (accepted := ACCEPTED.search(answer)):
            self.account.accepted_at.setdefault(accepted[1], self.outside.time)
            self.account.by_delivery.setdefault(str(body["trigger_id"]), set()).add(accepted[1])
        return answer

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

    # time and clusters

    def _wait(self, seconds: Value) -> None:
        self._pass(float(seconds))

    def _pace(self, *values: Value) -> None:
        self.world.pace = Pace(*map(float, values))

    def _clock(self, seconds: Value) -> None:
        self.outside.counts["clock set"] += 1
        self.hosts["a"].ahead += float(seconds)
        self._trouble(120)

    def _with_cluster(self, which: Value, change: Callable[[str], None]) -> None:
        """Change the so many-th cluster that is up."""
        if names := sorted(self.world.clusters):
            change(names[int(which) % len(names)])

    def _job_ends(self, which: Value, status: Value) -> None:
        self._with_cluster(which, lambda name: self.world.finish(name, str(status)))

    def _log_grows(self, which: Value, lines: Value) -> None:
        def grow(name: str) -> None:
            log = self.world.clusters[name].log
            log += [f"(head, pid=1) step:{len(log) + n} - critic/rewards/mean:0.5" for n in range(1, int(lines) + 1)]

        self._with_cluster(which, grow)

    def _model_is_saved(self, which: Value) -> None:
        def save(name: str) -> None:
            cluster = self.world.clusters[name]
            if cluster.status == "UP" and any(job.status == "RUNNING" for job in cluster.jobs):
                step = self.disks.save(name)
                path = f"/root/checkpoints/{name.removeprefix('verl-')}/global_step_{step}"
                cluster.log.append(f"(head, pid=1) local_global_step_folder: {path}")

        self._with_cluster(which, save)

    def _machines_go(self, which: Value, how: Value) -> None:
        self.outside.counts["machines lost"] += 1
        self._with_cluster(which, self.world.autodown if how == "autodown" else self.world.vanish)

    def _autostop_is_reset(self, which: Value) -> None:
        self.outside.counts["autostop reset"] += 1
        self._with_cluster(which, self.world.reset_autostop)

    def _record_is_hidden(self, which: Value, seconds: Value) -> None:
        self._set_for_a_while(which, float(seconds), "hidden", True)

    def _queue_is_silent(self, which: Value, seconds: Value) -> None:
        self._set_for_a_while(which, float(seconds), "reachable", False)

    def _set_for_a_while(self, which: Value, seconds: float, name: str, value: bool) -> None:
        def change(cluster: str) -> None:
            machines = self.world.clusters[cluster]
            setattr(machines, name, value)
            self._at(seconds, lambda: setattr(machines, name, not value))

        self.outside.counts[f"cluster not {'listed' if value else 'reachable'}"] += 1
        self._with_cluster(which, change)
        self._trouble(seconds + 120)

    def _second_job(self, which: Value) -> None:
        def submit(name: str) -> None:
            cluster = self.world.clusters[name]
            if cluster.status == "UP" and cluster.jobs and cluster.jobs[0].status in LIVE_JOBS:
                self.account.strangers[name] = self.account.strangers.get(name, 0) + 1
                self.world.submit(name, {"name": name.removeprefix("verl-")})

        self.outside.counts["second job"] += 1
        self._with_cluster(which, submit)

    def _launch_fails(self, number: Value, seconds: Value) -> None:
        self.outside.counts["launch fails"] += 1
        self.world.fails[f"verl-smoke-{int(number):04x}"] = ("ResourcesUnavailableError", "No room.", float(seconds))

    def _no_room(self, number: Value) -> None:
        self.outside.counts["no room"] += 1
        self.world.waits.add(f"verl-smoke-{int(number):04x}")

    # SkyPilot's server and Slack

    def _sky(self, path: Value, trouble: Value, times: Value) -> None:
        self.outside.ask_trouble(f"sky.{path}*", Trouble(str(trouble)), int(times))
        self._trouble(120)

    def _sky_is_away(self, seconds: Value) -> None:
        self._until("sky.*", float(seconds))
        self._trouble(float(seconds) + 120)

    def _until(self, pattern: str, seconds: float) -> None:
        fault = self.outside.ask_trouble(pattern, Trouble.BROKEN, None)
        self._at(seconds, lambda: self._remove_fault(fault))

    def _remove_fault(self, fault: Fault) -> None:
        with suppress(ValueError):
            self.outside.faults.asked.remove(fault)

    def _sky_restarts(self) -> None:
        self.outside.counts["SkyPilot restarted"] += 1
        self.world.restart()
        self._trouble(120)

    def _sky_forgets(self, seconds: Value) -> None:
        if self.world.away is not None:
            return
        self.outside.counts["SkyPilot forgot"] += 1
        self.world.forget()
        self._at(float(seconds), self._remember)
        self._trouble(float(seconds) + 240)

    def _remember(self) -> None:
        """Let the first server answer again, without what the other was asked for."""
        known = [*self.world.clusters, *(one.name for one in self.world.graves)]
        self.account.cut_off |= {name.removeprefix("verl-") for name in known}
        self.world.forget()

    def _slack(self, method: Value, trouble: Value, times: Value) -> None:
        self.outside.ask_trouble(f"slack.{method}", Trouble(str(trouble)), int(times))

    def _slack_is_late(self, seconds: Value) -> None:
        self.slack.late_seconds = float(seconds)
        self.outside.ask_trouble("slack.chat.postMessage", Trouble.SLOW)

    def _slack_is_away(self, seconds: Value) -> None:
        self.outside.counts["Slack away"] += 1
        self._until("slack.*", float(seconds))

    # the store

    def _snapshot(self) -> None:
        self.snapshot = self.bed.copy(), set(self.list_runs())

    def _roll_back(self) -> None:
        if self.snapshot is None:
            return
        kept, runs = self.snapshot
        self.outside.counts["store set back"] += 1
        self.account.store_was_set_back = True
        self.account.lost_with_it |= set(self.list_runs()) - runs
        self.bed.restore(kept)
        self._trouble(600)
