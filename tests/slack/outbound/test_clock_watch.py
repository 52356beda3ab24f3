"""The time by Slack's clock, from a server with TLS of its own."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bot.slack.outbound.clock_watch import MEAN_TRUNCATION_SECONDS, fetch_time

DATE = "Fri, 02 Jan 2026 12:00:00 GMT"
SECONDS = 1767355200.0
ANSWERS = {"/api/api.test": (200, DATE), "/busy/api.test": (429, DATE), "/odd/api.test": (200, "soon")}


class TimeServer(BaseHTTPRequestHandler):
    """Answers each path with its own status and date."""

    def do_GET(self) -> None:
        status, date = ANSWERS[self.path]
        self.send_response_only(status)
        self.send_header("Date", date)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(make_certificate())
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # the one authority that this process trusts
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = HTTPServer(("127.0.0.1", 0), TimeServer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    serving = Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


def make_certificate() -> bytes:
    """Return a key and a certificate of this machine's, which signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("path", ["/api/", "/busy/"])
def test_each_answer_has_the_time_a_refusal_too(address: str, path: str) -> None:
    assert fetch_time(address + path) == SECONDS + MEAN_TRUNCATION_SECONDS


def test_an_answer_without_a_date_gives_none(address: str, caplog: pytest.LogCaptureFixture) -> None:
    assert fetch_time(f"{address}/odd/") is None
    assert "Slack does not give its time" in caplog.text


def test_a_server_that_is_not_trusted_gives_none(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    assert fetch_time(f"{address}/api/") is None


def test_a_server_that_is_gone_gives_none() -> None:
    assert fetch_time("https://127.0.0.1:9/api/") is None


def test_a_server_without_tls_is_not_queried() -> None:
    assert fetch_time("http://127.0.0.1:9/api/") is None
