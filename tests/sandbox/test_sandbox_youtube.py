"""YouTube in the sandbox: sessions, ranges, status queries, quotas, and the resulting videos."""

import hashlib
import socket
from urllib.parse import urlsplit

import pytest
import requests

from tests.processes import wait_until

UPLOAD = "/youtube/upload/youtube/v3/videos?uploadType=resumable&part=snippet,status"
VIDEOS = "/youtube/youtube/v3/videos"
CHANNELS = "/youtube/youtube/v3/channels?part=id,snippet,contentDetails,status&mine=true"
PLAYLIST = "/youtube/youtube/v3/playlistItems?part=snippet,contentDetails,status&maxResults=2"
THUMBNAIL = "/youtube/upload/youtube/v3/thumbnails/set?videoId="
KIB_256 = 262_144
SCOPE = "https://www.googleapis.com/auth/youtube"


class YouTube:
    """A client that makes any call it is asked to, valid or not."""

    def __init__(self, control, http, **options):
        self.control, self.http = control, http
        self.account = control.account("YOUTUBE", **options)
        self.headers = {"Authorization": f"Bearer {self.account['accessToken']}"}

    def call(self, method, path, body=None, **headers):
        return self.http.request(
            method,
            self.control.url + path,
            json=body,
            headers={**self.headers, **headers},
            timeout=60,
        )

    def open(self, size, *, query="", headers=None, parts=UPLOAD, **resource):
        resource = resource or {
            "snippet": {"title": "A title"},
            "status": {"privacyStatus": "public"},
        }
        announced = {"X-Upload-Content-Length": str(size), "X-Upload-Content-Type": "video/*"}
        return self.call("POST", parts + query, resource, **{**announced, **(headers or {})})

    def session(self, size, **resource):
        answer = self.open(size, **resource)
        assert answer.status_code == 200, answer.text
        return answer.headers["Location"]

    def put(self, uri, data, first=None, total=None, **headers):
        if first is not None:
            headers["Content-Range"] = f"bytes {first}-{first + len(data) - 1}/{total}"
        headers.setdefault("Content-Type", "video/mp4")
        return self.http.put(uri, data=data, headers=headers, timeout=60, allow_redirects=False)

    def query(self, uri, total="*"):
        headers = {"Content-Range": f"bytes */{total}", "Content-Length": "0"}
        return self.http.put(uri, headers=headers, timeout=60, allow_redirects=False)

    def publish(self, video, **resource):
        answer = self.put(self.session(len(video), **resource), video)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def read(self, video_id, parts="snippet,status,processingDetails"):
        answer = self.call("GET", f"{VIDEOS}?part={parts}&id={video_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]


def reason(answer):
    return answer.status_code, answer.json()["error"]["errors"][0]["reason"]


@pytest.fixture
def youtube(control, http):
    return YouTube(control, http)


def test_whole_file_becomes_a_video(youtube, control, video):
    snippet = {"title": "Mine", "description": "about", "tags": ["a b", "c"]}
    made = youtube.publish(video, snippet=snippet, status={"privacyStatus": "unlisted"})
    assert made["status"]["privacyStatus"] == "unlisted" and made["snippet"]["title"] == "Mine"
    (post,) = control.posts()
    assert (post["id"], post["title"], post["privacy"]) == (made["id"], "Mine", "unlisted")
    assert post["sha256"] == hashlib.sha256(video).hexdigest()
    (early,) = youtube.read(made["id"])
    assert early["status"]["uploadStatus"] == "uploaded"
    assert early["processingDetails"]["processingStatus"] == "processing"
    control.advance(1)
    (done,) = youtube.read(made["id"], "status,processingDetails,fileDetails,statistics")
    assert done["status"]["uploadStatus"] == "processed"
    assert done["fileDetails"]["fileSize"] == str(len(video))
    assert all(isinstance(value, str) for value in done["statistics"].values())


def test_chunks_are_answered_with_308_and_a_range(youtube, control):
    data = bytes(KIB_256 + 100)
    uri = youtube.session(len(data))
    before = youtube.query(uri, len(data))
    assert before.status_code == 308 and "Range" not in before.headers
    first = youtube.put(uri, data[:KIB_256], 0, len(data))
    assert (first.status_code, first.headers["Range"]) == (308, f"bytes=0-{KIB_256 - 1}")
    assert youtube.query(uri).headers["Range"] == f"bytes=0-{KIB_256 - 1}"
    last = youtube.put(uri, data[KIB_256:], KIB_256, len(data))
    assert last.status_code == 201
    again = youtube.query(uri, len(data))
    assert again.status_code == 200 and again.json()["id"] == last.json()["id"]
    assert youtube.put(uri, data).json()["id"] == last.json()["id"]
    control.advance(1)
    (failed,) = youtube.read(last.json()["id"])
    assert failed["status"]["failureReason"] == "invalidFile"
    assert control.posts() == []


def test_ranges_are_checked_exactly(youtube):
    size = 2 * KIB_256
    uri, data = youtube.session(size), bytes(size)
    assert reason(youtube.put(uri, data[:1000], 0, size)) == (400, "badRequest")
    assert reason(youtube.put(uri, data[:KIB_256], 0, "*")) == (400, "badRequest")
    assert reason(youtube.put(uri, data[:KIB_256], 0, size + 1)) == (400, "badRequest")
    assert reason(youtube.put(uri, data[:-1])) == (400, "badRequest")
    wrong_length = {"Content-Range": f"bytes 0-{size - 1}/{size}"}
    assert reason(youtube.put(uri, data[:-1], **wrong_length)) == (400, "badRequest")
    assert youtube.put(uri, data[KIB_256:], KIB_256, size).status_code == 416
    text = {"Content-Type": "text/plain"}
    assert reason(youtube.put(uri, data, **text)) == (400, "badRequest")
    assert reason(youtube.query(uri, size + 1)) == (400, "badRequest")
    chunked = youtube.http.put(uri, data=iter([data]), timeout=60)
    assert chunked.status_code == 411
    assert youtube.query(uri, size).status_code == 308
    assert "Range" not in youtube.query(uri, size).headers


def test_cut_upload_keeps_every_byte_and_goes_on(youtube, control, video):
    uri, cut_at = youtube.session(len(video)), len(video) // 3
    control.fault("YOUTUBE", "youtube.upload", "cut", after_bytes=cut_at)
    with pytest.raises(requests.ConnectionError):
        youtube.put(uri, video)
    assert youtube.query(uri, len(video)).headers["Range"] == f"bytes=0-{cut_at - 1}"
    assert youtube.put(uri, video[cut_at:], cut_at, len(video)).status_code == 201
    assert control.posts()[0]["sha256"] == hashlib.sha256(video).hexdigest()


@pytest.mark.parametrize("sent", [1, 5000])
def test_client_that_hangs_up_leaves_exactly_what_it_sent(youtube, control, video, sent):
    uri = youtube.session(len(video))
    parts = urlsplit(uri)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as raw:
        head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
        raw.sendall(f"{head}Content-Length: {len(video)}\r\n\r\n".encode() + video[:sent])
    [upload] = wait_until(lambda: control.journal("youtube.upload"), "the upload's entry")
    assert upload["bytes"] == sent
    assert youtube.query(uri, len(video)).headers["Range"] == f"bytes=0-{sent - 1}"


def test_lost_last_answer_is_repeated_by_the_status_query(youtube, control, video):
    uri = youtube.session(len(video))
    control.fault("YOUTUBE", "youtube.upload", "lost_answer")
    with pytest.raises(requests.ConnectionError):
        youtube.put(uri, video)
    assert youtube.query(uri, len(video)).json()["id"] == control.posts()[0]["id"]


def test_moved_session_has_a_new_address(youtube, control):
    uri = youtube.session(KIB_256 * 2)
    control.fault("YOUTUBE", "youtube.status_query", "moved")
    moved = youtube.query(uri, KIB_256 * 2)
    assert moved.status_code == 308 and moved.headers["Location"] != uri
    assert youtube.query(uri).status_code == 404
    assert youtube.query(moved.headers["Location"]).status_code == 308


def test_sessions_end(youtube, control):
    uri = youtube.session(1000)
    assert youtube.query(uri + "x").status_code == 404
    control.advance(604_801)
    assert youtube.query(uri).status_code == 410


def test_session_works_without_token_but_not_with_a_bad_one(youtube, control, http, video):
    uri = youtube.session(len(video))
    control.post(f"/accounts/{youtube.account['platformUserId']}/expire-token")
    assert reason(youtube.put(uri, video, **youtube.headers)) == (401, "authError")
    assert youtube.query(uri).status_code == 308
    other = YouTube(control, http)
    assert reason(youtube.put(uri, video, **other.headers)) == (403, "forbidden")
    assert youtube.put(uri, video).status_code == 201


@pytest.mark.parametrize(
    ("snippet", "expected"),
    [
        ({"title": "x" * 100}, None),
        ({"title": "😀" * 50}, None),
        ({"title": "😀" * 51}, "invalidTitle"),
        ({"title": "x" * 101}, "invalidTitle"),
        ({"title": " "}, "invalidTitle"),
        ({}, "invalidTitle"),
        ({"title": "a <b>"}, "invalidTitle"),
        ({"title": "t", "description": "é" * 2500}, None),
        ({"title": "t", "description": "é" * 2501}, "invalidDescription"),
        ({"title": "t", "description": "<"}, "invalidDescription"),
        ({"title": "t", "tags": ["x" * 250, "y" * 249]}, None),
        ({"title": "t", "tags": ["x" * 250, "y" * 250]}, "invalidTags"),
        ({"title": "t", "tags": ["x" * 497 + " y"]}, "invalidTags"),
        ({"title": "t", "tags": "one,two"}, "badRequest"),
        ({"title": "t", "categoryId": "999"}, "invalidCategoryId"),
        ({"title": "t", "categoryId": 22}, "badRequest"),
        ({"title": "t", "titel": "t"}, "badRequest"),
    ],
)
def test_snippet_is_checked(youtube, snippet, expected):
    answer = youtube.open(1000, snippet=snippet, status={"privacyStatus": "private"})
    if expected is None:
        assert answer.status_code == 200, answer.text
    else:
        assert reason(answer) == (400, expected)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"privacyStatus": "secret"}, "badRequest"),
        ({"selfDeclaredMadeForKids": "no"}, "badRequest"),
        ({"privacyStatus": "public", "publishAt": "2027-01-01T00:00:00Z"}, "invalidPublishAt"),
        ({"privacyStatus": "private", "publishAt": "soon"}, "invalidPublishAt"),
        ({"license": "mine"}, "badRequest"),
    ],
)
def test_status_is_checked(youtube, status, expected):
    answer = youtube.open(1000, snippet={"title": "t"}, status=status)
    assert reason(answer) == (400, expected)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Upload-Content-Length": ""}, "badRequest"),
        ({"X-Upload-Content-Length": "0"}, "mediaBodyRequired"),
        ({"X-Upload-Content-Type": ""}, "badRequest"),
        ({"X-Upload-Content-Type": "image/png"}, "mediaBodyRequired"),
        ({"Content-Type": "text/plain"}, "badRequest"),
    ],
)
def test_session_headers_are_required(youtube, headers, expected):
    assert reason(youtube.open(1000, headers=headers)) == (400, expected)


