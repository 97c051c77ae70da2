//! `callweave process`: one call to a report and a mix.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::{Config, Pii};
use crate::error::{Error, ErrorKind, Result, Stage, escaped};
use crate::export::{strip_text, write_text};
use crate::files::refuse_overwriting;
use crate::process::{CallInput, TRACK_UNREADABLE, analyze, process};
use crate::provider::Options;
use crate::report::Report;
use crate::run::{RunOptions, Timings};
use crate::units::{Millis, total};

use super::args::ProcessArgs;
use super::progress::watched;
use super::terminal::Terminal;
use super::vcon::GivenVcon;
use super::{DONE, Stop, Streams, shown, status_of};

pub(super) fn run(args: Box<ProcessArgs>, streams: &mut Streams, run: &RunOptions) -> Result<u8, Stop> {
    let config = args.to_config()?;
    let options = Options { local_offset_s: args.utc_offset };
    let opened = CallInput::open_with(&args.inputs, &options);
    let worked = opened
        .and_then(|call| call.with_roles(args.roles.clone()).with_offsets(&args.offsets))
        .and_then(|call| Ok(call.with_facts(args.known_facts()?)))
        .and_then(|call| work(&args, call, &config, run));
    let report = match worked {
        // Its words name files.
        Err(error) if config.pii == Pii::Drop => {
            streams.note("error", error.anonymous_text());
            return Ok(status_of(&error));
        }
        worked => worked?,
    };
    for track in &report.tracks {
        let name = track_name(track.index, track.source.as_ref().and_then(|s| s.path.as_deref()));
        if let Some(error) = &track.error {
            streams.note("error", format_args!("track {}: {}", track.index, error.message));
        }
        for warning in track.source.iter().flat_map(|s| &s.warnings) {
            streams.note("warning", format_args!("{name}: {warning}"));
        }
    }
    for finding in &report.integrity {
        streams.note("warning", &finding.message);
    }
    // The track's error has been told.
    for warning in report.warnings.iter().filter(|warning| warning.code != TRACK_UNREADABLE) {
        streams.note("warning", warning);
    }
    if args.json {
        writeln!(streams.out, "{}", report.to_json()?)?;
    } else {
        summary(&report, &args, streams)?;
    }
    Ok(DONE)
}

fn work(args: &ProcessArgs, call: CallInput, config: &Config, run: &RunOptions) -> Result<Report> {
    check_outputs(args, &call, config)?;
    let (mut run, _bar) = watched(run);
    run.threads = args.threads.map(usize::from).or(run.threads);
    let vcon = args.vcon.as_deref().map(|output| GivenVcon::read(&args.inputs, output)).transpose()?;
    let timings = Timings::default();
    run.timings = args.timings.is_some().then(|| timings.clone());
    let report = heard(args, call, config, &run)?;
    if let Some(path) = &args.timings {
        write_text(path, &timed(&timings, &report)?)?;
    }
    if let Some(vcon) = vcon {
        vcon.write(&report)?;
    }
    Ok(report)
}

/// Refuses a vCon of a redacted call. Refuses files beside the outputs' folder that would be
/// written over what is read, over an output, or over each other.
fn check_outputs(args: &ProcessArgs, call: &CallInput, config: &Config) -> Result<()> {
    if args.vcon.is_some() && args.to_redaction().is_some() {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "--vcon")
            .with_mismatch("a redaction", "none, for the vCon keeps its audio and texts as they were"));
    }
    let names = args.to_write_options().file_names(config);
    let outputs: Vec<PathBuf> =
        args.output.iter().flat_map(|folder| names.iter().map(|name| folder.join(name))).collect();
    let mut others: Vec<&Path> = call.files().chain(args.files()).chain(outputs.iter().map(PathBuf::as_path)).collect();
    for output in [&args.timings, &args.vcon].into_iter().flatten() {
        refuse_overwriting(output, &others)?;
        others.push(output);
    }
    Ok(())
}

fn heard(args: &ProcessArgs, call: CallInput, config: &Config, run: &RunOptions) -> Result<Report> {
    let Some(folder) = &args.output else { return analyze(call, config, run) };
    call.check_outputs(folder, config, &args.to_write_options())?;
    let mut processed = process(call, config, run)?;
    if let Some(redaction) = args.to_redaction() {
        processed.redact(&redaction)?;
    }
    run.step("write", || processed.write_with(folder, &config.mix, &args.to_write_options(), run))?;
    Ok(processed.into_report(run))
}

