"""The example service and the lists of providers: calls of Wellcloud that it is told of, VoIPBin's
recordings that it polls."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path
from typing import Any

import callweave
import pytest
from callweave import provider
from conftest import ROOT
from files import TOKEN, Files
from http_server import Nasty, Server
from running import SECRET, Running, stands, wait
from settings import Settings


def test_calls_of_wellcloud_are_asked_for(cloud: Server, tmp_path: Path) -> None:
    folder = ROOT / "fixtures/wellcloud"
    rows = json.loads((folder / "recordings2.json").read_text())
    with Server(Files(folder)) as source:
        source.app.rows = rows[:1]
        api = {"token": TOKEN, "base": source.url}
        with Running(tmp_path, cloud, wellcloud=api, deadline_ms=20_000) as running:
            ended = {"callId": rows[0]["callId"], "endedAt": "2018-01-29T16:08:44+08:00"}
            assert running.ask("POST", f"/ended/wellcloud/{SECRET}", ended)[0] == 202
            assert running.ask("POST", f"/ended/voipbin/{SECRET}", ended)[0] == 404
            for wrong in ({}, {"callId": ".."}, {"callId": " "}):
                assert running.ask("POST", f"/ended/wellcloud/{SECRET}", wrong)[0] == 400
            wait(lambda: stands(cloud) and running.rests())
            assert running.listed() == {} and stands(cloud)[0].extractions == 1


def record_of(id: str, at: str = "2026-05-20 07:31:47.870000", status: str = "ended") -> dict[str, Any]:
    return {
        "id": id, "reference_type": "call", "reference_id": f"of-{id}", "status": status, "format": "wav",
        "tm_start": at, "tm_end": "2026-05-20 07:31:59.820000", "tm_create": at,
    }  # fmt: skip


MAY_MS = 1_777_593_600_000
"""2026-05-01, before the records of the tests."""


def polled(source: Server, **more: Any) -> dict[str, Any]:
    """The settings of a service that polls VoIPBin."""
    api = {"token": TOKEN, "base": f"{source.url}/v1.0"}
    return {"voipbin": api, "directions": {"voipbin": "in"}, "poll_s": 0.1, "voipbin_since_ms": MAY_MS, **more}


def test_mixed_recordings_go_through_with_their_voices(cloud: Server, tmp_path: Path) -> None:
    """Of VoIPBin and of Wellcloud in two pieces; the truth is the fixture's own report: two voices,
    a conversation."""
    folder = tmp_path / "files"
    folder.mkdir()
    mixed = (ROOT / "fixtures/unclosed/call.wav").read_bytes()
    for name in ("r1", "w1"):
        (folder / f"{name}.wav").write_bytes(mixed)
    golden = json.loads((ROOT / "fixtures/unclosed/report.json").read_text())
    assert len(golden["tracks"][0]["voices"]) == 2 and golden["tag"]["value"] == "normal"
    row = {
        "id": "w1", "ani": "0812345678@x.example", "dnis": "8010@x.example", "callDirection": "Inbound", "callId": "c",
        "startTime": "2026.05.20 16:08:23", "endTime": "2026.05.20 16:08:33", "deviceId": "8010@x.example",
        "state": "Success",
    }  # fmt: skip
    with Server(Files(folder)) as source:
        source.app.records, source.app.rows = [record_of("r1")], [row]
        more = polled(source, wellcloud={"token": TOKEN, "base": source.url})
        with Running(tmp_path / "data", cloud, **more) as running:
            ended = {"callId": "c", "endedAt": "2026-05-20T16:08:33+08:00"}
            assert running.ask("POST", f"/ended/wellcloud/{SECRET}", ended)[0] == 202
            wait(lambda: len(stands(cloud)) == 2 and running.rests())
            assert running.listed() == {}
    for made in stands(cloud):
        assert (made.fields["note"], made.fields["tag"]) == ("outcome: conversation; voices: 2", "normal")
        assert made.audio_type == "audio/wav" and made.extractions == 1
        assert callweave.decode(made.audio).samples.shape[-1] > 0
    assert {made.fields["direction"] for made in stands(cloud)} == {"in"}
    [voipbin] = [made for made in stands(cloud) if made.fields["dataId"].startswith("voipbin")]
    assert voipbin.fields["callAt"] == "2026-05-20T14:31:47.87+07:00"


def test_no_recording_is_lost_at_the_border_of_a_page(cloud: Server, tmp_path: Path) -> None:
    """Pages are by time and hold 100: 260 records of one time, before and behind others."""
    at = "2026-05-20 07:31:47.870000"
    records = [record_of(f"same{n}", at, "recording") for n in range(260)]
    records += [record_of(f"old{n}", f"2026-05-{n % 9 + 10} 07:00:{n % 60:02}.{n:06}", "recording") for n in range(240)]
    records += [record_of(f"new{n}", f"2026-05-21 07:00:00.{n:06}", "recording") for n in range(50)]
    with Server(Files(tmp_path)) as source:
        source.app.records = records
        with Running(tmp_path / "data", cloud, **polled(source)) as running:
            outbox = running.service.outbox
            wait(lambda: outbox.counts()["sessions"].get("waiting", 0) >= len(records))
            keys = {row.key for row in outbox.due_sessions(1 << 60, 1000)}
            assert keys == {f"voipbin:of-{record['id']}" for record in records}


def test_the_start_of_the_poll_is_inclusive_and_kept(cloud: Server, tmp_path: Path) -> None:
    before, at, later = "2026-05-20 07:31:47.869999", "2026-05-20 07:31:47.870000", "2026-05-20T08:00:00Z"
    since = 1_779_262_307_870
    with Server(Files(tmp_path)) as source:

        def keys(running: Running) -> set[str]:
            return {row.key.partition("-")[2] for row in running.service.outbox.due_sessions(1 << 60, 1000)}

        source.app.records = [record_of("before", before, "recording"), record_of("at", at, "recording")]
        with Running(tmp_path / "data", cloud, **polled(source, voipbin_since_ms=since)) as running:
            wait(lambda: keys(running))
            time.sleep(0.5)
            assert keys(running) == {"at"}
        # It is not said any more, and what came while the service was down is taken.
        source.app.records.append(record_of("later", later, "recording"))
        with Running(tmp_path / "data", cloud, **polled(source, voipbin_since_ms=None)) as running:
            wait(lambda: keys(running) == {"at", "later"})
        # An earlier one begins anew.
        with Running(tmp_path / "data", cloud, **polled(source, voipbin_since_ms=since - 1)) as running:
            wait(lambda: keys(running) == {"before", "at", "later"})
        # Without any, the first start is the start.
        with Running(tmp_path / "other", cloud, **polled(source, voipbin_since_ms=None)) as running:
            time.sleep(0.5)
            assert keys(running) == set()
    env = {"PUSH_SECRET": SECRET, "MCLOUD_TOKEN": "t", "VOIPBIN_TOKEN": "t"}
    assert Settings.of({**env, "VOIPBIN_SINCE": "2026-05-20T14:31:47.870+07:00"}).voipbin_since_ms == since


def test_a_refused_key_is_told_and_another_one_goes_on(cloud: Server, tmp_path: Path) -> None:
    folder = ROOT / "fixtures/wellcloud"
    rows = json.loads((folder / "recordings2.json").read_text())
    ended = {"callId": rows[0]["callId"], "endedAt": "2018-01-29T16:08:44+08:00"}
    with Server(Files(folder)) as source:
        more = polled(source, wellcloud={"token": "wrong", "base": source.url}, deadline_ms=300)
        more["voipbin"] = {**more["voipbin"], "token": "wrong"}
        with Running(tmp_path, cloud, **more) as running:
            assert running.ask("POST", f"/ended/wellcloud/{SECRET}", ended)[0] == 202
            wait(lambda: len(running.ask("GET", "/health")[1]["refused"]) == 2)
            time.sleep(1)
            health = running.ask("GET", "/health")[1]
            assert health["refused"] == {"wellcloud": "wellcloud_401", "voipbin": "voipbin_401"}
            assert running.listed() == {f"wellcloud:{ended['callId']}": "wellcloud_401"}
            assert len(source.app.requests) == 2, "nobody is asked again with the same key"
        more["wellcloud"] = {"token": TOKEN, "base": source.url}
        with Running(tmp_path, cloud, **{**more, "voipbin": None}) as running:
            wait(lambda: stands(cloud) and running.rests())
            assert running.listed() == {} and running.ask("GET", "/health")[1]["refused"] == {}


def test_a_key_that_is_refused_at_the_audio_alone_makes_no_half_call(cloud: Server, tmp_path: Path) -> None:
    rows = json.loads((ROOT / "fixtures/wellcloud/recordings2.json").read_text())

    class Halved(Files):
        def stream(self, http: Any, recording_id: str) -> None:
            http.send_json(200, {"code": 401, "message": "token expired"})

    with Server(Halved(ROOT / "fixtures/wellcloud")) as source:
        api = {"token": TOKEN, "base": source.url}
        with Running(tmp_path, cloud, wellcloud=api) as running:
            ended = {"callId": rows[0]["callId"], "endedAt": "2018-01-29T16:08:44+08:00"}
            assert running.ask("POST", f"/ended/wellcloud/{SECRET}", ended)[0] == 202
            wait(lambda: running.listed())
            assert list(running.listed().values()) == ["wellcloud_401"] and stands(cloud) == []


@pytest.mark.parametrize("how", ["down", "busy"])
def test_a_provider_that_cannot_answer_is_not_asked_at_once_again(how: str, cloud: Server, tmp_path: Path) -> None:
    """503 is waited for ever longer; 429 says for how long, to all who ask."""
    with Server(Files(ROOT / "fixtures/wellcloud")) as source:
        source.app.nasty = Nasty(1.0, 0, (how,))
        more = polled(source, wellcloud={"token": TOKEN, "base": source.url}, poll_s=0.05)
        more["policy"] = {"firstMs": 200, "longestMs": 10_000, "budgetMs": 60_000}
        with Running(tmp_path, cloud, **more) as running:
            for n in range(3):
                ended = {"callId": f"c{n}", "endedAt": "2018-01-29T16:08:44+08:00"}
                assert running.ask("POST", f"/ended/wellcloud/{SECRET}", ended)[0] == 202
            # Long enough for what waits too little, and well before the third try after 429 is due.
            time.sleep(1.3)
            lists = [path for path in source.app.requests if "recordings2" in path]
            polls = [path for path in source.app.requests if path.endswith("/v1.0/recordings")]
            # Tries at 0, 0.1, 0.3, 0.7, 1.5 s at the earliest. With Retry-After of 1 s two of each,
            # as all three are on their way when the first answer comes.
            most_lists, most_polls = (3 * 6, 6) if how == "down" else (3 * 2, 2)
            assert 0 < len(lists) <= most_lists and 0 < len(polls) <= most_polls
            assert set(running.listed().values()) == {"list_unreachable"}
            assert running.ask("GET", "/health")[1]["failing"] == {"list_unreachable": 3}


def test_wellclouds_streams_are_read_as_they_come() -> None:
    base = "/api/operation/tenant/calls"
    folder = ROOT / "fixtures/wellcloud"
    call_id = json.loads((folder / "recordings2.json").read_text())[0]["callId"]
    with Server(Files(folder)) as server:

        def get(path: str) -> http.client.HTTPResponse:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            connection.request("GET", path, headers={"Authorization": TOKEN})
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
