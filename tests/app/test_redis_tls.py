"""Redis over TLS with a self-signed certificate, as on Heroku."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis.exceptions import ConnectionError as RedisConnectionError

from app.queues import connect_redis
from app.settings import config_from_env
from sandbox.development.redis_server import RedisServer


def self_signed(folder: Path) -> Path:
    """Write a key and a certificate that it signed itself, and return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "redis")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = folder / "redis.pem"
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(pem)
    )
    return file


@pytest.fixture
def tls_url(redis_server: RedisServer, tmp_path: Path) -> Iterator[str]:
    """The URL of the session's Redis behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                client = context.wrap_socket(self.request, server_side=True)
            except (ssl.SSLError, OSError):  # the client did not like the certificate
                return
            with client, socket.socket(socket.AF_UNIX) as redis:
                redis.connect(redis_server.url.removeprefix("unix://"))
                while question := client.recv(65_536):
                    redis.sendall(question)
                    client.sendall(redis.recv(65_536))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"rediss://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()


@pytest.mark.parametrize("end", ["", "?protocol=2"])
def test_certificate_of_nobody_is_taken_only_where_the_setting_says_so(
    tls_url: str, end: str
) -> None:
    verified = config_from_env({"REDIS_URL": tls_url + end})
    with connect_redis(verified.redis_url) as client, pytest.raises(RedisConnectionError):
        client.ping()
    taken = config_from_env({"REDIS_URL": tls_url + end, "REDIS_TLS_VERIFY": "false"})
    with connect_redis(taken.redis_url) as client:
        assert client.ping()
