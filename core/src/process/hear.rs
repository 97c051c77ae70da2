//! The one pass over a recording: a stretch is decoded, given to every listener, and dropped.

use crate::config::{Config, DetectorKind};
use crate::control::Control;
use crate::decode::{Decoder, Input, Lane, SourceInfo};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::level::Level;
use crate::resample::Resampler;
use crate::sounds::{Band, Sound};
use crate::threads::{self, Job};
use crate::units::{Millis, Rate};
use crate::voice::{self, Detector, Probabilities};

use super::ears::{Ears, Stretch, Told};
use super::watch::Watch;

/// What one pass leaves of a track.
#[derive(Debug)]
pub(super) struct Heard {
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
    pub sounds: Vec<Sound>,
    /// How wide its speech is.
    pub band: Band,
    /// The samples, where they are kept.
    pub samples: Vec<i16>,
    /// The samples at 8 kHz, where they are kept and are not the same.
    pub(super) narrow: Vec<i16>,
}

impl Heard {
    /// The samples at 8 kHz; none where they were not kept.
    pub(super) fn narrow(&self) -> &[i16] {
        if self.narrow.is_empty() && self.rate == Rate::NARROWBAND { &self.samples } else { &self.narrow }
    }
}

/// What is kept of a track's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keep {
    /// The samples as they are, for a mix.
    pub tracks: bool,
    /// The samples at 8 kHz, for placing tracks against each other.
    pub narrow: bool,
}

/// Samples that are heard at once where there is one thread: few, so that they stay in the processor's nearest memory.
const SHORT_STRETCH: usize = 4096;
/// What is heard at once where there are more: two of the voice detector's blocks, some milliseconds of work.
const LONG_STRETCH: Millis = Millis(6144.0);
/// And at most so many samples of all tracks together.
const MOST_SAMPLES: usize = 1 << 19;

/// Hears one recording to its end: one track per channel, or as its leg and the options say.
///
/// # Errors
/// Those of the decoder; `no_audio` where not one sample could be decoded; `cancelled`.
pub(super) fn hear(input: Input, config: &Config, keep: Keep, control: &Control, watch: &Watch) -> Result<Vec<Heard>> {
    let decoder = Decoder::open(input, &config.decode)?;
    let name = decoder.name().to_owned();
    let named = |e: Error| e.in_input(&name);
    let rate = decoder.spec().rate;
    let lanes = Lane::of(decoder.spec().channels, decoder.leg(), &config.decode).map_err(named)?;
    // The channels of one recording are held against each other too.
    let keep = Keep { narrow: keep.narrow || lanes.len() > 1, ..keep };
    let mut reader = Reader::new(decoder, &lanes, control, watch).map_err(named)?;
    let mut ears: Vec<Ears> = lanes.iter().map(|_| Ears::new(rate, keep, config.portable)).collect();
    let mut detector = voice::detector(config, lanes.len())?;
    let mut probabilities = vec![Vec::new(); lanes.len()];
    listen(&mut reader, &mut ears, &mut *detector, &mut probabilities)?;
    detector.finish(&mut probabilities)?;
    let hop = detector.hop();
    let source = reader.decoder.finish()?;
    if ears.iter().all(|e| e.samples() == 0) {
        return Err(named(Error::new(ErrorKind::NoAudio, Stage::Decode, "not one sample could be decoded")));
    }
    // WebRTC's detector takes music for speech: what it says of music is worth nothing.
    let trusted = |values: &[f32]| if config.detector == DetectorKind::Silero { values.to_vec() } else { Vec::new() };
    let heard = |((ears, values), lane): ((Ears, Vec<f32>), &Lane)| {
        let duration = rate.millis(ears.samples());
        let Told { level, sounds, band, samples, narrow } = ears.finish(&trusted(&values));
        let (channel, source, voice) = (lane.channel(), source.clone(), Probabilities { hop, values });
        Heard { channel, source, rate, duration, level, voice, sounds, band, samples, narrow }
    };
    Ok(ears.into_iter().zip(probabilities).zip(&lanes).map(heard).collect())
}

