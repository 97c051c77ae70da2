//! Joins the recordings of a document with their audio: files in a folder, or audio that the caller
//! holds under names.

use std::path::{Component, Path, PathBuf};

use super::names::{holds_word, last_segment, stem, url_file_name};
use super::{CallDescription, Recording, State};
use crate::call::Leg;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};

/// The minimum length of an id that is searched within longer names. Shorter ids would match too
/// many names by chance.
const MIN_WORD: usize = 6;

/// Audio that belongs to a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundAudio<T> {
    /// The index of its recording in [`CallDescription::recordings`].
    pub recording: usize,
    /// The party: the recording's leg, or the leg of one part if each part is a file.
    pub leg: Leg,
    /// The audio: a path, or the caller's value.
    pub audio: T,
}

/// A recording without its audio.
#[derive(Debug)]
pub struct MissingAudio {
    /// The index of the recording in [`CallDescription::recordings`].
    pub recording: usize,
    /// The reason: `io` (no such file), `provider` (the provider has no audio), `invalid_argument`
    /// (several files match).
    pub error: Error,
}

/// The result of [`locate`] or [`CallDescription::attach`].
#[derive(Debug)]
pub struct AudioMatch<T> {
    /// The audio in the order of the recordings. A recording of several files has several entries.
    pub found: Vec<FoundAudio<T>>,
    /// The recordings without audio. A recording whose audio is inside its document is in neither
    /// list.
    pub missing: Vec<MissingAudio>,
    /// The audio that belongs to no recording, with its name. Empty after [`locate`].
    pub unused: Vec<(String, T)>,
    /// Doubtful results.
    pub warnings: Vec<Warning>,
}

/// Finds the recordings' files in the folder of their document: by path (manifest), by the file
/// name of the URL, or by the recording's id. Never opens files elsewhere, whatever the document or
/// a symbolic link says.
///
/// # Errors
/// `io` if the folder cannot be read, `invalid_argument` with path and folder for a file outside
/// it. A recording whose file is missing is not an error: it is listed in [`AudioMatch::missing`].
pub fn locate(call: &CallDescription, folder: impl AsRef<Path>) -> Result<AudioMatch<PathBuf>> {
    let folder = folder.as_ref();
    let unreadable = |e| Error::io(Stage::Provider, e).in_input(folder.display().to_string());
    let root = folder.canonicalize().map_err(unreadable)?;
    let by_path = call.recordings.iter().all(|r| r.path.is_some());
    let names = if by_path { Vec::new() } else { list(&root).map_err(unreadable)? };
    let mut matched = AudioMatch::default();
    for (recording, (asked, choice)) in
        call.recordings.iter().zip(choose(&call.recordings, &names, ErrorKind::Io)).enumerate()
    {
        let files = match &asked.path {
            Some(path) => Ok(vec![(path.as_str(), asked.leg.clone())]),
            None => choice.map(|chosen| {
                chosen.into_iter().filter_map(|(at, leg)| Some((names.get(at)?.as_str(), leg))).collect()
            }),
        };
        match files {
            Err(error) => matched.missing.push(MissingAudio { recording, error }),
            Ok(files) => {
                for (path, leg) in files {
                    match inside(Path::new(path), &root, folder)? {
                        Ok(audio) => matched.found.push(FoundAudio { recording, leg, audio }),
                        Err(error) => matched.missing.push(MissingAudio { recording, error }),
                    }
                }
            }
        }
    }
    matched.note_states(&call.recordings);
    Ok(matched)
}

impl CallDescription {
    /// Joins the recordings with audio that the caller holds. Each audio is named by its
    /// recording's id, its URL or its file name.
    pub fn attach<T>(&self, audio: impl IntoIterator<Item = (String, T)>) -> AudioMatch<T> {
        let (keys, mut held): (Vec<String>, Vec<Option<T>>) =
            audio.into_iter().map(|(key, value)| (key, Some(value))).unzip();
        let names: Vec<String> =
            keys.iter().map(|key| if key.contains("://") { last_segment(key) } else { key.clone() }).collect();
        let mut matched = AudioMatch::default();
        for (recording, choice) in choose(&self.recordings, &names, ErrorKind::InvalidArgument).into_iter().enumerate()
        {
            match choice {
                Err(error) => matched.missing.push(MissingAudio { recording, error }),
                Ok(chosen) => {
                    for (at, leg) in chosen {
                        let audio = held.get_mut(at).and_then(Option::take);
                        matched.found.extend(audio.map(|audio| FoundAudio { recording, leg, audio }));
                    }
                }
            }
        }
        matched.unused = keys.into_iter().zip(held).filter_map(|(key, value)| Some((key, value?))).collect();
        matched.note_states(&self.recordings);
        matched
    }
}

