"""The example service where providers, disks and people fail: lists that make no sense, calls that
are given up."""

from __future__ import annotations

import json
import os
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from running import SECRET, Running, settings_of, stands, wait

import callweave
import service as example
from calls import tracks_of
from files import TOKEN, Files
from http_server import Server

ENDED = {"callId": "c0", "endedAt": "2018-01-29T16:08:44+08:00"}
FOLDER = ROOT / "fixtures/tencent-transfer"
SLOWER = {"firstMs": 200, "longestMs": 10_000, "budgetMs": 60_000}
AWAY = "http://127.0.0.1:9/a.mp3"


class Lists:
    """A provider that answers every request alike, until it is told another answer."""

    url = ""

    def __init__(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.body, self.status, self.headers, self.asked = body, status, headers, 0

    def answer(self, http: Any) -> None:
        self.asked += 1
        http.send(self.status, self.body, **self.headers)


def wellcloud(source: Server) -> dict[str, Any]:
    return {"wellcloud": {"token": "t", "base": source.url}, "policy": SLOWER}


def voipbin(source: Server) -> dict[str, Any]:
    return {"voipbin": {"token": "t", "base": source.url}, "policy": SLOWER, "poll_s": 0.05, "voipbin_since_ms": 0}


def end(running: Running, call: Any) -> int:
    return running.ask("POST", f"/ended/wellcloud/{SECRET}", call)[0]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"result": 7}'])
def test_a_poll_that_cannot_be_read_is_told_and_asked_for_ever_later(
    body: bytes, cloud: Server, tmp_path: Path
) -> None:
    with Server(Lists(body)) as source, Running(tmp_path, cloud, **voipbin(source)) as running:
        wait(lambda: running.ask("GET", "/health")[1]["polling"])
        assert running.ask("GET", "/health")[1]["polling"] == {"voipbin": "list_unreadable"}
        time.sleep(1.8)
        # Tries at 0, 0.1, 0.3, 0.7, 1.5 s at the earliest.
        assert 1 < source.app.asked <= 6
        source.app.body = b'{"result": [], "next_page_token": ""}'
        wait(lambda: not running.ask("GET", "/health")[1]["polling"])


def test_a_record_of_a_time_to_come_hides_no_other(cloud: Server, tmp_path: Path) -> None:
    """By a wrong clock: walks still go as far back as one is late by."""

    def record(id: str, at: datetime) -> dict[str, Any]:
        return {"id": id, "reference_id": id, "status": "recording", "tm_create": f"{at:%Y-%m-%d %H:%M:%S.%f}"}

    now = datetime.now(timezone.utc)
    with Server(Files(tmp_path)) as source:
        source.app.records = [record("future", now + timedelta(days=9)), record("first", now - timedelta(minutes=5))]
        api = {"token": TOKEN, "base": f"{source.url}/v1.0"}
        with Running(tmp_path / "data", cloud, **{**voipbin(source), "voipbin": api}) as running:
            wait(lambda: running.service.outbox.counts()["sessions"].get("waiting") == 2)
            source.app.records += [record(f"r{n}", now - timedelta(seconds=n)) for n in range(150)]
            wait(lambda: running.service.outbox.counts()["sessions"].get("waiting") == 152)


def test_a_list_that_cannot_be_read_is_told_and_asked_for_ever_later(cloud: Server, tmp_path: Path) -> None:
    with Server(Lists(b"<html>")) as source, Running(tmp_path, cloud, **wellcloud(source)) as running:
        assert end(running, ENDED) == 202
        time.sleep(1.8)
        assert 1 < source.app.asked <= 6
        assert running.ask("GET", "/health")[1]["failing"] == {"list_unreadable": 1}
        assert list(running.listed().values()) == ["list_unreadable"]


def test_what_a_provider_says_of_its_load_holds_for_all_its_sessions(cloud: Server, tmp_path: Path) -> None:
    with (
        Server(Lists(b"{}", 503, Retry_After="30")) as source,
        Running(tmp_path, cloud, **wellcloud(source)) as running,
    ):
        assert end(running, ENDED) == 202
        wait(lambda: running.listed())
        for n in range(1, 4):
            assert end(running, {**ENDED, "callId": f"c{n}"}) == 202
        wait(lambda: len(running.listed()) == 4)
        assert source.app.asked == 1


