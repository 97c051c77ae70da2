"""Reports as tables of pandas, polars and Arrow; labels as strings; the schema."""

from __future__ import annotations

from typing import Any, get_args

import jsonschema
import pytest
from conftest import CALLS

import callweave
from callweave import Report, report, tables
from callweave.errors import InvalidArgument

NAMES: tuple[Any, ...] = get_args(tables.Table)


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    from pathlib import Path

    from conftest import ROOT

    return [Report.from_json(Path(ROOT / f"fixtures/{name}/report.json").read_text()) for name in CALLS]


@pytest.mark.parametrize("name", NAMES)
def test_three_libraries_hold_the_same(reports: list[Report], name: Any) -> None:
    rows = tables.rows(reports, name)
    columns = list(tables.COLUMNS[name])
    assert all(set(row) <= set(columns) for row in rows), "no column is lost"
    pandas, polars, arrow = (to(reports, name) for to in (tables.to_pandas, tables.to_polars, tables.to_arrow))
    assert list(pandas.columns) == polars.columns == arrow.column_names == columns
    assert len(pandas) == len(polars) == arrow.num_rows == len(rows)
    assert polars.to_dicts() == arrow.to_pylist() == [{name: row.get(name) for name in columns} for row in rows]
    assert pandas.astype(object).where(pandas.notna(), None).to_dict("records") == polars.to_dicts()
    nothing = tables.to_arrow([], name)
    assert nothing.schema == arrow.schema and tables.to_polars([], name).schema == polars.schema


def test_rows_are_what_the_report_says(reports: list[Report]) -> None:
    for told in reports:
        assert len(tables.rows(told, "calls")) == 1 and tables.rows(told, "calls")[0]["tag"] == told.tag.value
        assert len(told.to_pandas("turns")) == len(told.turns)
        assert len(told.to_polars("events")) == sum(len(track.events) for track in told.tracks)
        assert told.to_arrow("metrics")["talk_ms"].to_pylist() == [party.talk_ms for party in told.metrics.by_track]
    with pytest.raises(InvalidArgument, match="turns"):
        tables.rows(reports, "turn")  # type: ignore[arg-type]


def test_labels_are_the_files_as_strings(tmp_path: Any) -> None:
    call = callweave.process("fixtures/short/manifest.json")
    names: list[report.Label] = list(get_args(report.Label))
    call.write(tmp_path, labels=names, page=False)
    files = {
        "rttm": "call.rttm",
        "textgrid": "call.TextGrid",
        "audacity": "labels.txt",
        "vtt": "turns.vtt",
        "csv": "call.csv",
    }
    for name in names:
        assert call.report.labels(name) == (tmp_path / files[name]).read_bytes().decode()
    with pytest.raises(InvalidArgument, match="vtt"):
        call.report.labels("srt")  # type: ignore[arg-type]


def test_a_track_is_found_by_role_or_place(reports: list[Report]) -> None:
    told = callweave.analyze("fixtures/short/manifest.json")
    assert told.track("agent") is told.tracks[1] and told.track(0) is told.tracks[0]
    with pytest.raises(InvalidArgument, match="0 customer, 1 agent"):
        told.track("transfer")
    with pytest.raises(InvalidArgument, match="found 0"):
        told.track(2)


def test_the_schema_holds_for_every_report_and_for_every_literal(reports: list[Report]) -> None:
    schema = report.schema()
    for told in reports:
        jsonschema.validate(told.to_dict(), schema)
    defs = schema["$defs"]
    names = [
        (report.OutcomeName, schema["properties"]["outcome"]["properties"]["value"]["enum"]),
        (report.TagName, schema["properties"]["tag"]["properties"]["value"]["enum"]),
        (report.EventKind, defs["track"]["properties"]["events"]["items"]["properties"]["kind"]["enum"]),
        (report.Method, defs["alignment"]["properties"]["method"]["enum"]),
        (report.FindingCode, defs["finding"]["properties"]["code"]["enum"]),
    ]
    for literal, enum in names:
        assert sorted(get_args(literal)) == sorted(enum)
