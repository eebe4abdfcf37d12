"""Faults: every error code on every call it belongs to, and every way to lose a response."""

import time
from concurrent.futures import ThreadPoolExecutor, TimeoutError

import pytest
import requests

from sandbox.loopback import loopback_session
from sandbox.platforms import PLATFORMS
from tests.processes import wait_until

GRAPH = "/graph/v26.0"
ENDPOINTS = {
    "tiktok.token": ("POST", "/tiktok/v2/oauth/token/"),
    "tiktok.revoke": ("POST", "/tiktok/v2/oauth/revoke/"),
    "tiktok.user_info": ("GET", "/tiktok/v2/user/info/"),
    "tiktok.creator_info": ("POST", "/tiktok/v2/post/publish/creator_info/query/"),
    "tiktok.init": ("POST", "/tiktok/v2/post/publish/video/init/"),
    "tiktok.inbox_init": ("POST", "/tiktok/v2/post/publish/inbox/video/init/"),
    "tiktok.upload": ("PUT", "/tiktok-upload/video/"),
    "tiktok.status": ("POST", "/tiktok/v2/post/publish/status/fetch/"),
    "tiktok.cancel": ("POST", "/tiktok/v2/post/publish/cancel/"),
    "tiktok.video_query": ("POST", "/tiktok/v2/video/query/"),
    "tiktok.video_list": ("POST", "/tiktok/v2/video/list/"),
    "instagram.token": ("GET", "/instagram/refresh_access_token"),
    "instagram.user": ("GET", "/instagram/v26.0/me"),
    "instagram.pages": ("GET", f"{GRAPH}/me/accounts"),
    "instagram.permissions": ("GET", f"{GRAPH}/me/permissions"),
    "instagram.container": ("POST", f"{GRAPH}/1/media"),
    "instagram.upload": ("POST", "/rupload/ig-api-upload/v26.0/17"),
    "instagram.publish": ("POST", f"{GRAPH}/1/media_publish"),
    "instagram.quota": ("GET", f"{GRAPH}/1/content_publishing_limit"),
    "instagram.media": ("GET", f"{GRAPH}/18"),
    "instagram.media_list": ("GET", f"{GRAPH}/1/media"),
    "instagram.insights": ("GET", f"{GRAPH}/18/insights"),
    "instagram.delete": ("DELETE", f"{GRAPH}/18"),
    "instagram.comments": ("POST", f"{GRAPH}/18"),
    "youtube.token": ("POST", "/google/token"),
    "youtube.revoke": ("POST", "/google/revoke"),
    "youtube.channels": ("GET", "/youtube/youtube/v3/channels"),
    "youtube.session": ("POST", "/youtube/upload/youtube/v3/videos"),
    "youtube.upload": ("PUT", "/youtube/upload/youtube/v3/videos"),
    "youtube.status_query": ("PUT", "/youtube/upload/youtube/v3/videos"),
    "youtube.videos": ("GET", "/youtube/youtube/v3/videos"),
    "youtube.playlist_items": ("GET", "/youtube/youtube/v3/playlistItems"),
    "youtube.update": ("PUT", "/youtube/youtube/v3/videos"),
    "youtube.delete": ("DELETE", "/youtube/youtube/v3/videos"),
    "youtube.thumbnail": ("POST", "/youtube/upload/youtube/v3/thumbnails/set"),
    "youtube.stats": ("GET", "/youtube/youtube/v3/videos:batchGetStats"),
}


@pytest.fixture
def send(control, http):
    """Return a function that makes a call by its name."""
    account = control.account("INSTAGRAM")
    container = None

    def call(name, **kwargs):
        nonlocal container
        headers = kwargs.pop("headers", {})
        if name == "instagram.container_status":
            bearer = {"Authorization": f"Bearer {account['accessToken']}"}
            if container is None:
                path = f"{control.url}{GRAPH}/{account['platformUserId']}/media"
                form = {"media_type": "REELS", "upload_type": "resumable"}
                container = http.post(path, data=form, headers=bearer, timeout=60).json()["id"]
            method, path, headers = "GET", f"{GRAPH}/{container}", {**headers, **bearer}
        else:
            method, path = ENDPOINTS[name]
        if name == "youtube.status_query":
            headers = {**headers, "Content-Range": "bytes */10"}
        return http.request(
            method, control.url + path, headers=headers, timeout=kwargs.pop("timeout", 60), **kwargs
        )

    return call


