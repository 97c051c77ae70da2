//! What a call is made of: its description and its recordings, from the caller's hands or from a document on disk.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::call::{Call, Leg, Role};
use crate::decode::Input;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::provider::{self, Described, Recording};

/// The most bytes of a document that describes a call.
const MAX_DOCUMENT: u64 = 16 << 20;

/// One track's recording, or why there is none.
#[derive(Debug)]
pub enum Given {
    /// A recording to be read: a file, or an archive of files.
    Input {
        /// The bytes, and whose they are.
        input: Input,
        /// What its document says of it: who is on which channel, who in which file of an archive.
        described: Option<Box<Recording>>,
    },
    /// A recording that the call's document names and that cannot be had.
    Missing {
        /// Whose it is.
        leg: Leg,
        /// Why it cannot be had.
        error: Error,
    },
}

/// A call to be processed.
#[derive(Debug, Default)]
pub struct CallInput {
    /// What is known of the call besides its audio.
    pub call: Call,
    /// Its recordings.
    pub recordings: Vec<Given>,
    /// Who is heard on the tracks, in order; empty: as the recordings say. A recording with two channels is two tracks.
    pub roles: Vec<Role>,
    /// What was wrong with the document that described the call.
    pub warnings: Vec<Warning>,
}

impl From<Vec<Input>> for CallInput {
    fn from(inputs: Vec<Input>) -> Self {
        let given = |input| Given::Input { input, described: None };
        Self { recordings: inputs.into_iter().map(given).collect(), ..Self::default() }
    }
}

impl CallInput {
    /// A call from files: recordings, or one document (a manifest or a provider's JSON) with its audio beside it.
    ///
    /// # Errors
    /// `invalid_argument` for a document among other files, and those of [`CallInput::from_document`].
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        let documents = paths.iter().filter(|path| is_document(path)).count();
        match paths {
            [document] if documents == 1 => Self::from_document(document),
            _ if documents == 0 => Ok(paths.iter().map(Input::path).collect::<Vec<_>>().into()),
            _ => Err(Error::new(
                ErrorKind::InvalidArgument,
                Stage::Config,
                "a document describes a whole call by itself",
            )
            .found(format!("{documents} documents among {} inputs", paths.len()), "one document, or recordings alone")),
        }
    }

    /// A call from a manifest or a provider's document, with the audio in the document's folder.
    ///
    /// # Errors
    /// `io` where the document cannot be read, what [`provider::read`] says of it, `invalid_argument` where a recording
    /// lies outside the folder.
    pub fn from_document(path: &Path) -> Result<Self> {
        let named = |e: Error| e.in_input(path.display().to_string());
        let described = provider::read(&read_document(path)?).map_err(named)?;
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        Self::from_described(described, folder).map_err(named)
    }

    /// A described call with the audio in a folder.
    ///
    /// # Errors
    /// As [`provider::locate`].
    pub fn from_described(described: Described, folder: &Path) -> Result<Self> {
        let matched = provider::locate(&described, folder)?;
        let found = matched.found.into_iter().map(|f| {
            let described = described.recordings.get(f.recording).cloned().map(Box::new);
            (f.recording, Given::Input { input: Input::path(f.audio).leg(f.leg), described })
        });
        let leg_of = |i: usize| described.recordings.get(i).map(|r| r.leg.clone()).unwrap_or_default();
        let missing = matched.missing.into_iter().map(|m| {
            let given = Given::Missing { leg: leg_of(m.recording), error: m.error };
            (m.recording, given)
        });
        let mut all: Vec<(usize, Given)> = found.chain(missing).collect();
        all.sort_by_key(|(recording, _)| *recording);
        let mut warnings = described.warnings;
        warnings.extend(matched.warnings);
        let recordings = all.into_iter().map(|(_, given)| given).collect();
        Ok(Self { call: described.call, recordings, roles: Vec::new(), warnings })
    }

    /// The same call with other roles.
    #[must_use]
    pub fn with_roles(mut self, roles: Vec<Role>) -> Self {
        self.roles = roles;
        self
    }
}

/// Whether a file is called JSON and begins like it. Content decides about audio: JSON saved as `.mp3` is a recording
/// that failed to arrive, and is told so.
fn is_document(path: &Path) -> bool {
    let mut head = [0; 64];
    let read = fs::File::open(path).and_then(|mut file| file.read(&mut head)).unwrap_or(0);
    let text = String::from_utf8_lossy(&head[..read]);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let called_json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    called_json && (text.is_empty() || text.starts_with(['{', '[']))
}

fn read_document(path: &Path) -> Result<String> {
    let named = |e: Error| e.in_input(path.display().to_string());
    let size = fs::metadata(path).map_err(|e| named(Error::io(Stage::Input, e)))?.len();
    if size > MAX_DOCUMENT {
        return Err(named(
            Error::new(ErrorKind::LimitExceeded, Stage::Provider, "a document larger than the limit")
                .found(format!("{size} bytes"), format!("at most {MAX_DOCUMENT}")),
        ));
    }
    let bytes = fs::read(path).map_err(|e| named(Error::io(Stage::Input, e)))?;
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to() as u64;
        named(Error::new(ErrorKind::Malformed, Stage::Provider, "not text in UTF-8").at_byte(at))
    })
}
