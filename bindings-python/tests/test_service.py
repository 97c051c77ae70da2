"""The example service end to end, against the local servers: from a provider's push to MCloud's
door."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from running import SECRET, Running, stands, wait

import callweave

import calls as service_calls
from files import Files
from http_server import Server
from mcloud_rules import B1

FOLDER = ROOT / "fixtures/tencent-transfer"
DATA_ID = "tencent_dc2d0354eceb453ac40ec7bdd4b09654"


@pytest.fixture
def files() -> Iterator[Server]:
    with Server(Files(FOLDER)) as running:
        yield running


def pushes(files: Server, how: str = "files") -> list[dict[str, Any]]:
    """The fixture's pushes with addresses of the local server."""
    read: list[dict[str, Any]] = json.loads((FOLDER / "pushes.json").read_text())
    for push in read:
        push["RecordURL"] = f"{files.url}/{how}/{push['RecordURL'].rsplit('/', 1)[1]}"
        push["CustomRecordURL"] = None
    return read


def test_from_the_pushes_to_mcloud(files: Server, cloud: Server, tmp_path: Path) -> None:
    with Running(tmp_path, cloud) as running:
        for push in pushes(files):
            assert running.push(push) == (200, {"ErrCode": 0, "ErrMsg": ""})
        wait(lambda: stands(cloud) and running.rests())
        assert running.listed() == {}
    [made] = stands(cloud)
    assert made.fields == {
        "dataId": DATA_ID,
        "callAt": "2026-05-21T09:40:09+07:00",
        "direction": "in",
        "customerPhone": "+447700900187",
        "tag": "normal",
        "contentType": "audio/wav",
        "audioPresignedUploadUrl": True,
        "note": "outcome: conversation",
    }
    assert made.extractions == 1 and made.audio_type == "audio/wav"
    mix = callweave.process(str(FOLDER / "pushes.json")).mix()
    heard = callweave.decode(made.audio, dtype="int16")
    assert (heard.samples == mix.samples).all()


def cdr(direction: int, agents: list[str]) -> dict[str, Any]:
    session = json.loads((FOLDER / "pushes.json").read_text())[0]["SessionId"]
    listed = [{"Mail": mail, "Sequence": n, "AcceptTimestamp": 1_779_331_211} for n, mail in enumerate(agents)]
    ends = ("07700900187", "02079460000")
    caller, callee = ends if direction == 0 else reversed(ends)
    return {
        "SessionId": session, "Caller": caller, "Callee": callee, "Direction": direction,
        "ServeParticipants": listed, "AcceptTimestamp": 1_779_331_211,
    }  # fmt: skip


def test_an_outbound_call_is_one_and_a_third_leg_is_waited_for(files: Server, cloud: Server, tmp_path: Path) -> None:
    agents = ["ben@lakeside-cycles.example", "carla@lakeside-cycles.example"]
    carla = [push for push in pushes(files) if push["EndpointUser"] == agents[1]]
    others = [push for push in pushes(files) if push not in carla]
    with Running(tmp_path, cloud, directions={}) as running:
        running.push(cdr(1, agents), "cdr", "u1")
        for push in others:
            running.push(push)
        time.sleep(0.6)
        assert stands(cloud) == []
        running.push(carla[0])
        wait(lambda: stands(cloud) and running.rests())
    [made] = stands(cloud)
    assert (made.fields["direction"], made.fields["dataId"], made.extractions) == ("out", DATA_ID, 1)


def test_a_leg_that_comes_later_makes_the_record_anew(files: Server, cloud: Server, tmp_path: Path) -> None:
    all_of_them = pushes(files)
    late = [push for push in all_of_them if push["EndpointUser"].startswith("carla")]
    with Running(tmp_path, cloud) as running:
        for push in (push for push in all_of_them if push not in late):
            running.push(push)
        wait(lambda: stands(cloud) and stands(cloud)[0].extractions == 1)
        first = stands(cloud)[0].audio
        stands(cloud)[0].fields["tag"] = "other"
        running.push(late[0])
        wait(lambda: stands(cloud)[0].extractions == 2 and running.rests())
        [made] = stands(cloud)
        assert made.audio != first and made.fields["tag"] == "other"
        assert list(running.listed().values()) == ["tag_is_not_ours"]
        requests = len(cloud.app.requests)
        running.push(late[0])
        time.sleep(0.5)
        assert len(cloud.app.requests) == requests


