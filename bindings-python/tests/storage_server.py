"""Storage on loopback: moto's S3, and a plain HTTP server with range requests and faults."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from conftest import ROOT


@contextmanager
def s3() -> Iterator[tuple[Any, dict[str, Any]]]:
    """A bucket `calls`: a client of boto3, and what fsspec must be told."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    client = boto3.client("s3", endpoint_url=address, region_name="us-east-1", **keys)
    client.create_bucket(Bucket="calls")
    try:
        yield client, {"key": "key", "secret": "secret", "client_kwargs": {"endpoint_url": address}}
    finally:
        server.stop()


class Faults(BaseHTTPRequestHandler):
    """Serves the workspace's files. The first part of a path says what goes wrong:
    `plain`: nothing; `once`: the first answer of each file breaks off half way; `broken`: every
    answer does; `stream`: no length and no ranges; `late`: the same, and it breaks off; `denied`:
    403."""

    protocol_version = "HTTP/1.1"
    seen: set[str] = set()
    ranges: list[str] = []

    def do_HEAD(self) -> None:
        self.answer(False)

    def do_GET(self) -> None:
        self.answer(True)

    def answer(self, body: bool) -> None:
        fault, _, name = self.path.strip("/").partition("/")
        path = Path(ROOT) / name
        if fault == "denied" or not path.is_file():
            self.send_response(403 if fault == "denied" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data, asked = path.read_bytes(), self.headers.get("Range")
        if fault in ("stream", "late"):
            self.send_response(200)
            self.send_header("Connection", "close")
            if fault == "late":
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if body:
                half = data[: len(data) // 2]
                self.wfile.write(data if fault == "stream" else b"%x\r\n%s\r\n" % (len(half), half))
            self.close_connection = True
            return
        first, last = 0, len(data) - 1
        if asked:
            self.ranges.append(asked)
            one, _, other = asked.removeprefix("bytes=").partition("-")
            first, last = int(one), min(int(other or last), last)
        part = data[first : last + 1]
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.end_headers()
        if not body:
            return
        breaks = fault == "broken" or (fault == "once" and self.path not in self.seen)
        self.seen.add(self.path)
        self.wfile.write(part[: len(part) // 2] if breaks else part)
        self.close_connection = breaks

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def http() -> Iterator[str]:
    """The server's address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Faults)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
