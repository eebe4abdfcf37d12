"""TikTok in the sandbox: what it accepts, what it refuses, and the state after a lost response."""

import hashlib
import threading
import time
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
import requests

MIB = 2**20
INIT = "/tiktok/v2/post/publish/video/init/"
INBOX = "/tiktok/v2/post/publish/inbox/video/init/"
STATUS = "/tiktok/v2/post/publish/status/fetch/"
CREATOR = "/tiktok/v2/post/publish/creator_info/query/"
CANCEL = "/tiktok/v2/post/publish/cancel/"
QUERY = "/tiktok/v2/video/query/?fields=id,share_url,view_count"
LIST = "/tiktok/v2/video/list/?fields=id,create_time,video_description"
TOKEN = "/tiktok/v2/oauth/token/"


class TikTok:
    """A client that makes any call it is asked to, valid or not."""

    def __init__(self, control, http, **options):
        self.control, self.http = control, http
        self.account = control.account("TIKTOK", **options)
        self.headers = {"Authorization": f"Bearer {self.account['accessToken']}"}

    def post(self, path, body=None, **kwargs):
        kwargs.setdefault("headers", self.headers)
        return self.http.post(self.control.url + path, json=body, timeout=60, **kwargs)

    def code(self, path, body=None):
        answer = self.post(path, body)
        return answer.status_code, answer.json()["error"]["code"]

    def init(self, size, chunk=None, count=1, *, privacy="PUBLIC_TO_EVERYONE", **post_info):
        answer = self.post(INIT, init_body(size, chunk, count, privacy=privacy, **post_info))
        assert answer.json()["error"]["code"] == "ok", answer.text
        return answer.json()["data"]

    def put(self, url, data, first=0, total=None, **headers):
        total = len(data) if total is None else total
        sent = {
            "Content-Type": "video/mp4",
            "Content-Range": f"bytes {first}-{first + len(data) - 1}/{total}",
            **headers,
        }
        return self.http.put(url, data=data, headers=sent, timeout=60)

    def status(self, publish_id):
        answer = self.post(STATUS, {"publish_id": publish_id})
        assert answer.json()["error"]["code"] == "ok", answer.text
        return answer.json()["data"]

    def publish(self, video, **fields):
        data = self.init(len(video), **fields)
        assert self.put(data["upload_url"], video).status_code == 201
        return data["publish_id"]


def init_body(size, chunk=None, count=1, *, privacy="PUBLIC_TO_EVERYONE", **post_info):
    return {
        "post_info": {"privacy_level": privacy, **post_info},
        "source_info": {
            "source": "FILE_UPLOAD",
            "video_size": size,
            "chunk_size": size if chunk is None else chunk,
            "total_chunk_count": count,
        },
    }


@pytest.fixture
def tiktok(control, http):
    return TikTok(control, http)


def test_video_goes_live_with_its_last_byte(tiktok, control, video):
    publish_id = tiktok.publish(video, title="first #post")
    assert tiktok.status(publish_id)["status"] == "PROCESSING_UPLOAD"
    control.advance(0.6)
    complete = tiktok.status(publish_id)
    assert complete["status"] == "PUBLISH_COMPLETE"
    assert complete["publicaly_available_post_id"] == []
    control.advance(1)
    (post_id,) = tiktok.status(publish_id)["publicaly_available_post_id"]
    assert isinstance(post_id, int) and post_id > 2**53
    (post,) = control.posts()
    assert post["sha256"] == hashlib.sha256(video).hexdigest()
    assert (post["id"], post["caption"]) == (str(post_id), "first #post")
    assert post["size_bytes"] == len(video) and post["source"] == publish_id
    page = tiktok.http.get(control.url + post["page"], timeout=60)
    assert page.status_code == 200 and post["sha256"] in page.text
    assert "first #post" in tiktok.http.get(control.url, timeout=60).text


def test_private_post_never_gets_an_id(tiktok, control, video):
    publish_id = tiktok.publish(video, privacy="SELF_ONLY")
    control.advance(86_400)
    account = tiktok.account
    renewed = refresh(tiktok, account["refreshToken"]).json()["access_token"]
    tiktok.headers = {"Authorization": f"Bearer {renewed}"}
    status = tiktok.status(publish_id)
    assert status["status"] == "PUBLISH_COMPLETE"
    assert status["publicaly_available_post_id"] == []
    assert tiktok.post(LIST, {}).json()["data"]["videos"] == []
    assert len(control.posts()) == 1


