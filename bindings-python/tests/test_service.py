"""The example service end to end, against the local servers: from Tencent's push to MCloud's door."""

from __future__ import annotations

import hashlib
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

import httpx
import pytest
from conftest import ROOT

import callweave
from callweave import provider

sys.path[:0] = [str(ROOT / "tests/servers"), str(ROOT / "bindings-python/examples/service")]

import fetch as fetching  # noqa: E402
from api import Api, ApiFailure  # noqa: E402
from fetch import Guard, Refused, fetch  # noqa: E402
from files import Files  # noqa: E402
from http_server import Server  # noqa: E402
from mcloud import Mcloud  # noqa: E402
from mcloud_rules import B1  # noqa: E402
from service import Service, listen  # noqa: E402

SECRET = "c0ffee00c0ffee00"
FOLDER = ROOT / "fixtures/tencent-transfer"
LOCAL = Guard(["127.0.0.1"], allow_private=True)


@pytest.fixture
def files() -> Iterator[Server]:
    with Server(Files(FOLDER)) as running:
        yield running


@pytest.fixture
def cloud() -> Iterator[Server]:
    with Server(Mcloud()) as running:
        yield running


def pushes(files: Server, how: str = "files") -> list[dict[str, Any]]:
    """The fixture's pushes with addresses of the local server."""
    read: list[dict[str, Any]] = json.loads((FOLDER / "pushes.json").read_text())
    for push in read:
        push["RecordURL"] = f"{files.url}/{how}/{push['RecordURL'].rsplit('/', 1)[1]}"
        push["CustomRecordURL"] = None
    return read


def service_of(
    cloud: Server, token: str = "crk_full", guard: Guard = LOCAL, settle_s: float = 0.2, **more: Any
) -> Service:
    client = httpx.Client(trust_env=False, timeout=10)
    api = Api(f"{cloud.url}/api/v1", token, pause_s=0.01, client=client, **more)
    return Service(api, guard, SECRET, country_code="44", trunk_prefix="0", settle_s=settle_s)


@pytest.fixture
def running(cloud: Server) -> Iterator[tuple[Service, int]]:
    service = service_of(cloud)
    server = listen(service, 0)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield service, server.server_address[1]
    server.shutdown()
    server.server_close()


def push_to(port: int, body: Any, secret: str = SECRET) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    connection.request(
        "POST", f"/push/{secret}?action=record&version=1", data, {"Content-Type": "application/json;charset=utf8"}
    )
    answer = connection.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        connection.close()


def fault(cloud: Server, **fields: Any) -> None:
    cloud.app.faults.append(fields)


def wait(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def one(cloud: Server) -> Any:
    [recording] = cloud.app.recordings.values()
    return recording


def test_from_the_pushes_to_mcloud(files: Server, cloud: Server, running: tuple[Service, int]) -> None:
    service, port = running
    for push in pushes(files):
        assert push_to(port, push) == (200, b'{"ErrCode": 0, "ErrMsg": ""}')
    wait(lambda: service.failures or any(r.fields.get("note") for r in cloud.app.recordings.values()))
    assert service.failures == []
    made = one(cloud)
    assert made.fields == {
        "dataId": "tencent_dc2d0354eceb453ac40ec7bdd4b09654",
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


def test_a_push_that_comes_later_is_the_same_recording(files: Server, cloud: Server) -> None:
    service = service_of(cloud)
    some, all_of_them = pushes(files)[:2], pushes(files)
    first = service.handle(some)
    before = hashlib.sha256(one(cloud).audio).digest()
    assert service.handle(all_of_them) == first and service.handle(all_of_them) == first
    assert hashlib.sha256(one(cloud).audio).digest() != before
    assert one(cloud).extractions == 3


def test_a_track_that_cannot_be_had_does_not_stop_the_call(files: Server, cloud: Server) -> None:
    service, few = service_of(cloud), pushes(files)
    few[0]["RecordURL"] = few[0]["RecordURL"].replace("/files/", "/gone/")
    service.handle(few)
    assert len(one(cloud).audio) > 44
    few[0]["CustomRecordURL"] = pushes(files)[0]["RecordURL"]
    service.handle(few)
    assert sum(request.startswith("GET /files/") for request in files.app.requests) == 2 + 3
    with pytest.raises(callweave.Error):
        service.handle(pushes(files, "gone"))


def failure(service: Service, files: Server) -> tuple[int, str | None]:
    with pytest.raises(ApiFailure) as caught:
        service.handle(pushes(files))
    return caught.value.error.status, caught.value.error.code


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("", (401, "missing_token")),
        ("crk_nobody", (401, "invalid_token")),
        ("crk_revoked", (401, "token_disabled")),
        ("crk_view", (403, "insufficient_scope")),
        ("crk_account", (400, "business_required")),
    ],
)
def test_what_a_retry_does_not_cure_is_tried_once(
    files: Server, cloud: Server, token: str, expected: tuple[int, str]
) -> None:
    assert failure(service_of(cloud, token), files) == expected
    assert len(cloud.app.requests) == 1 and not cloud.app.recordings


