"""Providers' documents: the fixtures' calls with their audio in memory give the golden reports;
what MCloud takes."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import zipfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

import callweave
from callweave import errors, provider
from callweave._record import camel
from callweave.provider import mcloud
from callweave.provider.described import Described

PORTABLE = callweave.Config(portable=True)
DOCUMENTS = {
    "tencent-dual": ("pushes.json", "*.mp3", provider.tencent),
    "tencent-transfer": ("pushes.json", "*.mp3", provider.tencent),
    "wellcloud": ("recordings2.json", "*.wav", provider.wellcloud),
    "voipbin": ("recording.json", "*.zip", provider.voipbin),
    "keypad-hold": ("manifest.json", "*.mp3", provider.manifest),
    "stereo": ("call.vcon.json", "*.wav", provider.vcon),
}


def document(call: str) -> Any:
    return json.loads((ROOT / f"fixtures/{call}/{DOCUMENTS[call][0]}").read_text())


def audio(call: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((ROOT / f"fixtures/{call}").glob(DOCUMENTS[call][1]))}


def nameless(report: callweave.Report) -> dict[str, Any]:
    """A report without the names of its files."""
    return dict(without_paths(report.to_dict()))


def without_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_paths(inner) for name, inner in value.items() if name != "path"}
    return [without_paths(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("call", DOCUMENTS)
def test_audio_in_memory_gives_the_report_of_the_folder(call: str) -> None:
    expected = nameless(callweave.analyze(f"fixtures/{call}/{DOCUMENTS[call][0]}", PORTABLE))
    described = DOCUMENTS[call][2](document(call), audio(call))
    assert described.described.missing == described.described.unused == ()
    assert nameless(callweave.analyze(described, PORTABLE)) == expected
    text = json.dumps(document(call))
    assert nameless(callweave.process(provider.read(text).with_audio(audio(call)), PORTABLE).report) == expected
    assert provider.detect(text) == provider.detect(text.encode()) == described.described.kind


def zipped(**members: bytes) -> bytes:
    """A zip of files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def voipbin_legs() -> dict[str, bytes]:
    [path] = (ROOT / "fixtures/voipbin").glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_zips_of_voipbin_with_one_leg_with_two_and_with_names_without_colons() -> None:
    record, legs = document("voipbin"), voipbin_legs()
    assert {name.rsplit("_", 1)[1] for name in legs} == {"in.wav", "out.wav"} and ":" in next(iter(legs))

    def heard(audio: dict[str, bytes], changed: Any = record) -> list[tuple[str, float]]:
        call = provider.voipbin(changed, audio)
        assert call.described.unused == ()
        report = callweave.analyze(call)
        return [(track.role, track.source.duration_ms) for track in report.tracks if track.source]

    both = [("customer", 10720.0), ("agent", 11890.0)]
    assert heard({f"{record['id']}.zip": zipped(**legs)}) == both
    assert sorted(heard(dict(legs))) == sorted(both)
    for mark in "_-":
        assert heard({record["id"]: zipped(**{name.replace(":", mark): data for name, data in legs.items()})}) == both
    for name, data in legs.items():
        assert heard({record["id"]: zipped(**{name: data})}) == [both["out" in name]]
    one = next(iter(legs.values()))
    conference = {**record, "reference_type": "confbridge"}
    name = f"confbridge_{record['reference_id']}_2026-05-20T07:31:47Z.wav"
    assert heard({record["id"]: zipped(**{name: one})}, conference) == [("mixed", 10720.0)]


@pytest.mark.parametrize("status", ["initiating", "recording", "stopping"])
def test_only_an_ended_recording_of_voipbin_has_a_file(status: str) -> None:
    call = provider.voipbin({**document("voipbin"), "status": status})
    assert [missing.code for missing in call.described.missing] == ["provider"]
    with pytest.raises(errors.ProviderError, match="not complete"):
        callweave.analyze(call)


def test_a_failed_recording_of_wellcloud_is_a_track_with_an_error() -> None:
    rows = document("wellcloud")
    first, second = audio("wellcloud").items()
    rows[1]["state"] = "Fail"
    report = callweave.analyze(provider.wellcloud(rows, dict([first])), strict=False)
    assert [track.error.code if track.error else None for track in report.tracks] == [None, None, "provider"]
    found = provider.wellcloud(rows, dict([first, second])).described
    assert found.missing == ()
    assert all(
        track.error is None for track in callweave.analyze(provider.wellcloud(rows, dict([first, second]))).tracks
    )


