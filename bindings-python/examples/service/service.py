"""Takes Tencent's pushes over http, fetches the tracks, processes the call and hands it to MCloud.

    MCLOUD_TOKEN=crk_... PUSH_SECRET=... python service.py --port 8080

Tencent is told to push to `https://HOST/push/SECRET`. A session is handled when no push has come for it for a while, and
again when one comes later: the same call has the same `dataId`, so it stays one recording. What waits is kept in memory;
a real service keeps it where a restart does not lose it.
"""

from __future__ import annotations

import argparse
import hmac
import json
import logging
import os
import tempfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, cast

import httpx
from api import Api
from fetch import Guard, Refused, fetch

import callweave
from callweave import provider
from callweave.provider import mcloud

LOG = logging.getLogger("service")
LARGEST_PUSH = 64 << 10


@dataclass
class Service:
    """Everything between a push and MCloud."""

    api: Api
    guard: Guard
    secret: str
    direction: Literal["in", "out"] = "in"
    """A push does not say who called whom."""
    country_code: str = "66"
    trunk_prefix: str = "0"
    utc_offset: str = "+07:00"
    settle_s: float = 30.0
    """How long a session waits for another push."""
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30.0, trust_env=False))
    sessions: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    failures: list[str] = field(default_factory=list[str])
    _timers: dict[str, threading.Timer] = field(default_factory=dict[str, threading.Timer])
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _work: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if len(self.secret) < 16:
            raise ValueError("the secret in the callback's address: at least 16 characters")

    def take(self, push: Any) -> dict[str, Any]:
        """Keeps a push and says so to Tencent."""
        kept: dict[str, Any] = cast("dict[str, Any]", push) if isinstance(push, dict) else {}
        if provider.detect(kept) != "tencent" or not kept.get("SessionId"):
            return provider.tencent_reply(1, "not a push of a recording")
        session = str(kept["SessionId"])
        with self._lock:
            pushes = self.sessions.setdefault(session, [])
            if kept not in pushes:
                pushes.append(kept)
            if (waiting := self._timers.pop(session, None)) is not None:
                waiting.cancel()
            timer = threading.Timer(self.settle_s, self._handle_kept, [session])
            timer.daemon = True
            self._timers[session] = timer
            timer.start()
        return provider.tencent_reply()

    def _handle_kept(self, session: str) -> None:
        with self._lock:
            pushes = list(self.sessions[session])
        try:
            with self._work:
                self.handle(pushes)
        except Exception as error:
            LOG.error("session %s: %s", session, error)
            self.failures.append(f"{session}: {error}")

    def handle(self, pushes: list[dict[str, Any]]) -> str:
        """One call from its pushes to MCloud; the recording's id there."""
        call = provider.tencent(pushes)
        call = call.with_audio(self._tracks(call))
        # A track that cannot be had does not stop the call: the report says so.
        processed = callweave.process(call, strict=False)
        with tempfile.TemporaryDirectory() as folder:
            report = processed.write(folder)
            audio = (Path(folder) / report.outputs[0].path).read_bytes()
        body = mcloud.create_body(
            report,
            call,
            direction=self.direction,
            utc_offset=self.utc_offset,
            country_code=self.country_code,
            trunk_prefix=self.trunk_prefix,
        )
        made = self.api.create(body)
        self.api.upload(made["uploadUrl"], audio, body["contentType"])
        self.api.extract(made["id"])
        self.api.patch(made["id"], mcloud.patch_body(report, note=f"outcome: {report.outcome.value}"))
        return str(made["id"])

    def _tracks(self, call: provider.DescribedCall) -> dict[str, bytes]:
        """The tracks that can be had, each from the first of its addresses that has it."""
        tracks: dict[str, bytes] = {}
        for recording in call.described.recordings:
            for url in recording.urls:
                try:
                    tracks[url] = fetch(self.client, url, self.guard)
                    break
                except (Refused, httpx.HTTPError) as error:
                    LOG.warning("recording %s: %s", recording.leg.recording_id, error)
        return tracks


def handler(service: Service) -> type[BaseHTTPRequestHandler]:
    """What answers Tencent."""

    class Push(BaseHTTPRequestHandler):
        timeout = 30

        def do_POST(self) -> None:
            path = self.path.split("?")[0].encode()
            length = self.headers.get("Content-Length", "")
            if not hmac.compare_digest(path, f"/push/{service.secret}".encode()):
                return self.send_error(404)
            if not length.isdigit() or int(length) > LARGEST_PUSH:
                return self.send_error(413)
            try:
                push = json.loads(self.rfile.read(int(length)))
            except (ValueError, RecursionError):
                push = None
            answer = json.dumps(service.take(push)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """The path holds the secret: it is not logged."""

    return Push


def listen(service: Service, port: int, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """The server that Tencent pushes to; to be served by the caller."""
    return ThreadingHTTPServer((host, port), handler(service))


def main() -> None:
    parser = argparse.ArgumentParser(description="From Tencent's pushes to MCloud.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--hosts", default=".myqcloud.com", help="where tracks may be fetched, separated by commas")
    parser.add_argument("--mcloud", default="https://phone.mcloud.co.th/api/v1")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    service = Service(
        api=Api(arguments.mcloud, os.environ["MCLOUD_TOKEN"], os.environ.get("MCLOUD_BUSINESS")),
        guard=Guard(arguments.hosts.split(","), allow_private="ALLOW_PRIVATE_ADDRESSES" in os.environ),
        secret=os.environ["PUSH_SECRET"],
    )
    listen(service, arguments.port).serve_forever()


if __name__ == "__main__":
    main()
