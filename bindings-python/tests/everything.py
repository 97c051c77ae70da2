"""A program that uses everything, as a user would write it: held against mypy --strict, and run
with a folder to write to."""

from __future__ import annotations

import asyncio
import io
import pickle
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import callweave
from callweave import (
    Audio,
    Chunk,
    Config,
    Input,
    MixConfig,
    Peaks,
    Probe,
    Processed,
    Report,
    SpeechConfig,
    Transcript,
    aio,
    errors,
)
from callweave.report import Alignment, Label, Span

PARTIES = [Path("fixtures/short/customer.wav"), Path("fixtures/short/agent.wav")]
STEREO = "fixtures/stereo/call.wav"


def heard(stage: str, done: int, total: int | None) -> None:
    assert stage and (total is None or done <= total)


def whole_calls(out: Path) -> None:
    config = Config(speech=SpeechConfig(min_speech_ms=200), mix=MixConfig(rate=16_000))
    call = callweave.process(PARTIES, config, roles=["customer", "agent"], progress=heard, threads=1)
    assert_type(call, Processed)
    assert_type(call.report.tracks[0].speech, tuple[Span, ...])
    assert_type(call.mix(MixConfig(layout="mono")).samples, NDArray[np.float32] | NDArray[np.int16])
    labels: list[Label] = ["vtt", "rttm"]
    assert_type(call.write(out, page=True, peaks=50, labels=labels), Report)
    chunks: Iterator[Chunk] = call.chunks(longest_ms=5_000)
    assert_type([chunk.to_call(10) for chunk in chunks], list[float])
    assert_type(callweave.align(PARTIES), tuple[Alignment | None, ...])
    assert_type(callweave.redact(PARTIES, [(1000, 2000), Span(3000, 3500)], keys=True, cover="beep").report, Report)
    assert pickle.loads(pickle.dumps(call.report)) == call.report and pickle.loads(pickle.dumps(config)) == config
    for done in callweave.process_batch([PARTIES, b"nothing"], threads=2):
        assert (done.error is None) == (done.call is not None)


def single_recordings() -> None:
    audio = callweave.decode(STEREO, dtype="int16")
    assert_type(audio, Audio)
    assert_type(callweave.analyze([Audio(audio.samples[0], audio.sample_rate_hz)]), Report)
    given = Input(io.BytesIO(PARTIES[1].read_bytes()), role="agent", started_at=datetime.now(UTC), name="agent.wav")
    assert_type(callweave.detect_speech(given), tuple[tuple[Span, ...], ...])
    assert_type(callweave.normalize(STEREO, rate=16_000, level="-23lufs").gain_db, float)
    assert_type(callweave.probe(STEREO, quick=True), Probe)
    peaks: Peaks = callweave.peaks(STEREO)
    assert_type(peaks.points, NDArray[np.int16])
    try:
        callweave.process("nowhere.wav")
    except errors.IoError as error:
        assert pickle.loads(pickle.dumps(error)) == error and error.code == "io"


def speech_and_audio(out: Path) -> None:
    found = callweave.speech(np.zeros(16_000, np.float64), 16_000, unit="s", preset=SpeechConfig.asr())
    assert_type(found.to_numpy(), NDArray[np.float64])
    assert_type(callweave.get_speech_timestamps(PARTIES[0], return_seconds=True), list[dict[str, Any]])
    audio = callweave.load(STEREO, start_ms=500, duration_ms=1000, rate=16_000, mono=True)
    assert_type(audio[:250].levels(), tuple[callweave.Levels, ...])
    audio.save(out / "part.flac")
    with (out / "part.wav").open("wb") as file:
        audio.save(file, format="wav")


def words_and_tables() -> None:
    call = callweave.process(PARTIES, roles=["customer", "agent"])
    words = [word for chunk in call.chunks(merge_gap_ms=200) for word in chunk.words([(0.1, 0.2, "hello")], unit="s")]
    transcript = Transcript(words)
    assert_type(transcript.spans("hello"), tuple[Span, ...])
    assert_type(transcript.to_srt(), str)
    assert_type(call.report.track("agent").speech, tuple[Span, ...])
    assert_type(call.report.labels("rttm"), str)
    assert_type(call.tracks[0].samples, NDArray[np.float32])
    assert_type(callweave.tables.rows(call.report, "turns"), list[dict[str, Any]])


async def beside_the_loop() -> None:
    assert_type(await aio.analyze(STEREO), Report)
    async for done in aio.process_batch([STEREO, b"nothing"], tracks=False):
        assert_type(done, callweave.BatchResult)


whole_calls(Path(sys.argv[1]))
single_recordings()
speech_and_audio(Path(sys.argv[1]))
words_and_tables()
asyncio.run(beside_the_loop())
