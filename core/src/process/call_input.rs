//! The input of a call: its description and its recordings, from the caller or from a document on
//! disk.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::call::{Call, Fact, KnownOffset, Leg, Role};
use crate::config::{Config, Profile};
use crate::decode::Input;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::files::read_text;
use crate::provider::{self, AudioMatch, CallDescription, Options, Recording};
use crate::vad::CustomDetector;

/// Largest document that describes a call, in bytes.
const MAX_DOCUMENT: u64 = 16 << 20;

/// One track's recording, or the reason why there is none.
#[derive(Debug)]
pub enum RecordingSource {
    /// A recording to read: a file, or an archive of files.
    Input {
        /// The bytes and their leg.
        input: Input,
        /// What the document says about it: the party on each channel, or in each file of an
        /// archive.
        described: Option<Box<Recording>>,
    },
    /// A recording that the document names but that is not available.
    Missing {
        /// Whose recording it is.
        leg: Leg,
        /// Why it is not available.
        error: Error,
    },
}

impl RecordingSource {
    /// Returns `true` if the bytes come from a reader, which may block its thread.
    pub(super) fn is_reader(&self) -> bool {
        matches!(self, Self::Input { input, .. } if input.is_reader())
    }
}

/// A call to process: its recordings, and what is known about it.
#[derive(Debug, Default)]
pub struct CallInput {
    /// What is known about the call besides its audio.
    pub call: Call,
    /// Its recordings.
    pub recordings: Vec<RecordingSource>,
    /// The role of each track, in order. If empty, roles come from the recordings. A recording with
    /// two channels is two tracks.
    pub roles: Vec<Role>,
    /// Warnings about the document that described the call.
    pub warnings: Vec<Warning>,
    /// The speech detector. `None` uses the configuration's.
    pub detector: Option<CustomDetector>,
    /// The document's file, if it is one. Outputs never overwrite it.
    pub document: Option<PathBuf>,
}

impl From<Vec<Input>> for CallInput {
    fn from(inputs: Vec<Input>) -> Self {
        let given = |input| RecordingSource::Input { input, described: None };
        Self { recordings: inputs.into_iter().map(given).collect(), ..Self::default() }
    }
}

impl CallInput {
    /// Opens a call from files.
    ///
    /// `paths` are recordings, or one recording whose name describes it (3CX), or one document (a
    /// manifest or a provider's JSON) next to its audio.
    ///
    /// ```
    /// use callweave::{CallInput, Config, RunOptions, analyze};
    ///
    /// let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures");
    /// let call = CallInput::open(&[format!("{folder}/tencent-dual/pushes.json")])?;
    /// let report = analyze(call, &Config::default(), &RunOptions::default())?;
    /// assert_eq!(report.tracks.len(), 2);
    /// # Ok::<(), callweave::Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a document together with other
    ///   files.
    /// - Those of [`CallInput::from_document`].
    pub fn open(paths: &[impl AsRef<Path>]) -> Result<Self> {
        Self::open_with(paths, &Options::default())
    }

    /// Like [`CallInput::open`], with options for what documents and names do not say.
    ///
    /// # Errors
    /// Those of [`CallInput::open`].
    pub fn open_with(paths: &[impl AsRef<Path>], options: &Options) -> Result<Self> {
        let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
        let documents = paths.iter().filter(|path| is_document(path)).count();
        match *paths {
            [document] if documents == 1 => Self::from_document(document, options),
            [file] => Self::from_file(file, options),
            _ if documents == 0 => Ok(paths.iter().map(Input::path).collect::<Vec<_>>().into()),
            _ => Err(Error::new(
                ErrorKind::InvalidArgument,
                Stage::Config,
                "a document cannot be combined with other inputs",
            )
            .with_mismatch(
                format!("{documents} documents among {} inputs", paths.len()),
                "one document, or recordings only",
            )),
        }
    }

