"""Whether a job may begin now and, if not, until when and why. Inside a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.clock import to_words
from app.failures import Category, Failure
from app.limits import circuits, gates, ledger
from app.limits.rules import POSTS, code_of, configured_maximum, describe, limits_on
from app.limits.windows import SPREAD, room_in_day, room_in_rolling
from app.models import Gate
from app.platforms import PLATFORMS, Limit


@dataclass(frozen=True)
class Hold:
    """Why a job may not begin before `until`; a pause ends earlier, at an unknown time."""

    until: datetime
    failure: Failure
    is_pause: bool = False


@dataclass(frozen=True)
class Rank:
    """How many jobs go before one: of its account, of the whole application, and of those put off
    in the same call (`here`)."""

    in_account: int = 0
    in_application: int = 0
    here: int = 0


FIRST = Rank()
#: Spreads the posts that an open circuit puts off.
CIRCUIT_SPREAD = timedelta(milliseconds=250)


@dataclass(frozen=True)
class PostWindow:
    """One limit on posts, its maximum, and when it was used."""

    limit: Limit
    maximum: int
    times: tuple[datetime, ...]

    def room_at(self, now: datetime, rank: Rank) -> datetime:
        """Return when one more fits, after those that go before it."""
        ahead = rank.in_account if self.limit.scope == "account" else rank.in_application
        if self.limit.window == "pacific_day":
            return room_in_day(len(self.times), self.maximum, now, rank=ahead)
        window = timedelta(seconds=self.limit.window_seconds)
        return room_in_rolling(self.times, self.maximum, window, now, rank=ahead)


class Allowance:
    """What keeps one account's jobs from beginning, as of one moment."""

    def __init__(
        self,
        *,
        platform: str,
        account_id: str,
        now: datetime,
        gates_by_key: Mapping[str, Gate],
        windows: list[PostWindow],
    ) -> None:
        self.platform = platform
        self.now = now
        self.windows = windows
        self._gates = [gates_by_key[key] for key in (platform, account_id) if key in gates_by_key]
        of_platform = gates_by_key.get(platform)
        self.is_paused = of_platform is not None and of_platform.paused_at is not None
        self._circuit_until = circuits.closed_until(of_platform, now)

    @property
    def is_closed(self) -> bool:
        """Whether nothing may begin, not even a job that has reserved its quota."""
        return next(self._closed(FIRST), None) is not None

    def hold(self, rank: Rank = FIRST) -> Hold | None:
        """Return what holds up a job of this rank; None: it may begin now."""
        holds = [*self._closed(rank), *self._used_up(rank)]
        return max(holds, key=lambda hold: hold.until, default=None)

    def _closed(self, rank: Rank) -> Iterator[Hold]:
        if self._circuit_until is not None:
            until = self._circuit_until + CIRCUIT_SPREAD * rank.here
            yield Hold(until, circuits.reason(self.platform))
        for gate in self._gates:
            closed_until = gate.begins_closed_until
            if closed_until is not None and closed_until > self.now:
                yield Hold(closed_until + SPREAD * rank.in_account, gates.reason(gate))

    def _used_up(self, rank: Rank) -> Iterator[Hold]:
        for window in self.windows:
            until = window.room_at(self.now, rank)
            if until > self.now:
                yield Hold(until, _reason(self.platform, window, until))


def read_allowance(
    session: Session,
    platform: str,
    account_id: str,
    now: datetime,
    *,
    without_job: str = "",
) -> Allowance:
    """Read the gates and the windows of an account, not counting the job `without_job`."""
    gates_by_key = gates.read(session, [platform, account_id])
    windows = []
    for limit in limits_on(platform, POSTS):
        key = account_id if limit.scope == "account" else platform
        uses = ledger.times_of(session, limit, key, now, without_job=without_job)
        times = tuple(moment for moment, amount in uses for _ in range(amount))
        maximum = maximum_for(limit, gates_by_key.get(account_id))
        windows.append(PostWindow(limit, maximum, times))
    return Allowance(
        platform=platform,
        account_id=account_id,
        now=now,
        gates_by_key=gates_by_key,
        windows=windows,
    )


def maximum_for(limit: Limit, gate: Gate | None) -> int:
    """Return a limit's maximum: as the platform reports it for the account, else as configured."""
    configured = configured_maximum(limit)
    if not limit.is_reported_by_platform or gate is None or gate.posts_max is None:
        return configured
    # A maximum that the operator has configured holds even where the platform allows more.
    return gate.posts_max if configured == limit.default else min(configured, gate.posts_max)


def _reason(platform: str, window: PostWindow, until: datetime) -> Failure:
    name, words = PLATFORMS[platform].name, describe(window.limit, window.maximum)
    whose = "this account" if window.limit.scope == "account" else "this service"
    return Failure(
        code_of(window.limit),
        Category.RATE_LIMIT,
        f"{name} accepts {words} from {whose}; the next post is possible at {to_words(until)}",
        gates.GOES_OUT_BY_ITSELF,
    )