def test_audio_is_matched_by_id_and_what_has_none_is_told() -> None:
    pushes = document("tencent-dual")
    name, data = next(iter(audio("tencent-dual").items()))
    record_id = next(push["RecordId"] for push in pushes if push["RecordURL"].endswith(name))
    call = provider.tencent(pushes, audio={record_id: data, "other": data})
    [missing] = call.described.missing
    assert missing.code == "invalid_argument" and call.described.unused == ("other",)
    with pytest.raises(errors.Error, match="cannot be read"):
        callweave.analyze(call)
    report = callweave.analyze(call, strict=False)
    assert [track.error is None for track in report.tracks].count(False) == 1
    assert "audio_unused" in [warning.code for warning in report.warnings]
    assert repr(call).startswith("<DescribedCall tencent ")
    again = pickle.loads(pickle.dumps(call))
    assert again.described == call.described and callweave.analyze(again, strict=False) == report


def test_what_the_caller_says_goes_before_the_document() -> None:
    name = "[A]_0812345678-204_20260520081400(7).wav"
    own = callweave.Input("fixtures/unclosed/call.wav", role="customer")
    report = callweave.analyze(provider.threecx(name, own, utc_offset="+07:00"))
    assert report.tracks[0].role == "customer"
    assert (report.call.direction, report.call.started_at) == ("in", "2026-05-20T08:14:00+07:00")
    with pytest.raises(errors.Unsupported):
        provider.threecx("call.wav")


def test_everything_that_is_read_is_typed() -> None:
    for call, (_, _, read) in DOCUMENTS.items():
        made = provider._ask.ask("read", {"document": {"text": json.dumps(document(call))}, "keys": []})[0]

        def known(record: Any, values: Any, path: str) -> None:
            if isinstance(record, tuple):
                for item, value in zip(record, values, strict=True):
                    known(item, value, f"{path}[]")
            elif dataclasses.is_dataclass(record):
                fields = {camel(f.name): f.name for f in dataclasses.fields(record)}
                assert set(values) <= set(fields), path
                for key, value in values.items():
                    known(getattr(record, fields[key]), value, f"{path}.{key}")

        known(Described.from_dict(made), made, call)
        assert read(document(call)).described.recordings


def test_a_vcon_tells_its_facts_and_takes_a_report() -> None:
    text = (ROOT / "fixtures/stereo/call.vcon.json").read_text()
    call = provider.vcon(text, audio("stereo"))
    described = call.described
    assert (described.kind, described.call.direction, described.missing) == ("vcon", "in", ())
    assert [fact["kind"] for fact in described.call.facts] == ["answer", "hangup"]
    assert described.recordings[0].content_hash[0].startswith("sha512-")
    report = callweave.analyze(call, PORTABLE)
    with_report = provider.vcon_with_report(text, report)
    entry = json.loads(with_report)["analysis"][0]
    assert callweave.Report.from_dict(entry["body"]) == report
    before, behind = text.split('"analysis": []')
    assert with_report.startswith(before) and with_report.endswith(behind)
    assert provider.detect(with_report) == "vcon"
    with pytest.raises(errors.Malformed, match="wrong content_hash"):
        callweave.analyze(provider.vcon(text.replace("sha512-3", "sha512-4"), audio("stereo")))
    with pytest.raises(errors.Unsupported, match="not a vCon"):
        provider.vcon_with_report({"tracks": []}, report)


def test_the_published_examples_are_read() -> None:
    folder = ROOT / "fixtures/published"
    inside = provider.read((folder / "vcon/ab_call_int_rec.vcon").read_bytes())
    assert callweave.analyze(inside).call.duration_ms == 4720.0
    assert callweave.analyze(str(folder / "vcon/ab_call_int_rec.vcon")).tracks[0].source is not None
    for form in ("signed", "encrypted"):
        with pytest.raises(errors.Unsupported, match=f"{form} vCon"):
            provider.vcon((folder / f"vcon/ab_call_ext_rec_{form}.vcon").read_text())
    metadata = [(folder / f"siprec/{name}.xml").read_text() for name in ("rfc7865-8.1", "rfc8068-hold", "rfc7865-8.2")]
    call = provider.siprec("\n".join(metadata)).described
    assert [recording.aliases for recording in call.recordings] == [("96",), ("97",), ("98",), ("99",)]
    assert [fact["kind"] for fact in call.call.facts] == ["hangup"]
    assert provider.detect(metadata[0]) == "siprec"


def test_siprec_streams_are_found_by_their_labels() -> None:
    held = {name: f"fixtures/short/{name}.wav" for name in ("customer", "agent")}
    call = provider.siprec((ROOT / "fixtures/short/siprec.xml").read_text(), held)
    report = callweave.analyze(call, roles=["customer", "agent"])
    assert [track.party for track in report.tracks] == ["+447700900121", "202@lakeside.example"]
    assert report == callweave.analyze("fixtures/short/siprec.xml", roles=["customer", "agent"])


def test_nothing_is_lost() -> None:
    call = provider.tencent({"SessionId": "s", "RecordId": "1", "New": [1]}).described
    assert call.recordings[0].extra["New"] == [1]
    assert [warning.code for warning in call.warnings] == ["unknown_field", "role_unknown"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(DOCUMENTS)), st.data())
