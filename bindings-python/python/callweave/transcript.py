"""Words on the call's timeline, from whatever transcriber: subtitles, JSON, tables, and what of them is to be redacted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from callweave import _callweave
from callweave import tables as _tables
from callweave._record import Record
from callweave.inputs import Role
from callweave.report import Span

__all__ = ["Transcript", "Word"]


@dataclass(frozen=True)
class Word(Span):
    """A word that a transcriber heard, on the call's timeline."""

    text: str
    """The word, as it was told."""
    role: Role = "unknown"
    """Who says it."""
    track: int | None = None
    """The track on which it is heard, in the order of the report."""
    voice: int | None = None
    """The voice that says it, where its track holds several."""
    confidence: float | None = None
    """How sure the transcriber is, 0 to 1."""


class Transcript:
    """The words of a call, in the order of time.

    >>> transcript = Transcript([Word(900, 1200, "morning", role="agent"), Word(500, 800, "good", role="agent")])
    >>> print(transcript.to_srt(), end="")
    1
    00:00:00,500 --> 00:00:01,200
    agent: good morning
    <BLANKLINE>
    """

    def __init__(self, words: Iterable[Word] = ()) -> None:
        self.words: tuple[Word, ...] = tuple(sorted(words, key=lambda word: word.start_ms))
        """The words, in the order of time."""
        self._redacted: tuple[Span, ...] = ()

    def to_srt(self) -> str:
        """SubRip: what one party says without a long pause, 7 s and 84 characters at most, with the party before it."""
        return self._text("srt")

    def to_vtt(self) -> str:
        """WebVTT: the same cues, in the voices of the parties."""
        return self._text("vtt")

    def to_json(self) -> str:
        """JSON: `words` and `cues`."""
        return self._text("json")

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame` of one row for each word."""
        return _tables.to_pandas(self._rows(), "words")

    def to_polars(self) -> Any:
        """A `polars.DataFrame` of one row for each word."""
        return _tables.to_polars(self._rows(), "words")

    def to_arrow(self) -> Any:
        """A `pyarrow.Table` of one row for each word."""
        return _tables.to_arrow(self._rows(), "words")

    def spans(self, what: str | re.Pattern[str] | Callable[[Word], bool]) -> tuple[Span, ...]:
        """Where something is said, for `Processed.redact`: words that a function picks, or that a regular expression finds in
        what each party says, its words joined by single spaces.

        >>> words = [Word(0, 300, "card"), Word(400, 700, "4111"), Word(800, 1100, "1111"), Word(1200, 1400, "thanks")]
        >>> Transcript(words).spans("[0-9][0-9 ]{6,}[0-9]")
        (Span(start_ms=400, end_ms=1100),)
        """
        if callable(what):
            return tuple(Span(word.start_ms, word.end_ms) for word in self.words if what(word))
        found = [span for party in self._parties() for span in _matches(party, re.compile(what))]
        return tuple(sorted(found, key=lambda span: span.start_ms))

    def redacted(self, spans: Iterable[Span]) -> Transcript:
        """The same without the words that touch any of these spans, such as a report's `redacted`: each is `[…]`."""
        told = json.loads(_callweave.transcript(self._json(), "json", [(s.start_ms, s.end_ms) for s in spans]))
        return Transcript(Word.from_dict(word) for word in told["words"])

    def _parties(self) -> list[list[Word]]:
        parties: dict[tuple[Any, ...], list[Word]] = {}
        for word in self.words:
            parties.setdefault((word.track, word.voice, word.role), []).append(word)
        return list(parties.values())

    def _json(self) -> str:
        return json.dumps([Record.to_dict(word) for word in self.words])

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
    """The stretches in which a pattern is found, from the first word that it touches to the last."""
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


def parts_of(word: Any) -> tuple[float, float, str, float | None]:
    """Beginning, end, text and confidence of whatever a transcriber tells of a word: a tuple, a mapping, or an object."""
    if isinstance(word, tuple | list) and not hasattr(word, "start"):
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
        raise TypeError(f"a word: found {word!r}, expected (start, end, text), or start, end and word or text")
    return start, end, text, field("probability", "confidence", "score")
