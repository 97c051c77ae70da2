//! Active speech level (ITU-T P.56, 12/2011, method B).
//!
//! Only the envelope at the end of each 10 ms [`Hop`] is needed. Over a hop, both exponential
//! averages have a closed form: two sums of products. Each hop keeps its energy and the highest
//! threshold reached by its envelope, so that the level of any part of a track, for example a
//! party's own speech, can be computed later without its samples.

use fearless_simd::Simd;

use super::lanes;
use super::packed::PackedHops;
use super::select::smallest;
use crate::units::{Decibels, Millis, Rate, Span};

/// Hops per second.
pub(super) const HOPS_PER_SECOND: u32 = 100;
/// Time constant of both averages (P.56: 0.03 s).
const TIME_CONSTANT_S: f64 = 0.03;
/// Hops for which activity outlasts its envelope (P.56: 0.2 s).
const HANGOVER: u64 = 20;
/// Distance of the active level from its threshold (P.56: 15.9 dB).
const MARGIN_DB: f64 = 15.9;
/// Thresholds: 2⁻¹ down to 2⁻¹⁵.
const THRESHOLDS: usize = 15;

/// 10 ms of a track.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Hop {
    /// Mean square of the samples, to 0.05 %. A full-scale square wave has 1.
    pub power: f32,
    /// Number of P.56's thresholds 2⁻¹⁵, 2⁻¹⁴, … 2⁻¹ reached by the envelope at the end of the hop.
    pub reached: u8,
}

/// A track in hops of 10 ms. The last one may be shorter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hops {
    power: Vec<f32>,
    reached: Vec<u8>,
}

impl Hops {
    /// Length of a hop in milliseconds.
    pub const MS: f64 = 1000.0 / HOPS_PER_SECOND as f64;

    /// Returns the number of hops.
    pub fn len(&self) -> usize {
        self.power.len()
    }

    /// Returns `true` if there are no hops.
    pub fn is_empty(&self) -> bool {
        self.power.is_empty()
    }

    /// Returns the mean square of each hop.
    pub fn power(&self) -> &[f32] {
        &self.power
    }

    /// Appends another recording of the same line from a hop on, with silence before it. Where both
    /// overlap, this one is kept.
    pub(super) fn append(&mut self, other: &Self, at: usize) {
        let seen = self.len().saturating_sub(at);
        self.power.resize(self.len().max(at), 0.0);
        self.reached.resize(self.power.len(), 0);
        self.power.extend(other.power.iter().skip(seen));
        self.reached.extend(other.reached.iter().skip(seen));
    }

    /// Returns an iterator over all hops.
    pub fn iter(&self) -> impl Iterator<Item = Hop> {
        self.power.iter().zip(&self.reached).map(|(&power, &reached)| Hop { power, reached })
    }

    /// Returns the hops in spans of the track's time. A hop belongs to the span that contains its
    /// middle.
    pub fn within<'a>(&'a self, spans: &'a [Span]) -> impl Iterator<Item = Hop> + 'a {
        spans.iter().flat_map(move |span| {
            let hop_at = |ms: f64| ((ms / Self::MS).round().max(0.0) as usize).min(self.len());
            let (from, to) = (hop_at(span.start.0), hop_at(span.end.0));
            self.iter().skip(from).take(to.saturating_sub(from))
        })
    }

    /// Returns the line's noise level: the 10th percentile of the hops outside `speech`, without
    /// digital zeros.
    pub fn noise(&self, speech: &[Span]) -> Option<Decibels> {
        self.outside(speech, 10, 1)
    }

    /// Returns the usual level outside spans: the median of the hops, without digital zeros. `None`
    /// if there are fewer than `least` of them.
    pub(crate) fn usual(&self, spans: &[Span], least: usize) -> Option<Decibels> {
        self.outside(spans, 2, least)
    }

