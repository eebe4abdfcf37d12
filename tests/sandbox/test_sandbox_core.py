"""The sandbox itself: server, clock, journal, faults, accounts, pages."""

import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from sandbox.core.clock import parse_iso
from sandbox.loopback import loopback_session
from sandbox.server import SandboxServer
from tests.sandbox.conftest import Control

PLATFORMS = ("TIKTOK", "INSTAGRAM", "YOUTUBE")


def test_server_keeps_connections_open(control):
    host, port = control.url.removeprefix("http://").split(":")
    connection = HTTPConnection(host, int(port), timeout=60)
    for _ in range(3):
        connection.request("GET", "/_sandbox/clock")
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read()
        assert connection.sock is not None
    connection.close()


def test_server_listens_on_loopback_only(server):
    assert server._server.server_address[0] == "127.0.0.1"


def test_process_prints_its_address_and_ends_on_sigterm(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--port", "0", "--state-dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        line = process.stdout.readline()
        assert line.startswith("sandbox listening on http://127.0.0.1:")
        url = line.split()[-1]
        with loopback_session() as session:  # kept open: shutdown must not wait for it
            assert session.get(f"{url}/_sandbox/clock", timeout=60).status_code == 200
            listed = subprocess.run(
                [sys.executable, "-m", "sandbox", "posts", "--url", url],
                capture_output=True,
                text=True,
                check=True,
            )
            assert listed.stdout == "0 live\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


@contextmanager
def process_on(folder):
    """Run the sandbox as `make run` does, until the block ends; yield its control API."""
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--state-dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            with loopback_session() as session:
                yield Control(process.stdout.readline().split()[-1], session)
        finally:
            process.kill()  # what it keeps, it has kept at once


def can_refresh(control, account):
    answer = control.session.post(
        f"{control.url}/tiktok/v2/oauth/token/",
        data={
            "client_key": "sandbox-client",
            "client_secret": "sandbox-secret",
            "grant_type": "refresh_token",
            "refresh_token": account["refreshToken"],
        },
        timeout=60,
    )
    return "access_token" in answer.json()


def can_read(control, account):
    token = {"Authorization": f"Bearer {account['accessToken']}"}
    path = "/tiktok/v2/post/publish/creator_info/query/"
    return control.session.post(f"{control.url}{path}", headers=token, timeout=60).ok


def test_process_started_again_knows_its_accounts(tmp_path):
    with process_on(tmp_path) as control:
        names = ("connected", "refreshed", "expired", "revoked")
        accounts = {name: control.account("TIKTOK", username=name) for name in names}
        assert can_refresh(control, accounts["refreshed"])
        control.post(f"/accounts/{accounts['expired']['platformUserId']}/expire-token")
        control.post(f"/accounts/{accounts['revoked']['platformUserId']}/revoke")
        before = control.get("/accounts")
    with process_on(tmp_path) as control:
        assert control.get("/accounts") == before
        assert [can_read(control, accounts[name]) for name in names] == [True, True, False, False]
        # A refresh token that was used up stays used up.
        assert [can_refresh(control, accounts[name]) for name in names] == [
            True,
            False,
            True,
            False,
        ]
        control.post("/reset")
    with process_on(tmp_path) as control:
        assert control.get("/accounts") == {"accounts": []}


def test_process_names_a_file_of_accounts_that_it_cannot_read(tmp_path):
    (tmp_path / "accounts.json").write_text('[{"id": "1"}]')
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--state-dir", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr == f"sandbox: {tmp_path}/accounts.json cannot be read; delete it\n"


def test_temporary_server_removes_its_files():
    with SandboxServer() as server:
        assert server.state_dir.is_dir()
    assert not server.state_dir.exists()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_account_has_the_fields_the_product_asks_for(control, platform):
    account = control.account(platform)
    optional = {"refreshToken", "loginType"}
    assert set(account) - optional == {
        "accessToken",
        "expiresAt",
        "platformUserId",
        "username",
        "scopes",
    }
    assert ("refreshToken" in account) == (platform != "INSTAGRAM")
    assert ("loginType" in account) == (platform == "INSTAGRAM")
    assert account["expiresAt"].endswith("Z")


@pytest.mark.parametrize(
    "body",
    [
        {"platform": "VIMEO"},
        {"platform": "TIKTOK", "surprise": 1},
        {"platform": "TIKTOK", "private": "yes"},
        {"platform": "INSTAGRAM", "login_type": "google"},
        {"platform": "TIKTOK", "scopes": "video.publish"},
        {"platform": "TIKTOK", "token_seconds": True},
    ],
)
def test_account_with_bad_options_is_refused(control, http, body):
    answer = http.post(f"{control.url}/_sandbox/accounts", json=body, timeout=60)
    assert answer.status_code == 400 and answer.json()["error"]


def test_clock_moves_and_can_be_set(control):
    before = parse_iso(control.get("/clock")["now"])
    control.advance(3600)
    after = parse_iso(control.get("/clock")["now"])
    assert 3600 <= (after - before).total_seconds() < 3610
    assert control.post("/clock", now="2027-01-01T00:00:00Z")["now"].startswith("2027-01-01T00:00")


@pytest.mark.parametrize("body", [{}, {"now": 5}, {"advance_seconds": "1"}, {"now": "soon"}])
def test_clock_refuses_nonsense(control, http, body):
    assert http.post(f"{control.url}/_sandbox/clock", json=body, timeout=60).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"surprise": 1},
        {"processing_seconds": "1"},
        {"processing_seconds": -1},
        {"tiktok_audited": 1},
        {"client_id": ""},
    ],
)
def test_settings_refuse_unknown_names_and_types(control, http, body):
    assert http.post(f"{control.url}/_sandbox/settings", json=body, timeout=60).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"platform": "TIKTOK", "kind": "boom"},
        {"platform": "TIKTOK", "call": "tiktok.unheard", "kind": "cut"},
        {"platform": "TIKTOK", "call": "tiktok.init", "kind": "error", "code": "nope"},
        {"platform": "TIKTOK", "call": "tiktok.init", "kind": "error", "code": "invalid_grant"},
        {"platform": "TIKTOK", "kind": "fail_processing", "reason": "nope"},
        {"platform": "TIKTOK", "kind": "cut", "times": 0},
        {"platform": "TIKTOK"},
        {"kind": "cut"},
    ],
)
def test_fault_that_could_never_strike_is_refused(control, http, body):
    assert http.post(f"{control.url}/_sandbox/faults", json=body, timeout=60).status_code == 400


