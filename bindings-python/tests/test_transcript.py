"""From speech to words on the call's timeline: windows for Whisper, subtitles, tables, personal
data to redact."""

from __future__ import annotations

import json
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
import webvtt  # type: ignore[import-untyped]

import callweave
from callweave import Span, Transcript, Word
from callweave.errors import InvalidArgument

CALL = "fixtures/stereo/manifest.json"


def test_merged_chunks_hold_the_speech_of_the_others_and_are_fewer() -> None:
    call = callweave.process(CALL)
    plain, merged = list(call.chunks()), list(call.chunks(merge_gap_ms=5000))
    assert len(merged) < len(plain)
    assert all(len(chunk.samples) / chunk.sample_rate_hz <= 30 for chunk in merged)
    for chunk in plain:
        [home] = [
            m for m in merged if m.track == chunk.track and m.start_ms <= chunk.start_ms and chunk.end_ms <= m.end_ms
        ]
        ticks = np.arange(0, len(home.samples) / 16, 0.25)
        at = round(16 * ticks[np.argmin([abs(home.to_call(ms) - chunk.start_ms) for ms in ticks])])
        assert np.abs(home.samples[at + 50 : at + 800] - chunk.samples[50:800]).max() < 0.05
    short = list(call.chunks(merge_gap_ms=5000, longest_ms=3000))
    assert all(len(chunk.samples) <= 3 * 16_000 + 1 for chunk in short) and len(short) > len(merged)
    with pytest.raises(InvalidArgument, match="merged"):
        list(call.chunks(merge_gap_ms=-1))


def test_pauses_are_shortened_and_times_stay_right() -> None:
    call = callweave.process(CALL)
    tight, loose = list(call.chunks(merge_gap_ms=100)), list(call.chunks(merge_gap_ms=60_000))
    assert sum(len(chunk.samples) for chunk in tight) < sum(len(chunk.samples) for chunk in loose)
    for chunk in tight:
        length = len(chunk.samples) / 16
        times = [chunk.to_call(ms) for ms in np.linspace(0, length, 200)]
        assert times == sorted(times) and abs(times[0] - chunk.start_ms) < 1 and abs(times[-1] - chunk.end_ms) < 1
        speech = callweave.speech(chunk.samples, 16_000)
        own = call.report.tracks[chunk.track].speech
        inside = [
            any(span.start_ms - 150 <= chunk.to_call((start + end) / 2) <= span.end_ms + 150 for span in own)
            for start, end in speech
        ]
        assert np.mean(inside) > 0.8


def test_bleed_stays_out_of_merged_chunks() -> None:
    for name in ("fixtures/keypad-hold/manifest.json", "fixtures/short/manifest.json", CALL):
        call = callweave.process(name)
        for chunk in call.chunks(merge_gap_ms=60_000, pad_ms=0):
            for bleed in call.report.tracks[chunk.track].bleed:
                ticks = np.arange(0, len(chunk.samples) / 16, 5)
                told = np.array([chunk.to_call(ms) for ms in ticks])
                for ms in ticks[(told > bleed.start_ms + 20) & (told < bleed.end_ms - 20)]:
                    assert abs(chunk.samples[int(16 * ms)]) < 0.02


def test_words_of_any_shape_come_to_the_call_s_time() -> None:
    chunk = next(callweave.chunks(CALL))
    Told = namedtuple("Told", "start end word probability")
    shapes: list[Any] = [
        (0.5, 0.9, "hi"), {"start": 0.5, "end": 0.9, "text": "hi"}, Told(0.5, 0.9, "hi", 0.7),
    ]  # fmt: skip
    words = list(chunk.words(shapes, unit="s"))
    assert {(word.start_ms, word.end_ms, word.text, word.role, word.track) for word in words} == {
        (chunk.to_call(500), chunk.to_call(900), "hi", chunk.role, chunk.track)
    }
    assert [word.confidence for word in words] == [None, None, 0.7]
    with pytest.raises(TypeError, match="a word"):
        list(chunk.words([{"begin": 1}], unit="s"))
    with pytest.raises(InvalidArgument, match="unit"):
        list(chunk.words([], unit="h"))  # type: ignore[arg-type]


WORDS = [
    Word(0, 300, " my", "customer", 0), Word(310, 600, " card", "customer", 0), Word(610, 900, " is", "customer", 0),
    Word(950, 1300, " 4111", "customer", 0), Word(1200, 1400, " yes", "agent", 1), Word(1500, 1900, " 1111", "customer", 0),
    Word(4000, 4400, " 2222.", "customer", 0),
]  # fmt: skip


def test_subtitles_are_read_by_others(tmp_path: Any) -> None:
    transcript = Transcript(WORDS)
    (tmp_path / "a.vtt").write_text(transcript.to_vtt())
    (tmp_path / "a.srt").write_text(transcript.to_srt())
    vtt, srt = webvtt.read(tmp_path / "a.vtt"), webvtt.from_srt(tmp_path / "a.srt")
    assert [cue.text for cue in vtt] == ["my card is 4111 1111", "yes", "2222."]
    assert [cue.voice for cue in vtt] == ["customer", "agent", "customer"]
    assert [cue.text for cue in srt][:2] == ["customer: my card is 4111 1111", "agent: yes"]
    assert [(cue.start, cue.end) for cue in vtt] == [(cue.start, cue.end) for cue in srt]
    told = json.loads(transcript.to_json())
    assert len(told["words"]) == 7 and told["cues"][0]["role"] == "customer"


def test_words_are_a_table() -> None:
    frame = Transcript(WORDS).to_pandas()
    assert list(frame["role"]) == [word.role for word in sorted(WORDS, key=lambda word: word.start_ms)]
    assert frame["confidence"].isna().all() and Transcript(WORDS).to_polars().shape == (7, 7)
    assert Transcript().to_arrow().num_rows == 0


def test_what_is_said_is_found_and_redacted() -> None:
    transcript = Transcript(WORDS)
    spans = transcript.spans(r"\d[\d ]{6,}")
    assert spans == (Span(950, 4400),), (
        "from the first digit to the last, what the other party says between not counted"
    )
    assert transcript.spans(lambda word: word.role == "agent") == (Span(1200, 1400),)
    assert transcript.spans(r"is$|^is") == () and transcript.spans("nobody") == ()
    left = transcript.redacted(spans)
    assert not any(
        digit in text for text in (left.to_srt(), left.to_vtt(), left.to_json()) for digit in ("4111", "2222")
    )
    call = callweave.process("fixtures/short/manifest.json")
    report = call.redact(spans)
    assert report.redacted[0].start_ms <= 950 and report.redacted[-1].end_ms >= 4400
    assert not call.tracks[0].samples[int(8 * 1000) : int(8 * 4000)].any()
