//! Finds the lag of two recordings of one line, where the second begins before the first ends and
//! both hold the same audio.

use super::fft::correlation;
use crate::track::Narrowband;
use crate::units::Millis;

/// Samples at 8 kHz searched for at once, and distance between the beginnings of such stretches.
const STRETCH: usize = 8_000;
const STEP: usize = 4_000;
/// Samples of the second recording examined, and number of its loudest stretches tried.
const MAX_LOOKED_AT: usize = 240_000;
const TRIES: usize = 6;
/// Normalized correlation from which two stretches are the same audio, through any codec.
const ALIKE: f64 = 0.9;
/// A tone is alike at every period, so a lag is only accepted if no other one comes this near to it
/// ...
const RIVAL: f64 = 0.95;
/// ... at least this many samples away.
const APART: usize = 20;
/// Mean square below which there is nothing to compare: ten steps of 16 bits.
const SILENCE: f64 = 1e-7;

/// Returns the time on track `a` at which track `b` begins, where both hold the same audio from
/// there to the end of `a`.
///
/// Searches within `within` of `expected`. The result is exact to a sample at 8 kHz. Returns `None`
/// if no second of audio matches, or several places match.
pub fn overlap(a: &dyn Narrowband, b: &dyn Narrowband, expected: Millis, within: Millis) -> Option<Millis> {
    let samples = |time: Millis| (time.0 * 8.0).round() as i64;
    let (expected, within) = (samples(expected), samples(within).clamp(0, 480_000));
    let common = usize::try_from(a.len() as i64 - (expected - within)).unwrap_or(0).min(b.len()).min(MAX_LOOKED_AT);
    let mut stretch = vec![0.0f32; STRETCH];
    let starts = (0..).map(|k| k * STEP).take_while(|start| start + STRETCH <= common);
    let mut by_power: Vec<(f64, usize)> = starts
        .map(|start| {
            b.read(start, &mut stretch);
            (power(&stretch), start)
        })
        .filter(|(power, _)| *power / STRETCH as f64 > SILENCE)
        .collect();
    by_power.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
    by_power.into_iter().take(TRIES).find_map(|(own, start)| {
        b.read(start, &mut stretch);
        let first = (expected - within + start as i64).max(0);
        let shifts = usize::try_from(expected + within + start as i64 - first).ok()? + 1;
        let mut room = vec![0.0f32; shifts - 1 + STRETCH];
        a.read(usize::try_from(first).ok()?, &mut room);
        let shift = alike_at(&room, &stretch, own, shifts)?;
        Some(Millis((first + shift as i64 - start as i64) as f64 / 8.0)).filter(|lag| lag.0 >= 0.0)
    })
}

/// Returns where a shorter stretch of given energy occurs in a longer one, if at exactly one place.
fn alike_at(room: &[f32], stretch: &[f32], own: f64, shifts: usize) -> Option<usize> {
    // Always the portable way: which sample it is must not depend on the CPU.
    let products = correlation(room, stretch, true);
    let mut energy = power(room.get(..stretch.len())?);
    let mut alike = Vec::with_capacity(shifts);
    for shift in 0..shifts {
        let product = f64::from(*products.get(shift)?);
        alike.push(if energy > SILENCE { product / (own * energy).sqrt() } else { 0.0 });
        let (leaves, comes) = (*room.get(shift)?, room.get(shift + stretch.len()).copied().unwrap_or(0.0));
        energy = (energy + f64::from(comes * comes) - f64::from(leaves * leaves)).max(0.0);
    }
    let (at, &best) = alike.iter().enumerate().max_by(|x, y| x.1.total_cmp(y.1).then(y.0.cmp(&x.0)))?;
    let rivalled = alike.iter().enumerate().any(|(i, &x)| i.abs_diff(at) > APART && x > RIVAL * best);
    (best >= ALIKE && !rivalled).then_some(at)
}

fn power(x: &[f32]) -> f64 {
    x.iter().map(|&v| f64::from(v) * f64::from(v)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise of a fixed sequence.
    fn noise(n: usize) -> Vec<f32> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (f64::from(state >> 8) / f64::from(1 << 24) - 0.5) as f32 * 0.2
        };
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn the_sample_at_which_the_same_audio_begins_is_found() {
        let line = noise(200_000);
        let (a, b) = (&line[..120_000], &line[100_003..]);
        let found = overlap(&a, &b, Millis(13_000.0), Millis(2_000.0)).unwrap();
        assert_eq!(found, Millis(100_003.0 / 8.0));
        assert_eq!(overlap(&a, &b, Millis(9_000.0), Millis(2_000.0)), None, "not where it was looked for");
    }

    #[test]
    fn other_audio_silence_and_tones_do_not_agree() {
        let line = noise(300_000);
        let tone: Vec<f32> = (0..120_000).map(|i| (std::f32::consts::TAU * 420.0 * i as f32 / 8_000.0).sin()).collect();
        let quiet = vec![0.0f32; 120_000];
        for (a, b) in [(&line[..120_000], &line[150_000..]), (&tone, &tone), (&quiet, &quiet), (&line, &[])] {
            assert_eq!(overlap(&a, &b, Millis(13_000.0), Millis(2_000.0)), None);
        }
    }
}
