"""Analyzes calls while they go on: samples are pushed as they arrive, and events are reported as
soon as they are certain.

`SpeechStream` detects speech on one track; `LiveCall` analyzes a whole call. Both may be pushed
from any thread. A push takes some microseconds per 32 ms of audio, with the interpreter released.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, Unpack, get_args

from callweave import _callweave
from callweave._record import Record, camel
from callweave._values import U16, optional, refused, to_json, whole
from callweave.config import Config, config_json
from callweave.inputs import Role
from callweave.processed import Processed
from callweave.report import Report

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Encoding",
    "LiveCall",
    "LiveEvent",
    "LiveOptions",
    "LiveTrack",
    "PacketCounts",
    "Samples",
    "SpeechEnd",
    "SpeechOptions",
    "SpeechStart",
    "SpeechStream",
]

Encoding: TypeAlias = Literal["s16", "s16be", "mulaw", "alaw", "f32"]
"""The encoding of samples in bytes: 16-bit little- or big-endian, G.711, 32-bit floats."""

Samples: TypeAlias = "NDArray[np.float32] | NDArray[np.int16] | bytes | bytearray | memoryview"
"""Any number of mono samples: an array, or bytes in an encoding."""


@dataclass(frozen=True)
class SpeechStart(Record):
    """Speech began."""

    at_ms: float
    """When it began, including the padding before it."""
    known_ms: float
    """The end of the frame that decided."""


@dataclass(frozen=True)
class SpeechEnd(Record):
    """Speech ended. Its beginning was reported before."""

    start_ms: float
    end_ms: float
    known_ms: float
    """The end of the frame that decided."""


class SpeechOptions(TypedDict, total=False):
    """When speech begins and ends, with the names of Silero VAD. The defaults are in
    docs/live.md."""

    threshold: float
    neg_threshold: float | None
    min_speech_ms: float
    min_silence_ms: float
    speech_pad_ms: float
    reset_after_ms: float | None
    portable: bool


class SpeechStream:
    """Detects speech on one track while its samples arrive.

    `encoding` is that of bytes; float32 and int16 arrays must not have one. The result does not depend on
    how samples are divided into pushes.

    >>> import callweave
    >>> audio = callweave.decode("fixtures/short/customer.wav", dtype="int16")
    >>> stream = callweave.SpeechStream(audio.sample_rate_hz, min_silence_ms=300)
    >>> frames = (audio.samples[0, at : at + 160] for at in range(0, audio.samples.shape[1], 160))
    >>> [type(event).__name__ for event in stream.events(frames)][:2]
    ['SpeechStart', 'SpeechEnd']
    """

    def __init__(
        self, sample_rate_hz: int, *, encoding: Encoding | None = None, **options: Unpack[SpeechOptions]
    ) -> None:
        if encoding is not None and encoding not in get_args(Encoding):
            raise refused("encoding", repr(encoding), f"one of {', '.join(get_args(Encoding))}")
        self._native = _callweave.SpeechStream(whole("sample_rate_hz", sample_rate_hz), _json(options))
        self._encoding = encoding

    def push(self, samples: Samples, sample_rate_hz: int | None = None) -> list[SpeechStart | SpeechEnd]:
        """Takes the next samples, and returns the events that became certain. A rate other than the
        stream's is an error.
        """
        _refuse_encoding(samples, self._encoding)
        return _speech(self._native.push(samples, self._encoding, optional("sample_rate_hz", sample_rate_hz)))

    def flush(self) -> list[SpeechStart | SpeechEnd]:
        """Ends the track and any open speech, and returns the last events. `reset` makes the stream
        accept samples again.
        """
        return _speech(self._native.flush())

    def reset(self) -> None:
        """Resets the stream for another track of the same rate, starting at 0 ms."""
        self._native.reset()

    def events(self, frames: Iterable[Samples]) -> Iterator[SpeechStart | SpeechEnd]:
        """Pushes samples as they arrive, and yields each event at once. The track ends with the
        samples."""
        for frame in frames:
            yield from self.push(frame)
        yield from self.flush()

    async def aevents(self, frames: AsyncIterable[Samples]) -> AsyncIterator[SpeechStart | SpeechEnd]:
        """Like `events`, for an async iterable of samples."""
        async for frame in frames:
            for event in self.push(frame):
                yield event
        for event in self.flush():
            yield event

    @property
    def probabilities(self) -> list[float]:
        """The probabilities of the 32 ms frames completed by the last push or flush."""
        return self._native.probabilities

    @property
    def probability(self) -> float:
        """The probability of the last frame, or 0 before the first."""
        return self._native.probability

    @property
    def speaking(self) -> bool:
        """Whether speech was reported that has not ended."""
        return self._native.speaking

    @property
    def heard_ms(self) -> float:
        """Duration of the samples taken, in milliseconds."""
        return self._native.heard_ms

    @property
    def sample_rate_hz(self) -> int:
        """Sample rate in Hz."""
        return self._native.sample_rate_hz


@dataclass(frozen=True)
class LiveTrack:
    """One track of a live call."""

    sample_rate_hz: int
    role: Role = "unknown"
    """Who speaks."""
    name: str | None = None
    """The name in reports and errors; by default `track 0` and so on."""
    party: str | None = None
    """The party's number, address or name."""
    started_at: str | None = None
    """When the track began (RFC 3339)."""
    offset_ms: float | None = None
    """The track's start on the call's timeline in milliseconds, if it does not start with the
    call."""


