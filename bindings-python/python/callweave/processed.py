"""A processed call: its report, and its tracks for a mix, a redaction, a transcriber."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from callweave import _callweave
from callweave.config import Config, MixConfig, config_json
from callweave.errors import InvalidArgument
from callweave._storage import is_url, put_folder
from callweave.audio import Audio, AudioFormat
from callweave.inputs import Role
from callweave.report import Label, Report, Span
from callweave.transcript import Word, parts_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Chunk", "Cover", "Label", "LevelWarning", "Processed", "ProcessedTrack", "Spans", "Unit"]

Cover: TypeAlias = Literal["silence", "beep"]
"""What is heard in place of what was taken out."""

Unit: TypeAlias = Literal["ms", "s"]
"""Milliseconds, or seconds as many transcribers tell them."""

Spans: TypeAlias = Iterable[Span | tuple[float, float]]
"""Stretches of the call: `Span`s, which are in milliseconds, or pairs of numbers in the unit that is said."""

_DOUBTFUL_MS = 50.0
"""No word is as short as this: a pair of numbers without a unit that spans less is taken for seconds."""


class LevelWarning(UserWarning):
    """A party stays away from the level of a mix, because gains have limits."""


_Pairs = list[tuple[float, float]]
_ChunkParts = tuple[tuple[int, int, int | None], Any, tuple[float, float], _Pairs, _Pairs]


@dataclass(frozen=True, eq=False)
class Chunk:
    """A stretch of one party's own speech, ready for a transcriber."""

    track: int
    """The track's place among the report's tracks."""
    role: Role
    """Who speaks."""
    start_ms: float
    """Where it begins on the call, the padding before the first word included."""
    end_ms: float
    samples: NDArray[np.float32]
    """`(frames,)`, within -1 and 1."""
    sample_rate_hz: int
    _knots: list[tuple[float, float]] = field(repr=False)
    voice: int | None = None
    """The voice that speaks, where the track holds several."""

    def to_call(self, time_ms: float) -> float:
        """The call's time of a moment that a transcriber tells, from the chunk's first sample on: clock drift and lost
        audio included."""
        return _callweave.to_call(self._knots, time_ms)

    def words(self, heard: Iterable[Any], *, unit: Unit) -> Iterator[Word]:
        """What a transcriber tells of the chunk, on the call's timeline: tuples `(start, end, text)`, mappings or objects with
        `start`, `end` and `word` or `text`, as Whisper's models give them (in seconds: `unit="s"`).

        >>> import callweave
        >>> chunk = next(callweave.chunks("fixtures/short/manifest.json"))
        >>> [word] = chunk.words([(0.2, 0.5, "hello")], unit="s")
        >>> word.text, word.role, word.start_ms == chunk.to_call(200)
        ('hello', 'agent', True)
        """
        scale = _scale(unit)
        for start, end, text, confidence in map(parts_of, heard):
            span = self.to_call(scale * start), self.to_call(scale * end)
            yield Word(*span, text, self.role, self.track, self.voice, confidence)

    def __repr__(self) -> str:
        seconds = len(self.samples) / self.sample_rate_hz
        return f"<Chunk {self.role} from {self.start_ms:.0f} to {self.end_ms:.0f} ms, {seconds:.2f} s at {self.sample_rate_hz} Hz>"


class ProcessedTrack:
    """A track of a processed call: one party's samples, on the call's timeline."""

    def __init__(self, inner: _callweave.Processed, placed: int, index: int, role: Role, rate: int) -> None:
        self._inner = inner
        self._placed = placed
        self.index = index
        """The track's place among the report's tracks."""
        self.role: Role = role
        """Who is heard."""
        self.sample_rate_hz = rate

    @property
    def samples(self) -> NDArray[np.float32]:
        """`(frames,)` from the call's beginning to its end, as recorded: drift and lost audio made up for, neither levelled nor
        limited. Tracks of one rate can be laid over each other sample by sample. Made anew each time."""
        return self._inner.aligned(self._placed, None)

    def audio(self, rate: int | None = None) -> Audio:
        """The same with its rate, or at another."""
        return Audio(self._inner.aligned(self._placed, rate), rate or self.sample_rate_hz)

    def __repr__(self) -> str:
        return f"<ProcessedTrack {self.index} {self.role} at {self.sample_rate_hz} Hz>"


