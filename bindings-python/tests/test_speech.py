"""Speech alone: the same answer from arrays, paths and files, and silero-vad's names with their
meanings."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT

import callweave
from callweave import silero
from callweave.config import SpeechConfig
from callweave.errors import InvalidArgument

AGENT = "fixtures/short/agent.wav"


def samples(dtype: Any = np.float32) -> tuple[Any, int]:
    audio = callweave.load(AGENT)
    scaled = audio.samples[0] * 32768 if dtype == np.int16 else audio.samples[0]
    return scaled.astype(dtype), audio.sample_rate_hz


def test_arrays_paths_bytes_and_files_say_the_same() -> None:
    expected = callweave.speech(AGENT).to_numpy()
    assert len(expected) > 0 and (expected[:, 1] > expected[:, 0]).all()
    whole, rate = samples(np.int16)
    wide, _ = samples(np.float64)
    given: list[Any] = [
        Path(AGENT),
        Path(AGENT).read_bytes(),
        open(AGENT, "rb"),
        callweave.Audio(whole, rate),
        callweave.Input(AGENT),
    ]
    for recording in given:
        assert np.array_equal(callweave.speech(recording).to_numpy(), expected), type(recording)
    for array in (whole, wide, whole[None], np.asfortranarray(wide[None]), whole[::1]):
        assert np.array_equal(callweave.speech(array, rate).to_numpy(), expected), array.dtype


def test_the_axis_of_channels_is_said_never_guessed() -> None:
    audio = callweave.load("fixtures/stereo/call.wav")
    expected = callweave.speech(audio, channel=1).to_numpy()
    last = np.ascontiguousarray(audio.samples.T)
    assert np.array_equal(callweave.speech(last, 8000, channel_axis=1, channel=1).to_numpy(), expected)
    with pytest.raises(InvalidArgument, match="channel_axis=1"):
        callweave.speech(last, 8000, channel=1)
    with pytest.raises(InvalidArgument, match="2 channels"):
        callweave.speech("fixtures/stereo/call.wav")
    assert len(callweave.speech("fixtures/stereo/call.wav", mono=True)) > len(expected)


def test_what_makes_no_sense_is_refused() -> None:
    array, rate = samples()
    for call in (
        lambda: callweave.speech(array),
        lambda: callweave.speech(AGENT, rate),
        lambda: callweave.speech(array, rate, threshold=2),
        lambda: callweave.speech(array, rate, unit="minutes"),  # type: ignore[arg-type]
        lambda: callweave.speech(array, rate, channel=3),
    ):
        with pytest.raises(InvalidArgument):
            call()


def test_units_agree() -> None:
    ms, s, n = (callweave.speech(AGENT, unit=unit) for unit in ("ms", "s", "samples"))
    assert np.allclose(ms.to_numpy(), 1000 * s.to_numpy())
    assert np.allclose(ms.to_numpy() * ms.sample_rate_hz / 1000, n.to_numpy(), atol=0.5)
    assert [span.start_ms for span in s.spans] == pytest.approx([start for start, _ in ms])
    assert list(ms) == [ms[i] for i in range(len(ms))]


def test_probabilities_are_those_of_the_spans() -> None:
    found = callweave.speech(AGENT, preset=SpeechConfig.silero())
    start, end = (np.array(found[0]) / found.hop_ms).astype(int)
    assert found.probabilities[start + 2 : end - 2].mean() > 0.5 > found.probabilities[: max(1, start - 4)].mean()
    assert len(found.probabilities) == pytest.approx(found.duration_ms / found.hop_ms, abs=1)


def test_parameters_go_before_the_preset() -> None:
    padded = callweave.speech(AGENT, preset=SpeechConfig.asr())
    plain = callweave.speech(AGENT, preset=SpeechConfig.asr(), speech_pad_ms=0)
    assert padded[0][0] == pytest.approx(max(0, plain[0][0] - 200))
    assert SpeechConfig.metrics() == SpeechConfig() != SpeechConfig.asr()


def test_silero_s_names_are_those_of_its_function() -> None:
    # The parameters of silero_vad.get_speech_timestamps 5 and 6 that are not about torch or plots,
    # in their order.
    names = [
        "audio", "model", "threshold", "sampling_rate", "min_speech_duration_ms", "max_speech_duration_s",
        "min_silence_duration_ms", "speech_pad_ms", "return_seconds", "time_resolution",
    ]  # fmt: skip
    parameters = inspect.signature(silero.get_speech_timestamps).parameters
    assert list(parameters)[: len(names)] == names
    defaults = {name: parameters[name].default for name in names[2:]}
    assert list(defaults.values()) == [0.5, 16000, 250, float("inf"), 100, 30, False, 1]


def test_a_script_for_silero_vad_runs_with_another_import() -> None:
    from callweave.silero import collect_chunks, drop_chunks, get_speech_timestamps, load_silero_vad, read_audio

    model = load_silero_vad()
    wav = read_audio(ROOT / AGENT)
    spans = get_speech_timestamps(wav, model, sampling_rate=16000)
    seconds = get_speech_timestamps(wav, model, sampling_rate=16000, return_seconds=True, time_resolution=3)
    assert [round(1000 * span["start"] / 16000) for span in spans] == [round(1000 * span["start"]) for span in seconds]
    assert all(isinstance(value, int) for span in spans for value in span.values())
    kept, dropped = collect_chunks(spans, wav), drop_chunks(spans, wav)
    assert len(kept) + len(dropped) == len(wav) and np.abs(kept).mean() > 4 * np.abs(dropped).mean()
    later = get_speech_timestamps(wav, model, threshold=0.9, neg_threshold=0.85)
    assert sum(s["end"] - s["start"] for s in later) < sum(s["end"] - s["start"] for s in spans)


def test_a_tensor_is_an_array() -> None:
    class Tensor:
        """What torch's tensors are to numpy."""

        dtype = "torch.float32"

        def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
            return samples()[0]

    _, rate = samples()
    assert list(callweave.speech(Tensor(), rate)) == list(callweave.speech(AGENT))  # type: ignore[arg-type]


def test_floats_that_are_no_audio_are_refused() -> None:
    for wrong in (20_000.0, np.nan):
        with pytest.raises(InvalidArgument, match="800 samples"):
            callweave.speech(np.full(800, wrong, np.float32), 8000)
        with pytest.raises(InvalidArgument, match="800 samples"):
            silero.get_speech_timestamps(np.full(800, wrong, np.float32), sampling_rate=8000)


def test_a_preset_is_no_configuration_and_damage_is_told() -> None:
    with pytest.raises(TypeError, match="found SpeechConfig, expected callweave.Config"):
        callweave.speech(AGENT, config=SpeechConfig.asr())  # type: ignore[arg-type]
    whole = Path(AGENT).read_bytes()
    assert callweave.speech(whole).warnings == ()
    assert [warning.code for warning in callweave.speech(whole[:20_001]).warnings] == ["truncated"]


def test_a_file_has_the_ending_of_its_format(tmp_path: Path) -> None:
    audio = callweave.load(AGENT)
    for name in ("a.flac", "a.mp3"):
        with pytest.raises(InvalidArgument, match="a name that ends in .wav"):
            audio.save(tmp_path / name, format="wav")
    audio.save(tmp_path / "plain", format="wav")
    assert (tmp_path / "plain").read_bytes().startswith(b"RIFF")