def test_sending_twice_is_live_twice_and_journaled(tiktok, control, video):
    tiktok.publish(video)
    tiktok.publish(video)
    control.advance(1)
    assert len(control.posts()) == 2
    live = [entry for entry in control.journal() if entry["event"] == "live"]
    assert live[0]["same_video_posts"] == []
    assert live[1]["same_video_posts"] == [live[0]["id"]]


def test_chunks_go_in_order(tiktok, control):
    chunk = 5 * MIB
    data = bytes(2 * chunk + 7)
    job = tiktok.init(len(data), chunk, 2)
    first = tiktok.put(job["upload_url"], data[:chunk], 0, len(data))
    assert first.status_code == 206
    assert first.headers["Content-Range"] == f"bytes 0-{chunk}/{len(data)}"
    again = tiktok.put(job["upload_url"], data[:chunk], 0, len(data))
    assert again.status_code == 416
    assert again.headers["Content-Range"] == f"bytes 0-{chunk}/{len(data)}"
    assert tiktok.status(job["publish_id"])["uploaded_bytes"] == chunk
    last = tiktok.put(job["upload_url"], data[chunk:], chunk, len(data))
    assert last.status_code == 201
    closed = tiktok.put(job["upload_url"], data[chunk:], chunk, len(data))
    assert closed.status_code == 404
    control.advance(1)
    failed = tiktok.status(job["publish_id"])
    assert (failed["status"], failed["fail_reason"]) == ("FAILED", "file_format_check_failed")
    assert control.posts() == []


def test_upload_headers_must_fit(tiktok, video):
    job = tiktok.init(len(video))
    url, size = job["upload_url"], len(video)
    assert tiktok.put(url, video, **{"Content-Type": "text/plain"}).status_code == 400
    assert tiktok.put(url, video, **{"Content-Range": f"bytes 0-{size}/{size}"}).status_code == 400
    assert tiktok.put(url, video, **{"Content-Range": "0-1"}).status_code == 400
    assert tiktok.put(url, video, total=size + 1).status_code == 400
    assert tiktok.put(url, video[:100], total=size).status_code == 400
    assert tiktok.put(url, video[100:], 100, size).status_code == 416
    chunked = tiktok.http.put(
        url,
        data=iter([video]),
        headers={"Content-Type": "video/mp4", "Content-Range": f"bytes 0-{size - 1}/{size}"},
        timeout=60,
    )
    assert chunked.status_code == 400
    assert tiktok.put(url[:-1], video).status_code == 404
    assert tiktok.status(job["publish_id"])["uploaded_bytes"] == 0
    assert tiktok.put(url, video).status_code == 201


def test_upload_url_expires_after_an_hour(tiktok, control, video):
    job = tiktok.init(len(video))
    control.advance(3601)
    assert tiktok.put(job["upload_url"], video).status_code == 403
    assert tiktok.status(job["publish_id"])["status"] == "PROCESSING_UPLOAD"


@pytest.mark.parametrize("resume_at_chunk", [True, False])
def test_cut_upload_keeps_every_byte_and_goes_on(tiktok, control, video, resume_at_chunk):
    job = tiktok.init(len(video))
    cut_at = len(video) // 2
    control.fault("TIKTOK", "tiktok.upload", "cut", after_bytes=cut_at)
    with pytest.raises(requests.ConnectionError):
        tiktok.put(job["upload_url"], video)
    assert tiktok.status(job["publish_id"])["uploaded_bytes"] == cut_at
    start = 0 if resume_at_chunk else cut_at
    assert tiktok.put(job["upload_url"], video[start:], start, len(video)).status_code == 201
    control.advance(1)
    (post,) = control.posts()
    assert post["sha256"] == hashlib.sha256(video).hexdigest()


