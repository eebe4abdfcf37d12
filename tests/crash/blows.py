"""What strikes the service: one method for each kind of blow."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from app.models import Account
from tests.crash.leases import Resumption, end_leases, held_now
from tests.crash.plan import Plan
from tests.crash.stage import Stage
from tests.processes import Process

#: The calls of a post's way: a worker dies in the midst of each.
CALLS = {
    "TIKTOK": ("creator_info", "init", "upload", "status"),
    "INSTAGRAM": ("container", "upload", "container_status", "publish"),
    "YOUTUBE": ("session", "upload", "status_query", "videos"),
}
#: Longer than a lease: the job goes to another worker while this one sleeps.
PAUSE_SECONDS = 36.0
BOUNDARY_SECONDS = 1.5
REDIS_AWAY_SECONDS = 1.0
FAULTS = ("lost_answer", "cut", "error", "garbage")


class Blows:
    """Strikes, and counts what has struck."""

    def __init__(
        self, stage: Stage, plan: Plan, rough: Sequence[Account], chance: random.Random
    ) -> None:
        self._stage = stage
        self._ends_leases = plan.ends_leases
        self._rough = rough
        self._chance = chance
        self._paused: dict[int, tuple[Process, float]] = {}
        self._calls = {
            platform: [name for name in names if f"{platform.lower()}.{name}" not in plan.spared]
            for platform, names in CALLS.items()
        }
        self._boundaries = self._shuffled_calls()
        self.resumption = Resumption()
        self.struck: Counter[str] = Counter()

    def strike(self, kind: str) -> None:
        """Let one blow fall."""
        blow: Callable[[], None] = getattr(self, f"_{kind}")
        blow()
        self.struck[kind] += 1

    def wake_paused(self, *, all_of_them: bool = False) -> None:
        """Let go on what has slept for longer than its lease."""
        for pid, (_, until) in list(self._paused.items()):
            if all_of_them or time.monotonic() >= until:
                del self._paused[pid]
                _signal(pid, signal.SIGCONT)

    def _child(self) -> None:
        children = self._children()
        if children:
            self.resumption.killed(held_now())
            _signal(self._chance.choice(children), signal.SIGKILL)

    def _boundary(self) -> None:
        """Kill every worker in the midst of one call: before its work is done, or after."""
        platform, name = self._boundaries.pop(0)
        self._boundaries = self._boundaries or self._shuffled_calls()
        kind = self._chance.choice(("slow", "hang"))
        fault = {"seconds": 2.0, "call": f"{platform.lower()}.{name}"}
        self._stage.platforms.fault(platform, kind, after_work=kind == "hang", **fault)
        faults = self._stage.sandbox.world.faults
        # The active ones first: between the two looks it may have struck.
        known = {one.id: one for one in (*faults.active(), *faults.spent())}
        waiting = max(known.values(), key=lambda one: int(one.id.rpartition("-")[2]))
        deadline = time.monotonic() + BOUNDARY_SECONDS
        while not waiting.fired and time.monotonic() < deadline:
            time.sleep(0.01)
        faults.remove(waiting.id)
        self.struck[f"at {platform} {name}"] += waiting.fired
        if waiting.fired:
            # What the call has done is to be done before its worker dies, half of the time.
            time.sleep(self._chance.choice((0.0, 0.1)))
        self._kill_children()

    def _kill_children(self) -> None:
        """Kill all children of all trees. Their supervisors sleep until it is seen what died."""
        for tree in self._stage.workers:
            _signal(tree.pid, signal.SIGSTOP)
        for pid in self._children():
            _signal(pid, signal.SIGKILL)
        self._note_the_dead()
        for tree in self._stage.workers:
            _signal(tree.pid, signal.SIGCONT)

    def _tree(self) -> None:
        tree = self._chance.choice(self._stage.workers)
        self._forget_paused_of(tree)
        tree.kill()
        self._note_the_dead()
        tree.start()

    def _note_the_dead(self) -> None:
        held = held_now()
        self.resumption.killed(held)
        if self._ends_leases:
            end_leases(held)

    def _scheduler(self) -> None:
        leader = max(self._stage.schedulers, key=_led_last)
        leader.kill()
        leader.start()

    def _deploy(self) -> None:
        """Replace everything, as a deploy does: told to end, then started again."""
        for process in (*self._stage.workers, *self._stage.schedulers):
            if not any(owner is process for owner, _ in self._paused.values()):
                process.terminate()
                process.start()

    def _pause(self) -> None:
        tree = self._chance.choice(self._stage.workers)
        children = self._children(tree)
        if children:
            pid = self._chance.choice(children)
            self._paused[pid] = (tree, time.monotonic() + PAUSE_SECONDS)
            _signal(pid, signal.SIGSTOP)

    def _flush(self) -> None:
        self._stage.app.extensions["redis"].flushall()

    def _redis(self) -> None:
        self._stage.redis.kill()
        time.sleep(REDIS_AWAY_SECONDS)
        self._stage.redis.start()

    def _fault(self) -> None:
        account = self._chance.choice(self._rough)
        kind = self._chance.choice(FAULTS)
        more = {"status": self._chance.choice((500, 502, 503))} if kind == "error" else {}
        name = self._chance.choice(self._calls[account.platform])
        self._stage.platforms.fault(
            account.platform,
            kind,
            call=f"{account.platform.lower()}.{name}",
            account=account.platform_user_id,
            **more,
        )

    def _shuffled_calls(self) -> list[tuple[str, str]]:
        calls = [(platform, name) for platform, names in self._calls.items() for name in names]
        self._chance.shuffle(calls)
        return calls

    def _children(self, *trees: Process) -> list[int]:
        """Return what the supervisors have forked and is not asleep."""
        found = [pid for tree in trees or self._stage.workers for pid in _children_of(tree.pid)]
        return [pid for pid in found if pid not in self._paused]

    def _forget_paused_of(self, tree: Process) -> None:
        self._paused = {pid: it for pid, it in self._paused.items() if it[0] is not tree}


def _led_last(scheduler: Process) -> str:
    """Return when a scheduler last became the leader; text that sorts by time."""
    lines = scheduler.log.read_text().splitlines() if scheduler.log.exists() else []
    told = [line for line in lines if "this scheduler leads now" in line]
    return str(json.loads(told[-1])["asctime"]) if told else ""


def _children_of(pid: int) -> list[int]:
    try:
        return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    except OSError:
        return []


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