impl<T> Default for AudioMatch<T> {
    fn default() -> Self {
        Self { found: Vec::new(), missing: Vec::new(), unused: Vec::new(), warnings: Vec::new() }
    }
}

impl<T> AudioMatch<T> {
    /// Converts the audio of this result, found and unused.
    pub fn map<U>(self, audio: impl Fn(T) -> U) -> AudioMatch<U> {
        let found = self.found.into_iter();
        AudioMatch {
            found: found.map(|f| FoundAudio { recording: f.recording, leg: f.leg, audio: audio(f.audio) }).collect(),
            missing: self.missing,
            unused: self.unused.into_iter().map(|(name, value)| (name, audio(value))).collect(),
            warnings: self.warnings,
        }
    }

    /// Adds a warning for audio that exists although the document says otherwise.
    fn note_states(&mut self, recordings: &[Recording]) {
        for found in &self.found {
            let Some(recording) = recordings.get(found.recording) else { continue };
            if matches!(recording.state, State::Pending | State::Failed) {
                let message =
                    format!("recording {} is {} by its document, but here it is", recording.label(), recording.state);
                self.warnings.push(Warning::new("state_not_ready", message));
            }
        }
    }
}

/// The file extensions of documents.
const DOCUMENTS: [&str; 3] = ["json", "vcon", "xml"];