def test_every_call_has_an_endpoint_here():
    names = {name for platform in PLATFORMS.values() for name in platform.api.names}
    assert names == set(ENDPOINTS) | {"instagram.container_status"}


def wording(platform, code, call):
    """Return the text that must appear in an error's response."""
    if platform == "INSTAGRAM" and not code.startswith("rupload"):
        number, _, subcode = code.partition("/")
        shown = [f'"error_subcode":{subcode}'] if subcode else []
        if number.lstrip("-").isdecimal():
            shown.append(f'"code":{number}')
        return shown
    own_names = ("session", "upload_", "rupload")
    return [] if code.startswith(own_names) else [f'"{code}"']


@pytest.mark.parametrize(
    ("platform", "code"),
    [(name, code) for name, one in PLATFORMS.items() for code in one.api.errors],
)
def test_every_error_can_be_produced_on_every_call_it_belongs_to(control, send, platform, code):
    spec = PLATFORMS[platform].api.errors[code]
    for call in spec.calls:
        send("instagram.container_status") if call == "instagram.container_status" else None
        control.fault(platform, call, "error", code=code)
        answer = send(call)
        assert answer.status_code == spec.status_for(call), call
        text = answer.text.replace(" ", "")
        assert all(words in text for words in wording(platform, code, call)), (call, text)
    assert control.get("/faults")["active"] == []


@pytest.mark.parametrize(
    ("platform", "reason"),
    [(name, reason) for name, one in PLATFORMS.items() for reason in one.api.fail_reasons],
)
def test_every_fail_reason_can_be_switched_on(control, platform, reason):
    assert control.fault(platform, None, "fail_processing", reason=reason)["reason"] == reason


def test_fault_skips_then_strikes_then_is_spent(control, send):
    control.fault(
        "TIKTOK", "tiktok.init", "error", code="spam_risk_too_many_posts", skip=1, times=2
    )
    statuses = [send("tiktok.init").status_code for _ in range(4)]
    assert statuses == [401, 403, 403, 401]
    faults = control.get("/faults")
    assert faults["active"] == [] and faults["spent"][0]["fired"] == 2


def test_fault_strikes_only_its_account(control, http):
    first, second = control.account("TIKTOK"), control.account("TIKTOK")
    control.fault(
        "TIKTOK",
        "tiktok.creator_info",
        "error",
        code="internal_error",
        account=second["platformUserId"],
    )
    url = control.url + ENDPOINTS["tiktok.creator_info"][1]
    statuses = [
        http.post(
            url, headers={"Authorization": f"Bearer {account['accessToken']}"}, timeout=60
        ).status_code
        for account in (first, second)
    ]
    assert statuses == [200, 500]


def test_fault_without_a_call_strikes_the_whole_platform(control, send):
    control.fault("YOUTUBE", None, "error", status=503, times=2)
    assert send("youtube.channels").status_code == 503
    assert send("tiktok.init").status_code == 401
    assert send("youtube.token").status_code == 503


def test_error_may_bring_its_own_status_and_body(control, send):
    control.fault("TIKTOK", "tiktok.init", "error", status=502, body="<h1>Bad gateway</h1>")
    answer = send("tiktok.init")
    assert (answer.status_code, answer.text) == (502, "<h1>Bad gateway</h1>")
    control.fault("TIKTOK", "tiktok.init", "error", status=418, body={"tea": True})
    assert send("tiktok.init").json() == {"tea": True}
    control.fault("TIKTOK", "tiktok.init", "error", code="rate_limit_exceeded", retry_after=7)
    assert send("tiktok.init").headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("call", "status"), [("tiktok.init", 429), ("instagram.publish", 400), ("youtube.session", 403)]
)
def test_retry_after_is_the_platforms_own_throttling(control, send, call, status):
    control.fault(call.split(".")[0].upper(), call, "retry_after", seconds=30)
    answer = send(call)
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "30")


