"""Whose file is transcoded next, and what it costs to find out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.clock import utcnow
from app.database.transaction import transaction
from app.extensions import db
from app.media.recipe import Recipe
from app.models import Rendition
from app.renditions.claims import RenditionClaim, claim_next
from app.states import RenditionState
from tests.databases import ON_POSTGRES
from tests.rows_read import rows_read

pytestmark = pytest.mark.usefixtures("context")

KEPT = 20_000
#: What is due and a look at an index for each user, and nothing of what is kept.
READ_MAX = 300
_KEEP = text("""
    INSERT INTO renditions (id, user_id, source_key, source_etag, source_bytes, duration_seconds,
      recipe_digest, recipe, state, run_number, failures, lost_runs, progress, etag, created_at,
      started_at, last_used_at)
    SELECT '01' || lpad(upper(to_hex(i)), 24, '0'), 'user-' || i % 50, 'kept', 'etag', 1, 1,
      i::text, '{}', 'ready', 1, 0, 0, 100, 'etag', now(), now() - i * interval '1 second', now()
    FROM generate_series(1, :kept) i
    """)


def make_due(*users: str) -> None:
    """Queue one rendition of each of these, in this order."""
    now = utcnow() - timedelta(seconds=1)
    recipe = Recipe(container="mp4", video=None, audio=None).dump()
    with transaction() as session:
        for number, user in enumerate(users):
            session.add(
                Rendition(
                    user_id=user,
                    source_key="videos/film.mp4",
                    source_etag="etag",
                    source_bytes=1,
                    duration_seconds=1,
                    recipe_digest=str(number),
                    recipe=recipe,
                    state=RenditionState.PENDING,
                    due_at=now + timedelta(microseconds=number),
                )
            )


def taken() -> RenditionClaim | None:
    return claim_next(utcnow())


def user_of(claim: RenditionClaim) -> str:
    user = db.session.get_one(Rendition, claim.rendition_id).user_id
    db.session.commit()
    return user


def test_users_take_turns() -> None:
    """One user's many transcodes do not hold up another user's one."""
    make_due("alice", "alice", "alice", "bob")
    order = []
    while claim := taken():
        order.append(user_of(claim))
    assert order == ["alice", "bob", "alice", "alice"]


@ON_POSTGRES
def test_claim_costs_what_is_due_and_not_what_is_kept() -> None:
    make_due(*["user-1", "user-2", "user-3", "nobody-yet"] * 10)
    with transaction() as session:
        session.execute(_KEEP, {"kept": KEPT})
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE renditions")
    assert rows_read(taken) <= READ_MAX
    first = taken()
    assert first is not None and user_of(first) == "user-3"  # each of the others was served since