def test_a_scope_that_lacks_for_the_review_alone(files: Server, cloud: Server) -> None:
    assert failure(service_of(cloud, "crk_ingest"), files) == (403, "insufficient_scope")
    assert one(cloud).audio and cloud.app.requests[-1].startswith("PATCH")


def test_an_account_key_names_its_business(files: Server, cloud: Server) -> None:
    service_of(cloud, "crk_account", business=B1).handle(pushes(files))
    assert one(cloud).business == B1
    assert failure(service_of(cloud, "crk_account", business="b3"), files) == (403, "forbidden_business")


def test_a_body_with_mistakes(files: Server, cloud: Server) -> None:
    service = service_of(cloud)
    fault(cloud, at="POST /recordings", code="validation_failed")
    assert failure(service, files) == (422, "validation_failed")
    with pytest.raises(ApiFailure, match="validation_failed"):
        service.api.create({"dataId": "a"})  # type: ignore[typeddict-item]
    assert len(cloud.app.requests) == 2


def test_too_many_requests_are_repeated_after_a_pause(files: Server) -> None:
    with Server(Mcloud(rate=1, window_s=0.15)) as cloud:
        service = service_of(cloud, tries=8)
        service.handle(pushes(files))
        assert one(cloud).fields["note"]
        assert len(cloud.app.requests) > 3


def test_each_pause_is_twice_as_long_as_the_one_before(files: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("api.time.sleep", pauses.append)
    with Server(Mcloud(rate=0)) as cloud:
        assert failure(service_of(cloud, tries=4), files) == (429, "rate_limited")
        assert len(cloud.app.requests) == 4
    assert pauses == [0.01, 0.02, 0.04]


def test_a_server_that_recovers(files: Server, cloud: Server) -> None:
    fault(cloud, at="POST /recordings", code="internal_error", times=2)
    service_of(cloud).handle(pushes(files))
    assert cloud.app.requests.count("POST /api/v1/recordings") == 3


def test_an_upload_that_breaks_is_repeated(files: Server, cloud: Server) -> None:
    fault(cloud, at="PUT /storage", after=1000, times=2)
    service_of(cloud).handle(pushes(files))
    assert cloud.app.faults == []
    assert callweave.decode(one(cloud).audio).samples.shape[1] > 8000


def test_only_who_knows_the_secret_may_push(files: Server, running: tuple[Service, int]) -> None:
    service, port = running
    push = pushes(files)[0]
    for secret in ("", "c0ffee00c0ffee0", SECRET + "0", SECRET.upper(), "%00"):
        assert push_to(port, push, secret)[0] == 404
    assert service.sessions == {} and files.app.requests == []
    with pytest.raises(ValueError, match="secret"):
        Service(service.api, LOCAL, "short")


def test_what_is_no_push_is_answered_with_a_code(running: tuple[Service, int]) -> None:
    service, port = running
    for body in (
        "",
        "{",
        "[" * 5000,
        "[]",
        '{"a": 1}',
        '{"SessionId": null, "RecordId": "1"}',
        '{"tracks": [{"path": "/etc/passwd"}]}',
    ):
        status, answer = push_to(port, body)
        assert status == 200 and json.loads(answer)["ErrCode"] == 1, body
    assert push_to(port, b" " * (1 << 17))[0] == 413
    assert service.sessions == {}


CLIENT = httpx.Client(trust_env=False, timeout=10)


def name_of() -> str:
    return next(FOLDER.glob("*.mp3")).name


def test_only_allowed_hosts_are_fetched(files: Server) -> None:
    guard = Guard(["cos.example", ".bucket.example"], allow_private=True)
    url = f"{files.url}/files/{name_of()}"
    for address in (
        url,
        "http://cos.example.evil.example/a",
        "http://evilbucket.example/a",
        "http://bucket.example/a",
        "http:///a",
    ):
        with pytest.raises(Refused, match="not an allowed host"):
            fetch(CLIENT, address, guard)
    for address in (
        "file:///etc/passwd",
        "ftp://cos.example/a",
        "http://user:word@cos.example/a",
        "http://user@cos.example/a",
    ):
        with pytest.raises(Refused, match="only http"):
            fetch(CLIENT, address, guard)
    assert files.app.requests == []
    assert fetch(CLIENT, url, LOCAL) == (FOLDER / name_of()).read_bytes()


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
     "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "::", "64:ff9b::a00:1", "2002:7f00:1::"],
)  # fmt: skip
def test_no_private_address_is_fetched(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(0, 0, 0, "", ("93.184.215.14", 443)), (0, 0, 0, "", (address, 443))]

    monkeypatch.setattr(fetching.socket, "getaddrinfo", resolve)
    with pytest.raises(Refused, match="private"):
        fetch(CLIENT, "https://cos.example/a.mp3", Guard(["cos.example"]))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_public_addresses_pass(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching.socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (address, 443))])
    assert Guard([".example"]).check(httpx.URL("https://cos.example/a.mp3")) == address


