"""Inputs: files, bytes, streams, samples."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from callweave._storage import is_url, open_url, refuse_unused
from callweave._values import plain, refused, to_json
from callweave.audio import Audio

__all__ = ["Audio", "Input", "Raw", "Readable", "Recording", "Response", "Role", "StreamedResponse"]

Role: TypeAlias = Literal["customer", "agent", "transfer", "participant", "mixed", "unknown"]
"""Who speaks on a track."""


Raw: TypeAlias = Literal[
    "ulaw", "alaw", "gsm", "g722", "g726-16", "g726-24", "g726-32", "g726-40", "g729", "g723_1", "vox", "vox6",
    "sln", "sln12", "sln16", "sln24", "sln32", "sln44", "sln48", "sln96", "sln192",
]  # fmt: skip
"""The format of a headerless file, by the extension that phone systems use for it."""


@runtime_checkable
class Readable(Protocol):
    """A binary file, or anything that reads like one: an HTTP response, a member of an archive, a
    pipe."""

    def read(self, size: int, /) -> bytes:
        """Returns the next bytes, at most `size`, or none at the end."""


@runtime_checkable
class Response(Protocol):
    """A response of requests, requested with `stream=True`."""

    def iter_content(self, chunk_size: int, /) -> Iterator[Any]:
        """Iterates over its body."""


@runtime_checkable
class StreamedResponse(Protocol):
    """A response of httpx, inside `with httpx.stream(...)`."""

    def iter_bytes(self) -> Iterator[bytes]:
        """Iterates over its decompressed body."""


Recording: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | Readable | Response | StreamedResponse | Audio
)
"""A path, bytes, a binary file, a streamed response or samples."""

ONE = (str, os.PathLike, bytes, bytearray, memoryview, Readable, Response, StreamedResponse, Audio)
"""Types of a single recording. Anything else is several."""


@dataclass(frozen=True)
class Input:
    """A recording with what is known about it.

    >>> Input("customer.mp3", role="customer", started_at="2026-05-20T07:11:46Z")
    Input('customer.mp3', role='customer', started_at='2026-05-20T07:11:46Z')
    """

    source: Recording
    role: Role | None = None
    """Who speaks."""
    party: str | None = None
    """The party's number, address or name."""
    started_at: str | float | datetime | None = None
    """When the recording began: RFC 3339, Unix seconds, or a `datetime` with its zone. Whole
    seconds have a resolution of +-1 s.
    """
    channel: int | None = None
    """The channel to use, from 0."""
    name: str | None = None
    """The name in reports and errors, if there is no path."""
    offset_ms: float | None = None
    """The recording's offset on the call's timeline in milliseconds. Overrides all evidence."""
    offset_uncertainty_ms: float | None = None
    """Half the width of the 90 % interval around `offset_ms`. If omitted, the offset is exact."""
    raw: Raw | None = None
    """The format of a headerless file. Skips format detection."""
    storage_options: Mapping[str, Any] | None = None
    """fsspec's options for a URL's storage: keys, endpoints."""

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
    raw: str | None


@dataclass(frozen=True)
class _NativeCall:
    """A described call as the native module reads it."""

    document: str
    audio: list[tuple[str, _Native]]


class DescribedInput:
    """A call described by a provider's document, with its audio by name. Made by
    `callweave.provider`."""

    def _native(self) -> _NativeCall:
        raise NotImplementedError


class _Parts:
    """A file over the parts of a response's body."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts

    def read(self, size: int, /) -> bytes:
        return next((part for part in self._parts if part), b"")


def _readable(source: Recording, storage_options: Mapping[str, Any] | None = None) -> Recording:
    """Converts a recording to something that the native module reads."""
    if isinstance(source, str) and is_url(source):
        return open_url(source, storage_options)
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


def _moment(moment: Any) -> str | None:
    """Converts a time to JSON."""
    if moment is None:
        return None
    moment = plain(moment)
    if isinstance(moment, bool) or not isinstance(moment, (str, int, float, datetime)):
        raise refused("started_at", repr(moment), "RFC 3339, Unix seconds or a datetime", "input")
    return to_json(moment, "started_at")


def native(item: Recording | Input, storage_options: Mapping[str, Any] | None = None, output: object = None) -> _Native:
    """Converts one input for the native module. The options are for it or for an output."""
    refuse_unused(storage_options, item.source if isinstance(item, Input) else item, output)
    return _native(item, storage_options)


def _native(item: Recording | Input, storage_options: Mapping[str, Any] | None) -> _Native:
    given = item if isinstance(item, Input) else Input(item)
    refuse_unused(given.storage_options, given.source)
    if storage_options is not None and given.storage_options is None:
        given = replace(given, storage_options=storage_options)
    texts = {"role": given.role, "party": given.party, "name": given.name, "raw": given.raw}
    for what, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise refused(what, type(text).__name__, "a text", "input")
    if given.raw is not None and isinstance(given.source, Audio):
        raise refused("raw", f"{given.raw} for samples in memory", "a path, bytes or a file", "input")
    started_at = _moment(given.started_at)
    offset = (given.offset_ms, given.offset_uncertainty_ms)
    source, name = _readable(given.source, given.storage_options), given.name
    if name is None and is_url(given.source):
        name = str(given.source)
    return _Native(source, given.role, given.party, started_at, given.channel, name, *offset, given.raw)


def natives(
    inputs: Recording | Input | DescribedInput | Iterable[Recording | Input],
    storage_options: Mapping[str, Any] | None = None,
    *,
    mixed: bool = False,
) -> list[_Native] | list[_NativeCall]:
    """Converts one or several inputs for the native module. Unless the calls are `mixed`, one of the
    inputs must be in storage if there are options for it."""
    if isinstance(inputs, str) and is_url(inputs) and inputs.partition("?")[0].endswith(".json"):
        return [described_at(inputs, storage_options)._native()]
    items: list[Any] = [inputs]
    if not isinstance(inputs, (*ONE, Input, DescribedInput)) and not hasattr(inputs, "dtype"):
        if not isinstance(inputs, Iterable):
            raise TypeError(f"found {type(inputs).__name__}, expected a recording or several")
        items = list(inputs)
    if not mixed:
        refuse_unused(storage_options, *(item.source if isinstance(item, Input) else item for item in items))
    if isinstance(inputs, DescribedInput):
        return [inputs._native()]
    return [_native(item, storage_options) for item in items]


def described_at(url: str, storage_options: Mapping[str, Any] | None) -> DescribedInput:
    """Opens the call of a document in storage, with its audio next to it."""
    from callweave import provider

    folder, _, _ = url.rpartition("/")
    with open_url(url, storage_options) as file:
        call = provider.read(file.read())
    lacking = (call.described.recordings[missing.recording].path for missing in call.described.missing)
    # What a document names elsewhere is not fetched: it may be anybody's.
    beside = [
        path for path in lacking if path and not path.startswith(("/", "\\")) and ".." not in path and not is_url(path)
    ]
    return call.with_audio({path: Input(f"{folder}/{path}", storage_options=storage_options) for path in beside})
