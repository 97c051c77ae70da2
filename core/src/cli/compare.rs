//! `callweave compare`: what changed between two folders of reports.

use crate::compare::{compare, outdated};

use super::args::CompareArgs;
use super::{DONE, Stop, Streams};

pub(super) fn run(args: &CompareArgs, streams: &mut Streams) -> Result<u8, Stop> {
    let (json, text) = match &args.new {
        Some(new) => {
            let found = compare(&args.old, new)?;
            (found.to_json()?, found.to_text())
        }
        None => {
            let found = outdated(&args.old)?;
            (found.to_json()?, found.to_text())
        }
    };
    if args.json {
        writeln!(streams.out, "{json}")?
    } else {
        streams.out.write_all(text.as_bytes())?
    }
    Ok(DONE)
}
