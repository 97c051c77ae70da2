//! Speech detectors: how likely it is, frame by frame, that somebody speaks.
//!
//! A detector hears the tracks of a call as lanes of 8 kHz samples and answers with one probability
//! per frame. It is one way of listening to one track, knows nothing of the others, and never
//! decides about spans: that is `speech`.

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

/// Hears lanes of 8 kHz mono samples in [−1, 1] and gives each a row of probabilities.
///
/// The answer does not depend on how the samples were cut into pushes, nor a lane's on the number
/// of lanes. Users may bring their own ([`CustomDetector`]).
pub trait Detector: Send {
    /// The time from one probability to the next.
    fn hop(&self) -> Millis;

    /// Hears the next samples of every lane, and appends to `out` the probabilities of every frame
    /// that is complete. `lanes` and `out` have one entry per lane; a lane that has ended is empty.
    ///
    /// # Errors
    /// `invalid_argument` where the number of lanes is not the detector's; `internal` where it
    /// fails.
    fn push(&mut self, lanes: &[&[f32]], out: &mut [Vec<f32>]) -> Result<()>;

    /// Appends the probability of the last, incomplete frame of every lane, as if silence followed.
    ///
    /// # Errors
    /// As [`Detector::push`].
    fn finish(&mut self, out: &mut [Vec<f32>]) -> Result<()>;
}

/// One lane's probabilities.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Probabilities {
    /// The time from one probability to the next; the first is of the frame that begins at 0.
    pub hop: Millis,
    /// Probability of speech, 0 to 1.
    pub values: Vec<f32>,
}

/// The detector that a configuration chooses, for a number of lanes.
///
/// # Errors
/// `unsupported` for `webrtc` without the feature of that name; `io` where it needs a thread and
/// the system has none.
pub fn detector(config: &Config, lanes: usize) -> Result<Box<dyn Detector>> {
    match config.detector {
        DetectorKind::Silero => Ok(Box::new(silero_of(&config.speech, lanes, config.portable))),
        DetectorKind::Webrtc => webrtc(lanes),
    }
}

/// Silero's detector as speech parameters have it.
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

/// The name and version of a detector, as the report states them.
pub fn identity(kind: DetectorKind) -> (&'static str, &'static str) {
    match kind {
        DetectorKind::Silero => ("silero", "6.2"),
        DetectorKind::Webrtc => ("webrtc", "0.4.0"),
    }
}

/// Refuses a push with another number of lanes than the detector has.
fn same_lanes(expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument, Stage::Speech, "number of lanes").with_mismatch(found, expected))
}
