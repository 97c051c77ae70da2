//! Measures a track's levels: active speech level, loudness, true peak and noise, and the hops that
//! later stages need.

mod activity;
mod kweight;
mod lanes;
mod loudness;
mod packed;
pub(crate) mod peak;
mod pieces;
mod select;

pub(crate) use activity::active_level;
pub use activity::{ActiveLevel, Hop, Hops};
pub(crate) use select::smallest;

use activity::{Activity, HOPS_PER_SECOND};
use loudness::Loudness;
use peak::TruePeak;
use pieces::Pieces;

use fearless_simd::{Simd, dispatch};

use crate::samples::Samples;
use crate::track::{SampleSink, sealed};
use crate::units::{Decibels, Millis, Rate};

/// Magnitude from which a sample is clipped: the largest that 16 bits hold.
const FULL_SCALE: f32 = 32_767.0 / 32_768.0;

/// Largest accepted magnitude. Anything beyond is damage.
const SAMPLE_LIMIT: f32 = 32_768.0;

/// Measures one track at its own rate. Samples that are not finite, or too large for their squares
/// to be, count as 0.
#[derive(Debug, Clone)]
pub struct LevelMeter {
    hops: Pieces,
    ears: LevelMeters,
}

/// The meters that run over each hop.
#[derive(Debug, Clone)]
struct LevelMeters {
    activity: Activity,
    loudness: Loudness,
    peak: TruePeak,
    clipped: u64,
    sum: f64,
    samples: u64,
}

/// The levels of a whole track.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Level {
    /// Active speech level and activity factor (ITU-T P.56) over the whole track.
    pub active: ActiveLevel,
    /// Integrated loudness (EBU R 128) in LUFS. `None` for silence, for less than 400 ms, and below
    /// a rate of 4 kHz.
    pub loudness: Option<Decibels>,
    /// True peak (ITU-R BS.1770) in dBTP. `None` for digital silence.
    pub true_peak: Option<Decibels>,
    /// Number of samples at full scale.
    pub clipped: u64,
    /// The DC offset: the mean of the samples, of full scale. All levels but the loudness count it.
    pub dc_offset: f64,
    /// The track in hops of 10 ms.
    pub hops: Hops,
}

impl Level {
    /// Appends the level of another recording of the same line from a time on.
    ///
    /// Where both overlap, this one's hops are kept. The loudness is the mean of both, weighted by
    /// their active time.
    pub fn append(&mut self, other: &Self, at: Millis) {
        let active = |level: &Self| level.active.activity * level.hops.len() as f64;
        let louder = |a: Option<Decibels>, b: Option<Decibels>| match (a, b) {
            (Some(a), Some(b)) => Some(Decibels(a.0.max(b.0))),
            (a, b) => a.or(b),
        };
        self.loudness = match (self.loudness, other.loudness) {
            (Some(a), Some(b)) => {
                let (x, y) = (active(self).max(1.0), active(other).max(1.0));
                let power = |d: Decibels| 10f64.powf(d.0 / 10.0);
                Some(Decibels::from_power((x * power(a) + y * power(b)) / (x + y)))
            }
            (a, b) => a.or(b),
        };
        let (x, y) = (self.hops.len() as f64, other.hops.len() as f64);
        self.dc_offset = (x * self.dc_offset + y * other.dc_offset) / (x + y).max(1.0);
        self.true_peak = louder(self.true_peak, other.true_peak);
        self.clipped += other.clipped;
        self.hops.append(&other.hops, (at.0 / Hops::MS).round().max(0.0) as usize);
        self.active = active_level(self.hops.iter());
    }
}

/// Measures the levels of a track.
///
/// ```
/// use callweave::{level, units::Rate};
///
/// let tone: Vec<f32> = (0..80_000).map(|n| 0.1 * (n as f32 * 0.7).sin()).collect();
/// let level = level::measure(&tone, Rate::NARROWBAND);
/// assert!((level.true_peak.unwrap().0 + 20.0).abs() < 0.1);
/// assert!(level.dc_offset.abs() < 1e-4);
/// assert_eq!((level.clipped, level.hops.len()), (0, 1000));
/// ```
pub fn measure<'a>(samples: impl Into<Samples<'a>>, rate: Rate) -> Level {
    let mut meter = LevelMeter::new(rate);
    samples.into().each(|block| meter.push(block));
    meter.finish()
}

impl LevelMeter {
    /// Creates a meter for a track of the given rate.
    pub fn new(rate: Rate) -> Self {
        let hops = Pieces::new(rate, HOPS_PER_SECOND);
        let activity = Activity::new(rate, hops.longest());
        let (loudness, peak) = (Loudness::new(rate), TruePeak::default());
        let ears = LevelMeters { activity, loudness, peak, clipped: 0, sum: 0.0, samples: 0 };
        Self { hops, ears }
    }

    /// Reserves memory for some time, so that half of it needs no allocation.
    pub(crate) fn make_room(&mut self, time: Millis) {
        self.ears.activity.make_room(time);
        self.ears.loudness.make_room(time);
    }

    /// Returns the levels.
    pub fn finish(self) -> Level {
        let Self { hops, mut ears } = self;
        let rest = hops.finish();
        if !rest.is_empty() {
            ears.push(&rest);
        }
        let hops = ears.activity.finish();
        Level {
            active: active_level(hops.iter()),
            loudness: ears.loudness.finish(),
            true_peak: ears.peak.finish(),
            clipped: ears.clipped,
            dc_offset: ears.sum / (ears.samples as f64).max(1.0),
            hops,
        }
    }
}

impl sealed::Sealed for LevelMeter {}

impl SampleSink for LevelMeter {
    fn push(&mut self, samples: &[f32]) {
        self.hops.push(samples, |hop| self.ears.push(hop));
    }
}

