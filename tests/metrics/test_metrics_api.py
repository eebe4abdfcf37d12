"""The metrics as an operator and Prometheus read them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from app import create_app
from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.extensions import db
from app.failures import Category, Failure
from app.ids import new_id
from app.limits import gates, ledger
from app.metrics.rollup import roll_up
from app.models import SchedulerTerm, WorkerProcess
from app.platforms import PLATFORMS
from app.publishing import claims, outcomes
from app.queries.depths import read_depths
from app.queries.peaks import account_peaks
from tests.databases import ON_POSTGRES
from tests.factories import make_account, make_job, make_video
from tests.rows_read import statements

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
KEY = {"Authorization": "Bearer test-key"}


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture
def some_jobs(context: None) -> None:
    """Of TikTok: one live, one failed, one at work, one waiting, one delayed."""
    now = utcnow()
    video = make_video(file_size=10_000_000)
    for _ in range(4):  # of four accounts: each uploads one at a time
        make_job(account=make_account(), video=video, now=now)
    make_job(account=make_account(), video=video, now=now, due_at=now + timedelta(hours=1))
    live, failed, _ = (claims.claim_next("TIKTOK", now) for _ in range(3))
    assert live is not None and failed is not None
    outcomes.complete(live, utcnow(), platform_post_id="1", url=None)
    outcomes.fail(failed, Failure("video_missing", Category.VIDEO, "gone"), utcnow())


def show_processes(at: datetime | None = None) -> None:
    """Store the signs of life of a scheduler that leads and of a worker for all platforms."""
    now = at or utcnow()
    db.session.add(
        SchedulerTerm(name="leader", number=1, renewals=1, holder=new_id(), renewed_at=now)
    )
    platforms = ",".join(PLATFORMS)
    db.session.add(
        WorkerProcess(
            id=new_id(),
            host="here",
            platforms=platforms,
            concurrency=5,
            started_at=now,
            seen_at=now,
        )
    )
    db.session.commit()


def samples(client: FlaskClient) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    answer = client.get("/metrics", headers=KEY)
    assert answer.status_code == 200, answer.text
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def labels(**values: str) -> frozenset[tuple[str, str]]:
    return frozenset(values.items())


def test_json_tells_what_ended_and_what_waits(client: FlaskClient, some_jobs: None) -> None:
    show_processes()
    answer = client.get("/api/metrics?window=1h", headers=KEY)
    assert answer.status_code == 200, answer.text
    told: Any = answer.json
    [tiktok] = [one for one in told["platforms"] if one["platform"] == "TIKTOK"]
    assert {name: tiktok[name] for name in ("completed", "failed", "cancelled")} == {
        "completed": 1,
        "failed": 1,
        "cancelled": 0,
    }
    assert (tiktok["waiting"], tiktok["delayed"], tiktok["active"]) == (1, 1, 1)
    assert tiktok["successShare"] == tiktok["firstAttemptShare"] == 0.5
    assert tiktok["retriesPerJob"] == 0
    assert tiktok["errors"] == [{"category": "video", "code": "video_missing", "count": 1}]
    assert tiktok["dueToStartSeconds"]["p50"] is not None
    assert told["total"]["completed"] == 1
    assert sum(point["completed"] for point in told["series"]["points"]) == 1
    assert told["processes"]["schedulerLeads"] is True
    assert told["processes"]["workers"] == {name: 1 for name in PLATFORMS}
    assert {one["queue"] for one in told["processes"]["queues"]} >= {"publish-tiktok"}
    troubles = told["troubles"]
    assert (troubles["pendingNotifications"], troubles["storedNotifications"]) == (0, 2)


@pytest.mark.parametrize(
    ("url", "state", "other"),
    [("", "stored", "pending"), ("https://example.com/hook", "pending", "stored")],
)
def test_notifications_that_nobody_is_to_receive_are_not_pending(
    app: Flask, client: FlaskClient, some_jobs: None, url: str, state: str, other: str
) -> None:
    """They must not raise the alert about a receiver that does not answer."""
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], webhook_url=url)
    found = samples(client)["publishing_notifications"]
    assert (found[labels(state=state)], found[labels(state=other)]) == (2, 0)


def test_prometheus_reads_it(client: FlaskClient, some_jobs: None) -> None:
    assert sum(samples(client)["publishing_jobs_ended_total"].values()) == 0  # a minute behind
    roll_up(utcnow() + timedelta(minutes=2))
    found = samples(client)
    ended = found["publishing_jobs_ended_total"]
    assert ended[labels(platform="TIKTOK", outcome="completed")] == 1
    assert ended[labels(platform="TIKTOK", outcome="failed")] == 1
    errors = found["publishing_errors_total"]
    assert errors.pop(labels(platform="TIKTOK", category="video")) == 1
    assert set(errors.values()) == {0}
    assert found["publishing_lateness_seconds_count"][labels(platform="TIKTOK")] == 2
    assert found["publishing_lateness_seconds_bucket"][labels(platform="TIKTOK", le="+Inf")] == 2
    assert found["publishing_jobs"][labels(platform="TIKTOK", state="delayed")] == 1
    assert found["publishing_scheduler_leads"][labels()] == 0
    assert found["publishing_redis_up"][labels()] == 1
    youtube = labels(platform="YOUTUBE", counts="posts", scope="application", window="pacific_day")
    assert found["publishing_limit_max"][youtube] == 100


def test_counters_exist_before_anything_has_happened(client: FlaskClient, context: None) -> None:
    """Prometheus sees no increase in a series that appears with its first error."""
    found = samples(client)["publishing_errors_total"]
    assert found == {
        labels(platform=platform, category=category.value): 0
        for platform in PLATFORMS
        for category in Category
    }


def test_accounts_near_a_limit_of_their_own_are_reported(
    client: FlaskClient, context: None
) -> None:
    now = utcnow()
    uses = [(account, hours) for account in "ab" for hours in range(1, 15)]
    uses += [("c", 1), ("d", 25)]  # one has used little, one long ago
    instagram = [("i", 2) for _ in range(9)] + [("j", 2) for _ in range(20)]
    with transaction() as session:
        for platform, given in (("TIKTOK", uses), ("INSTAGRAM", instagram)):
            for account, hours in given:
                at = now - timedelta(hours=hours)
                ledger.record(session, platform, account, {"posts": 1}, at)
        # Instagram has said that this one may have ten.
        gates.learn_posts_max(session, "i", 10)
    found = samples(client)
    day = labels(platform="TIKTOK", counts="posts", window="86400s")
    assert found["publishing_account_limit_used"][day] == 14
    assert found["publishing_account_limit_share"][day] == pytest.approx(14 / 15)
    assert found["publishing_accounts_near_limit"][day] == 2
    minute = labels(platform="TIKTOK", counts="posts", window="60s")
    assert found["publishing_accounts_near_limit"][minute] == 0
    of_instagram = labels(platform="INSTAGRAM", counts="posts", window="86400s")
    assert found["publishing_account_limit_used"][of_instagram] == 20
    assert found["publishing_account_limit_share"][of_instagram] == pytest.approx(0.9)
    assert found["publishing_accounts_near_limit"][of_instagram] == 1
    told: Any = client.get("/api/metrics", headers=KEY).json
    [tiktok] = [one for one in told["platforms"] if one["platform"] == "TIKTOK"]
    [peak] = [
        one
        for one in tiktok["accountPeaks"]
        if (one["counts"], one["windowSeconds"]) == ("posts", 86400)
    ]
    assert peak.pop("share") == pytest.approx(14 / 15)
    expected = {"counts": "posts", "windowSeconds": 86400, "mostUsed": 14, "accountsNear": 2}
    assert peak == expected


def test_limits_of_accounts_that_were_set_are_those_that_count(app: Flask, context: None) -> None:
    set_to = {"LIMIT_INSTAGRAM_POSTS_PER_DAY": 50, "LIMIT_TIKTOK_POSTS_PER_DAY": 0}
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], limits=set_to)
    now = utcnow()
    with transaction() as session:
        for account, told in (("i", 100), ("j", 10)):
            ledger.record(session, "INSTAGRAM", account, {"posts": 9}, now)
            gates.learn_posts_max(session, account, told)
        ledger.record(session, "TIKTOK", "a", {"posts": 1}, now)
    for platform, share in (("INSTAGRAM", 0.9), ("TIKTOK", 1)):
        peaks = account_peaks(platform, now)
        [peak] = [peaks[limit] for limit in peaks if limit.is_reported_by_platform]
        assert (peak.share, peak.accounts_near) == (pytest.approx(share), 1)


@ON_POSTGRES
def test_peaks_are_read_from_the_index_alone(context: None) -> None:
    """Beside a day of 50,000 posts: those of one platform, and no row of the table."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(
            "INSERT INTO limit_uses (platform, account_id, counts, amount, used_at)"
            " SELECT (ARRAY['TIKTOK', 'INSTAGRAM'])[1 + i %% 2], 'account-' || i %% 5000,"
            " 'posts', 1,"
            " now() - (i %% 40) * interval '1 hour' FROM generate_series(1, 50000) i"
        )
        connection.exec_driver_sql("VACUUM ANALYZE limit_uses")
    with statements() as said:
        peaks = account_peaks("TIKTOK", utcnow())
    [daily] = [peaks[limit] for limit in peaks if limit.is_reported_by_platform]
    assert daily.most_used > 0
    with db.engine.connect() as connection:
        for statement, given in said:
            plan = connection.exec_driver_sql(f"EXPLAIN {statement}", given).scalars()
            assert "Index Only Scan using ix_limit_uses_platform" in "\n".join(plan)
    assert len(said) == len(peaks)


