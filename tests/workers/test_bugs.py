"""A bug in a handler fails the post at once, and is to be seen; it never looks like an outage."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import NoResultFound

from app.extensions import db
from app.models import Account, PublishJob, Video
from app.queues import PUBLISH_QUEUES, RunQueue, current_redis
from app.states import JobState
from tests.factories import make_job
from tests.platforms import Platforms
from tests.processes import wait_until
from tests.rows import row
from tests.workers.conftest import connect
from tests.workers.support import use_handler
from workers.platforms.base import Context
from workers.platforms.tiktok import TikTokHandler
from workers.platforms.youtube import YouTubeHandler
from workers.publishing.pipeline import advance

pytestmark = pytest.mark.usefixtures("context")


class MisusesTheDatabase(YouTubeHandler):
    """Looks for a row that is not there."""

    def open(self, context: Context) -> Any:
        return db.session.get_one(Account, "missing")


class CannotPoll(TikTokHandler):
    """Fails after the upload."""

    def poll(self, context: Context, upload: Any) -> Any:
        return {}["missing"]


class CannotPollYouTube(YouTubeHandler):
    """Fails after the upload, whose end has named the post."""

    def poll(self, context: Context, upload: Any) -> Any:
        return {}["missing"]


def kept_as_failed(platform: str) -> list[str]:
    """Return the ids in a platform's failed registry."""
    queue = RunQueue(PUBLISH_QUEUES[platform], current_redis())
    return list(queue.failed_job_registry.get_job_ids())


def assert_failed(job: PublishJob, code: str) -> None:
    """Check that the job ended by a bug, and is in the failed registry."""
    failed = row(job.id)
    assert (failed.state, failed.error_category) == (JobState.FAILED, "internal")
    assert failed.error_code == code
    assert job.id in kept_as_failed(job.platform)


def test_wrong_use_of_the_database_is_no_outage(
    monkeypatch: pytest.MonkeyPatch, platforms: Platforms, stored_film: Video
) -> None:
    """Else it would end every run alike, until the post fails as one that kills its workers."""
    use_handler(monkeypatch, "YOUTUBE", MisusesTheDatabase)
    job = make_job("YOUTUBE", account=connect(platforms, "YOUTUBE"), video=stored_film)
    with pytest.raises(NoResultFound):
        advance("YOUTUBE", job.id)
    assert_failed(job, "NoResultFound")


def test_bug_in_a_poll_is_kept(
    monkeypatch: pytest.MonkeyPatch, platforms: Platforms, stored_film: Video
) -> None:
    use_handler(monkeypatch, "TIKTOK", CannotPoll)
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=stored_film)
    with pytest.raises(KeyError):  # once the poll is due
        wait_until(lambda: advance("TIKTOK", job.id), "the poll")
    assert_failed(job, "KeyError")


def test_bug_in_a_poll_fails_no_post_that_is_known(
    monkeypatch: pytest.MonkeyPatch,
    platforms: Platforms,
    stored_film: Video,
    caplog: pytest.LogCaptureFixture,
) -> None:
    use_handler(monkeypatch, "YOUTUBE", CannotPollYouTube)
    job = make_job("YOUTUBE", account=connect(platforms, "YOUTUBE"), video=stored_film)
    with pytest.raises(KeyError):
        wait_until(lambda: advance("YOUTUBE", job.id), "the poll")
    assert row(job.id).state is JobState.COMPLETED
    assert "bug in a run" in caplog.messages
