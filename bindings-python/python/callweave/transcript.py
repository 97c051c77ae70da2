"""Words from any transcriber on the call's timeline: subtitles, JSON, tables, and spans to
redact."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from callweave import _callweave
from callweave import tables as _tables
from callweave._record import Record
from callweave._values import refused, to_json
from callweave.inputs import Role
from callweave.report import Span

__all__ = ["Transcript", "Word"]


@dataclass(frozen=True)
class Word(Span):
    """A word from a transcriber, on the call's timeline."""

    text: str
    """The word as transcribed."""
    role: Role = "unknown"
    """Who says it."""
    track: int | None = None
    """Index of its track in the report."""
    voice: int | None = None
    """The voice that says it, on a mixed track."""
    confidence: float | None = None
    """The transcriber's confidence, from 0 to 1."""


class Transcript:
    """The words of a call, sorted by time.

    >>> transcript = Transcript([Word(900, 1200, "morning", role="agent"), Word(500, 800, "good", role="agent")])
    >>> print(transcript.to_srt(), end="")
    1
    00:00:00,500 --> 00:00:01,200
    agent: good morning
    <BLANKLINE>
    """

    def __init__(self, words: Iterable[Word] = ()) -> None:
        self.words: tuple[Word, ...] = tuple(sorted(words, key=lambda word: word.start_ms))
        """The words, sorted by time."""
        self._redacted: tuple[Span, ...] = ()

    def to_srt(self) -> str:
        """Returns SubRip text. A cue holds words of one party without a long pause, at most 7 s and
        84 characters, and begins with its party.
        """
        return self._text("srt")

    def to_vtt(self) -> str:
        """Returns WebVTT text with the same cues, in the parties' voices."""
        return self._text("vtt")

    def to_json(self) -> str:
        """Returns JSON with `words` and `cues`."""
        return self._text("json")

    def to_pandas(self) -> Any:
        """Returns a `pandas.DataFrame` with one row per word."""
        return _tables.to_pandas(self._rows(), "words")

    def to_polars(self) -> Any:
        """Returns a `polars.DataFrame` with one row per word."""
        return _tables.to_polars(self._rows(), "words")

    def to_arrow(self) -> Any:
        """Returns a `pyarrow.Table` with one row per word."""
        return _tables.to_arrow(self._rows(), "words")

    def spans(self, what: str | re.Pattern[str] | Callable[[Word], bool]) -> tuple[Span, ...]:
        """Returns the spans of some words, for `Processed.redact`: words selected by a function, or
        matches of a regular expression in what each party says, its words joined by single spaces.
        Some words last less than 50 ms: `redact(spans, unit="ms")` takes those too.

        >>> words = [Word(0, 300, "card"), Word(400, 700, "4111"), Word(800, 1100, "1111"), Word(1200, 1400, "thanks")]
        >>> Transcript(words).spans("[0-9][0-9 ]{6,}[0-9]")
        (Span(start_ms=400, end_ms=1100),)
        """
        if callable(what):
            return tuple(Span(word.start_ms, word.end_ms) for word in self.words if what(word))
        found = [span for party in self._parties() for span in _matches(party, re.compile(what))]
        return tuple(sorted(found, key=lambda span: span.start_ms))

    def redacted(self, spans: Iterable[Span]) -> Transcript:
        """Removes the words that touch any of these spans, such as a report's `redacted`. Each
        becomes `[…]`."""
        told = json.loads(_callweave.transcript(self._json(), "json", [(s.start_ms, s.end_ms) for s in spans]))
        return Transcript(Word.from_dict(word) for word in told["words"])

    def _parties(self) -> list[list[Word]]:
        parties: dict[tuple[Any, ...], list[Word]] = {}
        for word in self.words:
            parties.setdefault((word.track, word.voice, word.role), []).append(word)
        return list(parties.values())

    def _json(self) -> str:
        return to_json([Record.to_dict(word) for word in self.words], "words")

    def _text(self, format: str) -> str:
        return _callweave.transcript(self._json(), format, [])

    def _rows(self) -> list[dict[str, Any]]:
        return [asdict(word) for word in self.words]

    def __iter__(self) -> Iterator[Word]:
        return iter(self.words)

    def __len__(self) -> int:
        return len(self.words)

    def __repr__(self) -> str:
        return f"<Transcript of {len(self.words)} words>"


def _matches(words: list[Word], pattern: re.Pattern[str]) -> Iterator[Span]:
    """Returns the spans in which a pattern matches, from the first word it touches to the last."""
    text, starts = "", []
    for word in words:
        text += " " if text else ""
        starts.append(len(text))
        text += word.text.strip()
    for match in pattern.finditer(text):
        touched = [
            word
            for start, word in zip(starts, words, strict=True)
            if start < match.end() and start + len(word.text.strip()) > match.start()
        ]
        if touched:
            yield Span(touched[0].start_ms, max(word.end_ms for word in touched))


LATE_MS = 2000.0
"""How far outside its chunk a transcriber may begin a word."""

_WINDOW_MS = 30_000.0
"""The window to which transcribers fill up a short chunk: a word may last to the window's end."""


def parts_of(index: int, word: Any, scale: int, length_ms: float) -> tuple[float, float, str, float | None]:
    """Returns start and end in milliseconds, text and confidence of a transcriber's word: a tuple, a
    mapping or an object. `scale` converts its times, and `length_ms` is the chunk's length."""
    start, end, text, confidence = _fields_of(word)
    place = f"word {index} of a chunk"
    try:
        start_ms, end_ms = scale * float(start), scale * float(end)
        sure = None if confidence is None else float(confidence)
    except (TypeError, ValueError):
        found = f"{start!r} to {end!r}, confidence {confidence!r}"
        raise refused(place, found, "numbers", "input") from None
    found = f"{start_ms:g} to {end_ms:g} ms"
    if not (math.isfinite(start_ms) and math.isfinite(end_ms) and end_ms >= start_ms):
        raise refused(place, found, "a start, and an end that is not before it", "input")
    if not (-LATE_MS <= start_ms <= length_ms + LATE_MS and end_ms <= length_ms + _WINDOW_MS):
        raise refused(place, found, f"times within the chunk's {length_ms:g} ms: is the unit right?", "input")
    if sure is not None and not math.isfinite(sure):
        raise refused(f"{place}: confidence", sure, "a finite number, or None", "input")
    return start_ms, end_ms, text, sure


def _fields_of(word: Any) -> tuple[Any, Any, str, Any]:
    if isinstance(word, tuple | list) and not hasattr(word, "start"):
        if len(word) < 3:
            raise _no_word(word)
        start, end, text, *more = word
        return start, end, text, (more[0] if more else None)

    def field(*names: str) -> Any:
        for name in names:
            value = word.get(name) if isinstance(word, dict) else getattr(word, name, None)
            if value is not None:
                return value
        return None

    start, end, text = field("start"), field("end"), field("word", "text")
    if start is None or end is None or text is None:
        raise _no_word(word)
    return start, end, text, field("probability", "confidence", "score")


def _no_word(word: Any) -> TypeError:
    return TypeError(f"a word: found {word!r}, expected (start, end, text), or start, end and word or text")
