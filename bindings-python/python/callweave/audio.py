"""Samples with their sample rate: load, cut, resample, measure, save."""

from __future__ import annotations

import base64
import builtins
import io
import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from callweave import _callweave
from callweave._record import Record
from callweave._storage import is_url, put, refuse_unused
from callweave._values import optional, refused, whole
from callweave.config import Config, config_json
from callweave.errors import InvalidArgument, IoError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from callweave.inputs import Input, Raw, Recording
    from callweave.report import Source

__all__ = ["Audio", "AudioFormat", "Levels", "SamplesWarning", "Writable", "levels", "load"]

AudioFormat: TypeAlias = Literal["wav", "wav-ulaw", "flac"]
"""Audio file format: 16-bit PCM or mu-law in WAV, or FLAC."""

Dtype: TypeAlias = Literal["float32", "int16"]
"""Sample type."""

_WILD = 1000.0
"""Times full scale beyond which samples are clipped when they are read."""

_SHOWN_MS = 600_000
"""Longest audio embedded in a notebook: about 10 MB."""


class SamplesWarning(UserWarning):
    """Samples were replaced by silence or clipped, and the result has no place to say so."""


class Writable(Protocol):
    """A binary file open for writing."""

    def write(self, data: bytes, /) -> object:
        """Writes bytes."""


@dataclass(frozen=True)
class Levels(Record):
    """The levels of a channel. A level is `None` if there is nothing to measure."""

    active_dbov: float | None
    """Active speech level (ITU-T P.56)."""
    activity_factor: float
    """Share of the time in which speech is active."""
    true_peak_dbtp: float | None
    """True peak (ITU-R BS.1770)."""
    loudness_lufs: float | None
    """Integrated loudness (EBU R 128)."""
    clipped_samples: int
    """Number of samples at full scale."""


