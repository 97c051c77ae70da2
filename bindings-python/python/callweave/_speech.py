"""Speech detection alone, for users who only need a detector."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from callweave import _callweave
from callweave._values import plain, refused, to_json
from callweave.audio import Audio, odd_samples, one, one_track
from callweave.config import Config, Detector, SpeechConfig, config_json
from callweave.errors import InvalidArgument
from callweave.inputs import Input, Raw, Recording
from callweave.report import Span, Warning

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Speech", "TimeUnit", "get_speech_timestamps", "speech"]

_LEAST_NEG_THRESHOLD = 0.01
"""Silero's: a threshold at which speech ends is never lower."""

TimeUnit: TypeAlias = Literal["ms", "s", "samples"]
"""Milliseconds, seconds, or samples at the recording's own rate."""


@dataclass(frozen=True, eq=False)
class Speech:
    """Spans of speech on one channel: pairs of beginning and end in the requested unit."""

    unit: TimeUnit
    probabilities: NDArray[np.float32]
    """Probability of speech, frame by frame."""
    hop_ms: float
    """Time between two probabilities."""
    sample_rate_hz: int
    duration_ms: float
    """Duration of the recording."""
    warnings: tuple[Warning, ...]
    """Warnings about the recording."""
    _pairs: NDArray[np.float64]

    def to_numpy(self) -> NDArray[np.float64]:
        """`(spans, 2)`: beginnings and ends."""
        return self._pairs

    def __iter__(self) -> Iterator[tuple[float, float]]:
        return iter([(start, end) for start, end in self._pairs.tolist()])

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> tuple[float, float]:
        start, end = self._pairs[index].tolist()
        return start, end

    @property
    def spans(self) -> tuple[Span, ...]:
        """The spans as records in milliseconds."""
        scale = {"ms": 1.0, "s": 1000.0, "samples": 1000.0 / self.sample_rate_hz}[self.unit]
        return tuple(Span(start * scale, end * scale) for start, end in self)

    def __repr__(self) -> str:
        return f"<Speech {len(self)} spans in {self.duration_ms / 1000:.3f} s, in {self.unit}>"