@dataclass(frozen=True)
class LiveEvent(Record):
    """An event of a live call. A later event with the same id updates it."""

    id: int
    kind: str
    """`speech`, `turn`, `overlap`, `silence`, `dead_track`, `answer`, or the kind of a report's
    event."""
    certainty: Literal["provisional", "confirmed", "withdrawn"]
    track: int | None
    """The track, or `None` for an event of all tracks."""
    start_ms: float
    end_ms: float | None
    """`None` if it continues, as far as is known."""
    detail: str | None
    """Details: the tone, the countries, the answer; the key if `Config.dtmf_digits` is set."""
    confidence: float
    known_ms: float
    """The end of the frame that decided."""


@dataclass(frozen=True)
class PacketCounts(Record):
    """Statistics of a track's packets."""

    received: int
    lost: int
    """Packets that did not arrive in time and were replaced by silence."""
    late: int
    """Packets that arrived too late."""
    repeated: int
    reordered: int
    pauses: int
    """Jumps of the timestamp without a jump of the sequence: nothing was sent in between."""
    restarts: int
    """Jumps that are not pauses: the sender's clock restarted."""


class LiveOptions(TypedDict, total=False):
    """Options of a live call. The defaults are in docs/live.md."""

    keep: Literal["nothing", "memory"] | os.PathLike[str]
    """What happens to the samples. A folder keeps them in files there; they are removed with the
    call."""
    window_ms: float
    """How long to wait for a missing packet, or for a track that falls behind the others."""
    dead_after_ms: float
    called: int | None
    """The track of the called party, which is watched for an answer."""