    /// Returns the level below which one hop in `part` lies, outside spans and without digital
    /// zeros. `None` if there are fewer than `least` of them.
    fn outside(&self, spans: &[Span], part: usize, least: usize) -> Option<Decibels> {
        let hop_at = |ms: Millis| ((ms.0 / Self::MS).round().max(0.0) as usize).min(self.len());
        let ends = spans.iter().map(|span| (hop_at(span.start), hop_at(span.end))).chain([(self.len(), self.len())]);
        let gaps = ends.scan(0, |from, (start, end)| Some(std::mem::replace(from, end)..start));
        let gaps: Vec<&[f32]> = gaps.filter_map(|gap| self.power.get(gap)).collect();
        let quiet = || gaps.iter().copied().flatten().copied().filter(|&power| power > 0.0);
        let count = quiet().count();
        let bits = || quiet().map(|power| u64::from(power.to_bits()));
        let found = smallest(bits, 2, count / part).filter(|_| count >= least)?;
        Some(Decibels::from_power(f64::from(f32::from_bits(found as u32))))
    }
}

/// The level of active speech, and the share of time in which speech is active.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ActiveLevel {
    /// Active level in dBov, or −100 if no threshold was reached.
    pub level: Decibels,
    /// Share of the time in which speech is active, from 0 to 1.
    pub activity: f64,
}

/// Returns the active speech level of consecutive hops.
pub fn active_level(hops: impl Iterator<Item = Hop>) -> ActiveLevel {
    // Hops by the highest threshold at which speech is active: the highest reached within the
    // hangover.
    let mut highest = [0u64; THRESHOLDS + 1];
    let mut last = [0u64; THRESHOLDS + 1];
    let mut top = 0;
    let (mut energy, mut count) = (0.0f64, 0u64);
    hops.for_each(|hop| {
        energy += f64::from(hop.power);
        count += 1;
        let now = usize::from(hop.reached).min(THRESHOLDS);
        last[now] = count;
        while top > now && count - last[top] > HANGOVER {
            top -= 1;
        }
        top = top.max(now);
        highest[top] += 1;
    });
    let active = std::array::from_fn(|j| highest[j + 1..].iter().sum());
    solve(energy, count, &active)
}

/// Returns the level at which the active level minus the threshold is the margin, interpolated in
/// dB between the two thresholds around it.
fn solve(energy: f64, count: u64, active: &[u64; THRESHOLDS]) -> ActiveLevel {
    let nothing = ActiveLevel { level: Decibels(-100.0), activity: 0.0 };
    if energy <= 0.0 || count == 0 {
        return nothing;
    }
    let long_term = 10.0 * (energy / count as f64).log10();
    let point = |j: usize| {
        let threshold = -20.0 * 2f64.log10() * (THRESHOLDS - j) as f64;
        (active[j] > 0).then(|| (10.0 * (energy / active[j] as f64).log10(), threshold))
    };
    let Some(lowest) = point(0) else { return nothing };
    let mut below = lowest;
    for above in (1..THRESHOLDS).map_while(point) {
        if below.0 - below.1 > MARGIN_DB && above.0 - above.1 <= MARGIN_DB {
            let (d0, d1) = (below.0 - below.1, above.0 - above.1);
            let at = (d0 - MARGIN_DB) / (d0 - d1);
            let level = below.0 + at * (above.0 - below.0);
            return ActiveLevel { level: Decibels(level), activity: 10f64.powf((long_term - level) / 10.0).min(1.0) };
        }
        below = above;
    }
    // Louder than every threshold by the margin, or hardly above the lowest one: the nearest
    // threshold's own answer.
    let level = if lowest.0 - lowest.1 <= MARGIN_DB { lowest.0 } else { below.0 };
    ActiveLevel { level: Decibels(level), activity: 10f64.powf((long_term - level) / 10.0).min(1.0) }
}

/// Follows the envelope of a track, hop by hop.
#[derive(Debug, Clone)]
pub(super) struct Activity {
    /// Decay of the averages per sample.
    decay: f64,
    /// Contribution of each sample of the longest hop to the average of magnitudes, and to the
    /// average of that, at the hop's end.
    weights: [Vec<f32>; 2],
    magnitudes: Vec<f32>,
    average: f64,
    envelope: f64,
    hops: PackedHops,
}

