"""What can be handed in: files, bytes, streams, samples."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from callweave.errors import InvalidArgument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from callweave.report import Source

__all__ = ["Audio", "Input", "Readable", "Recording", "Response", "Role", "StreamedResponse"]

Role: TypeAlias = Literal["customer", "agent", "transfer", "participant", "mixed", "unknown"]
"""Who is heard on a track."""


@runtime_checkable
class Readable(Protocol):
    """A binary file, or anything that reads like one: an HTTP response, a member of an archive, a pipe."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most `size`; none at the end."""


@runtime_checkable
class Response(Protocol):
    """A response of requests, asked for with `stream=True`."""

    def iter_content(self, chunk_size: int, /) -> Iterator[Any]:
        """Its body."""


@runtime_checkable
class StreamedResponse(Protocol):
    """A response of httpx, inside `with httpx.stream(...)`."""

    def iter_bytes(self) -> Iterator[bytes]:
        """Its body, decompressed."""


@dataclass(frozen=True, eq=False)
class Audio:
    """Samples with their rate."""

    samples: NDArray[np.float32] | NDArray[np.int16]
    """`(channels, frames)` or `(frames,)`; float32 is nominally within -1 and 1."""
    sample_rate_hz: int
    source: Source | None = None
    """What the recording was that they were decoded from."""

    def __post_init__(self) -> None:
        if not hasattr(self.samples, "dtype"):
            raise TypeError(f"samples: found {type(self.samples).__name__}, expected a numpy array of float32 or int16")

    @property
    def duration_ms(self) -> float:
        """How long it is."""
        return float(1000 * self.samples.shape[-1] / self.sample_rate_hz)

    def __repr__(self) -> str:
        channels = 1 if self.samples.ndim == 1 else self.samples.shape[0]
        kind, rate, ms = self.samples.dtype, self.sample_rate_hz, self.duration_ms
        return f"<Audio {channels} x {self.samples.shape[-1]} {kind} at {rate} Hz, {ms / 1000:.3f} s>"


Recording: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | Readable | Response | StreamedResponse | Audio
)
"""A path, bytes, a binary file, a streamed response or samples."""

ONE = (str, os.PathLike, bytes, bytearray, memoryview, Readable, Response, StreamedResponse, Audio)
"""What is one recording; anything else is several."""


@dataclass(frozen=True)
class Input:
    """One recording, with what is known of it.

    >>> Input("customer.mp3", role="customer", started_at="2026-05-20T07:11:46Z")
    Input('customer.mp3', role='customer', started_at='2026-05-20T07:11:46Z')
    """

    source: Recording
    role: Role | None = None
    """Who is heard."""
    party: str | None = None
    """The party's number, address or name."""
    started_at: str | float | datetime | None = None
    """When the recording began: RFC 3339, Unix seconds, or a datetime with its zone. Whole seconds mean +-1 s."""
    channel: int | None = None
    """The channel of the recording that is meant, from 0."""
    name: str | None = None
    """What reports and errors call it, where it has no path."""
    offset_ms: float | None = None
    """Where the recording begins on the call's timeline, in milliseconds: it is placed there and nowhere else."""
    offset_uncertainty_ms: float | None = None
    """Half the width of the interval that holds `offset_ms` nine times in ten; exact where it is not said."""

    def __repr__(self) -> str:
        known = ((name, value) for name, value in vars(self).items() if name != "source" and value is not None)
        named = isinstance(self.source, (str, os.PathLike, Audio))
        source = repr(self.source) if named else f"<{type(self.source).__name__}>"
        return f"Input({', '.join([source, *(f'{name}={value!r}' for name, value in known)])})"


@dataclass(frozen=True)
class _Native:
    """An input as the native module reads it."""

    source: Any
    role: str | None
    party: str | None
    started_at: str | None
    channel: int | None
    name: str | None
    offset_ms: float | None
    offset_uncertainty_ms: float | None


@dataclass(frozen=True)
class _NativeCall:
    """A described call as the native module reads it."""

    document: str
    audio: list[tuple[str, _Native]]


class DescribedInput:
    """A call that a provider's document describes, with its audio by name. `callweave.provider` makes these."""

    def _native(self) -> _NativeCall:
        raise NotImplementedError


class _Parts:
    """A file over the parts of a response's body."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts

    def read(self, size: int, /) -> bytes:
        return next((part for part in self._parts if part), b"")


def _readable(source: Recording) -> Recording:
    """What the native module reads, of whatever is one recording."""
    if isinstance(source, StreamedResponse):
        return _Parts(source.iter_bytes())
    if isinstance(source, Response):
        return _Parts(source.iter_content(1 << 18))
    if isinstance(source, io.TextIOBase):
        raise TypeError("the file was opened as text; open it in binary mode")
    dtype = getattr(source, "dtype", "uint8")
    if dtype != "uint8":
        raise TypeError(f"an array of {dtype} has no rate: callweave.Audio(samples, sample_rate_hz) is a recording")
    return source


def _moment(moment: str | float | datetime | None) -> str | None:
    """A moment as JSON."""
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise InvalidArgument(f"started_at: found {moment!r}, expected a datetime with its zone", "config")
        moment = moment.isoformat()
    return None if moment is None else json.dumps(moment)


def native(item: Recording | Input) -> _Native:
    """One input for the native module."""
    given = item if isinstance(item, Input) else Input(item)
    started_at = _moment(given.started_at)
    offset = (given.offset_ms, given.offset_uncertainty_ms)
    return _Native(_readable(given.source), given.role, given.party, started_at, given.channel, given.name, *offset)


def natives(inputs: Recording | Input | DescribedInput | Iterable[Recording | Input]) -> list[_Native] | list[_NativeCall]:
    """One input or several for the native module."""
    if isinstance(inputs, DescribedInput):
        return [inputs._native()]
    if isinstance(inputs, (*ONE, Input)):
        return [native(inputs)]
    if hasattr(inputs, "dtype"):
        array: Any = inputs
        return [native(array)]
    if not isinstance(inputs, Iterable):
        raise TypeError(f"found {type(inputs).__name__}, expected a recording or several")
    return [native(item) for item in inputs]
