//! Analyzes tracks while their samples arrive, and reports on a live call. The steps after the pass
//! over each recording are those of any other call.

use crate::call::{Call, Leg};
use crate::config::Config;
use crate::decode::{Codec, Container, DelayBasis, SourceInfo};
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::events::SoundLook;
use crate::resample::Resampler;
use crate::room::make_room;
use crate::run::RunOptions;
use crate::units::{Millis, Rate};
use crate::vad::{Probabilities, SILERO_HOP, SileroStream};

use super::analyze::{AnalyzedRecording, GoneSamples, TrackAnalysis};
use super::analyzer::{Retention, StageResults, TrackAnalyzer};
use super::detector::DetectorChoice;
use super::reader::TrackBlock;
use super::{CallInput, Processed, in_threads, run_steps, without_names};

/// Time for which memory is reserved at once.
const ROOM: Millis = Millis(120_000.0);
/// Frames before the end of the reserved memory at which more is reserved. Some stages are ahead of
/// others by a fraction of a second.
const MARGIN: usize = 64;

/// All stages of one track, fed while samples arrive.
pub(crate) struct LiveAnalyzer {
    rate: Rate,
    analyzer: TrackAnalyzer,
    resampler: Resampler,
    detector: SileroStream,
    probabilities: Vec<f32>,
    /// Number of probabilities for which memory is reserved.
    room_until: usize,
    block: TrackBlock,
}

impl LiveAnalyzer {
    /// Creates the stages of a track. The configuration's detector must be Silero.
    ///
    /// # Errors
    /// `unsupported` if the rate cannot be converted to 8 kHz.
    pub(crate) fn new(rate: Rate, config: &Config) -> Result<Self> {
        let forget = config.speech.reset_after_ms.map(|after| (after, config.speech.neg_threshold));
        let block = longest_block(rate);
        let nothing = Retention { tracks: false, narrowband: false, alone: false };
        Ok(Self {
            rate,
            analyzer: TrackAnalyzer::new(rate, nothing, config.portable),
            resampler: Resampler::new(rate, Rate::NARROWBAND)?,
            detector: SileroStream::new(config.portable, forget),
            probabilities: Vec::new(),
            room_until: 0,
            block: TrackBlock { own: Vec::with_capacity(block), narrowband: Vec::with_capacity(block) },
        })
    }

    /// Takes the next samples and appends the probabilities of the frames they complete.
    ///
    /// # Errors
    /// `internal` if the resampler fails.
    pub(crate) fn push(&mut self, samples: &[f32], probabilities: &mut Vec<f32>) -> Result<()> {
        if self.probabilities.len() + MARGIN > self.room_until {
            self.make_room();
        }
        self.block.own.clear();
        self.block.own.extend_from_slice(samples);
        self.block.narrowband.clear();
        self.resampler.push(samples, &mut self.block.narrowband)?;
        self.hear(probabilities);
        Ok(())
    }