def speech(
    recording: Recording | Input | ArrayLike,
    rate: int | None = None,
    *,
    unit: TimeUnit = "ms",
    threshold: float | None = None,
    neg_threshold: float | None = None,
    min_speech_ms: float | None = None,
    min_silence_ms: float | None = None,
    speech_pad_ms: float | None = None,
    max_speech_ms: float | None = None,
    channel: int | None = None,
    channel_axis: Literal[0, 1] | None = None,
    mono: bool = False,
    raw: Raw | None = None,
    preset: SpeechConfig | None = None,
    detector: Detector | None = None,
    config: Config | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Speech:
    """Detects speech on one channel of an array, a path, bytes or a file: the only channel, the one
    given by `channel`, or with `mono` the mean of all.

    An array needs its `rate`. It is float32, float64 or int16 with shape `(frames,)`, `(channels,
    frames)`, or with `channel_axis=1` `(frames, channels)`; a list of numbers is taken too. Samples
    in memory that are not finite, or are beyond 1000 times full scale, are an error.

    The parameters are those of `SpeechConfig`, and take precedence over `preset` and `config`, of
    which only one may say something of speech. `neg_threshold` follows `threshold` at its distance
    there (0.15), and is at least 0.01.

    >>> found = speech("fixtures/short/agent.wav", threshold=0.6, unit="s")
    >>> found.to_numpy().shape == (len(found), 2)
    True
    """
    if _is_array(recording):
        if rate is None:
            raise InvalidArgument("an array has no rate: callweave.speech(samples, rate)", "input")
        array: Any = recording
        recording = Audio.from_array(array, rate, channel_axis=channel_axis)
    elif rate is not None or channel_axis is not None:
        raise InvalidArgument("rate and channel_axis are said of arrays; a recording has its own", "config")
    given = {
        "threshold": threshold,
        "neg_threshold": neg_threshold,
        "min_speech_ms": min_speech_ms,
        "min_silence_ms": min_silence_ms,
        "speech_pad_ms": speech_pad_ms,
        "max_speech_ms": max_speech_ms,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if config is not None and not isinstance(config, Config):
        found = type(config).__name__
        raise TypeError(f"config: found {found}, expected callweave.Config; parameters of speech are the preset")
    config = config or Config()
    if preset is not None and config.speech != SpeechConfig():
        raise refused("preset", "a config with parameters of speech too", "one of them")
    base = preset or config.speech
    if threshold is not None and neg_threshold is None:
        changes["neg_threshold"] = _follows(plain(threshold), base)
    config = replace(config, speech=replace(base, **changes), detector=detector or config.detector)
    source: Any = recording
    _refuse_odd(source)
    item = one(source, raw=raw, channel=channel, mono=mono, storage_options=storage_options)
    pairs, values, hop, hz, duration, told = _callweave.listen(item, config_json(one_track(config, mono)), unit)
    warnings = tuple(Warning.from_dict(warning) for warning in json.loads(told))
    return Speech(unit, values, hop, hz, duration, warnings, pairs)


def get_speech_timestamps(
    audio: Recording | Input | ArrayLike,
    model: object = None,
    threshold: float = 0.5,
    sampling_rate: int = 16000,
    min_speech_duration_ms: int = 250,
    max_speech_duration_s: float = float("inf"),
    min_silence_duration_ms: int = 100,
    speech_pad_ms: int = 30,
    return_seconds: bool = False,
    time_resolution: int = 1,
    neg_threshold: float | None = None,
) -> list[dict[str, Any]]:
    """Silero's `get_speech_timestamps` with its own names, defaults and rules: returns a list of
    `{"start", "end"}` in samples, or in seconds. `model` is ignored. `sampling_rate` is that of an
    array or a list, and may be any; a file has its own. Samples that are no audio are an error, as in
    `speech`.

    >>> first = get_speech_timestamps("fixtures/short/agent.wav")[0]
    >>> sorted(first), isinstance(first["start"], int)
    (['end', 'start'], True)
    """
    if _is_array(audio):
        array: Any = audio
        audio = Audio.from_array(array, sampling_rate)
    options = {
        "threshold": threshold,
        "neg_threshold": neg_threshold,
        "min_speech_duration_ms": min_speech_duration_ms,
        "max_speech_duration_s": None if max_speech_duration_s == float("inf") else max_speech_duration_s,
        "min_silence_duration_ms": min_silence_duration_ms,
        "speech_pad_ms": speech_pad_ms,
        "return_seconds": return_seconds,
        "time_resolution": time_resolution,
    }
    source: Any = audio
    _refuse_odd(source)
    pairs = _callweave.speech_timestamps(one(source), to_json(options))
    kind: Any = float if return_seconds else int
    return [{"start": kind(start), "end": kind(end)} for start, end in pairs]


def _follows(threshold: Any, base: SpeechConfig) -> float:
    """Returns the threshold at which speech ends, at its distance below another one at which it begins."""
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
        raise refused("threshold", repr(threshold), "a number above 0, at most 1")
    below = base.threshold - base.neg_threshold
    return min(max(round(threshold - below, 6), _LEAST_NEG_THRESHOLD), threshold)


def _is_array(recording: object) -> bool:
    return isinstance(recording, (list, tuple)) or (
        hasattr(recording, "__array__") and not isinstance(recording, (Audio, Input))
    )


def _refuse_odd(source: Any) -> None:
    """Refuses samples in memory that are no audio: nothing is replaced by silence here."""
    audio = source.source if isinstance(source, Input) else source
    if isinstance(audio, Audio) and (odd := odd_samples(audio, refused=True)):
        raise refused("samples", " and ".join(odd), "floats where 1.0 is full scale", "input")
