"""An account's own limit on the length of videos: its platform decides, not its last word."""

from __future__ import annotations

import pytest

from app.clock import utcnow
from app.extensions import db
from app.models import Video
from app.publishing import steer
from app.states import JobState
from tests.factories import make_job
from tests.platforms import Platforms
from tests.workers.conftest import connect
from tests.workers.support import run_to_end

pytestmark = pytest.mark.usefixtures("context")


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
