//! From recordings to tracks: archives are opened, channels become tracks, and each track learns whose it is.

use std::sync::Arc;

use crate::call::{Leg, Role};
use crate::config::DecodeOptions;
use crate::decode::{Input, expand};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::provider::Recording;
use crate::units::Millis;

use super::given::RecordingSource;
use super::hear::TrackAnalysis;
use super::pieces::TrackSegment;

/// A file to be heard, or why it cannot be had.
pub(super) struct File {
    /// Whose it is, as far as its document says.
    pub leg: Leg,
    pub input: Result<Input>,
    pub described: Option<Arc<Recording>>,
}

/// A file that was heard, or why it could not be.
pub(super) struct HeardFile {
    pub leg: Leg,
    pub heard: Result<Vec<TrackAnalysis>>,
    pub described: Option<Arc<Recording>>,
}

/// One track on its way through the stages.
pub(super) struct CallTrack {
    /// Its place among the call's tracks.
    pub index: usize,
    /// The file it came from: tracks of one file share a clock.
    pub recorder: usize,
    /// When its first sample was, on its recorder's clock.
    pub lead: Millis,
    pub role: Role,
    pub leg: Leg,
    pub heard: Result<TrackAnalysis>,
    /// The recordings it is made of, where they are several.
    pub pieces: Vec<TrackSegment>,
}

/// The files of a call; an archive is as many as it has members.
pub(super) fn files(recordings: Vec<RecordingSource>, options: &DecodeOptions) -> Vec<File> {
    let mut files = Vec::new();
    for given in recordings {
        match given {
            RecordingSource::Missing { leg, error } => files.push(File { leg, input: Err(error), described: None }),
            RecordingSource::Input { input, described } => {
                let (leg, described) = (input.leg.clone(), described.map(Arc::from));
                match expand(input, options) {
                    Ok(members) => files.extend(members.into_iter().map(|input| file(input, &described))),
                    Err(error) => files.push(File { leg, input: Err(error), described }),
                }
            }
        }
    }
    files
}

fn file(mut input: Input, described: &Option<Arc<Recording>>) -> File {
    if let Some(leg) = described.as_ref().and_then(|d| d.leg_of_file(input.name())) {
        input.leg = leg.clone();
    }
    File { leg: input.leg.clone(), input: Ok(input), described: described.clone() }
}

/// The tracks in order. A file of several channels is several tracks; who is on which only its document or the caller
/// can say.
///
/// # Errors
/// `cancelled`; `invalid_argument` where there are roles, but not one per track.
pub(super) fn lanes(files: Vec<HeardFile>, roles: &[Role]) -> Result<Vec<CallTrack>> {
    let mut lanes: Vec<CallTrack> = Vec::new();
    for (number, file) in files.into_iter().enumerate() {
        let recorder = same_file(&lanes, &file).unwrap_or(number);
        let lane = |index, leg: Leg, heard| CallTrack {
            index,
            recorder,
            lead: Millis(0.0),
            role: leg.role,
            leg,
            heard,
            pieces: Vec::new(),
        };
        match file.heard {
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => lanes.push(lane(lanes.len(), file.leg, Err(error))),
            Ok(tracks) => {
                let several = tracks.len() > 1;
                for track in tracks {
                    let leg =
                        if several { leg_of(&track, &file.leg, file.described.as_deref()) } else { file.leg.clone() };
                    lanes.push(lane(lanes.len(), leg, Ok(track)));
                }
            }
        }
    }
    if !roles.is_empty() && roles.len() != lanes.len() {
        return Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "number of roles")
            .with_mismatch(roles.len(), format!("{} (one per track)", lanes.len())));
    }
    lanes.iter_mut().zip(roles).for_each(|(lane, &role)| lane.role = role);
    Ok(lanes)
}

/// The recorder of an earlier track from the same file: channels of one file may be given one by one.
fn same_file(lanes: &[CallTrack], file: &HeardFile) -> Option<usize> {
    let source = &file.heard.as_ref().ok()?.first()?.source;
    let same = |lane: &&CallTrack| {
        let earlier = lane.heard.as_ref().ok().map(|heard| &heard.source);
        earlier.is_some_and(|e| e.path == source.path && e.sha256 == source.sha256 && e.bytes == source.bytes)
    };
    lanes.iter().find(same).map(|lane| lane.recorder)
}

/// Whose a channel is; what is said of the whole file says nothing of one channel but when it began.
fn leg_of(track: &TrackAnalysis, file: &Leg, described: Option<&Recording>) -> Leg {
    let known = track.channel.and_then(|channel| described?.leg_of_channel(channel)).cloned();
    let unknown = Leg { role: Role::Unknown, party: None, channel: track.channel, ..file.clone() };
    let leg = known.unwrap_or(unknown);
    Leg { started_at: leg.started_at.or(file.started_at), ..leg }
}