def begin_put(url, content_range, body):
    """Send a PUT of 40,000 bytes over a connection of its own, up to the end of `body`."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname, parts.port, timeout=60)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    connection.putheader("Content-Type", "video/mp4")
    connection.putheader("Content-Range", content_range)
    connection.putheader("Content-Length", "40000")
    connection.endheaders(body)
    return connection


def test_last_chunk_that_comes_while_another_one_ends_is_refused(tiktok, control):
    control.settings(takeover_seconds=60)  # no takeover, however busy the machine is
    data, content_range = bytes(40_000), "bytes 0-39999/40000"
    job = tiktok.init(len(data))
    first = begin_put(job["upload_url"], content_range, data[:-1])
    with closing(first):
        while tiktok.status(job["publish_id"])["uploaded_bytes"] < len(data) - 1:
            pass  # a status query waits a second for the stream, so these are few
        with closing(begin_put(job["upload_url"], content_range, data)) as second:
            time.sleep(
                0.2
            )  # by now it most likely waits for the first; if not, the result is the same
            first.send(data[-1:])
            assert first.getresponse().status == 201
            assert second.getresponse().status == 404


def test_lost_last_answer_is_live_all_the_same(tiktok, control, video):
    job = tiktok.init(len(video))
    control.fault("TIKTOK", "tiktok.upload", "lost_answer")
    with pytest.raises(requests.ConnectionError):
        tiktok.put(job["upload_url"], video)
    assert tiktok.status(job["publish_id"])["uploaded_bytes"] == len(video)
    control.advance(1)
    assert tiktok.status(job["publish_id"])["status"] == "PUBLISH_COMPLETE"
    assert len(control.posts()) == 1


@pytest.mark.parametrize(
    ("size", "chunk", "count"),
    [
        (1, None, 1),
        (4_999_999, None, 1),
        (64_000_000, None, 1),
        (50_000_123, 10_000_000, 5),
        (64_000_001, 10_000_000, 6),
        (4_000_000_000, 10_000_000, 400),
    ],
)
def test_good_chunk_plans_are_taken(tiktok, size, chunk, count):
    assert tiktok.init(size, chunk, count)["upload_url"]


@pytest.mark.parametrize(
    ("size", "chunk", "count", "code"),
    [
        (0, 0, 1, "invalid_file_upload"),
        (4_000_000_001, 10_000_000, 400, "invalid_file_upload"),
        (50_000_123, 10_000_000, 6, "invalid_params"),
        (15_000_000, 10_000_000, 1, "invalid_params"),
        (4_000_000, 1_000_000, 4, "invalid_params"),
        (70_000_000, None, 1, "invalid_params"),
        (100_000_000, 4_000_000, 25, "invalid_params"),
        (200_000_000, 65_000_000, 3, "invalid_params"),
        (10_000_000, 0, 1, "invalid_params"),
        (10_000_000, 10_000_000, 0, "invalid_params"),
        ("10", 10, 1, "invalid_params"),
    ],
)
def test_bad_chunk_plans_are_refused(tiktok, size, chunk, count, code):
    assert tiktok.code(INIT, init_body(size, chunk, count)) == (400, code)


@pytest.mark.parametrize(
    ("post_info", "expected"),
    [
        ({"title": "x" * 2200}, (200, "ok")),
        ({"title": "😀" * 1100}, (200, "ok")),
        ({"title": "😀" * 1101}, (400, "invalid_param")),
        ({"title": "x" * 2201}, (400, "invalid_param")),
        ({"title": 5}, (400, "invalid_param")),
        ({"disable_comment": "true"}, (400, "invalid_param")),
        ({"disableComment": True}, (400, "invalid_param")),
        ({"video_cover_timestamp_ms": 1.5}, (400, "invalid_param")),
        ({"privacy": "FOLLOWER_OF_CREATOR"}, (403, "privacy_level_option_mismatch")),
        ({"privacy": "unlisted"}, (403, "privacy_level_option_mismatch")),
        ({"privacy": "SELF_ONLY", "brand_content_toggle": True}, (400, "invalid_param")),
    ],
)
def test_post_info_is_checked(tiktok, post_info, expected):
    assert tiktok.code(INIT, init_body(1000, **post_info)) == expected


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"post_info": {"privacy_level": "SELF_ONLY"}},
        {"post_info": [], "source_info": {}},
        {**init_body(10), "extra": {}},
        {"post_info": {"privacy_level": "SELF_ONLY"}, "source_info": {"source": "FILE"}},
    ],
)
def test_malformed_init_is_refused(tiktok, body):
    assert tiktok.code(INIT, body) == (400, "invalid_params")


def test_body_that_is_not_json_is_refused(tiktok):
    for data, content_type in ((b"{", "application/json"), (b"{}", "text/plain")):
        answer = tiktok.http.post(
            tiktok.control.url + INIT,
            data=data,
            headers={**tiktok.headers, "Content-Type": content_type},
            timeout=60,
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_params")


def test_private_account_has_other_options(control, http):
    tiktok = TikTok(control, http, private=True, comment_disabled=True)
    creator = tiktok.post(CREATOR).json()["data"]
    assert creator["privacy_level_options"][0] == "FOLLOWER_OF_CREATOR"
    assert creator["comment_disabled"] is True
    refused = tiktok.code(INIT, init_body(1000))
    assert refused == (403, "privacy_level_option_mismatch")


def test_unaudited_app_posts_privately_only(control, http):
    control.settings(tiktok_audited=False)
    refused = (403, "unaudited_client_can_only_post_to_private_accounts")
    public, private = TikTok(control, http), TikTok(control, http, private=True)
    assert public.code(INIT, init_body(1000)) == refused
    assert public.code(INIT, init_body(1000, privacy="SELF_ONLY")) == refused
    assert private.code(INIT, init_body(1000, privacy="SELF_ONLY")) == (200, "ok")
    for _ in range(4):
        TikTok(control, http, private=True).init(1000, privacy="SELF_ONLY")
    sixth = TikTok(control, http, private=True)
    assert sixth.code(CREATOR) == (200, "reached_active_user_cap")


def test_daily_cap_shows_in_creator_info_with_http_200(control, http, video):
    tiktok = TikTok(control, http, token_seconds=200_000)
    control.settings(tiktok_posts_per_day=1)
    tiktok.publish(video)
    assert tiktok.code(CREATOR) == (200, "spam_risk_too_many_posts")
    assert tiktok.code(INIT, init_body(1000)) == (403, "spam_risk_too_many_posts")
    control.advance(86_000)
    assert tiktok.code(CREATOR) == (200, "spam_risk_too_many_posts")
    control.advance(500)
    assert tiktok.code(CREATOR)[1] == "ok"


def test_calls_per_minute_are_limited(tiktok, control):
    for _ in range(6):
        tiktok.init(1000)
    assert tiktok.code(INIT, init_body(1000)) == (429, "rate_limit_exceeded")
    control.advance(61)
    assert tiktok.code(INIT, init_body(1000)) == (200, "ok")


def test_banned_user_is_told_so(control, http):
    banned = TikTok(control, http, banned=True)
    assert banned.code(CREATOR) == (200, "spam_risk_user_banned_from_posting")


@pytest.mark.parametrize(
    ("wishes", "reason"),
    [
        ({"width": 352, "height": 640}, "picture_size_check_failed"),
        ({"rate": 15}, "frame_rate_check_failed"),
        ({"codec": "mpeg4"}, "file_format_check_failed"),
        ({"container": "avi"}, "file_format_check_failed"),
    ],
)
def test_bad_videos_fail_with_tiktoks_reason(tiktok, control, make_video, wishes, reason):
    publish_id = tiktok.publish(make_video(**wishes))
    assert tiktok.status(publish_id)["status"] == "PROCESSING_UPLOAD"
    control.advance(1)
    assert tiktok.status(publish_id)["fail_reason"] == reason


def test_video_longer_than_the_creator_may_post_fails(control, http, video):
    tiktok = TikTok(control, http, max_video_post_duration_sec=2)
    publish_id = tiktok.publish(video)
    control.advance(1)
    assert tiktok.status(publish_id)["fail_reason"] == "duration_check_failed"


def test_processing_faults(tiktok, control, video):
    control.fault("TIKTOK", None, "stuck_processing", seconds=600)
    control.fault("TIKTOK", None, "fail_processing", reason="internal", skip=1)
    control.fault("TIKTOK", None, "late_post_id", seconds=7200)
    slow, failing = tiktok.publish(video), tiktok.publish(video)
    control.advance(5)
    assert tiktok.status(slow)["status"] == "PROCESSING_UPLOAD"
    assert tiktok.status(failing)["fail_reason"] == "internal"
    assert control.posts() == []
    control.advance(600)
    status = tiktok.status(slow)
    assert status["status"] == "PUBLISH_COMPLETE" and not status["publicaly_available_post_id"]
    control.advance(7200)
    assert tiktok.status(slow)["publicaly_available_post_id"]


def test_status_of_unknown_and_foreign_publish_ids(tiktok, control, http):
    publish_id = tiktok.init(1000)["publish_id"]
    assert tiktok.code(STATUS, {"publish_id": "v_pub_file~x"}) == (400, "invalid_publish_id")
    other = TikTok(control, http)
    foreign = (400, "token_not_authorized_for_specified_publish_id")
    assert other.code(STATUS, {"publish_id": publish_id}) == foreign
    assert tiktok.code(STATUS, {"publishId": publish_id}) == (400, "invalid_params")


def test_draft_ends_in_the_inbox(tiktok, control, video):
    source = init_body(len(video))["source_info"]
    job = tiktok.post(INBOX, {"source_info": source}).json()["data"]
    assert job["publish_id"].startswith("v_inbox_file~")
    assert tiktok.put(job["upload_url"], video).status_code == 201
    control.advance(1)
    assert tiktok.status(job["publish_id"])["status"] == "SEND_TO_USER_INBOX"
    assert control.posts() == []
    for _ in range(4):
        tiktok.post(INBOX, {"source_info": source})
    refused = tiktok.code(INBOX, {"source_info": source})
    assert refused == (403, "spam_risk_too_many_pending_share")


class SlowFile(BaseHTTPRequestHandler):
    """Serves the server's `content`, the second half only when `release` is set."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        half = len(self.server.content) // 2
        self.wfile.write(self.server.content[:half])
        self.wfile.flush()
        self.server.half_sent.set()
        self.server.release.wait(60)
        self.wfile.write(self.server.content[half:])

    def log_message(self, *args):
        pass


