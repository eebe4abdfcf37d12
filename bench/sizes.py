"""How much is measured: `full` for the table, `quick` for a look, `smoke` to see that it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Counts and durations of every family.

    `runs`: how often a figure is measured. `ahead_seconds`: how long before the first due time
    posts are inserted. Our stack's idle work recurs every few minutes at most: it is observed for
    `quiet_seconds`, BullMQ for `idle_seconds`.
    """

    runs: int
    ahead_seconds: float
    released: tuple[int, ...]
    single_posts: int
    spread_seconds: float
    idle_seconds: float
    quiet_seconds: float
    small_posts: int
    large_posts: int
    empty_runs: int
    stock_runs: int
    api_seconds: float
    scheduled_posts: int
    edge_posts: int
    delayed_posts: int
    waiting_posts: int
    operator_jobs: int
    listeners: int
    large_bytes: int
    paced_bytes: int
    source_seconds: int


FULL = Size(
    runs=3,
    ahead_seconds=5.0,
    released=(1_000, 10_000, 100_000),
    single_posts=1_000,
    spread_seconds=60.0,
    idle_seconds=65.0,
    quiet_seconds=305.0,
    small_posts=100,
    large_posts=60,
    empty_runs=5_000,
    stock_runs=200,
    api_seconds=10.0,
    scheduled_posts=1_000_000,
    edge_posts=10_000,
    delayed_posts=10_000,
    waiting_posts=100_000,
    operator_jobs=1_000_000,
    listeners=2_000,
    large_bytes=1_000 * 10**6,
    paced_bytes=300 * 10**6,
    source_seconds=3,
)
QUICK = Size(
    runs=3,
    ahead_seconds=5.0,
    released=(1_000, 10_000),
    single_posts=300,
    spread_seconds=15.0,
    idle_seconds=20.0,
    quiet_seconds=60.0,
    small_posts=30,
    large_posts=20,
    empty_runs=1_000,
    stock_runs=50,
    api_seconds=4.0,
    scheduled_posts=20_000,
    edge_posts=2_000,
    delayed_posts=2_000,
    waiting_posts=10_000,
    operator_jobs=50_000,
    listeners=500,
    large_bytes=300 * 10**6,
    paced_bytes=100 * 10**6,
    source_seconds=2,
)
SMOKE = Size(
    runs=1,
    ahead_seconds=1.0,
    released=(50,),
    single_posts=10,
    spread_seconds=0.5,
    idle_seconds=0.5,
    quiet_seconds=0.5,
    small_posts=2,
    large_posts=2,
    empty_runs=20,
    stock_runs=3,
    api_seconds=0.5,
    scheduled_posts=200,
    edge_posts=100,
    delayed_posts=50,
    waiting_posts=200,
    operator_jobs=500,
    listeners=60,
    large_bytes=20 * 10**6,
    paced_bytes=10 * 10**6,
    source_seconds=2,
)
SIZES = {"full": FULL, "quick": QUICK, "smoke": SMOKE}
