//! The listeners of one track, in groups that may hear the same stretch side by side.

use crate::events::{Band, BandMeter, Clipping, EventDetector, TrackEvent, Zero};
use crate::level::{Level, LevelMeter};
use crate::threads::Job;
use crate::track::{CompactPcm, PcmCollector, SampleSink};
use crate::units::Rate;

use super::hear::Retention;
use super::reader::TrackBlock;

/// The listeners of one track, but for the voice detector, which hears all tracks of a recording.
pub(super) struct TrackAnalyzer {
    level: LevelMeter,
    own: OwnRate,
    narrow: NarrowRate,
}

/// Those who listen at the recording's own rate.
struct OwnRate {
    keeper: Option<PcmCollector>,
    zero: Zero,
    clipping: Clipping,
    band: BandMeter,
    samples: u64,
}

/// Those who listen at 8 kHz.
struct NarrowRate {
    sounds: EventDetector,
    /// The whole track, where it is kept and was recorded at another rate.
    keeper: Option<CompactPcm>,
}

/// What the listeners leave of a track.
pub(super) struct StageResults {
    pub level: Level,
    pub sounds: Vec<TrackEvent>,
    pub band: Band,
    /// The samples, where they were kept.
    pub samples: Vec<i16>,
    /// Those at 8 kHz, where they were kept and recorded at another rate.
    pub narrow: Option<CompactPcm>,
}

impl TrackAnalyzer {
    pub(super) fn new(rate: Rate, keep: Retention, portable: bool) -> Self {
        let is_narrow = rate == Rate::NARROWBAND;
        let (own, narrow) = (keep.tracks || (keep.narrow && is_narrow), keep.narrow && !is_narrow);
        Self {
            level: LevelMeter::new(rate),
            own: OwnRate {
                keeper: own.then(PcmCollector::default),
                zero: Zero::new(rate.hz()),
                clipping: Clipping::new(rate.hz()),
                band: BandMeter::new(rate.hz()),
                samples: 0,
            },
            narrow: NarrowRate { sounds: EventDetector::new(&[], portable), keeper: narrow.then(CompactPcm::default) },
        }
    }

    /// Hears the next stretch, one listener after the other.
    pub(super) fn push(&mut self, stretch: &TrackBlock) {
        self.level.push(&stretch.own);
        self.own.push(&stretch.own);
        self.narrow.push(&stretch.narrow);
    }

    /// The same as pieces of work that do not meet, the longest first.
    pub(super) fn jobs<'a>(&'a mut self, stretch: &'a TrackBlock) -> [Job<'a>; 3] {
        let Self { level, own, narrow } = self;
        [
            Box::new(|| level.push(&stretch.own)),
            Box::new(|| own.push(&stretch.own)),
            Box::new(|| narrow.push(&stretch.narrow)),
        ]
    }

    /// Samples that were heard, at the recording's own rate.
    pub(super) fn samples(&self) -> u64 {
        self.own.samples
    }

    /// What was heard; `probabilities` of speech tell music from it.
    pub(super) fn finish(self, probabilities: &[f32]) -> StageResults {
        let mut sounds = self.narrow.sounds.finish(probabilities);
        sounds.extend(self.own.zero.finish());
        sounds.extend(self.own.clipping.finish());
        sounds.sort_by(|a, b| a.start_ms.total_cmp(&b.start_ms).then(a.kind.cmp(&b.kind)));
        StageResults {
            level: self.level.finish(),
            sounds,
            band: self.own.band.finish(),
            samples: self.own.keeper.map(|keeper| keeper.finish().0).unwrap_or_default(),
            narrow: self.narrow.keeper.map(CompactPcm::finish),
        }
    }
}

impl OwnRate {
    fn push(&mut self, samples: &[f32]) {
        self.samples += samples.len() as u64;
        self.zero.push(samples);
        self.clipping.push(samples);
        self.band.push(samples);
        if let Some(keeper) = &mut self.keeper {
            keeper.push(samples);
        }
    }
}

impl NarrowRate {
    fn push(&mut self, samples: &[f32]) {
        self.sounds.push(samples);
        if let Some(keeper) = &mut self.keeper {
            keeper.push(samples);
        }
    }
}
