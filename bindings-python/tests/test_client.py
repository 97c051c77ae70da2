"""The thin client against local servers that fail: downloads and requests."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from callweave.client import Gone, Guard, Later, Refused, download, send, send_async, steps
from clients import BOTH, LOCAL, Fetch, Listening, fetch_async
from files import Files
from http_server import Nasty, Server

QUICK = {"firstMs": 1, "longestMs": 20, "budgetMs": 3000}
NAME = "long.bin"


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / NAME).write_bytes(bytes(range(256)) * 4096)
    with Server(Files(folder)) as running:
        yield running


@BOTH
def test_a_file_is_whole_or_not_there(fetch: Fetch, files: Server, tmp_path: Path) -> None:
    for seed in range(4):
        files.app.nasty = Nasty(0.6, seed, ("half", "reset", "down", "busy", "lost"))
        path = tmp_path / f"{seed}"
        policy = {**QUICK, "budgetMs": 60_000}
        assert fetch(f"{files.url}/files/{NAME}?sign=1", path, guard=LOCAL, policy=policy) == path
        assert path.read_bytes() == bytes(range(256)) * 4096
        assert [file.name for file in tmp_path.glob(f"{seed}.*")] == []


@BOTH
def test_a_broken_download_goes_on_where_it_was(fetch: Fetch, files: Server, tmp_path: Path) -> None:
    files.app.nasty = Nasty(1.0, 0, ("half",))
    with pytest.raises(Later) as later:
        fetch(f"{files.url}/files/{NAME}?sign=1", tmp_path / "a", guard=LOCAL, policy={**QUICK, "budgetMs": 30})
    assert later.value.wait_ms > 0 and not (tmp_path / "a").exists()
    have = (tmp_path / "a.part").stat().st_size
    assert 0 < have < 1 << 20
    files.app.nasty = Nasty()
    fetch(f"{files.url}/files/{NAME}?sign=2", tmp_path / "a", guard=LOCAL)
    assert (tmp_path / "a").read_bytes() == bytes(range(256)) * 4096
    (tmp_path / "a").unlink()
    (tmp_path / "a.part").write_bytes(b"another file's beginning")
    (tmp_path / "a.part.json").write_text(json.dumps({"path": f"/files/{NAME}", "validator": '"other"'}))
    fetch(f"{files.url}/files/{NAME}", tmp_path / "a", guard=LOCAL)
    assert (tmp_path / "a").read_bytes() == bytes(range(256)) * 4096


@BOTH
@pytest.mark.parametrize("of", ["audio", "voipbin", "wellcloud"])
def test_a_part_that_is_all_of_the_file_begins_anew(fetch: Fetch, of: str, files: Server, tmp_path: Path) -> None:
    """As a kill between the last byte and the file's name leaves it."""
    with httpx.Client(trust_env=False) as client:
        tag = client.get(f"{files.url}/files/{NAME}").headers["ETag"]
    (tmp_path / "a.part").write_bytes(bytes(range(256)) * 4096)
    (tmp_path / "a.part.json").write_text(json.dumps({"path": f"/files/{NAME}", "validator": tag}))
    fetch(f"{files.url}/files/{NAME}", tmp_path / "a", guard=LOCAL, of=of, policy=QUICK)
    assert (tmp_path / "a").read_bytes() == bytes(range(256)) * 4096


@BOTH
def test_what_is_gone_is_gone_and_what_may_come_is_waited_for(fetch: Fetch, files: Server, tmp_path: Path) -> None:
    with pytest.raises(Gone, match="file_gone"):
        fetch(f"{files.url}/none/a", tmp_path / "a", guard=LOCAL)
    with pytest.raises(Gone, match="file_gone"):
        fetch(f"{files.url}/files/a", tmp_path / "a", guard=LOCAL, since_ms=0)
    now = int(time.time() * 1000)
    with pytest.raises(Later):
        fetch(f"{files.url}/files/a", tmp_path / "a", guard=LOCAL, since_ms=now, policy={**QUICK, "budgetMs": 20})


