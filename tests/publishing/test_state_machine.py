"""Any order of calls, runs, crashes and sweeps: no post is stuck, lost or completed twice.

Time is the `now` that the functions are given, so a lease ends when the machine says so. It
starts in the past: Redis then takes every wake-up as due, and each can be counted in one queue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis import Redis
from sqlalchemy import delete

from app.database.transaction import transaction
from app.extensions import db
from app.failures import Category, Failure
from app.models import (
    Account,
    Gate,
    IdempotencyKey,
    Lane,
    LedgerEntry,
    Notification,
    PublishedPost,
    PublishJob,
    TimelineEntry,
    Video,
)
from app.publishing import outcomes, steer
from app.publishing.claims import LEASE_SECONDS, Claim, claim_next
from app.publishing.create import KeyedRequest, NewJob, create_jobs
from app.publishing.errors import WrongState
from app.publishing.leased import (
    Proof,
    begin_steps,
    forget_upload,
    renew,
    save_checkpoint,
    show_progress,
)
from app.queues import HORIZON, PUBLISH_QUEUES, PostScheduler, RunQueue
from app.run_stops import CancelRequested, Superseded
from app.states import FINAL_STATES, JobState, Step
from tests import IS_THOROUGH
from tests.factories import make_account, make_video
from workers.scheduling.sweeper import GRACE, Sweeper

START = datetime(2020, 1, 1, tzinfo=timezone.utc)
#: No two rows fall due at the same instant, so that the order of claims is determined.
TICK = timedelta(milliseconds=1)
LEASE = timedelta(seconds=LEASE_SECONDS)
TROUBLE = Failure("read_timeout", Category.NETWORK, "the connection broke")
LIMIT = Failure("too_many", Category.RATE_LIMIT, "later, please")
UNKNOWN = Failure("silence", Category.AMBIGUOUS, "the platform did not say")
ENDINGS = {"completed", "failed", "cancelled"}
PLATFORM = "TIKTOK"
JOBS_MAX = 3

EMPTIED = (
    IdempotencyKey,
    Notification,
    PublishedPost,
    TimelineEntry,
    PublishJob,
    Lane,
    Gate,
    LedgerEntry,
)

picks = st.integers(0, 5)
pauses = st.sampled_from([0, 1, 5, 60, 3600]).map(lambda seconds: timedelta(seconds=seconds))
Write = Callable[[Claim, datetime], None]
#: Writes of a holder, as (claim, now).
WRITES: dict[str, Write] = {
    "begin_step": lambda claim, now: begin_steps(claim, [Step.UPLOAD], now),
    "process": lambda claim, now: begin_steps(claim, [Step.PROCESS], now),
    "progress": lambda claim, now: show_progress(claim, 50),
    "save": lambda claim, now: save_checkpoint(claim, {"id": claim.run}, now),
    "commit": lambda claim, now: save_checkpoint(claim, {"id": claim.run}, now, commits=True),
    "forget": lambda claim, now: forget_upload(claim),
}
#: Writes that release the lease while the job goes on, as (claim, now, due).
RELEASING: dict[str, Callable[[Claim, datetime, datetime], None]] = {
    "poll_again": lambda claim, now, due: outcomes.poll_again(claim, due, now, progress=85),
    "poll_unanswered": lambda claim, now, due: outcomes.poll_unanswered(claim, TROUBLE, due, now),
    "try_again": lambda claim, now, due: outcomes.try_again(claim, TROUBLE, due, now),
    "unfinished": lambda claim, now, due: outcomes.try_again(
        claim, TROUBLE, due, now, proof=Proof.UNFINISHED
    ),
    "hold_back": lambda claim, now, due: outcomes.hold_back(claim, LIMIT, due, now),
    "dead": lambda claim, now, due: outcomes.hold_back(claim, LIMIT, due, now, proof=Proof.DEAD),
    "hand_back": lambda claim, now, due: outcomes.hand_back(claim, now),
}


#: Those of them that give the attempt back, and those with proof that nothing is live.
GIVING_BACK = {"hold_back", "dead"}
PROVING = {"dead"}


def complete(claim: Claim, now: datetime) -> None:
    """End the job as a run does that found the post live."""
    outcomes.complete(claim, now, platform_post_id=f"post-{claim.job_id}", url=None)


def turn_of(job: PublishJob) -> tuple[bool, bool, int, datetime | None]:
    """Return the order of claims: polls, then uploads of lost workers, then priority."""
    priority = 0 if job.is_at_platform or job.is_leased else -job.priority
    return (
        not job.is_at_platform,
        not job.is_leased and not job.is_at_platform,
        priority,
        job.due_at,
    )


def columns(row: Any) -> dict[str, Any]:
    """Return a row's columns and their values."""
    return {name: getattr(row, name) for name in row.__mapper__.columns.keys()}


