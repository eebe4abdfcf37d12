"""Reading published posts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.clock import to_iso
from app.database.transaction import transaction
from app.models import Account, PublishedPost
from tests.factories import make_account, make_job

Auth = Callable[..., dict[str, str]]


def make_post(account: Account, **columns: object) -> PublishedPost:
    job = make_job(account.platform, account=account)
    fields = {"platform_post_id": "4711", "url": "https://example.com/4711", **columns}
    post = PublishedPost(
        job_id=job.id,
        user_id=account.user_id,
        account_id=account.id,
        video_id=job.video_id,
        platform=account.platform,
        caption="Hello #you",
        **fields,
    )
    with transaction() as session:
        session.add(post)
    return post


def test_show(app: Flask, client: FlaskClient, auth: Auth) -> None:
    with app.app_context():
        post = make_post(make_account(), views=2**40, likes=0)
    answer = client.get(f"/api/posts/{post.id}", headers=auth())
    assert answer.status_code == 200
    assert answer.get_json() == {
        "id": post.id,
        "jobId": post.job_id,
        "accountId": post.account_id,
        "videoId": post.video_id,
        "platform": "TIKTOK",
        "platformPostId": "4711",
        "url": "https://example.com/4711",
        "caption": "Hello #you",
        "publishedAt": to_iso(post.published_at),
        "views": 2**40,
        "likes": 0,
        "comments": None,
        "shares": None,
        "countedAt": None,
    }


def test_list_filters_and_pages(app: Flask, client: FlaskClient, auth: Auth) -> None:
    with app.app_context():
        tiktok, youtube = make_account(), make_account("YOUTUBE")
        posts = [make_post(tiktok), make_post(youtube), make_post(tiktok)]
        make_post(make_account(user_id="bob"))

    def ids(query: str) -> list[str]:
        answer = client.get(f"/api/posts?{query}", headers=auth())
        assert answer.status_code == 200
        return [post["id"] for post in answer.get_json()["posts"]]

    newest_first = sorted((post.id for post in posts), reverse=True)
    assert ids("") == newest_first
    assert ids("platform=YOUTUBE") == [posts[1].id]
    assert ids(f"videoId={posts[0].video_id}") == [posts[0].id]
    assert ids(f"videoId={posts[0].video_id}&platform=YOUTUBE") == []
    assert ids("videoId=nonsense") == []
    first = client.get("/api/posts?limit=2", headers=auth()).get_json()
    assert ids(f"limit=2&cursor={first['nextCursor']}") == newest_first[2:]


@pytest.mark.parametrize("query", ["platform=VIMEO", "platform=", "videoId=%00", "userId=bob"])
def test_list_refuses_bad_queries(client: FlaskClient, auth: Auth, query: str) -> None:
    answer = client.get(f"/api/posts?{query}", headers=auth())
    assert answer.status_code == 400
    assert list(answer.get_json()["errors"]) == [query.partition("=")[0]]


def test_other_users_find_nothing(app: Flask, client: FlaskClient, auth: Auth) -> None:
    with app.app_context():
        post = make_post(make_account())
    unknown = client.get("/api/posts/01ARZ3NDEKTSV4RRFFQ69G5FAV", headers=auth("bob"))
    answer = client.get(f"/api/posts/{post.id}", headers=auth("bob"))
    assert (answer.status_code, answer.get_json()) == (404, unknown.get_json())
    query = f"?videoId={post.video_id}"
    assert client.get(f"/api/posts{query}", headers=auth("bob")).get_json()["posts"] == []