@BOTH
def test_redirects_are_checked_and_keys_do_not_follow_them(fetch: Fetch, files: Server, tmp_path: Path) -> None:
    fetch(f"{files.url}/redirect/{NAME}", tmp_path / "a", guard=LOCAL)
    assert (tmp_path / "a").stat().st_size == 1 << 20
    seen: list[str | None] = []
    app = files.app

    class Elsewhere:
        url = ""

        def answer(self, http: Any) -> None:
            seen.append(http.headers.get("Authorization"))
            where = app.url if http.route == "/out" else "http://10.0.0.1"
            http.send(307, b"", "text/plain", Location=f"{where}/files/{NAME}")

    with Server(Elsewhere()) as other:
        keys = {"Authorization": "Bearer k"}
        fetch(f"{other.url}/out", tmp_path / "b", guard=LOCAL, headers=keys)
        assert seen == ["Bearer k"]
        with pytest.raises(Refused, match="not an allowed host"):
            fetch(f"{other.url}/in", tmp_path / "c", guard=LOCAL, headers=keys)


class Once:
    """A server that answers every request alike: status, body, headers."""

    url = ""

    def __init__(self, status: int, body: bytes, **headers: str) -> None:
        self.status, self.body, self.headers = status, body, headers
        self.ranges: list[str | None] = []

    def answer(self, http: Any) -> None:
        self.ranges.append(http.headers.get("Range"))
        http.send(self.status, self.body, "application/octet-stream", **self.headers)


@BOTH
@pytest.mark.parametrize(
    ("of", "body", "reason"),
    [
        ("audio", b"<!DOCTYPE html><html>Log in</html>", "not_audio"),
        ("audio", b'{"error": "expired"}', "not_audio"),
        ("wellcloud", b'{"code": 401, "message": "token"}', "wellcloud_401"),
        ("wellcloud", b'{"code": 448}', "wellcloud_448"),
        ("voipbin", b"not now", "not_audio"),
    ],
)
def test_a_refusal_that_says_200_is_no_file(fetch: Fetch, of: str, body: bytes, reason: str, tmp_path: Path) -> None:
    with Server(Once(200, body)) as server, pytest.raises(Gone, match=reason):
        fetch(f"{server.url}/a", tmp_path / "a", guard=LOCAL, of=of, policy=QUICK)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "leads_to", ["http://recorder.example/b", "https://other.example/b", "https://recorder.example:8443/b"]
)
def test_headers_do_not_follow_to_another_origin(
    leads_to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str | None, str | None]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.scheme, request.headers.get("Authorization"), request.headers.get("X-Api-Key")))
        if request.url.path == "/a":
            return httpx.Response(302, headers={"Location": leads_to})
        return httpx.Response(200, content=iter([b"RIFF\0\0"]))

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("93.184.216.34", 443))])
    keys = {"Authorization": "Bearer k", "X-Api-Key": "k"}
    guard = Guard([".example"], allow_private=True)
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        download("https://recorder.example/a", tmp_path / "a", client=client, headers=keys, guard=guard, policy=QUICK)
        assert seen[0] == ("https", "Bearer k", "k") and seen[1][1:] == (None, None)
        leads_to = "/b"
        download("https://recorder.example/a", tmp_path / "a", client=client, headers=keys, guard=guard, policy=QUICK)
        assert seen[3] == ("https", "Bearer k", "k")


