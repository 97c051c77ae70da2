//! Speech detection on a stream of one track.

use std::fmt;

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::resample::Resampler;
use crate::units::{Millis, Rate};
use crate::vad::{SILERO_HOP, SileroStream};

use super::hysteresis::Hysteresis;
use super::samples::SampleReader;
use super::{LiveSamples, StreamEvent, StreamOptions};

/// Samples processed at once.
const BLOCK: usize = 4096;
/// Probabilities of the longest expected push: one second.
const PROBABILITIES: usize = 32;

/// Detects speech on one track while its samples arrive.
///
/// A push may hold any number of samples in any encoding. Each frame of 32 ms is evaluated as soon
/// as it is complete, and the result does not depend on how samples are divided into pushes. A push
/// without an event allocates nothing, after one of the same length.
///
/// ```
/// use callweave::live::{SpeechStream, StreamEvent, StreamOptions};
/// use callweave::units::Rate;
///
/// let mut stream = SpeechStream::new(Rate::NARROWBAND, &StreamOptions::default())?;
/// for frame in [[0i16; 160]; 50] {
///     for event in stream.push(frame.as_slice())? {
///         match event {
///             StreamEvent::SpeechStart { at, .. } => println!("speech since {at}"),
///             StreamEvent::SpeechEnd { span, .. } => println!("speech until {}", span.end),
///             _ => {}
///         }
///     }
/// }
/// assert!(stream.flush()?.is_empty() && stream.probability() < 0.5);
/// # Ok::<(), callweave::Error>(())
/// ```
pub struct SpeechStream {
    rate: Rate,
    reader: SampleReader,
    resampler: Resampler,
    detector: SileroStream,
    walk: Hysteresis,
    /// Number of samples taken.
    pushed: u64,
    frames: u64,
    flushed: bool,
    block: Vec<f32>,
    narrowband: Vec<f32>,
    answers: StreamAnswers,
}

/// The results of the last push.
#[derive(Debug, Default)]
struct StreamAnswers {
    events: Vec<StreamEvent>,
    probabilities: Vec<f32>,
    /// The latest probability.
    probability: f32,
}

impl fmt::Debug for SpeechStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, pushed, walk, .. } = self;
        f.debug_struct("SpeechStream")
            .field("rate", rate)
            .field("pushed", pushed)
            .field("walk", walk)
            .finish_non_exhaustive()
    }
}

impl SpeechStream {
    /// Time between two probabilities.
    pub const HOP: Millis = SILERO_HOP;

    /// Creates a stream for samples of the given rate.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidArgument`] for options out of range.
    /// - [`ErrorKind::Unsupported`] if the rate cannot be converted to 8 kHz.
    pub fn new(rate: Rate, options: &StreamOptions) -> Result<Self> {
        options.validate()?;
        let forget = options.reset_after_ms.map(|after| (after, options.neg_threshold()));
        let room = || Vec::with_capacity(BLOCK);
        Ok(Self {
            rate,
            reader: SampleReader::default(),
            resampler: Resampler::new(rate, Rate::NARROWBAND)?,
            detector: SileroStream::new(options.portable, forget),
            walk: Hysteresis::new(options),
            pushed: 0,
            frames: 0,
            flushed: false,
            block: room(),
            narrowband: room(),
            answers: StreamAnswers { probabilities: Vec::with_capacity(PROBABILITIES), ..StreamAnswers::default() },
        })
    }

