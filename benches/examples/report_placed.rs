//! The report of a made call with its tracks in their true places: what the gate is worth where
//! placement is right.
//!
//! `report_placed [--config FILE] [--narrow DIR] [--probabilities DIR HOP_MS] [--off MS] MANIFEST`
//! prints the report as the program does, with alignment, speech and bleed by the placements that
//! `truth.json` beside the manifest tells. Figures, outcome and tag stay as they were without.
//! `--narrow` writes the tracks as raw f32 of 8 kHz to `DIR/N.f32`; `--probabilities` takes another
//! detector's answers from `DIR/N.p32` instead of ours; `--off` places every track but the first so
//! much too late for the gate, and says so by its uncertainty.
#![allow(clippy::unwrap_used)]
use std::path::Path;

use callweave::call::Role;
use callweave::report::{AlignmentReport, Bleed};
use callweave::speech::{self, Detected, GateInput};
use callweave::timeline::{Knot, Method, Placement};
use callweave::track::to_f32;
use callweave::units::{Millis, Rate};
use callweave::vad::{self, Probabilities};
use callweave::{CallInput, Config, Input, RunOptions, analyze, decode, resample};
use serde_json::Value;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| arguments.iter().position(|a| a == name).map(|at| &arguments[at + 1..]);
    let manifest = Path::new(arguments.last().unwrap());
    let config = option("--config").map(|after| std::fs::read_to_string(&after[0]).unwrap());
    let config = config.map_or_else(Config::default, |text| Config::from_json(&text).unwrap());
    let call = CallInput::open(&[manifest.to_path_buf()]).unwrap();
    let mut report = analyze(call, &config, &RunOptions::default()).unwrap();
    let folder = manifest.parent().unwrap();
    let truth: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("truth.json")).unwrap()).unwrap();
    let tracks = truth["tracks"].as_array().unwrap();
    let placements: Vec<Placement> = tracks.iter().map(true_placement).collect();
    let mut heard: Vec<(Vec<f32>, Detected)> =
        tracks.iter().map(|t| detect(&folder.join(t["file"].as_str().unwrap()), &config)).collect();
    for (n, (samples, detected)) in heard.iter_mut().enumerate() {
        if let Some(after) = option("--narrow") {
            std::fs::write(format!("{}/{n}.f32", after[0]), to_bytes(samples)).unwrap();
        }
        if let Some(after) = option("--probabilities") {
            let values = from_bytes(&std::fs::read(format!("{}/{n}.p32", after[0])).unwrap());
            let probabilities = Probabilities { hop: Millis(after[1].parse().unwrap()), values };
            let duration = Rate::NARROWBAND.millis(samples.len() as u64);
            detected.spans = speech::spans(&probabilities, duration, &config.speech);
        }
    }
    let off = Millis(option("--off").map_or(0.0, |after| after[0].parse().unwrap()));
    let mut believed = placements.clone();
    for placement in believed.iter_mut().skip(1) {
        *placement = placement.clone().shifted(off);
        placement.uncertainty = Millis(off.0.abs());
    }
    let inputs: Vec<GateInput> = heard
        .iter()
        .zip(&believed)
        .map(|((samples, detected), placement)| GateInput { spans: &detected.spans, samples, placement })
        .collect();
    let start = std::time::Instant::now();
    let gated = speech::gate(&inputs, &config);
    eprintln!("gate {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    for ((track, placement), gated) in report.tracks.iter_mut().zip(&placements).zip(gated) {
        track.alignment = Some(AlignmentReport::from(placement));
        track.speech = gated.own.iter().map(|&span| placement.span_to_call(span)).collect();
        let bleed = gated.bleed.iter();
        track.bleed = bleed.map(|b| Bleed::new(placement.span_to_call(b.span), b.from)).collect();
    }
    println!("{}", report.to_json().unwrap());
}

/// A track at 8 kHz, and where the configured detector hears speech in it.
fn detect(path: &Path, config: &Config) -> (Vec<f32>, Detected) {
    let track = decode(Input::path(path).role(Role::Unknown), &config.decode).unwrap().remove(0);
    let samples: Vec<f32> = track.samples.iter().map(|&x| to_f32(x)).collect();
    let narrow = resample::resample(&samples, track.rate, Rate::NARROWBAND).unwrap();
    let mut detector = vad::detector(config, 1).unwrap();
    let detected = speech::detect_with(&track.samples, track.rate, &config.speech, detector.as_mut()).unwrap();
    (narrow, detected)
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
}

/// Offset, drift and lost audio, as they were made.
fn true_placement(track: &Value) -> Placement {
    let number = |value: &Value| value.as_f64().unwrap();
    let (offset, rate) = (number(&track["offsetSec"]), 1.0 + 1e-6 * number(&track["driftPpm"]));
    let end = number(&track["durationSec"]);
    let mut lost = 0.0;
    let knot = |track: f64, lost: f64| Knot {
        track: Millis::from_seconds(track),
        call: Millis::from_seconds(offset + (track + lost) / rate),
    };
    let mut knots = vec![knot(0.0, lost)];
    for dropout in track["dropouts"].as_array().unwrap() {
        let at = number(&dropout[0]);
        knots.push(knot(at, lost));
        lost += number(&dropout[1]);
        knots.push(knot(at, lost));
    }
    knots.push(knot(end, lost));
    Placement::through(knots, Method::Bleed, 1.0, Millis(0.0))
}
