"""A processed call: its report, and its tracks for a mix, a redaction or a transcriber."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from callweave import _callweave
from callweave._values import optional, plain, refused, to_json
from callweave.config import Config, MixConfig, config_json
from callweave._storage import is_url, put_folder, refuse_unused
from callweave.audio import Audio, AudioFormat
from callweave.inputs import Role
from callweave.report import Label, Report, Span
from callweave.transcript import Word, parts_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Chunk", "Cover", "Label", "LevelWarning", "Processed", "ProcessedTrack", "Spans", "Unit"]

Cover: TypeAlias = Literal["silence", "beep"]
"""What replaces redacted audio."""

Unit: TypeAlias = Literal["ms", "s"]
"""Milliseconds, or seconds, as many transcribers report them."""

Spans: TypeAlias = Iterable[Span | tuple[float, float]]
"""Spans of the call: `Span`s in milliseconds, or pairs of numbers in the given unit."""

_DOUBTFUL_MS = 50.0
"""No word is this short. A span without a unit that is shorter is probably in seconds."""


class LevelWarning(UserWarning):
    """A party does not reach the mix's level, because its gain is limited."""


_Pairs = list[tuple[float, float]]
_ChunkParts = tuple[tuple[int, int, int | None], Any, tuple[float, float], _Pairs, _Pairs]


@dataclass(frozen=True, eq=False)
class Chunk:
    """A chunk of one party's own speech, ready for a transcriber."""

    track: int
    """The track's index in the report."""
    role: Role
    """Who speaks."""
    start_ms: float
    """Its start on the call's timeline, including the padding before the first word."""
    end_ms: float
    samples: NDArray[np.float32]
    """`(frames,)`, in [-1, 1]."""
    sample_rate_hz: int
    _knots: list[tuple[float, float]] = field(repr=False)
    voice: int | None = None
    """The voice that speaks, on a mixed track."""

    def to_call(self, time_ms: float) -> float:
        """Converts a time reported by a transcriber, counted from the chunk's first sample, to the
        call's time. Accounts for clock drift and lost audio.
        """
        return _callweave.to_call(self._knots, time_ms)

    def words(self, heard: Iterable[Any], *, unit: Unit) -> Iterator[Word]:
        """Places a transcriber's words for this chunk on the call's timeline. `heard` holds tuples
        `(start, end, text)`, or mappings or objects with `start`, `end` and `word` or `text`, as
        Whisper's models return them (in seconds: `unit="s"`).

        A word that ends before it starts, starts more than 2 s outside the chunk, or ends more than
        30 s after it is an error: its unit is probably another.

        >>> import callweave
        >>> chunk = next(callweave.chunks("fixtures/short/manifest.json"))
        >>> [word] = chunk.words([(0.2, 0.5, "hello")], unit="s")
        >>> word.text, word.role, word.start_ms == chunk.to_call(200)
        ('hello', 'agent', True)
        """
        scale, length_ms = _scale(unit), 1000 * len(self.samples) / self.sample_rate_hz
        for index, word in enumerate(heard):
            start_ms, end_ms, text, confidence = parts_of(index, word, scale, length_ms)
            span = self.to_call(start_ms), self.to_call(end_ms)
            yield Word(*span, text, self.role, self.track, self.voice, confidence)

    def __repr__(self) -> str:
        seconds = len(self.samples) / self.sample_rate_hz
        return f"<Chunk {self.role} from {self.start_ms:.0f} to {self.end_ms:.0f} ms, {seconds:.2f} s at {self.sample_rate_hz} Hz>"


class ProcessedTrack:
    """A track of a processed call, on the call's timeline."""

    def __init__(self, inner: _callweave.Processed, placed: int, index: int, role: Role, rate: int) -> None:
        self._inner = inner
        self._placed = placed
        self.index = index
        """The track's index in the report."""
        self.role: Role = role
        """Who speaks."""
        self.sample_rate_hz = rate

    @property
    def samples(self) -> NDArray[np.float32]:
        """`(frames,)` from the call's beginning to its end, as recorded: corrected for drift and
        lost audio, without level changes. Tracks of equal rate are aligned sample by sample.
        Computed at each access.
        """
        return self._inner.aligned(self._placed, None)

    def audio(self, rate: int | None = None) -> Audio:
        """Returns the samples with their rate, or resampled to another."""
        rate = optional("rate", rate)
        return Audio(self._inner.aligned(self._placed, rate), self.sample_rate_hz if rate is None else rate)

    def __repr__(self) -> str:
        return f"<ProcessedTrack {self.index} {self.role} at {self.sample_rate_hz} Hz>"


