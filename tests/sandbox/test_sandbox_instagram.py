"""Instagram in the sandbox: containers, bytes, publishing once, quotas, both logins."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from sandbox.loopback import loopback_session

V = "v26.0"


class Instagram:
    """A client that makes any call it is asked to, valid or not."""

    def __init__(self, control, http, login_type="facebook", **options):
        self.control, self.http = control, http
        self.account = control.account("INSTAGRAM", login_type=login_type, **options)
        self.user = self.account["platformUserId"]
        host = "graph" if login_type == "facebook" else "instagram"
        self.base = f"{control.url}/{host}/{V}"
        self.token = self.account["accessToken"]

    def call(self, method, path, *, base=None, **kwargs):
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.http.request(
            method, (base or self.base) + path, headers=headers, timeout=60, **kwargs
        )

    def make(self, **parameters):
        parameters.setdefault("media_type", "REELS")
        if "video_url" not in parameters:
            parameters.setdefault("upload_type", "resumable")
        return self.call("POST", f"/{self.user}/media", data=parameters)

    def container(self, **parameters):
        answer = self.make(**parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, uri, data, *, offset=0, size=None, scheme="OAuth", **headers):
        headers = {
            "Authorization": f"{scheme} {self.token}",
            "offset": str(offset),
            "file_size": str(offset + len(data) if size is None else size),
            **headers,
        }
        return self.http.post(uri, data=data, headers=headers, timeout=60)

    def state(self, container_id):
        answer = self.call("GET", f"/{container_id}?fields=id,status_code,status,video_status")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def publish(self, container_id):
        return self.call("POST", f"/{self.user}/media_publish", data={"creation_id": container_id})

    def ready(self, video, **parameters):
        made = self.container(**parameters)
        assert self.send(made["uri"], video).json()["success"] is True
        self.control.advance(1)
        return made["id"]

    def reel(self, video, **parameters):
        answer = self.publish(self.ready(video, **parameters))
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]


def codes(answer):
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("error_subcode")


@pytest.fixture
def instagram(control, http):
    return Instagram(control, http)


def test_reel_goes_live_with_media_publish_only(instagram, control, video):
    made = instagram.container(caption="first #reel", share_to_feed="true")
    assert instagram.state(made["id"])["video_status"]["uploading_phase"] == {
        "status": "not_started",
        "bytes_transferred": 0,
    }
    sent = instagram.send(made["uri"], video)
    assert sent.json() == {"success": True, "message": "Upload successful."}
    assert instagram.state(made["id"])["status_code"] == "IN_PROGRESS"
    assert codes(instagram.publish(made["id"])) == (400, 9007, 2207027)
    control.advance(1)
    assert instagram.state(made["id"])["status_code"] == "FINISHED"
    assert control.posts() == []
    media_id = instagram.publish(made["id"]).json()["id"]
    state = instagram.state(made["id"])
    assert state["status_code"] == "PUBLISHED" and media_id not in json.dumps(state)
    (post,) = control.posts()
    assert (post["id"], post["caption"]) == (media_id, "first #reel")
    assert post["sha256"] == hashlib.sha256(video).hexdigest()
    media = instagram.call("GET", f"/{media_id}?fields=permalink,shortcode,media_product_type")
    assert media.json()["permalink"].endswith(f"/{media.json()['shortcode']}/")
    assert media.json()["media_product_type"] == "REELS"


def test_container_is_published_once(instagram, control, video):
    container_id = instagram.ready(video)
    assert instagram.publish(container_id).status_code == 200
    assert codes(instagram.publish(container_id)) == (400, 24, 2207008)
    assert len(control.posts()) == 1


def test_two_containers_are_two_posts_and_journaled(instagram, control, video):
    instagram.reel(video)
    instagram.reel(video)
    assert len(control.posts()) == 2
    live = [entry for entry in control.journal() if entry["event"] == "live"]
    assert live[1]["same_video_posts"] == [live[0]["id"]]


def test_publishing_at_the_same_time_gives_one_post(instagram, control, video):
    container_id, statuses = instagram.ready(video), []

    def publish():
        with loopback_session() as session:
            answer = session.post(
                f"{instagram.base}/{instagram.user}/media_publish",
                data={"creation_id": container_id, "access_token": instagram.token},
                timeout=60,
            )
            statuses.append(answer.status_code)

    threads = [threading.Thread(target=publish) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [400] * 5
    assert len(control.posts()) == 1


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("lost_answer", {}),
        ("error", {"code": "4/2207051", "after_work": True}),
        ("garbage", {"after_work": True}),
        ("empty", {"after_work": True}),
    ],
)
def test_publish_without_a_good_answer_is_live_all_the_same(
    instagram, control, video, kind, fields
):
    container_id = instagram.ready(video)
    control.fault("INSTAGRAM", "instagram.publish", kind, **fields)
    if kind == "lost_answer":
        with pytest.raises(requests.ConnectionError):
            instagram.publish(container_id)
    else:
        instagram.publish(container_id)
    assert instagram.state(container_id)["status_code"] == "PUBLISHED"
    listed = instagram.call("GET", f"/{instagram.user}/media?fields=id,timestamp").json()["data"]
    assert [media["id"] for media in listed] == [post["id"] for post in control.posts()]


def test_cut_upload_keeps_every_byte_and_goes_on(instagram, control, video):
    made, cut_at = instagram.container(), len(video) // 2
    control.fault("INSTAGRAM", "instagram.upload", "cut", after_bytes=cut_at)
    with pytest.raises(requests.ConnectionError):
        instagram.send(made["uri"], video)
    phase = instagram.state(made["id"])["video_status"]["uploading_phase"]
    assert phase == {"status": "in_progress", "bytes_transferred": cut_at}
    rest = instagram.send(made["uri"], video[cut_at:], offset=cut_at)
    assert rest.json()["success"] is True
    control.advance(1)
    instagram.publish(made["id"])
    assert control.posts()[0]["sha256"] == hashlib.sha256(video).hexdigest()


def test_upload_is_checked_and_fails_in_its_own_shape(instagram, video):
    made = instagram.container()
    uri, size = made["uri"], len(video)
    refusals = [
        instagram.send(uri, video, scheme="Bearer"),
        instagram.send(uri, video, offset=1, size=size + 1),
        instagram.send(uri, video, size=size + 1),
        instagram.send(uri, video, offset="first", size=size),
        instagram.send(uri, video, file_size="much"),
        instagram.send(uri[:-1] + "0" * 9, video),
        instagram.send(uri.replace(V, "v20.0"), video),
    ]
    for answer in refusals:
        assert answer.json()["debug_info"]["type"] == "ProcessingFailedError"
        assert answer.status_code >= 400 and answer.json()["debug_info"]["retriable"] is False
    assert instagram.send(uri, video).json()["success"] is True
    assert "debug_info" in instagram.send(uri, video).json()
    instagram.token = "unknown"
    assert "debug_info" in instagram.send(uri, video).json()


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"media_type": "VIDEO"}, (400, 100, 2207023)),
        ({"upload_type": "chunked"}, (400, 100, None)),
        ({"upload_type": "resumable", "video_url": "http://127.0.0.1/a"}, (400, 100, None)),
        ({"caption": "x" * 2201}, (400, 36004, 2207010)),
        ({"caption": "😀" * 1101}, (400, 36004, 2207010)),
        ({"caption": "#a " * 31}, (400, 36004, 2207010)),
        ({"caption": "@a " * 21}, (400, 100, 2207040)),
        ({"share_to_feed": "perhaps"}, (400, 100, None)),
        ({"thumb_offset": "-1"}, (400, 100, None)),
        ({"collaborators": '["a","b","c","d"]'}, (400, 100, None)),
        ({"trial_params": '{"graduation_strategy": "NEVER"}'}, (400, 100, None)),
        ({"share_feed": "true"}, (400, 100, None)),
        ({"location_id": "here"}, (400, 100, None)),
        ({"cover_url": "http://127.0.0.1:1/cover.jpg"}, (400, 9004, 2207052)),
    ],
)
def test_container_parameters_are_checked(instagram, parameters, expected):
    assert codes(instagram.make(**parameters)) == expected


def test_container_may_say_everything_it_is_allowed_to(instagram):
    assert instagram.make(
        caption="x" * 2200,
        share_to_feed="false",
        thumb_offset="1000",
        audio_name="mine",
        collaborators='["a","b","c"]',
        trial_params='{"graduation_strategy": "MANUAL"}',
        is_ai_generated="true",
        location_id="123",
    ).json()["id"]
    as_json = {"media_type": "REELS", "upload_type": "resumable", "share_to_feed": True}
    assert instagram.call("POST", f"/{instagram.user}/media", json=as_json).json()["uri"]
    bad = instagram.call("POST", f"/{instagram.user}/media", data=b"<xml/>")
    assert codes(bad) == (400, 100, None)


def test_containers_live_for_a_day(instagram, control, video):
    fresh, published = instagram.ready(video), instagram.ready(video)
    instagram.publish(published)
    control.advance(86_400)
    assert instagram.state(fresh)["status_code"] == "EXPIRED"
    assert instagram.state(published)["status_code"] == "PUBLISHED"
    assert codes(instagram.publish(fresh)) == (400, -2, 2207020)
    assert codes(instagram.publish("17000")) == (400, 24, 2207006)


def test_quota_is_enforced_at_media_publish(instagram, control, video):
    control.settings(instagram_posts_per_day=1)
    instagram.reel(video)
    path = f"/{instagram.user}/content_publishing_limit?fields=quota_usage,config"
    assert instagram.call("GET", path).json()["data"] == [
        {"quota_usage": 1, "config": {"quota_total": 1, "quota_duration": 86_400}}
    ]
    second = instagram.ready(video)
    assert codes(instagram.publish(second)) == (400, 9, 2207042)
    assert instagram.state(second)["status_code"] == "FINISHED"


def test_containers_per_day_are_limited(instagram, control):
    control.settings(instagram_containers_per_day=1)
    instagram.container()
    assert codes(instagram.make()) == (400, 4, None)


def test_throttling_comes_as_http_400_with_usage_headers(instagram, control):
    control.settings(instagram_calls_per_hour=2)
    assert instagram.call("GET", f"/{instagram.user}").status_code == 200
    second = instagram.call("GET", f"/{instagram.user}")
    assert json.loads(second.headers["X-App-Usage"])["call_count"] == 100
    refused = instagram.call("GET", f"/{instagram.user}")
    assert codes(refused) == (400, 80002, None)
    usage = json.loads(refused.headers["X-Business-Use-Case-Usage"])[instagram.user][0]
    assert usage["estimated_time_to_regain_access"] in (60, 61)
    control.advance(3601)
    assert instagram.call("GET", f"/{instagram.user}").status_code == 200


@pytest.mark.parametrize(
    "wishes",
    [
        {"seconds": 2},
        {"rate": 15},
        {"codec": "mpeg4"},
        {"container": "avi"},
        {"faststart": False},
        {"edit_list": True},
    ],
)
def test_bad_videos_end_in_error_with_the_subcode(instagram, make_video, wishes):
    container_id = instagram.ready(make_video(**wishes))
    state = instagram.state(container_id)
    assert state["status_code"] == "ERROR" and "2207026" in state["status"]
    assert codes(instagram.publish(container_id)) == (400, -1, 2207032)


def test_file_layout_can_be_taken_loosely(instagram, control, make_video):
    control.settings(instagram_strict_layout=False)
    container_id = instagram.ready(make_video(faststart=False, edit_list=True))
    assert instagram.state(container_id)["status_code"] == "FINISHED"


def test_thumb_offset_must_be_inside_the_video(instagram, video):
    container_id = instagram.ready(video, thumb_offset="60000")
    assert "2207057" in instagram.state(container_id)["status"]


def test_other_version_other_user_other_token(instagram, control, http):
    base = f"{control.url}/graph/v20.0"
    assert codes(instagram.call("GET", f"/{instagram.user}", base=base)) == (400, 2635, None)
    other = Instagram(control, http)
    assert codes(instagram.call("GET", f"/{other.user}")) == (400, 100, 33)
    assert codes(other.publish(instagram.container()["id"])) == (400, 24, 2207006)
    assert codes(instagram.call("GET", "/17999?fields=id")) == (400, 100, 33)
    assert codes(instagram.call("GET", f"/{instagram.user}?fields=age")) == (400, 100, None)
    instagram.token = "unknown"
    assert codes(instagram.call("GET", f"/{instagram.user}")) == (401, 190, None)


def test_permission_is_asked_for(control, http):
    instagram = Instagram(control, http, scopes=["instagram_basic"])
    assert codes(instagram.make()) == (400, 10, None)
    assert instagram.call("GET", f"/{instagram.user}?fields=username").status_code == 200


def test_reels_are_listed_read_and_deleted(instagram, control, video):
    ids = []
    for number in range(3):
        ids.append(instagram.reel(video, caption=str(number)))
        control.advance(10)
    listed = instagram.call("GET", f"/{instagram.user}/media?fields=caption&limit=2").json()
    assert [media["caption"] for media in listed["data"]] == ["2", "1"]
    after = listed["paging"]["cursors"]["after"]
    rest = instagram.call("GET", f"/{instagram.user}/media?after={after}").json()
    assert [media["id"] for media in rest["data"]] == [ids[0]] and "next" not in rest["paging"]
    metrics = instagram.call("GET", f"/{ids[0]}/insights?metric=views,shares").json()["data"]
    assert [metric["name"] for metric in metrics] == ["views", "shares"]
    gone = instagram.call("GET", f"/{ids[0]}/insights?metric=views,plays")
    assert codes(gone) == (400, 100, None)
    off = instagram.call("POST", f"/{ids[0]}", data={"comment_enabled": "false"})
    assert off.json() == {"success": True}
    assert codes(instagram.call("POST", f"/{ids[0]}", data={})) == (400, 100, None)
    assert instagram.call("DELETE", f"/{ids[0]}").json() == {"success": True}
    assert codes(instagram.call("GET", f"/{ids[0]}")) == (400, 100, 33)
    assert len(control.posts()) == 2


def test_list_is_narrowed_by_time(instagram, control, video):
    control.post("/clock", now="2026-12-01T10:00:00Z")
    early = instagram.reel(video)
    control.advance(600)
    late = instagram.reel(video)
    path = f"/{instagram.user}/media?fields=id,timestamp"
    since = instagram.call("GET", f"{path}&since=2026-12-01T10:05:00Z").json()["data"]
    assert [media["id"] for media in since] == [late]
    assert since[0]["timestamp"].startswith("2026-12-01T10:10:")
    until = instagram.call("GET", f"{path}&until=2026-12-01T10:05:00Z").json()["data"]
    assert [media["id"] for media in until] == [early]
    assert codes(instagram.call("GET", f"{path}&since=then")) == (400, 100, None)


class Files(BaseHTTPRequestHandler):
    """Serves the server's `files`: path to content type and bytes."""

    def do_GET(self):
        content_type, data = self.server.files.get(self.path, ("text/html", b""))
        self.send_response(200 if self.path in self.server.files else 404)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def files(video):
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        server.files = {
            "/a.mp4": ("video/mp4", video),
            "/page": ("text/html", b"<p>"),
            "/c.jpg": ("image/jpeg", b"\xff\xd8\xff" + bytes(99)),
            "/c.png": ("image/png", b"\x89PNG"),
        }
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("login_type", ["facebook", "instagram"])
def test_video_is_fetched_from_its_url(control, http, files, video, login_type):
    instagram = Instagram(control, http, login_type)
    made = instagram.container(video_url=f"{files}/a.mp4", cover_url=f"{files}/c.jpg")
    assert "uri" not in made
    control.advance(1)
    assert instagram.publish(made["id"]).status_code == 200
    assert control.posts()[0]["sha256"] == hashlib.sha256(video).hexdigest()


