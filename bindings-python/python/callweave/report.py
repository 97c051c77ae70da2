"""The report of a call, with a type for every part.

Times are milliseconds on the call's timeline unless a field says otherwise. Fields mean what the
report's JSON Schema says. `Report.to_json` returns the core's own bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from callweave import _callweave
from callweave._record import Record, camel
from callweave._report_parts import (
    Alignment,
    Bleed,
    Call,
    Event,
    EventKind,
    Fact,
    FactKind,
    Finding as Finding,
    FindingCode,
    Head,
    Interruption,
    Label,
    Level,
    Method,
    Metrics,
    Named,
    Outcome,
    OutcomeName,
    Output,
    PartyMetrics,
    Piece,
    Probe,
    Problem,
    Profile,
    Reason,
    ResponseTimes,
    Source,
    Span,
    SpeechDetector,
    Tag,
    TagName,
    Track,
    TrackError,
    Turn,
    Voice as Voice,
    Warning,
)
from callweave._values import to_json
from callweave.errors import InvalidArgument, Malformed
from callweave.inputs import Role

if TYPE_CHECKING:
    from callweave.tables import Table

__all__ = [
    "Alignment",
    "Bleed",
    "Call",
    "Event",
    "Head",
    "EventKind",
    "Fact",
    "FactKind",
    "FindingCode",
    "Interruption",
    "Label",
    "Level",
    "Method",
    "Metrics",
    "Named",
    "Outcome",
    "OutcomeName",
    "Output",
    "PartyMetrics",
    "Piece",
    "Probe",
    "Problem",
    "Profile",
    "Reason",
    "Report",
    "ResponseTimes",
    "Source",
    "Span",
    "SpeechDetector",
    "Tag",
    "TagName",
    "Track",
    "TrackError",
    "Turn",
    "Warning",
    "schema",
]


def schema() -> dict[str, Any]:
    """Returns the JSON Schema of the report.

    >>> schema()["title"]
    'callweave report'
    """
    values: dict[str, Any] = json.loads(_callweave.REPORT_SCHEMA)
    return values


_SCHEMA_VERSION: int = schema()["properties"]["schemaVersion"]["const"]


def _no_report(found: str, expected: str) -> Malformed:
    said = f"not a report: found {found}, expected {expected}"
    return Malformed(said, "input", "not a report", found=found, expected=expected)


@dataclass(frozen=True, repr=False)
class Report(Record):
    """The analysis of one call."""

    schema_version: int
    library: Named
    config: dict[str, Any]
    """The settings that differ from the defaults, with their JSON names."""
    config_hash: str
    profile: Profile | None
    """The configuration's profile."""
    stages: dict[str, int]
    """The revision of each stage. It rises when the stage's numbers change."""
    detector: SpeechDetector
    call: Call
    tracks: tuple[Track, ...]
    turns: tuple[Turn, ...]
    metrics: Metrics
    outcome: Outcome
    tag: Tag
    integrity: tuple[Finding, ...]
    """Problems with the recordings, as measured."""
    redacted: tuple[Span, ...]
    """Spans in which audio was redacted."""
    facts: tuple[Fact, ...]
    """What the caller knew about the call."""
    warnings: tuple[Warning, ...]
    outputs: tuple[Output, ...]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads a report. Its text is kept, so that `to_json` returns the same bytes. A text that is
        not a report of this version's schema raises `Malformed`."""
        report = cls._read(text)
        # No field: a copy with other values (`dataclasses.replace`) has no text to keep.
        object.__setattr__(report, "_text", text)
        return report

    @classmethod
    def _read(cls, text: str) -> Self:
        try:
            values = json.loads(text)
        except ValueError as error:
            raise _no_report("text that is not JSON", "JSON") from error
        if not isinstance(values, dict):
            raise _no_report(type(values).__name__, "an object")
        version = values.get("schemaVersion")
        if version != _SCHEMA_VERSION:
            raise _no_report(f"schemaVersion {version}", f"schemaVersion {_SCHEMA_VERSION}")
        if missing := [camel(f.name) for f in fields(cls) if camel(f.name) not in values]:
            raise _no_report(f"no {', '.join(missing)}", "all fields of the report's schema")
        try:
            return cls._of(values)
        except (TypeError, ValueError, AttributeError) as error:
            raise _no_report(str(error), "the fields of the report's schema") from error

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reads a report from its parsed JSON."""
        return cls.from_json(to_json(values, "report"))

    def to_json(self) -> str:
        """Returns the report as JSON, with the same bytes as `callweave process --json`. For a
        modified copy (`dataclasses.replace`), returns its values with their JSON names.
        """
        text: str | None = getattr(self, "_text", None)
        return to_json(super().to_dict(), "report", separators=(",", ":"), ensure_ascii=False) if text is None else text

    def to_dict(self) -> dict[str, Any]:
        """Returns the report with its JSON names, including fields unknown to this version."""
        values: dict[str, Any] = json.loads(self.to_json())
        return values

    def track(self, who: Role | int) -> Track:
        """Returns the only track of a role, or the track with an index.

        >>> callweave.analyze("fixtures/short/manifest.json").track("agent").role
        'agent'
        """
        found = [track for track in self.tracks if who == (track.index if isinstance(who, int) else track.role)]
        if len(found) == 1:
            return found[0]
        said = ", ".join(f"{track.index} {track.role}" for track in self.tracks)
        raise InvalidArgument(f"track {who!r}: found {len(found)} of them, expected one of {said}", "input")

    def labels(self, format: Label, *, show_parties: bool = False) -> str:
        """Returns the call's labels in the format of another tool. Parties are named by role unless
        `show_parties` is set.

        >>> callweave.analyze("fixtures/short/manifest.json").labels("rttm").split()[0]
        'SPEAKER'
        """
        return _callweave.labels(self.to_json(), format, show_parties)

    def to_pandas(self, table: Table = "calls") -> Any:
        """Returns one of the report's tables as a `pandas.DataFrame`. `callweave.tables` takes many
        reports."""
        from callweave import tables

        return tables.to_pandas(self, table)

    def to_polars(self, table: Table = "calls") -> Any:
        """Returns one of the report's tables as a `polars.DataFrame`."""
        from callweave import tables

        return tables.to_polars(self, table)

    def to_arrow(self, table: Table = "calls") -> Any:
        """Returns one of the report's tables as a `pyarrow.Table`."""
        from callweave import tables

        return tables.to_arrow(self, table)

    def _repr_html_(self) -> str:
        """A picture of the call for notebooks: who speaks when, and other sounds. Parties are not
        named."""
        return _callweave.strip_svg(self.to_json())

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (type(self).from_json, (self.to_json(),))

    def __hash__(self) -> int:
        return hash((self.config_hash, self.call, self.tracks, self.turns, self.outcome, self.tag))

    def __repr__(self) -> str:
        seconds = self.call.duration_ms / 1000
        roles = ", ".join(track.role for track in self.tracks)
        return (
            f"<Report {self.call.id or 'call'}: {seconds:.1f} s, {roles}; {self.outcome.value}, tag {self.tag.value}>"
        )