impl LevelMeters {
    fn push(&mut self, hop: &[f32]) {
        // Every sum has its order and nothing is fused: the widest registers give the bits that any
        // others give.
        dispatch!(fearless_simd::Level::new(), cpu => self.push_hop(cpu, hop));
    }

    #[inline(always)]
    fn push_hop<S: Simd>(&mut self, cpu: S, hop: &[f32]) {
        let energy = lanes::energy(hop);
        if energy.is_finite() {
            self.measure(cpu, hop, energy);
        } else {
            let sound = |&x: &f32| if x.abs() <= SAMPLE_LIMIT { x } else { 0.0 };
            let hop: Vec<f32> = hop.iter().map(sound).collect();
            self.measure(cpu, &hop, lanes::energy(&hop));
        }
    }

    #[inline(always)]
    fn measure<S: Simd>(&mut self, cpu: S, hop: &[f32], energy: f64) {
        if lanes::largest(hop) >= FULL_SCALE {
            self.clipped += hop.iter().filter(|x| x.abs() >= FULL_SCALE).count() as u64;
        }
        self.sum += lanes::sum(hop);
        self.samples += hop.len() as u64;
        self.activity.push(cpu, hop, energy);
        self.loudness.push(cpu, hop);
        self.peak.push(cpu, hop);
    }
}

/// Measures only the mean square of each 10 ms hop, as in [`Hops::power`].
#[derive(Debug)]
pub(crate) struct PowerMeter {
    hops: Pieces,
    power: Vec<f32>,
}

impl PowerMeter {
    /// Creates a meter for a track of finite samples.
    pub(crate) fn new(rate: Rate) -> Self {
        Self { hops: Pieces::new(rate, HOPS_PER_SECOND), power: Vec::new() }
    }

    /// Takes the next samples.
    pub(crate) fn push(&mut self, samples: &[f32]) {
        self.hops.push(samples, |hop| self.power.push(mean_square(hop)));
    }

    /// Returns the mean square of every hop. The last one may be shorter.
    pub(crate) fn finish(self) -> Vec<f32> {
        let Self { hops, mut power } = self;
        let rest = hops.finish();
        if !rest.is_empty() {
            power.push(mean_square(&rest));
        }
        power
    }
}

fn mean_square(hop: &[f32]) -> f32 {
    packed::rounded((lanes::energy(hop) / (hop.len() as f64).max(1.0)) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_recordings_of_a_line_are_one_with_silence_between() {
        let heard = |samples: &[f32]| {
            let mut meter = LevelMeter::new(Rate::NARROWBAND);
            meter.push(samples);
            meter.finish()
        };
        let wave = |amplitude: f32| -> Vec<f32> { (0..16_000).map(|n| amplitude * (n as f32 * 0.7).sin()).collect() };
        let (loud, soft) = (wave(0.5), wave(0.1));
        let mut joined = heard(&loud);
        joined.append(&heard(&soft), Millis(3000.0));
        let whole = heard(&[loud, vec![0.0; 8_000], soft].concat());
        assert_eq!((joined.hops.len(), joined.clipped), (500, 0));
        assert_eq!(joined.hops.power(), whole.hops.power());
        // The envelope of the first no longer dies away in the silence: some 50 ms of a second's
        // activity.
        let levels = [&joined, &whole].map(|l| l.active.level.0);
        assert!((levels[0] - levels[1]).abs() < 0.4, "{levels:?}");
        assert!((joined.active.activity - whole.active.activity).abs() < 0.05);
        assert_eq!(joined.true_peak, whole.true_peak);
    }

    #[test]
    fn the_dc_offset_is_the_mean_of_all_recordings() {
        let beside = |offset: f32, seconds: usize| -> Level {
            let samples = (0..8_005 * seconds).map(|n| offset + if n % 2 == 0 { 0.25 } else { -0.25 });
            measure(samples.collect::<Vec<f32>>(), Rate::NARROWBAND)
        };
        let mut level = beside(-0.0625, 3);
        assert!((level.dc_offset + 0.0625).abs() < 1e-4, "{}", level.dc_offset);
        level.append(&beside(0.0, 1), Millis(5000.0));
        assert!((level.dc_offset + 0.75 * 0.0625).abs() < 1e-4, "{}", level.dc_offset);
    }

    #[test]
    fn chunking_changes_nothing() {
        let samples: Vec<f32> = (0..30_000).map(|n| (n as f32 * 0.7).sin() * (n % 7919) as f32 / 7000.0).collect();
        for hz in [1, 99, 8_000, 11_025, 44_100] {
            let mut whole = LevelMeter::new(Rate::new(hz).unwrap());
            whole.push(&samples);
            let mut pieces = LevelMeter::new(Rate::new(hz).unwrap());
            samples.chunks(37).for_each(|c| pieces.push(c));
            assert_eq!(whole.finish(), pieces.finish(), "{hz} Hz");
        }
    }

    #[test]
    fn damage_counts_as_silence() {
        let sound: Vec<f32> = (0..16_000).map(|n| (n as f32 * 0.3).sin() * 0.25).collect();
        let level_of = |damage: f32| {
            let mut samples = sound.clone();
            samples[5000] = damage;
            let mut meter = LevelMeter::new(Rate::NARROWBAND);
            meter.push(&samples);
            meter.finish()
        };
        for damage in [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN] {
            assert_eq!(level_of(damage), level_of(0.0), "{damage}");
        }
    }

    #[test]
    fn samples_at_full_scale_are_counted() {
        let mut meter = LevelMeter::new(Rate::NARROWBAND);
        meter.push(&[0.5, 1.0, -1.0, FULL_SCALE, 0.9999, -1.5]);
        assert_eq!(meter.finish().clipped, 4);
    }
}
