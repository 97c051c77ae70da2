//! Step 2: one pass over each recording. Each block is decoded, analyzed by every stage, and
//! dropped.

use crate::call::Leg;
use crate::decode::{ChannelSelection, SourceInfo};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::events::{Band, TrackEvent};
use crate::level::Level;
use crate::provider::Recording;
use crate::run::RunOptions;
use crate::threads;
use crate::track::{CompactPcm, Narrowband, sealed};
use crate::units::{Millis, Rate, Span};
use crate::vad::Probabilities;
use std::sync::Arc;

use super::analyzer::{Retention, StageResults, TrackAnalyzer};
use super::describe::{DescribedRecording, OpenRecording};
use super::detector::DetectorChoice;
use super::progress::ProgressCounter;
use super::reader::{RecordingReader, UnreadCount};

/// The analysis of one track.
#[derive(Debug)]
pub(super) struct TrackAnalysis {
    /// The track's channel, or `None` if channels were averaged.
    pub channel: Option<u16>,
    /// The recording it came from.
    pub source: SourceInfo,
    /// The rate at which the recording was decoded: its own, or `decode.downsampleHz`.
    pub rate: Rate,
    /// The track's duration.
    pub duration: Millis,
    /// The track's levels.
    pub level: Level,
    /// Probability of speech, frame by frame.
    pub speech: Probabilities,
    /// Sounds other than speech, in the track's time.
    pub events: Vec<TrackEvent>,
    /// Spans that may contain undetected key presses, in the track's time.
    pub key_doubts: Vec<Span>,
    /// Bandwidth of the track's speech.
    pub band: Band,
    /// The samples, if they are kept.
    pub samples: Vec<i16>,
    /// The samples at 8 kHz, if they are kept and were recorded at another rate.
    pub(super) narrowband: Option<CompactPcm>,
    /// Length at 8 kHz of a track whose samples were not kept.
    pub(super) gone: GoneSamples,
}

/// Silence in place of samples that were not kept.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct GoneSamples(pub usize);

impl sealed::Sealed for GoneSamples {}

impl Narrowband for GoneSamples {
    fn len(&self) -> usize {
        self.0
    }

    fn read(&self, _: usize, out: &mut [f32]) {
        out.fill(0.0);
    }
}

impl TrackAnalysis {
    /// Returns what the track is placed by: its samples at 8 kHz, or their number.
    pub(super) fn placed_by(&self) -> &dyn Narrowband {
        if self.gone.0 > 0 { &self.gone } else { self.narrowband() }
    }

    /// Returns the samples at 8 kHz, or none if they were not kept.
    pub(super) fn narrowband(&self) -> &dyn Narrowband {
        match &self.narrowband {
            Some(compact) => compact,
            None if self.rate == Rate::NARROWBAND => &self.samples,
            None => NO_SAMPLES,
        }
    }
}

/// Stands for the samples of a track that was not kept.
pub(super) const NO_SAMPLES: &dyn Narrowband = &EMPTY;
const EMPTY: Vec<i16> = Vec::new();

/// One recording after the pass.
pub(super) struct AnalyzedRecording {
    pub leg: Leg,
    pub described: Option<Arc<Recording>>,
    /// One track per channel, or as its leg and the options say.
    pub tracks: Result<Vec<TrackAnalysis>>,
}

/// Analyzes all recordings in parallel. A recording that fails keeps its error.
///
/// `mixed` says whether a track may hold several parties.
pub(super) fn analyze(
    recordings: Vec<DescribedRecording>,
    detector: &DetectorChoice,
    keep_tracks: bool,
    mixed: bool,
    run: &RunOptions,
) -> Vec<AnalyzedRecording> {
    let several = recordings.len() > 1;
    let keep =
        Retention { tracks: keep_tracks, narrowband: several || (mixed && detector.config.voices), alone: !several };
    let sizes = recordings.iter().map(|r| r.opened.as_ref().map_or(Some(0), |open| open.decoder.size_hint()));
    let progress = ProgressCounter::new(sizes.sum());
    let unread = UnreadCount::new(recordings.len());
    detector.prepare();
    threads::map(recordings, |DescribedRecording { leg, described, opened }| {
        let tracks = opened.and_then(|recording| one(recording, detector, keep, &unread, run, &progress));
        unread.subtract();
        AnalyzedRecording { leg, described, tracks }
    })
}