    /// Opens one recording. A 3CX file name also describes the call.
    fn from_file(path: &Path, options: &Options) -> Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(match provider::described_by_name(&name, options)? {
            Some(described) => Self::from_attached(described, [(name, Input::path(path))]),
            None => vec![Input::path(path)].into(),
        })
    }

    /// Opens a call from a manifest or a provider's document. The audio is in the document's
    /// folder.
    ///
    /// # Errors
    /// - [`Io`](crate::ErrorKind::Io) if the document cannot be read.
    /// - [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if a recording lies outside the
    ///   folder.
    /// - Those of [`provider::read`].
    pub fn from_document(path: impl AsRef<Path>, options: &Options) -> Result<Self> {
        let path = path.as_ref();
        let named = |e: Error| e.in_input(path.display().to_string());
        let described =
            provider::read_with(&read_text(path, MAX_DOCUMENT, Stage::Provider)?, options).map_err(named)?;
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let call = Self::from_described(described, folder).map_err(named)?;
        Ok(Self { document: Some(path.to_owned()), ..call })
    }

    /// Opens a described call with its audio in a folder.
    ///
    /// # Errors
    /// Those of [`provider::locate`].
    pub fn from_described(described: CallDescription, folder: impl AsRef<Path>) -> Result<Self> {
        let matched = provider::locate(&described, folder)?;
        Ok(Self::from_matched(described, matched.map(Input::path)))
    }

    /// Creates a call from a description and audio that the caller holds.
    ///
    /// Each audio input is named by its recording's id, its URL or its file name. What an input
    /// says about itself takes precedence over the document. Audio that matches no recording is
    /// left out with a warning.
    ///
    /// ```
    /// use callweave::{CallInput, Input, provider};
    ///
    /// let pushes = r#"[{"SessionId": "s", "RecordId": "1", "EndpointUser": "+6620000000"},
    ///                  {"SessionId": "s", "RecordId": "2", "EndpointUser": "anna@example.com"}]"#;
    /// let audio = [("2", vec![0; 8]), ("1", vec![0; 8])]; // as fetched
    /// let audio = audio.map(|(id, bytes)| (id.to_owned(), Input::bytes(id, bytes)));
    /// let call = CallInput::from_attached(provider::read(pushes)?, audio);
    /// assert_eq!((call.recordings.len(), call.call.id.as_deref()), (2, Some("s")));
    /// # Ok::<(), callweave::Error>(())
    /// ```
    pub fn from_attached(described: CallDescription, audio: impl IntoIterator<Item = (String, Input)>) -> Self {
        let matched = described.attach(audio);
        Self::from_matched(described, matched)
    }

    fn from_matched(mut described: CallDescription, matched: AudioMatch<Input>) -> Self {
        let (inside, mut unchecked) = (inside(&mut described.recordings), Vec::new());
        let found = matched.found.into_iter().map(|f| {
            let recording = described.recordings.get(f.recording).cloned().map(Box::new);
            unchecked.extend(hash_unchecked(&f.audio, recording.as_deref()));
            let leg = told(f.leg, &f.audio.leg);
            (f.recording, as_said(f.audio.leg(leg), recording))
        });
        let leg_of = |i: usize| described.recordings.get(i).map(|r| r.leg.clone()).unwrap_or_default();
        let missing = matched.missing.into_iter().map(|m| {
            let given = RecordingSource::Missing { leg: leg_of(m.recording), error: m.error };
            (m.recording, given)
        });
        let mut all: Vec<(usize, RecordingSource)> = found.chain(missing).chain(inside).collect();
        all.sort_by_key(|(recording, _)| *recording);
        let mut warnings = described.warnings;
        warnings.extend(matched.warnings);
        warnings.extend(unchecked);
        warnings.extend(matched.unused.iter().map(|(name, _)| {
            Warning::new("audio_unused", format!("the audio \"{name}\" matches no recording of the document"))
        }));
        let recordings = all.into_iter().map(|(_, given)| given).collect();
        Self { call: described.call, recordings, warnings, ..Self::default() }
    }

    /// Sets the roles of the tracks, in order.
    #[must_use]
    pub fn with_roles(mut self, roles: Vec<Role>) -> Self {
        self.roles = roles;
        self
    }

    /// Sets a speech detector of your own, in place of the configuration's.
    #[must_use]
    pub fn with_detector(mut self, detector: CustomDetector) -> Self {
        self.detector = Some(detector);
        self
    }
}

