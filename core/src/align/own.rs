//! Places tracks from their samples alone.

use super::{AlignOptions, Alignment, StartTime, TrackInput, align};
use crate::call::{KnownOffset, Role};
use crate::config::SpeechConfig;
use crate::error::Result;
use crate::resample::narrowed;
use crate::samples::Samples;
use crate::track::{PcmCollector, SampleSink};
use crate::units::{Millis, Rate};
use crate::vad::{Detector, silero_of};

/// A track to place: its samples at 8 kHz, its speech, and what is known about it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TrackSamples {
    samples: Vec<i16>,
    probabilities: Vec<f32>,
    hop: Millis,
    /// Who speaks.
    pub role: Role,
    /// When the recording began, if known.
    pub started_at: Option<StartTime>,
    /// The track's offset on the call's timeline, if the caller knows it.
    pub offset: Option<KnownOffset>,
}

impl TrackSamples {
    /// Creates a track from samples at any rate. Converts them to 8 kHz and runs Silero's speech
    /// detector.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if the rate cannot be converted to 8 kHz.
    pub fn new<'a>(samples: impl Into<Samples<'a>>, rate: Rate) -> Result<Self> {
        let mut detector = silero_of(&SpeechConfig::default(), 1, false);
        let (mut collector, mut out) = (PcmCollector::default(), [Vec::new()]);
        narrowed(&samples.into(), rate, |_, narrowband| {
            collector.push(narrowband);
            detector.push(&[narrowband], &mut out)
        })?;
        detector.finish(&mut out)?;
        let ([probabilities], hop) = (out, detector.hop());
        let samples = collector.finish().0;
        Ok(Self { samples, probabilities, hop, role: Role::Unknown, started_at: None, offset: None })
    }

    /// Returns the track as input for [`align`].
    pub fn input(&self) -> TrackInput<'_> {
        TrackInput {
            samples: &self.samples,
            energies: None,
            probabilities: &self.probabilities,
            hop: self.hop,
            started_at: self.started_at,
            offset: self.offset,
            role: self.role,
        }
    }
}

/// Places two tracks on one timeline.
///
/// ```
/// use callweave::align::{self, AlignOptions, TrackSamples};
/// use callweave::units::Rate;
///
/// let agent = TrackSamples::new(vec![0i16; 80_000], Rate::NARROWBAND)?;
/// let customer = TrackSamples::new(vec![0.0f32; 160_000], Rate::WIDEBAND)?;
/// let alignment = align::pair(&agent, &customer, &AlignOptions::default())?;
/// let offsets: Vec<f64> = alignment.placements.iter().map(|placement| placement.offset().0).collect();
/// assert_eq!(offsets, [0.0, 0.0]); // of one length: one recorder made both
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// Those of [`align`].
pub fn pair(first: &TrackSamples, second: &TrackSamples, options: &AlignOptions) -> Result<Alignment> {
    align(&[first.input(), second.input()], options)
}
