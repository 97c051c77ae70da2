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
from http_server import Nasty, Server

FIXTURES = Path(__file__).parents[2] / "fixtures"
ROWS = json.loads((FIXTURES / "wellcloud/recordings2.json").read_text())


def get(server: Server, path: str, token: str | None = TOKEN, **more: str) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        connection.request("GET", path, headers=named if token is None else {"Authorization": token, **named})
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


def test_a_part_of_a_file_comes_only_of_the_same_file() -> None:
    with Server(Files(FIXTURES / "tencent-dual")) as server:
        name = next((FIXTURES / "tencent-dual").glob("*.mp3")).name
        whole = get(server, f"/files/{name}")
        tag, size = whole[2]["ETag"], len(whole[1])
        part = get(server, f"/files/{name}", Range="bytes=100-", If_Range=tag)
        assert (part[0], part[1]) == (206, whole[1][100:])
        assert part[2]["Content-Range"] == f"bytes 100-{size - 1}/{size}"
        assert get(server, f"/files/{name}", Range="bytes=100-", If_Range='"other"')[:2] == (200, whole[1])
        assert get(server, f"/files/{name}", Range=f"bytes={size}-", If_Range=tag)[0] == 416
        assert get(server, f"/none/{name}")[0] == 410


def test_every_way_to_fail() -> None:
    with Server(Files(FIXTURES / "tencent-dual")) as server:
        name = next((FIXTURES / "tencent-dual").glob("*.mp3")).name
        for kind, status in (("busy", 429), ("down", 503), ("slow", 200)):
            server.app.nasty = Nasty(1.0, 0, (kind,))
            answer = get(server, f"/files/{name}")
            assert answer[0] == status and (kind != "busy" or answer[2]["Retry-After"] == "1")
        for kind in ("reset", "lost", "half"):
            server.app.nasty = Nasty(1.0, 0, (kind,))
            with pytest.raises((http.client.HTTPException, OSError)):
                get(server, f"/files/{name}")
        assert server.app.nasty.met == {"half": 1}


def test_voipbins_pages_lead_to_the_files() -> None:
    with Server(Files(FIXTURES / "voipbin")) as server:
        server.app.records = [{"id": f"r{n}", "tm_create": f"2026-05-20 07:31:0{n}.000000"} for n in range(5)]
        base, token, ids = "/v1.0", "", []
        while True:
            after = f"&page_token={token.replace(' ', '%20')}" if token else ""
            page = json.loads(get(server, f"{base}/recordings?token={TOKEN}&page_size=2{after}")[1])
            if not page["result"]:
                break
            ids += [record["id"] for record in page["result"]]
            token = page["next_page_token"]
        assert ids == ["r4", "r3", "r2", "r1", "r0"]
        status, _, headers = get(server, f"{base}/recordingfiles/r1?accesskey={TOKEN}")
        assert (status, headers["Location"]) == (307, f"{server.url}/files/r1.wav")
        assert get(server, f"{base}/recordings/none?token={TOKEN}")[0] == 404
        assert get(server, f"{base}/recordings", token=None)[0] == 401