def test_session_query_is_checked(youtube):
    base = "/youtube/upload/youtube/v3/videos"
    for path in (f"{base}?part=snippet", f"{base}?uploadType=resumable", UPLOAD + ",nonsense"):
        assert reason(youtube.open(1000, parts=path)) == (400, "badRequest")
    assert reason(youtube.open(10, parts=f"{base}?uploadType=resumable&part=status"))[0] == 400
    assert reason(youtube.open(10, query="&notifySubscribers=yes")) == (400, "invalidValue")


def test_unaudited_project_is_locked_to_private(youtube, control, video):
    control.settings(youtube_audited=False)
    made = youtube.publish(video)
    assert made["status"]["privacyStatus"] == "private"
    assert control.posts()[0]["privacy"] == "private"


def test_scheduled_video_becomes_public(youtube, control, video):
    now = control.post("/clock", now="2026-12-01T10:00:00Z")["now"]
    assert now.startswith("2026-12-01")
    youtube.headers = {"Authorization": f"Bearer {renew(youtube).json()['access_token']}"}
    status = {"privacyStatus": "private", "publishAt": "2026-12-01T10:30:00Z"}
    made = youtube.publish(video, snippet={"title": "t"}, status=status)
    assert made["status"]["privacyStatus"] == "private"
    control.advance(1801)
    assert youtube.read(made["id"])[0]["status"]["privacyStatus"] == "public"


