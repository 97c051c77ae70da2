"""The outbox and the poster: what is kept when a process is killed, and what is brought to an
MCloud that fails."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import callweave
import httpx
import pytest
from callweave.client import Guard, Outbox, Poster
from clients import LOCAL
from http_server import Nasty, Server

QUICK = {"firstMs": 1, "longestMs": 20, "budgetMs": 3000}


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
    assert outbox.counts() == {"sessions": {"waiting": 1}, "postings": {}, "failing": {}, "stray": 1}
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
    audio = {"sha256": "x", "bytes": 1, "contentType": "audio/wav"}
    outbox.push("record", "u2", push("+66812345678"))
    assert not outbox.enqueue(row, row.state, None, body, audio, "f") and outbox.counts()["postings"] == {}
    [row] = outbox.due_sessions(1 << 60)
    with pytest.raises(callweave.Error):
        outbox.enqueue(row, row.state, None, {**body, "direction": "up"}, audio, "f")
    assert outbox.counts()["sessions"] == {"waiting": 1}
    assert outbox.enqueue(row, row.state, None, body, audio, "f") and outbox.files() == {"f"}
    assert outbox.counts() == {"sessions": {"handled": 1}, "postings": {"waiting": 1}, "failing": {}, "stray": 0}
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
        outbox.enqueue(
            row,
            row.state,
            None,
            body,
            {"sha256": "x", "bytes": 4000, "contentType": "audio/wav"},
            str(tmp_path / "mix.wav"),
        )
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
    outbox.enqueue(row, row.state, None, body, {"sha256": "x", "bytes": 1, "contentType": "audio/wav"}, "f")
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


def uploading(outbox: Outbox, poster: Poster, client: httpx.Client, file: str) -> None:
    """A posting whose next request is its upload."""
    outbox.push("record", "u", push("anna@x.example"))
    [row] = outbox.due_sessions(1 << 60)
    body = {"dataId": "d", "callAt": "2026-05-20T08:14:00+07:00", "direction": "in", "audioPresignedUploadUrl": True}
    outbox.enqueue(row, row.state, None, body, {"sha256": "x", "bytes": 1, "contentType": "audio/wav"}, file)
    [posting] = outbox.due_postings(1 << 60)
    poster.step(client, posting)


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("reason", ["mix_unreadable", "address_refused"])
def test_a_step_that_fails_here_is_stored_and_waited_for(way: str, reason: str, cloud: Server, tmp_path: Path) -> None:
    outbox, mix = Outbox(tmp_path / "o.sqlite"), tmp_path / "mix.wav"
    api = {"token": "crk_full", "base": f"{cloud.url}/api/v1"}
    poster = Poster(outbox, api, guard=Guard() if reason == "address_refused" else LOCAL)
    if reason == "address_refused":
        mix.write_bytes(b"R")
    with httpx.Client(trust_env=False) as client:
        uploading(outbox, poster, client, str(mix))

        async def again(row: Any) -> str | None:
            async with httpx.AsyncClient(trust_env=False) as asynchronous:
                return await poster.step_async(asynchronous, row)

        dues = []
        for _ in range(4):
            started = time.time() * 1000
            [row] = outbox.due_postings(1 << 60)
            told = asyncio.run(again(row)) if way == "async" else poster.step(client, row)
            assert told == reason
            due = outbox.next_due() or 0
            assert outbox.due_postings(due - 1) == [] and due - started > 200, "it waits"
            dues.append(due - started)
            assert outbox.listed()[-1]["status"] == "failed" and outbox.listed()[-1]["reason"] == reason
            assert outbox.files() == {str(mix)}
        assert dues[0] < dues[-1] < 30_000, "ever more slowly"
        outbox.close()
        outbox = Outbox(tmp_path / "o.sqlite")
        assert outbox.counts()["postings"] == {"failed": 1}
        mix.write_bytes(b"R")
        poster = Poster(outbox, api, guard=LOCAL, policy=QUICK)
        while rows := outbox.due_postings(1 << 60):
            poster.step(client, rows[0])
    assert outbox.counts()["postings"] == {"done": 1} and outbox.listed() == [] and outbox.files() == set()
    outbox.close()


def test_what_the_key_is_refused_for_waits_for_another_key_with_its_mix(cloud: Server, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o.sqlite")
    poster = Poster(outbox, {"token": "crk_view", "base": f"{cloud.url}/api/v1"}, guard=LOCAL)
    with httpx.Client(trust_env=False) as client:
        uploading(outbox, poster, client, "mix.wav")
    outbox.add_call("wellcloud", "c", 0)
    [row] = outbox.due_sessions(1 << 60, provider="wellcloud")
    assert outbox.put_failure(row, None, "wellcloud_401")
    assert outbox.refused() == {"wellcloud": "wellcloud_401", "mcloud": "insufficient_scope"}
    assert outbox.files() == {"mix.wav"} and outbox.next_due() is None
    assert outbox.counts()["failing"] == {"wellcloud_401": 1}
    assert {"key": "wellcloud:c", "status": "failing", "reason": "wellcloud_401"} in outbox.listed()
    assert outbox.revive() == 2 and outbox.refused() == {} and outbox.next_due() == 0
    [row] = outbox.due_sessions(1 << 60, provider="wellcloud")
    outbox.put_failure(row, 7, "ENOSPC")
    [row] = outbox.due_sessions(1 << 60, provider="wellcloud")
    assert outbox.revive() == 0 and outbox.put_session(row, 9) and outbox.counts()["failing"] == {}
    outbox.close()


def test_an_outbox_of_before_is_read(tmp_path: Path) -> None:
    import sqlite3

    db = sqlite3.connect(tmp_path / "o.sqlite")
    db.execute(
        "CREATE TABLE session (key TEXT PRIMARY KEY, provider TEXT NOT NULL, state TEXT NOT NULL, due_ms INTEGER,"
        " status TEXT NOT NULL, reason TEXT, seen_ms INTEGER NOT NULL, version INTEGER NOT NULL)"
    )
    db.close()
    outbox = Outbox(tmp_path / "o.sqlite")
    assert outbox.push("record", "u1", push("+66812345678")) == "new" and outbox.counts()["failing"] == {}
    outbox.close()
