"""Waveform peaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from callweave import _callweave
from callweave._progress import Progress, watched
from callweave._values import optional
from callweave.audio import warn_of_samples
from callweave.config import Config, config_json
from callweave.inputs import Input, Recording, native

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Peaks:
    """The lowest and the highest sample of each point of each channel."""

    points: NDArray[np.int16]
    """`(channels, points, 2)`: the lowest and the highest sample, 16 bits."""
    sample_rate_hz: int
    samples_per_point: int
    _json: str = field(repr=False)
    _dat: bytes = field(repr=False)

    def to_json(self) -> str:
        """Returns audiowaveform's JSON, version 2, for its players and wavesurfer.js."""
        return self._json

    def to_dat(self) -> bytes:
        """Returns audiowaveform's binary format, version 2."""
        return self._dat

    def __repr__(self) -> str:
        channels, points, _ = self.points.shape
        return f"<Peaks {channels} x {points} points of {self.samples_per_point} samples at {self.sample_rate_hz} Hz>"


def peaks(
    recording: Recording | Input,
    points_per_second: int | None = None,
    *,
    bits: Literal[8, 16] | None = None,
    config: Config | None = None,
    progress: Progress | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Peaks:
    """Computes a recording's waveform in one pass, without keeping samples.

    `points_per_second` is 100 by default. `bits` is the width of a value in `to_json` and `to_dat`,
    8 by default. Samples of an `Audio` that are replaced or clipped are told by `SamplesWarning`.

    >>> peaks("fixtures/stereo/call.wav")
    <Peaks 2 x 2606 points of 80 samples at 8000 Hz>
    """
    text = config_json(config)
    points, width = optional("points_per_second", points_per_second), optional("bits", bits)
    warn_of_samples(recording)
    with watched(progress) as hear:
        rate, each, made, json, dat = _callweave.peaks(native(recording, storage_options), points, width, text, hear)
    return Peaks(made, rate, each, json, dat)