@pytest.fixture
def file_server(video):
    with ThreadingHTTPServer(("127.0.0.1", 0), SlowFile) as server:
        server.content = video
        server.half_sent, server.release = threading.Event(), threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join()


def pull_body(url):
    return {
        "post_info": {"privacy_level": "PUBLIC_TO_EVERYONE"},
        "source_info": {"source": "PULL_FROM_URL", "video_url": url},
    }


def wait_for_status(tiktok, publish_id, *wanted):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = tiktok.status(publish_id)
        if status["status"] in wanted:
            return status
        tiktok.control.advance(30)
    raise AssertionError(f"never {wanted}")


def test_pulled_video_goes_live(tiktok, control, video, file_server):
    url = f"http://127.0.0.1:{file_server.server_port}/a.mp4"
    publish_id = tiktok.post(INIT, pull_body(url)).json()["data"]["publish_id"]
    assert publish_id.startswith("v_pub_url~v2.")
    assert tiktok.status(publish_id)["status"] == "PROCESSING_DOWNLOAD"
    file_server.release.set()
    status = wait_for_status(tiktok, publish_id, "PUBLISH_COMPLETE")
    assert status["downloaded_bytes"] == len(video)
    assert len(control.posts()) == 1
    refused = tiktok.code(CANCEL, {"publish_id": publish_id})
    assert refused == (400, "publish_not_cancellable")


