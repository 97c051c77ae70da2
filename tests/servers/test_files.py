"""The stand-ins of Tencent's file links and of Wellcloud's list and stream."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from files import TOKEN, Files
from http_server import Server

FIXTURES = Path(__file__).parents[2] / "fixtures"
ROWS = json.loads((FIXTURES / "wellcloud/recordings2.json").read_text())


def get(server: Server, path: str, token: str | None = TOKEN) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    try:
        connection.request("GET", path, headers={} if token is None else {"Authorization": token})
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())
    finally:
        connection.close()


@pytest.fixture
def wellcloud() -> Iterator[Server]:
    with Server(Files(FIXTURES / "wellcloud")) as running:
        yield running


def test_tencents_files_and_what_can_go_wrong_with_them() -> None:
    with Server(Files(FIXTURES / "tencent-dual")) as server:
        name = next((FIXTURES / "tencent-dual").glob("*.mp3")).name
        status, body, headers = get(server, f"/files/{name}?sign=x")
        assert (status, headers["Content-Type"]) == (200, "audio/mpeg")
        assert body == (FIXTURES / "tencent-dual" / name).read_bytes()
        assert get(server, f"/gone/{name}")[0] == get(server, "/files/other.mp3")[0] == get(server, "/files/")[0] == 404
        status, _, headers = get(server, f"/redirect/{name}")
        assert (status, headers["Location"]) == (302, f"{server.url}/files/{name}")
        assert get(server, f"/page/{name}")[1].startswith(b"<!DOCTYPE html>")
        assert get(server, "/files/..%2F..%2FREADME.md")[0] == get(server, "/files/../README.md")[0] == 404


def test_wellclouds_list_and_streams(wellcloud: Server) -> None:
    call, first = ROWS[0]["callId"], ROWS[0]["id"]
    base = "/api/operation/tenant"
    assert json.loads(get(wellcloud, f"{base}/calls/{call}/recordings2")[1]) == ROWS
    status, body, headers = get(wellcloud, f"{base}/recording/{first}/stream2?download=false")
    assert status == 200 and "Content-Length" not in headers
    assert body == (FIXTURES / f"wellcloud/{first}.wav").read_bytes()
    assert get(wellcloud, f"{base}/calls/{call}/recording/stream?download=true")[1] == body


def test_wellclouds_refusals(wellcloud: Server) -> None:
    base = "/api/operation/tenant"
    assert get(wellcloud, f"{base}/calls/x/recordings2")[0] == 448
    assert get(wellcloud, f"{base}/calls/x/recording/stream?download=false")[0] == 448
    assert get(wellcloud, f"{base}/recording/x/stream2?download=false")[0] == 425
    assert get(wellcloud, f"{base}/recording/{ROWS[0]['id']}/stream2")[0] == 400
    assert get(wellcloud, f"{base}/calls/x/recordings2", token=None)[0] == 401
