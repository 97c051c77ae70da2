//! Reads the list of a batch: one call per line, and the name of its folder.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::config::Pii;
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::files::read_text;
use crate::process::CallInput;
use crate::provider::{self, Options};

/// Largest list in bytes.
const MAX_LIST: u64 = 256 << 20;

/// Longest folder name in bytes. File systems allow 255, and a number may be appended.
const MAX_NAME: usize = 200;
/// Longest folder name in characters.
const MAX_CHARACTERS: usize = 100;

/// Common names of documents, for which the call is named after its folder instead.
const COMMON_STEMS: [&str; 5] = ["manifest", "pushes", "recordings2", "recording", "call"];

/// A call of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The trimmed line.
    pub line: String,
    /// The call's number among those of all lists, from 1.
    pub number: usize,
    /// Unique name of the call's folder.
    pub name: String,
    /// The list's folder, to which paths are relative.
    folder: PathBuf,
}

impl Entry {
    /// Opens the call.
    pub(super) fn open(&self, options: &Options) -> Result<CallInput> {
        if is_document(&self.line) {
            let described = provider::read_with(&self.line, options)?;
            return CallInput::from_described(described, &self.folder);
        }
        CallInput::open_with(&[self.folder.join(&self.line)], options)
    }
}

/// Reads the calls of lists, in order. No two calls have the same name.
pub(super) fn read_all(lists: &[PathBuf], pii: Pii) -> Result<Vec<Entry>> {
    let mut names = CallNames::default();
    let mut all = Vec::new();
    for list in lists {
        all.extend(read(list, pii, &mut names)?);
    }
    // A worker is told its call by this number.
    all.iter_mut().enumerate().for_each(|(at, entry)| entry.number = at + 1);
    Ok(all)
}

/// Reads the calls of a list.
///
/// Each line is a path relative to the list's folder (a recording, a manifest or a provider's
/// JSON), or a manifest or a provider's JSON itself. Empty lines and lines that begin with `#` are
/// ignored.
fn read(list: &Path, pii: Pii, names: &mut CallNames) -> Result<Vec<Entry>> {
    let named = |e: Error| e.in_input(list.display().to_string());
    let text = read_text(list, MAX_LIST, Stage::Input)?;
    let folder = match list.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let entries = entries(&text, folder, pii, names);
    if entries.is_empty() {
        return Err(named(Error::new(ErrorKind::InvalidArgument, Stage::Config, "the list contains no calls")));
    }
    Ok(entries)
}

/// The names of the calls' folders.
struct CallNames {
    /// In lower case, because some file systems know no other.
    taken: HashSet<String>,
    /// The last number that was appended to each name.
    numbers: HashMap<String, u64>,
}

impl Default for CallNames {
    fn default() -> Self {
        // The log's name is taken.
        Self { taken: HashSet::from(["calls.jsonl".to_owned()]), numbers: HashMap::new() }
    }
}

impl CallNames {
    /// Returns the wanted name, with a number if it is taken.
    fn free(&mut self, wanted: &str) -> String {
        let number = self.numbers.entry(wanted.to_lowercase()).or_insert(0);
        loop {
            *number += 1;
            let name = if *number == 1 { wanted.to_owned() } else { format!("{wanted}~{number}") };
            if self.taken.insert(name.to_lowercase()) {
                return name;
            }
        }
    }
}

fn entries(text: &str, folder: &Path, pii: Pii, names: &mut CallNames) -> Vec<Entry> {
    let lines = text.trim_start_matches('\u{feff}').lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let calls = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let entry = |(number, line): (usize, &str)| {
        // Names of files and ids hold telephone numbers often enough.
        let wanted = (pii == Pii::Keep).then(|| wanted(line)).flatten().unwrap_or_else(|| format!("line-{number}"));
        Entry { line: line.to_owned(), number, name: names.free(&wanted), folder: folder.to_owned() }
    };
    calls.map(entry).collect()
}

/// Returns `true` if a line is a document rather than a path. Names of 3CX recordings also begin
/// with a bracket.
fn is_document(line: &str) -> bool {
    line.starts_with('{') || line.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['{', ']']))
}

