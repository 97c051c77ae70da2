//! Step 3: splits the call's tracks, once, into those that could be read and those that could not.

use crate::call::{Leg, Role};
use crate::decode::{Container, SourceInfo};
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::provider::Recording;
use crate::units::Millis;

use super::analyze::{AnalyzedRecording, TrackAnalysis};

/// One of several recordings of a track.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TrackSegment {
    pub source: SourceInfo,
    /// Start of its first sample on the track.
    pub start: Millis,
    /// End of its last sample on the track.
    pub end: Millis,
}

/// A track that could be read.
pub(super) struct ReadTrack {
    /// The track's index in the call.
    pub index: usize,
    /// The recorder that made it. Tracks of one file share a clock.
    pub recorder: usize,
    /// Time of its first sample on the recorder's clock.
    pub lead: Millis,
    /// How far that, or the start of a later segment, may be off.
    pub lead_uncertainty: Millis,
    pub role: Role,
    pub leg: Leg,
    pub analysis: TrackAnalysis,
    /// The recordings it consists of, if there are several.
    pub segments: Vec<TrackSegment>,
}

/// A track that could not be read.
pub(super) struct FailedTrack {
    /// The track's index in the call.
    pub index: usize,
    pub role: Role,
    pub leg: Leg,
    pub error: Error,
}

/// Code of the warning for a track that could not be read.
pub(crate) const TRACK_UNREADABLE: &str = "track_unreadable";

impl FailedTrack {
    /// Returns the warning that this track is missing. It leaves out the error's message, which
    /// names the file and may be confidential.
    pub(super) fn warning(&self) -> Warning {
        let (index, role, code) = (self.index, self.role.name(), self.error.code());
        Warning::new(TRACK_UNREADABLE, format!("track {index} ({role}) cannot be read: {code}"))
    }
}

/// The tracks of a call.
pub(super) struct Tracks {
    /// Never empty.
    pub live: Vec<ReadTrack>,
    pub failed: Vec<FailedTrack>,
    pub warnings: Vec<Warning>,
}

/// Splits recordings into tracks. A file with several channels is several tracks; only its document
/// or the caller can say who is on which.
///
/// # Errors
/// `cancelled`; the first recording's error if none could be read; `invalid_argument` if the number
/// of roles is neither zero nor the number of tracks.
pub(super) fn partition(recordings: Vec<AnalyzedRecording>, roles: &[Role]) -> Result<Tracks> {
    let mut tracks = Tracks { live: Vec::new(), failed: Vec::new(), warnings: Vec::new() };
    for (number, recording) in recordings.into_iter().enumerate() {
        tracks.add(recording, number)?;
    }
    if tracks.live.is_empty() {
        let first = tracks.failed.into_iter().next().map(|track| track.error);
        return Err(first.unwrap_or_else(|| Error::new(ErrorKind::NoAudio, Stage::Decode, "the call has no tracks")));
    }
    tracks.assign(roles)?;
    Ok(tracks)
}

impl Tracks {
    fn len(&self) -> usize {
        self.live.len() + self.failed.len()
    }

    fn add(&mut self, recording: AnalyzedRecording, number: usize) -> Result<()> {
        let AnalyzedRecording { leg, described, tracks } = recording;
        let analyses = match tracks {
            Ok(analyses) => analyses,
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
            Err(error) => {
                self.failed.push(FailedTrack { index: self.len(), role: leg.role, leg, error });
                return Ok(());
            }
        };
        let recorder = self.recorder_of(&analyses).unwrap_or(number);
        let several = analyses.len() > 1;
        let misfit = described.as_deref().filter(|_| several).and_then(|recording| misfit(recording, &analyses));
        let described = described.filter(|_| misfit.is_none());
        self.warnings.extend(misfit);
        let unused = several.then(|| unused_leg(&leg, described.as_deref(), &analyses, self.len())).flatten();
        self.warnings.extend(unused);
        for analysis in analyses {
            let leg = if several { leg_of_channel(&analysis, &leg, described.as_deref()) } else { leg.clone() };
            let (index, role, lead) = (self.len(), leg.role, Millis(0.0));
            let (lead_uncertainty, segments) = (Millis(0.0), Vec::new());
            self.live.push(ReadTrack { index, recorder, lead, lead_uncertainty, role, leg, analysis, segments });
        }
        Ok(())
    }

