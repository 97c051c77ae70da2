"""What was silently wrong: an option without effect, a failure that looked like success, a name
that meant something else."""

from __future__ import annotations

import copy
import dataclasses
import errno
import io
import pickle
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import callweave
from callweave import Audio, Config, Input, MixConfig, Report, SpeechConfig, errors
from callweave.processed import LevelWarning
from callweave.report import Span

SHORT = "fixtures/short/manifest.json"
STEREO = "fixtures/stereo/call.wav"
LEGS = ["fixtures/short/customer.wav", "fixtures/short/agent.wav"]


def decibels(quiet: Audio, loud: Audio) -> float:
    return float(20 * np.log10(loud.samples.astype(float).std() / quiet.samples.astype(float).std()))


def test_a_mix_has_the_level_that_it_is_asked_for(tmp_path: Path) -> None:
    call = callweave.process(STEREO, roles=["customer", "agent"])
    quiet, loud = call.mix(level="-30dbov"), call.mix(MixConfig(level="-24dbov"))
    assert decibels(quiet, loud) == pytest.approx(6, abs=0.2)
    assert call.mix(rate=8000, layout="mono").samples.shape[0] == 1
    report = call.write(tmp_path, level="-30dbov", format="flac", page=False)
    assert np.array_equal(callweave.decode(tmp_path / "mix.flac", dtype="int16").samples, quiet.samples)
    gains = [track.level.gain_db for track in report.tracks if track.level]
    louder = call.write(tmp_path, level="-24dbov", page=False)
    assert [track.level.gain_db for track in louder.tracks if track.level] == pytest.approx(
        [gain + 6 for gain in gains]
    )
    with pytest.raises(errors.InvalidArgument, match="level"):
        call.mix(level="loud")
    with pytest.raises(TypeError, match="expected callweave.MixConfig"):
        call.mix("-20dbov")  # type: ignore[arg-type]


def test_a_level_out_of_reach_is_said(tmp_path: Path) -> None:
    call = callweave.process(STEREO)
    with pytest.warns(LevelWarning, match="gains have limits"):
        call.mix(level="-60dbov")
    assert {w.code for w in call.write(tmp_path, level="-60dbov", page=False).warnings} == {"level_not_reached"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call.mix()
    assert call.write(tmp_path, page=False).warnings == ()


@pytest.mark.parametrize(("name", "magic"), [("x.wav", b"RIFF"), ("x.FLAC", b"fLaC")])
def test_the_ending_of_a_name_says_how_a_file_is_written(tmp_path: Path, name: str, magic: bytes) -> None:
    callweave.normalize(STEREO, tmp_path / name)
    assert (tmp_path / name).read_bytes()[:4] == magic


@pytest.mark.parametrize("name", ["x.mp3", "x", "x.wav.tmp"])
def test_an_ending_that_says_nothing_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(errors.InvalidArgument, match=r"\.wav or \.flac"):
        callweave.normalize(STEREO, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_missing_leg_is_an_error_unless_it_may_be_missing() -> None:
    legs = [LEGS[0], "gone.wav"]
    for work in (callweave.process, callweave.analyze, callweave.mix, lambda legs: list(callweave.chunks(legs))):
        with pytest.raises(errors.IoError, match="track 1 .*gone.wav"):
            work(legs)
    call = callweave.process(legs, strict=False)
    assert call.report.tracks[1].error and call.report.tracks[1].error.code == "io"
    [warning] = call.report.warnings
    assert warning.code == "track_unreadable" and "track 1" in warning.message and "io" in warning.message
    assert callweave.align(legs)[1] is None


def test_a_missing_leg_of_a_batch_is_seen() -> None:
    calls = [SHORT, [LEGS[0], "gone.wav"]]
    good, bad = callweave.process_batch(calls)
    assert good.error is None and good.failures == () and isinstance(bad.error, errors.IoError)
    good, bad = callweave.process_batch(calls, strict=False)
    assert bad.error is None and [failure.code for failure in bad.failures] == ["io"]
    assert "track_unreadable" in {warning.code for warning in bad.report.warnings}


@pytest.mark.parametrize(
    ("source", "kind"), [("gone.wav", errors.IoError), (b"", errors.NoAudio), (b"<html></html>", errors.Unsupported)]
)
def test_roles_do_not_hide_why_a_recording_cannot_be_read(source: str | bytes, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        callweave.process(source, roles=["customer", "agent"])


@pytest.mark.parametrize("folder", ["stereo.wav", "out/mix.mp3"])
def test_what_is_no_folder_is_not_written_to(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call = callweave.process(SHORT)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.InvalidArgument, match="invalid output folder"):
        call.write(folder)
    assert not list(tmp_path.iterdir())


def test_a_second_write_tells_of_its_own_files(tmp_path: Path) -> None:
    call = callweave.process(SHORT)
    call.write(tmp_path / "a")
    report = call.write(tmp_path / "b", format="flac")
    assert [output.path for output in report.outputs] == ["mix.flac"]
    assert (tmp_path / "b/report.json").read_text() == report.to_json() + "\n"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"speach": {}}, "did you mean `speech`"),
        ({"speech": {"min_speach_ms": 1}}, "did you mean `minSpeechMs`"),
        ({"detector": "slero"}, "did you mean `silero`"),
        ({"outcome": {"tags": {"silentParty": "other"}}}, "silent_party"),
    ],
)
def test_what_a_configuration_does_not_know_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(errors.InvalidArgument, match=words):
        Config.from_dict(values)


