"""What happens in a schedule beside people and bots: time, clusters, SkyPilot's server, Slack, the store."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from bot.core.model.store_identity import find_store_change
from slack_playground.faults import Fault, Trouble
from tests.doubles.sky_world import LIVE_JOBS, Pace
from tests.simulation.steps import Value

if TYPE_CHECKING:
    from tests.simulation.schedule import Schedule


def wait(life: "Schedule", seconds: Value) -> None:
    life._pass(float(seconds))


def pace(life: "Schedule", *values: Value) -> None:
    life.world.pace = Pace(*map(float, values))


def clock(life: "Schedule", seconds: Value) -> None:
    life.outside.counts["clock set"] += 1
    life.hosts["a"].ahead += float(seconds)
    life._trouble(120)


def with_cluster(life: "Schedule", which: Value, change: Callable[[str], None]) -> None:
    """Change the so many-th cluster that is up."""
    if names := sorted(life.world.clusters):
        change(names[int(which) % len(names)])


def job_ends(life: "Schedule", which: Value, status: Value) -> None:
    with_cluster(life, which, lambda name: life.world.finish(name, str(status)))


def log_grows(life: "Schedule", which: Value, lines: Value) -> None:
    def grow(name: str) -> None:
        log = life.world.clusters[name].log
        log += [f"(head, pid=1) step:{len(log) + n} - critic/rewards/mean:0.5" for n in range(1, int(lines) + 1)]

    with_cluster(life, which, grow)


def model_is_saved(life: "Schedule", which: Value) -> None:
    save_model(life, which, "")


def model_is_torn(life: "Schedule", which: Value, flaw: Value) -> None:
    life.outside.counts["model torn"] += 1
    save_model(life, which, str(flaw))


def save_model(life: "Schedule", which: Value, flaw: str) -> None:
    def save(name: str) -> None:
        cluster = life.world.clusters[name]
        if cluster.status == "UP" and any(job.status == "RUNNING" for job in cluster.jobs):
            step = life.disks.save(name, flaw)
            path = f"/root/checkpoints/{name.removeprefix('verl-')}/global_step_{step}"
            cluster.log.append(f"(head, pid=1) local_global_step_folder: {path}")

    with_cluster(life, which, save)


def disk_is_full(life: "Schedule", seconds: Value, shows_room: Value) -> None:
    life.outside.counts["the bot's disk is full"] += 1
    life.disks.bot_is_full, life.disks.shows_room = True, bool(shows_room)
    life._at(float(seconds), lambda: setattr(life.disks, "bot_is_full", False))


def machines_go(life: "Schedule", which: Value, how: Value) -> None:
    life.outside.counts["machines lost"] += 1
    with_cluster(life, which, life.world.autodown if how == "autodown" else life.world.vanish)


def autostop_is_reset(life: "Schedule", which: Value) -> None:
    life.outside.counts["autostop reset"] += 1
    with_cluster(life, which, life.world.reset_autostop)


def record_is_hidden(life: "Schedule", which: Value, seconds: Value) -> None:
    set_for_a_while(life, which, float(seconds), "hidden", True)


def queue_is_silent(life: "Schedule", which: Value, seconds: Value) -> None:
    set_for_a_while(life, which, float(seconds), "reachable", False)


def set_for_a_while(life: "Schedule", which: Value, seconds: float, name: str, value: bool) -> None:
    def change(cluster: str) -> None:
        machines = life.world.clusters[cluster]
        setattr(machines, name, value)
        life._at(seconds, lambda: setattr(machines, name, not value))

    life.outside.counts[f"cluster not {'listed' if value else 'reachable'}"] += 1
    with_cluster(life, which, change)
    life._trouble(seconds + 120)


def second_job(life: "Schedule", which: Value) -> None:
    def submit(name: str) -> None:
        cluster = life.world.clusters[name]
        if cluster.status == "UP" and cluster.jobs and cluster.jobs[0].status in LIVE_JOBS:
            life.account.strangers[name] = life.account.strangers.get(name, 0) + 1
            life.world.submit(name, {"name": name.removeprefix("verl-")})

    life.outside.counts["second job"] += 1
    with_cluster(life, which, submit)


def launch_fails(life: "Schedule", number: Value, seconds: Value) -> None:
    life.outside.counts["launch fails"] += 1
    life.world.fails[f"verl-smoke-{int(number):04x}"] = ("ResourcesUnavailableError", "No room.", float(seconds))


def no_room(life: "Schedule", number: Value) -> None:
    life.outside.counts["no room"] += 1
    life.world.waits.add(f"verl-smoke-{int(number):04x}")


# SkyPilot's server and Slack


def sky(life: "Schedule", path: Value, trouble: Value, times: Value) -> None:
    life.outside.ask_trouble(f"sky.{path}*", Trouble(str(trouble)), int(times))
    life._trouble(120)


def sky_is_away(life: "Schedule", seconds: Value) -> None:
    until(life, "sky.*", float(seconds))
    life._trouble(float(seconds) + 120)


def until(life: "Schedule", pattern: str, seconds: float) -> None:
    fault = life.outside.ask_trouble(pattern, Trouble.BROKEN, None)
    life._at(seconds, lambda: remove_fault(life, fault))


def remove_fault(life: "Schedule", fault: Fault) -> None:
    with suppress(ValueError):
        life.outside.faults.asked.remove(fault)


def sky_restarts(life: "Schedule") -> None:
    life.outside.counts["SkyPilot restarted"] += 1
    life.world.restart()
    life._trouble(120)


def sky_forgets(life: "Schedule", seconds: Value) -> None:
    if life.world.away is not None:
        return
    life.outside.counts["SkyPilot forgot"] += 1
    if life.account.store_was_set_back:  # only the server that goes knows the clusters of runs that wait again
        life.account.cut_off |= {run.id for run in life.list_runs().values() if run.is_waiting}
    life.world.forget()
    life._at(float(seconds), lambda: remember(life))
    life._trouble(float(seconds) + 240)


def remember(life: "Schedule") -> None:
    """Let the first server answer again, without the requests to the other."""
    known = [*life.world.clusters, *(one.name for one in life.world.graves)]
    life.account.cut_off |= {name.removeprefix("verl-") for name in known}
    life.world.forget()


def slack(life: "Schedule", method: Value, trouble: Value, times: Value) -> None:
    life.outside.ask_trouble(f"slack.{method}", Trouble(str(trouble)), int(times))


def slack_is_late(life: "Schedule", seconds: Value) -> None:
    life.slack.late_seconds = float(seconds)
    life.outside.ask_trouble("slack.chat.postMessage", Trouble.SLOW)


def slack_is_away(life: "Schedule", seconds: Value) -> None:
    life.outside.counts["Slack away"] += 1
    until(life, "slack.*", float(seconds))


# the store


def snapshot(life: "Schedule") -> None:
    life.snapshot = life.bed.copy(), set(life.list_runs())


def roll_back(life: "Schedule") -> None:
    if life.snapshot is None:
        return
    kept, runs = life.snapshot
    life.outside.counts["store set back"] += 1
    life.account.store_was_set_back = True
    if life.world.away is not None:  # neither the store nor the server that answers has heard of these
        life.account.cut_off |= {name.removeprefix("verl-") for name in life.world.away.clusters}
    life.account.lost_with_it |= set(life.list_runs()) - runs
    life.bed.restore(kept)
    if may_be_unseen(life):
        life.account.set_back_unseen = True
    life._trouble(600)


def may_be_unseen(life: "Schedule") -> bool:
    """Return whether no bot runs that knew the store, or one starts just now on a machine that did not know its newest
    state, so that it may lead and send messages before another has noticed the change.
    """
    robots = life.robots.values()
    if not any(robot.alive and robot.knows_store for robot in robots):
        return True
    current = life.bot.store.get_identity()
    starting = [one for one in robots if not one.alive and life.is_due(one.host.name)]
    return any(find_store_change(one.host.memory.identity, current) is None for one in starting)


def store_refuses(life: "Schedule", seconds: Value) -> None:
    life.outside.store_trouble.refuses_until = life.outside.time + float(seconds)
    life._trouble(float(seconds) + 120)


def store_hangs(life: "Schedule", seconds: Value) -> None:
    life.outside.store_trouble.hangs_until = life.outside.time + float(seconds)
    life._trouble(float(seconds) + 120)


def store_link_breaks(life: "Schedule", transactions: Value) -> None:
    life.outside.store_trouble.cuts = int(transactions)


EVENTS: dict[str, Callable[..., None]] = {
    "wait": wait,
    "pace": pace,
    "clock": clock,
    "job ends": job_ends,
    "log grows": log_grows,
    "model is saved": model_is_saved,
    "model is torn": model_is_torn,
    "disk is full": disk_is_full,
    "machines go": machines_go,
    "autostop is reset": autostop_is_reset,
    "record is hidden": record_is_hidden,
    "queue is silent": queue_is_silent,
    "second job": second_job,
    "launch fails": launch_fails,
    "no room": no_room,
    "sky": sky,
    "sky is away": sky_is_away,
    "sky restarts": sky_restarts,
    "sky forgets": sky_forgets,
    "slack": slack,
    "slack is late": slack_is_late,
    "slack is away": slack_is_away,
    "snapshot": snapshot,
    "roll back": roll_back,
    "store refuses": store_refuses,
    "store hangs": store_hangs,
    "store link breaks": store_link_breaks,
}
"""What happens at each kind of step that is not a person's and not about a bot's process."""
