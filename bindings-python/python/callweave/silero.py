"""For users of silero-vad: its functions with the same names and meanings, without torch. Only the
import changes:

    from callweave.silero import get_speech_timestamps, load_silero_vad, read_audio

Samples are numpy arrays instead of torch tensors; tensors are accepted. Two things differ. The
network is the one for 8 kHz, so audio is converted to that rate. Speech longer than
`max_speech_duration_s` without a pause is cut where the probability is lowest, rather than in the
middle of a word.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from callweave._speech import get_speech_timestamps
from callweave.audio import Audio, load

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["collect_chunks", "drop_chunks", "get_speech_timestamps", "load_silero_vad", "read_audio", "save_audio"]


class _Model:
    """A placeholder for the model that silero-vad's functions expect. The model is part of
    callweave."""

    def __repr__(self) -> str:
        return "<Silero VAD, within callweave>"


def load_silero_vad(onnx: bool = False, opset_version: int = 16) -> object:
    """Returns a placeholder for `get_speech_timestamps`. There is nothing to load."""
    return _Model()


def read_audio(path: str | os.PathLike[str], sampling_rate: int = 16000) -> NDArray[np.float32]:
    """Returns a recording's samples, `(frames,)`, at a rate. Several channels are averaged.

    >>> read_audio("fixtures/short/agent.wav").ndim
    1
    """
    samples: Any = load(path, rate=sampling_rate, mono=True).samples
    first: NDArray[np.float32] = samples[0]
    return first


def save_audio(path: str | os.PathLike[str], tensor: ArrayLike, sampling_rate: int = 16000) -> None:
    """Writes samples as 16-bit WAV or FLAC, by the file name's extension."""
    Audio.from_array(tensor, sampling_rate).save(path)


def collect_chunks(
    tss: Sequence[dict[str, Any]], wav: ArrayLike, seconds: bool = False, sampling_rate: int | None = None
) -> NDArray[Any]:
    """Returns the samples of the spans, concatenated."""
    import numpy as np

    return np.concatenate([_samples(wav)[start:end] for start, end in _bounds(tss, seconds, sampling_rate)])


def drop_chunks(
    tss: Sequence[dict[str, Any]], wav: ArrayLike, seconds: bool = False, sampling_rate: int | None = None
) -> NDArray[Any]:
    """Returns the samples outside the spans, concatenated."""
    import numpy as np

    samples = _samples(wav)
    parts, at = [], 0
    for start, end in _bounds(tss, seconds, sampling_rate):
        parts.append(samples[at:start])
        at = end
    return np.concatenate([*parts, samples[at:]])


def _samples(wav: ArrayLike) -> NDArray[Any]:
    import numpy as np

    return np.asarray(wav)


def _bounds(tss: Sequence[dict[str, Any]], seconds: bool, sampling_rate: int | None) -> list[tuple[int, int]]:
    if seconds and not sampling_rate:
        raise ValueError("sampling_rate must be provided when seconds is True")
    scale = sampling_rate if seconds and sampling_rate else 1
    return [(round(span["start"] * scale), round(span["end"] * scale)) for span in tss]
