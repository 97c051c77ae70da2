//! The one pass over a recording: a stretch is decoded, given to every listener, and dropped.

use crate::config::{Config, DetectorKind};
use crate::decode::{ChannelSelection, Decoder, Input, SourceInfo};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::events::{Band, TrackEvent};
use crate::level::Level;
use crate::run::RunOptions;
use crate::threads;
use crate::track::{CompactPcm, Narrowband};
use crate::units::{Millis, Rate};
use crate::vad::{self, Detector, Probabilities};

use super::ears::{StageResults, TrackAnalyzer};
use super::reader::RecordingReader;
use super::watch::ProgressCounter;

/// What one pass leaves of a track.
#[derive(Debug)]
pub(super) struct TrackAnalysis {
    /// The channel it was; `None` where channels were averaged.
    pub channel: Option<u16>,
    /// The recording it came from.
    pub source: SourceInfo,
    /// The recording's rate.
    pub rate: Rate,
    /// How long it is.
    pub duration: Millis,
    /// How loud it is.
    pub level: Level,
    /// How likely speech is, frame by frame.
    pub voice: Probabilities,
    /// What sounds and is not speech, in the track's time.
    pub sounds: Vec<TrackEvent>,
    /// How wide its speech is.
    pub band: Band,
    /// The samples, where they are kept.
    pub samples: Vec<i16>,
    /// The samples at 8 kHz, where they are kept and were recorded at another rate.
    pub(super) narrow: Option<CompactPcm>,
}

impl TrackAnalysis {
    /// The samples at 8 kHz; none where they were not kept.
    pub(super) fn narrow(&self) -> &dyn Narrowband {
        match &self.narrow {
            Some(narrow) => narrow,
            None if self.rate == Rate::NARROWBAND => &self.samples,
            None => NOTHING,
        }
    }
}

/// What there is of a track that was not kept.
pub(super) const NOTHING: &dyn Narrowband = &NO_SAMPLES;
const NO_SAMPLES: Vec<i16> = Vec::new();

/// How a recording is heard, and what is kept of a track's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retention {
    /// The samples as they are, for a mix.
    pub tracks: bool,
    /// The samples at 8 kHz, for placing tracks against each other.
    pub narrow: bool,
    /// Whether the call is this one recording.
    pub alone: bool,
}

/// Hears one recording to its end: one track per channel, or as its leg and the options say.
///
/// # Errors
/// Those of the decoder; `no_audio` where not one sample could be decoded; `cancelled`.
pub(super) fn hear(
    input: Input,
    config: &Config,
    keep: Retention,
    run: &RunOptions,
    watch: &ProgressCounter,
) -> Result<Vec<TrackAnalysis>> {
    let decoder = Decoder::open(input, &config.decode)?;
    let name = decoder.name().to_owned();
    let named = |e: Error| e.in_input(&name);
    let rate = decoder.spec().rate;
    let lanes = ChannelSelection::of(decoder.spec().channels, decoder.leg(), &config.decode).map_err(named)?;
    // The channels of one recording are held against each other too.
    let keep = Retention { narrow: keep.narrow || lanes.len() > 1, ..keep };
    let mut seen = 0;
    let tell = |decoder: &Decoder| {
        run.check(Stage::Decode)?;
        watch.advance(decoder.bytes_read() - seen, run);
        seen = decoder.bytes_read();
        Ok(())
    };
    // Listening takes the greater part of the threads, and other recordings take the rest.
    let parts = if keep.alone { threads::count() / 2 } else { 1 };
    let mut reader = RecordingReader::new(decoder, &lanes, parts, keep.alone, tell).narrowed().map_err(named)?;
    let mut ears: Vec<TrackAnalyzer> = lanes.iter().map(|_| TrackAnalyzer::new(rate, keep, config.portable)).collect();
    let mut detector = vad::detector(config, lanes.len())?;
    let mut probabilities = vec![Vec::new(); lanes.len()];
    listen(&mut reader, &mut ears, &mut *detector, &mut probabilities)?;
    detector.finish(&mut probabilities)?;
    let hop = detector.hop();
    let source = reader.decoder.finish()?;
    if ears.iter().all(|e| e.samples() == 0) {
        return Err(named(Error::new(ErrorKind::NoAudio, Stage::Decode, "not one sample could be decoded")));
    }
    // WebRTC's detector takes music for speech: what it says of music is worth nothing.
    let trusted = config.detector == DetectorKind::Silero;
    let heard = |((ears, values), lane): ((TrackAnalyzer, Vec<f32>), &ChannelSelection)| {
        let duration = rate.millis(ears.samples());
        let StageResults { level, sounds, band, samples, narrow } = ears.finish(if trusted { &values } else { &[] });
        let (channel, source, voice) = (lane.channel(), source.clone(), Probabilities { hop, values });
        TrackAnalysis { channel, source, rate, duration, level, voice, sounds, band, samples, narrow }
    };
    Ok(ears.into_iter().zip(probabilities).zip(&lanes).map(heard).collect())
}

/// Lets everybody hear a recording to its end. With more than one thread, the next stretch is decoded while this one is
/// heard, each listener hearing it beside the others; the voice detector, which costs most and may not cross threads, here.
fn listen(
    reader: &mut RecordingReader,
    ears: &mut [TrackAnalyzer],
    detector: &mut dyn Detector,
    probabilities: &mut [Vec<f32>],
) -> Result<()> {
    reader.read(|stretches, fill| {
        let narrow: Vec<&[f32]> = stretches.iter().map(|stretch| stretch.narrow.as_slice()).collect();
        let pairs = ears.iter_mut().zip(stretches);
        if let Some(fill) = fill {
            let jobs = pairs.flat_map(|(ears, stretch)| ears.jobs(stretch));
            threads::beside(std::iter::once(fill).chain(jobs).collect(), || detector.push(&narrow, probabilities))
        } else {
            pairs.for_each(|(ears, stretch)| ears.push(stretch));
            detector.push(&narrow, probabilities)
        }
    })
}
