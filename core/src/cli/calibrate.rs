//! `callweave calibrate`: an evaluation, reports, or both to a profile.

use std::path::Path;

use crate::config::Profile;
use crate::error::{Result, Stage};
use crate::evaluate::{Evaluation, OffsetMeasurement, calibrate, measure_offsets};
use crate::export::write_text;
use crate::files::{files_within, read_text, refuse_overwriting};
use crate::run::RunOptions;

use super::args::CalibrateArgs;
use super::{DONE, FAILED, Stop, Streams, shown};

/// The most bytes of an evaluation.
const MAX_EVALUATION: u64 = 16 << 20;

pub(super) fn run(args: &CalibrateArgs, streams: &mut Streams, run: &RunOptions) -> Result<u8, Stop> {
    if let Some(path) = &args.output {
        refuse_overwriting(path, &args.evaluation)?;
        args.reports.iter().try_for_each(|folder| refuse_overwriting(path, files_within(folder)?))?;
    }
    let fitted = args.evaluation.as_deref().map(|path| fitted(&args.name, path)).transpose()?;
    let measured = (!args.reports.is_empty()).then(|| measure_offsets(&args.reports, run)).transpose()?;
    let profile = whole(&args.name, fitted, measured.as_ref())?;
    let json = profile.to_json()?;
    match &args.output {
        None => writeln!(streams.out, "{json}")?,
        Some(path) => {
            write_text(path, &format!("{json}\n"))?;
            writeln!(streams.out, "profile {}: {}", profile.name(), shown(path))?;
            streams.out.write_all(measured.iter().map(OffsetMeasurement::to_text).collect::<String>().as_bytes())?;
        }
    }
    let unreadable = measured.map(|measured| measured.unreadable).unwrap_or_default();
    for told in &unreadable {
        streams.note("error", format_args!("{}: a report that cannot be read: {}", told.report, told.reason));
    }
    Ok(if unreadable.is_empty() { DONE } else { FAILED })
}

/// The profile that is fitted to the evaluation of a file.
fn fitted(name: &str, path: &Path) -> Result<Profile> {
    let text = read_text(path, MAX_EVALUATION, Stage::Config);
    let profile = text.and_then(|text| calibrate(name, &Evaluation::from_json(&text)?));
    profile.map_err(|e| e.in_input(path.display().to_string()))
}

/// The profile with what was measured, if anything was.
fn whole(name: &str, fitted: Option<Profile>, measured: Option<&OffsetMeasurement>) -> Result<Profile> {
    match (fitted, measured) {
        (Some(fitted), None) => Ok(fitted),
        (Some(fitted), Some(measured)) => measured.add_to(&fitted),
        (None, Some(measured)) => measured.profile(name),
        (None, None) => Profile::new(name, serde_json::Map::new()),
    }
}