/// How long each step took, as JSON; `mix` is a part of `write`.
fn timed(timings: &Timings, report: &Report) -> Result<String> {
    let ms = |took: Duration| Millis((took.as_secs_f64() * 1e6).round() / 1e3);
    let steps = timings.steps().into_iter();
    let steps: Vec<Value> = steps.map(|(step, took)| json!({"step": step, "ms": ms(took)})).collect();
    let told = json!({"schemaVersion": 1, "callMs": report.call.duration_ms, "steps": steps});
    Ok(format!("{}\n", crate::json::text(&told)?))
}

fn track_name(index: usize, path: Option<&str>) -> String {
    path.map_or_else(|| format!("track {index}"), |path| escaped(path).into_owned())
}

/// How long a track's party talks, or its voices do.
fn talk(report: &Report, track: usize) -> String {
    let parties: Vec<f64> = report
        .metrics
        .by_track
        .iter()
        .filter(|party| party.track == track)
        .map(|party| party.talk_ms.seconds())
        .collect();
    let seconds: f64 = parties.iter().sum();
    match parties.len() {
        0 => String::new(),
        1 => format!(", talks {seconds:.1} s"),
        voices => format!(", {voices} voices talk {seconds:.1} s"),
    }
}

/// Why figures are missing, for people.
fn unmeasured(why: &str) -> &'static str {
    match why {
        "alignment" => "the tracks' places are too uncertain",
        "tracks" => "a track could not be read",
        _ => "one track holds several parties, or may hold them",
    }
}

/// What a person wants to know first.
fn summary(report: &Report, args: &ProcessArgs, streams: &mut Streams) -> Result<(), Stop> {
    let out = &mut streams.out;
    writeln!(out, "{} call, {:.1} s", report.tag.value, report.call.duration_ms.seconds())?;
    if let Some(terminal) = Terminal::of_stdout() {
        out.write_all(strip_text(report, terminal.columns, terminal.colour).as_bytes())?;
    }
    for reason in &report.outcome.reasons {
        let (measured, limit) = (reason.measured, reason.limit);
        writeln!(out, "  {}: {} ({measured} {}, limit {limit})", report.tag.from, reason.message, reason.unit)?;
    }
    for track in &report.tracks {
        let talk = talk(report, track.index);
        let place = track.alignment.as_ref().map_or_else(
            || "not read".to_owned(),
            |a| format!("at {} ± {} ({})", a.offset_ms, a.uncertainty_ms, a.method.name()),
        );
        let name = track_name(track.index, track.source.as_ref().and_then(|s| s.path.as_deref()));
        writeln!(out, "  {:<12}{place}{talk}  {name}", track.role.name())?;
    }
    if let Some(why) = &report.metrics.unavailable {
        writeln!(out, "  not all figures: {} (metrics.unavailable: {why})", unmeasured(why))?;
    }
    if !report.redacted.is_empty() {
        let (taken, stretches) = (total(&report.redacted), report.redacted.len());
        let share = 100.0 * taken.0 / report.call.duration_ms.0.max(1.0);
        writeln!(out, "  redacted: {:.1} s in {stretches} stretches ({share:.1} % of the call)", taken.seconds())?;
    }
    if let Some(folder) = &args.output {
        for output in &report.outputs {
            writeln!(out, "{}: {}", output.kind, shown(&folder.join(&output.path)))?;
        }
        writeln!(out, "report: {}", shown(&folder.join("report.json")))?;
        if !args.no_page {
            writeln!(out, "page: {}", shown(&folder.join("report.html")))?;
        }
        if args.peaks.is_some() {
            writeln!(out, "peaks: {}", shown(&folder.join("peaks.json")))?;
        }
        if let Some(path) = &args.vcon {
            writeln!(out, "vcon: {}", shown(path))?;
        }
        for format in &args.labels {
            writeln!(out, "labels: {}", shown(&folder.join(format.file_name())))?;
        }
    }
    Ok(())
}
