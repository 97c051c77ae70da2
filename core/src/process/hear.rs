//! The one pass over a recording: a block is decoded, given to every listener, and dropped.

use crate::call::Leg;
use crate::config::Config;
use crate::control::Control;
use crate::decode::{Decoder, Input, Lane, SourceInfo};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::level::{Level, LevelMeter};
use crate::resample::Resampler;
use crate::track::{Keeper, Listener};
use crate::units::{Millis, Rate};
use crate::voice::{self, Probabilities};

use super::watch::Watch;

/// What one pass leaves of a track.
#[derive(Debug)]
pub(super) struct Heard {
    /// Who is heard.
    pub leg: Leg,
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
    /// The samples, where they are kept.
    pub samples: Vec<i16>,
    /// The samples at 8 kHz, where there is another track to hold them against.
    pub narrow: Vec<i16>,
}

/// Which samples of a recording stay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    /// Those of the recording's own rate.
    pub own: bool,
    /// Those at 8 kHz, even where the recording has a single track.
    pub narrow: bool,
}

/// The listeners of one track.
struct Ears {
    level: LevelMeter,
    keeper: Option<Keeper>,
    to_narrow: Resampler,
    /// The track at 8 kHz, as far as it waits for the detector.
    narrow: Vec<f32>,
    /// The whole track at 8 kHz, where it is kept.
    narrow_keeper: Option<Keeper>,
    samples: u64,
}

impl Ears {
    fn new(rate: Rate, keep: Kept) -> Result<Self> {
        Ok(Self {
            level: LevelMeter::new(rate)?,
            keeper: keep.own.then(Keeper::default),
            to_narrow: Resampler::new(rate, Rate::NARROWBAND)?,
            narrow: Vec::new(),
            narrow_keeper: keep.narrow.then(Keeper::default),
            samples: 0,
        })
    }

    fn hear(&mut self, samples: &[f32]) -> Result<()> {
        self.samples += samples.len() as u64;
        self.level.hear(samples);
        if let Some(keeper) = &mut self.keeper {
            keeper.hear(samples);
        }
        self.narrow.clear();
        self.to_narrow.push(samples, &mut self.narrow)?;
        self.keep_narrow();
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.narrow.clear();
        self.to_narrow.finish(&mut self.narrow)?;
        self.keep_narrow();
        Ok(())
    }

    fn keep_narrow(&mut self) {
        if let Some(keeper) = &mut self.narrow_keeper {
            keeper.hear(&self.narrow);
        }
    }
}

/// Hears one recording to its end: one track per channel, or as its leg and the options say.
///
/// # Errors
/// Those of the decoder; `no_audio` where not one sample could be decoded; `cancelled`.
pub(super) fn hear(input: Input, config: &Config, keep: Kept, control: &Control, watch: &Watch) -> Result<Vec<Heard>> {
    let mut decoder = Decoder::open(input, &config.decode)?;
    let name = decoder.name().to_owned();
    let named = |e: Error| e.in_input(&name);
    let (rate, leg) = (decoder.spec().rate, decoder.leg().clone());
    let lanes = Lane::of(decoder.spec().channels, &leg, &config.decode).map_err(named)?;
    let keep = Kept { narrow: keep.narrow || lanes.len() > 1, ..keep };
    let mut ears = lanes.iter().map(|_| Ears::new(rate, keep)).collect::<Result<Vec<_>>>().map_err(named)?;
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
    let heard = |(ears, values): (Ears, Vec<f32>)| Heard {
        leg: leg.clone(),
        source: source.clone(),
        rate,
        duration: rate.millis(ears.samples),
        level: ears.level.finish(),
        voice: Probabilities { hop, values },
        samples: ears.keeper.map(|k| k.finish().0).unwrap_or_default(),
        narrow: ears.narrow_keeper.map(|k| k.finish().0).unwrap_or_default(),
    };
    Ok(ears.into_iter().zip(probabilities).map(heard).collect())
}