@pytest.mark.parametrize(
    "wrong",
    [
        "2018-01-29T16:08:44", "2018-01-29", "2018-02-31T16:08:44+08:00", "yesterday", "", 1517213324, True,
        "9999-12-31T23:59:59Z", "2018-01-29 16:08:44+08:00", "2018-01-29T24:00:00+08:00", ["2018-01-29T16:08:44+08:00"],
    ],
)  # fmt: skip
def test_a_wrong_end_of_a_call_is_refused(wrong: Any, cloud: Server, tmp_path: Path) -> None:
    with Server(Lists(b"[]")) as source, Running(tmp_path, cloud, **wellcloud(source)) as running:
        assert end(running, {"callId": "c0", "endedAt": wrong}) == 400
        assert running.ask("GET", "/health")[1]["sessions"] == {} and source.app.asked == 0
        assert end(running, {"callId": "c0", "endedAt": None}) == 202


def track(session: str, **more: Any) -> dict[str, Any]:
    """The push of a recording that can never be had."""
    push = json.loads((FOLDER / "pushes.json").read_text())[0]
    return {**push, "SessionId": session, "CustomRecordURL": None, "RecordURL": AWAY, **more}


def folders(path: Path) -> list[str]:
    return sorted(found.name for found in path.iterdir()) if path.is_dir() else []


def test_recordings_of_a_call_that_is_given_up_are_taken_away(cloud: Server, tmp_path: Path) -> None:
    policy = {"firstMs": 5, "longestMs": 20, "budgetMs": 50, "restMs": 100}
    with Server(Files(FOLDER)) as files, Running(tmp_path, cloud, policy=policy, give_up_s=1.5) as running:
        here = json.loads((FOLDER / "pushes.json").read_text())[0]["RecordURL"].rsplit("/", 1)[1]
        running.push(track("s", EndpointUser="+447700900187", RecordURL=f"{files.url}/files/{here}"))
        running.push(track("s", RecordId="2", EndpointUser="anna@x.example"))
        wait(lambda: folders(tmp_path / "tracks"))
        wait(lambda: running.ask("GET", "/health")[1]["failing"] == {"recording_unreachable": 1})
        assert folders(tmp_path / "tracks") == [tracks_of(running.service.settings, "tencent:s").name]
        wait(lambda: running.ask("GET", "/health")[1]["failing"] == {})
        assert running.listed() == {"tencent:s": "recording_unreachable"}
        wait(lambda: folders(tmp_path / "tracks") == [])
        assert stands(cloud) == []


def test_a_call_that_is_old_has_its_day_too(cloud: Server, tmp_path: Path) -> None:
    """A leg that comes a day later, and cannot be had at once, is waited for like the first."""
    policy = {"firstMs": 5, "longestMs": 20, "budgetMs": 50, "restMs": 100}
    with Running(tmp_path, cloud, policy=policy, give_up_s=60.0) as running:
        day_ago = int(time.time() * 1000) - 90_000_000
        running.service.outbox.push("record", None, json.dumps(track("s", EndpointUser="a@x.example")), at_ms=day_ago)
        running.push(track("s", RecordId="2", EndpointUser="+447700900187"))
        wait(lambda: running.ask("GET", "/health")[1]["failing"])
        time.sleep(0.5)
        assert running.ask("GET", "/health")[1]["failing"] == {"recording_unreachable": 1}


def test_what_a_kill_left_is_swept_and_what_is_needed_is_not(cloud: Server, tmp_path: Path) -> None:
    """Of a service that does not run, so that nothing but the sweep touches the files."""
    patience = {"settleMs": 60_000, "deadlineMs": 60_000, "expectsCdr": False}
    service = example.Service(settings_of(tmp_path, cloud, patience=patience, give_up_s=3600.0))
    service.push("record", None, json.dumps(track("open")))
    open_one = tracks_of(service.settings, "tencent:open")
    left = tracks_of(service.settings, "tencent:left")
    for folder in (open_one, left):
        folder.mkdir(parents=True)
        (folder / "a").write_bytes(b"RIFF")
    mixes = tmp_path / "mixes"
    mixes.mkdir()
    hours = time.time() - 7200
    for name, reason in (("old", "validation_failed"), ("new", "validation_failed"), ("key", "invalid_token")):
        (mixes / name).write_bytes(b"RIFF")
        os.utime(mixes / name, (hours, hours if name != "new" else time.time() - 100))
        refused(service.outbox, name, str(mixes / name), reason)
    (mixes / "nobodys").write_bytes(b"RIFF")
    os.utime(mixes / "nobodys", (hours, hours))
    service._sweep()
    assert not left.exists() and folders(mixes) == ["key", "new"]
    assert (open_one / "a").read_bytes() == b"RIFF"
    service.outbox.close()