class Publishing(RuleBasedStateMachine):
    """What callers, workers, crashes and the clock can do to a few jobs of one platform."""

    def __init__(self, account: Account, video: Video, redis: Redis) -> None:
        super().__init__()
        self.account, self.video, self.redis = account, video, redis
        self.now = START
        self.rows: list[PublishJob] = []
        self.made: list[str] = []
        #: the latest claim of each job, whose worker believes that it holds
        self.holders: dict[str, Claim] = {}
        #: claims released or superseded: their writes must be refused
        self.late: list[Claim] = []

    @initialize()
    def empty(self) -> None:
        with transaction() as session:
            for model in EMPTIED:
                session.execute(delete(model))
        self.redis.flushall()

    # Reading.

    def look(self) -> None:
        """Reload everything at once; loading each job by itself would take a minute."""
        with transaction() as session:
            session.expunge_all()
            self.rows = list(session.scalars(db.select(PublishJob).order_by(PublishJob.id)))
            self.entries = list(
                session.scalars(db.select(TimelineEntry).order_by(TimelineEntry.id))
            )
            told = db.select(Notification.subject_id, Notification.type)
            self.told = [tuple(row) for row in session.execute(told)]
            self.live = sorted(session.scalars(db.select(PublishedPost.job_id)))
            session.expunge_all()  # detached, so that later changes do not show

    def job(self, job_id: str) -> PublishJob:
        """Reload a job."""
        with transaction() as session:
            job = session.get_one(PublishJob, job_id, populate_existing=True)
            session.expunge(job)
            return job

    def snapshot(self) -> list[dict[str, Any]]:
        """Return every row, to see that a refused call changed none."""
        with transaction() as session:
            session.expunge_all()
            return [
                columns(row)
                for model in (PublishJob, TimelineEntry, PublishedPost, Notification)
                for row in session.query(model).order_by(model.id)
            ]

    def due(self) -> list[PublishJob]:
        """Return the jobs that a worker may claim now."""
        return [job for job in self.rows if job.due_at is not None and job.due_at <= self.now]

    @contextmanager
    def refused(self, error: type[Exception]) -> Iterator[None]:
        """Expect an error, and that nothing has changed."""
        before = self.snapshot()
        with pytest.raises(error):
            yield
        assert self.snapshot() == before

    def pick_holder(self, pick: int) -> Claim:
        """Return one of the claims that still hold their job."""
        held = list(self.holders.values())
        return held[pick % len(held)]

    def leaves(self, claim: Claim) -> None:
        """Note that the worker has released its job, or was lost."""
        self.late.append(self.holders.pop(claim.job_id))

    # Callers.

    @precondition(lambda self: len(self.made) < JOBS_MAX)
    @rule(pause=pauses, priority=st.sampled_from([3, 5]))
    def create(self, pause: timedelta, priority: int) -> None:
        keyed = KeyedRequest("alice", f"key-{len(self.made)}-{self.now}", "hash")
        new = NewJob(
            user_id=self.account.user_id,
            account_id=self.account.id,
            video_id=self.video.id,
            platform=PLATFORM,
            caption="Hello",
            privacy_level="public",
            priority=priority,
            due_at=self.now + pause,
            scheduled_time=self.now + pause if pause else None,
        )
        [job] = create_jobs([new], self.now, keyed=keyed)
        [again] = create_jobs([new], self.now, keyed=keyed)
        assert again.id == job.id
        self.made.append(job.id)

    @precondition(lambda self: self.made)
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        job = self.rows[pick % len(self.made)]
        over = job.state in (JobState.COMPLETED, JobState.FAILED)
        if over or (job.is_committed and job.state is not JobState.CANCELLED):
            with self.refused(WrongState):
                steer.cancel(job.id, self.now)
            return
        steer.cancel(job.id, self.now)
        after = self.job(job.id)
        assert after.state is JobState.CANCELLED or (after.is_leased and after.cancel_requested)

    @precondition(lambda self: self.made)
    @rule(pick=picks, changes=st.sampled_from(["caption", "time", "at_once", "both"]), pause=pauses)
    def edit(self, pick: int, changes: str, pause: timedelta) -> None:
        job = self.rows[pick % len(self.made)]
        wanted: dict[str, Any] = {}
        if changes in ("caption", "both"):
            wanted["caption"] = f"edited at {self.now}"
        if changes != "caption":
            wanted["scheduled_time"] = None if changes == "at_once" else self.now + pause
        if job.state is not JobState.WAITING or job.is_committed:
            with self.refused(WrongState):
                steer.edit(job.id, wanted, self.now, judged={})
            return
        with self.refused(WrongState):
            steer.edit(job.id, wanted, self.now, judged={"caption": "another one's"})
        steer.edit(job.id, wanted, self.now, judged={"caption": job.caption})
        after = self.job(job.id)
        assert after.caption == wanted.get("caption", job.caption)
        if "scheduled_time" in wanted:
            assert after.due_at == (wanted["scheduled_time"] or self.now)

    @precondition(lambda self: self.made)
    @rule(pick=picks)
    def retry(self, pick: int) -> None:
        job = self.rows[pick % len(self.made)]
        if job.state is not JobState.FAILED or job.error_category == "ambiguous":
            with self.refused(WrongState):
                steer.retry(job.id, self.now)
            return
        steer.retry(job.id, self.now)
        after = self.job(job.id)
        assert after.is_committed == job.is_committed and not after.cancel_requested

    @precondition(lambda self: any(job.state is JobState.FAILED for job in self.rows))
    @rule(pick=picks, is_live=st.booleans())
    def resolve(self, pick: int, is_live: bool) -> None:
        failed = [job for job in self.rows if job.state is JobState.FAILED]
        job = failed[pick % len(failed)]
        if not job.is_ambiguous and not (job.is_committed and is_live):
            with self.refused(WrongState):
                steer.resolve(job.id, self.now, is_live=is_live)
            return
        steer.resolve(job.id, self.now, is_live=is_live)
        state = self.job(job.id).state
        assert state is (JobState.COMPLETED if is_live else JobState.FAILED)

    # Workers.

    @precondition(lambda self: self.due())
    @rule()
    def claim(self) -> None:
        self.take()

    def take(self) -> Claim | None:
        """Claim as a worker does; check that it was the turn of that job."""
        self.now += TICK
        self.look()
        due = {job.id: job for job in self.due()}
        claim = claim_next(PLATFORM, self.now)
        # On the way, the claim ends cancelled jobs of lost workers.
        ended = [job_id for job_id in due if self.job(job_id).state is JobState.CANCELLED]
        for job_id in ended:
            assert due[job_id].cancel_requested
            self.late.append(self.holders.pop(job_id))
        if claim is None:
            assert len(ended) == len(due)
            return None
        claimed = due[claim.job_id]
        turns = [turn_of(job) for job in due.values() if job.id not in ended]
        assert turn_of(claimed) == min(turns)
        assert not claimed.cancel_requested or claimed.is_committed
        if claim.job_id in self.holders:
            assert claimed.is_leased and claim.lost_runs == claimed.lost_runs + 1
            assert claim.attempt == claimed.attempts_made
            self.leaves(claim)
        self.holders[claim.job_id] = claim
        return claim

    @precondition(lambda self: self.holders)
    @rule(pick=picks, name=st.sampled_from(sorted(WRITES)))
    def write(self, pick: int, name: str) -> None:
        claim = self.pick_holder(pick)
        job = self.job(claim.job_id)
        asked_in_time = job.cancel_requested and not job.is_committed
        if asked_in_time and name != "forget":
            with self.refused(CancelRequested):
                WRITES[name](claim, self.now)
        elif name != "forget" or job.is_committed:
            WRITES[name](claim, self.now)
            if name == "commit":
                with self.refused(WrongState):
                    steer.cancel(job.id, self.now)

    @precondition(lambda self: self.holders)
    @rule(pick=picks, name=st.sampled_from(sorted(RELEASING)))
    def commit_and_release(self, pick: int, name: str) -> None:
        self.write(pick, "commit")
        self.release(pick, name, timedelta(seconds=5))

    @precondition(lambda self: self.holders)
    @rule(pick=picks, name=st.sampled_from(sorted(RELEASING)), pause=pauses)
    def release(self, pick: int, name: str, pause: timedelta) -> None:
        claim = self.pick_holder(pick)
        job = self.job(claim.job_id)
        if job.cancel_requested and not job.is_committed:
            with self.refused(CancelRequested):
                RELEASING[name](claim, self.now, self.now + pause)
            return
        RELEASING[name](claim, self.now, self.now + pause)
        self.leaves(claim)
        counts = job.attempts_made - (name in GIVING_BACK)
        assert self.job(job.id).attempts_made == counts
        assert self.job(job.id).is_committed == (job.is_committed and name not in PROVING)
        if self.job(job.id).is_committed:
            with self.refused(WrongState):
                steer.edit(job.id, {"caption": "too late"}, self.now, judged={})

    @precondition(lambda self: self.holders)
    @rule(pick=picks)
    def honour_cancellation(self, pick: int) -> None:
        claim = self.pick_holder(pick)
        job = self.job(claim.job_id)
        if job.cancel_requested and not job.is_committed:
            outcomes.cancel(claim, self.now)
            self.leaves(claim)

    @precondition(lambda self: self.holders)
    @rule(pick=picks, failure=st.sampled_from([TROUBLE, UNKNOWN]), proof=st.sampled_from(Proof))
    def fail(self, pick: int, failure: Failure, proof: Proof) -> None:
        claim = self.pick_holder(pick)
        is_committed = self.job(claim.job_id).is_committed
        if failure is UNKNOWN and not is_committed:
            return  # only a committed job can be ambiguous
        proof = Proof.NOTHING if failure is UNKNOWN else proof
        outcomes.fail(claim, failure, self.now, proof=proof)
        self.leaves(claim)
        is_unsure = is_committed and proof is not Proof.DEAD
        assert self.job(claim.job_id).is_committed == is_unsure

    @precondition(lambda self: self.holders)
    @rule(pick=picks)
    def fail_though_cancelled_and_retry(self, pick: int) -> None:
        claim = self.pick_holder(pick)
        if self.job(claim.job_id).is_committed:
            return
        steer.cancel(claim.job_id, self.now)
        outcomes.fail(claim, TROUBLE, self.now)
        self.leaves(claim)
        steer.retry(claim.job_id, self.now)
        assert not self.job(claim.job_id).cancel_requested

    @precondition(lambda self: self.holders)
    @rule(pick=picks)
    def complete(self, pick: int) -> None:
        claim = self.pick_holder(pick)
        if self.job(claim.job_id).is_committed:
            complete(claim, self.now)
            self.leaves(claim)

    @precondition(lambda self: self.holders)
    @rule(pick=picks)
    def keep(self, pick: int) -> None:
        claim = self.pick_holder(pick)
        assert renew(claim, self.now)
        assert self.job(claim.job_id).due_at == self.now + LEASE

    @precondition(lambda self: self.late)
    @rule(pick=picks, name=st.sampled_from(sorted(WRITES | RELEASING) + ["complete", "fail"]))
    def write_too_late(self, pick: int, name: str) -> None:
        # Too late, and another worker may hold the job already.
        beside = [claim for claim in self.late if claim.job_id in self.holders] or self.late
        claim = beside[-1 - pick % len(beside)]
        with self.refused(Superseded):
            if name == "complete":
                complete(claim, self.now)
            elif name == "fail":
                outcomes.fail(claim, TROUBLE, self.now)
            elif name in WRITES:
                WRITES[name](claim, self.now)
            else:
                RELEASING[name](claim, self.now, self.now)
        assert not renew(claim, self.now)

    # The clock, crashes and Redis.

    @rule(pause=pauses)
    def pass_time(self, pause: timedelta) -> None:
        self.now += pause

    @precondition(lambda self: self.holders)
    @rule()
    def expire_the_leases(self) -> None:
        self.now = max([self.now, *(job.due_at or self.now for job in self.rows)])
        leased = [job for job in self.rows if job.is_leased]
        assert all(job.due_at is not None and job.due_at <= self.now for job in leased)
        self.take()

    @precondition(lambda self: self.made)
    @rule(is_empty=st.booleans())
    def sweep(self, is_empty: bool) -> None:
        if is_empty:
            self.redis.flushall()
        self.now += 2 * GRACE
        Sweeper().sweep(self.now)
        due = self.due()
        if is_empty:
            # What is due soon has a wake-up of its own again; what is due later gets one when its
            # time comes near.
            soon = [
                job
                for job in self.rows
                if job.state is JobState.WAITING
                and job.due_at is not None
                and self.now < job.due_at <= self.now + HORIZON
            ]
            scheduler = PostScheduler(PUBLISH_QUEUES[PLATFORM], self.redis)
            assert self.redis.zcard(scheduler.scheduled_jobs_key) == len(soon)
        # What has just become due is left to its own wake-up, and then to the next sweep.
        self.now += GRACE
        Sweeper().sweep(self.now)
        # A worker that is woken wakes the next one as soon as that may begin.
        assert RunQueue(PUBLISH_QUEUES[PLATFORM], self.redis).count >= bool(due)

    @precondition(lambda self: self.made)
    @rule()
    def leave_nothing_due(self) -> None:
        """Every worker dies with what it claims: all that is left is due later, or has ended."""
        for _ in range(JOBS_MAX + 1):
            if self.take() is None:
                break
        self.look()
        for job in self.rows:
            assert job.state in FINAL_STATES or (job.due_at and job.due_at > self.now)

    # Invariants.

    @invariant()
    def everything_is_in_order(self) -> None:
        self.now += TICK
        self.look()
        self.check_records()
        for job in self.rows:
            entries = [entry for entry in self.entries if entry.job_id == job.id]
            self.check_due_time(job)
            self.check_spans(job, entries)
            self.check_endings(job, entries)

    def check_due_time(self, job: PublishJob) -> None:
        """Check that an open job has a due time, and an ended one has none."""
        if job.state in FINAL_STATES:
            assert job.due_at is None and not job.is_leased and job.finished_at is not None
        else:
            assert job.due_at is not None and job.finished_at is None
        assert job.is_leased == (job.id in self.holders)
        assert not job.is_leased or job.state is JobState.ACTIVE
        assert job.state is not JobState.CANCELLED or not job.is_committed

    def check_records(self) -> None:
        """Check that a job is recorded live once, and only when completed."""
        completed = [job.id for job in self.rows if job.state is JobState.COMPLETED]
        assert self.live == sorted(completed)

    def check_endings(self, job: PublishJob, entries: list[TimelineEntry]) -> None:
        """Check that each end was notified once, and that only a retry follows one."""
        changes = [entry.name for entry in entries if entry.name in ENDINGS | {"retried"}]
        ended = [name for name in changes if name != "retried"]
        types = [kind for subject, kind in self.told if subject == job.id]
        assert sorted(types) == sorted(f"publish.{name}" for name in ended)
        assert ended.count("completed") + ended.count("cancelled") <= 1
        assert (job.state in FINAL_STATES) == (changes[-1:] not in ([], ["retried"]))
        assert job.state not in FINAL_STATES or changes[-1] == job.state.value

    def check_spans(self, job: PublishJob, entries: list[TimelineEntry]) -> None:
        """Check the open entries, and that the attempts listed are those counted."""
        opened = sorted(entry.kind for entry in entries if entry.ended_at is None)
        if job.state in FINAL_STATES:
            assert opened == []
        elif job.state is JobState.WAITING:
            assert opened == ["wait"]
        else:
            assert opened in (["attempt"], ["attempt", "step"])
        counted = 0
        for entry in entries:
            if entry.name == "retried":
                counted = 0
            counted += entry.kind == "attempt" and entry.outcome != "given_back"
        assert job.attempts_made == counted

    def teardown(self) -> None:
        """Let time pass and a worker work: every job ends."""
        for _ in range(3 * JOBS_MAX):
            self.look()
            waits = [job.due_at for job in self.rows if job.due_at is not None]
            if not waits:
                return
            self.now = max(self.now, *waits)
            claim = self.take()
            if claim is None:
                continue
            save_checkpoint(claim, {"id": claim.run}, self.now, commits=True)
            complete(claim, self.now)
            self.leaves(claim)
        assert all(job.state in FINAL_STATES for job in self.rows)


def test_no_order_of_events_loses_blocks_or_doubles_a_job(redis: Redis) -> None:
    account, video = make_account(PLATFORM), make_video()
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Publishing(account, video, redis),
        settings=settings(
            max_examples=300 if IS_THOROUGH else 10,
            phases=[Phase.generate],  # report a failure as found, without shrinking
            stateful_step_count=40,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
