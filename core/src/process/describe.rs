//! Step 1: opens the recordings and checks roles, limits and headers before anything is decoded.

use std::sync::Arc;

use crate::call::{Leg, Role};
use crate::config::DecodeOptions;
use crate::decode::{Budget, ChannelSelection, Decoder, Input, expand};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::provider::Recording;
use crate::run::RunOptions;
use crate::threads;

use super::call_input::RecordingSource;

/// One file of a call: what its document says about it, and the opened recording or its error.
pub(super) struct DescribedRecording {
    /// Whose recording it is, as far as the document says.
    pub leg: Leg,
    pub described: Option<Arc<Recording>>,
    pub opened: Result<OpenRecording>,
}

/// A recording whose header has been read.
pub(super) struct OpenRecording {
    pub decoder: Decoder,
    /// The tracks that it becomes, one per selection.
    pub channels: Vec<ChannelSelection>,
}

/// A file that has not been opened.
struct File {
    leg: Leg,
    described: Option<Arc<Recording>>,
    input: Result<Input>,
}

/// Opens the recordings of a call, and checks their number, headers and roles. A recording that
/// cannot be opened stays in the list with its error.
///
/// # Errors
/// `limit_exceeded` for more tracks than `decode.maxTracks`; `invalid_argument` if the number of
/// roles differs from the number of tracks, or that recording's error if one cannot be read;
/// `cancelled`.
pub(super) fn describe(
    sources: Vec<RecordingSource>,
    roles: &[Role],
    options: &DecodeOptions,
    budget: &Budget,
    run: &RunOptions,
) -> Result<Vec<DescribedRecording>> {
    check_tracks(sources.len(), options)?;
    let files = files(sources, options, budget, run)?;
    let mut recordings = threads::map(files, |file| open(file, options, run));
    check_tracks(recordings.iter().map(DescribedRecording::tracks).sum(), options)?;
    check_roles(&mut recordings, roles)?;
    Ok(recordings)
}

/// Returns the files of a call. An archive counts as its members.
fn files(
    sources: Vec<RecordingSource>,
    options: &DecodeOptions,
    budget: &Budget,
    run: &RunOptions,
) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for source in sources {
        run.check(Stage::Input)?;
        match source {
            RecordingSource::Missing { leg, error } => files.push(File { leg, input: Err(error), described: None }),
            RecordingSource::Input { input, described } => {
                let (leg, described) = (input.leg.clone(), described.map(Arc::from));
                match expand(input.within(budget), options) {
                    Ok(members) => files.extend(members.into_iter().map(|input| file(input, &described))),
                    Err(error) => files.push(File { leg, input: Err(error), described }),
                }
            }
        }
        check_tracks(files.len(), options)?;
    }
    Ok(files)
}

fn file(mut input: Input, described: &Option<Arc<Recording>>) -> File {
    if let Some(leg) = described.as_ref().and_then(|d| d.leg_of_file(input.name())) {
        input.leg = leg.clone();
    }
    File { leg: input.leg.clone(), input: Ok(input), described: described.clone() }
}

fn open(file: File, options: &DecodeOptions, run: &RunOptions) -> DescribedRecording {
    let open = |input| {
        run.check(Stage::Input)?;
        let decoder = Decoder::open(input, options)?;
        let channels = ChannelSelection::of(decoder.spec().channels, decoder.leg(), options);
        Ok(OpenRecording { channels: channels.map_err(|e| e.in_input(decoder.name()))?, decoder })
    };
    DescribedRecording { leg: file.leg, described: file.described, opened: file.input.and_then(open) }
}

fn check_tracks(tracks: usize, options: &DecodeOptions) -> Result<()> {
    if tracks <= options.max_tracks {
        return Ok(());
    }
    Err(Error::new(ErrorKind::LimitExceeded, Stage::Input, "too many tracks")
        .with_mismatch(tracks, format!("at most {} (decode.maxTracks)", options.max_tracks)))
}

/// Checks that there is one role per track. If a recording cannot be read, that is the likelier
/// cause, and its error is returned.
fn check_roles(recordings: &mut Vec<DescribedRecording>, roles: &[Role]) -> Result<()> {
    if roles.is_empty() {
        recordings.iter().try_for_each(DescribedRecording::check_role)?;
    }
    let tracks: usize = recordings.iter().map(DescribedRecording::tracks).sum();
    if roles.is_empty() || roles.len() == tracks {
        return Ok(());
    }
    match recordings.iter().position(|recording| recording.opened.is_err()) {
        Some(failed) => recordings.swap_remove(failed).opened.map(|_| ()),
        None => Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "wrong number of roles")
            .with_mismatch(roles.len(), format!("{tracks} (one per track)"))),
    }
}

