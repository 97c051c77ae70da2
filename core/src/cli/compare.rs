//! `callweave compare`: what changed between two folders of reports.

use std::path::{Path, PathBuf};

use crate::compare::{compare, outdated};

use super::args::CompareArgs;
use super::{DONE, FAILED, Stop, Streams};

pub(super) fn run(args: &CompareArgs, streams: &mut Streams) -> Result<u8, Stop> {
    let (json, text, unreadable) = match &args.new {
        Some(new) => {
            let found = compare(&args.old, new)?;
            let named = |folder: &Path, names: &[String]| -> Vec<PathBuf> {
                names.iter().map(|name| folder.join(name)).collect()
            };
            let unreadable = [named(&args.old, &found.unreadable_old), named(new, &found.unreadable_new)].concat();
            (found.to_json()?, found.to_text(), unreadable)
        }
        None => {
            let found = outdated(&args.old)?;
            let unreadable = found.unreadable.iter().map(|name| args.old.join(name)).collect();
            (found.to_json()?, found.to_text(), unreadable)
        }
    };
    if args.json {
        writeln!(streams.out, "{json}")?
    } else {
        streams.out.write_all(text.as_bytes())?
    }
    for path in &unreadable {
        streams.note("error", format_args!("{}: a report that cannot be read", path.display()));
    }
    Ok(if unreadable.is_empty() { DONE } else { FAILED })
}
