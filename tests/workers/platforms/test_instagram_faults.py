"""The Instagram handler with lost or malformed responses: reads first, at most one post."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from sandbox.instagram.state import InstagramState
from sandbox.server import SandboxServer
from tests.workers.platforms.instagram_job import (
    CONTAINER,
    LIST,
    MEDIA,
    PUBLISH,
    QUOTA,
    READS,
    STATUS,
    UPLOAD,
    calls_since,
    checkpoint,
    large,
    make_job,
    until_ready,
)
from tests.workers.platforms.support import Job, Sandbox
from workers.errors import (
    AccountRefused,
    Ambiguous,
    OutcomeUnknown,
    PublishError,
    RateLimited,
    RequestRefused,
    Transient,
    UploadGone,
    VideoRefused,
)
from workers.platforms.results import Incomplete, Processing, Published, Ready

DAY_SECONDS = 86_400
CALLS = (QUOTA, CONTAINER, UPLOAD, STATUS, PUBLISH, MEDIA)
NONSENSE: tuple[object, ...] = (
    [],
    {},
    {"id": None},
    {"id": []},
    {"id": {"id": 1}},
    {"id": "../../oauth"},
    {"error": None},
    {"error": "no"},
    {"error": {"code": [], "error_subcode": {}, "message": 7}},
    {"data": {"quota_usage": 1}},
    {"data": [{"quota_usage": "x", "config": []}]},
    {"success": "true"},
    {"debug_info": []},
    {"debug_info": {"retriable": "maybe", "type": 1, "message": None}},
    {"status_code": 4, "video_status": []},
    {"id": "1", "uri": "https://[broken"},
    "[" * 100_000,
    "1" * 5_000,
    "null",
    "\ufeff{}",
    {"id": "1", "uri": "https://elsewhere.example/ig-api-upload/v26.0/1"},
)


def publish_with_fault(job: Job, kind: str, **fields: object) -> PublishError:
    """Run a job up to its publish with a fault there; return what that raises."""
    until_ready(job)
    job.sandbox.fault("INSTAGRAM", PUBLISH, kind, **fields)
    with pytest.raises(PublishError) as caught:
        job.run()
    return caught.value


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("lost_answer", {}),
        ("cut", {}),
        ("garbage", {"after_work": True}),
        ("garbage", {"status": 502}),
        ("empty", {"after_work": True}),
        ("error", {"status": 500, "body": "Internal Server Error"}),
        ("error", {"status": 503, "after_work": True}),
    ],
)
def test_any_fault_at_any_call_ends_in_one_post(
    control: Sandbox, video: bytes, call: str, kind: str, fields: dict[str, object]
) -> None:
    control.fault("INSTAGRAM", call, kind, **fields)
    job = make_job(control, video)
    published = job.carry_through()
    [post] = control.posts()
    assert post["sha256"] == sha256(video).hexdigest()
    assert published.post_id == post["id"]
    assert job.source.open_streams == 0


@pytest.mark.parametrize("kind", ["lost_answer", "garbage", "empty"])
def test_after_a_lost_publish_nothing_but_reads_follows(
    control: Sandbox, video: bytes, kind: str
) -> None:
    job = make_job(control, video)
    fields = {} if kind == "lost_answer" else {"after_work": True}
    error = publish_with_fault(job, kind, **fields)
    assert isinstance(error, OutcomeUnknown)
    before = len(control.calls())
    published = job.run()
    [post] = control.posts()
    assert published == Published(post["id"], post["url"])
    assert set(calls_since(control, before)) <= READS


@pytest.mark.parametrize("call", [UPLOAD, STATUS])
def test_after_a_lost_answer_before_publishing_a_read_comes_first(
    control: Sandbox, video: bytes, call: str
) -> None:
    job = make_job(control, video)
    control.fault("INSTAGRAM", call, "lost_answer")
    with pytest.raises(Transient):
        job.run()
        job.run()
    before = len(control.calls())
    job.run()
    assert calls_since(control, before)[0] == STATUS
    job.carry_through()
    assert len(control.calls(UPLOAD)) == len(control.calls(CONTAINER)) == 1


def test_a_publish_that_never_arrived_is_repeated_only_once_it_has_settled(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video)
    assert isinstance(publish_with_fault(job, "cut"), OutcomeUnknown)
    found = job.run()
    assert isinstance(found, Processing) and 50 < found.next_poll_seconds <= 60
    control.advance(found.next_poll_seconds - 5)
    assert isinstance(job.run(), Processing)
    control.advance(6)
    published = job.run()
    assert isinstance(published, Published)
    publishes = control.calls(PUBLISH)
    assert len({call["details"].get("container") for call in publishes[1:]}) == 1
    assert len(publishes) == 2 and len(control.posts()) == 1


def test_a_worker_lost_in_the_middle_of_a_publish_waits_for_its_answer_too(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video)
    publish_with_fault(job, "cut")
    # The row as it was when the request went out.
    committed = [fields for kind, fields in job.journal.saved if kind == "commit"][-1]
    found = job.handler.poll(job.context, type(checkpoint(job)).load(committed))
    assert isinstance(found, Processing) and 150 < found.next_poll_seconds <= 180


def test_further_publishes_wait_longer(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    publish_with_fault(job, "cut", times=3)
    waits = []
    found = job.run()
    while isinstance(found, Processing):
        waits.append(round(found.next_poll_seconds, -1))
        control.advance(found.next_poll_seconds)
        try:
            found = job.run()
        except OutcomeUnknown:
            found = job.run()
    assert waits == [60, 120, 240] and len(control.posts()) == 1


def test_a_refusal_is_believed_only_after_a_read(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    until_ready(job)
    control.fault("INSTAGRAM", PUBLISH, "error", code="4/2207051", after_work=True)
    before = len(control.calls())
    published = job.run()
    [post] = control.posts()
    assert published == Published(post["id"], post["url"])
    assert calls_since(control, before) == [STATUS, PUBLISH, STATUS, LIST]


def refused(job: Job, code: str) -> PublishError:
    """Have a publish refused, wait until that is confirmed, and return what is raised then."""
    until_ready(job)
    job.sandbox.fault("INSTAGRAM", PUBLISH, "error", code=code)
    found = job.run()
    assert isinstance(found, Processing) and 30 <= found.next_poll_seconds <= 60
    job.sandbox.advance(found.next_poll_seconds + 1)
    with pytest.raises(PublishError) as caught:
        job.run()
    return caught.value


def test_a_confirmed_refusal_is_raised_and_a_retry_uses_the_same_container(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video)
    error = refused(job, "4/2207051")
    assert isinstance(error, AccountRefused) and error.code == "4/2207051" and error.hint
    assert control.call_names()[-4:] == [PUBLISH, STATUS, STATUS, LIST]
    job.carry_through()
    assert len(control.posts()) == len(control.calls(CONTAINER)) == 1


def run_to_error(job: Job, hours: float = 12) -> PublishError:
    """Run a job until it raises anything but `OutcomeUnknown`, and return that."""
    until = job.sandbox.now() + timedelta(hours=hours)
    while job.sandbox.now() < until:
        try:
            found = job.run()
        except OutcomeUnknown:
            continue  # the next run polls
        except PublishError as error:
            return error
        assert isinstance(found, Processing)
        job.sandbox.advance(found.next_poll_seconds + 1)
    raise AssertionError(f"no error after {hours} hours")


@pytest.mark.parametrize(
    ("code", "publishes"),
    [("24/2207006", 2), ("24/2207008", 3), ("1", 4), ("-1/2207001", 4), ("2", 4), ("100/33", 5)],
)
def test_a_publish_that_is_answered_with_an_error_again_and_again_is_given_up(
    control: Sandbox, video: bytes, code: str, publishes: int
) -> None:
    job = make_job(control, video)
    until_ready(job)
    control.fault("INSTAGRAM", PUBLISH, "error", code=code, times=publishes)
    error = run_to_error(job)
    assert (type(error), error.code, error.is_unpublished) == (Transient, code, True)
    assert control.call_names()[-2:] == [STATUS, LIST]
    assert not checkpoint(job).may_be_live
    assert len(control.calls(PUBLISH)) == publishes
    job.carry_through()  # the next attempt
    assert len(control.posts()) == len(control.calls(CONTAINER)) == 1


def test_each_further_attempt_publishes_once(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    until_ready(job)
    control.fault("INSTAGRAM", PUBLISH, "error", code="2", times=6)
    for publishes in (4, 5, 6):
        assert type(run_to_error(job)) is Transient
        assert len(control.calls(PUBLISH)) == publishes


def test_errors_after_a_lost_publish_may_be_its_effect(control: Sandbox, video: bytes) -> None:
    """So they never count as proof: a person has to look, once the container has expired."""
    job = make_job(control, video)
    publish_with_fault(job, "cut")
    control.fault("INSTAGRAM", PUBLISH, "error", code="24/2207008", times=100)
    assert isinstance(run_to_error(job, hours=25), Ambiguous)


def test_a_publish_that_failed_and_shows_in_the_list_is_live(
    control: Sandbox, video: bytes, sandbox: SandboxServer
) -> None:
    """Though its container is FINISHED for hours."""
    control.settings(instagram_status_lag_seconds=40_000.0)
    job = make_job(control, video)
    until_ready(job)
    control.fault("INSTAGRAM", PUBLISH, "error", code="2", after_work=True)
    published = job.carry_through(runs=30)
    [post] = control.posts()
    assert published.post_id == post["id"]


@pytest.mark.parametrize(("code", "is_proof"), [("352/2207026", True), ("4/2207051", False)])
def test_a_refusal_proves_that_nothing_is_live_unless_it_is_known_to_lie(
    control: Sandbox, video: bytes, code: str, is_proof: bool
) -> None:
    assert refused(make_job(control, video), code).is_unpublished is is_proof


def test_a_refusal_after_a_lost_publish_does_not(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    publish_with_fault(job, "cut")
    control.fault("INSTAGRAM", PUBLISH, "error", code="352/2207026")
    error = run_to_error(job)
    assert isinstance(error, VideoRefused) and not error.is_unpublished


def test_a_refusal_that_has_come_with_live_posts_is_looked_up_in_the_list(
    control: Sandbox, video: bytes
) -> None:
    control.settings(instagram_status_lag_seconds=90_000.0)
    job = make_job(control, video)
    until_ready(job)
    control.fault("INSTAGRAM", PUBLISH, "error", code="4/2207051", after_work=True)
    published = job.carry_through()
    [post] = control.posts()
    assert published.post_id == post["id"]


def test_several_posts_that_match_prove_nothing(control: Sandbox, video: bytes) -> None:
    """Two jobs with the same caption: which post is whose, only a person can tell."""
    control.settings(instagram_status_lag_seconds=90_000.0)
    account = control.account("INSTAGRAM")
    jobs = [make_job(control, video, account=account) for _ in range(2)]
    for job in jobs:
        until_ready(job)
    control.fault("INSTAGRAM", PUBLISH, "error", code="2", after_work=True, times=2)
    for job in jobs:
        with pytest.raises(OutcomeUnknown):
            job.run()
    control.fault("INSTAGRAM", PUBLISH, "error", code="2", times=20)
    assert isinstance(run_to_error(jobs[0]), Ambiguous)
    assert len(control.posts()) == 2


def test_a_token_refused_at_publishing_is_not_remembered(control: Sandbox, video: bytes) -> None:
    """By the next run there may be another, which must not suffer for it."""
    job = make_job(control, video)
    error = publish_with_fault(job, "error", code="190/460")
    assert isinstance(error, AccountRefused) and error.reconnect
    assert checkpoint(job).refusal is None
    job.carry_through()
    assert len(control.posts()) == 1


def test_a_refusal_that_is_not_true_is_found_out_though_the_first_read_is_too_early(
    control: Sandbox, video: bytes
) -> None:
    control.settings(instagram_status_lag_seconds=10.0)
    job = make_job(control, video)
    until_ready(job)
    control.fault("INSTAGRAM", PUBLISH, "error", code="4/2207051", after_work=True)
    found = job.run()
    assert isinstance(found, Processing)
    control.advance(found.next_poll_seconds + 1)
    assert isinstance(job.run(), Published)
    assert len(control.posts()) == len(control.calls(PUBLISH)) == 1


def test_a_post_refused_as_duplicate_is_searched_for_in_the_list(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video)
    until_ready(job)
    control.fault("INSTAGRAM", PUBLISH, "error", code="506")
    found = job.run()
    assert isinstance(found, Processing)
    assert control.call_names()[-2:] == [STATUS, LIST]
    control.advance(found.next_poll_seconds + 1)
    with pytest.raises(RequestRefused) as caught:
        job.run()
    assert control.call_names()[-2:] == [STATUS, LIST]
    assert not caught.value.is_unpublished  # for something of the kind is live


def test_a_duplicate_that_the_list_shows_only_later_is_live(control: Sandbox, video: bytes) -> None:
    control.settings(instagram_status_lag_seconds=3000.0)
    job = make_job(control, video)
    publish_with_fault(job, "lost_answer")
    control.fault("INSTAGRAM", PUBLISH, "error", code="506")
    control.fault("INSTAGRAM", LIST, "error", status=200, body={"data": []})
    published = job.carry_through()
    [post] = control.posts()
    assert published.post_id == post["id"] and len(control.calls(LIST)) == 2


def test_a_daily_limit_at_publishing_waits_and_reuses_the_container(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video)
    error = publish_with_fault(job, "error", code="9/2207042")
    assert isinstance(error, RateLimited) and not error.application_wide
    assert error.retry_at > control.now()
    job.carry_through()
    assert len(control.calls(CONTAINER)) == 1 and len(control.posts()) == 1


def test_a_daily_limit_that_outlives_the_container_opens_another(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video)
    publish_with_fault(job, "error", code="9/2207042")
    control.advance(DAY_SECONDS + 60)
    with pytest.raises(UploadGone) as caught:
        job.run()
    assert caught.value.upload_is_dead
    assert control.call_names()[-2:] == [STATUS, LIST]


def test_a_lost_publish_is_ambiguous_once_its_container_is_a_day_old(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video)
    publish_with_fault(job, "cut")
    control.advance(DAY_SECONDS + 60)
    for _ in range(2):
        with pytest.raises(Ambiguous):
            job.run()
    assert len(control.calls(PUBLISH)) == 1


def test_a_lost_publish_is_found_a_day_later(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    publish_with_fault(job, "lost_answer")
    control.advance(DAY_SECONDS + 60)
    assert isinstance(job.run(), Published)
    assert len(control.posts()) == 1


def test_a_container_gone_after_a_lost_publish_is_searched_for_in_the_list(
    control: Sandbox, video: bytes, sandbox: SandboxServer
) -> None:
    for kind in ("lost_answer", "cut"):
        job = make_job(control, video)
        publish_with_fault(job, kind)
        sandbox.world.part(InstagramState).containers.clear()
        with pytest.raises(Transient):
            job.run()
        control.advance(DAY_SECONDS + 60)
        if kind == "cut":
            with pytest.raises(Ambiguous):
                job.run()
        else:
            assert isinstance(job.run(), Published)


def break_container(sandbox: SandboxServer) -> None:
    """Put the only container into ERROR, whatever became of its publish."""
    [container] = sandbox.world.part(InstagramState).containers.values()
    assert container.processing is not None
    container.post = None
    container.processing = replace(container.processing, failure="2207001")


def test_a_container_broken_after_a_lost_publish_is_replaced_when_no_post_shows(
    control: Sandbox, video: bytes, sandbox: SandboxServer
) -> None:
    job = make_job(control, video)
    publish_with_fault(job, "cut")
    break_container(sandbox)
    before = len(control.calls())
    with pytest.raises(UploadGone) as caught:
        job.run()
    assert caught.value.upload_is_dead
    assert calls_since(control, before) == [STATUS, LIST]
    job.journal.upload = None
    job.carry_through()
    assert len(control.posts()) == 1


def test_a_container_broken_after_a_lost_publish_is_live_when_its_post_shows(
    control: Sandbox, video: bytes, sandbox: SandboxServer
) -> None:
    job = make_job(control, video)
    publish_with_fault(job, "lost_answer")
    break_container(sandbox)
    [post] = control.posts()
    assert job.run() == Published(post["id"], post["url"])
    assert len(control.calls(CONTAINER)) == 1


def test_a_refused_read_after_publishing_proves_nothing(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    publish_with_fault(job, "lost_answer")
    for fault in ({"code": "100"}, {"code": "368"}, {"status": 403, "body": "<html>"}):
        control.fault("INSTAGRAM", STATUS, "error", **fault)
        with pytest.raises(Transient):
            job.run()
    control.fault("INSTAGRAM", STATUS, "error", code="190/460")
    with pytest.raises(AccountRefused):
        job.run()
    assert isinstance(job.run(), Published)
    assert len(control.posts()) == 1


@pytest.mark.parametrize("call", [STATUS, LIST])
def test_a_refused_read_after_a_refused_publish_proves_nothing(
    control: Sandbox, video: bytes, call: str
) -> None:
    control.settings(instagram_status_lag_seconds=10.0)
    job = make_job(control, video)
    until_ready(job)
    control.fault("INSTAGRAM", PUBLISH, "error", code="506", after_work=True)
    control.fault("INSTAGRAM", call, "error", code="368", skip=int(call == STATUS))
    with pytest.raises(Transient):
        job.run()
    assert isinstance(job.carry_through(), Published)
    assert len(control.posts()) == 1


@pytest.mark.parametrize("code", ["100/33", "10"])
def test_a_container_that_is_not_shown_after_a_publish_is_waited_for_a_day(
    control: Sandbox, video: bytes, code: str
) -> None:
    job = make_job(control, video)
    publish_with_fault(job, "lost_answer")
    control.fault("INSTAGRAM", STATUS, "error", code=code, times=3)
    for _ in range(2):
        with pytest.raises(Transient):
            job.run()
    control.advance(DAY_SECONDS + 60)
    assert isinstance(job.run(), Published)  # by the list of posts


def test_several_like_posts_leave_the_id_unknown(control: Sandbox, video: bytes) -> None:
    account = control.account("INSTAGRAM")
    other = make_job(control, video, account=account)
    publish_with_fault(other, "lost_answer")
    job = make_job(control, video, account=account)
    publish_with_fault(job, "lost_answer")
    assert job.run() == Published(None, None, follow_up=True)


def test_a_post_that_another_job_owns_is_never_taken(control: Sandbox, video: bytes) -> None:
    account = control.account("INSTAGRAM")
    earlier = make_job(control, video, account=account).carry_through()
    job = make_job(control, video, account=account, known=frozenset({str(earlier.post_id)}))
    publish_with_fault(job, "lost_answer")
    found = job.run()
    assert isinstance(found, Published) and found.post_id not in (None, earlier.post_id)


def test_older_posts_and_other_captions_do_not_match(control: Sandbox, video: bytes) -> None:
    account = control.account("INSTAGRAM")
    make_job(control, video, account=account).carry_through()
    control.advance(600)
    job = make_job(control, video, account=account)
    publish_with_fault(job, "lost_answer")
    make_job(control, video, account=account, text="Something else").carry_through()
    found = job.run()
    ours = control.posts()[1]
    assert found == Published(ours["id"], ours["url"])


def test_a_post_without_a_caption_is_found(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video, text="")
    publish_with_fault(job, "lost_answer")
    assert job.run() == Published(control.posts()[0]["id"], control.posts()[0]["url"])


def test_a_caption_trimmed_by_the_platform_still_matches(
    control: Sandbox, video: bytes, sandbox: SandboxServer
) -> None:
    job = make_job(control, video, text="Cafe\u0301  au lait\r\n\n#fun \n")
    publish_with_fault(job, "lost_answer")
    [container] = sandbox.world.part(InstagramState).containers.values()
    assert container.post is not None
    container.post.caption = "Caf\u00e9 au lait\n\n#fun"
    assert job.run() == Published(control.posts()[0]["id"], control.posts()[0]["url"])


def test_the_post_is_found_behind_many_others(control: Sandbox, video: bytes) -> None:
    account = control.account("INSTAGRAM")
    job = make_job(control, video, account=account)
    control.settings(instagram_posts_per_day=1000, processing_seconds=0)
    publish_with_fault(job, "lost_answer")
    for _ in range(101):
        make_job(control, video, account=account, text="Another").carry_through()
    found = job.run()
    assert found == Published(control.posts()[0]["id"], control.posts()[0]["url"])
    assert len(control.calls(LIST)) == 2


def test_an_expired_container_that_never_reached_publishing_is_replaced(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video)
    until_ready(job)
    control.advance(DAY_SECONDS)
    with pytest.raises(UploadGone) as caught:
        job.run()
    assert caught.value.upload_is_dead and control.calls(LIST) == []


def test_endless_processing_is_abandoned_after_half_an_hour(control: Sandbox, video: bytes) -> None:
    control.fault("INSTAGRAM", None, "stuck_processing")
    job = make_job(control, video)
    job.run()
    control.advance(29 * 60)
    assert isinstance(job.run(), Processing)
    control.advance(2 * 60)
    with pytest.raises(UploadGone) as caught:
        job.run()
    assert caught.value.code == "processing_timeout"


@pytest.mark.parametrize("code", ["100/33", "10"])
def test_a_container_not_yet_visible_is_polled_again(
    control: Sandbox, video: bytes, code: str
) -> None:
    control.fault("INSTAGRAM", STATUS, "error", code=code, times=5)
    job = make_job(control, video)
    job.carry_through()
    assert job.errors == [] and len(control.calls(CONTAINER)) == 1


def test_a_container_that_stays_unknown_is_replaced(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    job.run()
    control.advance(180)
    control.fault("INSTAGRAM", STATUS, "error", code="100/33")
    with pytest.raises(UploadGone):
        job.run()


@pytest.mark.parametrize(
    ("reason", "error", "code"),
    [
        ("2207001", UploadGone, "-1/2207001"),
        ("2207003", UploadGone, "-2/2207003"),
        ("2207020", UploadGone, "-2/2207020"),
        ("2207026", VideoRefused, "352/2207026"),
        ("2207032", UploadGone, "-1/2207032"),
        ("2207052", UploadGone, "9004/2207052"),
        ("2207053", UploadGone, "-1/2207053"),
        ("2207057", RequestRefused, "1/2207057"),
        ("2207076", UploadGone, "2207076"),
        ("2207077", UploadGone, "2207077"),
        ("2207082", UploadGone, "2207082"),
        ("2207085", VideoRefused, "2207085"),
    ],
)
def test_a_video_that_fails_in_processing_is_the_end_of_its_container(
    control: Sandbox, video: bytes, reason: str, error: type[PublishError], code: str
) -> None:
    control.fault("INSTAGRAM", None, "fail_processing", reason=reason)
    job = make_job(control, video)
    until_ready(job)
    with pytest.raises(error) as caught:
        job.run()
    assert caught.value.code == code and caught.value.upload_is_dead


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (
            "Error: Media download has failed. The URI doesn't meet our rules: 2207052",
            "9004/2207052",
        ),
        ("Error", "container_error"),
        ("Error: something new, 2207999", "container_error"),
        ("Media upload has failed with error code 2207053", "-1/2207053"),
    ],
)
def test_a_failure_that_is_told_in_words_alone_is_one(
    control: Sandbox, video: bytes, status: str, code: str
) -> None:
    job = make_job(control, video)
    until_ready(job)
    control.fault("INSTAGRAM", STATUS, "error", status=200, body={"id": "1", "status": status})
    with pytest.raises(UploadGone) as caught:
        job.run()
    assert caught.value.code == code and caught.value.upload_is_dead


@pytest.mark.parametrize(
    "status", ["Errors may occur", "In Progress: 12207052 bytes", "", "2207999"]
)
def test_words_that_tell_no_failure_are_read_again(
    control: Sandbox, video: bytes, status: str
) -> None:
    job = make_job(control, video)
    until_ready(job)
    control.fault("INSTAGRAM", STATUS, "error", status=200, body={"id": "1", "status": status})
    with pytest.raises(Transient):
        job.run()


def test_words_alone_do_not_prove_a_published_container_dead(
    control: Sandbox, video: bytes
) -> None:
    job = make_job(control, video)
    publish_with_fault(job, "cut")
    body = {"id": "1", "status": "Error: 2207053"}
    control.fault("INSTAGRAM", STATUS, "error", status=200, body=body)
    with pytest.raises(Transient):
        job.run()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("rupload_retriable", Transient),
        ("rupload_not_retriable", UploadGone),
        ("rupload_file_not_found", UploadGone),
        ("rupload_bad_token", AccountRefused),
        ("rupload_throttled", RateLimited),
    ],
)
def test_upload_host_errors_are_translated(
    control: Sandbox, video: bytes, code: str, error: type[PublishError]
) -> None:
    control.fault("INSTAGRAM", UPLOAD, "error", code=code)
    job = make_job(control, video)
    with pytest.raises(error):
        job.run()
    assert job.source.open_streams == 0


@pytest.mark.parametrize("status", [200, 400, 412, 500, 503])
def test_an_upload_that_is_not_retriable_opens_another_whatever_the_status(
    control: Sandbox, video: bytes, status: int
) -> None:
    debug = {"retriable": False, "type": "ProcessingFailedError", "message": "FILE_NOT_FOUND"}
    control.fault("INSTAGRAM", UPLOAD, "error", status=status, body={"debug_info": debug})
    job = make_job(control, video)
    with pytest.raises(UploadGone) as caught:
        job.run()
    assert caught.value.upload_is_dead


def test_a_failure_with_status_200_is_a_failure(control: Sandbox, video: bytes) -> None:
    body = {"debug_info": {"retriable": True, "type": "ProcessingFailedError", "message": "no"}}
    control.fault("INSTAGRAM", UPLOAD, "error", status=200, body=body)
    job = make_job(control, video)
    with pytest.raises(Transient):
        job.run()
    assert job.handler.poll(job.context, checkpoint(job)) == Incomplete(0)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("number", range(len(NONSENSE)))
def test_malformed_responses_never_crash_the_handler(
    control: Sandbox, video: bytes, call: str, number: int
) -> None:
    # Every body meets every call and every status, but not every combination of the two.
    status = (200, 400, 500)[(number + CALLS.index(call)) % 3]
    control.fault("INSTAGRAM", call, "error", status=status, body=NONSENSE[number])
    job = make_job(control, video)
    for _ in range(4):
        try:
            job.run()
        except PublishError:
            pass
        control.advance(200)
    job.journal.upload = job.journal.upload if control.posts() else None
    job.carry_through()
    assert len(control.posts()) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"quota_usage": 3, "config": {"quota_total": 0}},
        {"quota_usage": 3, "config": {}},
        {"quota_usage": 3},
        {},
    ],
)
def test_a_quota_that_is_not_stated_holds_nothing_up(
    control: Sandbox, video: bytes, fields: dict[str, object]
) -> None:
    """No account may make 0 posts a day; the platform itself checks the quota at the end."""
    control.fault("INSTAGRAM", QUOTA, "error", status=200, body={"data": [fields]})
    assert isinstance(make_job(control, video).run(), Processing)


def test_the_upload_resumes_after_a_second_cut(control: Sandbox, video: bytes) -> None:
    data = large(video)
    control.fault("INSTAGRAM", UPLOAD, "cut", after_bytes=2_000_000, times=3)
    job = make_job(control, data)
    job.carry_through()
    assert [first for first, _ in job.source.ranges] == [0, 2_000_000, 4_000_000, 6_000_000]
    [post] = control.posts()
    assert post["sha256"] == sha256(data).hexdigest()


def test_a_ready_container_stays_ready(control: Sandbox, video: bytes) -> None:
    job = make_job(control, video)
    until_ready(job)
    assert job.handler.poll(job.context, checkpoint(job)) == Ready()
    assert job.handler.send(job.context, checkpoint(job)) == checkpoint(job)
    assert len(control.calls(UPLOAD)) == 1
