"""What is made of a processed call: redaction, chunks, peaks, files, pictures."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from conftest import CALLS, ROOT

import callweave
from callweave import Audio, Config, MixConfig, _callweave, errors
from callweave.report import Span

KEYPAD = CALLS["keypad-hold"]


def test_a_redacted_stretch_is_gone_from_everything_made_afterwards(tmp_path: Path) -> None:
    call = callweave.process(KEYPAD)
    before = call.mix()
    report = call.redact([Span(22_000, 23_000), (1_000, 1_500)])
    assert report == call.report and report.redacted == (Span(470, 2030), Span(21_470, 23_530))
    [widened] = [warning.message for warning in report.warnings if warning.code == "redaction_widened"]
    assert widened.startswith("asked for 1500 ms, taken out 3620 ms"), widened
    after = call.mix()
    hole = slice(21_760 * after.sample_rate_hz // 1000, 23_240 * after.sample_rate_hz // 1000)
    assert before.samples.shape == after.samples.shape and np.abs(before.samples[:, hole]).max() > 1000
    assert np.abs(after.samples[:, hole]).max() <= 1
    assert call.write(tmp_path).redacted == report.redacted
    for chunk in call.chunks():
        for n in range(0, len(chunk.samples), 1600):
            if 21_800 < chunk.to_call(n / 16) < 23_000:
                assert np.abs(chunk.samples[n : n + 1600]).max() < 0.001


def test_keys_are_taken_out() -> None:
    call = callweave.redact(KEYPAD, keys=True, cover="beep", config=Config(dtmf_digits=True))
    events = [event for track in call.report.tracks for event in track.events if event.kind == "dtmf"]
    assert events and all(event.detail is None for event in events) and call.report.redacted
    mix = call.mix()
    again = callweave.analyze(Audio(mix.samples, mix.sample_rate_hz))
    assert not [event for track in again.tracks for event in track.events if event.kind == "dtmf"]


@pytest.mark.parametrize("spans", [[(5, 1)], [(0, 1e9)], [(float("nan"), 5)]])
def test_a_span_that_makes_no_sense_redacts_nothing(spans: list[tuple[float, float]]) -> None:
    call = callweave.process("fixtures/short/manifest.json")
    with pytest.raises(errors.InvalidArgument):
        call.redact(spans)
    with pytest.raises(errors.InvalidArgument, match="noise"):
        call.redact([(0, 1000)], cover="noise")  # type: ignore[arg-type]
    assert call.report.redacted == ()


def test_chunks_hold_each_partys_speech_and_know_the_way_back() -> None:
    call = callweave.process(KEYPAD)
    chunks = list(call.chunks(longest_ms=5_000))
    assert [chunk.start_ms for chunk in chunks] == sorted(chunk.start_ms for chunk in chunks)
    for chunk in chunks:
        assert chunk.samples.dtype == np.float32 and chunk.samples.ndim == 1 and len(chunk.samples) <= 5 * 16_000 + 1
        assert np.abs(chunk.samples).max() > 0.001
        assert chunk.to_call(0) == pytest.approx(chunk.start_ms, abs=0.001)
        assert chunk.to_call(len(chunk.samples) / 16) == pytest.approx(chunk.end_ms, abs=1)
        assert chunk.role == call.report.tracks[chunk.track].role and chunk.role in repr(chunk)
        again = pickle.loads(pickle.dumps(chunk))
        assert np.array_equal(again.samples, chunk.samples) and again.to_call(100) == chunk.to_call(100)
    for track in call.report.tracks:
        for span in track.speech:
            own = [c for c in chunks if c.track == track.index]
            kept = sum(max(0.0, min(c.end_ms, span.end_ms) - max(c.start_ms, span.start_ms)) for c in own)
            assert kept > 0.8 * (span.end_ms - span.start_ms)
    whole = list(callweave.chunks(KEYPAD, sample_rate_hz=8_000, pad_ms=0))
    assert 0 < len(whole) <= len(chunks) and {chunk.sample_rate_hz for chunk in whole} == {8_000}
    with pytest.raises(errors.InvalidArgument, match="rate"):
        next(call.chunks(sample_rate_hz=0))


def test_a_chunk_is_the_sound_of_the_recording() -> None:
    track = callweave.decode("fixtures/short/agent.wav")
    [chunk, *_] = callweave.chunks("fixtures/short/agent.wav", sample_rate_hz=track.sample_rate_hz)
    start = round(chunk.start_ms * track.sample_rate_hz / 1000)
    assert np.array_equal(chunk.samples, track.samples[0, start : start + len(chunk.samples)])


def test_peaks_are_audiowaveforms(tmp_path: Path) -> None:
    audio = callweave.decode("fixtures/stereo/call.wav", dtype="int16")
    peaks = callweave.peaks("fixtures/stereo/call.wav", 50, bits=16)
    each = peaks.samples_per_point
    assert (peaks.sample_rate_hz, each, peaks.points.dtype) == (8000, 160, np.int16)
    first = audio.samples[:, : each * 10].reshape(2, 10, each)
    assert np.array_equal(peaks.points[:, :10], np.stack([first.min(2), first.max(2)], axis=2))
    told = json.loads(peaks.to_json())
    assert (told["version"], told["bits"], told["length"]) == (2, 16, peaks.points.shape[1])
    assert told["data"] == peaks.points.transpose(1, 0, 2).ravel().tolist()
    assert len(peaks.to_dat()) == 24 + 2 * peaks.points.size
    assert len(callweave.peaks(audio).to_dat()) == 24 + callweave.peaks(audio).points.size
    for wrong in ({"points_per_second": 0}, {"points_per_second": 4001}, {"bits": 12}):
        with pytest.raises(errors.InvalidArgument):
            callweave.peaks(audio, **wrong)  # type: ignore[arg-type]
    with pytest.raises(errors.NoAudio):
        callweave.peaks(b"")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_are_written_as_they_are_asked_for(tmp_path: Path) -> None:
    call = callweave.process("fixtures/short/manifest.json")
    call.write(tmp_path / "a")
    assert names(tmp_path / "a") == ["mix.wav", "report.html", "report.json"]
    call = callweave.process("fixtures/short/manifest.json")
    mix = MixConfig(format="flac", layout="mono")
    call.write(tmp_path / "b", mix, page=False, peaks=50, series=True, labels=["rttm", "vtt"], show_parties=True)
    assert names(tmp_path / "b") == ["call.rttm", "mix.flac", "peaks.json", "report.json", "series.json", "turns.vtt"]
    assert json.loads((tmp_path / "b/series.json").read_text()) == call.series()
    call = callweave.process("fixtures/short/manifest.json")
    call.write(tmp_path / "c", embed_audio=True)
    assert (tmp_path / "c/report.html").stat().st_size > (tmp_path / "a/report.html").stat().st_size + 100_000
    with pytest.raises(errors.InvalidArgument, match="midi"):
        call.write(tmp_path / "d", labels=["midi"])  # type: ignore[list-item]
    assert not (tmp_path / "d").exists()


def test_tracks_are_written_anew_without_what_was_redacted(tmp_path: Path) -> None:
    call = callweave.process(KEYPAD)
    with pytest.raises(errors.InvalidArgument, match="nothing was redacted"):
        call.write(tmp_path / "a", redacted_tracks="wav")
    with pytest.raises(errors.InvalidArgument, match="unsure"):
        call.redact(unsure=True)
    key = {"kind": "key", "key": "7", "atMs": 26_000, "party": "customer"}
    told = callweave.process(KEYPAD, Config(dtmf_digits=True), facts=[key]).redact(keys=True)
    assert all(event.detail is None for track in told.tracks for event in track.events if event.kind == "dtmf")
    assert any(span.start_ms < 26_000 < span.end_ms for span in told.redacted)
    call.redact(keys=True, unsure=True)
    written = call.write(tmp_path / "a", page=False, redacted_tracks="flac").outputs
    assert [output.path for output in written] == ["mix.wav", "redacted-0.flac", "redacted-1.flac"]
    for output, track in zip(written[1:], call.report.tracks, strict=True):
        [again] = callweave.analyze(tmp_path / "a" / output.path).tracks
        assert not [event for event in again.events if event.kind == "dtmf"]
        audio = callweave.decode(tmp_path / "a" / output.path)
        assert track.source is not None
        assert audio.samples.shape[-1] == track.source.duration_ms * audio.sample_rate_hz / 1000


def test_each_second_has_its_level() -> None:
    call = callweave.process(KEYPAD)
    series = call.series()
    assert series["stepMs"] == 1000 and len(series["tracks"]) == len(call.report.tracks)
    assert {len(track["dbov"]) for track in series["tracks"]} == {-(-int(call.report.call.duration_ms) // 1000)}


def test_a_report_is_a_picture_in_notebooks() -> None:
    report = callweave.analyze(KEYPAD)
    picture = report._repr_html_()
    assert picture.startswith("<svg") and picture.count("<rect") > 5 and report.tag.value in picture
    again = pickle.loads(pickle.dumps(report))
    assert again._repr_html_() == picture
    for party in (track.party for track in report.tracks if track.party):
        assert party not in picture
    with pytest.raises(errors.Malformed):
        _callweave.strip_svg("{}")
    assert (ROOT / "core/docs/strip.svg").exists()