def test_as_many_as_there_are_is_counted_to_a_bound(context: None) -> None:
    now = utcnow()
    account, video = make_account(), make_video()
    for number in range(5):
        due_at = now + timedelta(minutes=number) if number < 4 else now - timedelta(minutes=1)
        make_job(account=account, video=video, due_at=due_at + timedelta(seconds=1))
    assert claims.claim_next("TIKTOK", now) is not None
    for most, delayed in ((2, 2), (10, 4)):
        depth = next(one for one in read_depths(now, most) if one.platform == "TIKTOK")
        assert (depth.waiting, depth.delayed, depth.active) == (0, delayed, 1)


def test_nothing_of_any_user_is_told(client: FlaskClient, some_jobs: None) -> None:
    for path in ("/metrics", "/api/metrics"):
        assert "alice" not in client.get(path, headers=KEY).text


@pytest.mark.parametrize("path", ["/metrics", "/api/metrics"])
def test_only_a_service_key_opens_it(
    client: FlaskClient, config: Config, auth: Callable[..., dict[str, str]], path: str
) -> None:
    claims_ = {"sub": "alice", "exp": utcnow() + timedelta(minutes=5)}
    token = jwt.encode(claims_, config.jwt_secret, algorithm="HS256")
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        assert client.get(path, headers=headers).status_code == 401
    refused = client.get(path, headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 403
    assert refused.content_type == "application/problem+json"
    assert client.get(path, headers=auth("alice")).status_code == 200


def test_unknown_window_is_refused_by_name(client: FlaskClient) -> None:
    answer = client.get("/api/metrics?window=1y", headers=KEY)
    assert answer.status_code == 400
    assert answer.json is not None and list(answer.json["errors"]) == ["window"]


def test_without_redis_the_rest_is_told(config: Config, some_jobs: None) -> None:
    app = create_app(replace(config, redis_url="redis://127.0.0.1:9"))
    client = app.test_client()
    assert samples(client)["publishing_redis_up"] == {labels(): 0}
    answer = client.get("/api/metrics", headers=KEY)
    assert answer.status_code == 200
    assert answer.json is not None and answer.json["processes"]["queues"] is None
    with app.app_context():
        db.engine.dispose()
    app.extensions["redis"].close()


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\bpublishing_\w+", text))


@pytest.mark.parametrize("name", ["grafana-dashboard.json", "prometheus-alerts.yml"])
def test_dashboard_and_alerts_ask_for_what_there_is(
    client: FlaskClient, some_jobs: None, name: str
) -> None:
    roll_up(utcnow() + timedelta(minutes=2))
    told = set(samples(client))
    asked = names_in((DEPLOY / name).read_text())
    assert asked and asked - told == set()


def test_dashboard_shows_all_that_an_alert_looks_at() -> None:
    shown = names_in((DEPLOY / "grafana-dashboard.json").read_text())
    assert names_in((DEPLOY / "prometheus-alerts.yml").read_text()) - shown == set()


def test_every_panel_and_rule_is_whole() -> None:
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert all(target["expr"] for panel in panels for target in panel["targets"])
    [group] = yaml.safe_load((DEPLOY / "prometheus-alerts.yml").read_text())["groups"]
    for rule in group["rules"]:
        assert rule["expr"] and rule["labels"]["severity"], rule
        assert rule["annotations"]["summary"] and rule["annotations"]["description"], rule
