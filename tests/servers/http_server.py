"""What the local servers share: answers, reading of bodies, starting on a free port, the command
line."""

from __future__ import annotations

import argparse
import json
import random
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

LARGEST_BODY = 64 << 20


class Nasty:
    """Ways in which a server fails: a share of the requests, in an order that follows from a seed.

    `reset`: the connection is reset before anything is done; `lost`: it is done and the answer
    never comes; `half`: half of an answer; `busy`: 429 with `Retry-After`; `down`: 503; `slow`: an
    answer that drips.
    """

    KINDS = ("reset", "lost", "half", "busy", "down", "slow")

    def __init__(self, share: float = 0.0, seed: int = 0, kinds: tuple[str, ...] = KINDS) -> None:
        self.share, self.kinds = share, kinds
        self._random, self._lock = random.Random(seed), threading.Lock()
        self.met: dict[str, int] = {}

    def draw(self) -> str | None:
        """What befalls the next request."""
        with self._lock:
            if self._random.random() >= self.share:
                return None
            kind = self._random.choice(self.kinds)
            self.met[kind] = self.met.get(kind, 0) + 1
            return kind


class Handler(BaseHTTPRequestHandler):
    """One connection; `server.app` answers its requests by `app.answer(handler)`."""

    protocol_version = "HTTP/1.1"

    def _any(self) -> None:
        parts = urlsplit(self.path)
        self.route = parts.path
        self.query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        try:
            self.server.app.answer(self)  # type: ignore[attr-defined]
        except (OSError, ValueError):
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any

    def body(self) -> bytes | None:
        """The body, if it came whole and has a length."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self.close_connection = True
            return None
        data = self.rfile.read(int(length))
        return data if len(data) == int(length) else None

    def send(self, status: int, body: bytes = b"", kind: str = "application/json", **headers: str) -> None:
        """A whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def reset(self) -> None:
        """Ends the connection as a crash does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def befallen(self, what: str | None) -> bool:
        """Answers for a request that never got to what it asked for; whether it did."""
        if what == "reset":
            self.reset()
        elif what == "busy":
            self.send(429, b"{}", Retry_After="1")
            self.close_connection = True
        elif what == "down":
            self.send(503, b"<html>try again</html>", "text/html")
            self.close_connection = True
        else:
            return False
        return True

    def send_badly(self, what: str, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        """An answer that is lost, comes half, or drips."""
        if what == "lost":
            return self.reset()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        half = len(body) // 2
        self.wfile.write(body[:half])
        self.wfile.flush()
        if what == "half":
            return self.reset()
        time.sleep(0.3)
        self.wfile.write(body[half:])

    def send_json(self, status: int, value: Any) -> None:
        """A whole answer in JSON."""
        self.send(status, json.dumps(value).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: what a test wants to know it asks the app."""


class Server:
    """A server on a port of 127.0.0.1, for as long as its `with` lasts. Port 0 is a free one."""

    def __init__(self, app: Any, port: int = 0) -> None:
        self.app = app
        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._http.daemon_threads = True
        self._http.app = app  # type: ignore[attr-defined]
        self.port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        app.url = self.url

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()

    def run(self) -> None:
        """Prints the port and serves until standard input ends or the process does."""
        print(self.port, flush=True)
        self._http.serve_forever()


def port_argument(description: str) -> argparse.ArgumentParser:
    """A command line with `--port`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="0: a free one, which is printed")
    return parser
