//! `callweave evaluate`: how well the caller's own calls are heard, as counts.

use crate::call::Role;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::evaluate::{Disturbance, EvaluateOptions, audio_files, evaluate_counted, read_labels};
use crate::export::write_text;
use crate::files::refuse_overwriting;
use crate::run::RunOptions;

use super::args::{EvaluateArgs, config_of};
use super::progress::Counted;
use super::{DONE, Stop, Streams, shown};

pub(super) fn run(args: &EvaluateArgs, streams: &mut Streams, run: &RunOptions) -> Result<u8, Stop> {
    let config = config_of(args.config.as_deref(), args.profile.as_deref())?;
    if let Some(path) = &args.output {
        refuse_overwriting(path, audio_files(&args.folder)?)?;
        refuse_overwriting(path, args.files())?;
    }
    let (options, mut run) = (options(args)?, run.clone());
    run.threads = args.threads.map(usize::from).or(run.threads);
    let mut bar = None;
    let found = evaluate_counted(&args.folder, &options, &config, &run, |_, count| {
        bar.get_or_insert_with(|| Counted::new(count as u64)).advance();
    });
    drop(bar);
    let found = found?;
    let json = found.to_json()?;
    if let Some(path) = &args.output {
        write_text(path, &format!("{json}\n"))?;
    }
    if args.json {
        writeln!(streams.out, "{json}")?;
        return Ok(DONE);
    }
    streams.out.write_all(found.to_text().as_bytes())?;
    if let Some(path) = &args.output {
        writeln!(streams.out, "counts: {}", shown(path))?;
    }
    Ok(DONE)
}

fn options(args: &EvaluateArgs) -> Result<EvaluateOptions> {
    let labels = args.labels.as_ref().map(read_labels).transpose()?.unwrap_or_default();
    let kinds = if args.kinds.is_empty() { Disturbance::ALL.to_vec() } else { args.kinds.clone() };
    Ok(EvaluateOptions { seed: args.seed, kinds, roles: roles(&args.roles)?, labels })
}

fn roles(given: &[Role]) -> Result<[Role; 2]> {
    match *given {
        [] => Ok([Role::Unknown; 2]),
        [first, second] => Ok([first, second]),
        _ => Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "number of roles")
            .with_mismatch(given.len(), "two, one for each channel")),
    }
}
