//! Speech detectors supplied by the caller.

use std::fmt;
use std::sync::Arc;

use super::{Detector, Probabilities};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::Millis;

/// Shortest accepted hop. With a shorter one, probabilities would need more memory than the
/// samples.
const MIN_HOP: Millis = Millis(1.0);

/// Creates a detector for a number of tracks.
type MakeDetector = dyn Fn(usize) -> Result<Box<dyn Detector>> + Send + Sync;

/// A speech detector supplied by the caller: its name and version for the report, and a function
/// that creates one per recording.
///
/// ```
/// use callweave::units::Millis;
/// use callweave::vad::{CustomDetector, Detector};
/// use callweave::{CallInput, Config, Input, Result, RunOptions, analyze, units::Rate};
///
/// /// Calls every frame of 10 ms above −40 dBov speech.
/// struct Loudness(Vec<Vec<f32>>);
///
/// impl Detector for Loudness {
///     fn hop(&self) -> Millis {
///         Millis(10.0)
///     }
///
///     fn push(&mut self, tracks: &[&[f32]], out: &mut [Vec<f32>]) -> Result<()> {
///         for ((kept, samples), out) in self.0.iter_mut().zip(tracks).zip(out) {
///             kept.extend_from_slice(samples);
///             while kept.len() >= 80 {
///                 let power: f32 = kept.drain(..80).map(|x| x * x).sum();
///                 out.push(if power > 80.0 * 1e-4 { 1.0 } else { 0.0 });
///             }
///         }
///         Ok(())
///     }
///
///     fn finish(&mut self, out: &mut [Vec<f32>]) -> Result<()> {
///         let rest = self.0.iter().zip(out).filter(|(kept, _)| !kept.is_empty());
///         rest.for_each(|(_, out)| out.push(0.0));
///         Ok(())
///     }
/// }
///
/// let own = CustomDetector::new("loudness", "1", |tracks| Ok(Loudness(vec![Vec::new(); tracks])));
/// let call = CallInput::from(vec![Input::samples("call", vec![0.1f32; 80_000], Rate::NARROWBAND)]);
/// let report = analyze(call.with_detector(own), &Config::default(), &RunOptions::default())?;
/// assert_eq!(report.detector.name, "loudness");
/// # Ok::<(), callweave::Error>(())
/// ```
#[derive(Clone)]
pub struct CustomDetector {
    name: String,
    version: String,
    make: Arc<MakeDetector>,
}

impl CustomDetector {
    /// Creates a custom detector. `make` is called once per recording, with its number of tracks.
    pub fn new<D: Detector + 'static>(
        name: impl Into<String>,
        version: impl Into<String>,
        make: impl Fn(usize) -> Result<D> + Send + Sync + 'static,
    ) -> Self {
        let make = move |tracks| -> Result<Box<dyn Detector>> { Ok(Box::new(make(tracks)?)) };
        Self { name: name.into(), version: version.into(), make: Arc::new(make) }
    }

    /// Returns the detector's name, as in the report.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the detector's version, as in the report.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Creates a detector for a number of tracks.
    ///
    /// # Errors
    /// The caller's error; `invalid_argument` for a hop below 1 ms.
    pub(crate) fn detector(&self, tracks: usize) -> Result<Box<dyn Detector>> {
        let detector = (self.make)(tracks)?;
        let hop = detector.hop();
        if hop.0.is_finite() && hop >= MIN_HOP {
            return Ok(detector);
        }
        Err(self.refuse("invalid hop", hop, format!("{MIN_HOP} or more")))
    }

    /// Checks that all answers are probabilities, one per hop of the track.
    ///
    /// # Errors
    /// `invalid_argument`.
    pub(crate) fn check(&self, answer: &Probabilities, duration: Millis) -> Result<()> {
        let wrong = answer.values.iter().find(|p| !(0.0..=1.0).contains(*p));
        if let Some(wrong) = wrong {
            return Err(self.refuse("invalid probability", wrong, "0 to 1"));
        }
        let frames = duration.0 / answer.hop.0;
        if (answer.values.len() as f64 - frames).abs() <= 2.0 {
            return Ok(());
        }
        let expected = format!("one per hop of {}: {:.0}", answer.hop, frames.ceil());
        Err(self.refuse("wrong number of probabilities", answer.values.len(), expected))
    }

    fn refuse(&self, what: &str, found: impl fmt::Display, expected: impl fmt::Display) -> Error {
        let what = format!("{what} from the detector {}", self.name);
        Error::new(ErrorKind::InvalidArgument, Stage::Speech, what).with_mismatch(found, expected)
    }
}

impl fmt::Debug for CustomDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, .. } = self;
        f.debug_struct("CustomDetector").field("name", name).field("version", version).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers the same number of times whatever it hears.
    struct Stubborn(Millis, Vec<f32>);

    impl Detector for Stubborn {
        fn hop(&self) -> Millis {
            self.0
        }

        fn push(&mut self, _: &[&[f32]], _: &mut [Vec<f32>]) -> Result<()> {
            Ok(())
        }

        fn finish(&mut self, out: &mut [Vec<f32>]) -> Result<()> {
            out.iter_mut().for_each(|out| out.extend_from_slice(&self.1));
            Ok(())
        }
    }

    fn verdict(hop: f64, values: Vec<f32>) -> Result<()> {
        let own = CustomDetector::new("own", "1", move |_| Ok(Stubborn(Millis(hop), values.clone())));
        let mut detector = own.detector(1)?;
        let mut out = [Vec::new()];
        detector.finish(&mut out)?;
        let [values] = out;
        own.check(&Probabilities { hop: detector.hop(), values }, Millis(100.0))
    }

    #[test]
    fn answers_that_are_no_probabilities_are_refused_by_name() {
        assert!(verdict(10.0, vec![0.5; 10]).is_ok());
        for (hop, values, said) in [
            (10.0, vec![f32::NAN; 10], "invalid probability from the detector own: found NaN"),
            (10.0, vec![1.5; 10], "found 1.5"),
            (10.0, vec![0.5; 3], "found 3, expected one per hop of 10 ms: 10"),
            (0.0, vec![], "invalid hop from the detector own: found 0 ms"),
            (f64::NAN, vec![], "found NaN"),
        ] {
            let error = verdict(hop, values).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