impl CallInput {
    /// Sets the recordings' offsets on the call's timeline, in order. Recordings beyond the list
    /// keep theirs.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for more offsets than recordings.
    pub fn with_offsets(mut self, offsets: &[KnownOffset]) -> Result<Self> {
        if offsets.len() > self.recordings.len() {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "too many offsets")
                .with_mismatch(offsets.len(), format!("at most {} (one per recording)", self.recordings.len())));
        }
        for (recording, &offset) in self.recordings.iter_mut().zip(offsets) {
            match recording {
                RecordingSource::Missing { leg, .. } => leg.offset = Some(offset),
                RecordingSource::Input { input, .. } => input.leg.offset = Some(offset),
            }
        }
        Ok(self)
    }
}

impl CallInput {
    /// Sets what the phone system knows about the call.
    #[must_use]
    pub fn with_facts(mut self, facts: Vec<Fact>) -> Self {
        self.call.facts.extend(facts);
        self
    }

    /// Returns the configuration for this call: `config` on top of the profile that the call names.
    ///
    /// # Errors
    /// `invalid_argument` for a name that no profile has, and for a configuration with the profile
    /// of another name.
    pub(super) fn config(&self, config: &Config) -> Result<Config> {
        match (&self.call.profile, &config.profile) {
            (Some(name), None) => Profile::preset(name)?.under(config),
            (Some(name), Some(profile)) if name != profile.name() => {
                Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "two profiles for one call").with_mismatch(
                    format!("{name} of the call's document and {} of the configuration", profile.name()),
                    "one of them, or the same name",
                ))
            }
            _ => Ok(config.clone()),
        }
    }
}

/// Recordings whose audio is inside their document, which are in no folder and in nobody's hands.
fn inside(recordings: &mut [Recording]) -> Vec<(usize, RecordingSource)> {
    let one = |(at, recording): (usize, &mut Recording)| {
        let input = Input::bytes(recording.label(), recording.inline.take()?).leg(recording.leg.clone());
        Some((at, RecordingSource::Input { input, described: Some(Box::new(recording.clone())) }))
    };
    recordings.iter_mut().enumerate().filter_map(one).collect()
}

/// A recording whose audio is the one that its document vouches for.
fn as_said(input: Input, described: Option<Box<Recording>>) -> RecordingSource {
    let hashes = described.as_ref().map(|described| described.content_hash.as_slice()).unwrap_or_default();
    let checked = if hashes.is_empty() { Ok(()) } else { provider::check_content(hashes, input.read_before()) };
    match checked {
        Err(error) => RecordingSource::Missing { leg: input.leg.clone(), error: error.in_input(input.name()) },
        Ok(()) => RecordingSource::Input { input, described },
    }
}

/// Names audio that cannot be held against its document's hash, because it can be read but once.
fn hash_unchecked(input: &Input, described: Option<&Recording>) -> Option<Warning> {
    let vouched = described.is_some_and(|described| !described.content_hash.is_empty());
    (vouched && input.read_before().is_none()).then(|| {
        let why = "is a stream, which is read but once; its hash is not checked";
        Warning::new("content_hash_unchecked", format!("the audio \"{}\" {why}", input.name()))
    })
}

/// Merges what the caller and the document say about a recording. The caller takes precedence.
fn told(leg: Leg, by_caller: &Leg) -> Leg {
    Leg {
        role: if by_caller.role == Role::Unknown { leg.role } else { by_caller.role },
        party: by_caller.party.clone().or(leg.party),
        started_at: by_caller.started_at.or(leg.started_at),
        channel: by_caller.channel.or(leg.channel),
        recording_id: leg.recording_id,
        offset: by_caller.offset.or(leg.offset),
    }
}

