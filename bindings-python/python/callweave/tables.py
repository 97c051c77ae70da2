"""Reports as tables for pandas, polars and Arrow: one row per span of speech, turn, event, party or
call.

    callweave.tables.to_pandas(reports, "turns")

Each table always has the same columns. `call_id` identifies the call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from callweave.report import Report

__all__ = ["Table", "rows", "to_arrow", "to_pandas", "to_polars"]

Table: TypeAlias = Literal["calls", "speech", "bleed", "turns", "events", "metrics", "interruptions", "findings"]
"""A table of reports. `calls` has one row per call, `metrics` one per party."""

Kind: TypeAlias = Literal["str", "int", "float"]

_PARTY: dict[str, Kind] = {"call_id": "str", "track": "int", "role": "str", "voice": "int"}
_SPAN: dict[str, Kind] = {"start_ms": "float", "end_ms": "float"}

COLUMNS: Mapping[str, Mapping[str, Kind]] = {
    "calls": {
        "call_id": "str", "provider": "str", "direction": "str", "started_at": "str", "duration_ms": "float",
        "outcome": "str", "outcome_confidence": "float", "tag": "str", "tracks": "int", "speech_ms": "float",
        "non_talk_ms": "float", "overlap_ms": "float", "interruptions": "int", "backchannels": "int",
        "response_median_ms": "float", "warnings": "int", "findings": "int", "config_hash": "str", "library": "str",
    },
    "speech": {**_PARTY, **_SPAN},
    "bleed": {"call_id": "str", "track": "int", "role": "str", "from_track": "int", **_SPAN},
    "turns": {**_PARTY, **_SPAN},
    "events": {"call_id": "str", "track": "int", "role": "str", "kind": "str", "detail": "str", "confidence": "float", **_SPAN},
    "metrics": {
        **_PARTY, "talk_ms": "float", "talk_share": "float", "turns": "int", "longest_monologue_ms": "float",
        "first_speech_ms": "float",
    },
    "interruptions": {"call_id": "str", "by": "int", "role": "str", **_SPAN},
    "findings": {
        "call_id": "str", "track": "int", "code": "str", "measured": "float", "limit": "float", "unit": "str", "message": "str",
    },
    "words": {
        **_SPAN, "text": "str", "role": "str", "track": "int", "voice": "int", "confidence": "float",
    },
}  # fmt: skip
"""The columns of each table, with their types."""


def rows(reports: Report | Iterable[Report], table: Table) -> list[dict[str, Any]]:
    """Returns a table's rows as dictionaries.

    >>> report = callweave.analyze("fixtures/short/manifest.json")
    >>> [row["role"] for row in rows(report, "turns")]
    ['agent', 'customer']
    """
    from callweave.report import Report

    if table not in _ROWS:
        from callweave.errors import InvalidArgument

        raise InvalidArgument(f"table: found {table!r}, expected {', '.join(_ROWS)}", "config")
    several = [reports] if isinstance(reports, Report) else reports
    return [{"call_id": report.call.id, **row} for report in several for row in _ROWS[table](report)]


def _call(report: Report) -> list[dict[str, Any]]:
    call, metrics = report.call, report.metrics
    return [
        {
            "provider": call.provider, "direction": call.direction, "started_at": call.started_at,
            "duration_ms": call.duration_ms, "outcome": report.outcome.value,
            "outcome_confidence": report.outcome.confidence, "tag": report.tag.value, "tracks": len(report.tracks),
            "speech_ms": metrics.speech_ms, "non_talk_ms": metrics.non_talk_ms, "overlap_ms": metrics.overlap_ms,
            "interruptions": None if metrics.interruptions is None else len(metrics.interruptions),
            "backchannels": metrics.backchannels,
            "response_median_ms": metrics.response_ms.median if metrics.response_ms else None,
            "warnings": len(report.warnings), "findings": len(report.integrity), "config_hash": report.config_hash,
            "library": report.library.version,
        }
    ]  # fmt: skip


def _span(span: Any) -> dict[str, float]:
    return {"start_ms": span.start_ms, "end_ms": span.end_ms}


def _party(report: Report, track: int, voice: int | None = None) -> dict[str, Any]:
    told = next((told for told in report.tracks if told.index == track), None)
    role = told.role if told else None
    voices = (told.voices if told else None) or ()
    role = next((found.role for found in voices if found.voice == voice), role)
    return {"track": track, "role": role, "voice": voice}


def _speech(report: Report) -> list[dict[str, Any]]:
    found = []
    for track in report.tracks:
        voices = track.voices if track.voices and len(track.voices) > 1 else ()
        parties: list[tuple[int | None, tuple[Any, ...]]] = [(voice.voice, voice.speech) for voice in voices]
        parties = parties or [(None, track.speech)]
        found += [{**_party(report, track.index, voice), **_span(span)} for voice, spans in parties for span in spans]
    return found


def _of_tracks(report: Report, name: str, *fields: str) -> list[dict[str, Any]]:
    return [
        {"track": track.index, "role": track.role, **{field: getattr(found, field) for field in fields}, **_span(found)}
        for track in report.tracks
        for found in getattr(track, name)
    ]


def _metrics(report: Report) -> list[dict[str, Any]]:
    fields = ("talk_ms", "talk_share", "turns", "longest_monologue_ms", "first_speech_ms")
    return [
        {**_party(report, told.track, told.voice), **{field: getattr(told, field) for field in fields}}
        for told in report.metrics.by_track
    ]


_ROWS: dict[str, Any] = {
    "calls": _call,
    "speech": _speech,
    "bleed": lambda report: _of_tracks(report, "bleed", "from_track"),
    "turns": lambda report: [{**_party(report, turn.track, turn.voice), **_span(turn)} for turn in report.turns],
    "events": lambda report: _of_tracks(report, "events", "kind", "detail", "confidence"),
    "metrics": _metrics,
    "interruptions": lambda report: [
        {"by": found.by, "role": _party(report, found.by)["role"], **_span(found)}
        for found in report.metrics.interruptions or ()
    ],
    "findings": lambda report: [
        {name: getattr(found, name) for name in ("track", "code", "measured", "limit", "unit", "message")}
        for found in report.integrity
    ],
}


def _taken(reports: Any, table: str) -> list[dict[str, Any]]:
    """Returns rows as they are, or the rows of reports."""
    ready = isinstance(reports, Sequence) and all(isinstance(row, dict) for row in reports) and table == "words"
    found: list[dict[str, Any]] = reports if ready else rows(reports, table)  # type: ignore[arg-type]
    return found


def to_pandas(reports: Report | Iterable[Report] | Sequence[dict[str, Any]], table: str = "calls") -> Any:
    """Returns a table as a `pandas.DataFrame`. Missing numbers are `<NA>`."""
    import pandas as pd

    kinds: dict[str, Any] = {"str": "string", "int": "Int64", "float": "Float64"}
    taken = _taken(reports, table)
    columns = COLUMNS[table]
    return pd.DataFrame(
        {name: pd.array([row.get(name) for row in taken], dtype=kinds[kind]) for name, kind in columns.items()}
    )


def to_polars(reports: Report | Iterable[Report] | Sequence[dict[str, Any]], table: str = "calls") -> Any:
    """Returns a table as a `polars.DataFrame`."""
    import polars as pl

    kinds: Any = {"str": pl.String, "int": pl.Int64, "float": pl.Float64}
    taken = _taken(reports, table)
    columns = COLUMNS[table]
    return pl.DataFrame(
        {name: [_float(row.get(name), kind) for row in taken] for name, kind in columns.items()},
        schema={name: kinds[kind] for name, kind in columns.items()},
    )


def to_arrow(reports: Report | Iterable[Report] | Sequence[dict[str, Any]], table: str = "calls") -> Any:
    """Returns a table as a `pyarrow.Table`."""
    import pyarrow as pa  # type: ignore[import-untyped]

    kinds = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}
    taken = _taken(reports, table)
    columns = COLUMNS[table]
    arrays = [pa.array([_float(row.get(name), kind) for row in taken], kinds[kind]) for name, kind in columns.items()]
    return pa.table(arrays, names=list(columns))


def _float(value: Any, kind: Kind) -> Any:
    return float(value) if kind == "float" and value is not None else value
