//! How loud a track is: active speech level, loudness, true peak, noise, and the hops that later stages ask about.

mod activity;
mod kweight;
mod lanes;
mod loudness;
pub(crate) mod peak;
mod pieces;

pub use activity::{ActiveLevel, Hop, Hops, active_level};

use activity::{Activity, HOPS_PER_SECOND};
use loudness::Loudness;
use peak::TruePeak;
use pieces::Pieces;

use fearless_simd::{Simd, dispatch};

use crate::track::Listener;
use crate::units::{Decibels, Rate};

/// Samples at or beyond this are counted as clipped: 16 bits hold nothing above it.
const FULL_SCALE: f32 = 32_767.0 / 32_768.0;

/// The largest sample that is taken for sound where sums are not finite; what lies beyond is damage.
const SAMPLE_LIMIT: f32 = 32_768.0;

/// Hears one track at its own rate. Samples that are no numbers, or so large that their squares are not, count as 0.
#[derive(Debug)]
pub struct LevelMeter {
    hops: Pieces,
    ears: Ears,
}

/// What is done with each hop.
#[derive(Debug)]
struct Ears {
    activity: Activity,
    loudness: Loudness,
    peak: TruePeak,
    clipped: u64,
}

/// What a track's level is, over all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Active speech level and activity factor by ITU-T P.56, over the whole track.
    pub active: ActiveLevel,
    /// Integrated loudness by EBU R 128 in LUFS; `None` for silence, for less than 400 ms, and below a rate of 4 kHz.
    pub loudness: Option<Decibels>,
    /// True peak by ITU-R BS.1770 in dBTP; `None` for digital silence.
    pub true_peak: Option<Decibels>,
    /// Samples at full scale.
    pub clipped: u64,
    /// The track in hops of 10 ms.
    pub hops: Hops,
}

impl LevelMeter {
    /// A meter for a track of a rate.
    pub fn new(rate: Rate) -> Self {
        let hops = Pieces::new(rate, HOPS_PER_SECOND);
        let activity = Activity::new(rate, hops.longest());
        let ears = Ears { activity, loudness: Loudness::new(rate), peak: TruePeak::default(), clipped: 0 };
        Self { hops, ears }
    }

    /// What was heard.
    pub fn finish(self) -> Level {
        let Self { hops, mut ears } = self;
        let rest = hops.finish();
        if !rest.is_empty() {
            ears.hear(&rest);
        }
        let hops = ears.activity.finish();
        Level {
            active: active_level(hops.iter()),
            loudness: ears.loudness.finish(),
            true_peak: ears.peak.finish(),
            clipped: ears.clipped,
            hops,
        }
    }
}

impl Listener for LevelMeter {
    fn hear(&mut self, samples: &[f32]) {
        self.hops.hear(samples, |hop| self.ears.hear(hop));
    }
}

impl Ears {
    fn hear(&mut self, hop: &[f32]) {
        // Every sum has its order and nothing is fused: the widest registers give the bits that any others give.
        dispatch!(fearless_simd::Level::new(), cpu => self.hear_hop(cpu, hop));
    }

    #[inline(always)]
    fn hear_hop<S: Simd>(&mut self, cpu: S, hop: &[f32]) {
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
        self.activity.hear(cpu, hop, energy);
        self.loudness.hear(cpu, hop);
        self.peak.hear(cpu, hop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunking_changes_nothing() {
        let samples: Vec<f32> = (0..30_000).map(|n| (n as f32 * 0.7).sin() * (n % 7919) as f32 / 7000.0).collect();
        for hz in [1, 99, 8_000, 11_025, 44_100] {
            let mut whole = LevelMeter::new(Rate::new(hz).unwrap());
            whole.hear(&samples);
            let mut pieces = LevelMeter::new(Rate::new(hz).unwrap());
            samples.chunks(37).for_each(|c| pieces.hear(c));
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
            meter.hear(&samples);
            meter.finish()
        };
        for damage in [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN] {
            assert_eq!(level_of(damage), level_of(0.0), "{damage}");
        }
    }

    #[test]
    fn samples_at_full_scale_are_counted() {
        let mut meter = LevelMeter::new(Rate::NARROWBAND);
        meter.hear(&[0.5, 1.0, -1.0, FULL_SCALE, 0.9999, -1.5]);
        assert_eq!(meter.finish().clipped, 4);
    }
}