/// Returns `true` if a file is named like a document (JSON, vCon, XML) and starts like one. Content
/// decides for audio: JSON saved as `.mp3` is a failed download, and is reported as such.
fn is_document(path: &Path) -> bool {
    // Nothing is read of anything else: a pipe cannot be read twice.
    if !provider::is_document_name(path) || !path.is_file() {
        return false;
    }
    let mut head = [0; 64];
    let read = fs::File::open(path).and_then(|mut file| file.read(&mut head)).unwrap_or(0);
    let text = String::from_utf8_lossy(head.get(..read).unwrap_or_default());
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.is_empty() || text.starts_with(['{', '[', '<'])
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const PUSHES: &str = r#"[{"SessionId": "s", "RecordId": "1", "EndpointUser": "+6620000000"},
                             {"SessionId": "s", "RecordId": "2", "EndpointUser": "anna@example.com"}]"#;

    fn roles(call: &CallInput) -> Vec<(Role, bool)> {
        let role = |given: &RecordingSource| match given {
            RecordingSource::Input { input, .. } => (input.leg.role, true),
            RecordingSource::Missing { leg, .. } => (leg.role, false),
        };
        call.recordings.iter().map(role).collect()
    }

    #[cfg(feature = "providers")]
    #[test]
    fn audio_in_hand_is_joined_by_id_and_what_is_left_over_is_named() {
        let input = |id: &str| (id.to_owned(), Input::bytes(id, [0; 8]));
        let described = || provider::read(PUSHES).unwrap();
        let call = CallInput::from_attached(described(), [input("2"), input("other")]);
        assert_eq!(roles(&call), [(Role::Customer, false), (Role::Agent, true)]);
        let codes: Vec<&str> = call.warnings.iter().map(|w| &*w.code).collect();
        assert_eq!(codes, ["audio_unused"]);
        assert!(call.warnings[0].message.contains("other"));
        let own = ("1".to_owned(), Input::bytes("1", [0; 8]).role(Role::Participant).party("x"));
        let call = CallInput::from_attached(described(), [own, input("2")]);
        assert_eq!(roles(&call), [(Role::Participant, true), (Role::Agent, true)]);
        let RecordingSource::Input { input, .. } = &call.recordings[0] else { panic!("audio was given") };
        assert_eq!((input.leg.party.as_deref(), input.leg.recording_id.as_deref()), (Some("x"), Some("1")));
    }

    #[cfg(feature = "providers")]
    #[test]
    fn a_stream_that_cannot_be_held_against_its_hash_is_named() {
        let vcon = r#"{"parties": [], "dialog": [{"type": "recording", "filename": "a.wav",
                       "content_hash": "sha256-ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"}]}"#;
        let attached = |input: Input| {
            let call = CallInput::from_attached(provider::read(vcon).unwrap(), [("a.wav".to_owned(), input)]);
            let codes: Vec<String> = call.warnings.iter().map(|warning| warning.code.to_string()).collect();
            (roles(&call)[0].1, codes)
        };
        assert_eq!(attached(Input::bytes("a.wav", *b"abc")), (true, vec![]));
        assert_eq!(attached(Input::bytes("a.wav", *b"abd")), (false, vec![]));
        let unchecked = (true, vec!["content_hash_unchecked".to_owned()]);
        assert_eq!(attached(Input::reader("a.wav", &b"abd"[..])), unchecked);
    }

    #[cfg(feature = "providers")]
    #[test]
    fn one_file_with_a_name_of_3cx_is_described_by_it() {
        let name = PathBuf::from("some/where/[Anna Lee]_0812345678-204_20260520081400(1734).wav");
        let zone = Options { local_offset_s: Some(25_200) };
        let call = CallInput::open_with(std::slice::from_ref(&name), &zone).unwrap();
        assert_eq!(call.call.provider.as_deref(), Some("threecx"));
        assert_eq!(call.call.started_at.unwrap().to_rfc3339(), "2026-05-20T08:14:00+07:00");
        assert_eq!((roles(&call), call.warnings.len()), (vec![(Role::Mixed, true)], 0));
        let RecordingSource::Input { input, .. } = &call.recordings[0] else { panic!("audio was given") };
        assert_eq!(input.name(), name.display().to_string());
        assert_eq!(&*CallInput::open(std::slice::from_ref(&name)).unwrap().warnings[0].code, "time_without_zone");
        let two = CallInput::open(&[name, PathBuf::from("other.wav")]).unwrap();
        assert_eq!(
            (two.call, roles(&CallInput::open(&["a.wav"]).unwrap())),
            (Call::default(), vec![(Role::Unknown, true)])
        );
    }
}