def test_a_private_address_as_a_name_and_another_port(files: Server) -> None:
    with pytest.raises(Refused, match="private"):
        fetch(CLIENT, "http://127.0.0.1/a", Guard(["127.0.0.1"]))
    with pytest.raises(Refused, match="ports"):
        fetch(CLIENT, f"{files.url}/files/{name_of()}", Guard(["127.0.0.1"]))
    assert files.app.requests == []


def test_the_checked_address_is_the_one_that_is_connected_to(files: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def once(host: Any, *rest: Any, **named: Any) -> Any:
        asked.append(str(host))
        return real("127.0.0.1" if host == "cos.example" else host, *rest, **named)

    monkeypatch.setattr(fetching.socket, "getaddrinfo", once)
    guard = Guard(["cos.example"], allow_private=True)
    address = f"{files.url}/files/{name_of()}".replace("127.0.0.1", "cos.example")
    assert fetch(CLIENT, address, guard) == (FOLDER / name_of()).read_bytes()
    assert asked.count("cos.example") == 1


def test_redirects_are_not_followed(files: Server) -> None:
    with pytest.raises(Refused, match="302"):
        fetch(CLIENT, f"{files.url}/redirect/{name_of()}", LOCAL)
    assert not any(request.startswith("GET /files") for request in files.app.requests)


def test_size_and_time_are_limited(files: Server) -> None:
    with pytest.raises(Refused, match="more than 1000000 bytes"):
        fetch(CLIENT, f"{files.url}/endless/a", Guard(["127.0.0.1"], max_bytes=1_000_000, allow_private=True))
    with pytest.raises(Refused, match="not done after"):
        fetch(CLIENT, f"{files.url}/slow/a", Guard(["127.0.0.1"], max_seconds=0.5, allow_private=True))
    with pytest.raises(Refused, match="404"):
        fetch(CLIENT, f"{files.url}/gone/a", LOCAL)


def test_a_page_instead_of_a_track_is_told_for_what_it_is(files: Server, cloud: Server) -> None:
    few = pushes(files)
    few[0]["RecordURL"] = few[0]["RecordURL"].replace("/files/", "/page/")
    service_of(cloud).handle(few)
    with pytest.raises(callweave.Error, match="HTML"):
        service_of(cloud).handle(pushes(files, "page"))


def test_wellclouds_streams_are_read_as_they_come() -> None:
    base = "/api/operation/tenant/calls"
    folder = ROOT / "fixtures/wellcloud"
    call_id = json.loads((folder / "recordings2.json").read_text())[0]["callId"]
    with Server(Files(folder)) as server:

        def get(path: str) -> http.client.HTTPResponse:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            connection.request("GET", path, headers={"Authorization": "12345678"})
            return connection.getresponse()

        listed = get(provider.wellcloud_list_path(call_id))
        call = provider.wellcloud(listed.read())
        ids = [recording.leg.recording_id or "" for recording in call.described.recordings]
        streams = {id: get(provider.wellcloud_stream_path(id)) for id in ids}
        report = callweave.analyze(call.with_audio(streams))
        golden = callweave.analyze(str(folder / "recordings2.json"))
        assert (report.metrics, report.turns) == (golden.metrics, golden.turns)
        for path, code in ((f"{base}/none/recordings2", 448), (provider.wellcloud_stream_path("none"), 425)):
            answer = get(path)
            refusal = provider.wellcloud_refusal(answer.status, answer.read())
            assert refusal is not None and (refusal.code, refusal.retryable) == (code, code == 425)


def test_the_example_is_typed(tmp_path: Path) -> None:
    folder = ROOT / "bindings-python/examples/service"
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "service.py",
        "api.py",
        "fetch.py",
        "--cache-dir",
        str(tmp_path),
    ]
    environment = {**os.environ, "MYPYPATH": str(ROOT / "bindings-python/python")}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