class LiveCall:
    """Analyzes a call while its samples arrive: events as they become certain, and a report at any
    time.

    >>> import callweave
    >>> call = callweave.LiveCall([callweave.LiveTrack(8000, "customer"), callweave.LiveTrack(8000, "agent")], keep="memory")
    >>> for track in (0, 1):
    ...     events = call.push(track, bytes(8000), encoding="mulaw")
    >>> call.finish().report.call.duration_ms
    1000.0
    """

    def __init__(
        self, tracks: Sequence[LiveTrack], config: Config | None = None, **options: Unpack[LiveOptions]
    ) -> None:
        for track in tracks:
            if not isinstance(track, LiveTrack):
                raise TypeError(f"a track: found {type(track).__name__}, expected callweave.LiveTrack")
            if not isinstance(track.started_at, (str, type(None))):
                raise refused("started_at", repr(track.started_at), "a text, RFC 3339")
        told = [{camel(k): v for k, v in vars(track).items() if v is not None} for track in tracks]
        said: dict[str, Any] = dict(options)
        keep: Any = options.get("keep", "nothing")
        if isinstance(keep, os.PathLike):
            said["keep"] = {"spool": os.fspath(keep)}
        elif keep not in ("nothing", "memory"):
            raise refused("keep", repr(keep), "'nothing', 'memory' or a folder as pathlib.Path")
        self._native = _callweave.LiveCall(to_json(told, "tracks"), config_json(config), _json(said))
        self._config = config

    def push(
        self, track: int, samples: Samples, *, encoding: Encoding | None = None, sample_rate_hz: int | None = None
    ) -> list[LiveEvent]:
        """Takes the next samples of a track, and returns the new events. `encoding` is that of bytes;
        arrays must not have one."""
        _refuse_encoding(samples, encoding)
        rate = optional("sample_rate_hz", sample_rate_hz)
        return _events(self._native.push(whole("track", track), samples, encoding, rate))

    def packet(
        self, track: int, sequence: int, timestamp: int, payload: bytes, *, encoding: Encoding
    ) -> list[LiveEvent]:
        """Takes a packet. Late packets are put in their place; missing ones become silence."""
        sequence, timestamp = whole("sequence", sequence, 0, U16), whole("timestamp", timestamp)
        return _events(self._native.packet(whole("track", track), sequence, timestamp, payload, encoding))

    def rtp(self, track: int, datagram: bytes, *, encoding: Encoding) -> list[LiveEvent]:
        """Takes an RTP packet. Payload types other than the first, such as keys, contribute only
        their sequence number."""
        return _events(self._native.rtp(whole("track", track), datagram, encoding))

    def begin(self, track: int, at_ms: float) -> None:
        """Sets the start of a track on the call's timeline, before its first sample."""
        self._native.begin(whole("track", track), at_ms)

    def end(self, track: int) -> list[LiveEvent]:
        """Ends a track before the others, which no longer wait for it."""
        return _events(self._native.end(whole("track", track)))

    def events(self) -> list[LiveEvent]:
        """Returns the new events, for example the last ones after `finish`."""
        return _events(self._native.events())

    def packets(self, track: int) -> PacketCounts | None:
        """Returns statistics of a track's packets, or `None` if it has taken none."""
        told = json.loads(self._native.packets(whole("track", track)))
        return told and PacketCounts.from_dict(told)

    @property
    def heard_ms(self) -> float:
        """How much of the call has been analyzed, in milliseconds."""
        return self._native.heard_ms

    def snapshot(self) -> Report:
        """Returns the report of the call so far. It lacks what requires all samples."""
        return Report.from_json(self._native.snapshot())

    def finish(self) -> Processed:
        """Ends the call, and returns its report, with its tracks if samples were kept.

        If it fails or is interrupted, nothing is lost, and it may be called again.
        """
        return Processed(self._native.finish(), self._config)


def _json(options: Any) -> str:
    return to_json({camel(name): value for name, value in options.items()})


def _refuse_encoding(samples: object, encoding: str | None) -> None:
    if encoding is not None and hasattr(samples, "dtype"):
        raise refused("encoding", f"{encoding} with an array", "none: an array's type says it", "input")


def _speech(told: str | None) -> list[SpeechStart | SpeechEnd]:
    kinds: dict[str, type[SpeechStart] | type[SpeechEnd]] = {"speechStart": SpeechStart, "speechEnd": SpeechEnd}
    return [kinds[event["type"]].from_dict(event) for event in json.loads(told)] if told else []


def _events(told: str | None) -> list[LiveEvent]:
    return [LiveEvent.from_dict(event) for event in json.loads(told)] if told else []
