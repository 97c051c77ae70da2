//! Reports of a fixture, changed by hand.

use std::fs;

use serde_json::{Map, json};

use super::offsets::{measure_offsets, measure_offsets_of};
use crate::call::Role;
use crate::config::{OffsetPrior, Profile};
use crate::decode::Input;
use crate::error::{ErrorKind, Warning};
use crate::process::{CallInput, analyze};
use crate::report::{AlignmentReport, Report};
use crate::run::RunOptions;
use crate::timeline::Method;
use crate::units::{Millis, Rate};

/// The report of a call whose customer starts so much later than its agent, by bleed both ways.
fn call(number: usize, offset_ms: f64) -> Report {
    let path = format!("{}/../fixtures/tencent-dual/report.json", env!("CARGO_MANIFEST_DIR"));
    let mut report: Report = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    report.warnings.clear();
    for track in &mut report.tracks {
        track.source.as_mut().unwrap().sha256 = Some(format!("{number} {}", track.index));
    }
    let placed = report.tracks[1].alignment.as_mut().unwrap();
    (placed.offset_ms, placed.method, placed.confidence) = (Millis(-offset_ms), Method::Bleed, 0.95);
    report
}

/// Calls around 850 ms.
fn calls(count: usize) -> Vec<Report> {
    (0..count).map(|n| call(n, 850.0 + 30.0 * (n % 5) as f64 - 60.0)).collect()
}

/// A call of which a warning says, or hides, that bleed is heard one way.
fn one_way(mut report: Report) -> Report {
    let codes = ["path_delay_assumed", "start_time_wrong", "offset_contradicted"];
    let offset = report.tracks[1].alignment.as_ref().unwrap().offset_ms.0.abs();
    report.warnings.push(Warning::new(codes[(offset / 30.0) as usize % 3], "track 1: told"));
    report
}

/// The error of reports that are not enough, after one that is not used.
fn unused(change: impl Fn(&mut Report)) -> String {
    let mut reports = calls(10);
    change(&mut reports[3]);
    let error = measure_offsets_of(&reports).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    error.to_string()
}

#[test]
fn a_fixed_distance_is_measured_and_decides_a_call_without_bleed() {
    let measured = measure_offsets_of(&calls(40)).unwrap();
    assert_eq!(measured.prior, OffsetPrior::new(Role::Customer, Role::Agent, Millis(850.0), Millis(44.0), 40));
    assert_eq!((measured.reports, measured.measured, measured.elsewhere, measured.one_way), (40, 40, 0, 0));
    assert!(measured.unused.is_empty() && measured.to_text().starts_with("the customer starts 850 ms after"));
    let profile = measured.profile("trunk").unwrap();
    let silent = |name: &str, role| Input::samples(name, vec![0i16; 80_000], Rate::NARROWBAND).role(role);
    let call = CallInput::from(vec![silent("a", Role::Agent), silent("b", Role::Customer)]);
    let report = analyze(call, &profile.config().unwrap(), &RunOptions::default()).unwrap();
    let placed = report.tracks[1].alignment.as_ref().unwrap();
    assert!((placed.offset_ms.0 - 850.0).abs() < 30.0 && placed.method == Method::Prior, "{placed:?}");
    assert!(measure_offsets_of(&vec![report; 10]).unwrap_err().to_string().contains("10 offset_prior"));
}

#[test]
fn a_few_calls_that_start_elsewhere_lower_the_trust_and_not_the_mean() {
    let mut reports = calls(38);
    reports.extend([call(38, 60_000.0), call(39, -9_000.0)]);
    let measured = measure_offsets_of(&reports).unwrap();
    assert_eq!((measured.prior.mean, measured.elsewhere, measured.prior.calls), (Millis(850.0), 2, 12));
    assert!(measured.prior.spread < Millis(60.0), "{measured:?}");
}

#[test]
fn no_fixed_distance_is_refused() {
    let refused = |reports: &[Report]| {
        let error = measure_offsets_of(reports).unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::InvalidArgument, "the recorders start at no fixed distance")
        );
        error.to_string()
    };
    let spread: Vec<Report> = (0..12).map(|n| call(n, 1_000.0 * n as f64)).collect();
    assert!(refused(&spread).contains("a spread of 4448 ms around 5500 ms over 12 calls"), "{}", refused(&spread));
    let two: Vec<Report> = (0..20).map(|n| call(n, if n % 3 == 0 { 5_000.0 } else { 0.0 })).collect();
    assert!(refused(&two).contains("7 of 20 calls more than 250 ms from 0 ms, expected at most 20 in 100"));
    let halves: Vec<Report> = (0..20).map(|n| call(n, if n % 2 == 0 { 5_000.0 } else { 0.0 })).collect();
    assert!(refused(&halves).contains("a spread of"));
}

