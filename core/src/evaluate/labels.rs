//! The caller's labels of calls: tags and outcomes by file name.

use std::collections::BTreeMap;
use std::path::Path;

use crate::call::{Outcome, Tag};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::files::read_text;
use crate::report::Report;

use super::rate::Share;
use super::switch::switches;
use super::tally::LabelScore;

/// Largest label file in bytes.
const MAX_LABELS: u64 = 64 << 20;

/// The true tag and outcome of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallLabel {
    /// The tag.
    pub tag: Tag,
    /// The outcome, if known.
    pub outcome: Option<Outcome>,
}

impl CallLabel {
    /// Creates a label.
    pub const fn new(tag: Tag, outcome: Option<Outcome>) -> Self {
        Self { tag, outcome }
    }
}

/// Reads labels: lines of `file,tag` or `file,tag,outcome`, with or without a head that says so.
/// `file` is a path within the folder of the calls.
///
/// # Errors
/// `io`, and `invalid_argument` for a line that is none, a second label of a call, and no label at
/// all.
pub fn read_labels(path: impl AsRef<Path>) -> Result<BTreeMap<String, CallLabel>> {
    let path = path.as_ref();
    let text = read_text(path, MAX_LABELS, Stage::Config)?;
    let lines = text.lines().enumerate().filter(|(i, line)| !line.trim().is_empty() && !is_head(*i, line));
    let mut labels = BTreeMap::new();
    for (i, line) in lines {
        let (file, label) = label(line).ok_or_else(|| refused(path, i + 1, line))?;
        if labels.insert(file.clone(), label).is_some() {
            return Err(wrong(path, format!("line {} of the labels", i + 1))
                .with_mismatch(format!("a second label of {file}"), "one label for a call"));
        }
    }
    if labels.is_empty() {
        return Err(wrong(path, "labels".to_owned()).with_mismatch("no label", "lines of file,tag"));
    }
    Ok(labels)
}

fn is_head(line: usize, text: &str) -> bool {
    line == 0 && text.trim_start_matches('\u{feff}').starts_with("file,tag")
}

fn refused(path: &Path, line: usize, text: &str) -> Error {
    let tags: Vec<&str> = Tag::ALL.iter().map(|tag| tag.name()).collect();
    wrong(path, format!("line {line} of the labels"))
        .with_mismatch(text, format!("file,tag or file,tag,outcome with a tag of {}", tags.join(", ")))
}

fn wrong(path: &Path, what: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, Stage::Config, what).in_input(path.display().to_string())
}

fn label(line: &str) -> Option<(String, CallLabel)> {
    let fields: Vec<&str> = line.trim().split(',').map(str::trim).collect();
    let (file, tag, outcome) = match *fields.as_slice() {
        [file, tag] => (file, tag, None),
        [file, tag, outcome] => (file, tag, Some(Outcome::from_name(outcome)?)),
        _ => return None,
    };
    (!file.is_empty()).then_some((file.to_owned(), CallLabel::new(Tag::from_name(tag)?, outcome)))
}

/// An undisturbed call's label, and what was heard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Labelled {
    label: CallLabel,
    tag: Tag,
    outcome: Outcome,
}

impl Labelled {
    pub(super) fn new(label: CallLabel, report: &Report) -> Self {
        Self { label, tag: report.tag.value, outcome: report.outcome.value }
    }
}

/// Counts the labels that were met; `None` of none.
pub(super) fn score(calls: &[Labelled]) -> Option<LabelScore> {
    let outcomes = calls.iter().filter_map(|call| Some(call.label.outcome? == call.outcome));
    (!calls.is_empty()).then(|| LabelScore {
        tag: Share::of(calls.iter().map(|call| call.label.tag == call.tag)),
        outcome: Share::of(outcomes),
        changed: switches(calls.iter().map(|call| (call.label.tag.name(), call.tag.name()))),
    })
}