def test_upload_bucket_lasts_until_midnight_in_los_angeles(youtube, control):
    control.settings(youtube_uploads_per_day=2)
    control.post("/clock", now="2026-12-01T07:30:00Z")  # 23:30 on 30 November there
    youtube.headers = {"Authorization": f"Bearer {renew(youtube).json()['access_token']}"}
    youtube.session(1000)
    refused = youtube.open(1000, snippet={"title": ""}, status={})  # charged all the same
    assert refused.status_code == 400
    assert reason(youtube.open(1000)) == (403, "quotaExceeded")
    control.advance(1750)
    assert reason(youtube.open(1000)) == (403, "quotaExceeded")
    control.advance(60)
    assert youtube.open(1000).status_code == 200


def test_units_are_spent_by_reads_and_writes(youtube, control, video):
    made = youtube.publish(video)
    control.settings(youtube_units_per_day=52)
    youtube.read(made["id"])
    assert youtube.call("DELETE", f"{VIDEOS}?id={made['id']}").status_code == 204
    assert youtube.call("GET", CHANNELS).status_code == 200
    assert reason(youtube.call("GET", CHANNELS)) == (403, "quotaExceeded")
    assert control.posts() == []


def test_channel_has_its_own_upload_limit(youtube, control, video):
    control.settings(youtube_channel_uploads_per_day=1)
    youtube.publish(video)
    assert reason(youtube.open(1000)) == (400, "uploadLimitExceeded")


