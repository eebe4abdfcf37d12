"""The Instagram handler against the sandbox: publishing, options, tokens."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sandbox.instagram.state import InstagramState
from sandbox.server import SandboxServer
from tests.workers.platforms.instagram_job import (
    COMMENTS,
    CONTAINER,
    LIST,
    MEDIA,
    PUBLISH,
    QUOTA,
    STATUS,
    TOKEN,
    UPLOAD,
    api_of,
    checkpoint,
    large,
    make_job,
    until_ready,
)
from tests.workers.platforms.support import MemorySource, MemoryStream, Sandbox, Stopped, access_of
from workers.errors import (
    AccountRefused,
    PublishError,
    RateLimited,
    RequestRefused,
    TokenExpired,
    Transient,
    VideoRefused,
)
from workers.platforms.base import Access
from workers.platforms.instagram import InstagramHandler
from workers.platforms.results import Incomplete, Processing, Published, Ready

DAY_SECONDS = 86_400


class ShortSource(MemorySource):
    """A store whose ranges end early."""

    def open(self, first: int, length: int) -> MemoryStream:
        return super().open(first, length // 2)


@contextmanager
def file_server(data: bytes) -> Iterator[str]:
    """Serve one video on loopback, like a store with public links."""

    class Response(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Response) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/video.mp4"
        finally:
            server.shutdown()
            thread.join()


def test_reel_arrives_byte_for_byte(control: Sandbox, video: bytes) -> None:
    data = large(video)
    job = make_job(control, data)
    published = job.carry_through()
    [post] = control.posts()
    assert published == Published(post["id"], post["url"])
    assert post["sha256"] == sha256(data).hexdigest()
    assert post["caption"] == "A reel #fun"
    assert job.errors == []
    assert sum(call["bytes"] for call in control.calls(UPLOAD)) == len(data)
    assert job.journal.sent_bytes[-1] == len(data)
    assert job.source.open_streams == 0
    assert job.source.largest_read < 1_000_000


def test_calls_come_in_the_documented_order(control: Sandbox, video: bytes) -> None:
    make_job(control, video).carry_through()
    assert control.call_names() == [QUOTA, CONTAINER, UPLOAD, STATUS, PUBLISH, MEDIA]


def test_publishing_is_committed_and_the_post_id_saved_before_it_is_read(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video)
    published = job.carry_through()
    assert [kind for kind, _ in job.journal.saved] == ["save", "save", "save", "commit", "save"]
    commit, last = job.journal.saved[-2][1], job.journal.saved[-1][1]
    assert commit["publishing_at"] is not None and commit["media_id"] is None
    assert last["media_id"] == published.post_id


def test_a_cancellation_at_the_commit_publishes_nothing(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    until_ready(job)
    job.journal.stop_at_commit = True
    with pytest.raises(Stopped):
        job.run()
    assert control.calls(PUBLISH) == [] and control.posts() == []


def test_options_reach_the_platform(control: Sandbox, video: bytes, sandbox: SandboxServer) -> None:
    options = {
        "thumbOffsetMs": 1500,
        "audioName": "My sound",
        "collaborators": ["one", "two"],
        "locationId": "213385402",
        "isAiGenerated": True,
        "commentEnabled": False,
    }
    job = make_job(control, video, options=options, share_to_feed=False)
    published = job.carry_through()
    assert published.warnings == ()
    assert control.call_names()[-3:] == [PUBLISH, COMMENTS, MEDIA]
    [container] = sandbox.world.part(InstagramState).containers.values()
    assert container.parameters == {
        "media_type": "REELS",
        "upload_type": "resumable",
        "caption": "A reel #fun",
        "share_to_feed": "false",
        "thumb_offset": "1500",
        "audio_name": "My sound",
        "collaborators": '["one", "two"]',
        "location_id": "213385402",
        "is_ai_generated": "true",
    }
    assert container.post is not None and container.post.resource["comment_enabled"] is False


def test_comments_that_cannot_be_set_are_a_warning(control: Sandbox, video: bytes) -> None:
    control.fault("INSTAGRAM", COMMENTS, "error", code="10")
    published = make_job(control, video, options={"commentEnabled": False}).carry_through()
    assert published.post_id is not None and "Comments" in published.warnings[0]


def test_a_lost_worker_after_publishing_leaves_a_warning_on_comments(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video, options={"commentEnabled": False})
    until_ready(job)
    job.run()
    again = job.run()
    assert isinstance(again, Published) and "Comments" in again.warnings[0]
    assert len(control.calls(PUBLISH)) == 1


@pytest.mark.parametrize("login_type", ["facebook", "instagram"])
def test_a_public_link_is_fetched_by_the_platform(
    control: Sandbox, video: bytes, login_type: str
) -> None:
    account = control.account("INSTAGRAM", login_type=login_type)
    with file_server(video) as link:
        job = make_job(control, video, account=account)
        job.source.link = link
        published = job.carry_through()
    [post] = control.posts()
    assert published == Published(post["id"], post["url"])
    assert post["sha256"] == sha256(video).hexdigest()
    assert control.calls(UPLOAD) == [] and job.source.ranges == []


def test_settings_may_ask_for_bytes_where_a_link_would_do(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    job.handler = InstagramHandler(replace(api_of(control), fetches=False))
    job.source.link = "http://127.0.0.1:9/video.mp4"
    job.carry_through()
    [post] = control.posts()
    assert post["sha256"] == sha256(video).hexdigest()
    assert [call["bytes"] for call in control.calls(UPLOAD)] == [len(video)]


def test_instagram_login_uses_links_whatever_the_settings_say(
    control: Sandbox, video: bytes
) -> None:
    account = control.account("INSTAGRAM", login_type="instagram")
    with file_server(video) as link:
        job = make_job(control, video, account=account)
        job.handler = InstagramHandler(replace(api_of(control), fetches=False))
        job.source.link = link
        job.carry_through()
    assert len(control.posts()) == 1 and control.calls(UPLOAD) == []


def test_a_link_that_cannot_be_fetched_is_replaced_by_the_bytes(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video)
    job.source.link = f"{control.url}/nothing"
    job.carry_through()
    assert job.errors == [] and len(control.posts()) == 1
    assert [call["bytes"] for call in control.calls(UPLOAD)] == [len(video)]


def test_instagram_login_has_nothing_but_the_link(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video, account=control.account("INSTAGRAM", login_type="instagram"))
    job.source.link = f"{control.url}/nothing"
    with pytest.raises(Transient) as caught:
        job.run()
    assert caught.value.code == "9004/2207052" and len(control.calls(CONTAINER)) == 1


def test_instagram_login_without_a_public_link_is_refused(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video, account=control.account("INSTAGRAM", login_type="instagram"))
    with pytest.raises(VideoRefused) as caught:
        job.run()
    assert "reachable from outside" in caught.value.hint
    assert control.calls() == []


@pytest.mark.parametrize(
    ("changes", "error", "code"),
    [
        ({"privacy": "private"}, RequestRefused, "privacy_unsupported"),
        ({"privacy": "unlisted"}, RequestRefused, "privacy_unsupported"),
        ({"duration_seconds": 2.9}, VideoRefused, "duration_unsupported"),
        ({"duration_seconds": 900.2}, VideoRefused, "duration_unsupported"),
        ({"options": {"thumbOffsetMs": 4000}}, RequestRefused, "thumb_offset_out_of_range"),
        ({"options": {"collaborators": list("abcd")}}, RequestRefused, "too_many_collaborators"),
    ],
)
def test_drafts_instagram_cannot_post_are_refused_before_any_call(
    control: Sandbox, video: bytes, changes: dict[str, object], error: type[PublishError], code: str
) -> None:
    job = make_job(control, video, **changes)  # type: ignore[arg-type]
    with pytest.raises(error) as caught:
        job.run()
    assert caught.value.code == code
    assert control.calls() == []


def test_a_used_up_quota_waits_before_a_container_is_created(
    control: Sandbox, video: bytes
) -> None:
    control.settings(instagram_posts_per_day=1)
    account = control.account("INSTAGRAM")
    make_job(control, video, account=account).carry_through()
    job = make_job(control, video, account=account)
    with pytest.raises(RateLimited) as caught:
        job.run()
    assert caught.value.code == "publishing_quota" and not caught.value.application_wide
    assert caught.value.retry_at > control.now()
    assert len(control.calls(CONTAINER)) == 1
    job.carry_through(runs=40)
    assert len(control.posts()) == 2


def test_poll_interval_grows_while_instagram_processes(control: Sandbox, video: bytes) -> None:
    control.settings(processing_seconds=900)
    job = make_job(control, video)
    job.run()
    pauses = []
    found = job.run()
    while isinstance(found, Processing):
        pauses.append(found.next_poll_seconds)
        control.advance(found.next_poll_seconds)
        found = job.run()
    assert pauses[0] == pytest.approx(1.0) and pauses == sorted(pauses) and pauses[-1] == 60.0
    assert isinstance(found, Published)


def test_poll_interval_grows_near_the_call_limit(control: Sandbox, video: bytes) -> None:
    control.settings(instagram_calls_per_hour=4, processing_seconds=900)
    job = make_job(control, video)
    job.run()
    job.run()
    assert job.run() == Processing(120.0)


def test_the_call_limit_is_obeyed_to_the_minute_it_names(control: Sandbox, video: bytes) -> None:
    control.settings(instagram_calls_per_hour=1)
    with pytest.raises(RateLimited) as caught:
        make_job(control, video).run()
    wait = (caught.value.retry_at - control.now()).total_seconds()
    assert caught.value.code == "80002" and 3500 < wait <= 3661


@pytest.mark.parametrize("call", [QUOTA, CONTAINER])
def test_retry_after_is_obeyed(control: Sandbox, video: bytes, call: str) -> None:
    control.fault("INSTAGRAM", call, "retry_after", retry_after=77, status=429)
    with pytest.raises(RateLimited) as caught:
        make_job(control, video).run()
    assert (caught.value.retry_at - control.now()).total_seconds() == pytest.approx(77, abs=5)


def test_an_interrupted_upload_goes_on_at_the_very_byte(control: Sandbox, video: bytes) -> None:
    data = large(video)
    control.fault("INSTAGRAM", UPLOAD, "cut", after_bytes=3_000_001)
    job = make_job(control, data)
    with pytest.raises(Transient):
        job.run()
    assert job.source.open_streams == 0
    upload = checkpoint(job)
    assert job.handler.poll(job.context, upload) == Incomplete(3_000_001)
    job.carry_through()
    assert job.source.ranges[-1] == (3_000_001, len(data) - 3_000_001)
    assert sum(call["bytes"] for call in control.calls(UPLOAD)) == len(data)
    [post] = control.posts()
    assert post["sha256"] == sha256(data).hexdigest()
    assert len(control.calls(CONTAINER)) == 1


def test_a_run_that_must_stop_leaves_the_upload_resumable(control: Sandbox, video: bytes) -> None:
    data = large(video)
    job = make_job(control, data)
    job.journal.stop_at_bytes = 2_000_000
    with pytest.raises(Stopped):
        job.run()
    assert job.source.open_streams == 0
    job.journal.stop_at_bytes = None
    job.carry_through()
    [post] = control.posts()
    assert post["sha256"] == sha256(data).hexdigest()
    assert len(control.calls(CONTAINER)) == 1


def test_a_store_that_ends_early_sends_no_truncated_video(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    job.source = ShortSource(video)
    with pytest.raises(Transient) as caught:
        job.run()
    assert caught.value.code == "source_ended_early"


@pytest.mark.parametrize("login_type", ["facebook", "instagram"])
def test_an_expired_token_needs_the_owner(control: Sandbox, video: bytes, login_type: str) -> None:
    account = control.account("INSTAGRAM", login_type=login_type)
    control.post(f"/accounts/{account['platformUserId']}/expire-token")
    job = make_job(control, video, account=account)
    job.source.link = "http://127.0.0.1:9/video.mp4"
    with pytest.raises(AccountRefused) as caught:
        job.run()
    assert caught.value.reconnect and caught.value.code == "190/463"


def test_a_refused_token_may_be_renewed_for_instagram_login_only(
    control: Sandbox, video: bytes
) -> None:
    for login_type, error in (("instagram", TokenExpired), ("facebook", AccountRefused)):
        control.fault("INSTAGRAM", QUOTA, "error", code="190")
        job = make_job(control, video, account=control.account("INSTAGRAM", login_type=login_type))
        job.source.link = "http://127.0.0.1:9/video.mp4"
        with pytest.raises(error):
            job.run()


def test_refresh_gives_a_token_that_works(control: Sandbox, video: bytes) -> None:
    account = control.account(
        "INSTAGRAM", login_type="instagram", token_age_seconds=2 * DAY_SECONDS
    )
    handler = InstagramHandler(api_of(control))
    tokens = handler.refresh(access_of(account), None)
    assert tokens.access_token != account["accessToken"]
    assert tokens.expires_at is not None
    assert (tokens.expires_at - control.now()).days in (59, 60)
    assert tokens.refresh_token is None
    account["accessToken"] = tokens.access_token
    with file_server(video) as link:
        job = make_job(control, video, account=account)
        job.source.link = link
        assert job.carry_through().post_id


def test_refresh_of_a_dead_token_asks_to_connect_again(control: Sandbox) -> None:
    handler = InstagramHandler(api_of(control))
    for step in ("expire-token", "revoke"):
        account = control.account(
            "INSTAGRAM", login_type="instagram", token_age_seconds=2 * DAY_SECONDS
        )
        control.post(f"/accounts/{account['platformUserId']}/{step}")
        with pytest.raises(AccountRefused) as caught:
            handler.refresh(access_of(account), None)
        assert caught.value.reconnect


def test_facebook_login_has_no_refresh(control: Sandbox) -> None:
    handler = InstagramHandler(api_of(control))
    with pytest.raises(AccountRefused) as caught:
        handler.refresh(access_of(control.account("INSTAGRAM")), None)
    assert caught.value.reconnect and control.calls() == []


def test_a_token_too_young_to_refresh_does_not_disconnect_the_account(control: Sandbox) -> None:
    account = control.account("INSTAGRAM", login_type="instagram")
    with pytest.raises(RequestRefused):
        InstagramHandler(api_of(control)).refresh(access_of(account), None)


@pytest.mark.parametrize("kind", ["garbage", "empty", "lost_answer", "error"])
def test_refresh_during_an_outage_may_be_retried(control: Sandbox, kind: str) -> None:
    control.fault("INSTAGRAM", TOKEN, kind)
    account = control.account(
        "INSTAGRAM", login_type="instagram", token_age_seconds=2 * DAY_SECONDS
    )
    with pytest.raises(Transient):
        InstagramHandler(api_of(control)).refresh(access_of(account), None)


def test_a_live_post_without_a_link_is_followed_up(control: Sandbox, video: bytes) -> None:
    control.fault("INSTAGRAM", MEDIA, "error", code="100/33", times=2)
    job = make_job(control, video)
    published = job.carry_through()
    assert published.url is None and published.follow_up
    upload = checkpoint(job)
    again = job.handler.follow_up(job.context, upload, published.post_id)
    assert again == Published(published.post_id, None, follow_up=True)
    found = job.handler.follow_up(job.context, upload, published.post_id)
    assert found.url == control.posts()[0]["url"] and not found.follow_up


def test_a_live_post_without_an_id_is_followed_up(control: Sandbox, video: bytes) -> None:
    control.fault("INSTAGRAM", PUBLISH, "garbage", after_work=True)
    control.fault("INSTAGRAM", LIST, "error", status=500, times=2)
    job = make_job(control, video)
    published = job.carry_through()
    assert published == Published(None, None, follow_up=True)
    upload = checkpoint(job)
    assert job.handler.follow_up(job.context, upload, None) == published
    found = job.handler.follow_up(job.context, upload, None)
    [post] = control.posts()
    assert found == Published(post["id"], post["url"])


def test_poll_returns_ready_only_after_processing(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    job.journal.save(job.handler.open(job.context))
    assert job.handler.poll(job.context, checkpoint(job)) == Incomplete(0)
    job.journal.save(job.handler.send(job.context, checkpoint(job)))
    assert isinstance(job.handler.poll(job.context, checkpoint(job)), Processing)
    control.advance(5)
    assert job.handler.poll(job.context, checkpoint(job)) == Ready()


def test_repr_shows_no_secrets(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    job.run()
    assert checkpoint(job).upload_url not in repr(checkpoint(job))
    assert "secret" not in repr(Access(token="secret", platform_user_id="1"))