def test_a_start_sweeps_on_a_machine_that_started_just_now(
    cloud: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, start = time.monotonic, time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: clock() - start)
    monkeypatch.setattr(example, "STALE_FILE_S", 3600.0)
    left = tmp_path / "tracks/left"
    left.mkdir(parents=True)
    with Running(tmp_path, cloud):
        wait(lambda: not left.exists())


def refused(outbox: Any, name: str, file: str, reason: str) -> None:
    """A posting that MCloud refused."""
    outbox.push("cdr", None, json.dumps({"SessionId": name, "Direction": 0}), at_ms=0)
    row = next(row for row in outbox.due_sessions(1 << 60, 100) if row.key == f"tencent:{name}")
    body = {"dataId": name, "callAt": "2026-05-20T08:14:00+07:00", "direction": "in"}
    assert outbox.enqueue(row, row.state, None, body, {"sha256": "x", "bytes": 4, "contentType": "audio/wav"}, file)
    outbox._db.execute(
        "UPDATE posting SET status = 'failed', due_ms = NULL, reason = ? WHERE data_id = ?", (reason, name)
    )


def pushed(running: Running, files: Server) -> None:
    for push in json.loads((FOLDER / "pushes.json").read_text()):
        url = f"{files.url}/files/{push['RecordURL'].rsplit('/', 1)[1]}"
        running.push({**push, "RecordURL": url, "CustomRecordURL": None})


@pytest.mark.parametrize("what", ["process", "write", "track"])
def test_what_the_machine_cannot_do_is_tried_again(
    what: str, cloud: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, a file that the system does not read: neither is the call's fault."""
    full = callweave.errors.IoError("no space left on device", errno=28)

    def fail(*_: object, **__: object) -> Any:
        raise full

    real = callweave.process
    with Server(Files(FOLDER)) as files:
        with monkeypatch.context() as patched, Running(tmp_path, cloud) as running:
            if what == "write":
                patched.setattr(callweave.Processed, "write", fail)
            elif what == "process":
                patched.setattr(callweave, "process", fail)
            else:
                patched.setattr(callweave, "process", lambda call, **more: real(unreadable(call), **more))
            pushed(running, files)
            wait(lambda: running.listed())
            assert running.ask("GET", "/health")[1]["failing"] == {"io": 1} and stands(cloud) == []
        with Running(tmp_path, cloud) as running:
            wait(lambda: stands(cloud) and running.rests())
            assert running.listed() == {}


def test_a_mix_is_not_swept_between_its_place_and_its_posting(
    cloud: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine may be slow: a mix can be minutes old before its posting is stored."""
    with Server(Files(FOLDER)) as files, Running(tmp_path, cloud) as running:
        service, sweeps = running.service, list[threading.Thread]()
        enqueue = service.outbox.enqueue

        def slowly(*given: Any, **named: Any) -> bool:
            for mix in (tmp_path / "mixes").iterdir():
                os.utime(mix, (0, 0))
            service._swept = -1000.0
            sweeps.append(threading.Thread(target=service._sweep))
            sweeps[-1].start()
            sweeps[-1].join(0.5)
            return enqueue(*given, **named)

        monkeypatch.setattr(service.outbox, "enqueue", slowly)
        pushed(running, files)
        wait(lambda: stands(cloud) and running.rests())
        assert sweeps and running.listed() == {} and stands(cloud)[0].extractions == 1


def unreadable(call: Any) -> Any:
    """The call, of which a file is gone that was there a moment before."""
    [first, *_] = sorted(call.audio)
    Path(call.audio[first]).unlink()
    return call


def test_no_level_of_the_log_tells_keys(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    import logging

    monkeypatch.setattr(example.Settings, "of", lambda _: (_ for _ in ()).throw(ValueError("stop")))
    monkeypatch.setattr("sys.argv", ["service.py"])
    with pytest.raises(SystemExit, match="stop"):
        example.main()
    assert {logging.getLogger(name).level for name in ("httpx", "httpcore")} == {logging.WARNING}