def test_channel_tells_its_uploads_playlist(youtube, control, http, video):
    (channel,) = youtube.call("GET", CHANNELS).json()["items"]
    assert channel["id"] == youtube.account["platformUserId"]
    assert channel["status"]["longUploadsStatus"] == "allowed"
    uploads = channel["contentDetails"]["relatedPlaylists"]["uploads"]
    ids = [youtube.publish(video)["id"] for _ in range(3)]
    page = youtube.call("GET", f"{PLAYLIST}&playlistId={uploads}").json()
    shown = [item["contentDetails"]["videoId"] for item in page["items"]]
    assert shown == ids[:0:-1]
    token = page["nextPageToken"]
    rest = youtube.call("GET", f"{PLAYLIST}&playlistId={uploads}&pageToken={token}").json()
    assert [item["contentDetails"]["videoId"] for item in rest["items"]] == [ids[0]]
    other = youtube.call("GET", f"{PLAYLIST}&playlistId=UUother")
    assert reason(other) == (404, "playlistNotFound")
    live = [entry for entry in control.journal() if entry["event"] == "live"]
    assert live[-1]["same_video_posts"] == ids[:2]


def test_account_without_channel_cannot_upload(control, http):
    youtube = YouTube(control, http, has_channel=False)
    listed = youtube.call("GET", CHANNELS).json()
    assert listed["pageInfo"]["totalResults"] == 0 and "items" not in listed
    assert reason(youtube.open(1000)) == (401, "youtubeSignupRequired")


def test_update_erases_what_is_left_out(youtube, video):
    snippet = {"title": "Old", "description": "kept?", "tags": ["one"]}
    made = youtube.publish(video, snippet=snippet, status={"privacyStatus": "private"})
    body = {"id": made["id"], "snippet": {"title": "New", "categoryId": "22"}}
    changed = youtube.call("PUT", f"{VIDEOS}?part=snippet", body).json()
    assert changed["snippet"]["title"] == "New" and "tags" not in changed["snippet"]
    assert youtube.read(made["id"])[0]["snippet"]["description"] == ""
    assert youtube.read(made["id"])[0]["status"]["privacyStatus"] == "private"
    lacking = {"id": made["id"], "snippet": {"title": "New"}}
    refused = youtube.call("PUT", f"{VIDEOS}?part=snippet", lacking)
    assert reason(refused) == (400, "invalidCategoryId")


def test_videos_of_others_are_out_of_reach(youtube, control, http, video):
    made = youtube.publish(video, snippet={"title": "t"}, status={"privacyStatus": "private"})
    other = YouTube(control, http)
    assert other.read(made["id"], "snippet") == []
    assert reason(other.call("DELETE", f"{VIDEOS}?id={made['id']}")) == (403, "forbidden")
    assert reason(other.call("DELETE", f"{VIDEOS}?id=none")) == (404, "videoNotFound")
    details = other.call("GET", f"{VIDEOS}?part=fileDetails&id={made['id']}")
    assert reason(details) == (403, "forbidden")


def test_scopes_are_asked_for(control, http, video):
    uploader = YouTube(control, http, scopes=[f"{SCOPE}.upload"])
    made = uploader.publish(video)
    assert reason(uploader.call("GET", CHANNELS)) == (403, "insufficientPermissions")
    deleted = uploader.call("DELETE", f"{VIDEOS}?id={made['id']}")
    assert reason(deleted) == (403, "insufficientPermissions")
    reader = YouTube(control, http, scopes=[f"{SCOPE}.readonly"])
    assert reason(reader.open(1000)) == (403, "insufficientPermissions")
    reader.headers = {}
    assert reason(reader.open(1000)) == (401, "authorizationRequired")