@BOTH
def test_a_crash_between_note_and_file_leaves_no_wrong_pair(
    fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old bytes never stand beside the new name: at the moment that they go, no name is
    noted."""
    part, notes = tmp_path / "a.part", tmp_path / "a.part.json"
    part.write_bytes(b"\0of the old file")
    notes.write_text(json.dumps({"path": "/a", "validator": '"old"'}))
    real = Path.open

    def crash(path: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if path == part and "w" in mode:
            raise KeyboardInterrupt
        return real(path, mode, *rest, **named)

    with Server(Once(200, b"\0of the new file", ETag='"new"')) as server:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "open", crash)
            with pytest.raises(KeyboardInterrupt):
                fetch(f"{server.url}/a", tmp_path / "a", guard=LOCAL, policy=QUICK)
        assert part.read_bytes() == b"\0of the old file" and not notes.exists()
        fetch(f"{server.url}/a", tmp_path / "a", guard=LOCAL, policy=QUICK)
    assert (tmp_path / "a").read_bytes() == b"\0of the new file"


@BOTH
def test_another_part_than_the_one_asked_for_is_not_taken(fetch: Fetch, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(b"\0old")
    (tmp_path / "a.part.json").write_text(json.dumps({"path": "/a", "validator": '"old"'}))
    ranges = {"Content_Range": "bytes 4-7/8", "ETag": '"new"'}
    with Server(Once(206, b"\0new", **ranges)) as server, pytest.raises(Later):
        fetch(f"{server.url}/a", tmp_path / "a", guard=LOCAL, policy={**QUICK, "budgetMs": 30})
    assert server.app.ranges[:2] == ["bytes=4-", None] and not (tmp_path / "a").exists()


@BOTH
def test_what_cannot_be_written_is_told(fetch: Fetch, files: Server, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fetch(f"{files.url}/files/{NAME}", tmp_path / "none" / "a", guard=LOCAL, policy=QUICK)


@pytest.mark.parametrize("location", ["http://[", "http://a b/", "http://" + "a" * 70 + ".example/a", "gopher://x/"])
@BOTH
def test_a_redirect_to_what_is_no_address_is_refused(fetch: Fetch, location: str, tmp_path: Path) -> None:
    with Server(Once(302, b"", Location=location)) as server, pytest.raises((Refused, Later)):
        fetch(f"{server.url}/a", tmp_path / "a", guard=Guard(allow_private=True), policy={**QUICK, "budgetMs": 20})
    with pytest.raises(Refused):
        fetch("http://[", tmp_path / "a")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a", "http://10.1.2.3/a", "http://169.254.169.254/latest", "http://[::1]/a", "http://[fd00::1]/a",
        "http://[::ffff:127.0.0.1]/a", "http://0.0.0.0/a", "http://100.64.0.1/a", "http://localhost/a", "ftp://x.example/a",
        "http://u:p@x.example/a", "http://[2002:7f00:1::]/a", "http://93.184.216.34:8080/a",
    ],
)  # fmt: skip
def test_private_addresses_are_refused(url: str, tmp_path: Path) -> None:
    for fetch in (download, fetch_async):
        with pytest.raises(Refused):
            fetch(url, tmp_path / "a")


def test_a_name_that_leads_inside_is_refused_and_the_checked_address_is_used(
    files: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("10.0.0.1", 80))]
    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", lambda *_, **__: inside)
        with pytest.raises(Refused, match="a private address"):
            download("http://rebinding.example/a", tmp_path / "a")
    calls: list[str] = []
    real = socket.getaddrinfo

    def once(host: Any, *rest: Any, **named: Any) -> Any:
        calls.append(str(host))
        return real("127.0.0.1" if host == "recorder.example" else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    url = files.url.replace("127.0.0.1", "recorder.example")
    download(f"{url}/files/{NAME}", tmp_path / "a", guard=Guard([".example"], allow_private=True))
    assert calls.count("recorder.example") == 1 and (tmp_path / "a").exists()


@BOTH
def test_sizes_have_an_end(fetch: Fetch, files: Server, tmp_path: Path) -> None:
    for path in (f"/files/{NAME}", "/endless/a"):
        with pytest.raises(Refused, match="more than 1000 bytes"):
            fetch(files.url + path, tmp_path / "a", guard=Guard(None, allow_private=True, max_bytes=1000))


def test_a_request_is_sent_as_it_is_and_a_file_with_its_length(cloud: Server, tmp_path: Path) -> None:
    api = {"token": "crk_full", "base": f"{cloud.url}/api/v1"}
    body = {"dataId": "a", "callAt": "2026-05-20T08:14:00+07:00", "direction": "in", "audioPresignedUploadUrl": True}
    (tmp_path / "a.wav").write_bytes(b"RIFF" * 50_000)
    with httpx.Client(trust_env=False) as client:
        made = json.loads(send(client, steps.mcloud_request("create", api, body=body))["body"])
        put = steps.mcloud_request("upload", uploadUrl=made["uploadUrl"], contentType="audio/wav")
        assert send(client, put, tmp_path / "a.wav", LOCAL)["status"] == 200
        assert cloud.app.recordings[made["id"]].audio == b"RIFF" * 50_000
        with pytest.raises(Refused):
            send(client, put, tmp_path / "a.wav", Guard())
        assert send(client, {**put, "url": "http://127.0.0.1:9/"}, tmp_path / "a.wav")["status"] is None

    async def again() -> Any:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await send_async(client, put, tmp_path / "a.wav", LOCAL)

    assert asyncio.run(again())["status"] == 200


class Early(Listening):
    """A server that answers 403 as soon as it has the headers, and ends the connection without
    reading the body."""

    def serve(self, connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nConnection: close\r\n\r\nexpired")
        time.sleep(0.02)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


def test_an_answer_before_the_end_of_the_body_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(bytes(32 << 20))
    with Early() as server, httpx.Client(trust_env=False) as client:
        put = steps.mcloud_request("upload", uploadUrl=f"{server.url}/a", contentType="audio/wav")
        for _ in range(5):
            expected = {"status": 403, "retryAfter": None, "body": "expired"}
            assert send(client, put, tmp_path / "a.wav", LOCAL) == expected
