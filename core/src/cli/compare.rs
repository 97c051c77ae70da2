//! `callweave compare`: what changed between two folders of reports.

use std::path::{Path, PathBuf};

use crate::compare::{UnreadableReport, compare, outdated};

use super::args::CompareArgs;
use super::{DONE, FAILED, Stop, Streams};

pub(super) fn run(args: &CompareArgs, streams: &mut Streams) -> Result<u8, Stop> {
    let (json, text, unreadable) = match &args.new {
        Some(new) => {
            let found = compare(&args.old, new)?;
            let unreadable = [named(&args.old, &found.unreadable_old), named(new, &found.unreadable_new)].concat();
            (found.to_json()?, found.to_text(), unreadable)
        }
        None => {
            let found = outdated(&args.old)?;
            (found.to_json()?, found.to_text(), named(&args.old, &found.unreadable))
        }
    };
    if args.json {
        writeln!(streams.out, "{json}")?
    } else {
        streams.out.write_all(text.as_bytes())?
    }
    for (path, reason) in &unreadable {
        streams.note("error", format_args!("{}: a report that cannot be read: {reason}", path.display()));
    }
    Ok(if unreadable.is_empty() { DONE } else { FAILED })
}

/// The paths of a folder's reports that cannot be read, with the reasons.
fn named(folder: &Path, reports: &[UnreadableReport]) -> Vec<(PathBuf, String)> {
    reports.iter().map(|told| (folder.join(&told.report), told.reason.clone())).collect()
}
