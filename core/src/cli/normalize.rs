//! `callweave normalize`: converts each recording to WAV at one rate and level.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Layout;
use crate::decode::Input;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::files::refuse_overwriting;
use crate::process::{NormalizeOptions, normalize};
use crate::run::RunOptions;

use super::args::{NormalizeArgs, set};
use super::progress::watched;
use super::{DONE, FAILED, Stop, Streams, shown};

pub(super) fn run(args: NormalizeArgs, streams: &mut Streams, run: &RunOptions) -> Result<u8, Stop> {
    let targets = targets(&args.files, &args.output)?;
    let mut options = NormalizeOptions::default();
    set(&mut options.rate, args.sound.rate);
    set(&mut options.level, args.sound.level);
    set(&mut options.decode.stereo, args.sound.stereo);
    set(&mut options.decode.assumed_mp3_delay, args.sound.mp3_delay);
    set(&mut options.decode.downsample_hz, args.sound.downsample.map(Some));
    options.layout = if args.mono { Layout::Mono } else { Layout::Split };
    let folder = |e| Error::io(Stage::Export, e).in_input(args.output.display().to_string());
    fs::create_dir_all(&args.output).map_err(folder)?;
    let mut status = DONE;
    for (file, target) in args.files.iter().zip(targets) {
        match one(file, &target, &options, streams, run) {
            Ok(gain) => writeln!(streams.out, "{} → {} ({gain:+.1} dB)", shown(file), shown(&target))?,
            Err(error) => {
                streams.note("error", &error);
                status = FAILED;
                if error.kind() == ErrorKind::Cancelled {
                    break;
                }
            }
        }
    }
    Ok(status)
}

fn one(file: &Path, target: &Path, options: &NormalizeOptions, streams: &mut Streams, run: &RunOptions) -> Result<f64> {
    let (run, _bar) = watched(run);
    let normalized = normalize(Input::path(file), options, &run)?;
    normalized.write(target, &run)?;
    for warning in &normalized.source.warnings {
        streams.note("warning", format_args!("{}: {warning}", file.display()));
    }
    Ok(normalized.gain.0)
}

/// Returns the output file of each recording. Fails, before any work, if two would be the same, or
/// one would overwrite its input.
fn targets(files: &[PathBuf], folder: &Path) -> Result<Vec<PathBuf>> {
    let mut taken = HashSet::new();
    let target = |file: &PathBuf| {
        let refuse = |what| {
            let error = Error::new(ErrorKind::InvalidArgument, Stage::Config, what);
            Err(error.in_input(file.display().to_string()))
        };
        let Some(stem) = file.file_stem() else { return refuse("the path has no file name") };
        let mut name = stem.to_os_string();
        name.push(".wav");
        let target = folder.join(name);
        refuse_overwriting(&target, [file])?;
        if !taken.insert(target.clone()) {
            return refuse("two inputs have the same output name: rename one");
        }
        Ok(target)
    };
    files.iter().map(target).collect()
}
