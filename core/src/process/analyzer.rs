//! The stages that run over one track, grouped so that they can work on the same block in parallel.

use crate::events::{self, Band, BandMeter, Clipping, EventDetector, SOUNDS_AHEAD, SoundLook, TrackEvent, Zero};
use crate::level::{Level, LevelMeter};
use crate::threads::{self, Job};
use crate::track::{CompactPcm, PcmCollector, SampleSink};
use crate::units::{Millis, Rate, Span};

use super::reader::TrackBlock;

/// Which samples of a track are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retention {
    /// The samples as recorded, for a mix.
    pub tracks: bool,
    /// The samples at 8 kHz, for placement and for separating voices.
    pub narrowband: bool,
    /// Whether the call consists of this recording alone.
    pub alone: bool,
}

/// All stages of one track except the speech detector, which takes all tracks of a recording
/// together.
#[derive(Clone)]
pub(super) struct TrackAnalyzer {
    level: LevelMeter,
    own: OwnRateStages,
    narrowband: NarrowbandStages,
}

/// The stages at the rate at which the recording was decoded.
#[derive(Clone)]
struct OwnRateStages {
    collector: Option<PcmCollector>,
    zero: Zero,
    clipping: Clipping,
    band: BandMeter,
    samples: u64,
}

/// The stages at 8 kHz.
#[derive(Clone)]
struct NarrowbandStages {
    events: EventDetector,
    /// The whole track, if it is kept and was recorded at another rate.
    collector: Option<CompactPcm>,
}

/// The results of the stages for one track.
pub(super) struct StageResults {
    pub level: Level,
    pub events: Vec<TrackEvent>,
    /// Spans that may contain undetected key presses, in the track's time.
    pub key_doubts: Vec<Span>,
    pub band: Band,
    /// The samples, if they were kept.
    pub samples: Vec<i16>,
    /// The samples at 8 kHz, if they were kept and recorded at another rate.
    pub narrowband: Option<CompactPcm>,
}

impl TrackAnalyzer {
    pub(super) fn new(rate: Rate, keep: Retention, portable: bool) -> Self {
        let is_narrowband = rate == Rate::NARROWBAND;
        let (own, compact) = (keep.tracks || (keep.narrowband && is_narrowband), keep.narrowband && !is_narrowband);
        Self {
            level: LevelMeter::new(rate),
            own: OwnRateStages {
                collector: own.then(PcmCollector::default),
                zero: Zero::new(rate.hz()),
                clipping: Clipping::new(rate.hz()),
                band: BandMeter::new(rate.hz()),
                samples: 0,
            },
            narrowband: NarrowbandStages {
                events: EventDetector::new(&[], portable),
                collector: compact.then(CompactPcm::default),
            },
        }
    }

    /// Takes the next block, one stage after the other.
    pub(super) fn push(&mut self, block: &TrackBlock) {
        self.level.push(&block.own);
        self.own.push(&block.own);
        self.narrowband.push(&block.narrowband);
    }

    /// Returns the same work as independent jobs, the longest last: the thread that starts them
    /// takes the last one first, so that a short one is left at the end.
    pub(super) fn jobs<'a>(&'a mut self, block: &'a TrackBlock) -> [Job<'a>; 3] {
        let Self { level, own, narrowband } = self;
        [
            Box::new(|| own.push(&block.own)),
            Box::new(|| narrowband.push(&block.narrowband)),
            Box::new(|| level.push(&block.own)),
        ]
    }

    /// Returns the number of samples taken, at the rate of decoding.
    pub(super) fn samples(&self) -> u64 {
        self.own.samples
    }

    /// Returns counters that change whenever a sound other than speech is detected.
    pub(super) fn changes(&self) -> [u64; 3] {
        [self.narrowband.events.changes(), self.own.zero.changes(), self.own.clipping.changes()]
    }

    /// Returns the sounds other than speech since a time, as if the track ended here.
    pub(super) fn events_since(&self, from: Millis, probabilities: &[f32], look: &mut SoundLook) {
        self.narrowband.events.since(from, probabilities, look);
        self.own.zero.since(from, &mut look.sounds);
        self.own.clipping.since(from, &mut look.sounds);
    }

    /// Reserves memory for the results of some time, so that half of it needs no allocation.
    pub(super) fn make_room(&mut self, time: Millis) {
        self.level.make_room(time);
        self.own.zero.make_room(SOUNDS_AHEAD);
        self.own.clipping.make_room(SOUNDS_AHEAD);
        self.narrowband.events.make_room(time);
    }

    /// Returns the results. The `probabilities` of speech distinguish it from music.
    pub(super) fn finish(self, probabilities: &[f32]) -> StageResults {
        let NarrowbandStages { events, collector } = self.narrowband;
        let (level, (events, key_doubts)) =
            threads::join(|| self.level.finish(), || events.finish_with_doubts(probabilities));
        let events = events::joined(events, self.own.zero.finish(), self.own.clipping.finish());
        StageResults {
            level,
            events,
            key_doubts,
            band: self.own.band.finish(),
            samples: self.own.collector.map(|collector| collector.finish().0).unwrap_or_default(),
            narrowband: collector.map(CompactPcm::finish),
        }
    }
}

impl OwnRateStages {
    fn push(&mut self, samples: &[f32]) {
        self.samples += samples.len() as u64;
        self.zero.push(samples);
        self.clipping.push(samples);
        self.band.push(samples);
        if let Some(collector) = &mut self.collector {
            collector.push(samples);
        }
    }
}

impl NarrowbandStages {
    fn push(&mut self, samples: &[f32]) {
        self.events.push(samples);
        if let Some(collector) = &mut self.collector {
            collector.push(samples);
        }
    }
}
