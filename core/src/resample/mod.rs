//! Sample rate conversion as a stream: the bits do not depend on chunking, and there is no delay.
//!
//! Between 8 and 16 kHz, the two rates of telephony, a half-band filter is used. Every other pair
//! of rates uses rubato's FFT resampler.

mod fft;
mod halfband;

use crate::error::Result;
use crate::samples::Samples;
use crate::units::Rate;

use fft::FftResampler;
use halfband::{Doubler, Halver};

/// Converts one channel from one rate to another.
///
/// Sample `n` of the output is the signal at `n / to` seconds, so the filter's delay is removed.
/// The output holds `⌈length · to / from⌉` samples.
#[derive(Debug)]
pub struct Resampler {
    from: Rate,
    to: Rate,
    kind: ResamplerKind,
    pushed: u64,
    given: u64,
}

#[derive(Debug)]
enum ResamplerKind {
    Same,
    Halve(Halver),
    Double(Doubler),
    Fft(Box<FftResampler>),
}

impl Resampler {
    /// Creates a resampler between two rates.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if the two rates cannot be converted.
    pub fn new(from: Rate, to: Rate) -> Result<Self> {
        let kind = match (from.hz(), to.hz()) {
            (a, b) if a == b => ResamplerKind::Same,
            (a, b) if a == 2 * b => ResamplerKind::Halve(Halver::default()),
            (a, b) if 2 * a == b => ResamplerKind::Double(Doubler::default()),
            _ => ResamplerKind::Fft(Box::new(FftResampler::new(from, to)?)),
        };
        Ok(Self { from, to, kind, pushed: 0, given: 0 })
    }

    /// Takes the next samples, and appends the output that is complete to `out`.
    ///
    /// # Errors
    /// [`Internal`](crate::ErrorKind::Internal) if the underlying resampler fails.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) -> Result<()> {
        let before = out.len();
        self.pushed += samples.len() as u64;
        match &mut self.kind {
            ResamplerKind::Same => out.extend_from_slice(samples),
            ResamplerKind::Halve(halver) => halver.push(samples, out),
            ResamplerKind::Double(doubler) => doubler.push(samples, out),
            ResamplerKind::Fft(fft) => fft.push(samples, out)?,
        }
        self.given += (out.len() - before) as u64;
        Ok(())
    }

    /// Appends the remaining output, as if silence followed.
    ///
    /// # Errors
    /// [`Internal`](crate::ErrorKind::Internal) if the underlying resampler fails.
    pub fn finish(&mut self, out: &mut Vec<f32>) -> Result<()> {
        let total = (u128::from(self.pushed) * u128::from(self.to.hz())).div_ceil(u128::from(self.from.hz())) as u64;
        let wanted = total.saturating_sub(self.given) as usize;
        let before = out.len();
        match &mut self.kind {
            ResamplerKind::Same => {}
            ResamplerKind::Halve(halver) => halver.finish(out),
            ResamplerKind::Double(doubler) => doubler.finish(out),
            ResamplerKind::Fft(fft) => fft.finish(wanted, out)?,
        }
        out.resize(before + wanted, 0.0);
        self.given = total;
        Ok(())
    }
}

/// Passes samples to stages block by block, as they are and at 8 kHz. The 8 kHz samples of a block
/// may arrive with a later one.
///
/// # Errors
/// `invalid_argument` for floats that are not audio; those of [`Resampler::new`] and
/// [`Resampler::push`]; those of the stages.
pub(crate) fn narrowed(
    samples: &Samples,
    rate: Rate,
    mut stages: impl FnMut(&[f32], &[f32]) -> Result<()>,
) -> Result<()> {
    samples.check()?;
    let mut resampler = Resampler::new(rate, Rate::NARROWBAND)?;
    let mut narrowband = Vec::new();
    samples.each_block(|block| {
        narrowband.clear();
        resampler.push(block, &mut narrowband)?;
        stages(block, &narrowband)
    })?;
    narrowband.clear();
    resampler.finish(&mut narrowband)?;
    stages(&[], &narrowband)
}

