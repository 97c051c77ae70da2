#!/usr/bin/env python3
"""Local stand-ins for where recordings are fetched: Tencent's file links and Wellcloud's list and
stream.

    python3 tests/servers/files.py --folder fixtures/tencent-dual --port 0       prints its port, then serves

Tencent's files, from the folder:

    /files/NAME         the file
    /gone/NAME          404 with XML, as object storage answers
    /redirect/NAME      302 to /files/NAME
    /page/NAME          200 with a page, as an expired login answers
    /endless/NAME       a stream that does not end
    /slow/NAME          one byte every tenth of a second
    /none/NAME          410: it is gone for good

`/files` has an `ETag` and knows `Range` with `If-Range`, and fails as `Nasty` of http_server.py
says.

Wellcloud's, by the folder's recordings2.json, for the `Authorization` of `--token`:

    /api/operation/tenant/calls/CALL/recordings2
    /api/operation/tenant/recording/ID/stream2?download=false      a stream without a length
    /api/operation/tenant/calls/CALL/recording/stream?download=false

VoIPBin's, by `records` (a list of its recordings), for the token or access key:

    /v1.0/recordings?page_size=..&page_token=..
    /v1.0/recordings/ID
    /v1.0/recordingfiles/ID             307 to /files/ID.wav

The documents give 448 and 425 as codes of errors; here they are the HTTP status.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from http_server import Handler, Nasty, Server, port_argument

TOKEN = "12345678"
WELLCLOUD = "/api/operation/tenant/"


class Files:
    """Both stand-ins over one folder."""

    url = ""

    def __init__(self, folder: str | Path, token: str = TOKEN) -> None:
        self.folder, self.token = Path(folder), token
        self.requests: list[str] = []
        self.nasty = Nasty()
        self.records: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] | None = None

    def answer(self, http: Handler) -> None:
        """Answers one request."""
        self.requests.append(f"{http.command} {http.route}")
        if http.route.startswith(WELLCLOUD):
            return self.wellcloud(http)
        if http.route.startswith("/v1.0/"):
            return self.voipbin(http, http.route.removeprefix("/v1.0/"))
        _, how, name = f"{http.route}//".split("/")[:3]
        path = self.folder / name
        if how == "redirect":
            return http.send(302, b"", "text/plain", Location=f"{self.url}/files/{name}")
        if how == "page":
            return http.send(200, b"<!DOCTYPE html><html><body>Log in</body></html>", "text/html")
        if how == "endless":
            return stream(http, iter(lambda: bytes(65536), None))
        if how == "slow":
            return stream(http, slowly())
        if how == "none":
            return http.send(410, b"", "text/plain")
        if how == "files" and name and path.is_file():
            return self.file(http, path.read_bytes())
        http.send(404, b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "application/xml")

    def file(self, http: Handler, data: bytes) -> None:
        """A file, or the end of it where that is asked for of the same file."""
        what = self.nasty.draw()
        if http.befallen(what):
            return
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        status, headers = 200, {"ETag": tag, "Accept_Ranges": "bytes"}
        match = re.fullmatch(r"bytes=(\d+)-", http.headers.get("Range", ""))
        if match and http.headers.get("If-Range") in (None, tag):
            start, size = int(match[1]), len(data)
            if start >= size:
                return http.send(416, b"", "text/plain", Content_Range=f"bytes */{size}")
            status, data = 206, data[start:]
            headers["Content_Range"] = f"bytes {start}-{size - 1}/{size}"
        if what is not None:
            return http.send_badly(what, status, data, "audio/mpeg", **headers)
        http.send(status, data, "audio/mpeg", **headers)

    def voipbin(self, http: Handler, route: str) -> None:
        if self.token not in (http.query.get("token"), http.query.get("accesskey")):
            return http.send(401)
        if http.befallen(self.nasty.draw()):
            return
        what, _, id = route.partition("/")
        if what == "recordings" and not id:
            newest = sorted(self.records, key=lambda record: str(record["tm_create"]), reverse=True)
            before = http.query.get("page_token", "9")
            page = [r for r in newest if r["tm_create"] < before][: int(http.query.get("page_size", "100"))]
            return http.send_json(200, {"result": page, "next_page_token": page[-1]["tm_create"] if page else ""})
        found = next((record for record in self.records if record["id"] == id), None)
        if found is None:
            return http.send(404)
        if what == "recordings":
            return http.send_json(200, found)
        http.send(307, b"", "text/plain", Location=f"{self.url}/files/{id}.wav")

    def wellcloud(self, http: Handler) -> None:
        if http.headers.get("Authorization") != self.token:
            return http.send(401)
        if http.befallen(self.nasty.draw()):
            return
        rows = self.rows
        if rows is None:
            rows = json.loads((self.folder / "recordings2.json").read_text())
        route = http.route.removeprefix(WELLCLOUD)
        if match := re.fullmatch(r"calls/([^/]+)/recordings2", route):
            found = [row for row in rows if row["callId"] == match[1]]
            return http.send_json(200, found) if found else refuse(http, 448)
        if http.query.get("download") not in ("true", "false"):
            return http.send(400)
        if match := re.fullmatch(r"recording/([^/]+)/stream2", route):
            if match[1] not in {row["id"] for row in rows}:
                return refuse(http, 425)
            return self.stream(http, match[1])
        if match := re.fullmatch(r"calls/([^/]+)/recording/stream", route):
            return self.stream(http, next((row["id"] for row in rows if row["callId"] == match[1]), ""))
        http.send(404)

    def stream(self, http: Handler, recording_id: str) -> None:
        path = self.folder / f"{recording_id}.wav"
        if not recording_id or not path.is_file():
            return refuse(http, 448)
        data = path.read_bytes()
        stream(http, (data[at : at + 5000] for at in range(0, len(data), 5000)))


def slowly() -> Iterator[bytes]:
    while True:
        time.sleep(0.1)
        yield b"\0"


def refuse(http: Handler, code: int) -> None:
    http.send_json(code, {"code": code})


def stream(http: Handler, chunks: Iterable[bytes]) -> None:
    """An answer whose end is the end of the connection."""
    http.send_response(200)
    http.send_header("Content-Type", "application/octet-stream")
    http.send_header("Connection", "close")
    http.end_headers()
    http.close_connection = True
    for chunk in chunks:
        http.wfile.write(chunk)


if __name__ == "__main__":
    parser = port_argument("Local stand-ins for Tencent's file links and Wellcloud's stream.")
    parser.add_argument("--folder", required=True, help="where the files are")
    parser.add_argument("--token", default=TOKEN, help="Wellcloud's")
    arguments = parser.parse_args()
    Server(Files(arguments.folder, arguments.token), arguments.port).run()