/// Returns the preferred name of a call: the id of a document, or the name of a file or, for a
/// common name, of its folder.
fn wanted(line: &str) -> Option<String> {
    if is_document(line) {
        let document: serde_json::Value = serde_json::from_str(line).ok()?;
        return plain(document.get("id").or_else(|| document.get("uuid"))?.as_str()?);
    }
    let path = Path::new(line);
    let stem = path.file_stem()?.to_string_lossy();
    let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy());
    let common = COMMON_STEMS.iter().any(|common| stem.eq_ignore_ascii_case(common));
    plain(&folder.filter(|_| common).unwrap_or(stem))
}

/// Returns a name that is valid on every file system.
fn plain(name: &str) -> Option<String> {
    let kept = |c: char| if c.is_alphanumeric() || "-_.+@() ".contains(c) { c } else { '_' };
    let mut bytes = 0;
    let fits = |c: &char| {
        bytes += c.len_utf8();
        bytes <= MAX_NAME
    };
    let name: String = name.chars().take(MAX_CHARACTERS).map(kept).take_while(fits).collect();
    let name = name.trim_matches([' ', '.']);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        entries(text, Path::new("."), Pii::Keep, &mut CallNames::default())
            .into_iter()
            .map(|entry| entry.name)
            .collect()
    }

    #[test]
    fn calls_are_named_by_file_folder_or_id() {
        let text = "\u{feff}# calls\n\n a/0001/manifest.json \nb/0002/pushes.json\nx.mp3\nmanifest.json\n{\"id\": \"rec/7\"}\n{}\n";
        assert_eq!(names(text), ["0001", "0002", "x", "manifest", "rec_7", "line-8"]);
    }

    #[test]
    fn no_two_calls_share_a_folder_and_none_leaves_the_outputs() {
        assert_eq!(names("a/x.mp3\nb/X.mp3\nx.wav\nx~2.mp3"), ["x", "X~2", "x~3", "x_2"]);
        assert_eq!(
            names("{\"id\": \"..\"}\n{\"id\": \"../../etc\"}\ncalls.jsonl.mp3"),
            ["line-1", "_.._etc", "calls.jsonl~2"]
        );
    }

    #[test]
    fn calls_of_several_lists_share_neither_folder_nor_number() {
        let folder = std::env::temp_dir().join(format!("callweave-lists-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let lists = ["a.txt", "b.txt"].map(|name| folder.join(name));
        lists.iter().for_each(|list| std::fs::write(list, "# calls\ncall.wav\nother.wav\n").unwrap());
        let calls = read_all(&lists, Pii::Keep).unwrap();
        let told: Vec<_> = calls.iter().map(|call| (call.number, call.name.as_str())).collect();
        assert_eq!(told, [(1, "call"), (2, "other"), (3, "call~2"), (4, "other~2")]);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn eighty_thousand_calls_of_one_name_are_named_in_one_go() {
        let text: String = (0..80_000).map(|i| format!("{i}/x.mp3\n")).collect();
        let names = names(&text);
        assert_eq!((names[0].as_str(), names[79_999].as_str()), ("x", "x~80000"));
    }

    #[test]
    fn a_bracket_may_begin_the_name_of_a_file() {
        assert!(!is_document("[Anna Lee]_0812345678-204_20260520081400(1734).wav"));
        assert!(is_document("[ {\"id\": 1}]") && is_document("[]") && is_document("{}"));
        assert_eq!(names("[Anna Lee]_1-2_20260520081400(1734).wav"), ["_Anna Lee__1-2_20260520081400(1734)"]);
    }

    #[test]
    fn a_name_fits_where_files_are() {
        let long = names(&"語".repeat(150));
        assert!(long[0].len() <= MAX_NAME && long[0].starts_with('語'), "{}", long[0].len());
    }

    #[test]
    fn names_say_nothing_where_they_shall_not() {
        let entries = entries("# x\n+66812345678.mp3", Path::new("lists"), Pii::Drop, &mut CallNames::default());
        assert_eq!((entries.len(), entries[0].name.as_str()), (1, "line-2"));
    }
}
