//! Golden reports are only worth keeping if they are near the truth that the fixtures were made
//! from.

use serde_json::Value;

use crate::golden::CALLS;
use crate::read;

/// What is known to be wrong today: call, role where it is a track's, and what. Mend it, then take
/// its line out.
const STANDING: [(&str, &str, &str); 0] = [];

/// The least overlap over union of the reported speech and the true one.
const OVERLAP: f64 = 0.9;
/// Shorter pauses are within an utterance, in ms: truth and detector cut speech at 200 ms, each by
/// its own measure of silence (clean voice against a detector's hops of 32 ms), so that pauses near
/// it are a matter of taste.
const UTTERANCE_MS: f64 = 500.0;
/// Wellcloud's list knows in whole seconds when a later recording of the same track began, in ms.
const LISTED_MS: f64 = 1000.0;

type Spans = Vec<(f64, f64)>;

struct Case {
    call: &'static str,
    report: Value,
    truth: Value,
    wrong: Vec<(&'static str, String, &'static str, String)>,
}

impl Case {
    fn read(call: &'static str) -> Self {
        let json = |name: &str| serde_json::from_str(&read(format!("fixtures/{call}/{name}.json"))).unwrap();
        Self { call, report: json("report"), truth: json("truth"), wrong: Vec::new() }
    }

    /// Notes what does not hold.
    fn hold(&mut self, role: &str, what: &'static str, holds: bool, said: String) {
        if !holds {
            self.wrong.push((self.call, role.to_string(), what, said));
        }
    }

    fn judge(&mut self) {
        for what in ["outcome", "tag"] {
            let (found, truth) = (self.report[what]["value"].clone(), self.truth[what].clone());
            self.hold("", what, found == truth, format!("found {found}, expected {truth}"));
        }
        for track in self.report["tracks"].as_array().unwrap().clone() {
            self.judge_track(&track);
        }
    }

    fn judge_track(&mut self, track: &Value) {
        let role = track["role"].as_str().unwrap();
        let recorded: Vec<Value> =
            self.truth["tracks"].as_array().unwrap().iter().filter(|t| t["role"] == role).cloned().collect();
        assert!(!recorded.is_empty(), "{}: {role}", self.call);
        let (found, stated) = (number(&track["alignment"]["offsetMs"]), number(&track["alignment"]["uncertaintyMs"]));
        let off = found - number(&recorded[0]["offsetMs"]);
        self.hold(role, "offset", off.abs() <= stated.max(1.0), format!("off by {off} ms, stated {stated}"));
        // Where each recording of the track lies in the report, and how far that is off.
        let pieces = track["pieces"].as_array().cloned().unwrap_or_default();
        let begins: Spans = match pieces.len() {
            0 => vec![(found, off)],
            _ => pieces.iter().zip(&recorded).map(|(p, t)| begin(p, t)).collect(),
        };
        let late = begins.iter().map(|(_, off)| off.abs()).fold(0.0, f64::max);
        self.hold(role, "pieces", late <= LISTED_MS.max(stated), format!("off by {late} ms"));
        let back = |(start, end): (f64, f64)| {
            let off = begins.iter().rev().find(|(at, _)| *at <= start).map_or(off, |(_, off)| *off);
            (start - off, end - off)
        };
        let reported = utterances(spans(&track["speech"]).into_iter().map(back).collect());
        let spoken = utterances(recorded.iter().flat_map(|t| spans(&t["speech"])).collect());
        let overlap = overlap_over_union(&reported, &spoken);
        self.hold(role, "speech", overlap >= OVERLAP, format!("overlap over union {overlap:.3}"));
    }
}

fn begin(piece: &Value, recorded: &Value) -> (f64, f64) {
    let at = number(&piece["startMs"]);
    (at, at - number(&recorded["offsetMs"]))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn spans(list: &Value) -> Spans {
    list.as_array().unwrap().iter().map(|s| (number(&s["startMs"]), number(&s["endMs"]))).collect()
}

/// Spans with the pauses within utterances closed.
fn utterances(mut spans: Spans) -> Spans {
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut joined: Spans = Vec::new();
    for (start, end) in spans {
        match joined.last_mut() {
            Some(last) if start - last.1 <= UTTERANCE_MS => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}

fn overlap_over_union(a: &Spans, b: &Spans) -> f64 {
    let shared: f64 = a.iter().flat_map(|x| b.iter().map(|y| (x.1.min(y.1) - x.0.max(y.0)).max(0.0))).sum();
    let all = |spans: &Spans| spans.iter().map(|s| s.1 - s.0).sum::<f64>();
    shared / (all(a) + all(b) - shared)
}

#[test]
fn tag_outcome_offset_and_speech_are_the_true_ones() {
    let mut wrong = Vec::new();
    for (call, _) in CALLS {
        let mut case = Case::read(call);
        case.judge();
        wrong.extend(case.wrong);
    }
    let stands = |call: &str, role: &str, what: &str| STANDING.contains(&(call, role, what));
    let fresh: Vec<_> = wrong.iter().filter(|(call, role, what, _)| !stands(call, role, what)).collect();
    assert!(fresh.is_empty(), "{fresh:#?}");
    for (call, role, what) in STANDING {
        let still = wrong.iter().any(|(c, r, w, _)| (*c, r.as_str(), *w) == (call, role, what));
        assert!(still, "{call} {role} {what} is right now: take its line out of STANDING");
    }
}

#[test]
fn a_wrong_report_would_be_noticed() {
    let mut case = Case::read("stereo");
    case.report["outcome"]["value"] = "fax".into();
    case.report["tracks"][0]["alignment"]["offsetMs"] = 3.into();
    case.report["tracks"][1]["speech"][0]["endMs"] = 25_000.into();
    case.judge();
    let what: Vec<_> = case.wrong.iter().map(|(_, role, what, _)| (role.as_str(), *what)).collect();
    assert_eq!(what, [("", "outcome"), ("customer", "offset"), ("agent", "speech")]);
}

#[test]
fn golden_reports_are_near_the_truth() {
    let json = |path: String| -> Value { serde_json::from_str(&read(path)).unwrap() };
    for (call, _) in CALLS {
        let (report, truth) =
            (json(format!("fixtures/{call}/report.json")), json(format!("fixtures/{call}/truth.json")));
        // The recordings of the report; a track may be made of several.
        let mut lengths = Vec::new();
        for track in report["tracks"].as_array().unwrap() {
            match track["pieces"].as_array() {
                Some(pieces) => lengths.extend(pieces.iter().map(|p| p["source"]["durationMs"].as_f64().unwrap())),
                None => lengths.push(track["source"]["durationMs"].as_f64().unwrap()),
            }
        }
        let recorded = truth["tracks"].as_array().unwrap().iter();
        let mut recorded: Vec<f64> = recorded.map(|t| t["durationMs"].as_f64().unwrap()).collect();
        lengths.sort_by(f64::total_cmp);
        recorded.sort_by(f64::total_cmp);
        assert_eq!(lengths.len(), recorded.len(), "{call}");
        for (length, recorded) in lengths.iter().zip(recorded) {
            let off = length - recorded;
            // An mp3 ends with padding to a whole frame.
            assert!((-1.0..=110.0).contains(&off), "{call}: {off} ms longer than the truth");
        }
    }
}
