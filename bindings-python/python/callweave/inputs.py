"""What can be handed in: files, bytes, streams, samples."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from callweave.report import Source

__all__ = ["Audio", "Input", "Readable", "Recording", "Role"]

Role: TypeAlias = Literal["customer", "agent", "transfer", "participant", "mixed", "unknown"]
"""Who is heard on a track."""


@runtime_checkable
class Readable(Protocol):
    """A binary file, or anything that reads like one: an HTTP response, a member of an archive, a pipe."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most `size`; none at the end."""


@dataclass(frozen=True, eq=False)
class Audio:
    """Samples with their rate."""

    samples: NDArray[np.float32] | NDArray[np.int16]
    """`(channels, frames)` or `(frames,)`; float32 is nominally within -1 and 1."""
    sample_rate_hz: int
    source: Source | None = None
    """What the recording was that they were decoded from."""

    @property
    def duration_ms(self) -> float:
        """How long it is."""
        return float(1000 * self.samples.shape[-1] / self.sample_rate_hz)

    def __repr__(self) -> str:
        channels = 1 if self.samples.ndim == 1 else self.samples.shape[0]
        kind, rate, ms = self.samples.dtype, self.sample_rate_hz, self.duration_ms
        return f"<Audio {channels} x {self.samples.shape[-1]} {kind} at {rate} Hz, {ms / 1000:.3f} s>"


Recording: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | Readable | Audio
"""A path, bytes, a binary file or samples."""


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

    def __repr__(self) -> str:
        known = ((name, value) for name, value in vars(self).items() if name != "source" and value is not None)
        source = self.source if isinstance(self.source, (str, os.PathLike, Audio)) else type(self.source).__name__
        return f"Input({', '.join([repr(source), *(f'{name}={value!r}' for name, value in known)])})"


@dataclass(frozen=True)
class _Native:
    """An input as the native module reads it."""

    source: Any
    role: str | None
    party: str | None
    started_at: str | None
    channel: int | None
    name: str | None


@dataclass(frozen=True)
class _NativeCall:
    """A described call as the native module reads it."""

    document: str
    audio: list[tuple[str, _Native]]


class DescribedInput:
    """A call that a provider's document describes, with its audio by name. `callweave.provider` makes these."""

    def _native(self) -> _NativeCall:
        raise NotImplementedError


def native(item: Recording | Input) -> _Native:
    """One input for the native module."""
    given = item if isinstance(item, Input) else Input(item)
    moment = given.started_at.isoformat() if isinstance(given.started_at, datetime) else given.started_at
    started_at = None if moment is None else json.dumps(moment)
    return _Native(given.source, given.role, given.party, started_at, given.channel, given.name)


def natives(inputs: Recording | Input | DescribedInput | Iterable[Recording | Input]) -> list[_Native] | list[_NativeCall]:
    """One input or several for the native module."""
    if isinstance(inputs, DescribedInput):
        return [inputs._native()]
    if isinstance(inputs, (str, os.PathLike, bytes, bytearray, memoryview, Audio, Input, Readable)):
        return [native(inputs)]
    return [native(item) for item in inputs]