@settings(max_examples=60, deadline=None)
def test_changed_documents_are_read_or_refused(call: str, data: st.DataObject) -> None:
    value = document(call)
    record = value[0] if isinstance(value, list) else value
    record[data.draw(st.sampled_from(sorted(record)) | st.text(max_size=8))] = data.draw(json_values)
    try:
        assert all(made.described.recordings for made in provider.read_all(value))
    except callweave.Error as error:
        assert error.code in ("malformed", "unsupported", "provider", "limit_exceeded")


def test_pages_are_several_calls() -> None:
    page = {"items": [{"id": "a", "dataId": "x"}, {"id": "b", "dataId": "y"}], "total": 2}
    assert [call.described.call.id for call in provider.read_all(page)] == ["x", "y"]
    with pytest.raises(errors.InvalidArgument):
        provider.read(page)
    single = mcloud.recording(page["items"][1], "fixtures/short/agent.wav")  # type: ignore[index]
    assert single.described.missing == () and callweave.analyze(single).call.id == "y"


def test_the_zone_of_times_without_one_is_the_callers_to_say() -> None:
    rows = document("wellcloud")
    started = [provider.wellcloud(rows, utc_offset=zone).described.call.started_at or "" for zone in (None, "+07:00")]
    assert [text[-6:] for text in started] == ["+08:00", "+07:00"]
    with pytest.raises(errors.InvalidArgument, match="offset"):
        provider.wellcloud(rows, utc_offset="Bangkok")


def test_replies_refusals_and_paths() -> None:
    assert provider.tencent_reply() == {"ErrCode": 0, "ErrMsg": ""}
    refusal = provider.wellcloud_refusal(200, b'{"code": 425}')
    assert refusal is not None and (refusal.code, refusal.retryable) == (425, True)
    assert provider.wellcloud_refusal(200, b"RIFF\xff\xfe") is None
    assert provider.wellcloud_list_path("a/b") == "/api/operation/tenant/calls/a%2Fb/recordings2"


def test_a_processed_call_becomes_what_mcloud_takes() -> None:
    report = callweave.analyze("fixtures/tencent-transfer/pushes.json")
    call = provider.tencent(document("tencent-transfer"))
    body = mcloud.create_body(report, call, direction="in", country_code="44", trunk_prefix="0", utc_offset="+07:00")
    assert body == {
        "dataId": "tencent_dc2d0354eceb453ac40ec7bdd4b09654",
        "callAt": "2026-05-21T09:40:09+07:00",
        "direction": "in",
        "customerPhone": "+447700900187",
        "tag": "normal",
        "audioPresignedUploadUrl": True,
    }
    assert mcloud.data_id(report) == mcloud.data_id(call=call) == body["dataId"]
    moment = datetime(2026, 5, 20, 1, 14, tzinfo=timezone.utc)
    changed = mcloud.create_body(report, direction="out", call_at=moment, tag="other", score=50, upload=False, note="n")
    assert (changed["callAt"], changed["tag"], changed["score"]) == ("2026-05-20T01:14:00Z", "other", 50)
    assert changed["audioPresignedUploadUrl"] is False
    for wrong in (
        {},
        {"direction": "internal"},
        {"direction": "in", "data_id": "anna@x.example"},
        {"direction": "in", "score": 101},
    ):
        with pytest.raises(errors.InvalidArgument):
            mcloud.create_body(report, **wrong)  # type: ignore[arg-type]


def test_the_tag_is_a_reviewers() -> None:
    report = callweave.analyze("fixtures/short/manifest.json")
    assert mcloud.patch_body(report) == {}
    assert mcloud.patch_body(report, overwrite_tag=True) == {"tag": report.tag.value}
    assert mcloud.patch_body(linked_user_id=None) == {"linkedUserId": None}
    with pytest.raises(errors.InvalidArgument, match="UUID"):
        mcloud.patch_body(linked_user_id="anna")


def test_errors_tell_whether_a_retry_can_cure_them() -> None:
    assert mcloud.error("rate_limited") == mcloud.ApiError(429, "rate_limited", True, None, True)
    other = mcloud.read_error(502, b"<html>\xff")
    assert other is not None and other.retryable and other.code is None
    assert mcloud.read_error(201) is None
    with pytest.raises(errors.InvalidArgument):
        mcloud.error("tired")


def test_the_lists_query_is_checked() -> None:
    assert mcloud.list_query(limit=10, direction="in") == "limit=10&direction=in"
    with pytest.raises(errors.InvalidArgument, match="limit"):
        mcloud.list_query(limit=201)


def test_the_body_in_the_docs_is_this_one() -> None:
    text = Path(ROOT / "core/docs/providers/mcloud.md").read_text()
    shown = json.loads(text.split("```json\n")[-1].split("```")[0])
    assert shown["dataId"] == "tencent_dc2d0354eceb453ac40ec7bdd4b09654"