/// Lets everybody hear a recording to its end. With more than one thread, the next stretch is decoded while this one is
/// heard, each listener hearing it beside the others; the voice detector, which costs most and may not cross threads, here.
fn listen(
    reader: &mut Reader,
    ears: &mut [Ears],
    detector: &mut dyn Detector,
    probabilities: &mut [Vec<f32>],
) -> Result<()> {
    let beside = threads::count() > 1;
    let frames = if beside { reader.long_stretch() } else { SHORT_STRETCH };
    let stretches = || -> Vec<Stretch> { ears.iter().map(|_| Stretch::default()).collect() };
    let (mut now, mut next) = (stretches(), stretches());
    let mut more = reader.fill(&mut now, frames)?;
    while more {
        let narrow: Vec<&[f32]> = now.iter().map(|stretch| stretch.narrow.as_slice()).collect();
        let mut filled = Ok(false);
        if beside {
            let mut jobs: Vec<Job> = vec![Box::new(|| filled = reader.fill(&mut next, frames))];
            jobs.extend(ears.iter_mut().zip(&now).flat_map(|(ears, stretch)| ears.jobs(stretch)));
            threads::beside(jobs, || detector.push(&narrow, probabilities))?;
        } else {
            ears.iter_mut().zip(&now).for_each(|(ears, stretch)| ears.hear(stretch));
            detector.push(&narrow, probabilities)?;
            filled = reader.fill(&mut next, frames);
        }
        more = filled?;
        std::mem::swap(&mut now, &mut next);
    }
    Ok(())
}

/// Reads a recording stretch by stretch, every track as it is and at 8 kHz.
struct Reader<'a> {
    decoder: Decoder,
    lanes: &'a [Lane],
    to_narrow: Vec<Resampler>,
    control: &'a Control,
    watch: &'a Watch,
    /// Bytes that were told of.
    seen: u64,
    ended: bool,
    room: Vec<f32>,
}

impl<'a> Reader<'a> {
    fn new(decoder: Decoder, lanes: &'a [Lane], control: &'a Control, watch: &'a Watch) -> Result<Self> {
        let rate = decoder.spec().rate;
        let to_narrow = lanes.iter().map(|_| Resampler::new(rate, Rate::NARROWBAND)).collect::<Result<_>>()?;
        Ok(Self { decoder, lanes, to_narrow, control, watch, seen: 0, ended: false, room: Vec::new() })
    }

    /// Samples of a stretch that is worth the way to another thread.
    fn long_stretch(&self) -> usize {
        let samples = self.decoder.spec().rate.sample_at(LONG_STRETCH);
        usize::try_from(samples).unwrap_or(MOST_SAMPLES).min(MOST_SAMPLES / self.lanes.len().max(1)).max(SHORT_STRETCH)
    }

    /// Fills a stretch of each track with at least so many samples, fewer only at the end; false where nothing was left.
    fn fill(&mut self, stretches: &mut [Stretch], frames: usize) -> Result<bool> {
        stretches.iter_mut().for_each(Stretch::clear);
        if self.ended {
            return Ok(false);
        }
        let mut filled = 0;
        while filled < frames && !self.ended {
            let Some(block) = self.decoder.next_block()? else {
                self.ended = true;
                break;
            };
            self.control.check(Stage::Decode)?;
            filled += block.frames();
            for (lane, stretch) in self.lanes.iter().zip(stretches.iter_mut()) {
                stretch.own.extend_from_slice(lane.samples(block, &mut self.room));
            }
            let read = self.decoder.bytes_read();
            self.watch.advance(read - self.seen, self.control);
            self.seen = read;
        }
        for (to_narrow, stretch) in self.to_narrow.iter_mut().zip(stretches) {
            to_narrow.push(&stretch.own, &mut stretch.narrow)?;
            if self.ended {
                to_narrow.finish(&mut stretch.narrow)?;
            }
        }
        Ok(true)
    }
}