def test_faults_are_listed_and_removed(control, http):
    fault = control.fault("TIKTOK", "tiktok.init", "cut", times=2)
    assert [one["id"] for one in control.get("/faults")["active"]] == [fault["id"]]
    url = f"{control.url}/_sandbox/faults"
    assert http.delete(f"{url}/{fault['id']}", timeout=60).status_code == 200
    assert http.delete(f"{url}/{fault['id']}", timeout=60).status_code == 400
    control.fault("TIKTOK", "tiktok.init", "cut")
    http.delete(url, timeout=60)
    assert control.get("/faults")["active"] == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_error_tables_name_known_calls_and_are_complete(control, platform):
    calls = set(control.get("/calls")[platform])
    errors = control.get("/errors")[platform]
    assert errors["fail_reasons"]
    named = {call for error in errors["errors"] for call in error["calls"]}
    assert named <= calls
    assert calls - named == set()


def test_journal_numbers_entries_and_never_holds_a_token(control, http, server):
    account = control.account("TIKTOK")
    headers = {"Authorization": f"Bearer {account['accessToken']}"}
    for _ in range(3):
        http.get(f"{control.url}/tiktok/v2/user/info/?fields=open_id", headers=headers, timeout=60)
    entries = control.journal("tiktok.user_info")
    assert [entry["status"] for entry in entries] == [200, 200, 200]
    assert entries[0]["account"] == account["platformUserId"]
    later = control.get(f"/journal?after={entries[1]['seq']}")["entries"]
    assert [entry["seq"] for entry in later] == [entries[2]["seq"]]
    written = (Path(server.state_dir) / "journal.jsonl").read_text()
    assert "tiktok.user_info" in written and account["accessToken"] not in written


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/tiktok/v2/nothing/", 404),
        ("GET", "/tiktok/v2/post/publish/video/init/", 405),
        ("POST", "/tiktok/v2/post/publish/video/init", 404),
        ("GET", "/youtube/nothing", 404),
        ("DELETE", "/youtube/youtube/v3/channels", 405),
        ("GET", "/_sandbox/nothing", 404),
        ("GET", "/elsewhere", 404),
    ],
)
def test_unknown_paths_and_methods_are_refused_in_json(control, http, method, path, status):
    answer = http.request(method, control.url + path, timeout=60)
    assert answer.status_code == status
    assert "error" in answer.json()


def test_half_a_request_does_not_disturb_the_next(control):
    host, port = control.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall(b"POST /_sandbox/reset HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
    assert control.get("/clock")["now"]