def test_a_leg_that_cannot_be_had_for_now_holds_the_call(files: Server, cloud: Server, tmp_path: Path) -> None:
    few = pushes(files)
    away = few[0]["RecordURL"]
    few[0]["RecordURL"] = "http://127.0.0.1:9/files/" + away.rsplit("/", 1)[1]
    repeats = [push for push in few[1:] if push["EndpointUser"] != few[0]["EndpointUser"]]
    with Running(tmp_path, cloud) as running:
        for push in [few[0], *repeats]:
            running.push(push)
        time.sleep(2.5)
        assert stands(cloud) == [] and not running.rests()
        running.push({**few[0], "CustomRecordURL": away})
        wait(lambda: stands(cloud) and running.rests())
        assert running.listed() == {}


def test_a_leg_that_is_gone_is_told(files: Server, cloud: Server, tmp_path: Path) -> None:
    few = [push for push in pushes(files) if not push["EndpointUser"].startswith("carla")]
    for push in few:
        if push["EndpointUser"].startswith("ben"):
            push["RecordURL"] = push["RecordURL"].replace("/files/", "/none/")
    with Running(tmp_path, cloud) as running:
        for push in few:
            running.push(push)
        wait(lambda: stands(cloud) and running.rests())
        assert list(running.listed().values()) == ["incomplete: file_gone"]
    assert stands(cloud)[0].fields["note"].endswith("recordings missing: 1")


def test_what_nobody_says_is_listed_and_not_guessed(files: Server, cloud: Server, tmp_path: Path) -> None:
    with Running(tmp_path, cloud, directions={}) as running:
        for push in pushes(files):
            running.push(push)
        wait(lambda: running.listed())
        assert list(running.listed().values()) == ["direction_unknown"]
        running.push(cdr(0, ["ben@lakeside-cycles.example", "carla@lakeside-cycles.example"]), "cdr")
        wait(lambda: stands(cloud) and running.rests())
        assert running.listed() == {}
    assert stands(cloud)[0].fields["direction"] == "in"


def test_a_page_instead_of_every_track_is_listed(files: Server, cloud: Server, tmp_path: Path) -> None:
    with Running(tmp_path, cloud) as running:
        for push in pushes(files, "page"):
            running.push(push)
        wait(lambda: running.listed())
        assert stands(cloud) == []


@pytest.mark.parametrize(
    ("token", "business", "reason"),
    [
        ("crk_nobody", None, "invalid_token"),
        ("crk_revoked", None, "token_disabled"),
        ("crk_view", None, "insufficient_scope"),
        ("crk_account", None, "business_required"),
        ("crk_account", "b3", "forbidden_business"),
    ],
)
def test_what_is_refused_is_listed(
    files: Server,
    cloud: Server,
    tmp_path: Path,
    token: str,
    business: str | None,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "service")
    more = {} if business is None else {"business": business}
    with Running(tmp_path, cloud, token=token, **more) as running:
        for push in pushes(files):
            running.push(push)
        wait(lambda: running.listed())
        assert list(running.listed().values()) == [reason]
    failed = [json.loads(line.message) for line in caplog.records if '"posting_failed"' in line.message]
    assert [line["reason"] for line in failed] == [reason] and token not in caplog.text
    with Running(tmp_path, cloud) as running:
        wait(lambda: stands(cloud) and running.rests())
        assert running.listed() == {} and stands(cloud)[0].extractions == 1


def test_an_account_key_names_its_business(files: Server, cloud: Server, tmp_path: Path) -> None:
    with Running(tmp_path, cloud, token="crk_account", business=B1) as running:
        for push in pushes(files):
            running.push(push)
        wait(lambda: stands(cloud) and running.rests())
    assert stands(cloud)[0].business == B1


class Slow:
    """A server whose answers begin and do not go on before it is told."""

    url = ""

    def __init__(self) -> None:
        self.asked, self.end = 0, threading.Event()

    def answer(self, http: Any) -> None:
        self.asked += 1
        http.send_response(200)
        http.end_headers()
        self.end.wait(60)
        http.close_connection = True


def test_a_slow_server_holds_up_no_other_session(files: Server, cloud: Server, tmp_path: Path) -> None:
    with Server(Slow()) as slow, Running(tmp_path, cloud) as running:
        track = {**pushes(files)[0], "RecordURL": f"{slow.url}/a.mp3"}
        for n in range(3):
            for user in ("+447700900187", "anna@x.example"):
                running.push({**track, "SessionId": f"slow{n}", "EndpointUser": user, "RecordId": user})
        wait(lambda: slow.app.asked >= 3)
        for push in pushes(files):
            running.push(push)
        wait(lambda: stands(cloud) and stands(cloud)[0].extractions)
        assert not slow.app.end.is_set() and slow.app.asked == 3
        slow.app.end.set()