impl Activity {
    /// Creates a follower for hops of at most `longest` samples.
    pub(super) fn new(rate: Rate, longest: usize) -> Self {
        let decay = (-1.0 / (f64::from(rate.hz()) * TIME_CONSTANT_S)).exp();
        let average = |i: usize| (1.0 - decay) * decay.powi((longest - 1 - i) as i32);
        let envelope = |i: usize| (1.0 - decay) * (longest - i) as f64 * average(i);
        Self {
            decay,
            weights: [
                (0..longest).map(|i| average(i) as f32).collect(),
                (0..longest).map(|i| envelope(i) as f32).collect(),
            ],
            magnitudes: Vec::with_capacity(longest),
            average: 0.0,
            envelope: 0.0,
            hops: PackedHops::default(),
        }
    }

    /// Takes a hop and its energy.
    #[inline(always)]
    pub(super) fn push<S: Simd>(&mut self, cpu: S, hop: &[f32], energy: f64) {
        let count = hop.len() as f64;
        self.magnitudes.clear();
        self.magnitudes.extend(hop.iter().map(|x| x.abs()));
        // The weights count back from the end of a hop.
        let [average, envelope] = &self.weights;
        let from = average.len().saturating_sub(hop.len());
        let [average, envelope] = lanes::weighted(cpu, &self.magnitudes, [&average[from..], &envelope[from..]]);
        let left = self.decay.powi(hop.len() as i32);
        self.envelope = left * (self.envelope + (1.0 - self.decay) * count * self.average) + envelope;
        self.average = left * self.average + average;
        self.hops.push((energy / count.max(1.0)) as f32, thresholds_reached(self.envelope));
    }

    /// Reserves memory for some time, so that half of it needs no allocation.
    pub(super) fn make_room(&mut self, time: Millis) {
        self.hops.make_room((time.0 / Hops::MS) as usize);
    }

    pub(super) fn finish(self) -> Hops {
        let (power, reached) = self.hops.iter().unzip();
        Hops { power, reached }
    }
}