def test_pull_can_be_cancelled(tiktok, control, file_server):
    url = f"http://127.0.0.1:{file_server.server_port}/a.mp4"
    publish_id = tiktok.post(INIT, pull_body(url)).json()["data"]["publish_id"]
    assert tiktok.code(CANCEL, {"publish_id": publish_id}) == (200, "ok")
    file_server.release.set()
    status = wait_for_status(tiktok, publish_id, "FAILED")
    assert status["fail_reason"] == "publish_cancelled" and control.posts() == []


def test_pull_ends_before_the_state_it_works_on(tiktok, control, file_server):
    before = threading.enumerate()
    url = f"http://127.0.0.1:{file_server.server_port}/a.mp4"
    tiktok.post(INIT, pull_body(url))
    assert file_server.half_sent.wait(60)
    [pull] = [one for one in threading.enumerate() if one.name == "pull" and one not in before]
    threading.Timer(0.2, file_server.release.set).start()
    control.post("/reset")
    assert not pull.is_alive()
    assert control.posts() == []


def test_pull_from_elsewhere_is_refused(tiktok, control):
    refused = (403, "url_ownership_unverified")
    assert tiktok.code(INIT, pull_body("https://example.com/a.mp4")) == refused
    publish_id = tiktok.post(INIT, pull_body(control.url + "/none.mp4")).json()["data"]
    status = wait_for_status(tiktok, publish_id["publish_id"], "FAILED")
    assert status["fail_reason"] == "video_pull_failed"


