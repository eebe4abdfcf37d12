"""The sandbox's user interface: its page, a post's page, and the list in the terminal."""

from html.parser import HTMLParser

import pytest

from sandbox.__main__ import main

VOID = {"meta", "link", "br"}


class Tags(HTMLParser):
    """Checks that every tag is closed, and collects the URLs that the page would load."""

    def __init__(self):
        super().__init__()
        self.open, self.loaded = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        loads = tag in ("link", "script", "img")
        self.loaded += [value for name, value in attrs if loads and name in ("href", "src")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def live_post(control, http, video):
    """Publish a YouTube video with a hostile title and return its post."""
    account = control.account("YOUTUBE")
    uri = http.post(
        f"{control.url}/youtube/upload/youtube/v3/videos?uploadType=resumable&part=snippet",
        json={"snippet": {"title": 'Tom & Jerry\u0027s "day"\nout', "description": "{{ 7*7 }}"}},
        headers={
            "Authorization": f"Bearer {account['accessToken']}",
            "X-Upload-Content-Length": str(len(video)),
            "X-Upload-Content-Type": "video/mp4",
        },
        timeout=60,
    ).headers["Location"]
    assert http.put(uri, data=video, timeout=60).status_code == 201
    (post,) = control.posts()
    return post


def check(page):
    assert page.status_code == 200
    tags = Tags()
    tags.feed(page.text)
    assert tags.open == [] and tags.loaded == ["data:,"]
    return page.text


def test_page_of_a_fresh_sandbox_is_whole_and_loads_nothing(control, http):
    text = check(http.get(control.url, timeout=60))
    assert text.count("Nothing is live yet.") == 3 and "prefers-color-scheme: dark" in text


def test_page_shows_posts_calls_and_faults(control, http, live_post):
    control.fault("TIKTOK", "tiktok.init", "error", code="spam_risk", skip=2, times=3)
    http.post(f"{control.url}/tiktok/v2/post/publish/video/init/", timeout=60)
    text = check(http.get(control.url, timeout=60))
    assert "Tom &amp; Jerry&#39;s" in text and "spam_risk" in text and "3 left" in text
    assert "youtube.upload" in text and "access_token_invalid" in text


def test_every_live_post_has_a_page(control, http, live_post):
    text = check(http.get(control.url + live_post["page"], timeout=60))
    assert live_post["sha256"] in text and "{{ 7*7 }}" in text and "360 × 640" in text
    assert http.get(f"{control.url}/live/tiktok/{live_post['id']}", timeout=60).status_code == 404
    assert http.get(f"{control.url}/live/vimeo/1", timeout=60).status_code == 404


@pytest.mark.parametrize(
    ("path", "scope", "words"),
    [
        ("tiktok/v2/auth/authorize/?client_key", "video.publish", "a TikTok account"),
        (
            "google/o/oauth2/v2/auth?client_id",
            "https://www.googleapis.com/auth/youtube.upload",
            "a YouTube account",
        ),
        (
            "instagram/oauth/authorize?client_id",
            "instagram_business_basic",
            "an Instagram account",
        ),
    ],
)
def test_consent_page_asks_for_an_account(control, http, path, scope, words):
    query = f"=sandbox-client&response_type=code&state=s&redirect_uri=http://x/&scope={scope}"
    page = http.get(f"{control.url}/{path}{query}", timeout=60)
    assert f"Allow access to {words}?" in page.text


def test_terminal_lists_what_is_live(control, live_post, capsys):
    assert main(["posts", "--url", control.url]) == 0
    printed = capsys.readouterr().out
    assert control.url + live_post["page"] in printed and printed.endswith("1 live\n")
    assert printed.count("\n") == 2 and "\\nout" in printed
    assert main(["posts", "--url", "http://127.0.0.1:1"]) == 1
    assert "no sandbox" in capsys.readouterr().err