    /// Takes the next samples, and returns the events that became certain.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] after [`flush`](Self::flush), and if the encoding changes in
    /// the middle of a sample. The stream is then unchanged.
    pub fn push<'a>(&mut self, samples: impl Into<LiveSamples<'a>>) -> Result<&[StreamEvent]> {
        let samples = samples.into();
        self.answers.clear();
        if self.flushed {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "the stream has ended")
                .with_mismatch("push after flush", "reset first"));
        }
        match samples {
            LiveSamples::F32(all) => all.chunks(BLOCK).try_for_each(|part| self.take(LiveSamples::F32(part)))?,
            LiveSamples::I16(all) => all.chunks(BLOCK).try_for_each(|part| self.take(LiveSamples::I16(part)))?,
            LiveSamples::Bytes(encoding, all) => {
                all.chunks(BLOCK).try_for_each(|part| self.take(LiveSamples::Bytes(encoding, part)))?;
            }
        }
        Ok(&self.answers.events)
    }

    /// Takes the next samples together with their sample rate.
    ///
    /// # Errors
    /// Those of [`push`](Self::push), and [`ErrorKind::InvalidArgument`] for a rate other than the
    /// stream's.
    pub fn push_at<'a>(&mut self, rate: Rate, samples: impl Into<LiveSamples<'a>>) -> Result<&[StreamEvent]> {
        if rate != self.rate {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "the sample rate changed on a stream")
                .with_mismatch(rate, self.rate));
        }
        self.push(samples)
    }

    /// Ends the track, and returns the last events. Open speech ends with the track.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] after another flush, and if a sample is incomplete.
    pub fn flush(&mut self) -> Result<&[StreamEvent]> {
        self.answers.clear();
        let wrong = |found: &str, expected: &str| {
            Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "the stream cannot end here")
                .with_mismatch(found, expected))
        };
        if self.flushed {
            return wrong("a second flush", "reset first");
        }
        if self.reader.is_cut() {
            return wrong("part of a sample", "a whole sample");
        }
        self.flushed = true;
        self.narrowband.clear();
        self.resampler.finish(&mut self.narrowband)?;
        let duration = self.heard().0;
        self.hear(duration);
        let Self { detector, walk, frames, answers, .. } = self;
        detector.finish(|p| answers.frame(walk, frames, duration, p));
        answers.events.extend(walk.finish(duration).into_iter().flatten());
        Ok(&self.answers.events)
    }

    /// Resets the stream for another track of the same rate, starting at 0 ms.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`], like [`new`](Self::new).
    pub fn reset(&mut self) -> Result<()> {
        self.resampler = Resampler::new(self.rate, Rate::NARROWBAND)?;
        self.detector.reset();
        self.walk.reset();
        self.reader = SampleReader::default();
        (self.pushed, self.frames, self.flushed) = (0, 0, false);
        self.answers.clear();
        self.answers.probability = 0.0;
        Ok(())
    }

    /// Returns the probabilities of the frames completed by the last push or flush.
    pub fn probabilities(&self) -> &[f32] {
        &self.answers.probabilities
    }

    /// Returns the probability of the last frame, or 0 before the first.
    pub fn probability(&self) -> f32 {
        self.answers.probability
    }

    /// Returns the duration of the samples taken.
    pub fn heard(&self) -> Millis {
        self.rate.millis(self.pushed)
    }

    /// Returns `true` if speech was reported that has not ended.
    pub fn is_speaking(&self) -> bool {
        self.walk.is_speaking()
    }

    /// Returns the sample rate.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    fn take(&mut self, samples: LiveSamples<'_>) -> Result<()> {
        self.block.clear();
        self.reader.read(samples, &mut self.block)?;
        self.pushed += self.block.len() as u64;
        self.narrowband.clear();
        self.resampler.push(&self.block, &mut self.narrowband)?;
        self.hear(f64::INFINITY);
        Ok(())
    }

    /// Processes the 8 kHz samples of a track that ends at a time.
    fn hear(&mut self, end: f64) {
        let Self { detector, walk, frames, answers, narrowband, .. } = self;
        detector.push(narrowband, |p| answers.frame(walk, frames, end, p));
    }
}

impl StreamAnswers {
    fn clear(&mut self) {
        self.events.clear();
        self.probabilities.clear();
    }

    fn frame(&mut self, walk: &mut Hysteresis, frames: &mut u64, end: f64, p: f32) {
        self.probabilities.push(p);
        self.probability = p;
        let time = |frame: u64| frame as f64 * SILERO_HOP.0;
        self.events.extend(walk.push(time(*frames), time(*frames + 1).min(end), p));
        *frames += 1;
    }
}

#[cfg(test)]
mod tests;