impl DescribedRecording {
    /// Rejects a single party's role for a recording with several tracks, unless a document says
    /// who is on which.
    fn check_role(&self) -> Result<()> {
        let (role, tracks) = (self.leg.role, self.tracks());
        if tracks < 2 || self.described.is_some() || matches!(role, Role::Unknown | Role::Mixed) {
            return Ok(());
        }
        let what = format!("one role for a recording of {tracks} tracks");
        Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, what)
            .with_mismatch(role.name(), "a channel for the role, or one role per track"))
    }

    /// Returns `true` if the document says that one of its tracks holds several parties.
    pub(super) fn is_mixed(&self) -> bool {
        let described = self.described.as_ref().is_some_and(|described| described.leg.role == Role::Mixed);
        described || self.leg.role == Role::Mixed
    }

    /// Returns the number of tracks. A recording that cannot be read counts as one.
    fn tracks(&self) -> usize {
        self.opened.as_ref().map_or(1, |open| open.channels.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{CallInput, process};
    use crate::{Config, ErrorKind};

    fn failure(inputs: Vec<Input>, roles: &[Role], max_tracks: usize) -> Error {
        let mut config = Config::default();
        config.decode.max_tracks = max_tracks;
        let call = CallInput::from(inputs).with_roles(roles.to_vec());
        process(call, &config, &RunOptions::default()).unwrap_err()
    }

    fn wav(frames: u32) -> Vec<u8> {
        let mut bytes = [b"RIFF".as_slice(), &(36 + 2 * frames).to_le_bytes(), b"WAVEfmt "].concat();
        bytes.extend(16u32.to_le_bytes());
        bytes.extend([1u16, 1].map(u16::to_le_bytes).concat());
        bytes.extend([8_000u32, 16_000].map(u32::to_le_bytes).concat());
        bytes.extend([2u16, 16].map(u16::to_le_bytes).concat());
        bytes.extend([b"data".as_slice(), &(2 * frames).to_le_bytes()].concat());
        bytes.resize(44 + 2 * frames as usize, 0);
        bytes
    }

    /// Fails the test where a sample is read: an input whose bytes end with its header.
    fn reads_its_header_alone(frames: u32) -> Input {
        struct Header(std::io::Cursor<Vec<u8>>, bool);
        impl std::io::Read for Header {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let left = self.0.get_ref().len() as u64 - self.0.position();
                assert!(left > 0 || self.1, "the samples were read");
                let count = buffer.len().min(64);
                std::io::Read::read(&mut self.0, &mut buffer[..count])
            }
        }
        Input::reader("a.wav", Header(std::io::Cursor::new(wav(frames)), false))
    }

    #[test]
    fn more_recordings_than_the_limit_are_refused_before_one_is_read() {
        struct Unread;
        impl std::io::Read for Unread {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                panic!("a recording was read")
            }
        }
        let error = failure((0..3).map(|i| Input::reader(format!("{i}.wav"), Unread)).collect(), &[], 2);
        assert_eq!((error.kind(), error.found()), (ErrorKind::LimitExceeded, Some("3")));
    }

    #[test]
    fn a_role_too_many_is_refused_before_anything_is_decoded() {
        let error = failure(vec![reads_its_header_alone(400_000)], &[Role::Agent, Role::Customer], 16);
        assert_eq!((error.message(), error.found()), ("wrong number of roles", Some("2")));
    }

    #[test]
    fn roles_never_hide_why_a_recording_cannot_be_read() {
        let roles = [Role::Agent, Role::Customer, Role::Agent];
        let missing = Input::path("/nowhere/missing.wav");
        let error = failure(vec![Input::bytes("a.wav", wav(800)), missing], &roles, 16);
        assert_eq!((error.kind(), error.input()), (ErrorKind::Io, Some("/nowhere/missing.wav")));
        let error = failure(vec![Input::bytes("empty.wav", []), Input::bytes("a.wav", wav(800))], &roles, 16);
        assert_eq!((error.kind(), error.input()), (ErrorKind::NoAudio, Some("empty.wav")));
    }
}