@pytest.mark.parametrize("call", ["tiktok.init", "instagram.container", "youtube.session"])
def test_cut_closes_the_connection_and_does_nothing(control, send, call):
    platform = call.split(".")[0].upper()
    for fields in ({}, {"after_bytes": 5}):
        control.fault(platform, call, "cut", **fields)
        with pytest.raises(requests.ConnectionError):
            send(call)
    assert [entry["status"] for entry in control.journal(call)] == [None, None]


def test_garbage_and_empty_answers_look_successful(control, send):
    control.fault("YOUTUBE", "youtube.session", "garbage")
    control.fault("YOUTUBE", "youtube.session", "empty")
    page = send("youtube.session")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html")
    empty = send("youtube.session")
    assert (empty.status_code, empty.content) == (200, b"")


def test_hang_never_answers(control, send):
    control.fault("TIKTOK", "tiktok.status", "hang")
    with pytest.raises(requests.ReadTimeout):
        send("tiktok.status", timeout=0.2)


def wait_until_struck(control):
    wait_until(lambda: control.get("/faults")["spent"], "the fault's strike")


@pytest.mark.parametrize("after_work", [False, True])
def test_held_call_is_answered_once_it_is_released(control, send, after_work):
    fault = control.fault("YOUTUBE", "youtube.session", "hold", after_work=after_work)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(send, "youtube.session")
        wait_until_struck(control)
        with pytest.raises(TimeoutError):
            held.result(0.2)
        assert control.journal("youtube.session") == []
        control.post(f"/faults/{fault['id']}/release")
        assert held.result(60).status_code == 401
    [entry] = control.journal("youtube.session")
    assert (entry["status"], entry["fault"]) == (401, "hold")


def test_removing_a_fault_lets_go_what_it_holds(control, send, http):
    fault = control.fault("TIKTOK", "tiktok.status", "hold", times=2)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(send, "tiktok.status")
        wait_until(lambda: control.get("/faults")["active"][0]["fired"], "the fault's strike")
        url = f"{control.url}/_sandbox/faults/{fault['id']}"
        assert http.delete(url, timeout=60).status_code == 200
        assert held.result(60).status_code == 401
    assert http.post(f"{url}/release", timeout=60).status_code == 400


def test_removing_a_fault_that_is_used_up_lets_go_what_it_holds(control, send, http):
    fault = control.fault("TIKTOK", "tiktok.status", "hold")
    url = f"{control.url}/_sandbox/faults/{fault['id']}"
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(send, "tiktok.status")
        wait_until_struck(control)
        assert control.get("/faults")["active"] == []
        answer = http.delete(url, timeout=60)
        control.delete("/faults")
        assert held.result(60).status_code == 401
    assert answer.status_code == 200
    assert http.delete(url, timeout=60).status_code == 400


@pytest.mark.parametrize("kind", ["hang", "hold", "slow"])
def test_reset_cuts_off_what_still_waits_and_leaves_no_trace_of_it(control, send, kind):
    more = {"seconds": 3600} if kind == "slow" else {}
    control.fault("TIKTOK", "tiktok.status", kind, **more)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(send, "tiktok.status")
        wait_until_struck(control)
        control.post("/reset")
        assert isinstance(waiting.exception(60), requests.ConnectionError)
    assert control.journal("tiktok.status") == []


