//! What a listener heard, in the time of its own track.

pub use crate::timeline::EventKind;

/// One sound on one track.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackEvent {
    /// What it is.
    pub kind: EventKind,
    /// Track time of its first sample, in milliseconds.
    pub start_ms: f64,
    /// Track time just after its last sample, in milliseconds.
    pub end_ms: f64,
    /// The key, the fax tone (`cng`, `ced`), the beep's frequency or the countries whose cadence it
    /// is.
    pub detail: Option<String>,
    /// How sure, 0 to 1.
    pub confidence: f32,
    /// Mean level while it sounds, in dB of full scale (a full-scale sine is -3.01). `-inf` for
    /// digital zero.
    pub level_dbov: f32,
}

impl TrackEvent {
    /// Length in milliseconds.
    pub fn duration_ms(&self) -> f64 {
        self.end_ms - self.start_ms
    }

    /// Length of the part that lies in `[start_ms, end_ms)`; negative if it lies apart.
    pub fn overlap_ms(&self, start_ms: f64, end_ms: f64) -> f64 {
        self.end_ms.min(end_ms) - self.start_ms.max(start_ms)
    }
}

/// The last of some events, which end after a time. They are nearly in the order of their ends:
/// more may be left.
pub(super) fn ending_after(events: &[TrackEvent], from_ms: f64) -> Vec<TrackEvent> {
    let over = events.iter().rposition(|event| event.end_ms <= from_ms).map_or(0, |last| last + 1);
    events[over..].to_vec()
}

/// Mean square to dBov.
pub(crate) fn dbov(mean_square: f32) -> f32 {
    10.0 * mean_square.log10()
}