def test_thumbnail_needs_a_verified_channel_and_an_image(control, http, video):
    youtube = YouTube(control, http)
    made = youtube.publish(video)
    url, png = control.url + THUMBNAIL + made["id"], b"\x89PNG\r\n\x1a\n" + bytes(50)

    def send(data, content_type):
        headers = {**youtube.headers, "Content-Type": content_type}
        return http.post(url, data=data, headers=headers, timeout=60)

    assert send(png, "image/png").status_code == 200
    assert reason(send(png, "image/jpeg")) == (400, "badRequest")
    assert reason(send(png, "text/plain")) == (400, "mediaBodyRequired")
    other = YouTube(control, http, phone_verified=False)
    made = other.publish(video)
    refused = http.post(
        control.url + THUMBNAIL + made["id"],
        data=png,
        headers={**other.headers, "Content-Type": "image/png"},
        timeout=60,
    )
    assert reason(refused) == (403, "forbidden")


def test_statistics_have_their_own_bucket_and_may_hide_likes(control, http, video):
    youtube = YouTube(control, http, hide_counts=True)
    made = youtube.publish(video)
    control.settings(youtube_units_per_day=0)
    path = f"{VIDEOS}:batchGetStats?part=statistics&id={made['id']}"
    (item,) = youtube.call("GET", path).json()["items"]
    assert "viewCount" in item["statistics"] and "likeCount" not in item["statistics"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("copyright", ("rejected", "rejectionReason")),
        ("duplicate", ("rejected", "rejectionReason")),
        ("conversion", ("failed", "failureReason")),
    ],
)
def test_processing_can_fail_for_youtubes_reasons(youtube, control, video, fault, expected):
    control.fault("YOUTUBE", None, "fail_processing", reason=fault)
    made = youtube.publish(video)
    control.advance(1)
    status = youtube.read(made["id"])[0]["status"]
    assert status["uploadStatus"] == expected[0] and status[expected[1]] == fault


def test_video_that_nobody_can_watch_is_no_second_post(youtube, control, video):
    control.fault("YOUTUBE", None, "fail_processing", reason="uploadAborted")
    youtube.publish(video)
    youtube.publish(video)
    failed, live = (entry for entry in control.journal() if entry["event"] != "call")
    assert (failed["event"], live["event"]) == ("failed", "live")
    assert live["same_video_posts"] == []


def renew(youtube, **changes):
    form = {
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "grant_type": "refresh_token",
        "refresh_token": youtube.account["refreshToken"],
        **changes,
    }
    form = {name: value for name, value in form.items() if value}
    return youtube.http.post(f"{youtube.control.url}/google/token", data=form, timeout=60)


def test_refresh_gives_no_new_refresh_token(youtube, control):
    control.advance(3601)
    assert reason(youtube.call("GET", CHANNELS)) == (401, "authError")
    for _ in range(2):
        renewed = renew(youtube).json()
        assert "refresh_token" not in renewed and renewed["expires_in"] == 3600
    youtube.headers = {"Authorization": f"Bearer {renewed['access_token']}"}
    assert youtube.call("GET", CHANNELS).status_code == 200
    assert f"{SCOPE}.upload" in renewed["scope"].split()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client")),
        ({"refresh_token": "1//unknown"}, (400, "invalid_grant")),
        ({"refresh_token": ""}, (400, "invalid_request")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({"grant_type": "authorization_code"}, (400, "invalid_request")),
    ],
)
def test_token_endpoint_refuses(youtube, changes, expected):
    answer = renew(youtube, **changes)
    assert (answer.status_code, answer.json()["error"]) == expected


def test_revoked_account_is_shut_out(youtube, control, http):
    url = f"{control.url}/google/revoke"
    form = {"token": youtube.account["refreshToken"]}
    assert http.post(url, data=form, timeout=60).status_code == 200
    assert http.post(url, data=form, timeout=60).json()["error"] == "invalid_token"
    assert renew(youtube).json()["error"] == "invalid_grant"
    assert reason(youtube.call("GET", CHANNELS)) == (401, "authError")


def test_test_project_tokens_last_a_week(control, http):
    youtube = YouTube(control, http, refresh_token_seconds=604_800)
    control.advance(604_801)
    assert renew(youtube).json()["error"] == "invalid_grant"