def test_reset_cuts_off_an_upload(control, session_uri):
    control.fault("YOUTUBE", "youtube.upload", "slow", bytes_per_second=100)

    def upload():
        with loopback_session() as session:
            session.put(session_uri, data=bytes(40_000), timeout=60)

    with ThreadPoolExecutor(1) as pool:
        uploading = pool.submit(upload)
        wait_until_struck(control)
        control.post("/reset")
        assert isinstance(uploading.exception(60), requests.ConnectionError)
    assert control.journal("youtube.upload") == control.posts() == []


def test_slow_delays_the_answer(control, send):
    control.fault("TIKTOK", "tiktok.status", "slow", seconds=0.3)
    started = time.monotonic()
    assert send("tiktok.status").status_code == 401
    assert time.monotonic() - started >= 0.3


@pytest.fixture
def session_uri(control, http):
    """Open a YouTube session for 40,000 bytes."""
    account = control.account("YOUTUBE")
    return http.post(
        f"{control.url}/youtube/upload/youtube/v3/videos?uploadType=resumable&part=snippet",
        json={"snippet": {"title": "t"}},
        headers={
            "Authorization": f"Bearer {account['accessToken']}",
            "X-Upload-Content-Length": "40000",
            "X-Upload-Content-Type": "video/mp4",
        },
        timeout=60,
    ).headers["Location"]


def test_slow_body_takes_its_time(control, http, session_uri):
    control.fault("YOUTUBE", "youtube.upload", "slow", bytes_per_second=80_000)
    started = time.monotonic()
    assert http.put(session_uri, data=bytes(40_000), timeout=60).status_code == 201
    assert time.monotonic() - started >= 0.4


def test_newer_stream_takes_over_from_a_stalled_one(control, http, session_uri):
    control.fault("YOUTUBE", "youtube.upload", "slow", bytes_per_second=500)

    def stalled():
        with loopback_session() as session:
            session.put(session_uri, data=bytes(40_000), timeout=120)

    def received():
        query = {"Content-Range": "bytes */40000", "Content-Length": "0"}
        answer = http.put(session_uri, headers=query, timeout=60)
        return int(answer.headers.get("Range", "bytes=0--1")[8:]) + 1

    def go_on(first):
        headers = {"Content-Range": f"bytes {first}-39999/40000"}
        return http.put(session_uri, data=bytes(40_000 - first), headers=headers, timeout=60)

    with ThreadPoolExecutor(1) as pool:
        old = pool.submit(stalled)
        first = wait_until(received, "the first bytes")
        wait_until(lambda: received() > first, "more of the stalled stream's bytes")
        assert not old.done()
        assert go_on(first).status_code == 416  # shuts the stalled one out, too
        rest = go_on(received())
        assert isinstance(old.exception(60), requests.ConnectionError)
    assert rest.status_code == 201
    finished = [entry for entry in control.journal("youtube.upload") if entry["status"] == 201]
    assert finished[0]["details"]["received_bytes"] == 40_000


def test_refused_upload_is_read_to_its_end_before_the_answer(control, send):
    for _ in range(2):  # twice over one connection
        answer = send("tiktok.upload", data=bytes(3_000_000))
        assert answer.status_code == 404


def test_big_body_is_streamed_without_holding_it(control, http):
    account = control.account("YOUTUBE")
    size = 120_000_000
    uri = http.post(
        f"{control.url}/youtube/upload/youtube/v3/videos?uploadType=resumable&part=snippet",
        json={"snippet": {"title": "t"}},
        headers={
            "Authorization": f"Bearer {account['accessToken']}",
            "X-Upload-Content-Length": str(size),
            "X-Upload-Content-Type": "video/mp4",
        },
        timeout=60,
    ).headers["Location"]

    class Zeros:
        """A file of zeros that is never in memory as a whole."""

        left = size

        def __len__(self):
            return self.left

        def read(self, count=-1):
            count = min(self.left, 1_000_000 if count < 0 else count)
            self.left -= count
            return bytes(count)

    assert http.put(uri, data=Zeros(), timeout=60).status_code == 201
    assert control.journal("youtube.upload")[-1]["bytes"] == size