/// Returns how many of 2⁻¹⁵, 2⁻¹⁴, … 2⁻¹ a value reaches.
fn thresholds_reached(value: f64) -> u8 {
    let mut threshold = 2f64.powi(-(THRESHOLDS as i32));
    let mut reached = 0;
    while value >= threshold && usize::from(reached) < THRESHOLDS {
        reached += 1;
        threshold *= 2.0;
    }
    reached
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::level::LevelMeter;
    use crate::track::SampleSink;

    fn hops_of<'a>(rate: u32, pieces: impl IntoIterator<Item = &'a [f32]>) -> Hops {
        let mut meter = LevelMeter::new(Rate::new(rate).unwrap());
        pieces.into_iter().for_each(|piece| meter.push(piece));
        meter.finish().hops
    }

    fn level_of(samples: &[f32]) -> ActiveLevel {
        active_level(hops_of(8000, [samples]).iter())
    }

    /// A 440 Hz sine of amplitude 0.1, `on` of every `period` seconds.
    fn bursts(on: f64, period: f64, seconds: f64) -> Vec<f32> {
        (0..(seconds * 8000.0) as usize)
            .map(|n| {
                let t = n as f64 / 8000.0;
                if t % period < on { (0.1 * (TAU * 440.0 * t).sin()) as f32 } else { 0.0 }
            })
            .collect()
    }

    #[test]
    fn worked_examples_hold() {
        // Level in dBov and activity, from a plain sample-by-sample implementation of the
        // recommendation.
        for (on, period, seconds, level, activity) in
            [(10.0, 10.0, 10.0, -23.00, 0.998), (2.0, 4.0, 40.0, -23.57, 0.569), (1.0, 10.0, 100.0, -24.07, 0.128)]
        {
            let got = level_of(&bursts(on, period, seconds));
            assert!((got.level.0 - level).abs() < 0.05, "{on} of {period} s: {got:?}, expected {level}");
            assert!((got.activity - activity).abs() < 0.006, "{on} of {period} s: {got:?}, expected {activity}");
        }
    }

    #[test]
    fn gain_moves_the_level_exactly() {
        let loud = bursts(2.0, 4.0, 20.0);
        let soft: Vec<f32> = loud.iter().map(|x| x / 4.0).collect();
        let difference = level_of(&loud).level.0 - level_of(&soft).level.0;
        assert!((difference - 12.041).abs() < 0.01, "{difference}");
    }

    #[test]
    fn silence_has_no_active_level() {
        let silence = ActiveLevel { level: Decibels(-100.0), activity: 0.0 };
        assert_eq!(level_of(&[0.0; 8000]), silence);
        assert_eq!(level_of(&[]), silence);
    }

    #[test]
    fn full_scale_and_nearly_nothing_have_a_level() {
        assert!((level_of(&[1.0; 16_000]).level.0 - 0.0).abs() < 1.0);
        let faint = level_of(&[4e-5; 16_000]).level.0;
        assert!((-90.0..=-85.0).contains(&faint), "{faint}");
    }

    #[test]
    fn the_envelope_is_that_of_the_recommendation_at_the_end_of_every_hop() {
        let samples: Vec<f32> =
            bursts(0.3, 0.7, 3.0).iter().enumerate().map(|(n, x)| x * (n % 97) as f32 / 97.0).collect();
        for rate in [8000, 11_025] {
            let decay = (-1.0 / (f64::from(rate) * TIME_CONSTANT_S)).exp();
            let (mut average, mut envelope, mut energy, mut from) = (0.0, 0.0, 0.0, 0);
            let mut plain = Vec::new();
            for (n, &x) in samples.iter().enumerate() {
                average = decay * average + (1.0 - decay) * f64::from(x.abs());
                envelope = decay * envelope + (1.0 - decay) * average;
                energy += f64::from(x).powi(2);
                let end = (plain.len() + 1) * rate as usize;
                if n + 1 == end.div_ceil(100) || n + 1 == samples.len() {
                    plain.push((energy / (n + 1 - from) as f64, thresholds_reached(envelope)));
                    (energy, from) = (0.0, n + 1);
                }
            }
            let hops = hops_of(rate, [&samples[..]]);
            assert_eq!(hops.len(), plain.len());
            for (i, (hop, (power, reached))) in hops.iter().zip(plain).enumerate() {
                assert!((f64::from(hop.power) - power).abs() <= 5e-4 * power, "hop {i} at {rate} Hz");
                assert_eq!(hop.reached, reached, "hop {i} at {rate} Hz");
            }
        }
    }

    #[test]
    fn a_real_call_has_the_levels_of_a_plain_implementation() {
        // By `fixtures/reference/cut.py --levels`, which goes through the samples one by one.
        for (file, level, activity) in [("agent.wav", -17.46, 0.206), ("caller.wav", -17.87, 0.545)] {
            let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/reference/{}"), file);
            let reader = hound::WavReader::open(&path).unwrap();
            let samples: Vec<f32> = reader.into_samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect();
            let got = level_of(&samples);
            assert!((got.level.0 - level).abs() < 0.05, "{file}: {got:?}, expected {level}");
            assert!((got.activity - activity).abs() < 0.005, "{file}: {got:?}, expected {activity}");
        }
    }

    #[test]
    fn noise_is_the_floor_outside_speech() {
        let mut samples = vec![0.001; 8000];
        samples.extend(vec![0.5; 8000]);
        let noise = hops_of(8000, [&samples[..]]).noise(&[Span::new(1000.0, 2000.0)]).unwrap();
        assert!((noise.0 + 60.0).abs() < 0.1, "{noise}");
        samples.extend(vec![0.01; 9000]);
        let usual = hops_of(8000, [&samples[..]]).usual(&[Span::new(1000.0, 2000.0)], 212).unwrap();
        assert!((usual.0 + 40.0).abs() < 0.1, "more than half of the rest: {usual}");
        samples.extend(vec![0.0; 8000]);
        let hops = hops_of(8000, [&samples[..]]);
        assert!(hops.usual(&[Span::new(1000.0, 2000.0)], 212).is_some_and(|zeros| zeros == usual));
        assert_eq!(hops.usual(&[Span::new(1000.0, 2000.0)], 214), None, "zeros do not count");
    }
}