/// Converts a complete signal to another rate.
///
/// ```
/// use callweave::{resample::resample, units::Rate};
///
/// let wide = resample(&[0.5; 8_000], Rate::NARROWBAND, Rate::WIDEBAND)?;
/// assert_eq!(wide.len(), 16_000);
/// # Ok::<(), callweave::Error>(())
/// ```
///
/// # Errors
/// Those of [`Resampler::new`] and [`Resampler::push`].
pub fn resample(samples: &[f32], from: Rate, to: Rate) -> Result<Vec<f32>> {
    let mut out = Vec::new();
    let mut resampler = Resampler::new(from, to)?;
    resampler.push(samples, &mut out)?;
    resampler.finish(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    fn rate(hz: u32) -> Rate {
        Rate::new(hz).unwrap()
    }

    fn sine(hz: f64, rate: u32, samples: usize) -> Vec<f32> {
        (0..samples).map(|n| (0.5 * (TAU * hz * n as f64 / f64::from(rate)).sin()) as f32).collect()
    }

    const PAIRS: [(u32, u32); 9] = [
        (8_000, 8_000),
        (16_000, 8_000),
        (8_000, 16_000),
        (44_100, 8_000),
        (48_000, 8_000),
        (11_025, 8_000),
        (8_000, 48_000),
        (22_050, 16_000),
        (6_000, 8_000),
    ];

    #[test]
    fn a_tone_keeps_its_level_and_its_place() {
        for (from, to) in PAIRS {
            let got = resample(&sine(1000.0, from, from as usize), rate(from), rate(to)).unwrap();
            let want = sine(1000.0, to, to as usize);
            assert_eq!(got.len(), want.len(), "{from} to {to}");
            let edge = to as usize / 10;
            let worst = (edge..want.len() - edge).map(|i| (got[i] - want[i]).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-3, "{from} to {to}: off by {worst}");
        }
    }

    #[test]
    fn an_impulse_stays_where_it_is() {
        for (from, to) in PAIRS {
            for at in [0.0, 0.013, 0.5, 0.99] {
                let mut x = vec![0.0; from as usize];
                let n = (at * f64::from(from)) as usize;
                x[n] = 1.0;
                let y = resample(&x, rate(from), rate(to)).unwrap();
                let peak = (0..y.len()).max_by(|&a, &b| y[a].abs().total_cmp(&y[b].abs())).unwrap();
                let want = n as f64 * f64::from(to) / f64::from(from);
                assert!((peak as f64 - want).abs() <= 1.0, "{from} to {to}: {want} found at {peak}");
            }
        }
    }

    #[test]
    fn what_the_new_rate_cannot_hold_is_gone() {
        let y = resample(&sine(5000.0, 16_000, 16_000), rate(16_000), rate(8_000)).unwrap();
        let worst = y[800..7200].iter().fold(0.0f32, |w, v| w.max(v.abs()));
        assert!(worst < 0.5 * 1e-4, "an alias of {worst} is left");
    }

    #[test]
    fn odd_rates_and_short_signals_have_an_answer() {
        for hz in [1, 7, 999, 7_999, 191_999] {
            for length in [0, 1, 2, 1000] {
                let y = resample(&vec![0.25; length], rate(hz), Rate::NARROWBAND).unwrap();
                assert_eq!(y.len() as u64, (length as u64 * 8_000).div_ceil(u64::from(hz)), "{length} at {hz} Hz");
                assert!(y.iter().all(|v| v.is_finite()));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_chunking_gives_the_same_bits(pair in 0..PAIRS.len(), cuts in prop::collection::vec(0usize..700, 1..40)) {
            let (from, to) = PAIRS[pair];
            let x = sine(440.0, from, cuts.iter().sum());
            let whole = resample(&x, rate(from), rate(to)).unwrap();
            let mut resampler = Resampler::new(rate(from), rate(to)).unwrap();
            let (mut out, mut at) = (Vec::new(), 0);
            for cut in cuts {
                resampler.push(&x[at..at + cut], &mut out).unwrap();
                at += cut;
            }
            resampler.finish(&mut out).unwrap();
            prop_assert_eq!(whole, out);
        }
    }
}
