"""An account's own limit on the length of videos: its platform decides, not its last word."""

from __future__ import annotations

import pytest

from app.clock import utcnow
from app.extensions import db
from app.models import PublishJob, Video
from app.publishing import steer
from app.states import FINAL_STATES, JobState
from tests.factories import make_job
from tests.platforms import Platforms
from tests.processes import wait_until
from tests.rows import row
from tests.workers.conftest import connect
from workers.publishing.pipeline import advance

pytestmark = pytest.mark.usefixtures("context")


def run_to_end(job: PublishJob) -> PublishJob:
    """Advance a job until it has ended."""

    def look() -> PublishJob | None:
        advance(job.platform, job.id)
        found = row(job.id)
        return found if found.state in FINAL_STATES else None

    return wait_until(look, f"the end of {job.id}")


def test_video_goes_out_once_its_channel_was_verified(
    platforms: Platforms, stored_film: Video
) -> None:
    """As the hint asks; what YouTube said before is no reason to refuse it for a day."""
    stored_film.probe = {**(stored_film.probe or {}), "duration_seconds": 1000.0}
    db.session.merge(stored_film)
    db.session.commit()
    account = connect(platforms, "YOUTUBE", long_uploads=False)
    job = make_job("YOUTUBE", account=account, video=stored_film)
    failed = run_to_end(job)
    assert (failed.state, failed.error_code) == (JobState.FAILED, "duration_max")
    assert "youtube.com/verify" in (failed.error_hint or "")
    verified = {"id": account.platform_user_id, "status": {"longUploadsStatus": "allowed"}}
    body = {"kind": "youtube#channelListResponse", "items": [verified]}
    platforms.fault("YOUTUBE", "error", call="youtube.channels", status=200, body=body)
    steer.retry(job.id, utcnow())
    assert run_to_end(job).state is JobState.COMPLETED
