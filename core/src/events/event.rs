//! What a listener heard, in the time of its own track.

use super::tones;
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

/// A sound as its detector has it, which is copied at no cost: its detail becomes words where it is
/// told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HeardSound {
    pub kind: EventKind,
    pub start_ms: f64,
    pub end_ms: f64,
    pub detail: SoundDetail,
    pub confidence: f32,
    pub level_dbov: f32,
}

/// What more is known of a sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum SoundDetail {
    Nothing,
    /// A key, a fax tone.
    Name(&'static str),
    Hertz(f32),
    /// So many samples.
    Samples(u64),
    /// Countries, as [`tones::country`] numbers them.
    Countries(u64),
}

impl SoundDetail {
    /// The detail in words.
    pub(crate) fn text(self) -> Option<String> {
        match self {
            Self::Nothing | Self::Countries(0) => None,
            Self::Name(name) => Some(name.to_owned()),
            Self::Hertz(hz) => Some(format!("{hz:.0} Hz")),
            Self::Samples(samples) => Some(format!("{samples} samples")),
            Self::Countries(countries) => Some(tones::names(countries)),
        }
    }
}

impl HeardSound {
    /// The length of the part that lies in `[start_ms, end_ms)`; negative if it lies apart.
    pub(crate) fn overlap_ms(&self, start_ms: f64, end_ms: f64) -> f64 {
        self.end_ms.min(end_ms) - self.start_ms.max(start_ms)
    }
}

impl From<HeardSound> for TrackEvent {
    fn from(heard: HeardSound) -> Self {
        let HeardSound { kind, start_ms, end_ms, detail, confidence, level_dbov } = heard;
        Self { kind, start_ms, end_ms, detail: detail.text(), confidence, level_dbov }
    }
}

/// The last of some sounds, which end after a time. They are nearly in the order of their ends:
/// more may be left.
pub(super) fn ending_after(sounds: &[HeardSound], from_ms: f64) -> &[HeardSound] {
    let over = sounds.iter().rposition(|sound| sound.end_ms <= from_ms).map_or(0, |last| last + 1);
    &sounds[over..]
}

/// Mean square to dBov.
pub(crate) fn dbov(mean_square: f32) -> f32 {
    10.0 * mean_square.log10()
}
