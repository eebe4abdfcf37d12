"""A bucket behind a proxy that cuts off, misstates lengths or ignores conditions."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from app.storage import Storage, StorageSettings, StoredObject, open_storage
from app.storage.errors import ObjectChanged, StoreUnavailable

BODY = bytes(range(256)) * 2048


class Proxy(ThreadingHTTPServer):
    """Forwards requests to `upstream` and corrupts the responses to GET as `fault` says."""

    daemon_threads = True

    def __init__(self, upstream: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), Spoiler)
        self.upstream = upstream
        self.fault = ""
        self.gets = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore connections that a client dropped."""


class Spoiler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_GET(self) -> None:
        self.server.gets += 1
        if self.server.fault == "refused" and self.server.gets == 1:
            self.answer(503, {}, b"")
        elif self.server.fault in ("gone", "refused"):
            self.connection.close()
            self.close_connection = True
        else:
            self.spoil(*self.fetch(self.server.fault))

    do_HEAD = do_GET

    def fetch(self, fault: str) -> tuple[int, dict[str, str], bytes]:
        headers = dict(self.headers)
        if fault == "whole":
            del headers["Range"]
        if fault in ("whole", "unconditional"):
            del headers["If-Match"]
        upstream = http.client.HTTPConnection(*self.server.upstream)
        upstream.request(self.command, self.path, headers=headers)
        answer = upstream.getresponse()
        body = answer.read()
        upstream.close()
        return answer.status, dict(answer.getheaders()), body

    def spoil(self, status: int, headers: dict[str, str], body: bytes) -> None:
        fault = self.server.fault
        headers = {name: value for name, value in headers.items() if name != "Connection"}
        if fault == "no-range":
            headers.pop("Content-Range")
        elif fault == "other-range":
            headers["Content-Range"] = f"bytes 0-{len(body) - 1}/{len(BODY)}"
        elif fault == "shorter":
            body = body[:-1]
            headers["Content-Length"] = str(len(body))
        elif fault == "cut":
            body = body[: len(body) // 2]
        self.answer(status, headers, body)
        if fault == "cut":
            self.close_connection = True

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    client = boto3.session.Session("id", "secret", region_name="us-east-1").client(
        "s3", endpoint_url=f"http://{host}:{port}"
    )
    client.create_bucket(Bucket="videos")
    client.put_object(Bucket="videos", Key="clip.mp4", Body=BODY)
    client.close()
    with Proxy((host, int(port))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
    moto.stop()


@pytest.fixture
def store(proxy: Proxy, tmp_path: Path) -> Storage:
    proxy.fault, proxy.gets = "", 0
    url = f"http://127.0.0.1:{proxy.server_port}"
    return open_storage(StorageSettings(tmp_path, "", "key", url, "videos", "id", "secret"))


@pytest.fixture
def clip(store: Storage, proxy: Proxy) -> StoredObject:
    stored = store.stat("clip.mp4")
    proxy.gets = 0
    return stored


@pytest.mark.parametrize("fault", ["whole", "no-range", "other-range", "shorter"])
def test_a_response_with_another_range_is_refused(
    store: Storage, clip: StoredObject, proxy: Proxy, fault: str
) -> None:
    proxy.fault = fault
    with pytest.raises(StoreUnavailable):
        store.open("clip.mp4", 1000, 300_000, clip.etag)


def test_a_store_that_ignores_the_condition_is_caught(
    store: Storage, clip: StoredObject, proxy: Proxy
) -> None:
    proxy.fault = "unconditional"
    with pytest.raises(ObjectChanged):
        store.open("clip.mp4", 0, 10, '"of another version"')


def test_a_broken_connection_is_not_taken_for_the_end(
    store: Storage, clip: StoredObject, proxy: Proxy
) -> None:
    proxy.fault = "cut"
    received = BytesIO()
    with store.open("clip.mp4", 1000, 300_000, clip.etag) as stream:
        with pytest.raises(StoreUnavailable):
            while piece := stream.read(65536):
                received.write(piece)
    assert BODY[1000:].startswith(received.getvalue())
    assert len(received.getvalue()) < 300_000


def test_failures_are_retried_but_not_forever(
    store: Storage, clip: StoredObject, proxy: Proxy
) -> None:
    proxy.fault = "refused"
    with pytest.raises(StoreUnavailable) as caught:
        store.open("clip.mp4", 0, 10, clip.etag)
    assert 2 <= proxy.gets <= 3
    assert "127.0.0.1" not in str(caught.value)


def test_a_lost_store_is_unavailable(store: Storage, proxy: Proxy) -> None:
    proxy.fault = "gone"
    with pytest.raises(StoreUnavailable):
        store.stat("clip.mp4")
