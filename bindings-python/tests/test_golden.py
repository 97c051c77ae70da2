"""The golden reports, byte for byte, by every way in; and their schema."""

import json
import pickle
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import CALLS, ROOT

import callweave
from callweave._record import camel

PORTABLE = callweave.Config(portable=True)
LIBRARY = f'"library":{{"name":"callweave","version":"{callweave.version}"}}'
SCHEMA = json.loads((ROOT / "core/report.schema.json").read_text())


def golden(call: str) -> str:
    text = (ROOT / f"fixtures/{call}/report.json").read_text()
    return text.replace('"library":{"name":"callweave","version":"*"}', LIBRARY)


@pytest.mark.parametrize("call", CALLS)
def test_reports_are_the_golden_ones(call: str) -> None:
    assert callweave.analyze(CALLS[call], PORTABLE).to_json() + "\n" == golden(call)
    assert callweave.process(CALLS[call], PORTABLE, threads=1).report.to_json() + "\n" == golden(call)


@pytest.mark.parametrize("call", ["short", "tencent-dual"])
def test_the_console_command_prints_the_same_bytes(call: str) -> None:
    program = Path(sys.executable).parent / "callweave"
    run = subprocess.run([program, "process", CALLS[call], "--json", "--portable"], capture_output=True, check=True)
    assert run.stdout.decode() == golden(call)


@pytest.mark.parametrize("call", CALLS)
def test_reports_follow_the_schema(call: str) -> None:
    report = json.loads(golden(call))
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    assert set(report) == set(SCHEMA["properties"]), "a field that the schema does not tell of"


def test_the_schema_refuses_what_is_wrong() -> None:
    report = json.loads(golden("short"))
    for change in ({"schemaVersion": 2}, {"tag": {"value": "bored", "from": "x"}}, {"tracks": [{}]}, {"call": None}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(SCHEMA).validate({**report, **change})


def keys_are_known(record: Any, values: dict[str, Any], path: str) -> None:
    """Every key of the JSON has its field, so that nothing is missing in Python."""
    assert set(values) <= {camel(f.name) for f in fields(record)}, path
    for f in fields(record):
        value, inner = getattr(record, f.name), values.get(camel(f.name))
        if is_dataclass(value):
            keys_are_known(value, inner, f"{path}.{f.name}")
        elif isinstance(value, tuple) and value and is_dataclass(value[0]):
            for item, part in zip(value, inner, strict=True):
                keys_are_known(item, part, f"{path}.{f.name}[]")


@pytest.mark.parametrize("call", CALLS)
def test_reports_are_typed_pickle_and_compare(call: str) -> None:
    report = callweave.Report.from_json(golden(call).strip())
    keys_are_known(report, report.to_dict(), "report")
    again = pickle.loads(pickle.dumps(report))
    assert again == report and again.to_json() == report.to_json() and hash(again) == hash(report)
    assert report.call.duration_ms == report.to_dict()["call"]["durationMs"]
    assert report.outcome.value in repr(report) and report.tag.value in repr(report)
    assert report != callweave.Report.from_dict({**report.to_dict(), "configHash": "0" * 64})
