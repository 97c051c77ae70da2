"""Arguments: what has no effect or makes no sense is refused in words, and NumPy's numbers are
numbers."""

from __future__ import annotations

import asyncio
import inspect
import io
import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import callweave
from callweave import (
    Audio, Config, Input, LiveCall, LiveTrack, Report, SamplesWarning, SpeechConfig, SpeechStream, Transcript, Word,
)  # fmt: skip
from callweave.errors import InvalidArgument, IoError, Malformed

SHORT = "fixtures/short/manifest.json"
AGENT = "fixtures/short/agent.wav"
INT16 = np.zeros(80, np.int16)
any_of: Any = callweave


def refusal(work: Callable[[], Any]) -> str:
    with pytest.raises(InvalidArgument) as refused:
        work()
    assert refused.value.found is not None and refused.value.expected is not None
    return str(refused.value)


@pytest.mark.parametrize("kind", [float, np.float64, np.float32])
def test_words_with_numpy_s_numbers_become_subtitles(kind: Any) -> None:
    chunk = next(callweave.chunks(SHORT))
    told = {"start": kind(0.125), "end": kind(0.25), "word": "x", "probability": kind(0.5)}
    as_tuple = (kind(0.125), kind(0.25), "x", kind(0.5))
    expected = Transcript([Word(chunk.to_call(125), chunk.to_call(250), "x", chunk.role, chunk.track, None, 0.5)])
    for word in (told, as_tuple):
        made = Transcript(chunk.words([word], unit="s"))
        assert made.to_srt() == expected.to_srt() and made.to_vtt() == expected.to_vtt()
        assert made.to_json() == expected.to_json()
    by_hand = Transcript([Word(kind(125), kind(250), "x", confidence=kind(0.5))])
    assert json.loads(by_hand.to_json())["words"][0]["confidence"] == 0.5


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ((500, 600, "a"), "500000 to 600000 ms"),
        ((0.0, 600, "a"), "0 to 600000 ms"),
        ((0.5, 0.4, "a"), "500 to 400 ms"),
        ((float("nan"), 0.4, "a"), "nan to 400 ms"),
        ((0.1, float("inf"), "a"), "100 to inf ms"),
        ((0.1, 0.2, "a", float("nan")), "confidence: found nan"),
        (("begin", 0.4, "a"), "'begin' to 0.4"),
    ],
)
def test_words_outside_of_their_chunk_are_refused(word: Any, found: str) -> None:
    chunk = next(callweave.chunks(SHORT))
    told = refusal(lambda: list(chunk.words([(0.1, 0.2, "good"), word], unit="s")))
    assert told.startswith("word 1 of a chunk") and found in told
    length = len(chunk.samples) / chunk.sample_rate_hz
    assert len(list(chunk.words([(length + 1, 29.98, "a"), (-0.02, 0.1, "a"), (0.3, 0.3, "a")], unit="s"))) == 3


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: any_of.speech(AGENT, channel=0, mono=True), "mono: found channel=0"),
        (lambda: any_of.load(Input(AGENT, channel=0), mono=True), "mono: found channel=0"),
        (lambda: any_of.speech(np.zeros((2, 800)), 8000, channel_axis=2), "channel_axis: found 2"),
        (lambda: any_of.speech(np.zeros((2, 800)), 8000, channel_axis="frames"), "channel_axis: found 'frames'"),
        (lambda: any_of.Audio.from_array(np.zeros((2, 800)), 8000, channel_axis=-1), "channel_axis: found -1"),
        (lambda: any_of.speech(INT16, 8000, raw="ulaw"), "raw: found ulaw"),
        (lambda: any_of.load(Audio(INT16, 8000), raw="ulaw"), "raw: found ulaw"),
        (lambda: any_of.analyze(Input(Audio(INT16, 8000), raw="ulaw")), "raw: found ulaw"),
        (lambda: any_of.load(AGENT, storage_options={"key": "k"}), "storage_options: found no URL"),
        (lambda: any_of.analyze([AGENT, b""], storage_options={"key": "k"}), "storage_options: found no URL"),
        (lambda: any_of.analyze(Input(AGENT, storage_options={"key": "k"})), "storage_options: found no URL"),
        (lambda: any_of.speech(INT16, 8000, storage_options={"key": "k"}), "storage_options: found no URL"),
        (lambda: any_of.normalize(AGENT, storage_options={"key": "k"}), "storage_options: found no URL"),
        (lambda: Audio(INT16, 8000).save(io.BytesIO(), "wav", storage_options={"key": "k"}), "storage_options"),
        (lambda: any_of.SpeechStream(8000, encoding="gsm"), "encoding: found 'gsm'"),
        (lambda: SpeechStream(8000, encoding="mulaw").push(INT16), "encoding: found mulaw with an array"),
        (lambda: LiveCall([LiveTrack(8000)]).push(0, INT16, encoding="mulaw"), "encoding: found mulaw with an array"),
        (
            lambda: any_of.speech(AGENT, preset=SpeechConfig.asr(), config=Config(speech=SpeechConfig.silero())),
            "preset: found a config",
        ),
        (lambda: Config.from_dict({"speech": {"min_speech_ms": 1, "minSpeechMs": 2}}), "minSpeechMs"),
    ],
)
def test_an_argument_without_effect_is_refused(work: Callable[[], Any], words: str) -> None:
    assert words in refusal(work)


