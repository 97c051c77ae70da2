"""Downloads, requests and postings at their limits: parts that are short, servers that drip, load
that a server tells of."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from callweave.client import Gone, Guard, Later, Outbox, Poster, download, download_async, send, send_async, steps
from clients import BOTH, LOCAL, Fetch, Listening
from http_server import Server

QUICK = {"firstMs": 1, "longestMs": 5, "budgetMs": 3000}
ONE_TRY = {"firstMs": 1, "longestMs": 1, "budgetMs": 0}
WHOLE = bytes(range(256)) * 4


class Parts:
    """A server that gives at most 300 bytes for a range; `ends` tells what it says of the whole."""

    url = ""

    def __init__(self, ends: str) -> None:
        self.ends, self.ranges = ends, list[str | None]()

    def answer(self, http: Any) -> None:
        self.ranges.append(http.headers.get("Range"))
        match = re.fullmatch(r"bytes=(\d+)-", self.ranges[-1] or "")
        if match is None:
            return http.send(200, WHOLE, "audio/wav", ETag='"a"')
        start = int(match[1])
        if start >= len(WHOLE):
            return http.send(416, b"", "text/plain")
        part = WHOLE[start : start + 300]
        said = f"bytes {start}-{start + len(part) - 1}/{self.ends}"
        http.send(206, part, "audio/wav", ETag='"a"', Content_Range=said)


def begun(folder: Path) -> Path:
    """A download of which 100 bytes are there."""
    (folder / "a.part").write_bytes(WHOLE[:100])
    (folder / "a.part.json").write_text(json.dumps({"path": "/a", "validator": '"a"'}))
    return folder / "a"


@BOTH
def test_a_part_that_is_shorter_than_asked_for_is_not_the_end(fetch: Fetch, tmp_path: Path) -> None:
    with Server(Parts("1024")) as server:
        fetch(f"{server.url}/a", begun(tmp_path), guard=LOCAL, policy=QUICK)
        assert (tmp_path / "a").read_bytes() == WHOLE
        assert server.app.ranges == [f"bytes={at}-" for at in (100, 400, 700, 1000)]
    (tmp_path / "a").unlink()
    with Server(Parts("1024")) as server, pytest.raises(Later):
        fetch(f"{server.url}/a", begun(tmp_path), guard=LOCAL, policy=ONE_TRY)
    assert not (tmp_path / "a").exists() and (tmp_path / "a.part").read_bytes() == WHOLE[:400]


@BOTH
@pytest.mark.parametrize("ends", ["*", "300", "-1", "1e9", ""])
def test_a_part_that_does_not_say_how_long_the_whole_is_is_not_taken(fetch: Fetch, ends: str, tmp_path: Path) -> None:
    with Server(Parts(ends)) as server:
        fetch(f"{server.url}/a", begun(tmp_path), guard=LOCAL, policy=QUICK)
        assert (tmp_path / "a").read_bytes() == WHOLE and server.app.ranges == ["bytes=100-", None]


@BOTH
def test_a_whole_that_never_comes_is_never_done(fetch: Fetch, tmp_path: Path) -> None:
    class Longer(Parts):
        def answer(self, http: Any) -> None:
            if http.headers.get("Range") is None:
                self.ranges.append(None)
                return http.send(503, b"", "text/plain")
            super().answer(http)

    with Server(Longer("2000")) as server, pytest.raises(Later):
        fetch(f"{server.url}/a", begun(tmp_path), guard=LOCAL, policy={**QUICK, "budgetMs": 50})
    assert not (tmp_path / "a").exists()


@BOTH
def test_a_redirect_to_nowhere_is_a_refusal(fetch: Fetch, tmp_path: Path) -> None:
    class Nowhere:
        url = ""

        def answer(self, http: Any) -> None:
            http.send(304)

    with Server(Nowhere()) as server, pytest.raises(Gone, match="file_304"):
        fetch(f"{server.url}/a", tmp_path / "a", guard=LOCAL, policy=ONE_TRY)


class Dripping(Listening):
    """A server that sends a beginning at once and then a byte every 20 ms, for eight seconds at
    most."""

    def __init__(self, beginning: bytes, drop: bytes) -> None:
        super().__init__()
        self.beginning, self.drop = beginning, drop

    def serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(1000)
                connection.sendall(self.beginning)
                for _ in range(400):
                    time.sleep(0.02)
                    connection.sendall(self.drop)
            except OSError:
                pass


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
DRIPS = {
    "headers": (OK + b"X-A: ", b"a"),
    "nothing": (b"", b""),
    "head": (OK + b"Content-Length: 9999\r\n\r\n", b"\0"),
    "text": (OK + b"\r\n" + b"a" * 600, b"a"),
    "body": (OK + b"Content-Length: 9999\r\n\r\n" + bytes(600), b"\0"),
    "a body without a length": (OK + b"\r\n" + bytes(600), b""),
    "an extension of a chunk": (CHUNKED + b"258\r\n" + bytes(600) + b"\r\n1;", b"a"),
}


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every transfer has half a second."""
    monkeypatch.setattr(steps, "transfer_limit", lambda _: 500.0)


