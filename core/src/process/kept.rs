//! Whether a call's samples were kept: without them there is no audio to give.

use super::Processed;
use crate::error::{Error, ErrorKind, Result, Stage};

/// How a call keeps its samples.
pub(super) const KEPT: &str = "a call from `process`, not `analyze`, or a live call that keeps its samples";

impl Processed {
    /// Rejects a call whose samples were not kept: a call that was only analyzed, or a live one.
    pub(super) fn require_samples(&self, stage: Stage) -> Result<()> {
        match self.without_samples() {
            None => Ok(()),
            Some(track) => Err(Error::new(ErrorKind::NoAudio, stage, "the call's samples were not kept")
                .with_mismatch(format!("no samples of track {track}"), KEPT)),
        }
    }

    /// Returns the first track whose samples were not kept.
    pub(super) fn without_samples(&self) -> Option<usize> {
        let gone = self.tracks.iter().find(|placed| placed.track.samples.is_empty()).map(|placed| placed.index);
        let reported = self.report.tracks.iter().find(|track| track.error.is_none()).map(|track| track.index);
        gone.or_else(|| reported.filter(|_| self.tracks.is_empty()))
    }
}
