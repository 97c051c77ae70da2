"""Evaluation, calibration and comparison; known facts and profiles."""

import datetime
import json
from pathlib import Path

import pytest

import callweave
from callweave import Config, errors

SHORT = "fixtures/short/manifest.json"


def test_counts_are_tables() -> None:
    found = callweave.evaluate("fixtures/stereo", kinds=["split", "summed"], roles=["customer", "agent"])
    rows = found.rows("placement")
    assert [row["kind"] for row in rows] == ["split", None]
    assert (rows[0]["within250_ms_count"], rows[0]["within250_ms_of"]) == (1, 1)
    speech = found.rows("speech")[0]
    assert speech["missed_share"] is not None and speech["missed_low"] is None, "frames hang together"
    assert "equal starts" in str(found) and json.loads(found.to_json()) == found.to_dict()
    assert list(found.to_pandas("tags")["kind"][:2]) == ["split", "summed"]
    with pytest.raises(errors.InvalidArgument, match="placement"):
        found.rows("calls_of")
    with pytest.raises(errors.InvalidArgument, match="placements"):
        callweave.calibrate(found)
    with pytest.raises(errors.InvalidArgument):
        callweave.evaluate("fixtures/short")
    with pytest.raises(errors.InvalidArgument, match="roles"):
        callweave.evaluate("fixtures/stereo", roles=["agent"])


def test_a_calibrated_evaluation_is_not_calibrated_again() -> None:
    calibrated = Config(profile={"name": "trunk", "config": {"confidenceMap": [[0.5, 0.4]]}})
    found = callweave.evaluate("fixtures/stereo", calibrated, kinds=["split", "split"])
    assert found.to_dict()["calibrated"] is True and len(found.rows("placement")) == 2
    with pytest.raises(errors.InvalidArgument, match="calibrated already"):
        callweave.calibrate(found)


def test_the_distance_of_recorders_is_measured_on_reports(tmp_path: Path) -> None:
    report = json.loads(Path("fixtures/tencent-dual/report.json").read_text())
    for number in range(10):
        for track in report["tracks"]:
            track["source"]["sha256"] = f"{number} {track['index']}"
        report["tracks"][1]["alignment"] |= {"offsetMs": -850 + 10 * (number - 5), "confidence": 0.95}
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "report.json").write_text(json.dumps(report))
    profile = callweave.calibrate(name="trunk", reports=tmp_path)
    told = {"of": "customer", "after": "agent", "meanMs": 855, "spreadMs": 37, "calls": 10}
    assert profile["config"] == {"align": {"offsetPrior": told}} and "10 calls" in profile["sources"][0]
    assert callweave.calibrate(name="trunk", reports=[tmp_path]) == profile
    prior = Config(profile=profile).align.offset_prior
    assert prior is not None and prior.mean_ms == 855
    with pytest.raises(errors.InvalidArgument, match="nothing to calibrate by"):
        callweave.calibrate()
    (tmp_path / "9" / "report.json").write_text("{")
    with pytest.raises(errors.InvalidArgument, match="found 9 of 9 reports"):
        callweave.calibrate(reports=tmp_path)


def test_labels_that_say_nothing_are_refused(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    for text, said in [
        ("", "no label"),
        ("call.wav,normal\ncall.wav,short", "call.wav"),
        ("gone.wav,normal", "gone.wav"),
    ]:
        labels.write_text(text)
        with pytest.raises(errors.InvalidArgument, match=said):
            callweave.evaluate("fixtures/stereo", kinds=["split"], labels=labels)


def test_reports_are_compared(tmp_path: Path) -> None:
    report = callweave.analyze(SHORT)
    for name in ("old", "new"):
        (tmp_path / name / "a").mkdir(parents=True)
        values = report.to_dict()
        if name == "new":
            values["tag"]["value"] = "other"
        (tmp_path / name / "a" / "report.json").write_text(json.dumps(values))
    found = callweave.compare(tmp_path / "old", tmp_path / "new")
    [row] = found.rows("calls")
    assert (row["call"], row["tag_to"]) == ("a", "other")
    assert found.to_dict()["both"] == 1 and "1 calls in both" in str(found)
    assert callweave.compare(tmp_path / "old").to_dict()["calls"] == []
    (tmp_path / "new" / "b").mkdir()
    (tmp_path / "new" / "b" / "report.json").write_text("{")
    broken = callweave.compare(tmp_path / "old", tmp_path / "new")
    [row] = broken.rows("unreadable_new")
    assert row["report"] == "b/report.json" and row["reason"].startswith("not JSON: EOF"), row
    assert broken.rows("unreadable_old") == []
    assert report.stages["decode"] >= 1


def test_facts_bound_a_call() -> None:
    plain = callweave.analyze(SHORT)
    report = callweave.analyze(SHORT, facts=[{"kind": "hangup", "atMs": 3000}])
    [fact] = report.facts
    assert (fact.kind, fact.start_ms, fact.contradicted) == ("hangup", 3000, True)
    assert max(turn.end_ms for turn in report.turns) == max(turn.end_ms for turn in plain.turns) > 3000
    outside = callweave.analyze(SHORT, facts=[{"kind": "answer", "atMs": 3_600_000}])
    assert [warning.code for warning in outside.warnings] == ["fact_outside_call"]
    assert outside.facts == () and outside.turns == plain.turns
    began = datetime.datetime.fromtimestamp(1779450482, datetime.UTC)
    known = callweave.process(SHORT, facts=[{"kind": "answer", "at": began, "party": "agent"}]).report
    assert known.facts[0].kind == "answer" and plain.facts == ()
    with pytest.raises(errors.Malformed, match="ring"):
        callweave.analyze(SHORT, facts=[{"kind": "ring", "atMs": 0}])


def test_a_profile_says_who_is_on_which_channel() -> None:
    report = callweave.analyze("fixtures/stereo/call.wav", Config(profile="vicidial"))
    assert [track.role for track in report.tracks] == ["agent", "customer"]
    assert [track.channel for track in report.tracks] == [0, 1]
    assert report.to_dict() == json.loads(report.to_json()), "a channel of 0 is one"
    assert report.profile is not None and report.profile.name == "vicidial"
    own = Config(profile={"name": "trunk", "config": {"speech": {"threshold": 0.6}}})
    assert json.loads(callweave.analyze(SHORT, own).to_json())["config"]["speech"]["threshold"] == 0.6
    unused = callweave.analyze("fixtures/stereo/call.wav", Config(profile="freeswitch")).warnings
    assert [warning.code for warning in unused] == ["profile_channels_unused"]
    with pytest.raises(errors.InvalidArgument, match="did you mean `freeswitch`"):
        Config(profile="freswitch")
