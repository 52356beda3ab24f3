"""A host of Git on this machine: plain files, or Git's own protocol by its own program."""

import os
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

AUTHOR = ("-c", "user.name=Ana", "-c", "user.email=ana@acme.example")


def git(folder: Path, *words: str) -> str:
    """Run git in a folder; what it prints."""
    done = subprocess.run(["git", *AUTHOR, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit_reward(source: Path, name: str) -> str:
    """Commit a `reward.py` that holds this name; the commit."""
    (source / "reward.py").write_text(f"NAME = {name!r}\n")
    git(source, "add", ".")
    git(source, "commit", "-q", "-m", name)
    return git(source, "rev-parse", "HEAD")


def serve(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port of loopback until the generator is closed; yields the host's address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    """A host of files, which writes no log; it keeps who asked."""

    seen: list[str] = []  # noqa: RUF012  # one host a test

    def log_message(self, format: str, *words: Any) -> None:  # noqa: A002
        self.seen.append(self.headers.get("Authorization", ""))


class Backend(Quiet):
    """A host of Git's own protocol, as real ones speak it."""

    root = ""

    def do_POST(self) -> None:
        self.answer_by_git(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def do_GET(self) -> None:
        self.answer_by_git(b"")

    def answer_by_git(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        request = {
            "GIT_PROJECT_ROOT": self.root,
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, env=os.environ | request, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
