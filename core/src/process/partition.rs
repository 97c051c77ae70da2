//! Third step: the call's tracks, once split into those that could be read and those that could
//! not.

use crate::call::{Leg, Role};
use crate::decode::SourceInfo;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::provider::Recording;
use crate::units::Millis;

use super::analyze::{AnalyzedRecording, TrackAnalysis};

/// One recording of a track that is made of several.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TrackSegment {
    pub source: SourceInfo,
    /// Where its first sample lies on the track.
    pub start: Millis,
    /// Where its last sample ends.
    pub end: Millis,
}

/// One track that could be read.
pub(super) struct ReadTrack {
    /// Its place among the call's tracks.
    pub index: usize,
    /// The recorder that made it: tracks of one file share a clock.
    pub recorder: usize,
    /// When its first sample was, on its recorder's clock.
    pub lead: Millis,
    pub role: Role,
    pub leg: Leg,
    pub analysis: TrackAnalysis,
    /// The recordings it is made of, where they are several.
    pub segments: Vec<TrackSegment>,
}

/// One track that could not be read.
pub(super) struct FailedTrack {
    /// Its place among the call's tracks.
    pub index: usize,
    pub role: Role,
    pub leg: Leg,
    pub error: Error,
}

/// The warning that a track could not be read.
pub(crate) const TRACK_UNREADABLE: &str = "track_unreadable";

impl FailedTrack {
    /// The warning that this track is missing. The error's own words name its file, which not
    /// everybody may see.
    pub(super) fn warning(&self) -> Warning {
        let (index, role, code) = (self.index, self.role.name(), self.error.code());
        Warning::new(TRACK_UNREADABLE, format!("track {index} ({role}) cannot be read: {code}"))
    }
}

/// The tracks of a call.
pub(super) struct Tracks {
    /// At least one.
    pub live: Vec<ReadTrack>,
    pub failed: Vec<FailedTrack>,
}

/// Splits the tracks. A file of several channels is several tracks; who is on which only its
/// document or the caller can say.
///
/// # Errors
/// `cancelled`; the first recording's error where not one could be read; `invalid_argument` where
/// there are roles, but not one per track.
pub(super) fn partition(recordings: Vec<AnalyzedRecording>, roles: &[Role]) -> Result<Tracks> {
    let mut tracks = Tracks { live: Vec::new(), failed: Vec::new() };
    for (number, recording) in recordings.into_iter().enumerate() {
        tracks.add(recording, number)?;
    }
    if tracks.live.is_empty() {
        let first = tracks.failed.into_iter().next().map(|track| track.error);
        return Err(first.unwrap_or_else(|| Error::new(ErrorKind::NoAudio, Stage::Decode, "no track")));
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
        for analysis in analyses {
            let leg = if several { leg_of_channel(&analysis, &leg, described.as_deref()) } else { leg.clone() };
            let (index, role, lead) = (self.len(), leg.role, Millis(0.0));
            self.live.push(ReadTrack { index, recorder, lead, role, leg, analysis, segments: Vec::new() });
        }
        Ok(())
    }

    /// The recorder of an earlier track from the same file: channels of one file may be given one
    /// by one.
    fn recorder_of(&self, analyses: &[TrackAnalysis]) -> Option<usize> {
        let source = &analyses.first()?.source;
        let same = |track: &&ReadTrack| {
            let earlier = &track.analysis.source;
            earlier.path == source.path && earlier.sha256 == source.sha256 && earlier.bytes == source.bytes
        };
        self.live.iter().find(same).map(|track| track.recorder)
    }

    fn assign(&mut self, roles: &[Role]) -> Result<()> {
        if !roles.is_empty() && roles.len() != self.len() {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, "number of roles")
                .with_mismatch(roles.len(), format!("{} (one per track)", self.len())));
        }
        let role_of = |index: usize, own: Role| roles.get(index).copied().unwrap_or(own);
        self.live.iter_mut().for_each(|track| track.role = role_of(track.index, track.role));
        self.failed.iter_mut().for_each(|track| track.role = role_of(track.index, track.role));
        Ok(())
    }

    /// Numbers the tracks anew, in their order.
    pub(super) fn renumber(&mut self) {
        let live = self.live.iter_mut().map(|track| &mut track.index);
        let mut all: Vec<&mut usize> = live.chain(self.failed.iter_mut().map(|track| &mut track.index)).collect();
        all.sort();
        all.into_iter().enumerate().for_each(|(number, index)| *index = number);
    }
}

/// Whose a channel is; what is said of the whole file says nothing of one channel but when it
/// began.
fn leg_of_channel(track: &TrackAnalysis, file: &Leg, described: Option<&Recording>) -> Leg {
    let known = track.channel.and_then(|channel| described?.leg_of_channel(channel)).cloned();
    let unknown = Leg { role: Role::Unknown, party: None, channel: track.channel, ..file.clone() };
    let leg = known.unwrap_or(unknown);
    Leg { started_at: leg.started_at.or(file.started_at), ..leg }
}