class Processed:
    """A processed call: its report, and its tracks for a mix.

    It holds the call's samples and stays in its process; the report pickles.
    """

    def __init__(self, inner: _callweave.Processed, config: Config | None) -> None:
        self._inner = inner
        self._config = config
        self._report: Report | None = None

    @property
    def report(self) -> Report:
        """What was heard, with the outputs that were written so far."""
        if self._report is None:
            self._report = Report.from_json(self._inner.report_json())
        return self._report

    @property
    def tracks(self) -> tuple[ProcessedTrack, ...]:
        """The tracks that could be read, with their samples on the call's timeline.

        >>> import callweave
        >>> call = callweave.process("fixtures/short/manifest.json")
        >>> [len(track.samples) / track.sample_rate_hz * 1000 == call.report.call.duration_ms for track in call.tracks]
        [True, True]
        """
        placed: Any = enumerate(self._inner.placed())
        return tuple(ProcessedTrack(self._inner, place, *parts) for place, parts in placed)

    def mix(
        self,
        config: MixConfig | None = None,
        *,
        rate: Literal["auto", "source"] | int | None = None,
        layout: Literal["split", "mono", "voices"] | None = None,
        level: str | None = None,
    ) -> Audio:
        """The mix as int16 samples, one channel per party or one for all. `rate`, `layout` and `level` go before those of
        the configuration.

        >>> import callweave
        >>> call = callweave.process("fixtures/stereo/manifest.json")
        >>> bool(call.mix(level="-20dbov").samples.std() > call.mix(level="-30dbov").samples.std())
        True
        """
        samples, hz, said = self._inner.mix(self._mix_json(config, rate=rate, layout=layout, level=level))
        for message in said:
            warnings.warn(message, LevelWarning, stacklevel=2)
        return Audio(samples, hz)

    def write(
        self,
        folder: str | os.PathLike[str],
        config: MixConfig | None = None,
        *,
        rate: Literal["auto", "source"] | int | None = None,
        layout: Literal["split", "mono", "voices"] | None = None,
        format: AudioFormat | None = None,
        level: str | None = None,
        page: bool = True,
        embed_audio: bool = False,
        peaks: int | None = None,
        series: bool = False,
        labels: Sequence[Label] = (),
        show_parties: bool = False,
        redacted_tracks: AudioFormat | None = None,
        keep_unsure: bool = False,
        storage_options: Mapping[str, Any] | None = None,
    ) -> Report:
        """Writes the mix and `report.json` to a folder, each file whole or not at all; returns the report that names them.
        A folder may be a URL (`s3://bucket/calls/1`), to which the report goes last: where it is, everything is.
        `rate`, `layout`, `format` and `level` go before those of the configuration.

        `page` writes `report.html`, a page to look at, with `embed_audio` the mix inside; `peaks` the mix's waveform at so
        many points per second; `series` each second's level by track; `labels` files for other tools. Page and labels name
        parties by role unless `show_parties` is set.

        `redacted_tracks` writes each track anew without what `redact` took out, as long as it was, of 16 bits at its own
        rate: `redacted-0.wav` and so on. Where a key may have stayed on them, nothing is written and `Unsure` is raised,
        unless `keep_unsure` is set.
        """
        mix = self._mix_json(config, rate=rate, layout=layout, format=format, level=level)
        options = (mix, page, embed_audio, peaks, series, list(labels), show_parties, redacted_tracks, keep_unsure)
        if is_url(folder):
            with tempfile.TemporaryDirectory(prefix="callweave-") as local:
                self._inner.write(local, *options)
                put_folder(local, str(folder), "report.json", storage_options)
        else:
            self._inner.write(folder, *options)
        self._report = None
        return self.report

    def redact(
        self,
        spans: Spans = (),
        *,
        unit: Unit | None = None,
        keys: bool = False,
        unsure: bool = False,
        cover: Cover = "silence",
    ) -> Report:
        """Takes stretches of the call out of every track, each 250 ms wider on either side, and with `keys` every key press
        that was heard, with `unsure` also where noise or a voice may hide one. Mixes, peaks, pages and chunks made afterwards hold nothing of it; files written before do.

        Pairs of numbers are milliseconds, or seconds with `unit="s"`. A pair that would span less than 50 ms is refused unless
        the unit is said: it is most likely in seconds.

        >>> import callweave
        >>> call = callweave.process("fixtures/short/manifest.json")
        >>> call.redact([(1000, 2000)]).redacted
        (Span(start_ms=750.0, end_ms=2250.0),)
        """
        plain = [{"startMs": s.start_ms, "endMs": s.end_ms} if isinstance(s, Span) else _span(s, unit) for s in spans]
        self._inner.redact(json.dumps({"spans": plain, "keys": keys, "unsure": unsure, "cover": cover}))
        self._report = None
        return self.report

    def series(self) -> dict[str, Any]:
        """Each second's level by track, in dBov: what `series.json` holds.

        >>> import callweave
        >>> callweave.process("fixtures/short/manifest.json").series()["stepMs"]
        1000
        """
        values: dict[str, Any] = json.loads(self._inner.series())
        return values

    def chunks(
        self,
        *,
        longest_ms: float | None = None,
        pad_ms: float | None = None,
        merge_gap_ms: float | None = None,
        sample_rate_hz: int | None = None,
    ) -> Iterator[Chunk]:
        """Each party's own speech for a transcriber, in the order of the call: one chunk for each stretch of speech, more where
        it is longer than `longest_ms` (30 s unless said otherwise, 1 s or more), cut in its pauses. `pad_ms` of the track
        (200 ms unless said otherwise, at most a quarter of `longest_ms`) is added on either side. Samples have 16000 Hz unless
        another rate is said.

        `merge_gap_ms` makes one chunk of as many of a party's neighbours as `longest_ms` holds, with at most so much left of the
        pauses between them: windows as Whisper wants them. What others say in between is silent in it; `Chunk.to_call` knows of
        the cuts.

        Bleed is left out, so nobody is transcribed twice. Samples are cut as the iterator goes on.
        """
        parts = self._inner.chunks(config_json(self._config), longest_ms, pad_ms, merge_gap_ms)
        return (self._chunk(part, pad_ms, sample_rate_hz) for part in parts)

    def _chunk(self, part: _ChunkParts, pad_ms: float | None, rate: int | None) -> Chunk:
        (placed, track, voice), role, (start, end), pieces, knots = part
        samples, hz = self._inner.cut((placed, voice), pieces, pad_ms, rate)
        return Chunk(track, role, start, end, samples, hz, knots, voice)

    def _mix_json(self, mix: MixConfig | None, **said: Any) -> str:
        changes = {name: value for name, value in said.items() if value is not None}
        if mix is None and not changes:
            return config_json(self._config)
        if mix is not None and not isinstance(mix, MixConfig):
            raise TypeError(f"config: found {type(mix).__name__}, expected callweave.MixConfig")
        config = self._config or Config()
        return replace(config, mix=replace(mix or config.mix, **changes)).to_json()

    def __repr__(self) -> str:
        return f"<Processed {self.report!r}>"


def _span(pair: tuple[float, float], unit: Unit | None) -> dict[str, float]:
    start, end = pair
    if unit is None and end - start < _DOUBTFUL_MS:
        said = f"a span from {start} to {end} without a unit: found {end - start} ms, expected unit='s' or unit='ms' with it"
        raise InvalidArgument(said, "config")
    scale = _scale(unit or "ms")
    return {"startMs": scale * start, "endMs": scale * end}


def _scale(unit: Unit) -> int:
    if unit not in ("ms", "s"):
        raise InvalidArgument(f"unit: found {unit!r}, expected 'ms' or 's'", "config")
    return 1000 if unit == "s" else 1