    /// Ends the track and appends the remaining probabilities.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub(crate) fn end(&mut self, probabilities: &mut Vec<f32>) -> Result<()> {
        self.block.own.clear();
        self.block.narrowband.clear();
        self.resampler.finish(&mut self.block.narrowband)?;
        self.hear(probabilities);
        let before = probabilities.len();
        self.detector.finish(|p| probabilities.push(p));
        self.probabilities.extend_from_slice(&probabilities[before..]);
        Ok(())
    }

    fn hear(&mut self, probabilities: &mut Vec<f32>) {
        self.analyzer.push(&self.block);
        let before = probabilities.len();
        self.detector.push(&self.block.narrowband, |p| probabilities.push(p));
        self.probabilities.extend_from_slice(&probabilities[before..]);
    }

    /// Returns the mean square of the last samples at 8 kHz, or `None` if there were none.
    pub(crate) fn power(&self) -> Option<f32> {
        let samples = &self.block.narrowband;
        let energy: f32 = samples.iter().map(|x| x * x).sum();
        (!samples.is_empty()).then(|| energy / samples.len() as f32)
    }

    /// Returns counters that change whenever a sound other than speech is detected.
    pub(crate) fn changes(&self) -> [u64; 3] {
        self.analyzer.changes()
    }

    /// Returns the sounds other than speech since a time, as if the track ended here.
    pub(crate) fn events_since(&self, from: Millis, look: &mut SoundLook) {
        self.analyzer.events_since(from, &self.probabilities, look);
    }

    /// Reserves memory for the results of at least the next minute.
    pub(crate) fn make_room(&mut self) {
        make_room(&mut self.probabilities, (ROOM.0 / SILERO_HOP.0) as usize);
        self.analyzer.make_room(ROOM);
        self.room_until = self.probabilities.len() + (ROOM.0 / SILERO_HOP.0) as usize / 2;
    }

    /// Returns the analysis of the track so far.
    fn analysis(&self, source: SourceInfo) -> TrackAnalysis {
        let duration = self.rate.millis(self.analyzer.samples());
        let StageResults { level, events, key_doubts, band, samples, narrowband } =
            self.analyzer.clone().finish(&self.probabilities);
        let speech = Probabilities { hop: SILERO_HOP, values: self.probabilities.clone() };
        TrackAnalysis {
            channel: Some(0),
            source: SourceInfo { duration_ms: duration, ..source },
            rate: self.rate,
            duration,
            level,
            speech,
            events,
            key_doubts,
            band,
            samples,
            narrowband,
            gone: GoneSamples(Rate::NARROWBAND.sample_at(duration) as usize),
        }
    }
}

/// Returns the length of the longest block: 32 ms at the higher of both rates, plus what the
/// resampler held back.
fn longest_block(rate: Rate) -> usize {
    rate.max(Rate::NARROWBAND).sample_at(SILERO_HOP) as usize + 2048
}

/// What is known about a track besides its audio.
#[derive(Debug, Clone)]
pub(crate) struct LiveSource {
    pub name: String,
    pub leg: Leg,
    /// Whether its samples are integers.
    pub whole: bool,
    /// Warnings about the track.
    pub warnings: Vec<Warning>,
}

impl LiveSource {
    fn info(&self, analyzer: &LiveAnalyzer) -> SourceInfo {
        let (codec, width) = if self.whole { (Codec::PcmS16, 2) } else { (Codec::PcmF32, 4) };
        SourceInfo {
            path: Some(self.name.clone()),
            container: Container::Samples,
            codec,
            sample_rate_hz: analyzer.rate,
            decoded_rate_hz: None,
            channels: 1,
            bytes: analyzer.analyzer.samples() * width,
            sha256: None,
            duration_ms: Millis(0.0),
            codec_delay_ms: Millis(0.0),
            codec_delay_basis: DelayBasis::None,
            warnings: self.warnings.clone(),
        }
    }
}

/// Reports on the call so far, without samples.
///
/// # Errors
/// `no_audio` if no track has a sample; `cancelled`; `internal` for a defect.
pub(crate) fn report_so_far(
    call: Call,
    tracks: Vec<(LiveSource, &LiveAnalyzer)>,
    warnings: Vec<Warning>,
    config: &Config,
    run: &RunOptions,
) -> Result<Processed> {
    let analyzed = tracks.into_iter().map(|(source, analyzer)| AnalyzedRecording {
        tracks: match analyzer.analyzer.samples() {
            0 => Err(Error::new(ErrorKind::NoAudio, Stage::Decode, "no samples were received").in_input(&source.name)),
            _ => Ok(vec![analyzer.analysis(source.info(analyzer))]),
        },
        leg: source.leg,
        described: None,
    });
    let (analyzed, described) = (analyzed.collect(), CallInput { call, warnings, ..CallInput::default() });
    let report = in_threads(run, false, || run_steps(analyzed, described, DetectorChoice::new(config, None), run))?;
    report.map_err(|error| without_names(error, config.pii))
}

/// Processes a call whose samples were kept, adding the warnings collected while they arrived.
///
/// # Errors
/// Those of [`process`](super::process).
pub(crate) fn process_kept(
    call: CallInput,
    warnings: &[Vec<Warning>],
    config: &Config,
    run: &RunOptions,
) -> Result<Processed> {
    super::process_call(call, config, true, warnings, run)
}
