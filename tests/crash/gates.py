"""Gates that hold a database write until its process is killed.

A PostgreSQL trigger, for campaigns only: it makes a write of a certain kind sleep before its
commit. A process killed there has done everything before the write, and has not recorded it.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg

from app.platforms import PLATFORMS

#: Longer than it takes to notice a process at a gate, and to kill it.
ASLEEP_SECONDS = 4.0
#: A worker's writes while it publishes, in order. At `responded`, the platform has responded to the
#: publishing call, and the response is about to be stored.
WORKER_GATES = (
    "claim",
    "video",
    "upload",
    "open",
    "commit",
    "responded",
    "released",
    "completed",
)
#: The writes of the API.
WEB_GATES = ("accept", "cancelled", "edit")
GATES = [(platform, gate) for platform in PLATFORMS for gate in (*WORKER_GATES, *WEB_GATES)]

_SET_UP = f"""
CREATE UNLOGGED TABLE crash_gates (platform text, gate text);
CREATE FUNCTION crash_gate() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE passed text[] := ARRAY[]::text[];
BEGIN
  IF TG_OP = 'INSERT' THEN
    passed := ARRAY['accept'];
  ELSE
    IF NEW.is_leased AND NOT OLD.is_leased THEN passed := passed || 'claim'::text; END IF;
    IF NEW.step IS DISTINCT FROM OLD.step THEN passed := passed || NEW.step::text; END IF;
    IF OLD.checkpoint IS NULL AND NEW.checkpoint IS NOT NULL THEN
      passed := passed || 'open'::text;
    END IF;
    IF OLD.committed_at IS NULL AND NEW.committed_at IS NOT NULL THEN
      passed := passed || 'commit'::text;
    END IF;
    IF OLD.committed_at IS NOT NULL AND NEW.checkpoint IS DISTINCT FROM OLD.checkpoint THEN
      passed := passed || 'responded'::text;
    END IF;
    IF OLD.is_leased AND NOT NEW.is_leased AND NEW.state IN ('waiting', 'active') THEN
      passed := passed || 'released'::text;
    END IF;
    IF NEW.state <> OLD.state THEN passed := passed || NEW.state::text; END IF;
    IF NEW.caption <> OLD.caption THEN passed := passed || 'edit'::text; END IF;
  END IF;
  IF EXISTS (SELECT 1 FROM crash_gates WHERE platform = NEW.platform AND gate = ANY(passed)) THEN
    PERFORM pg_sleep({ASLEEP_SECONDS});
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER crash_gate AFTER INSERT OR UPDATE ON publish_jobs
  FOR EACH ROW EXECUTE FUNCTION crash_gate();
"""
_ASLEEP = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
_LOOK_SECONDS = 0.02


class Gates:
    """The gates of one database; at most one is closed at a time."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("postgresql+psycopg://", "postgresql://")
        with self._connected() as connection:
            connection.execute(_SET_UP.encode())

    def close(self, platform: str, gate: str) -> None:
        """Close the gate: writes of this kind now sleep before their commit."""
        with self._connected() as connection:
            connection.execute(
                "INSERT INTO crash_gates VALUES (%s, %s)", [platform, gate], prepare=False
            )

    def is_reached(self, seconds: float) -> bool:
        """Wait for a process at the closed gate, or a timeout; open it; return whether one came."""
        with self._connected() as connection:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                found = connection.execute(_ASLEEP).fetchone()
                if found is not None and found[0]:
                    break
                time.sleep(_LOOK_SECONDS)
            connection.execute("DELETE FROM crash_gates")
            return time.monotonic() < deadline

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self._url, autocommit=True)
