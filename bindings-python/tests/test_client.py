"""The thin client against local servers that fail: downloads, uploads, the outbox."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import ROOT

import callweave
from callweave.client import (
    Gone,
    Guard,
    Later,
    Outbox,
    Poster,
    Refused,
    download,
    download_async,
    send,
    send_async,
    steps,
)

sys.path.insert(0, str(ROOT / "tests/servers"))

from files import Files
from http_server import Nasty, Server
from mcloud import Mcloud

LOCAL = Guard(["127.0.0.1"], allow_private=True)
QUICK = {"firstMs": 1, "longestMs": 20, "budgetMs": 3000}
NAME = "long.bin"
Fetch = Callable[..., Path]


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / NAME).write_bytes(bytes(range(256)) * 4096)
    with Server(Files(folder)) as running:
        yield running


@pytest.fixture
def cloud() -> Iterator[Server]:
    with Server(Mcloud()) as running:
        yield running


def fetch_async(url: str, path: Path, **more: Any) -> Path:
    return asyncio.run(download_async(url, path, **more))


BOTH = pytest.mark.parametrize("fetch", [download, fetch_async])


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
    now = int(__import__("time").time() * 1000)
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


def push(user: str, session: str = "s") -> str:
    return json.dumps(
        {"SessionId": session, "RecordId": user, "EndpointUser": user, "RecordURL": f"http://h/{user}.mp3"}
    )


def test_the_outbox_keeps_pushes_once(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o.sqlite")
    assert outbox.push("record", "u1", push("+66812345678")) == "new"
    assert outbox.push("record", "u1", push("+66812345678")) == "repeat"
    assert outbox.push("record", "u2", push("anna@x.example")) == "new"
    assert outbox.push("voicemail", "u3", json.dumps({"SessionId": "s"})) == "kept"
    assert outbox.push("voicemail", None, "{}") == "kept"
    with pytest.raises(callweave.Error):
        outbox.push("record", None, "[]")
    assert outbox.counts() == {"sessions": {"waiting": 1}, "postings": {}, "stray": 1}
    outbox.close()
    again = Outbox(tmp_path / "o.sqlite")
    [row] = again.due_sessions(1 << 60)
    assert row.key == "tencent:s" and len(row.state["deliveries"]) == 3
    again.push("record", "u4", push("ben@x.example"))
    assert not again.put_session(row, None, "handled"), "a push came meanwhile"
    [row] = again.due_sessions(1 << 60)
    assert again.put_session(row, None, "listed", reason="x") and again.listed()[0]["reason"] == "x"
    assert again.next_due() is None
    again.push("record", "u4", push("ben@x.example"))
    assert again.next_due() is None, "a repeat is nothing new"
    again.close()


def test_a_session_and_its_posting_are_written_together_or_not(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o.sqlite")
    outbox.push("record", "u1", push("anna@x.example"))
    [row] = outbox.due_sessions(1 << 60)
    body = {"dataId": "a", "callAt": "2026-05-20T08:14:00+07:00", "direction": "in"}
    audio = {"sha256": "x", "bytes": 1}
    outbox.push("record", "u2", push("+66812345678"))
    assert not outbox.enqueue(row, row.state, None, body, audio, "f") and outbox.counts()["postings"] == {}
    [row] = outbox.due_sessions(1 << 60)
    with pytest.raises(callweave.Error):
        outbox.enqueue(row, row.state, None, {**body, "direction": "up"}, audio, "f")
    assert outbox.counts()["sessions"] == {"waiting": 1}
    assert outbox.enqueue(row, row.state, None, body, audio, "f") and outbox.files() == {"f"}
    assert outbox.counts() == {"sessions": {"handled": 1}, "postings": {"waiting": 1}, "stray": 0}
    outbox.close()


CHILD = """
import sys
from callweave.client import Outbox
outbox = Outbox(sys.argv[1])
for n in range(100_000):
    body = '{"SessionId": "s%d", "RecordId": "1", "EndpointUser": "a@x.example"}' % n
    outbox.push("record", str(n), body)
    print(n, flush=True)