def test_public_videos_are_listed_and_queried(tiktok, control, video):
    for number in range(3):
        tiktok.publish(video, title=f"{number} " + "x" * 200)
        control.advance(60)
    listed = tiktok.post(LIST, {"max_count": 2}).json()["data"]
    assert [one["video_description"][:2] for one in listed["videos"]] == ["2 ", "1 "]
    assert len(listed["videos"][0]["video_description"]) == 150
    assert listed["has_more"] is True
    rest = tiktok.post(LIST, {"cursor": listed["cursor"]}).json()["data"]
    assert [one["video_description"][:2] for one in rest["videos"]] == ["0 "]
    wanted = listed["videos"][0]["id"]
    found = tiktok.post(QUERY, {"filters": {"video_ids": [wanted, "1"]}}).json()["data"]["videos"]
    assert [one["id"] for one in found] == [wanted]
    assert set(found[0]) == {"id", "share_url", "view_count"}
    many = {"filters": {"video_ids": ["1"] * 21}}
    assert tiktok.code(QUERY, many) == (400, "invalid_params")
    assert tiktok.code(LIST, {"max_count": 21}) == (400, "invalid_params")
    assert tiktok.code(LIST.replace("id,", "secret,"), {}) == (400, "invalid_params")


def refresh(tiktok, token, /, **changes):
    form = {
        "client_key": "sandbox-client",
        "client_secret": "sandbox-secret",
        "grant_type": "refresh_token",
        "refresh_token": token,
        **changes,
    }
    return tiktok.http.post(tiktok.control.url + TOKEN, data=form, timeout=60)


def test_refresh_rotates_the_refresh_token(tiktok, control):
    control.post(f"/accounts/{tiktok.account['platformUserId']}/expire-token")
    assert tiktok.code(CREATOR) == (401, "access_token_invalid")
    first = tiktok.account["refreshToken"]
    renewed = refresh(tiktok, first).json()
    assert renewed["expires_in"] == 86_400 and renewed["refresh_token"] != first
    assert renewed["open_id"] == tiktok.account["platformUserId"]
    tiktok.headers = {"Authorization": f"Bearer {renewed['access_token']}"}
    assert tiktok.code(CREATOR) == (200, "ok")
    reused = refresh(tiktok, first)
    assert (reused.status_code, reused.json()["error"]) == (200, "invalid_grant")
    assert refresh(tiktok, renewed["refresh_token"]).json()["access_token"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_key": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"refresh_token": ""}, "invalid_request"),
        ({"refresh_token": "rft.unknown"}, "invalid_grant"),
        ({"surprise": "1"}, "invalid_request"),
    ],
)
def test_token_endpoint_refuses_with_http_200(tiktok, changes, code):
    answer = refresh(tiktok, tiktok.account["refreshToken"], **changes)
    assert (answer.status_code, answer.json()["error"]) == (200, code)


def test_refresh_token_expires(control, http):
    tiktok = TikTok(control, http, refresh_token_seconds=100)
    control.advance(101)
    assert refresh(tiktok, tiktok.account["refreshToken"]).json()["error"] == "invalid_grant"


def test_revoked_account_is_shut_out(tiktok, control):
    control.post(f"/accounts/{tiktok.account['platformUserId']}/revoke")
    assert tiktok.code(CREATOR) == (401, "access_token_invalid")
    assert refresh(tiktok, tiktok.account["refreshToken"]).json()["error"] == "invalid_grant"


def test_client_can_revoke(tiktok, control):
    form = {"client_key": "sandbox-client", "client_secret": "sandbox-secret"}
    form["token"] = tiktok.account["accessToken"]
    url = f"{control.url}/tiktok/v2/oauth/revoke/"
    assert tiktok.http.post(url, data=form, timeout=60).content == b""
    assert tiktok.code(CREATOR) == (401, "access_token_invalid")


def test_scopes_are_asked_for(control, http):
    tiktok = TikTok(control, http, scopes=["user.info.basic"])
    assert tiktok.code(CREATOR) == (401, "scope_not_authorized")
    url = f"{control.url}/tiktok/v2/user/info/?fields="
    basic = http.get(url + "open_id", headers=tiktok.headers, timeout=60)
    assert basic.json()["data"]["user"] == {"open_id": tiktok.account["platformUserId"]}
    profile = http.get(url + "username", headers=tiktok.headers, timeout=60)
    assert profile.json()["error"]["code"] == "scope_permission_missed"
