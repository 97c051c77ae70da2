"""Calls while they go on: samples are pushed as they arrive, and what is certain is told at once.

`SpeechStream` hears speech in one track, `LiveCall` a call with its tracks. Both may be pushed from any thread; a push takes some
microseconds for each 32 ms of sound, with the interpreter released.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, Unpack

from callweave import _callweave
from callweave._record import Record, camel
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
"""How samples are written in bytes: 16 bits with the low or the high byte first, G.711, 32-bit floats."""

Samples: TypeAlias = "NDArray[np.float32] | NDArray[np.int16] | bytes | bytearray | memoryview"
"""Mono samples of any number: an array, or bytes in an encoding."""


@dataclass(frozen=True)
class SpeechStart(Record):
    """Speech has begun."""

    at_ms: float
    """When, with the padding before it."""
    known_ms: float
    """The end of the frame that decided."""


@dataclass(frozen=True)
class SpeechEnd(Record):
    """Speech has ended; its beginning was told before."""

    start_ms: float
    end_ms: float
    known_ms: float
    """The end of the frame that decided."""


class SpeechOptions(TypedDict, total=False):
    """When speech begins and ends, by the names of Silero VAD; what is left out is as the core has it (docs/live.md)."""

    threshold: float
    neg_threshold: float | None
    min_speech_ms: float
    min_silence_ms: float
    speech_pad_ms: float
    reset_after_ms: float | None
    portable: bool


class SpeechStream:
    """Hears speech in one track while its samples come.

    `encoding` says what bytes are; arrays of float32 and int16 say it themselves. Where the samples are cut changes nothing.

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
        self._native = _callweave.SpeechStream(sample_rate_hz, _json(options))
        self._encoding = encoding

    def push(self, samples: Samples, sample_rate_hz: int | None = None) -> list[SpeechStart | SpeechEnd]:
        """Takes the next samples, and gives what is certain by them. Another rate than the stream's is an error."""
        return _speech(self._native.push(samples, self._encoding, sample_rate_hz))

    def flush(self) -> list[SpeechStart | SpeechEnd]:
        """Ends the track; speech under way ends with it. Afterwards only `reset` makes it take samples again."""
        return _speech(self._native.flush())

    def reset(self) -> None:
        """Begins another track of the same rate, at 0 ms."""
        self._native.reset()

    def events(self, frames: Iterable[Samples]) -> Iterator[SpeechStart | SpeechEnd]:
        """Pushes samples as they come, and gives each event at once; their end is that of the track."""
        for frame in frames:
            yield from self.push(frame)
        yield from self.flush()

    async def aevents(self, frames: AsyncIterable[Samples]) -> AsyncIterator[SpeechStart | SpeechEnd]:
        """The same for samples that are waited for."""
        async for frame in frames:
            for event in self.push(frame):
                yield event
        for event in self.flush():
            yield event

    @property
    def probabilities(self) -> list[float]:
        """The probability of each frame of 32 ms that the last push or flush completed."""
        return self._native.probabilities

    @property
    def probability(self) -> float:
        """The probability of the last frame; 0 before the first."""
        return self._native.probability

    @property
    def speaking(self) -> bool:
        """Whether speech was told that has not ended."""
        return self._native.speaking

    @property
    def heard_ms(self) -> float:
        """How much was pushed."""
        return self._native.heard_ms

    @property
    def sample_rate_hz(self) -> int:
        """Samples per second."""
        return self._native.sample_rate_hz


@dataclass(frozen=True)
class LiveTrack:
    """One track of a call that goes on."""

    sample_rate_hz: int
    role: Role = "unknown"
    """Who is heard."""
    name: str | None = None
    """What reports and errors call it; `track 0` and so on where it has none."""
    party: str | None = None
    """The party's number, address or name."""
    started_at: str | None = None
    """When it began (RFC 3339)."""
    offset_ms: float | None = None
    """When it begins on the call's timeline, where it does not begin with the call."""


