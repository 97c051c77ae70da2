//! The one pass over a recording: a block is decoded, given to every listener, and dropped.

use crate::config::{Config, DetectorKind};
use crate::control::Control;
use crate::decode::{Decoder, Input, Lane, SourceInfo};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::level::{Level, LevelMeter};
use crate::resample::Resampler;
use crate::sounds::{Band, BandMeter, Clipping, Sound, Sounds, Zero};
use crate::track::{Keeper, Listener};
use crate::units::{Millis, Rate};
use crate::voice::{self, Probabilities};

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

/// The listeners of one track.
struct Ears {
    level: LevelMeter,
    keeper: Option<Keeper>,
    /// The whole track at 8 kHz, where it is kept.
    narrow_keeper: Option<Keeper>,
    sounds: Sounds,
    zero: Zero,
    clipping: Clipping,
    band: BandMeter,
    to_narrow: Resampler,
    /// The track at 8 kHz, as far as it waits for the detector.
    narrow: Vec<f32>,
    samples: u64,
}

impl Ears {
    fn new(rate: Rate, keep: Keep, portable: bool) -> Result<Self> {
        let narrow_apart = keep.narrow && !(keep.tracks && rate == Rate::NARROWBAND);
        Ok(Self {
            level: LevelMeter::new(rate),
            keeper: keep.tracks.then(Keeper::default),
            narrow_keeper: narrow_apart.then(Keeper::default),
            sounds: Sounds::new(&[], portable),
            zero: Zero::new(rate.hz()),
            clipping: Clipping::new(rate.hz()),
            band: BandMeter::new(rate.hz()),
            to_narrow: Resampler::new(rate, Rate::NARROWBAND)?,
            narrow: Vec::new(),
            samples: 0,
        })
    }

    fn hear(&mut self, samples: &[f32]) -> Result<()> {
        self.samples += samples.len() as u64;
        self.level.hear(samples);
        self.zero.push(samples);
        self.clipping.push(samples);
        self.band.push(samples);
        if let Some(keeper) = &mut self.keeper {
            keeper.hear(samples);
        }
        self.narrow.clear();
        self.to_narrow.push(samples, &mut self.narrow)?;
        self.hear_narrow();
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.narrow.clear();
        self.to_narrow.finish(&mut self.narrow)?;
        self.hear_narrow();
        Ok(())
    }

    /// Gives the samples at 8 kHz to those who listen there.
    fn hear_narrow(&mut self) {
        self.sounds.push(&self.narrow);
        if let Some(keeper) = &mut self.narrow_keeper {
            keeper.hear(&self.narrow);
        }
    }
}

/// Hears one recording to its end: one track per channel, or as its leg and the options say.
///
/// # Errors
/// Those of the decoder; `no_audio` where not one sample could be decoded; `cancelled`.
pub(super) fn hear(input: Input, config: &Config, keep: Keep, control: &Control, watch: &Watch) -> Result<Vec<Heard>> {
    let mut decoder = Decoder::open(input, &config.decode)?;
    let name = decoder.name().to_owned();
    let named = |e: Error| e.in_input(&name);
    let rate = decoder.spec().rate;
    let lanes = Lane::of(decoder.spec().channels, decoder.leg(), &config.decode).map_err(named)?;
    // The channels of one recording are held against each other too.
    let keep = Keep { narrow: keep.narrow || lanes.len() > 1, ..keep };
    let mut ears =
        lanes.iter().map(|_| Ears::new(rate, keep, config.portable)).collect::<Result<Vec<_>>>().map_err(named)?;
    let mut detector = voice::detector(config, lanes.len())?;
    let mut probabilities = vec![Vec::new(); lanes.len()];
    let mut seen = 0;
    let mut room = Vec::new();
    while let Some(block) = decoder.next_block()? {
        control.check(Stage::Decode)?;
        for (lane, ears) in lanes.iter().zip(&mut ears) {
            ears.hear(lane.samples(block, &mut room))?;
        }
        let narrow: Vec<&[f32]> = ears.iter().map(|e| e.narrow.as_slice()).collect();
        detector.push(&narrow, &mut probabilities)?;
        watch.advance(decoder.bytes_read() - seen, control);
        seen = decoder.bytes_read();
    }
    ears.iter_mut().try_for_each(Ears::finish)?;
    let narrow: Vec<&[f32]> = ears.iter().map(|e| e.narrow.as_slice()).collect();
    detector.push(&narrow, &mut probabilities)?;
    detector.finish(&mut probabilities)?;
    let hop = detector.hop();
    let source = decoder.finish()?;
    if ears.iter().all(|e| e.samples == 0) {
        return Err(named(Error::new(ErrorKind::NoAudio, Stage::Decode, "not one sample could be decoded")));
    }
    // WebRTC's detector takes music for speech: what it says of music is worth nothing.
    let trusted = |values: &'_ [f32]| -> Vec<f32> {
        if config.detector == DetectorKind::Silero { values.to_vec() } else { Vec::new() }
    };
    let heard = |((ears, values), lane): ((Ears, Vec<f32>), &Lane)| Heard {
        channel: lane.channel(),
        source: source.clone(),
        rate,
        duration: rate.millis(ears.samples),
        sounds: sounds(ears.sounds.finish(&trusted(&values)), ears.zero.finish(), ears.clipping.finish()),
        level: ears.level.finish(),
        band: ears.band.finish(),
        voice: Probabilities { hop, values },
        samples: ears.keeper.map(|k| k.finish().0).unwrap_or_default(),
        narrow: ears.narrow_keeper.map(|k| k.finish().0).unwrap_or_default(),
    };
    Ok(ears.into_iter().zip(probabilities).zip(&lanes).map(heard).collect())
}

/// All sounds of a track in the order of their beginnings.
fn sounds(mut all: Vec<Sound>, zero: Vec<Sound>, clipping: Vec<Sound>) -> Vec<Sound> {
    all.extend(zero);
    all.extend(clipping);
    all.sort_by(|a, b| a.start_ms.total_cmp(&b.start_ms).then(a.kind.cmp(&b.kind)));
    all
}