@dataclass(frozen=True, eq=False, init=False)
class Audio:
    """Samples with their sample rate. `np.asarray(audio)` is the samples; `audio[1000:2000]` is the
    second from 1 s to 2 s.

    >>> audio = load("fixtures/stereo/call.wav", start_ms=1000, duration_ms=500, rate=16000, mono=True)
    >>> audio
    <Audio 1 x 8000 float32 at 16000 Hz, 0.500 s>
    >>> audio[100:200].duration_ms
    100.0
    """

    samples: NDArray[np.float32] | NDArray[np.int16]
    """`(channels, frames)` or `(frames,)`. float32 is nominally in [-1, 1]; float64 is converted to
    it."""
    sample_rate_hz: int
    source: Source | None = None
    """The recording from which the samples were decoded, if it was read to its end."""

    def __init__(
        self, samples: NDArray[np.floating[Any]] | NDArray[np.int16], sample_rate_hz: int, source: Source | None = None
    ) -> None:
        if not hasattr(samples, "dtype"):
            raise TypeError(f"samples: found {type(samples).__name__}, expected a numpy array of float32 or int16")
        import numpy as np

        array: Any = np.asarray(samples)
        kinds: dict[str, type] = {"f": np.float32, "i2": np.int16}
        kind = kinds.get(array.dtype.kind) or kinds.get(array.dtype.str[1:])
        if kind is None:
            raise TypeError(f"samples: found {array.dtype}, expected a numpy array of float32 or int16")
        if array.ndim not in (1, 2):
            raise TypeError(f"samples: found the shape {array.shape}, expected (frames,) or (channels, frames)")
        object.__setattr__(self, "samples", array.astype(kind, copy=False))
        object.__setattr__(self, "sample_rate_hz", whole("sample_rate_hz", sample_rate_hz, 1))
        object.__setattr__(self, "source", source)

    @classmethod
    def from_array(cls, samples: ArrayLike, sample_rate_hz: int, *, channel_axis: Literal[0, 1] | None = None) -> Audio:
        """Creates audio from an array of any library that numpy reads: `(frames,)`, `(channels,
        frames)`, or with `channel_axis=1` `(frames, channels)` as soundfile returns them. A list of
        numbers is taken too; whole numbers in it are samples of 16 bits.

        >>> import numpy as np
        >>> Audio.from_array(np.zeros((8000, 2)), 8000, channel_axis=1)
        <Audio 2 x 8000 float32 at 8000 Hz, 1.000 s>
        """
        import numpy as np

        if channel_axis not in (None, 0, 1):
            raise refused("channel_axis", repr(channel_axis), "0 or 1", "input")
        try:
            array: Any = np.asarray(samples)
        except ValueError as error:
            raise refused("samples", error, "channels of one length", "input") from error
        if isinstance(samples, (list, tuple)) and array.dtype.kind == "i":
            if array.min() < -32768 or array.max() > 32767:
                raise refused("samples", f"{array.min()} to {array.max()}", "whole numbers of 16 bits", "input")
            array = array.astype(np.int16)
        if array.ndim == 2 and channel_axis is None and array.shape[0] > array.shape[1]:
            said = f"samples: found the shape {array.shape}, expected (channels, frames), or channel_axis=1 for (frames, channels)"
            raise InvalidArgument(said, "input")
        return cls(np.ascontiguousarray(array.T) if array.ndim == 2 and channel_axis == 1 else array, sample_rate_hz)

    @property
    def duration_ms(self) -> float:
        """The duration."""
        return float(1000 * self.samples.shape[-1] / self.sample_rate_hz)

    @property
    def channels(self) -> int:
        """The number of channels."""
        return 1 if self.samples.ndim == 1 else int(self.samples.shape[0])

    def slice(self, start_ms: float | None = None, end_ms: float | None = None) -> Audio:
        """Returns the part between two times, without copying."""
        count = int(self.samples.shape[-1])
        first, last = _callweave.frames(start_ms, end_ms, self.sample_rate_hz, count)
        return Audio(self.samples[..., first:last], self.sample_rate_hz)

    def __getitem__(self, stretch: builtins.slice) -> Audio:
        """Returns the part between two times in milliseconds: `audio[1000:2000]`."""
        if not isinstance(stretch, builtins.slice) or stretch.step is not None:
            raise TypeError(f"found {stretch!r}, expected times in milliseconds: audio[1000:2000]")
        return self.slice(stretch.start, stretch.stop)

    def channel(self, index: int) -> Audio:
        """Returns one channel, from 0, without copying."""
        if not 0 <= index < self.channels:
            raise InvalidArgument(f"no such channel: found {index}, expected 0 to {self.channels - 1}", "input")
        return self if self.samples.ndim == 1 else Audio(self.samples[index], self.sample_rate_hz)

    def resample(self, rate: int) -> Audio:
        """Returns the audio resampled to another rate."""
        return load(self, rate=rate, dtype=self._dtype())

    def mono(self) -> Audio:
        """Returns the mean of the channels."""
        return load(self, mono=True, dtype=self._dtype())

    def levels(self) -> tuple[Levels, ...]:
        """Measures the levels of each channel."""
        return levels(self)

    def save(
        self,
        file: str | os.PathLike[str] | Writable,
        format: AudioFormat | None = None,
        *,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes 16-bit WAV or FLAC: to a path or a URL, whose extension determines the format, or
        to a binary file. A file appears complete or not at all. Samples that are not finite become
        silence and samples beyond full scale are clipped, with a `SamplesWarning`.

        >>> import io
        >>> file = io.BytesIO()
        >>> load("fixtures/stereo/call.wav").save(file, format="flac")
        >>> load(file.getvalue()).channels
        2
        """
        from callweave.inputs import native

        refuse_unused(storage_options, file)
        path = os.fspath(file) if isinstance(file, (str, os.PathLike)) else None
        name = path.rpartition("/")[2].partition("?")[0] if path is not None and is_url(path) else path
        data = _callweave.encode(native(self), config_json(None), format, name)
        warn_of_samples(self, full_scale=True)
        if path is None:
            _write_all(file, data)
        elif is_url(path):
            put(path, data, storage_options)
        else:
            _callweave.write_file(path, data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy as np

        return np.array(self.samples, dtype=dtype, copy=True) if copy else np.asarray(self.samples, dtype=dtype)

    def _dtype(self) -> Dtype:
        return "int16" if str(self.samples.dtype) == "int16" else "float32"

    def _repr_html_(self) -> str:
        """A player and a waveform for notebooks. Audio beyond ten minutes has only the waveform."""
        from callweave.inputs import native

        picture = _callweave.wave_svg(native(self), config_json(None))
        if self.duration_ms > _SHOWN_MS:
            return picture
        data = base64.b64encode(_callweave.encode(native(self), config_json(None), "flac", None)).decode()
        return f'{picture}<br><audio controls src="data:audio/flac;base64,{data}"></audio>'

    def __repr__(self) -> str:
        kind, rate, ms = self.samples.dtype, self.sample_rate_hz, self.duration_ms
        return f"<Audio {self.channels} x {self.samples.shape[-1]} {kind} at {rate} Hz, {ms / 1000:.3f} s>"


def load(
    recording: Recording | Input,
    *,
    start_ms: float | None = None,
    duration_ms: float | None = None,
    rate: int | None = None,
    mono: bool = False,
    channel: int | None = None,
    dtype: Dtype = "float32",
    raw: Raw | None = None,
    config: Config | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Audio:
    """Loads a recording, or a part of it, at its own rate or another, with all channels or as one.
    Audio before the part is decoded and dropped; audio after it is not read. Warnings are in the
    result's `source`; of a part of an `Audio` they are Python's (`SamplesWarning`).

    >>> load("fixtures/stereo/call.wav")
    <Audio 2 x 208480 float32 at 8000 Hz, 26.060 s>
    >>> load("fixtures/stereo/call.wav", start_ms=20_000, channel=1, dtype="int16")
    <Audio 1 x 48480 int16 at 8000 Hz, 6.060 s>
    """
    from callweave.report import Source

    choices: dict[str, Any] = {"float32": _callweave.load_float32, "int16": _callweave.load_int16}
    if dtype not in choices:
        raise InvalidArgument(f"dtype: found {dtype}, expected {' or '.join(choices)}", "config")
    item = one(recording, raw=raw, channel=channel, mono=mono, storage_options=storage_options)
    rate = optional("rate", rate)
    samples, hz, source = choices[dtype](item, config_json(one_track(config, mono)), start_ms, duration_ms, rate)
    if source is None:
        warn_of_samples(recording)
    return Audio(samples, hz, None if source is None else Source.from_dict(json.loads(source)))


def levels(
    recording: Recording | Input, config: Config | None = None, *, storage_options: Mapping[str, Any] | None = None
) -> tuple[Levels, ...]:
    """Measures the levels of each channel of a recording.

    Samples of an `Audio` that are replaced or clipped are told by `SamplesWarning`.

    >>> [agent, customer] = levels("fixtures/stereo/call.wav")
    >>> -40 < agent.active_dbov < -10
    True
    """
    warn_of_samples(recording)
    text = _callweave.levels(one(recording, storage_options=storage_options), config_json(config))
    return tuple(Levels.from_dict(values) for values in json.loads(text))


def one(
    recording: Recording | Input,
    *,
    raw: Raw | None = None,
    channel: int | None = None,
    mono: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> Any:
    """Converts one recording with its options for the native module."""
    from callweave.inputs import Input, native

    given = recording if isinstance(recording, Input) else Input(recording)
    said = {"raw": raw, "channel": channel}
    changes: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    given = replace(given, **changes)
    if mono and given.channel is not None:
        raise refused("mono", f"channel={given.channel} with it", "one of them")
    return native(given, storage_options)


def one_track(config: Config | None, mono: bool) -> Config | None:
    """Returns a configuration that averages all channels into one track, if `mono` is set."""
    if not mono:
        return config
    config = config or Config()
    return replace(config, decode=replace(config.decode, stereo="downmix"))


def warn_of_samples(recording: Recording | Input, *, full_scale: bool = False) -> None:
    """Warns of samples in memory that are replaced or clipped: those beyond 1000 times full scale when
    they are read, and with `full_scale` those beyond it when they are written."""
    source: Any = getattr(recording, "source", None) if not isinstance(recording, Audio) else recording
    if isinstance(source, Audio):
        for told in odd_samples(source, full_scale=full_scale):
            warnings.warn(f"samples: {told}", SamplesWarning, stacklevel=3)


def odd_samples(audio: Audio, *, full_scale: bool = False, refused: bool = False) -> list[str]:
    """Returns how many samples are not finite or too large, and what happens to them unless they are
    `refused`."""
    samples: Any = audio.samples
    limit, name = (1.0, "full scale") if full_scale else (_WILD, "1000 times full scale")
    if samples.dtype.kind != "f" or samples.size == 0 or (samples.min() >= -limit and samples.max() <= limit):
        return []
    import numpy as np

    finite = np.isfinite(samples)
    lost, clipped = samples.size - np.count_nonzero(finite), np.count_nonzero(finite & (np.abs(samples) > limit))
    told = {("not finite", ": replaced by silence"): lost, (f"beyond {name}", ": clipped"): clipped}
    return [f"{count} samples are {what}{'' if refused else then}" for (what, then), count in told.items() if count]


def _write_all(file: Any, data: bytes) -> None:
    """Writes to a binary file. A file without a buffer may take only a part at a time."""
    if not isinstance(file, io.RawIOBase):
        file.write(data)
        return
    done = 0
    while done < len(data):
        taken = file.write(memoryview(data)[done:])
        if not taken:
            name, expected = str(getattr(file, "name", "file")), f"{len(data)} bytes"
            said = f"{name}: cannot write: found room for {done} bytes, expected {expected}"
            raise IoError(said, "export", "cannot write", name, found=f"{done} bytes", expected=expected)
        done += taken