@pytest.mark.parametrize("path", ["/page", "/none.mp4"])
def test_url_without_a_video_is_refused(instagram, files, path):
    assert codes(instagram.make(video_url=files + path)) == (400, 9004, 2207052)


def test_url_elsewhere_is_never_fetched(instagram):
    for url in ("https://example.com/a.mp4", "http://10.0.0.1/a.mp4", "file:///etc/hosts"):
        assert codes(instagram.make(video_url=url)) == (400, 9004, 2207052)


def test_cover_must_be_a_jpeg(instagram, files):
    assert codes(instagram.make(cover_url=f"{files}/c.png")) == (400, 36001, 2207005)


def test_byte_host_fetches_a_file_url(instagram, control, files):
    made = instagram.container()
    sent = instagram.send(made["uri"], b"", file_url=f"{files}/a.mp4")
    assert sent.json()["success"] is True
    control.advance(1)
    assert instagram.state(made["id"])["status_code"] == "FINISHED"


def test_instagram_login_takes_urls_only_and_cannot_delete(control, http, files):
    instagram = Instagram(control, http, "instagram")
    refused = instagram.make(upload_type="resumable")
    assert "video_url is required" in refused.json()["error"]["message"]
    made = instagram.container(video_url=f"{files}/a.mp4")
    control.advance(1)
    media_id = instagram.publish(made["id"]).json()["id"]
    assert codes(instagram.call("DELETE", f"/{media_id}")) == (400, 100, 33)
    me = instagram.call("GET", "/me?fields=user_id,username").json()
    assert me["user_id"] == instagram.user
    wrong_host = instagram.call("GET", f"/{instagram.user}", base=f"{control.url}/graph/{V}")
    assert codes(wrong_host) == (401, 190, None)


