//! Speech detectors: the probability of speech, frame by frame.
//!
//! A detector takes the tracks of a call as lanes of 8 kHz samples and returns one probability per
//! frame. It treats each track independently, and does not decide on spans;
//! [`speech`](crate::speech) does.

mod custom;
mod silero;
#[cfg(feature = "webrtc")]
mod webrtc;

pub use custom::CustomDetector;
pub use silero::Silero;
pub(crate) use silero::{HOP as SILERO_HOP, SileroStream};
#[cfg(feature = "webrtc")]
pub use webrtc::WebrtcDetector;

use crate::config::{Config, DetectorKind, SpeechConfig};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::Millis;

/// A speech detector: turns lanes of 8 kHz mono samples in [−1, 1] into probabilities.
///
/// The result depends neither on how the samples are divided into pushes, nor on the number of
/// lanes. Implement this trait for a detector of your own ([`CustomDetector`]).
pub trait Detector: Send {
    /// Returns the time between two probabilities.
    fn hop(&self) -> Millis;

    /// Takes the next samples of every lane, and appends the probability of every complete frame to
    /// `out`.
    ///
    /// `lanes` and `out` have one entry per lane. A lane that has ended is empty.
    ///
    /// # Errors
    /// - [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if the number of lanes is not the
    ///   detector's.
    /// - [`Internal`](crate::ErrorKind::Internal) if the detector fails.
    fn push(&mut self, lanes: &[&[f32]], out: &mut [Vec<f32>]) -> Result<()>;

    /// Appends the probability of the last, incomplete frame of every lane, as if silence followed.
    ///
    /// # Errors
    /// Those of [`Detector::push`].
    fn finish(&mut self, out: &mut [Vec<f32>]) -> Result<()>;
}

/// The probabilities of one track.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Probabilities {
    /// Time between two probabilities. The first belongs to the frame that begins at 0.
    pub hop: Millis,
    /// Probabilities of speech, from 0 to 1.
    pub values: Vec<f32>,
}

/// Creates the configured detector for a number of lanes.
///
/// # Errors
/// - [`Unsupported`](crate::ErrorKind::Unsupported) for `webrtc` without the feature `webrtc`.
/// - [`Io`](crate::ErrorKind::Io) if the detector needs a thread that the system cannot start.
pub fn detector(config: &Config, lanes: usize) -> Result<Box<dyn Detector>> {
    match config.detector {
        DetectorKind::Silero => Ok(Box::new(silero_of(&config.speech, lanes, config.portable))),
        DetectorKind::Webrtc => webrtc(lanes),
    }
}

/// Creates Silero's detector with the given parameters.
pub(crate) fn silero_of(speech: &SpeechConfig, lanes: usize, portable: bool) -> Silero {
    let silero = Silero::new(lanes, portable).resting();
    match speech.reset_after_ms {
        Some(after) => silero.forgetting(after, speech.neg_threshold),
        None => silero,
    }
}

#[cfg(feature = "webrtc")]
fn webrtc(lanes: usize) -> Result<Box<dyn Detector>> {
    Ok(Box::new(WebrtcDetector::new(lanes)?))
}

#[cfg(not(feature = "webrtc"))]
fn webrtc(_lanes: usize) -> Result<Box<dyn Detector>> {
    Err(Error::compiled_out(Stage::Speech, "the detector webrtc", "webrtc"))
}

/// Returns the name and version of a detector, as in the report.
pub fn identity(kind: DetectorKind) -> (&'static str, &'static str) {
    match kind {
        DetectorKind::Silero => ("silero", "6.2"),
        DetectorKind::Webrtc => ("webrtc", "0.4.0"),
    }
}

/// Checks the number of lanes in a push.
fn same_lanes(expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument, Stage::Speech, "wrong number of tracks").with_mismatch(found, expected))
}
