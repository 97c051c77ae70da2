//! Events on a track, in the track's time.

use super::tones;
pub use crate::timeline::EventKind;

/// A sound other than speech on one track.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackEvent {
    /// What it is.
    pub kind: EventKind,
    /// Track time of its first sample, in milliseconds.
    pub start_ms: f64,
    /// Track time just after its last sample, in milliseconds.
    pub end_ms: f64,
    /// The key, the fax tone (`cng`, `ced`), the beep's frequency, or the countries that use the
    /// cadence.
    pub detail: Option<String>,
    /// Confidence, from 0 to 1.
    pub confidence: f32,
    /// Mean level of the sound in dBov (a full-scale sine is -3.01). `-inf` for digital zero.
    pub level_dbov: f32,
}

impl TrackEvent {
    /// Returns the length in milliseconds.
    pub fn duration_ms(&self) -> f64 {
        self.end_ms - self.start_ms
    }

    /// Returns the length of the part within `[start_ms, end_ms)`. Negative if the event lies
    /// outside.
    pub fn overlap_ms(&self, start_ms: f64, end_ms: f64) -> f64 {
        self.end_ms.min(end_ms) - self.start_ms.max(start_ms)
    }
}

/// A sound as detected. It is cheap to copy; its detail becomes text only when reported.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HeardSound {
    pub kind: EventKind,
    pub start_ms: f64,
    pub end_ms: f64,
    pub detail: SoundDetail,
    pub confidence: f32,
    pub level_dbov: f32,
}

/// The detail of a sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum SoundDetail {
    Nothing,
    /// A key or a fax tone.
    Name(&'static str),
    Hertz(f32),
    /// A number of samples.
    Samples(u64),
    /// Countries, as bits of [`tones::country`].
    Countries(u64),
}

impl SoundDetail {
    /// Returns the detail as text.
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
    /// Returns the length of the part within `[start_ms, end_ms)`. Negative if the sound lies
    /// outside.
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

/// Returns the sounds that end after a time. Sounds are only nearly sorted by their ends, so some
/// earlier ones may be included.
pub(super) fn ending_after(sounds: &[HeardSound], from_ms: f64) -> &[HeardSound] {
    let over = sounds.iter().rposition(|sound| sound.end_ms <= from_ms).map_or(0, |last| last + 1);
    &sounds[over..]
}

/// Converts a mean square to dBov.
pub(crate) fn dbov(mean_square: f32) -> f32 {
    10.0 * mean_square.log10()
}