def refresh(instagram, **changes):
    query = {"grant_type": "ig_refresh_token", "access_token": instagram.token, **changes}
    url = f"{instagram.control.url}/instagram/refresh_access_token"
    return instagram.http.get(url, params=query, timeout=60)


def test_instagram_login_refreshes_tokens_of_a_day_or_older(control, http):
    instagram = Instagram(control, http, "instagram")
    assert codes(refresh(instagram)) == (400, 100, None)
    control.advance(86_401)
    renewed = refresh(instagram).json()
    assert renewed["token_type"] == "bearer" and renewed["expires_in"] == 5_184_000
    instagram.token = renewed["access_token"]
    assert instagram.call("GET", "/me").status_code == 200
    aged = Instagram(control, http, "instagram", token_age_seconds=90_000)
    assert refresh(aged).status_code == 200
    assert codes(refresh(aged, grant_type="refresh_token")) == (400, 100, None)


def test_expired_token_can_never_be_refreshed(control, http):
    instagram = Instagram(control, http, "instagram", token_age_seconds=90_000)
    control.post(f"/accounts/{instagram.user}/expire-token")
    assert codes(refresh(instagram)) == (401, 190, 463)
    assert codes(instagram.call("GET", "/me")) == (401, 190, 463)


def test_facebook_login_has_nothing_to_refresh(instagram, control):
    control.advance(90_000)
    assert codes(refresh(instagram)) == (401, 190, None)
    url = f"{control.url}/graph/oauth/access_token"
    query = {
        "grant_type": "fb_exchange_token",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "fb_exchange_token": instagram.token,
    }
    assert instagram.http.get(url, params=query, timeout=60).json()["access_token"]
    wrong = {**query, "client_secret": "wrong"}
    assert codes(instagram.http.get(url, params=wrong, timeout=60)) == (400, 1, None)
    lacking = {**query, "fb_exchange_token": ""}
    assert codes(instagram.http.get(url, params=lacking, timeout=60)) == (400, 100, None)


def test_page_token_outlives_the_users(instagram, control, video):
    (page,) = instagram.call(
        "GET", "/me/accounts?fields=id,access_token,instagram_business_account"
    ).json()["data"]
    assert page["instagram_business_account"]["id"] == instagram.user
    control.advance(5_184_001)
    assert codes(instagram.call("GET", f"/{instagram.user}")) == (401, 190, 463)
    instagram.token = page["access_token"]
    assert instagram.reel(video)
    control.post(f"/accounts/{instagram.user}/revoke")
    assert codes(instagram.call("GET", f"/{instagram.user}")) == (401, 190, 458)