@BOTH
@pytest.mark.parametrize("what", DRIPS)
@pytest.mark.usefixtures("hurried")
def test_a_server_that_drips_is_not_waited_for(fetch: Fetch, what: str, tmp_path: Path) -> None:
    started = time.monotonic()
    with Dripping(*DRIPS[what]) as server, pytest.raises(Later):
        fetch(f"{server.url}/a", tmp_path / "a", guard=LOCAL, policy=ONE_TRY)
    assert 0.4 < time.monotonic() - started < 6 and not (tmp_path / "a").exists()


@pytest.mark.parametrize("what", ["headers", "nothing", "body"])
@pytest.mark.usefixtures("hurried")
def test_a_request_has_its_time_too(what: str) -> None:
    request = steps.mcloud_request("whoami", {"token": "crk_1"})

    async def asynchronous(url: str) -> Any:
        async with httpx.AsyncClient(trust_env=False, timeout=None) as client:
            return await send_async(client, {**request, "url": url})

    for asynchronously in (False, True):
        started = time.monotonic()
        with Dripping(*DRIPS[what]) as server, httpx.Client(trust_env=False, timeout=None) as client:
            answer = (
                asyncio.run(asynchronous(server.url))
                if asynchronously
                else send(client, {**request, "url": server.url})
            )
        assert answer["status"] is None and 0.4 < time.monotonic() - started < 6


@pytest.mark.usefixtures("hurried")
def test_a_name_that_nobody_resolves_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def silent(*_: Any, **__: Any) -> Any:
        over.wait(30)
        raise OSError("no answer")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    put = steps.mcloud_request("upload", uploadUrl="http://storage.example/a", contentType="audio/wav")
    started = time.monotonic()
    with pytest.raises(Later):
        download("http://recorder.example/a", tmp_path / "a", policy=ONE_TRY)
    with httpx.Client(trust_env=False) as client:
        assert send(client, put, tmp_path / "a.wav", Guard())["status"] is None
    assert 0.8 < time.monotonic() - started < 15
    over.set()