"""


def test_what_was_acknowledged_is_stored_whenever_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "o.sqlite"
    for lines in (1, 7, 40):
        path.unlink(missing_ok=True)
        with subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            acknowledged = [int(child.stdout.readline()) for _ in range(lines)]
            child.send_signal(signal.SIGKILL)
        outbox = Outbox(path)
        kept = {row.key for row in outbox.due_sessions(1 << 60, 1 << 20)}
        assert {f"tencent:s{n}" for n in acknowledged} <= kept
        outbox.close()


def test_an_outbox_is_for_one_process(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o.sqlite")
    code = "import sys, sqlite3; db = sqlite3.connect(sys.argv[1], timeout=0.1); db.execute('SELECT * FROM session')"
    other = subprocess.run([sys.executable, "-c", code, str(tmp_path / "o.sqlite")], capture_output=True, text=True)
    assert "locked" in other.stderr
    outbox.close()


@pytest.mark.parametrize("way", ["sync", "async"])
def test_the_poster_brings_a_call_to_a_nasty_mcloud(way: str, cloud: Server, tmp_path: Path) -> None:
    cloud.app.nasty, cloud.app.stingy, cloud.app.expired = Nasty(0.4, 3), 1.0, 0.3
    (tmp_path / "mix.wav").write_bytes(b"RIFF" * 1000)
    outbox = Outbox(tmp_path / "o.sqlite")
    for n in range(3):
        outbox.push("record", f"u{n}", push("anna@x.example", f"s{n}"))
    for n, row in enumerate(outbox.due_sessions(1 << 60)):
        body = {"dataId": f"d{n}", "callAt": "2026-05-20T08:14:00+07:00", "direction": "in", "tag": "normal"}
        body |= {"audioPresignedUploadUrl": True, "contentType": "audio/wav"}
        outbox.enqueue(row, row.state, None, body, {"sha256": "x", "bytes": 4000}, str(tmp_path / "mix.wav"))
    api = {"token": "crk_full", "base": f"{cloud.url}/api/v1"}
    poster = Poster(outbox, api, guard=LOCAL, policy={"firstMs": 1, "longestMs": 5})

    async def all_async() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            while rows := outbox.due_postings(1 << 60):
                for row in rows:
                    await poster.step_async(client, row)

    if way == "async":
        asyncio.run(all_async())
    else:
        with httpx.Client(trust_env=False) as client:
            while rows := outbox.due_postings(1 << 60):
                for row in rows:
                    poster.step(client, row)
    stand = [r for r in cloud.app.recordings.values() if not r.deleted]
    assert sorted(r.fields["dataId"] for r in stand) == ["d0", "d1", "d2"]
    assert all(r.audio == b"RIFF" * 1000 and r.extractions for r in stand)
    assert max(cloud.app.most_of_a_data_id.values()) == 1
    assert outbox.counts()["postings"] == {"done": 3}
    outbox.close()


def test_the_rate_is_kept_and_a_refusal_stops_with_its_reason(cloud: Server, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o.sqlite")
    outbox.push("record", "u", push("anna@x.example"))
    [row] = outbox.due_sessions(1 << 60)
    body = {"dataId": "d", "callAt": "2026-05-20T08:14:00+07:00", "direction": "in"}
    outbox.enqueue(row, row.state, None, body, {"sha256": "x", "bytes": 1}, "f")
    poster = Poster(outbox, {"token": "crk_view", "base": f"{cloud.url}/api/v1"}, guard=LOCAL)
    with httpx.Client(trust_env=False) as client:
        [posting] = outbox.due_postings(1 << 60)
        poster.step(client, posting)
        assert outbox.listed()[-1] == {"key": "tencent:s", "status": "failed", "reason": "insufficient_scope"}
        assert outbox.due_postings(1 << 60) == []
        poster._pacing = {"most": 1, "windowMs": 60_000, "sentMs": [int(1e15)], "askedMs": None, "heldUntilMs": None}
        poster.step(client, posting)
    assert len(cloud.app.requests) == 1
    outbox.close()