    /// Returns the recorder of an earlier track from the same file, whose channels may be given one
    /// by one. Samples in memory have any name: those of one channel are of no file, and a channel
    /// that is there already is of another recording.
    fn recorder_of(&self, analyses: &[TrackAnalysis]) -> Option<usize> {
        let source = &analyses.first()?.source;
        let in_memory = source.container == Container::Samples;
        let is_there = |recorder: usize, analysis: &TrackAnalysis| {
            let mut of_it = self.live.iter().filter(|track| track.recorder == recorder);
            of_it.any(|track| track.analysis.channel == analysis.channel)
        };
        let same = |track: &&ReadTrack| {
            let earlier = &track.analysis.source;
            let alike = earlier.path == source.path && earlier.sha256 == source.sha256 && earlier.bytes == source.bytes;
            alike && !(in_memory && analyses.iter().any(|analysis| is_there(track.recorder, analysis)))
        };
        self.live.iter().find(same).map(|track| track.recorder)
    }

    fn assign(&mut self, roles: &[Role]) -> Result<()> {
        if !roles.is_empty() && roles.len() != self.len() {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "wrong number of roles")
                .with_mismatch(roles.len(), format!("{} (one per track)", self.len())));
        }
        let role_of = |index: usize, own: Role| roles.get(index).copied().unwrap_or(own);
        self.live.iter_mut().for_each(|track| track.role = role_of(track.index, track.role));
        self.failed.iter_mut().for_each(|track| track.role = role_of(track.index, track.role));
        Ok(())
    }

    /// Renumbers the tracks in their order.
    pub(super) fn renumber(&mut self) {
        let live = self.live.iter_mut().map(|track| &mut track.index);
        let mut all: Vec<&mut usize> = live.chain(self.failed.iter_mut().map(|track| &mut track.index)).collect();
        all.sort();
        all.into_iter().enumerate().for_each(|(number, index)| *index = number);
    }
}

/// Returns the warning that a document names the parties of other channels than there are, and so
/// of none. Roles that the caller or the profile gives stand all the same.
fn misfit(recording: &Recording, analyses: &[TrackAnalysis]) -> Option<Warning> {
    let known = recording.parts.iter().filter(|part| part.leg.channel.is_some()).count();
    let channels = usize::from(analyses.first()?.source.channels);
    (known > 0 && known != channels).then(|| {
        let (label, said) = (recording.label(), "its document says who is on");
        Warning::new("channels_unused", format!("{label} has {channels} channels, and {said} {known}: it is not used"))
    })
}

/// Returns the warning that one party is named for a recording of several tracks, and so for none
/// of them. The first of them has this index.
fn unused_leg(leg: &Leg, described: Option<&Recording>, analyses: &[TrackAnalysis], first: usize) -> Option<Warning> {
    let known = |track: &TrackAnalysis| described?.leg_of_channel(track.channel?);
    let what = match (leg.role, &leg.party) {
        (Role::Unknown, None) => return None,
        (Role::Unknown, Some(_)) => "party".to_owned(),
        (role, None) => format!("role \"{}\"", role.name()),
        (role, Some(_)) => format!("role \"{}\" and party", role.name()),
    };
    let last = first + analyses.len() - 1;
    analyses.iter().all(|track| known(track).is_none()).then(|| {
        let message = format!(
            "tracks {first} to {last} are channels of one recording, and one {what} is said of it: it is not used. \
             Say a channel, or one role per track"
        );
        Warning::new("role_unused", message)
    })
}

/// Returns the leg of one channel. Of what is said about the whole file, only its start time
/// applies to a channel.
fn leg_of_channel(track: &TrackAnalysis, file: &Leg, described: Option<&Recording>) -> Leg {
    let known = track.channel.and_then(|channel| described?.leg_of_channel(channel)).cloned();
    let unknown = Leg { role: Role::Unknown, party: None, channel: track.channel, ..file.clone() };
    let leg = known.unwrap_or(unknown);
    Leg { started_at: leg.started_at.or(file.started_at), ..leg }
}