def test_nothing_is_left_open_of_a_download_that_is_aborted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its part is closed at once, and not when its error is forgotten."""
    real, opened = Path.open, list[Any]()

    def noted(path: Path, *mode: Any, **named: Any) -> Any:
        opened.append(real(path, *mode, **named))
        return opened[-1]

    async def aborted(url: str) -> None:
        task = asyncio.create_task(download_async(url, tmp_path / "a", guard=LOCAL))
        while not (tmp_path / "a.part").exists():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as error:
            await task
        assert [out.closed for out in opened if out.name == str(tmp_path / "a.part")] == [True]
        # It held the work's frames until here.
        assert error.tb is not None

    monkeypatch.setattr(Path, "open", noted)
    with Dripping(*DRIPS["body"]) as server:
        asyncio.run(aborted(f"{server.url}/a"))


def test_no_thread_is_left_of_a_download(tmp_path: Path) -> None:
    with Server(Parts("1024")) as server:
        before = threading.active_count()
        for n in range(20):
            download(f"{server.url}/a", tmp_path / f"{n}", guard=LOCAL, policy=QUICK)
        deadline = time.monotonic() + 5
        while threading.active_count() > before + 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threading.active_count() <= before + 2


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(tmp_path / "o.sqlite")
    yield opened
    opened.close()


def push(session: str) -> str:
    return json.dumps({"SessionId": session, "RecordId": "1", "EndpointUser": "a@x.example", "RecordURL": "http://h/a"})


def enqueued(outbox: Outbox, n: int, **more: Any) -> None:
    """A call that is on its way."""
    outbox.push("record", None, push(f"s{n}"))
    row = next(row for row in outbox.due_sessions(1 << 60) if row.key == f"tencent:s{n}")
    body = {"dataId": f"d{n}", "callAt": "2026-05-20T08:14:00+07:00", "direction": "in", **more}
    outbox.enqueue(row, row.state, None, body, {"sha256": "x", "bytes": 1, "contentType": "audio/wav"}, f"f{n}")


def column(outbox: Outbox, names: str) -> Any:
    return outbox._read(f"SELECT {names} FROM posting")[0]


def test_a_posting_that_is_repeated_unchanged_keeps_what_is_known_of_it(
    cloud: Server, outbox: Outbox, tmp_path: Path
) -> None:
    (tmp_path / "f0").write_bytes(b"R")
    outbox.push("record", None, push("s0"))
    body = {"dataId": "d0", "callAt": "2026-05-20T08:14:00+07:00", "direction": "in", "audioPresignedUploadUrl": True}
    audio = {"sha256": "x", "bytes": 1, "contentType": "audio/wav"}
    [row] = outbox.due_sessions(1 << 60)
    outbox.enqueue(row, row.state, None, body, audio, str(tmp_path / "f0"))
    poster = Poster(outbox, {"token": "crk_full", "base": f"{cloud.url}/api/v1"}, guard=LOCAL, policy=QUICK)
    with httpx.Client(trust_env=False) as client:

        def finish() -> None:
            while rows := outbox.due_postings(1 << 60):
                poster.step(client, rows[0])

        finish()
        id = column(outbox, "recording_id")[0]
        assert id in cloud.app.recordings
        outbox._db.execute("""UPDATE posting SET warnings = '["tag_is_not_ours"]'""")
        requests = len(cloud.app.requests)
        outbox.push("record", "again", push("s0"))
        outbox.push("cdr", None, json.dumps({"SessionId": "s0", "Direction": 0}))
        [row] = outbox.due_sessions(1 << 60)
        outbox.enqueue(row, row.state, None, body, audio, str(tmp_path / "f0"))
        finish()
    assert len(cloud.app.requests) == requests, "nothing is left to do"
    assert column(outbox, "status, recording_id, warnings") == ("done", id, '["tag_is_not_ours"]')
    assert [row["reason"] for row in outbox.listed()] == ["tag_is_not_ours"]


class Busy:
    """A server that cannot answer now."""

    url = ""

    def __init__(self, status: int, **headers: str) -> None:
        self.status, self.headers, self.asked = status, headers, 0

    def answer(self, http: Any) -> None:
        self.asked += 1
        http.body()
        http.send(self.status, b"{}", **self.headers)


@pytest.mark.parametrize(("status", "headers", "asked"), [(503, {"Retry_After": "30"}, 1), (429, {}, 1), (503, {}, 3)])
def test_what_the_api_says_of_its_load_holds_for_all_postings(
    status: int, headers: dict[str, str], asked: int, outbox: Outbox
) -> None:
    for n in range(3):
        enqueued(outbox, n)
    with Server(Busy(status, **headers)) as server, httpx.Client(trust_env=False) as client:
        poster = Poster(outbox, {"token": "crk_full", "base": server.url}, guard=LOCAL)
        for row in outbox.due_postings(1 << 60):
            poster.step(client, row)
        assert server.app.asked == asked
    if headers:
        due = outbox._read("SELECT due_ms FROM posting")
        assert all(29_000 < at - time.time() * 1000 < 32_000 for (at,) in due)


def test_a_disk_that_is_full_spoils_no_later_write(outbox: Outbox) -> None:
    [[pages]] = outbox._read("PRAGMA page_count")
    outbox._db.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        for n in range(1000):
            outbox.push("record", None, push(f"s{n}"))
    outbox._db.execute("PRAGMA max_page_count = 1000000")
    assert outbox.push("record", None, push("later")) == "new"


def test_files_are_given_up_with_their_postings_and_sessions_fail_since_a_moment(outbox: Outbox) -> None:
    for n, (reason, due_ms) in enumerate([("validation_failed", None), ("invalid_token", None), ("mix_unreadable", 7)]):
        enqueued(outbox, n)
        row = next(row for row in outbox.due_postings(1 << 60) if row.data_id == f"d{n}")
        outbox.put_posting(row, row.state, due_ms, "failed", reason=reason)
    assert (outbox.files(), outbox.given_up_files()) == ({"f0", "f1", "f2"}, {"f0"})
    outbox.push("record", None, push("open"))
    [row] = outbox.due_sessions(1 << 60)
    assert outbox.unfinished() == {"tencent:open"} and row.failing_ms is None
    outbox.put_failure(row, 5, "recording_unreachable")
    [row] = outbox.due_sessions(1 << 60)
    since = row.failing_ms
    assert since is not None and abs(since - time.time() * 1000) < 60_000
    time.sleep(0.01)
    outbox.put_failure(row, 6, "list_unreachable")
    [row] = outbox.due_sessions(1 << 60)
    assert row.failing_ms == since
    outbox.push("cdr", None, json.dumps({"SessionId": "open", "Direction": 0}))
    [row] = outbox.due_sessions(1 << 60)
    assert row.failing_ms is None and outbox.unfinished() == {"tencent:open"}
    outbox.put_session(row, None, "listed", reason="x")
    assert outbox.unfinished() == set()


def test_while_nothing_runs_nothing_fails(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was off for two days gives no call up at its first try."""
    outbox.push("record", None, push("s"))
    [row] = outbox.due_sessions(1 << 60)
    now = int(time.time() * 1000)
    with monkeypatch.context() as patched:
        patched.setattr("callweave.client.outbox.now_ms", lambda: now - 180_000_000)
        outbox.put_failure(row, now - 179_999_000, "recording_unreachable")
    for _ in range(2):
        assert outbox.revive() == 0
        [row] = outbox.due_sessions(int(time.time() * 1000))
        assert row.failing_ms is not None and 1000 <= time.time() * 1000 - row.failing_ms < 60_000
