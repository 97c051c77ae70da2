//! `callweave peaks`: writes a recording's waveform as numbers.

use std::fs;

use crate::config::DecodeOptions;
use crate::decode::Input;
use crate::error::{Error, ErrorKind, Stage};
use crate::export::{peaks, write_peaks};
use crate::run::RunOptions;

use super::args::PeaksArgs;
use super::progress::watched;
use super::{DONE, Stop, Streams, shown};

pub(super) fn run(args: &PeaksArgs, streams: &mut Streams, run: &RunOptions) -> Result<u8, Stop> {
    let (run, _bar) = watched(run);
    let made = peaks(Input::path(&args.file), args.points, &DecodeOptions::default(), &run)?;
    let Some(target) = &args.output else {
        write!(streams.out, "{}", made.to_json(args.bits))?;
        return Ok(DONE);
    };
    if fs::canonicalize(target).is_ok_and(|t| fs::canonicalize(&args.file).is_ok_and(|f| f == t)) {
        let error = Error::new(ErrorKind::InvalidArgument, Stage::Config, "the output would overwrite the input");
        return Err(error.in_input(args.file.display().to_string()).into());
    }
    write_peaks(target, &made, args.bits)?;
    let (channels, each) = (made.channels().len(), made.samples_per_point());
    writeln!(streams.out, "{}: {} points of {each} samples, {channels} channels", shown(target), made.len())?;
    Ok(DONE)
}