def test_options_of_storage_are_for_the_calls_of_a_batch_that_are_there() -> None:
    [done] = callweave.process_batch([AGENT], tracks=False, storage_options={"key": "k"})
    assert done.report.tracks


def test_a_file_that_is_not_written_has_no_options(tmp_path: Path) -> None:
    call, folder = callweave.process(SHORT), tmp_path / "out"
    for options, words in (
        ({"page": False, "embed_audio": True}, "embed_audio: found page=False"),
        ({"page": False, "show_parties": True}, "show_parties: found page=False and no labels"),
        ({"storage_options": {"key": "k"}}, "storage_options: found no URL"),
        ({"peaks": 0}, "found 0, expected"),
        ({"peaks": 1 << 31}, "found 2147483648, expected"),
    ):
        given: Any = options
        assert words in refusal(lambda given=given: call.write(folder, **given))  # type: ignore[misc]
        assert not folder.exists(), "nothing was written"
    folder.mkdir()
    refusal(lambda: call.write(folder, peaks=1 << 31))
    assert folder.exists()
    report = call.write(folder, page=False, show_parties=True, labels=["vtt"], peaks=5)
    assert [output.path for output in report.outputs] == ["mix.wav"] and (folder / "turns.vtt").exists()


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: callweave.speech(AGENT, threshold=float("nan")), "threshold: found nan, expected a finite number"),
        (lambda: SpeechConfig.from_dict({"min_speech_ms": float("inf")}), "speech.minSpeechMs: found inf"),
        (lambda: Config(speech=SpeechConfig(threshold=float("nan"))), "speech.threshold: found nan"),
        (lambda: SpeechStream(8000, threshold=float("nan")), "threshold: found nan"),
        (lambda: callweave.get_speech_timestamps(AGENT, threshold=float("nan")), "threshold: found nan"),
        (lambda: callweave.redact(SHORT, [(1, float("nan"))], unit="s"), "spans[0].endMs: found nan"),
        (lambda: any_of.redact(SHORT, [5]), "spans[0]: found int"),
        (lambda: Transcript([Word(0, float("nan"), "a")]).to_srt(), "words[0].endMs: found nan"),
        (lambda: any_of.speech(AGENT, threshold="high"), "threshold: found 'high'"),
        (lambda: callweave.analyze(SHORT, threads=-1), "threads: found -1"),
        (lambda: callweave.process_batch([], threads=-1), "threads: found -1"),
        (lambda: callweave.evaluate("fixtures/stereo", threads=-1), "threads: found -1"),
        (lambda: callweave.load(AGENT, rate=-1), "rate: found -1"),
        (lambda: callweave.peaks(AGENT, -1), "points_per_second: found -1"),
        (lambda: LiveCall([LiveTrack(8000)]).push(-1, INT16), "track: found -1"),
        (lambda: LiveCall([LiveTrack(8000)]).packet(0, 70_000, 0, b"", encoding="mulaw"), "sequence: found 70000"),
        (lambda: SpeechStream(-1), "sample_rate_hz: found -1"),
        (lambda: any_of.analyze(Input(AGENT, party=123)), "party: found int"),  # type: ignore[arg-type]
        (lambda: callweave.analyze(Input(AGENT, started_at=True)), "started_at: found True"),
        (lambda: any_of.analyze(Input(AGENT, started_at=[1])), "started_at: found [1]"),  # type: ignore[arg-type]
        (lambda: any_of.LiveCall([LiveTrack(8000, started_at=True)]), "started_at: found True"),  # type: ignore[arg-type]
        (lambda: any_of.LiveCall([LiveTrack(8000)], keep="spool"), "keep: found 'spool'"),
        (lambda: any_of.analyze(SHORT, facts={"kind": "hold"}), "facts: found one dict"),
        (lambda: any_of.analyze(SHORT, facts=[5]), "facts[0]: found int"),
        (lambda: callweave.analyze(SHORT, facts=[{"kind": "hold", "atMs": float("nan")}]), "facts[0].atMs: found nan"),
        (lambda: Audio(INT16, 0), "sample_rate_hz: found 0"),
        (lambda: Audio(INT16, -5), "sample_rate_hz: found -5"),
        (lambda: callweave.speech([0, 70_000], 8000), "samples: found 0 to 70000"),
        (lambda: callweave.speech([[0, 1], [1]], 8000), "expected channels of one length"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(work: Callable[[], Any], words: str) -> None:
    assert words in refusal(work)


def test_numpy_s_numbers_are_numbers() -> None:
    threshold = np.float32(0.6)
    assert list(callweave.speech(AGENT, threshold=threshold)) == list(callweave.speech(AGENT, threshold=0.6))
    SpeechStream(np.int64(8000), threshold=threshold, min_speech_ms=np.int16(100))  # type: ignore[arg-type]
    config = Config(speech=SpeechConfig(threshold=threshold, min_speech_ms=np.int64(100)))
    assert config.changes() == {"speech": {"threshold": 0.6, "minSpeechMs": 100}}
    spans: Any = [(np.int64(1000), np.int64(2000))]
    told = callweave.redact(SHORT, spans).report.redacted
    assert told == callweave.redact(SHORT, [(1000, 2000)]).report.redacted
    moment = callweave.analyze(Input(AGENT, started_at=np.float64(1.7e9))).call.started_at
    assert moment == callweave.analyze(Input(AGENT, started_at=1.7e9)).call.started_at != None  # noqa: E711


def test_what_is_no_report_is_malformed() -> None:
    report = callweave.analyze(SHORT).to_dict()
    for values, words in (
        ("{}", "schemaVersion None"),
        ("[]", "found list"),
        ("{", "not JSON"),
        (json.dumps({**report, "schemaVersion": 999}), "found schemaVersion 999, expected schemaVersion 1"),
        ('{"schemaVersion": 1}', "no library, config"),
        (json.dumps({**report, "call": {}}), "duration_ms"),
        (json.dumps({**report, "tracks": 5}), "not iterable"),
    ):
        with pytest.raises(Malformed, match="not a report") as refused:
            Report.from_json(values)
        assert words in str(refused.value)


def test_audio_is_checked_when_it_is_made() -> None:
    for wrong in (np.zeros((1, 2, 3)), np.zeros(8, np.int32), np.zeros(8, bool)):
        with pytest.raises(TypeError, match="samples: found"):
            Audio(wrong, 8000)  # type: ignore[arg-type]
    swapped: Any = Audio(np.arange(8, dtype=">i2"), np.int64(8000))  # type: ignore[arg-type]
    assert swapped.samples.dtype == np.int16 and list(swapped.samples) == list(range(8))
    assert type(swapped.sample_rate_hz) is int and swapped.duration_ms == 1


def test_the_types_say_that_float64_is_converted(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import numpy as np\nfrom callweave import Audio\n\nAudio(np.zeros(8000), 8000)\n")
    run = subprocess.run([sys.executable, "-m", "mypy", "--strict", program], cwd=tmp_path, capture_output=True)
    assert run.returncode == 0, run.stdout


class Slow(io.RawIOBase):
    """A file without a buffer that takes a part at a time, up to an end."""

    def __init__(self, room: int) -> None:
        self.taken, self.room = b"", room

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data[: min(7, self.room - len(self.taken))])
        self.taken += part
        return len(part)


def test_a_file_that_takes_a_part_at_a_time_gets_everything() -> None:
    audio, whole = Audio(np.arange(800, dtype=np.int16), 8000), io.BytesIO()
    audio.save(whole, "wav")
    file = Slow(1 << 20)
    audio.save(file, "wav")
    assert file.taken == whole.getvalue()
    with pytest.raises(IoError, match="found room for 100 bytes, expected 1644 bytes"):
        audio.save(Slow(100), "wav")


def test_lists_of_numbers_are_samples() -> None:
    audio = callweave.load(AGENT, dtype="int16")
    expected = callweave.speech(audio).to_numpy()
    numbers = audio.samples[0].tolist()
    assert np.array_equal(callweave.speech(numbers, 8000).to_numpy(), expected)
    assert np.array_equal(callweave.speech([number / 32768 for number in numbers], 8000).to_numpy(), expected)
    assert callweave.speech([0.0, 1.0], 8000).duration_ms == 0.25
    assert callweave.get_speech_timestamps(numbers, sampling_rate=8000)
    with pytest.raises(InvalidArgument, match="no rate"):
        callweave.speech([0.0, 1.0])


def test_the_second_threshold_follows_the_first() -> None:
    for threshold, follows in ((0.3, 0.15), (0.8, 0.65), (0.1, 0.01), (0.005, 0.005)):
        found = callweave.speech(AGENT, threshold=threshold)
        assert list(found) == list(callweave.speech(AGENT, threshold=threshold, neg_threshold=follows))
    own = SpeechConfig(threshold=0.6, neg_threshold=0.2)
    found = callweave.speech(AGENT, preset=own, threshold=0.7)
    assert list(found) == list(callweave.speech(AGENT, threshold=0.7, neg_threshold=0.3))


def damaged() -> Audio:
    samples: Any = callweave.load(AGENT).samples.copy()
    samples[0, 100], samples[0, 200] = np.nan, 5000
    return Audio(samples, 8000)


@pytest.mark.parametrize(
    "work",
    [
        callweave.levels, callweave.peaks, callweave.detect_speech, callweave.align, callweave.mix, callweave.chunks,
        lambda audio: callweave.load(audio, duration_ms=500), lambda audio: audio.save(io.BytesIO(), "wav"),
        lambda audio: callweave.levels(Input(audio)),
    ],
)  # fmt: skip
def test_a_result_without_a_place_warns_of_samples(work: Callable[[Any], Any]) -> None:
    with pytest.warns(SamplesWarning) as told:
        work(damaged())
    said = [str(warning.message) for warning in told]
    assert "1 samples are not finite: replaced by silence" in said[0] and "full scale: clipped" in said[1]
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        work(callweave.load(AGENT))


def test_a_result_with_a_place_holds_the_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sources = [callweave.analyze(damaged()).tracks[0].source, callweave.normalize(damaged()).source]
        sources += [callweave.load(damaged()).source, damaged().mono().source]
    for source in sources:
        assert source and {"not_finite", "samples_out_of_range"} <= {warning.code for warning in source.warnings}


def test_samples_that_are_refused_are_not_said_to_be_replaced() -> None:
    for work in (callweave.speech, callweave.get_speech_timestamps):
        told = refusal(lambda work=work: work(damaged()))  # type: ignore[misc]
        assert "1 samples are not finite and 1 samples are beyond 1000 times" in told and "replaced" not in told


def test_asyncio_has_every_function_that_works() -> None:
    functions = {name for name in callweave.__all__ if inspect.isfunction(getattr(callweave, name))}
    assert functions | {"run"} == set(callweave.aio.__all__)
    found = asyncio.run(callweave.aio.get_speech_timestamps(AGENT))
    assert found == callweave.get_speech_timestamps(AGENT)
