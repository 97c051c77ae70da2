//! The listeners of one track, in groups that may hear the same stretch side by side.

use crate::level::{Level, LevelMeter};
use crate::sounds::{Band, BandMeter, Clipping, Sound, Sounds, Zero};
use crate::threads::Job;
use crate::track::{Keeper, Listener};
use crate::units::Rate;

use super::hear::Keep;
use super::reader::Stretch;

/// The listeners of one track, but for the voice detector, which hears all tracks of a recording.
pub(super) struct Ears {
    level: LevelMeter,
    own: OwnRate,
    narrow: NarrowRate,
}

/// Those who listen at the recording's own rate.
struct OwnRate {
    keeper: Option<Keeper>,
    zero: Zero,
    clipping: Clipping,
    band: BandMeter,
    samples: u64,
}

/// Those who listen at 8 kHz.
struct NarrowRate {
    sounds: Sounds,
    /// The whole track at 8 kHz, where it is kept.
    keeper: Option<Keeper>,
}

/// What the listeners leave of a track.
pub(super) struct Told {
    pub level: Level,
    pub sounds: Vec<Sound>,
    pub band: Band,
    /// The samples, where they were kept.
    pub samples: Vec<i16>,
    /// Those at 8 kHz, where they were kept and are not the same.
    pub narrow: Vec<i16>,
}

impl Ears {
    pub(super) fn new(rate: Rate, keep: Keep, portable: bool) -> Self {
        let narrow_apart = keep.narrow && !(keep.tracks && rate == Rate::NARROWBAND);
        Self {
            level: LevelMeter::new(rate),
            own: OwnRate {
                keeper: keep.tracks.then(Keeper::default),
                zero: Zero::new(rate.hz()),
                clipping: Clipping::new(rate.hz()),
                band: BandMeter::new(rate.hz()),
                samples: 0,
            },
            narrow: NarrowRate { sounds: Sounds::new(&[], portable), keeper: narrow_apart.then(Keeper::default) },
        }
    }

    /// Hears the next stretch, one listener after the other.
    pub(super) fn hear(&mut self, stretch: &Stretch) {
        self.level.hear(&stretch.own);
        self.own.hear(&stretch.own);
        self.narrow.hear(&stretch.narrow);
    }

    /// The same as pieces of work that do not meet, the longest first.
    pub(super) fn jobs<'a>(&'a mut self, stretch: &'a Stretch) -> [Job<'a>; 3] {
        let Self { level, own, narrow } = self;
        [
            Box::new(|| level.hear(&stretch.own)),
            Box::new(|| own.hear(&stretch.own)),
            Box::new(|| narrow.hear(&stretch.narrow)),
        ]
    }

    /// Samples that were heard, at the recording's own rate.
    pub(super) fn samples(&self) -> u64 {
        self.own.samples
    }

    /// What was heard; `probabilities` of speech tell music from it.
    pub(super) fn finish(self, probabilities: &[f32]) -> Told {
        let kept = |keeper: Option<Keeper>| keeper.map(|k| k.finish().0).unwrap_or_default();
        let mut sounds = self.narrow.sounds.finish(probabilities);
        sounds.extend(self.own.zero.finish());
        sounds.extend(self.own.clipping.finish());
        sounds.sort_by(|a, b| a.start_ms.total_cmp(&b.start_ms).then(a.kind.cmp(&b.kind)));
        Told {
            level: self.level.finish(),
            sounds,
            band: self.own.band.finish(),
            samples: kept(self.own.keeper),
            narrow: kept(self.narrow.keeper),
        }
    }
}

impl OwnRate {
    fn hear(&mut self, samples: &[f32]) {
        self.samples += samples.len() as u64;
        self.zero.push(samples);
        self.clipping.push(samples);
        self.band.push(samples);
        if let Some(keeper) = &mut self.keeper {
            keeper.hear(samples);
        }
    }
}

impl NarrowRate {
    fn hear(&mut self, samples: &[f32]) {
        self.sounds.push(samples);
        if let Some(keeper) = &mut self.keeper {
            keeper.hear(samples);
        }
    }
}