/// Analyzes one recording.
///
/// # Errors
/// Those of the decoder; `no_audio` if no samples could be decoded; `cancelled`.
fn one(
    recording: OpenRecording,
    detector: &DetectorChoice,
    keep: Retention,
    unread: &UnreadCount,
    run: &RunOptions,
    progress: &ProgressCounter,
) -> Result<Vec<TrackAnalysis>> {
    let OpenRecording { decoder, channels } = recording;
    let name = decoder.name().to_owned();
    let named = |e: Error| e.in_input(&name);
    let rate = decoder.spec().rate;
    // The channels of one recording are held against each other too.
    let keep = Retention { narrowband: keep.narrowband || channels.len() > 1, ..keep };
    // Analysis takes the greater part of the threads, and other recordings take the rest.
    let parts = if keep.alone { threads::count() / 2 } else { 1 };
    let on_block = progress.on_block(run);
    let mut reader = RecordingReader::new(decoder, &channels, parts, on_block).narrowed().map_err(named)?;
    let mut analyzers: Vec<_> =
        channels.iter().map(|_| TrackAnalyzer::new(rate, keep, detector.config.portable)).collect();
    let speech = run_stages(&mut reader, unread, &mut analyzers, detector)?;
    let source = reader.decoder.finish()?;
    if analyzers.iter().all(|analyzer| analyzer.samples() == 0) {
        return Err(named(Error::new(ErrorKind::NoAudio, Stage::Decode, "no samples could be decoded")));
    }
    let finish = |((analyzer, speech), channel): ((TrackAnalyzer, Probabilities), &ChannelSelection)| {
        track(analyzer, speech, channel.channel(), &source, rate, detector).map_err(named)
    };
    analyzers.into_iter().zip(speech).zip(&channels).map(finish).collect()
}

/// Collects the results of all stages for one track.
fn track(
    analyzer: TrackAnalyzer,
    speech: Probabilities,
    channel: Option<u16>,
    source: &SourceInfo,
    rate: Rate,
    detector: &DetectorChoice,
) -> Result<TrackAnalysis> {
    let duration = rate.millis(analyzer.samples());
    detector.check(&speech, duration)?;
    let StageResults { level, events, key_doubts, band, samples, narrowband } =
        analyzer.finish(detector.trusted(&speech));
    Ok(TrackAnalysis {
        channel,
        source: source.clone(),
        rate,
        duration,
        level,
        speech,
        events,
        key_doubts,
        band,
        samples,
        narrowband,
        gone: GoneSamples::default(),
    })
}

/// Runs every stage over a recording, and returns the speech probabilities of each track.
///
/// With more threads than `unread` recordings, the next block is decoded while this one is
/// analyzed, and the stages run in parallel. The speech detector, which costs most, runs on the
/// calling thread.
fn run_stages(
    reader: &mut RecordingReader,
    unread: &UnreadCount,
    analyzers: &mut [TrackAnalyzer],
    detector: &DetectorChoice,
) -> Result<Vec<Probabilities>> {
    let mut detector = detector.detector(analyzers.len())?;
    let mut probabilities = vec![Vec::new(); analyzers.len()];
    reader.read(unread, |blocks, fill| {
        let narrowband: Vec<&[f32]> = blocks.iter().map(|block| block.narrowband.as_slice()).collect();
        let pairs = analyzers.iter_mut().zip(blocks);
        if let Some(fill) = fill {
            let jobs = pairs.flat_map(|(analyzer, block)| analyzer.jobs(block));
            let jobs = std::iter::once(fill).chain(jobs).collect();
            threads::beside(jobs, || detector.push(&narrowband, &mut probabilities))
        } else {
            pairs.for_each(|(analyzer, block)| analyzer.push(block));
            detector.push(&narrowband, &mut probabilities)
        }
    })?;
    detector.finish(&mut probabilities)?;
    let hop = detector.hop();
    Ok(probabilities.into_iter().map(|values| Probabilities { hop, values }).collect())
}