def test_a_failure_is_stored_with_its_reason_and_the_loop_goes_on(
    files: Server, cloud: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "service")
    with monkeypatch.context() as patched:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device", "/secret/0812345678.wav")

        patched.setattr(service_calls, "_kept", full)
        with Running(tmp_path, cloud) as running:
            for push in pushes(files):
                running.push(push)
            wait(lambda: running.listed())
            assert list(running.listed().values()) == ["ENOSPC"]
            assert running.ask("GET", "/health")[1]["failing"] == {"ENOSPC": 1}
    told = [json.loads(line.message) for line in caplog.records if '"failure"' in line.message]
    assert told[0]["reason"] == "ENOSPC" and told[0]["where"].startswith("test_service.py:")
    assert "0812345678" not in caplog.text
    with Running(tmp_path, cloud) as running:
        wait(lambda: stands(cloud) and running.rests())
        assert running.listed() == {}


def test_only_who_knows_the_secret_may_push(files: Server, cloud: Server, tmp_path: Path) -> None:
    with Running(tmp_path, cloud) as running:
        for secret in ("", "c0ffee00c0ffee0", SECRET + "0", SECRET.upper(), "%00"):
            assert running.ask("POST", f"/push/{secret}?action=record", pushes(files)[0])[0] == 404
            assert running.ask("GET", f"/listed/{secret}")[0] == 404
        for body in ("", "{", "[" * 5000, "[]", "1"):
            status, answer = running.push(body)
            assert (status, answer["ErrCode"]) == (200, 1), body
        assert running.push(b" " * (1 << 19))[0] == 413
        assert running.ask("GET", "/health")[1]["sessions"] == {}


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("GET http://[ HTTP/1.1", b"400"),
        ("POST http://[ HTTP/1.1", b"400"),
        (f"POST /push/{SECRET}?action=record HTTP/1.1\r\nContent-Length: \xb2", b"400"),
        (f"POST /push/{SECRET}?action=record HTTP/1.1\r\nTransfer-Encoding: chunked", b"411"),
    ],
)
def test_no_request_breaks_the_door(lines: str, status: bytes, cloud: Server, tmp_path: Path) -> None:
    with Running(tmp_path, cloud) as running:
        port = running.server.server_address[1]
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(f"{lines}\r\nHost: a\r\n\r\n".encode("latin-1"))
            assert connection.recv(100).split()[1] == status
        assert running.ask("GET", "/health")[0] == 200


def environment(cloud: Server, folder: Path) -> dict[str, str]:
    return {
        **os.environ, "DATA": str(folder), "PUSH_SECRET": SECRET, "MCLOUD_TOKEN": "crk_full",
        "MCLOUD_URL": f"{cloud.url}/api/v1", "TRACK_HOSTS": "127.0.0.1", "ALLOW_PRIVATE_ADDRESSES": "1",
    }  # fmt: skip


def test_it_starts_by_one_command_says_nothing_personal_and_stops_gracefully(
    files: Server, cloud: Server, tmp_path: Path
) -> None:
    program = ROOT / "bindings-python/examples/service/service.py"
    env = {**environment(cloud, tmp_path), "EXPECT_CDR": "0", "SETTLE_S": "0.1", "TENCENT_DIRECTION": "in"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, program, "--port", "0"], env=env, stdout=pipe, stderr=pipe, text=True
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        port = int(child.stdout.readline())
        for push in pushes(files):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("POST", f"/push/{SECRET}?action=record", json.dumps(push))
            assert connection.getresponse().status == 200
            connection.close()
        wait(lambda: stands(cloud) and stands(cloud)[0].extractions)
        child.terminate()
        log = child.stderr.read()
    assert child.returncode == 0
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert {"push", "made", "stopped"} <= set(events)
    for secret in (SECRET, "7700900187", "lakeside", "crk_full", "http:", pushes(files)[0]["SessionId"]):
        assert secret not in log


def test_a_soak_in_small() -> None:
    command = [sys.executable, ROOT / "tests/soak/soak.py", "--service", "python", "--sessions", "26", "--kills", "3"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads(run.stdout)
    assert result["wrong"] == [] and result["right"] + result["listed"] == 26 and result["kills"] == 3


def test_the_example_is_typed(tmp_path: Path) -> None:
    folder = ROOT / "bindings-python/examples/service"
    names = sorted(path.name for path in folder.glob("*.py"))
    command = [sys.executable, "-m", "mypy", "--strict", *names, "--cache-dir", str(tmp_path)]
    env = {**os.environ, "MYPYPATH": str(ROOT / "bindings-python/python")}
    run = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
