//! How often it is known right who answers a call, and when: `live_answers FOLDER...`, of folders
//! that hold calls of make_calls.py. The track of the called party is pushed 20 ms at a time;
//! prints the tables of core/docs/live.md.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use callweave::config::DecodeOptions;
use callweave::live::{Certainty, LiveCall, LiveEvent, LiveEventKind, LiveOptions, LiveTrackOptions};
use callweave::{Config, Input, RunOptions, decode};
use serde_json::Value;

/// A pause that ends the first talk, and the longest first talk of a person, as the rules have
/// them.
const PAUSE_MS: f64 = 1000.0;
const GREETING_MS: f64 = 3000.0;

/// What was really on the called party's track, in its own time.
struct TrueAnswer {
    who: &'static str,
    /// When its first talk begins.
    talk: Option<f64>,
    /// Its tones, by the names that answers have for them.
    tones: Vec<(&'static str, f64, f64)>,
}

/// What became of one answer: when it was told, and when it was certain.
#[derive(Clone, Copy, Default)]
struct ToldAnswer {
    told: f64,
    certain: Option<f64>,
}

fn main() {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mut calls: Vec<PathBuf> =
        folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|e| e.unwrap().path()).collect();
    calls.retain(|call| call.join("truth.json").is_file());
    calls.sort();
    let heard: Vec<(TrueAnswer, BTreeMap<String, ToldAnswer>)> = calls.iter().map(|call| hear(call)).collect();
    print_who(&heard);
    print_tones(&heard);
}

/// Hears the called party's track of a call.
fn hear(folder: &Path) -> (TrueAnswer, BTreeMap<String, ToldAnswer>) {
    let truth: Value = serde_json::from_slice(&std::fs::read(folder.join("truth.json")).unwrap()).unwrap();
    let tracks = truth["tracks"].as_array().unwrap();
    // A fax machine calls in these calls; it is heard as if it had been called.
    let fax = |track: &&Value| track["events"].as_array().unwrap().iter().any(|event| event["kind"] == "fax");
    let called = tracks.iter().find(fax).unwrap_or_else(|| tracks.iter().find(|t| t["role"] == "agent").unwrap());
    let file = folder.join(called["file"].as_str().unwrap());
    (true_answer(called), told_answers(&file))
}

fn true_answer(track: &Value) -> TrueAnswer {
    let own = |at: &Value| (at.as_f64().unwrap() - track["offsetSec"].as_f64().unwrap()) * 1000.0;
    let spans: Vec<(f64, f64)> =
        track["speech"].as_array().unwrap().iter().map(|span| (own(&span[0]), own(&span[1]))).collect();
    let mut talk = spans.first().copied();
    for span in spans.iter().skip(1) {
        if let Some(talk) = &mut talk
            && span.0 - talk.1 < PAUSE_MS
        {
            talk.1 = span.1;
            continue;
        }
        break;
    }
    let names = [("busy", "busy"), ("ringback", "ringing"), ("fax", "fax"), ("beep", "beep")];
    let named = |kind: &Value| names.iter().find(|name| kind == name.0).map(|name| name.1);
    let events = track["events"].as_array().unwrap().iter();
    TrueAnswer {
        who: match talk {
            None => "nobody",
            Some(_) if track["prompt"] == true => "a machine",
            Some((start, end)) if end - start <= GREETING_MS => "a person, up to 3 s",
            Some(_) => "a person, longer",
        },
        talk: talk.map(|talk| talk.0),
        tones: events.filter_map(|e| Some((named(&e["kind"])?, own(&e["start"]), own(&e["end"])))).collect(),
    }
}

fn told_answers(file: &Path) -> BTreeMap<String, ToldAnswer> {
    let track = decode(Input::path(file), &DecodeOptions::default()).unwrap().remove(0);
    let options = LiveOptions::default().with_called(Some(0));
    let mut call = LiveCall::new(vec![LiveTrackOptions::new(track.rate)], &Config::default(), &options).unwrap();
    let mut told = BTreeMap::new();
    for frame in track.samples.chunks(track.rate.hz() as usize / 50) {
        call.push(0, frame).unwrap();
        while let Some(event) = call.next_event() {
            note(&event, &mut told);
        }
    }
    let _ = call.finish(&RunOptions::default());
    while let Some(event) = call.next_event() {
        note(&event, &mut told);
    }
    told
}

fn note(event: &LiveEvent, told: &mut BTreeMap<String, ToldAnswer>) {
    let (LiveEventKind::Answer, Some(name)) = (event.kind, &event.detail) else { return };
    if event.certainty == Certainty::Withdrawn {
        told.remove(name);
        return;
    }
    let answer = told.entry(name.clone()).or_insert(ToldAnswer { told: event.known.0, certain: None });
    if event.certainty == Certainty::Confirmed {
        answer.certain.get_or_insert(event.known.0);
    }
}

/// The median and what nine in ten do not exceed.
fn middle(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get((values.len().saturating_sub(1) as f64 * share).round() as usize);
    match (at(0.5), at(0.9)) {
        (Some(half), Some(most)) => format!("{:.1} s, {:.1} s", half / 1000.0, most / 1000.0),
        _ => "".into(),
    }
}

fn print_who(heard: &[(TrueAnswer, BTreeMap<String, ToldAnswer>)]) {
    println!("| who answers | calls | answered | person | machine | neither | first told after | certain after |");
    println!("|---|---|---|---|---|---|---|---|");
    for who in ["a person, up to 3 s", "a person, longer", "a machine", "nobody"] {
        let rows: Vec<_> = heard.iter().filter(|row| row.0.who == who).collect();
        let is = |name: &str| rows.iter().filter(|row| row.1.contains_key(name)).count();
        let (person, machine) = (is("person"), is("machine"));
        let neither = rows.iter().filter(|row| !row.1.contains_key("person") && !row.1.contains_key("machine")).count();
        let right = if who == "a machine" { "machine" } else { "person" };
        let after = |when: fn(&ToldAnswer) -> Option<f64>| {
            let late =
                |row: &&&(TrueAnswer, BTreeMap<String, ToldAnswer>)| Some(when(row.1.get(right)?)? - row.0.talk?);
            middle(rows.iter().filter_map(|row| late(&row)).collect())
        };
        let (told, certain) = (after(|answer| Some(answer.told)), after(|answer| answer.certain));
        let (all, answered) = (rows.len(), is("answered"));
        println!("| {who} | {all} | {answered} | {person} | {machine} | {neither} | {told} | {certain} |");
    }
}

fn print_tones(heard: &[(TrueAnswer, BTreeMap<String, ToldAnswer>)]) {
    println!(
        "\n| tone | calls with it | told | first told after its beginning | told without one |\n|---|---|---|---|---|"
    );
    for name in ["ringing", "busy", "fax", "beep"] {
        let with: Vec<_> = heard.iter().filter(|row| row.0.tones.iter().any(|tone| tone.0 == name)).collect();
        let begun = |row: &(TrueAnswer, _)| row.0.tones.iter().find(|tone| tone.0 == name).map(|tone| tone.1);
        let late: Vec<f64> = with.iter().filter_map(|row| Some(row.1.get(name)?.told - begun(row)?)).collect();
        let wrong = heard.iter().filter(|row| row.1.contains_key(name)).count() - late.len();
        println!("| {name} | {} | {} | {} | {wrong} |", with.len(), late.len(), middle(late));
    }
}