#[test]
fn what_says_nothing_of_the_recorders_is_not_used() {
    let placed = |report: &mut Report| report.tracks[1].alignment.take().unwrap();
    let with = |change: fn(&mut AlignmentReport)| {
        unused(|report| {
            let mut alignment = placed(report);
            change(&mut alignment);
            report.tracks[1].alignment = Some(alignment);
        })
    };
    let few = "too few calls to measure how far apart recorders start: found 9 of 10 reports (not used: 1 ";
    for (error, why) in [
        (with(|placed| placed.method = Method::Turns), "not_by_bleed"),
        (with(|placed| placed.method = Method::Reference), "not_by_bleed"),
        (with(|placed| placed.confidence = 0.89), "unsure"),
        (with(|placed| placed.confidence = f64::NAN), "unsure"),
        (with(|placed| placed.offset_ms = Millis(f64::NAN)), "out_of_range"),
        (with(|placed| placed.offset_ms = Millis(f64::INFINITY)), "out_of_range"),
        (with(|placed| placed.offset_ms = Millis(1e300)), "out_of_range"),
        (unused(|report| _ = placed(report)), "parties"),
        (unused(|report| report.tracks[0].role = Role::Agent), "parties"),
        (unused(|report| report.tracks[0].channel = Some(0)), "several_channels"),
        (unused(|report| report.warnings.push(Warning::new("repeated_track", ""))), "repeated_track"),
        (unused(|report| report.config["align"]["offsetPrior"] = json!({})), "offset_prior"),
        (unused(|report| *report = call(0, 1.0)), "same_call"),
    ] {
        assert!(error.contains(&format!("{few}{why}), expected at least 10")), "{why}: {error}");
    }
    let none = measure_offsets_of(&[]).unwrap_err().to_string();
    assert!(none.contains("found 0 of 0 reports, expected at least 10"), "{none}");
}

#[test]
fn calls_that_are_heard_one_way_count_where_others_are_too_few() {
    let all: Vec<Report> = calls(12).into_iter().map(one_way).collect();
    let measured = measure_offsets_of(&all).unwrap();
    assert_eq!((measured.measured, measured.one_way), (12, 12));
    let far = (0..12).map(|n| one_way(call(100 + n, 1_100.0)));
    let measured = measure_offsets_of(&calls(10).into_iter().chain(far).collect::<Vec<_>>()).unwrap();
    assert_eq!((measured.prior.mean, measured.one_way, measured.unused["one_way"]), (Millis(850.0), 0, 12));
}

#[test]
fn one_profile_holds_both_and_folders_are_read() {
    let folder = std::env::temp_dir().join(format!("callweave-offsets-{}", std::process::id()));
    for (number, report) in calls(10).iter().enumerate() {
        let of = folder.join(if number % 2 == 0 { "may" } else { "june" }).join(number.to_string());
        fs::create_dir_all(&of).unwrap();
        fs::write(of.join("report.json"), report.to_json().unwrap()).unwrap();
    }
    fs::write(folder.join("may/cut.json"), "{").unwrap();
    let measured =
        measure_offsets([folder.join("may"), folder.join("june"), folder.clone()], &RunOptions::default()).unwrap();
    assert_eq!((measured.reports, measured.measured), (10, 10), "a file that is reached twice counts once");
    assert_eq!(measured.unreadable.len(), 2);
    assert!(measured.unreadable[0].report.contains("may"), "{:?}", measured.unreadable);
    let error = measure_offsets([folder.join("may")], &RunOptions::default()).unwrap_err().to_string();
    assert!(error.contains("found 5 of 5 reports, and 1 that cannot be read, such as "), "{error}");
    assert!(error.contains("cut.json"), "{error}");
    let cancelled = RunOptions::default();
    cancelled.cancel.cancel();
    assert_eq!(measure_offsets([&folder], &cancelled).unwrap_err().kind(), ErrorKind::Cancelled);
    let fitted = Map::from_iter([("confidenceMap".to_owned(), json!([[0.5, 0.4]]))]);
    let fitted = Profile::new("trunk", fitted).unwrap().with_sources(vec!["evaluation".to_owned()]);
    let profile = measured.add_to(&fitted.with_channels(["agent", "customer"]).unwrap()).unwrap();
    assert_eq!((profile.sources().len(), profile.channels().len()), (2, 2));
    let config = profile.config().unwrap();
    assert_eq!((config.align.offset_prior, config.confidence_map.len()), (Some(measured.prior), 1));
    assert!(measured.profile(" ").is_err());
    fs::remove_dir_all(folder).unwrap();
}
