"""Calls while they go on: the same ears as for whole recordings, whatever way the samples come."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import callweave
from callweave import AmrPackets, Config, LiveCall, LiveEvent, LiveTrack, SpeechStart, SpeechStream, errors

CALL = ["fixtures/keypad-hold/customer.mp3", "fixtures/keypad-hold/agent.mp3"]


def samples(path: str) -> tuple[Any, int]:
    audio = callweave.decode(path, dtype="int16")
    return audio.samples[0], audio.sample_rate_hz


def parts(length: int, seed: int, longest: int) -> list[slice]:
    """Cuts of a length, the same for the same seed; some are empty."""
    random_parts, at, cuts = random.Random(seed), 0, []
    while at < length:
        end = min(length, at + random_parts.randrange(longest))
        cuts.append(slice(at, end))
        at = end
    return cuts


def heard(stream: SpeechStream, frames: list[Any]) -> tuple[list[Any], list[float]]:
    events, probabilities = [], []
    for frame in frames:
        events += stream.push(frame)
        probabilities += stream.probabilities
    events += stream.flush()
    return events, probabilities + stream.probabilities


def test_any_cutting_and_encoding_gives_the_same_speech() -> None:
    line, rate = samples("fixtures/short/customer.wav")
    whole = heard(SpeechStream(rate), [line])
    assert len(whole[0]) >= 2 and isinstance(whole[0][0], SpeechStart)
    for seed in range(3):
        cuts = parts(len(line), seed, 900)
        assert heard(SpeechStream(rate), [line[cut] for cut in cuts]) == whole
        floats = (line / 32768).astype(np.float32)
        assert heard(SpeechStream(rate), [floats[cut] for cut in cuts]) == whole
        for encoding, kind in (("s16", "<i2"), ("s16be", ">i2")):
            raw = line.astype(kind).tobytes()
            frames = [raw[cut] for cut in parts(len(raw), seed, 1801)]
            assert heard(SpeechStream(rate, encoding=encoding), frames) == whole  # type: ignore[arg-type]
            assert heard(SpeechStream(rate, encoding=encoding), [memoryview(raw)]) == whole  # type: ignore[arg-type]


def test_iterators_give_each_event_with_the_frame_that_decides() -> None:
    line, rate = samples("fixtures/short/customer.wav")
    frames = [line[at : at + 160] for at in range(0, len(line), 160)]
    expected = heard(SpeechStream(rate), frames)[0]
    taken = 0

    async def coming() -> AsyncIterator[Any]:
        nonlocal taken
        for frame in frames:
            taken += 1
            yield frame

    async def listen() -> list[Any]:
        events = []
        async for event in SpeechStream(rate).aevents(coming()):
            assert 20 * taken - event.known_ms < 20 or taken == len(frames)
            events.append(event)
        return events

    assert list(SpeechStream(rate).events(frames)) == expected == asyncio.run(listen())


def test_parameters_have_their_names_and_nonsense_is_refused() -> None:
    line, rate = samples("fixtures/short/customer.wav")
    few = heard(
        SpeechStream(rate, min_silence_ms=2000, min_speech_ms=500, speech_pad_ms=0, reset_after_ms=None), [line]
    )
    assert 0 < len(few[0]) < len(heard(SpeechStream(rate, min_silence_ms=0), [line])[0])
    with pytest.raises(errors.InvalidArgument, match="treshold"):
        SpeechStream(rate, treshold=0.5)  # type: ignore[call-arg]
    with pytest.raises(errors.InvalidArgument, match="threshold"):
        SpeechStream(rate, threshold=1.5)
    with pytest.raises(errors.InvalidArgument, match="gsm"):
        SpeechStream(rate, encoding="gsm").push(b"..")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="encoding"):
        SpeechStream(rate).push(b"..")
    with pytest.raises(TypeError, match="2 dimensions"):
        SpeechStream(rate).push(np.zeros((2, 160), np.int16))
    stream = SpeechStream(rate)
    with pytest.raises(errors.InvalidArgument, match="16000 Hz"):
        stream.push(line[:160], 16000)
    assert stream.push(np.full(160, np.nan, np.float32)) == []
    stream.flush()
    with pytest.raises(errors.InvalidArgument, match="push after flush"):
        stream.push(line[:160])
    stream.reset()
    assert stream.heard_ms == 0 and not stream.speaking and stream.probability == 0


def listened(call: LiveCall, cuts: list[int], tracks: list[Any]) -> list[LiveEvent]:
    events: list[LiveEvent] = []
    at = [0] * len(tracks)
    for step in range(10**6):
        for place, line in enumerate(tracks):
            end = min(len(line), at[place] + cuts[step % len(cuts)])
            events += call.push(place, line[at[place] : end])
            at[place] = end
        if all(a == len(line) for a, line in zip(at, tracks, strict=True)):
            break
    return events


def call_of(rate: int, **options: Any) -> LiveCall:
    return LiveCall([LiveTrack(rate, "customer"), LiveTrack(rate, "agent")], **options)


def test_any_cutting_gives_the_same_events_and_the_report_of_process(tmp_path: Path) -> None:
    tracks, rate = [samples(path)[0] for path in CALL], samples(CALL[0])[1]
    expected = None
    for cuts, keep in (([160], "memory"), ([7, 4001, 0, 333], "memory"), ([1600], tmp_path)):
        call = call_of(rate, keep=keep)
        events = listened(call, cuts, tracks)
        done = call.finish()
        events += call.events()
        events.sort(key=lambda event: (event.known_ms, event.id))
        expected = expected or (events, done.report.to_json())
        assert (events, done.report.to_json()) == expected
        assert done.mix().samples.shape[1] > 0
    assert {"speech", "turn", "dtmf", "music"} <= {event.kind for event in events}
    assert list(tmp_path.iterdir()) == []
    source = done.report.tracks[0].source
    assert source is not None and (source.container, source.sha256) == ("samples", None)


def test_a_snapshot_is_a_report_and_without_samples_the_report_says_so() -> None:
    tracks, rate = [samples(path)[0] for path in CALL], samples(CALL[0])[1]
    call = call_of(rate)
    with pytest.raises(errors.NoAudio):
        call.snapshot()
    for place, line in enumerate(tracks):
        call.push(place, line[: 10 * rate])
    report = call.snapshot()
    # What waits for the rest of its 32 ms is not in it.
    assert report.call.duration_ms == 9_984 and len(report.tracks) == 2
    done = call.finish()
    assert "samples_not_kept" in [warning.code for warning in done.report.warnings]
    with pytest.raises(errors.InvalidArgument, match="finished"):
        call.push(0, tracks[0])


def rtp(sequence: int, payload: bytes, kind: int = 0) -> bytes:
    return struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, 160 * sequence, 7) + payload


def test_packets_come_in_their_place_or_become_silence() -> None:
    call = call_of(8000, keep="memory", window_ms=100)
    frames = [bytes([n % 100]) * 160 for n in range(50)]
    order = [n ^ 1 for n in range(50) if n ^ 1 not in (10, 11)]
    for n in order:
        call.rtp(0, rtp(n + 65500, frames[n]), encoding="mulaw")
        call.packet(1, n, 160 * n, frames[n], encoding="mulaw")
    counts = call.packets(0)
    assert counts is not None
    # The line begins with the packet that came first.
    assert (counts.lost, counts.late, counts.repeated) == (2, 0, 1)
    call.rtp(0, rtp(65550, b"1234", kind=101), encoding="mulaw")
    with pytest.raises(errors.Malformed):
        call.rtp(0, b"no packet", encoding="mulaw")
    report = call.finish().report
    assert report.tracks[0].source is not None
    assert [warning.code for warning in report.tracks[0].source.warnings] == ["packets_lost"]
    assert report.call.duration_ms == 20 * 49


def test_who_answers_is_told_while_it_rings() -> None:
    at = np.arange(2 * 8000) / 8000
    ring = (3000 * (np.sin(2 * np.pi * 440 * at) + np.sin(2 * np.pi * 480 * at))).astype(np.int16)
    voice, _ = samples("fixtures/short/customer.wav")
    pause = np.zeros(4 * 8000, np.int16)
    line = np.concatenate([pause, ring, pause, ring, pause, voice])
    call = LiveCall([LiveTrack(8000)], Config(dtmf_digits=True), called=0)
    events = call.push(0, line)
    answers = [event.detail for event in events if event.kind == "answer"]
    assert answers[:2] == ["ringing", "ringing"] and "answered" in answers
    first = next(event for event in events if event.kind == "ringback")
    assert first.certainty == "provisional" and first.known_ms < 6_400


def test_tracks_and_options_that_make_no_sense_are_refused() -> None:
    for tracks, options, said in (
        ([], {}, "no tracks"),
        ([LiveTrack(8000)], {"called": 3}, "called"),
        ([LiveTrack(8000)], {"keep": "tape"}, "tape"),
        ([LiveTrack(0)], {}, "sample rate"),
        ([LiveTrack(8000)], {"window": 3}, "window"),
    ):
        with pytest.raises(errors.InvalidArgument, match=said):
            LiveCall(tracks, **options)  # type: ignore[arg-type]
    call = LiveCall([LiveTrack(8000)])
    with pytest.raises(errors.InvalidArgument, match="track 1"):
        call.push(1, b"", encoding="mulaw")
    call.begin(0, 500)
    call.push(0, bytes(160), encoding="mulaw")
    with pytest.raises(errors.InvalidArgument, match="cannot be set"):
        call.begin(0, 0)
    assert call.end(0) == [] and call.heard_ms == 520


def test_what_is_no_track_and_no_packet_is_said() -> None:
    with pytest.raises(TypeError, match="found dict, expected callweave.LiveTrack"):
        LiveCall([{"sample_rate_hz": 8000}])  # type: ignore[list-item]
    call = LiveCall([LiveTrack(8000)])
    assert call.packets(0) is None
    with pytest.raises(errors.InvalidArgument, match="track 1, expected 0 to 0"):
        call.packets(1)


def test_samples_that_are_no_audio_are_counted_in_the_report() -> None:
    call = LiveCall([LiveTrack(8000)])
    call.push(0, np.array([np.nan, 20_000, 0.5] * 800, np.float32))
    warnings = call.finish().report.tracks[0].source.warnings
    assert [(warning.code, warning.message.split()[0]) for warning in warnings] == [
        ("not_finite", "800"),
        ("samples_out_of_range", "800"),
    ]


def test_packets_of_amr_become_a_recording() -> None:
    packets, payload = AmrPackets(), bytes([0xF3, 0xC0]) + bytes(30)  # 12.2 kbit/s, a good frame
    packets.push(160, payload)
    packets.push(480, payload)  # one packet is missing between
    assert callweave.decode(packets.finish()).samples.shape == (1, 3 * 160)
    with pytest.raises(errors.Malformed):
        packets.push(640, b"\0")
    with pytest.raises(errors.InvalidArgument, match="timestamp: found -1"):
        packets.push(-1, payload)
    assert callweave.decode(packets.finish()).samples.shape == (1, 3 * 160), "nothing was added"