/// Returns `true` if a file has the extension of a document.
pub(crate) fn is_document_name(path: &Path) -> bool {
    path.extension().is_some_and(|ending| DOCUMENTS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// Returns the names of the regular files of a folder, and of links to such files, sorted, without
/// the documents.
fn list(root: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in root.read_dir()? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let document = is_document_name(Path::new(&name));
        if !document && !entry.file_type()?.is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Resolves a path relative to the root. The outer error means that the path leaves the root, so
/// the document is not trusted. The inner error means that there is no such file.
fn inside(path: &Path, root: &Path, folder: &Path) -> Result<Result<PathBuf>> {
    let outside = || {
        Error::new(ErrorKind::InvalidArgument, Stage::Provider, "the path leaves its folder")
            .with_mismatch(path.display(), format!("a file inside {}", folder.display()))
    };
    if leaves(path) {
        return Err(outside());
    }
    let missing = |e| Ok(Err(Error::io(Stage::Provider, e).in_input(path.display().to_string())));
    let resolved = match root.join(path).canonicalize() {
        Ok(resolved) => resolved,
        Err(e) => return missing(e),
    };
    if !resolved.starts_with(root) {
        return Err(outside());
    }
    if resolved.is_dir() {
        let error = Error::new(ErrorKind::InvalidArgument, Stage::Provider, "not a recording");
        return Ok(Err(error.with_mismatch("a folder", "a file").in_input(path.display().to_string())));
    }
    Ok(Ok(folder.join(path)))
}

/// Returns `true` if the text of a path is absolute or climbs above its start.
fn leaves(path: &Path) -> bool {
    let mut depth = 0i64;
    path.components().any(|part| {
        match part {
            Component::Normal(_) => depth += 1,
            Component::ParentDir => depth -= 1,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => depth = i64::MIN / 2,
        }
        depth < 0
    })
}

/// Returns for each recording the names of its audio, with the leg in each. A name belongs to the
/// recording that it matches best. A name that matches several recordings equally well belongs to
/// none.
fn choose(recordings: &[Recording], names: &[String], none: ErrorKind) -> Vec<Result<Vec<(usize, Leg)>>> {
    let candidates: Vec<Candidates> = recordings.iter().map(|r| Candidates::of(r, names)).collect();
    // For each name: how loosely it matches at best, and how many recordings it matches in that
    // way.
    let mut claims: Vec<(u8, usize)> = vec![(u8::MAX, 0); names.len()];
    for (at, looseness) in candidates.iter().flat_map(|c| c.names.iter().map(|at| (*at, c.looseness))) {
        match claims.get_mut(at) {
            Some(claim) if looseness < claim.0 => *claim = (looseness, 1),
            Some(claim) if looseness == claim.0 => claim.1 += 1,
            _ => {}
        }
    }
    let claim = |at: &usize| claims.get(*at).copied().unwrap_or_default();
    let mut chosen = Vec::with_capacity(recordings.len());
    for (recording, own) in recordings.iter().zip(&candidates) {
        let left: Vec<usize> = own.names.iter().copied().filter(|at| claim(at).0 == own.looseness).collect();
        let named: Vec<&str> = left.iter().filter_map(|at| names.get(*at)).map(String::as_str).collect();
        chosen.push(if recording.inline.is_some() {
            Ok(Vec::new())
        } else if left.is_empty() {
            Err(nothing(recording, names.len(), none))
        } else if left.iter().any(|at| claim(at).1 > 1) {
            Err(ambiguous(recording, "a name that several recordings match"))
        } else {
            legs(recording, &named).map(|legs| left.into_iter().zip(legs).collect())
        });
    }
    chosen
}

/// Returns the leg in each of a recording's files. Several files must be its parts, each a
/// different one; otherwise there are too many.
fn legs(recording: &Recording, names: &[&str]) -> Result<Vec<Leg>> {
    let parts: Vec<Option<&Leg>> = names.iter().map(|name| recording.leg_of_file(name)).collect();
    let distinct = |(at, leg): (usize, &Option<&Leg>)| leg.is_some() && parts.iter().take(at).all(|other| other != leg);
    if names.len() > 1 && !parts.iter().enumerate().all(distinct) {
        return Err(ambiguous(recording, &names.join(", ")));
    }
    Ok(parts.into_iter().map(|part| part.unwrap_or(&recording.leg).clone()).collect())
}

/// The names that match a recording, and how loosely they match.
struct Candidates {
    names: Vec<usize>,
    looseness: u8,
}

impl Candidates {
    /// Returns the names that match best. The order is: a path or the URL's file name, an id, a
    /// URL's file name without extension, an id inside a longer name.
    fn of(recording: &Recording, names: &[String]) -> Self {
        if recording.inline.is_some() {
            return Self { names: Vec::new(), looseness: u8::MAX };
        }
        let files: Vec<String> = recording.urls.iter().filter_map(|url| url_file_name(url)).collect();
        let ids: Vec<&str> = recording.leg.recording_id.iter().chain(&recording.aliases).map(String::as_str).collect();
        let paths: Vec<&str> = recording.path.iter().map(String::as_str).collect();
        let by_path = paths.iter().map(|path| (0, MatchRule::Path, *path));
        let by_file = files.iter().map(|file| (0, MatchRule::Name, file.as_str()));
        let by_id = ids.iter().map(|id| (1, MatchRule::Id, *id));
        let by_stem = files.iter().map(|file| (2, MatchRule::Stem, file.as_str()));
        let by_word = ids.iter().filter(|id| id.len() >= MIN_WORD).map(|id| (3, MatchRule::Word, *id));
        for (looseness, test, text) in by_path.chain(by_file).chain(by_id).chain(by_stem).chain(by_word) {
            let matching = names.iter().enumerate().filter(|(_, name)| test.holds(name, text));
            let names: Vec<usize> = matching.map(|(at, _)| at).collect();
            if !names.is_empty() {
                return Self { names, looseness };
            }
        }
        Self { names: Vec::new(), looseness: u8::MAX }
    }
}

/// The way in which a name is compared with a recording.
#[derive(Clone, Copy)]
enum MatchRule {
    Path,
    Name,
    Id,
    Stem,
    Word,
}

impl MatchRule {
    fn holds(self, name: &str, text: &str) -> bool {
        match self {
            Self::Path => name == text || name == last_segment(text),
            Self::Name => name == text,
            Self::Id => name == text || stem(name) == text,
            Self::Stem => stem(name) == stem(text),
            Self::Word => holds_word(name, text),
        }
    }
}

fn nothing(recording: &Recording, others: usize, kind: ErrorKind) -> Error {
    let error = match recording.state {
        State::Pending => Error::new(ErrorKind::Provider, Stage::Provider, "the recording is not complete yet"),
        State::Failed => Error::new(ErrorKind::Provider, Stage::Provider, "the provider failed to make the recording"),
        State::Ready | State::Unknown => Error::new(kind, Stage::Provider, "no audio for the recording")
            .with_mismatch(format!("{others} other names"), "its id or the file name of its URL"),
    };
    error.in_input(recording.label())
}

fn ambiguous(recording: &Recording, found: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, Stage::Provider, "the recording's audio is ambiguous")
        .with_mismatch(found, "one name that is its own")
        .in_input(recording.label())
}

#[cfg(all(test, feature = "providers"))]
mod tests;
