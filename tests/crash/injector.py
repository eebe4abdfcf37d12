"""Fault injection: one method for each kind of fault."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import TypeVar

from app.models import Account
from tests.crash.gates import GATES, WEB_GATES
from tests.crash.leases import (
    Held,
    Resumption,
    conversions_now,
    end_conversion_leases,
    end_leases,
    held_now,
)
from tests.crash.plan import Plan
from tests.crash.stage import Stage
from tests.media.ffmpegs import ffmpegs
from tests.processes import Process

T = TypeVar("T")
#: The calls that publish a post: a process dies in the middle of each. TikTok's refresh is left
#: out: it invalidates the old refresh token, so dying before the new one is stored loses the
#: account, as docs/reliability.md says.
CALLS = {
    "TIKTOK": ("creator_info", "init", "upload", "status"),
    "INSTAGRAM": ("quota", "container", "upload", "container_status", "publish"),
    "YOUTUBE": ("token", "session", "upload", "status_query", "videos"),
}
VICTIMS = ("workers", "scheduler", "web")
#: How often workers are chosen for each other victim: workers make the calls.
WORKERS_SHARE = 4
#: Longer than a lease: another worker takes the job over while this one sleeps.
PAUSE_SECONDS = 36.0
REACH_SECONDS = 20.0
REDIS_AWAY_SECONDS = 1.0
OUTAGE_SECONDS = 70.0
STALL_SECONDS = 7.0
POSTGRES_AWAY_SECONDS = 2.0
DEAF_SECONDS = 2.0
#: Longer than a kill takes, even on a busy machine.
HELD_SECONDS = 8.0
#: Calls that the platforms must receive between two injections, so that each hits running work.
WORK_CALLS = (1, 12)
FAULTS = ("lost_answer", "cut", "error", "garbage")
#: Slow enough to kill in the middle of a large video's bytes.
BYTES_PER_SECOND = 2_000_000


class Injector:
    """Injects faults, and counts them."""

    def __init__(
        self, stage: Stage, plan: Plan, rough: Sequence[Account], chance: random.Random
    ) -> None:
        self._stage = stage
        self._ends_leases = plan.ends_leases
        self._rough = rough
        self._chance = chance
        self._paused: dict[int, tuple[Process, float]] = {}
        self._calls = [
            (platform, name)
            for platform, names in CALLS.items()
            for name in names
            if f"{platform.lower()}.{name}" not in plan.spared
        ]
        often = ("workers",) * WORKERS_SHARE + VICTIMS[1:]
        self._boundaries = self._endless([*product(self._calls, often)])
        self._gates = self._endless(GATES)
        self._encoders = self._endless(("ffmpeg", "child"))
        self._seen = 0
        self.resumption = Resumption()
        self.injected: Counter[str] = Counter()
        #: processes ended by `kill -9`; one injection may end several
        self.ended = 0
        #: how often each boundary was reached
        self.reached: Counter[str] = Counter()
        for (platform, name), victim in product(self._calls, VICTIMS):
            self.reached[f"{platform} {name} x {victim}"] = 0
        for platform, gate in GATES if stage.gates is not None else ():
            self.reached[f"{platform} write of {gate}"] = 0

    def inject(self, kind: str) -> None:
        """Inject one fault; it counts if there was something to hit."""
        self._await_work()
        inject: Callable[[], bool | None] = getattr(self, f"_{kind}")
        if inject() is False:
            self.injected[f"missed {kind}"] += 1
        else:
            self.injected[kind] += 1

    def wake_paused(self, *, all_of_them: bool = False) -> None:
        """Resume workers that have slept for longer than their lease."""
        for pid, (_, until) in list(self._paused.items()):
            if all_of_them or time.monotonic() >= until:
                del self._paused[pid]
                _signal(pid, signal.SIGCONT)

    def _await_work(self) -> None:
        """Wait until the platforms have received more calls."""
        wanted = self._seen + self._chance.randint(*WORK_CALLS)
        _wait(lambda: self._calls_made() >= wanted, REACH_SECONDS)
        time.sleep(self._chance.uniform(0.0, 0.2))
        self._seen = self._calls_made()

    def _calls_made(self) -> int:
        newest = self._stage.sandbox.world.journal.newest(1)
        return int(newest[0]["seq"]) if newest else 0

    def _child(self) -> bool:
        children = self._children(*self._stage.workers)
        if children:
            self.resumption.killed(held_now())
            self._end(self._chance.choice(children))
        return bool(children)

    def _encoder(self) -> bool:
        """Kill a running ffmpeg, or the child that runs it."""
        folder = self._stage.encode_dir
        if not _wait(lambda: bool(ffmpegs(folder)), REACH_SECONDS):
            return False
        time.sleep(self._chance.uniform(0.0, 0.3))
        victims = [(pid, _parent_of(pid)) for pid in ffmpegs(folder)]
        if not victims:
            return False
        ffmpeg, child = self._chance.choice(victims)
        if next(self._encoders) == "ffmpeg" or not child:
            self._end(ffmpeg)
            _wait(lambda: ffmpeg not in ffmpegs(folder), REACH_SECONDS)
        else:
            held = conversions_now()
            self._end(child)
            if self._ends_leases:
                end_conversion_leases(held)
        return True

    def _boundary(self) -> bool:
        """Kill in the middle of one call: before its work is done, or after."""
        (platform, name), victim = next(self._boundaries)
        # A response may be lost only together with its worker: otherwise it uses up an attempt.
        kind = self._chance.choice(("slow", "hang")) if victim == "workers" else "slow"
        more: dict[str, object] = {"after_work": kind == "hang", "seconds": HELD_SECONDS}
        if kind == "slow":
            more["seconds"] = HELD_SECONDS if victim == "workers" else 1.0
            if name == "upload" and victim == "workers":
                more.update(seconds=0, bytes_per_second=BYTES_PER_SECOND)
        call = f"{platform.lower()}.{name}"
        faults = self._stage.sandbox.world.faults
        fault = faults.add({"platform": platform, "kind": kind, "call": call, **more})
        is_reached = _wait(lambda: fault.fired > 0, REACH_SECONDS)
        faults.remove(fault.id)
        if not is_reached:
            return False
        self.reached[f"{platform} {name} x {victim}"] += 1
        # Half of the time, the call's work is done before its worker dies.
        time.sleep(self._chance.choice((0.0, 0.1, 0.5)))
        getattr(self, f"_kill_{victim}")()
        return True

    def _gate(self) -> bool:
        """Kill the process that is about to commit a certain write, or restart the database."""
        found = self._stand_at_gate()
        if found is not None:
            _, gate = found
            if gate in WEB_GATES:
                self._kill_web()
            else:
                self._kill_workers()
        return found is not None

    def _postgres(self) -> bool:
        """Restart the database while a commit is pending."""
        server = self._stage.postgres
        assert server is not None
        found = self._stand_at_gate()
        server.stop(self._chance.choice(("fast", "immediate")))
        time.sleep(self._chance.uniform(0.0, POSTGRES_AWAY_SECONDS))
        server.start()
        return found is not None

    def _stand_at_gate(self) -> tuple[str, str] | None:
        gates = self._stage.gates
        assert gates is not None
        platform, gate = next(self._gates)
        gates.close(platform, gate)
        if not gates.is_reached(REACH_SECONDS):
            return None
        self.reached[f"{platform} write of {gate}"] += 1
        return platform, gate

    def _kill_workers(self) -> None:
        dead = [pid for pid in at_work(self._stage.workers) if pid not in self._paused]
        self._note_the_dead(kill_at_work(self._stage.workers, spared=self._paused))
        self.ended += len(dead)

    def _tree(self) -> None:
        tree = self._chance.choice(self._stage.workers)
        self._forget_paused_of(tree)
        self.ended += 1 + len(_children_of(tree.pid))
        tree.kill()
        self._note_the_dead(held_now())
        tree.start()

    def _parent(self) -> None:
        """Kill a supervisor alone: its children must exit by themselves, beside the new ones."""
        tree = self._chance.choice(self._stage.workers)
        self._forget_paused_of(tree)
        tree.kill_alone()
        self.ended += 1
        tree.start()

    def _note_the_dead(self, held: Held) -> None:
        self.resumption.killed(held)
        if self._ends_leases:
            end_leases(held)
            end_conversion_leases(conversions_now())

    def _scheduler(self) -> None:
        self._kill_scheduler()

    def _kill_scheduler(self) -> None:
        """Kill one scheduler, which may be the leader, or all."""
        count = self._chance.randint(1, len(self._stage.schedulers))
        dead = self._chance.sample(self._stage.schedulers, count)
        for scheduler in dead:
            scheduler.kill()
            self.ended += 1
        for scheduler in dead:
            scheduler.start()

    def _web(self) -> None:
        self._kill_web()

    def _kill_web(self) -> None:
        """Kill the web workers, or the whole web tree."""
        for web in self._stage.webs:
            children = _children_of(web.pid)
            if children and self._chance.random() < 0.5:
                for pid in children:
                    self._end(pid)
            else:
                self.ended += 1 + len(children)
                web.kill()
                web.start()

    def _deploy(self) -> None:
        """Replace everything, as a deploy does: SIGTERM, then a new start."""
        self.wake_paused(all_of_them=True)
        for process in self._stage.processes:
            process.terminate()
            process.start()

    def _pause(self) -> bool:
        tree = self._chance.choice(self._stage.workers)
        children = self._children(tree)
        if children:
            pid = self._chance.choice(children)
            self._paused[pid] = (tree, time.monotonic() + PAUSE_SECONDS)
            _signal(pid, signal.SIGSTOP)
        return bool(children)

    def _flush(self) -> None:
        self._stage.app.extensions["redis"].flushall()

    def _redis(self) -> None:
        self._restart_redis(REDIS_AWAY_SECONDS)

    def _outage(self) -> None:
        self._restart_redis(OUTAGE_SECONDS)

    def _restart_redis(self, away_seconds: float) -> None:
        self._stage.redis.kill()
        time.sleep(away_seconds)
        self._stage.redis.start()

    def _stall(self) -> None:
        """Stall Redis: it is there, but does not respond."""
        _signal(self._stage.redis.pid, signal.SIGSTOP)
        time.sleep(STALL_SECONDS)
        _signal(self._stage.redis.pid, signal.SIGCONT)

    def _deaf(self) -> None:
        self._stage.receiver.stop_listening(DEAF_SECONDS)

    def _fault(self) -> None:
        account = self._chance.choice(self._rough)
        kind = self._chance.choice(FAULTS)
        more = {"status": self._chance.choice((500, 502, 503))} if kind == "error" else {}
        names = [name for platform, name in self._calls if platform == account.platform]
        self._stage.platforms.fault(
            account.platform,
            kind,
            call=f"{account.platform.lower()}.{self._chance.choice(names)}",
            account=account.platform_user_id,
            **more,
        )

    def _endless(self, places: Sequence[T]) -> Iterator[T]:
        """Yield all boundaries in random order, endlessly."""
        while True:
            yield from self._chance.sample(places, len(places))

    def _children(self, *trees: Process) -> list[int]:
        return [pid for pid in at_work(trees) if pid not in self._paused]

    def _end(self, pid: int) -> None:
        _signal(pid, signal.SIGKILL)
        self.ended += 1

    def _forget_paused_of(self, tree: Process) -> None:
        for pid, (owner, _) in list(self._paused.items()):
            if owner is tree:
                del self._paused[pid]
                _signal(pid, signal.SIGCONT)


def at_work(trees: Sequence[Process]) -> list[int]:
    """Return the working children of process trees, never the parents."""
    return [pid for tree in trees for pid in _children_of(tree.pid)]


def kill_at_work(
    trees: Sequence[Process],
    spared: Container[int] = (),
    before_noticed: Callable[[], object] = lambda: None,
) -> Held:
    """Kill all working children; return the jobs that they held.

    Their supervisors are suspended until `before_noticed` has returned, so that no new child is
    counted among the dead and no job is taken over yet.
    """
    for tree in trees:
        _signal(tree.pid, signal.SIGSTOP)
    for pid in at_work(trees):
        if pid not in spared:
            _signal(pid, signal.SIGKILL)
    held = held_now()
    before_noticed()
    for tree in trees:
        _signal(tree.pid, signal.SIGCONT)
    return held


def _wait(look: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _children_of(pid: int) -> list[int]:
    try:
        return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    except OSError:
        return []


def _parent_of(pid: int) -> int:
    """Return a process's parent, or 0 if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[1])


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
