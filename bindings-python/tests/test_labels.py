"""Labels, read back by public parsers of their formats: dover-lap (RTTM), praatio (TextGrid),
webvtt-py, csv."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import webvtt
from conftest import CALLS, ROOT
from dover_lap.libs.rttm import load_rttm, validate_rttm
from praatio import textgrid

HOSTILE = [
    '=HYPERLINK("http://x.example","a") --> b\n00:00:00.000 --> 99:00:00.000\n"quoted" <v eve>, é & '
    "\u202eright to left\u202c",
    '\t木 \U0001f600 \u2028<script>alert(1)</script>\t""',
]
NAMES = [" ".join(name.replace("\u2028", " ").split()) for name in HOSTILE]

Labelled = tuple[dict[str, Any], Path]


def process(call: str, out: Path, *options: str) -> Labelled:
    """Runs the program; the report, and the folder of the labels."""
    program = Path(sys.executable).parent / "callweave"
    labels = "--labels=rttm,textgrid,audacity,vtt,csv"
    subprocess.run([program, "process", call, "-o", out, labels, *options], capture_output=True, check=True)
    return json.loads((out / "report.json").read_text()), out


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    """A call whose parties have names that break formats."""
    folder = tmp_path_factory.mktemp("hostile")
    manifest = json.loads((ROOT / "fixtures/short/manifest.json").read_text())
    for track, party in zip(manifest["tracks"], HOSTILE, strict=True):
        shutil.copy(ROOT / "fixtures/short" / track["path"], folder)
        track["party"] = party
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return process(str(folder / "manifest.json"), folder / "out", "--show-parties")


@pytest.fixture(scope="module", params=["keypad-hold", "tencent-dual", "tencent-transfer"])
def labelled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    return process(str(ROOT / CALLS[request.param]), tmp_path_factory.mktemp("labels"))


def spans(items: list[dict[str, Any]]) -> list[tuple[float, float]]:
    return [(item["startMs"], item["endMs"]) for item in items]


def speech(report: dict[str, Any]) -> list[tuple[float, float]]:
    return sorted(span for track in report["tracks"] for span in spans(track["speech"]))


def clock(text: str) -> float:
    """Milliseconds of a cue's time."""
    hours, minutes, seconds = text.split(":")
    return 1000 * (3600 * int(hours) + 60 * int(minutes) + float(seconds))


def near(found: list[tuple[float, float]], wanted: list[tuple[float, float]], ms: float) -> None:
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        assert a == pytest.approx(b, abs=ms)


def test_rttm_is_read_back_and_valid(labelled: Labelled) -> None:
    report, out = labelled
    turns, names, files = load_rttm(str(out / "call.rttm"))
    near(sorted((1000 * t.onset, 1000 * t.offset) for t in turns), speech(report), 0.01)
    assert len(names) == len([track for track in report["tracks"] if track["speech"]])
    assert files == {"call"}, "the call's id only where names are asked for"
    validate_rttm(str(out / "call.rttm"))


def test_textgrid_is_read_back(labelled: Labelled) -> None:
    report, out = labelled
    grid = textgrid.openTextgrid(str(out / "call.TextGrid"), includeEmptyIntervals=False, reportingMode="error")
    assert 1000 * grid.maxTimestamp == pytest.approx(report["call"]["durationMs"], abs=0.01)
    tiers = [name for name in grid.tierNames if ": " not in name]
    assert len(tiers) == len(report["tracks"])
    for name, track in zip(tiers, report["tracks"], strict=True):
        entries = grid.getTier(name).entries
        near([(1000 * e.start, 1000 * e.end) for e in entries], spans(track["speech"]), 0.01)
        assert {e.label for e in entries} == {"speech"}
        if track["bleed"]:
            bleed = grid.getTier(f"{name}: bleed").entries
            near([(1000 * e.start, 1000 * e.end) for e in bleed], spans(track["bleed"]), 0.01)
        if track["events"]:
            labels = [e.label.split()[0] for e in grid.getTier(f"{name}: sounds").entries]
            assert labels == [event["kind"] for event in track["events"]]


def test_vtt_is_read_back(labelled: Labelled) -> None:
    report, out = labelled
    cues = webvtt.read(str(out / "turns.vtt"))
    near(sorted((clock(c.start), clock(c.end)) for c in cues), sorted(spans(report["turns"])), 0.51)
    assert [c.start for c in cues] == sorted(c.start for c in cues)
    roles = [track["role"] for track in report["tracks"]]
    for cue, turn in zip(cues, sorted(report["turns"], key=lambda turn: turn["startMs"]), strict=True):
        assert cue.voice is not None and cue.voice.startswith(roles[turn["track"]])


def test_audacity_labels_are_read_back(labelled: Labelled) -> None:
    report, out = labelled
    rows = [line.split("\t") for line in (out / "labels.txt").read_text().splitlines()]
    found = [(1000 * float(a), 1000 * float(b)) for a, b, text in rows if text.endswith(": speech")]
    near(sorted(found), speech(report), 0.01)
    sounds = sum(len(track["events"]) + len(track["bleed"]) for track in report["tracks"])
    assert len(rows) == len(found) + sounds
    assert [float(row[0]) for row in rows] == sorted(float(row[0]) for row in rows)


def test_csv_is_read_back(labelled: Labelled) -> None:
    report, out = labelled
    rows = list(csv.DictReader((out / "call.csv").open(newline="")))
    near(sorted((float(r["startMs"]), float(r["endMs"])) for r in rows if r["kind"] == "speech"), speech(report), 0.001)
    kinds = {event["kind"] for track in report["tracks"] for event in track["events"]}
    assert kinds <= {row["kind"] for row in rows}
    parties = [track["party"] for track in report["tracks"] if track["party"]]
    labels = [out / name for name in ("call.rttm", "call.TextGrid", "labels.txt", "turns.vtt", "call.csv")]
    text = "".join(path.read_text() for path in labels)
    assert not [party for party in parties if len(party) > 4 and party in text], "parties only where asked"


def test_hostile_names_break_no_format(hostile: Labelled) -> None:
    report, out = hostile
    assert [track["party"] for track in report["tracks"]] == HOSTILE
    turns, names, _ = load_rttm(str(out / "call.rttm"))
    assert len(turns) == len(speech(report)) and len(names) == 2
    grid = textgrid.openTextgrid(str(out / "call.TextGrid"), includeEmptyIntervals=False, reportingMode="error")
    tiers = [" ".join(name.split()) for name in grid.tierNames if not name.endswith((": bleed", ": sounds"))]
    assert tiers == NAMES
    cues = webvtt.read(str(out / "turns.vtt"))
    assert len(cues) == len(report["turns"])
    assert all(cue.start_in_seconds < 10 for cue in cues)
    labels = (out / "labels.txt").read_text().split("\n")[:-1]
    assert all(len(line.split("\t")) == 3 for line in labels)


def test_no_cell_is_a_formula(hostile: Labelled) -> None:
    _, out = hostile
    rows = list(csv.reader((out / "call.csv").open(newline="")))
    assert {len(row) for row in rows} == {8}
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert any(row[4].startswith("'=HYPERLINK") for row in rows)