class Processed:
    """A processed call: its report, and its tracks, ready to be mixed.

    It holds the call's samples and cannot be pickled; the report can.
    """

    def __init__(self, inner: _callweave.Processed, config: Config | None) -> None:
        self._inner = inner
        self._config = config
        self._report: Report | None = None

    @property
    def report(self) -> Report:
        """The report, with the outputs written so far."""
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
        """Returns the mix as int16 samples, with one channel per party or one for all. `rate`,
        `layout` and `level` take precedence over the configuration.

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
        """Writes the mix and `report.json` to a folder, each complete or not at all, and returns
        the report. Its `outputs` lists the audio files: the mix and the redacted tracks.

        The folder may be a URL (`s3://bucket/calls/1`), to which the report is written last: if it
        exists, all files do. `rate`, `layout`, `format` and `level` take precedence over the
        configuration. A new folder stays only if something comes into it.

        `page` writes the web page `report.html`, with `embed_audio` including the mix; `peaks` the
        mix's waveform at this many points per second; `series` each track's level, second by
        second; `labels` files for other tools. Page and labels name parties by role unless
        `show_parties` is set. An option without the files that it is about is an error.

        `redacted_tracks` writes each redacted track with 16 bits, at the length and rate at which
        it was decoded, in `redacted-0.wav` and so on. If a key press may remain on them, nothing is
        written and `Unsure` is raised, unless `keep_unsure` is set.
        """
        mix = self._mix_json(config, rate=rate, layout=layout, format=format, level=level)
        if embed_audio and not page:
            raise refused("embed_audio", "page=False", "a page that can include the mix")
        if show_parties and not page and not labels:
            raise refused("show_parties", "page=False and no labels", "a page or labels that can name parties")
        refuse_unused(storage_options, folder)
        peaks = optional("peaks", peaks, 1)
        options = (mix, page, embed_audio, peaks, series, list(labels), show_parties, redacted_tracks, keep_unsure)
        if is_url(folder):
            with tempfile.TemporaryDirectory(prefix="callweave-") as local:
                self._inner.write(local, *options)
                put_folder(local, str(folder), "report.json", storage_options)
        else:
            with _removed_if_empty(folder):
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
        """Redacts spans of the call on every track, each widened on either side by 250 ms and by
        the uncertainty of the placements. With `keys`, also every key press that is detected or
        told as a known fact, and with `unsure` also spans in which noise or speech may hide one.
        Mixes, peaks, pages and chunks made afterwards contain nothing of them; files written before
        still do.

        Pairs of numbers are milliseconds, or seconds with `unit="s"`. A `Span` is in milliseconds
        and is rejected with `unit="s"`. A pair or a `Span` of less than 50 ms is rejected unless the
        unit is given, because it is probably in seconds.

        >>> import callweave
        >>> call = callweave.process("fixtures/short/manifest.json")
        >>> call.redact([(1000, 2000)]).redacted
        (Span(start_ms=320.0, end_ms=2680.0),)
        """
        scale = _scale("ms" if unit is None else unit)
        told = [_span(index, span, unit, scale) for index, span in enumerate(spans)]
        self._inner.redact(to_json({"spans": told, "keys": keys, "unsure": unsure, "cover": cover}))
        self._report = None
        return self.report

    def series(self) -> dict[str, Any]:
        """Returns each track's level in dBov, second by second, as in `series.json`.

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
        """Yields each party's own speech in chunks for a transcriber, in the order of the call.

        There is one chunk per span of speech. A span longer than `longest_ms` (default 30 s, at
        least 1 s) is split at its pauses. `pad_ms` (default 200 ms, at most a quarter of
        `longest_ms`) is added on either side. The default sample rate is 16000 Hz.

        `merge_gap_ms` merges neighboring chunks of a party up to `longest_ms`, keeping at most this
        much of each pause: windows as Whisper expects them. Other parties are silenced in them, and
        `Chunk.to_call` accounts for the cuts.

        Bleed is left out, so no speech is transcribed twice. Samples are extracted during the
        iteration.
        """
        sample_rate_hz = optional("sample_rate_hz", sample_rate_hz)
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


@contextmanager
def _removed_if_empty(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Removes a new folder if nothing comes into it."""
    is_new = not os.path.exists(folder)
    try:
        yield
    except BaseException:
        if is_new:
            with suppress(OSError):
                os.rmdir(folder)
        raise


def _span(index: int, span: Span | tuple[float, float], unit: Unit | None, scale: int) -> dict[str, float]:
    if isinstance(span, Span):
        if unit == "s":
            raise refused(f"spans[{index}]", "a Span, which is in ms, with unit='s'", "a pair of numbers in seconds")
        start, end = span.start_ms, span.end_ms
    else:
        try:
            start, end = span
        except (TypeError, ValueError):
            raise refused(f"spans[{index}]", type(span).__name__, "a Span or a pair of numbers") from None
    start, end = plain(start), plain(end)
    if not (isinstance(start, (int, float)) and isinstance(end, (int, float))):
        raise refused(f"spans[{index}]", f"{type(start).__name__} and {type(end).__name__}", "numbers")
    if unit is None and end - start < _DOUBTFUL_MS:
        place = f"spans[{index}]: a span from {start} to {end} without a unit"
        raise refused(place, f"{end - start} ms", "unit='s' or unit='ms' with it")
    return {"startMs": scale * start, "endMs": scale * end}


def _scale(unit: Unit) -> int:
    if unit not in ("ms", "s"):
        raise refused("unit", repr(unit), "'ms' or 's'")
    return 1000 if unit == "s" else 1
