//! `callweave peaks`: writes a recording's waveform as numbers.

use crate::config::DecodeOptions;
use crate::decode::Input;
use crate::export::{peaks, write_peaks};
use crate::files::refuse_overwriting;
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
    refuse_overwriting(target, [&args.file])?;
    write_peaks(target, &made, args.bits)?;
    let (channels, each) = (made.channels().len(), made.samples_per_point());
    writeln!(streams.out, "{}: {} points of {each} samples, {channels} channels", shown(target), made.len())?;
    Ok(DONE)
}