def test_a_configuration_is_read_under_either_kind_of_names() -> None:
    values = {
        "dtmf_digits": True,
        "speech": {"minSpeechMs": 200, "max_speech_ms": None},
        "outcome": {"tags": {"silent_party": "other"}},
    }
    expected = Config(dtmf_digits=True, speech=SpeechConfig(min_speech_ms=200))
    assert dataclasses.replace(Config.from_dict(values), outcome=Config().outcome) == expected
    assert Config.from_dict(values).outcome.tags == {"silent_party": "other"}
    assert SpeechConfig.from_dict({"min_speech_ms": 200}) == expected.speech
    assert Config.from_dict(expected.to_dict()) == expected
    with pytest.raises(errors.InvalidArgument, match="minSpeechMs"):
        SpeechConfig.from_dict({"min_speach_ms": 1})
    with pytest.raises(TypeError, match="mapping"):
        Config.from_dict({"speech": 5})


def test_reports_are_values() -> None:
    report = callweave.analyze(SHORT)
    again = Report.from_dict(report.to_dict())
    assert again == report and hash(again) == hash(report) and len({report, again, copy.deepcopy(report)}) == 1
    assert "_json" not in dataclasses.asdict(report) and "_text" not in dataclasses.asdict(report)
    changed = dataclasses.replace(report, call=dataclasses.replace(report.call, id="other"))
    assert changed != report and changed.to_dict() == {
        **report.to_dict(),
        "call": {**report.to_dict()["call"], "id": "other"},
    }
    assert Report.from_json(changed.to_json()) == changed == pickle.loads(pickle.dumps(changed))
    assert changed._repr_html_().startswith("<svg")
    plain = dataclasses.replace(report)
    assert plain.to_dict() == report.to_dict() and plain == report


def test_a_role_for_two_channels_is_not_lost() -> None:
    with pytest.raises(errors.InvalidArgument, match="one role for a recording of 2 tracks: found customer"):
        callweave.process(Input(STEREO, role="customer"))
    [track] = callweave.analyze(Input(STEREO, role="customer", channel=0)).tracks
    assert track.role == "customer"
    assert [
        track.role for track in callweave.analyze(Input(STEREO, role="customer"), roles=["agent", "customer"]).tracks
    ] == [
        "agent",
        "customer",
    ]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"longest_ms": 5}, "maximum chunk length: found 5 ms"),
        ({"pad_ms": -1}, "chunk padding: found -1 ms"),
        ({"pad_ms": 9000}, "quarter"),
    ],
)
def test_chunks_of_no_use_are_refused(said: dict[str, float], words: str) -> None:
    with pytest.raises(errors.InvalidArgument, match=words):
        callweave.process(SHORT).chunks(**said)  # type: ignore[arg-type]


def test_seconds_are_said_by_name() -> None:
    call = callweave.process(SHORT)
    with pytest.raises(errors.InvalidArgument, match="without a unit"):
        call.redact([(1.0, 2.0)])
    assert call.report.redacted == ()
    assert call.redact([(1.0, 2.0)], unit="s").redacted == (Span(320, 2680),)
    assert callweave.redact(SHORT, [(1000, 1010)], unit="ms").report.redacted == (Span(320, 1690),)
    assert callweave.redact(SHORT, [Span(1000, 1010)], unit="ms").report.redacted == (Span(320, 1690),)


def test_a_span_is_in_milliseconds() -> None:
    call = callweave.process(SHORT)
    with pytest.raises(errors.InvalidArgument, match=r"spans\[0\]: found a Span, which is in ms, with unit='s'"):
        call.redact([Span(1000, 2000)], unit="s")
    with pytest.raises(errors.InvalidArgument, match="without a unit: found 1 ms"):
        call.redact([Span(1, 2)])
    for spans in ([], [Span(1000, 2000)], [(1, 2)]):
        with pytest.raises(errors.InvalidArgument, match="'ms' or 's'"):
            call.redact(spans, unit="min")  # type: ignore[arg-type]
    assert call.report.redacted == ()


def test_arrays_that_hold_nothing_are_refused_in_their_own_words() -> None:
    with pytest.raises(errors.NoAudio, match="samples in memory: found 0"):
        callweave.process(Audio(np.zeros((1, 0), np.float32), 8000))
    with pytest.raises(errors.InvalidArgument, match="channels in memory: found 0"):
        callweave.process(Audio(np.zeros((0, 80), np.float32), 8000))
    with pytest.raises(errors.InvalidArgument, match="sample_rate_hz: found 0"):
        callweave.process(Audio(np.zeros(80, np.int16), 0))


def test_an_error_tells_what_it_came_of(tmp_path: Path) -> None:
    with pytest.raises(errors.IoError) as missing:
        callweave.process("gone.wav")
    cause = missing.value.__cause__
    assert isinstance(cause, FileNotFoundError) and cause.errno == missing.value.errno == errno.ENOENT
    assert pickle.loads(pickle.dumps(missing.value)) == missing.value
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.IoError) as blocked:
        callweave.process(SHORT).write(tmp_path / "file/folder")
    assert isinstance(blocked.value.__cause__, NotADirectoryError)

    class Broken(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            raise LookupError("the shelf is empty")

    [done] = callweave.process_batch([Broken()])
    assert isinstance(done.error, errors.IoError) and isinstance(done.error.__cause__, LookupError)
    shutil.rmtree(tmp_path)


def test_a_number_is_told_with_its_own_digits() -> None:
    assert Config(speech=SpeechConfig(threshold=0.6)).changes() == {"speech": {"threshold": 0.6}}
    report = callweave.analyze(SHORT, Config(speech=SpeechConfig(threshold=0.6, neg_threshold=0.3)))
    assert (
        report.config == {"speech": {"threshold": 0.6, "negThreshold": 0.3}} and '"threshold":0.6}' in report.to_json()
    )