@dataclass(frozen=True)
class LiveEvent(Record):
    """What is told of a call while it goes on. A later event with the same id says more of the same."""

    id: int
    kind: str
    """`speech`, `turn`, `overlap`, `silence`, `dead_track`, `answer`, or the kind of a report's event."""
    certainty: Literal["provisional", "confirmed", "withdrawn"]
    track: int | None
    """None for what is of all tracks."""
    start_ms: float
    end_ms: float | None
    """None: it goes on, as far as is known."""
    detail: str | None
    """The tone, the countries, the answer; the key where `Config.dtmf_digits` asks for it."""
    confidence: float
    known_ms: float
    """The end of the frame that decided."""


@dataclass(frozen=True)
class PacketCounts(Record):
    """How the packets of a track came."""

    received: int
    lost: int
    """Packets that never came in time: silence is in their place."""
    late: int
    """Packets that came after their time was over."""
    repeated: int
    reordered: int
    pauses: int
    """Jumps of the timestamp without one of the sequence: nothing was sent meanwhile."""
    restarts: int
    """Jumps that are no pause: the clock began anew."""


class LiveOptions(TypedDict, total=False):
    """How a call is heard while it goes on; what is left out is as the core has it (docs/live.md)."""

    keep: Literal["nothing", "memory"] | os.PathLike[str]
    """What becomes of the samples; a folder: they are kept in files there, which go with the call."""
    window_ms: float
    """How long a missing packet, or a track that stays behind, is waited for."""
    dead_after_ms: float
    called: int | None
    """The track of the party that was called, which is watched for its answer."""


class LiveCall:
    """Hears a call while its samples come: events as they become certain, a report at any time.

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
        told = [{camel(k): v for k, v in vars(track).items() if v is not None} for track in tracks]
        keep = options.get("keep")
        said: dict[str, Any] = dict(options)
        if isinstance(keep, os.PathLike):
            said["keep"] = {"spool": os.fspath(keep)}
        self._native = _callweave.LiveCall(json.dumps(told), config_json(config), _json(said))
        self._config = config

    def push(
        self, track: int, samples: Samples, *, encoding: Encoding | None = None, sample_rate_hz: int | None = None
    ) -> list[LiveEvent]:
        """Takes the next samples of a track, and gives the events that were not taken yet."""
        return _events(self._native.push(track, samples, encoding, sample_rate_hz))

    def packet(
        self, track: int, sequence: int, timestamp: int, payload: bytes, *, encoding: Encoding
    ) -> list[LiveEvent]:
        """Takes a packet: late ones come in their place, those that never come are silence."""
        return _events(self._native.packet(track, sequence, timestamp, payload, encoding))

    def rtp(self, track: int, datagram: bytes, *, encoding: Encoding) -> list[LiveEvent]:
        """Takes a packet of RTP. Payload types other than the first, such as keys, only take their number."""
        return _events(self._native.rtp(track, datagram, encoding))

    def begin(self, track: int, at_ms: float) -> None:
        """Says when a track begins on the call's timeline, before its first sample."""
        self._native.begin(track, at_ms)

    def end(self, track: int) -> list[LiveEvent]:
        """Ends a track before the others; nothing waits for it any more."""
        return _events(self._native.end(track))

    def events(self) -> list[LiveEvent]:
        """The events that were not taken yet: those of the end, after `finish`."""
        return _events(self._native.events())

    def packets(self, track: int) -> PacketCounts | None:
        """How the packets of a track came; `None` where it has taken none."""
        told = json.loads(self._native.packets(track))
        return told and PacketCounts.from_dict(told)

    @property
    def heard_ms(self) -> float:
        """How much was heard of the call."""
        return self._native.heard_ms

    def snapshot(self) -> Report:
        """The report of what was heard so far, without what only samples say."""
        return Report.from_json(self._native.snapshot())

    def finish(self) -> Processed:
        """Ends the call: its report, and its tracks where they were kept.

        Where it fails or is interrupted nothing is lost: it may be called again.
        """
        return Processed(self._native.finish(), self._config)


def _json(options: Any) -> str:
    return json.dumps({camel(name): value for name, value in options.items()})


def _speech(told: str | None) -> list[SpeechStart | SpeechEnd]:
    kinds: dict[str, type[SpeechStart] | type[SpeechEnd]] = {"speechStart": SpeechStart, "speechEnd": SpeechEnd}
    return [kinds[event["type"]].from_dict(event) for event in json.loads(told)] if told else []


def _events(told: str | None) -> list[LiveEvent]:
    return [LiveEvent.from_dict(event) for event in json.loads(told)] if told else []
