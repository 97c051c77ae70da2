//! `callweave calibrate`: an evaluation to a profile.

use crate::error::{Error, Stage};
use crate::evaluate::{Evaluation, calibrate};
use crate::export::write_text;
use crate::files::{read_text, refuse_overwriting};

use super::args::CalibrateArgs;
use super::{DONE, Stop, Streams, shown};

/// The most bytes of an evaluation.
const MAX_EVALUATION: u64 = 16 << 20;

pub(super) fn run(args: &CalibrateArgs, streams: &mut Streams) -> Result<u8, Stop> {
    let named = |e: Error| e.in_input(args.evaluation.display().to_string());
    if let Some(path) = &args.output {
        refuse_overwriting(path, [&args.evaluation])?;
    }
    let text = read_text(&args.evaluation, MAX_EVALUATION, Stage::Config).map_err(named)?;
    let profile = Evaluation::from_json(&text).and_then(|found| calibrate(&args.name, &found)).map_err(named)?;
    let json = profile.to_json()?;
    match &args.output {
        None => writeln!(streams.out, "{json}")?,
        Some(path) => {
            write_text(path, &format!("{json}\n"))?;
            writeln!(streams.out, "profile {}: {}", profile.name(), shown(path))?;
        }
    }
    Ok(DONE)
}
