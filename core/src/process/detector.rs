//! The speech detector of a call: the caller's own, or the configured one.

use crate::config::{Config, DetectorKind};
use crate::error::Result;
use crate::report::DetectorReport;
use crate::units::Millis;
use crate::vad::{self, CustomDetector, Detector, Probabilities};

/// A call's speech detector, together with its configuration.
pub(super) struct DetectorChoice<'a> {
    pub config: &'a Config,
    pub custom: Option<CustomDetector>,
}

impl<'a> DetectorChoice<'a> {
    pub(super) fn new(config: &'a Config, custom: Option<CustomDetector>) -> Self {
        Self { config, custom }
    }

    /// Creates a detector for a number of tracks.
    ///
    /// # Errors
    /// Those of [`vad::detector`], or of the caller's.
    pub(super) fn detector(&self, tracks: usize) -> Result<Box<dyn Detector>> {
        match &self.custom {
            Some(custom) => custom.detector(tracks),
            None => vad::detector(self.config, tracks),
        }
    }

    /// Prepares what the detectors of all tracks share.
    pub(super) fn prepare(&self) {
        if self.custom.is_none() && self.config.detector == DetectorKind::Silero {
            vad::Silero::prepare(self.config.portable);
        }
    }

    /// Checks the probabilities of the caller's detector.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub(super) fn check(&self, answer: &Probabilities, duration: Millis) -> Result<()> {
        self.custom.as_ref().map_or(Ok(()), |custom| custom.check(answer, duration))
    }

    /// Returns the probabilities, if they distinguish music from speech. WebRTC's detector takes
    /// music for speech, and the caller's is unknown; for these there are none.
    pub(super) fn trusted<'p>(&self, answer: &'p Probabilities) -> &'p [f32] {
        let silero = self.custom.is_none() && self.config.detector == DetectorKind::Silero;
        if silero { &answer.values } else { &[] }
    }

    /// Describes the detector, for the report.
    pub(super) fn report(&self) -> DetectorReport {
        let (name, version) = match &self.custom {
            Some(custom) => (custom.name(), custom.version()),
            None => vad::identity(self.config.detector),
        };
        let silero = self.custom.is_none() && self.config.detector == DetectorKind::Silero;
        let arithmetic = silero.then(|| vad::Silero::arithmetic(self.config.portable).into());
        DetectorReport { name: name.into(), version: version.into(), arithmetic }
    }
}
