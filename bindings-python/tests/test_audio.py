"""Audio in memory: loaded, cut, resampled, measured, saved, and shown in notebooks."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import callweave
from callweave import Audio
from callweave.errors import Error, InvalidArgument

STEREO = "fixtures/stereo/call.wav"


def test_a_stretch_is_what_the_whole_holds_there() -> None:
    whole = callweave.load(STEREO, dtype="int16")
    part = callweave.load(STEREO, dtype="int16", start_ms=1500, duration_ms=250, channel=1)
    assert np.array_equal(part.samples[0], whole.samples[1, 12_000:14_000])
    assert np.array_equal(whole[1500:1750].samples[1], part.samples[0])
    assert whole[25_000:].duration_ms == pytest.approx(1060) and whole[:99_999].samples.shape == whole.samples.shape
    assert whole.source is not None and part.source is None
    for start, duration in ((-1, 10), (0, -1), (60_000, 10)):
        with pytest.raises(InvalidArgument, match="invalid time range"):
            callweave.load(STEREO, start_ms=start, duration_ms=duration)


def test_rate_and_channels_are_as_asked() -> None:
    made = callweave.load(STEREO, rate=16_000, mono=True)
    assert made.samples.shape == (1, 416_960) and made.sample_rate_hz == 16_000
    by_hand = callweave.load(STEREO).mono().resample(16_000)
    assert np.array_equal(made.samples, by_hand.samples)
    tone = Audio(np.sin(2 * np.pi * 440 * np.arange(8000) / 8000).astype(np.float32) / 2, 8000)
    up = tone.resample(16_000).samples[0]
    assert np.abs(up[1000:-1000] - np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)[1000:-1000] / 2).max() < 1e-3


def test_numpy_reads_it_as_its_samples() -> None:
    audio = callweave.load(STEREO)
    assert np.asarray(audio) is audio.samples
    assert np.asarray(audio, dtype=np.float64).dtype == np.float64
    assert np.array(audio).base is None and np.stack([audio, audio]).shape == (2, *audio.samples.shape)


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_what_is_saved_is_loaded_again(format: Any, tmp_path: Path) -> None:
    loud = (np.random.default_rng(1).normal(0, 12_000, (2, 9_001)).clip(-32768, 32767)).astype(np.int16)
    audio, file = Audio(loud, 11_025), io.BytesIO()
    audio.save(file, format=format)
    audio.save(tmp_path / f"a.{format}")
    assert file.getvalue() == (tmp_path / f"a.{format}").read_bytes()
    again = callweave.load(file.getvalue(), dtype="int16")
    assert again.sample_rate_hz == 11_025 and np.array_equal(again.samples, loud)
    assert file.getvalue()[:4] == {"wav": b"RIFF", "flac": b"fLaC"}[format]


def test_a_format_is_said_by_name_or_ending(tmp_path: Path) -> None:
    audio = callweave.load(STEREO, duration_ms=100)
    with pytest.raises(InvalidArgument, match=r"\.wav or \.flac"):
        audio.save(tmp_path / "a.mp3")
    with pytest.raises(InvalidArgument, match="format"):
        audio.save(io.BytesIO())
    with pytest.raises(Error):
        audio.save(tmp_path / "no such folder" / "a.wav")
    assert list(tmp_path.iterdir()) == []


def test_raw_formats_are_read_as_they_are_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(bytes([0xFF] * 800 + [0x80] * 800))
    audio = callweave.load(tmp_path / "a.bin", raw="ulaw", dtype="int16")
    assert (audio.sample_rate_hz, set(audio.samples[0, :800]), set(audio.samples[0, 800:])) == (8000, {0}, {32124})
    given = callweave.Input(tmp_path / "a.bin", raw="ulaw", role="agent")
    assert callweave.analyze([given]).tracks[0].role == "agent"
    assert callweave.detect_speech(given) == ((),)
    with pytest.raises(InvalidArgument, match="no such raw format"):
        callweave.load(tmp_path / "a.bin", raw="mp3")  # type: ignore[arg-type]


def test_levels_are_those_of_the_report() -> None:
    report = callweave.analyze(STEREO)
    for told, track in zip(callweave.levels(STEREO), report.tracks, strict=True):
        assert track.level is not None
        assert told.active_dbov == pytest.approx(track.level.active_dbov, abs=0.01)
        assert told.loudness_lufs == pytest.approx(track.level.loudness_lufs, abs=0.01)
    silent = Audio(np.zeros(8000, np.float32), 8000).levels()[0]
    assert (silent.active_dbov, silent.true_peak_dbtp, silent.activity_factor) == (None, None, 0)
    half = Audio(np.full(8000, 0.5, np.float32) * np.sin(np.arange(8000)).astype(np.float32), 8000).levels()[0]
    assert half.true_peak_dbtp == pytest.approx(-6.02, abs=0.4), "its ends overshoot"


def test_a_notebook_plays_and_draws_it() -> None:
    html = callweave.load(STEREO, duration_ms=2000)._repr_html_()
    assert html.count("<path") == 2 and "data:audio/flac;base64,ZkxhQ" in html
    long = Audio(np.zeros(8000 * 601, np.int16), 8000)._repr_html_()
    assert "<svg" in long and "<audio" not in long


def test_a_call_s_tracks_lie_on_its_timeline() -> None:
    call = callweave.process("fixtures/short/manifest.json")
    length = call.report.call.duration_ms
    for track, told in zip(call.tracks, call.report.tracks, strict=True):
        assert (track.index, track.role) == (told.index, told.role) and told.alignment is not None
        assert len(track.samples) == round(length * track.sample_rate_hz / 1000)
        speech = callweave.speech(track.samples, track.sample_rate_hz)
        assert speech[0][0] == pytest.approx(told.speech[0].start_ms, abs=60)
    paths = ["fixtures/short/customer.wav", "fixtures/short/agent.wav"]
    call = callweave.process([callweave.Input(path, offset_ms=1500 * n) for n, path in enumerate(paths)])
    agent, rate = callweave.load(paths[1]).samples[0], call.tracks[1].sample_rate_hz
    start = 1500 * rate // 1000
    assert not call.tracks[1].samples[:start].any()
    assert np.abs(call.tracks[1].samples[start : start + len(agent)] - agent).max() < 1e-4
    assert call.tracks[0].audio(16_000).sample_rate_hz == 16_000
    report_only = next(callweave.process_batch(["fixtures/short/manifest.json"], tracks=False)).result()
    assert report_only.tracks == ()


def test_what_is_not_audio_is_refused_in_words() -> None:
    with pytest.raises(TypeError, match="int64"):
        callweave.levels(Audio(np.zeros(800, np.int64), 8000))
    with pytest.raises(TypeError, match=r"audio\[1000:2000\]"):
        callweave.load(STEREO)[3]  # type: ignore[index]
    with pytest.raises(InvalidArgument, match="0 to 1"):
        callweave.load(STEREO).channel(2)
