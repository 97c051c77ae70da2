"""What answers over http: pushes, calls that ended, how the service is."""

from __future__ import annotations

import hmac
import json
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from service import Service

__all__ = ["listen"]

LARGEST_PUSH = 256 << 10
PATIENCE_S = 30


def handler(service: Service) -> type[BaseHTTPRequestHandler]:
    """Answers for a service. The secret stands in the path, which is not logged."""
    secret = service.settings.secret.encode()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = PATIENCE_S

        def do_POST(self) -> None:
            self._safely(self._post)

        def do_GET(self) -> None:
            self._safely(self._get)

        def _safely(self, answer: Callable[[], tuple[int, Any]]) -> None:
            """Answers, whatever was asked: 400 for what is no request of ours, 500 for what could
            not be done."""
            try:
                status, value = answer()
            except (ValueError, AttributeError, TypeError):
                self.close_connection = True
                status, value = 400, {"ErrCode": 1, "ErrMsg": "not JSON"}
            except Exception:
                # Not stored: the provider shall push again.
                self.close_connection = True
                status, value = 500, {"ErrCode": 1, "ErrMsg": "not stored"}
            self._answer(status, value)

        def _post(self) -> tuple[int, Any]:
            kind, query, body = self._kind(), parse_qs(urlsplit(self.path).query), self._body()
            if kind is None:
                return 404, {}
            if body is None:
                return (413 if "Content-Length" in self.headers else 411), {}
            text = body.decode()
            if kind == "push":
                action = (query.get("action") or [""])[0]
                return 200, service.push(action, self.headers.get("X-TCCC-PUSH-UUID"), text)
            provider = kind.partition("/")[2]
            return (202 if service.call_ended(provider, json.loads(text)) else 400), {}

        def _get(self) -> tuple[int, Any]:
            if self.path == "/health":
                health = service.health()
                return (200 if health["ok"] else 503), health
            return (200, service.outbox.listed()) if self._kind() == "listed" else (404, {})

        def _kind(self) -> str | None:
            """`push`, `ended/wellcloud` or `listed`, if the path holds the secret behind it."""
            path = urlsplit(self.path).path.strip("/").encode()
            kind, _, given = path.rpartition(b"/")
            known = hmac.compare_digest(given, secret)
            return kind.decode() if known and kind in (b"push", b"listed", b"ended/wellcloud") else None

        def _body(self) -> bytes | None:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > LARGEST_PUSH:
                self.close_connection = True
                return None
            data, until = b"", time.monotonic() + PATIENCE_S
            while len(data) < int(length) and time.monotonic() < until:
                if not (block := self.rfile.read1(int(length) - len(data))):
                    break
                data += block
            if len(data) == int(length):
                return data
            self.close_connection = True
            return None

        def _answer(self, status: int, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """The path holds the secret."""

    return Door


class DoorServer(ThreadingHTTPServer):
    """A server that tells of broken connections as it tells of all else, without a word of what
    came over them."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        reason = type(sys.exc_info()[1]).__name__
        told = {"at": round(time.time(), 3), "event": "connection_broken", "reason": reason}
        print(json.dumps(told), file=sys.stderr, flush=True)


def listen(service: Service, host: str, port: int) -> ThreadingHTTPServer:
    """The server, to be served by the caller."""
    server = DoorServer((host, port), handler(service))
    server.daemon_threads = True
    return server
