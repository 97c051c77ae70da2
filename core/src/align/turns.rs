//! Turn taking: people mostly do not talk at once, so the true lag is one at which two tracks' speech interleaves.

use super::belief::Belief;
use super::fft::correlation;
use super::sound::Sound;

/// Seconds between two values of a mask.
const HOP_S: f64 = 0.032;
/// Blur of the speech masks, in seconds: the true lag lies in the middle of the gaps, not at their edge. Between 0.35 and 0.7
/// made and real calls agree within a tenth of a second.
const BLUR_S: f64 = 0.5;
/// Log-likelihood of a second of talking at once, against what chance would give. With less, beliefs are too wide; with more,
/// too narrow (made calls and a real one, 0.4 to 4 tried).
const NATS_PER_S: f64 = 2.0;

/// Less talk than this on either track, in seconds, says nothing.
const MIN_TALK_S: f64 = 1.0;
/// How often turn taking is to be trusted: the rest of the time the masks show one voice twice, or nobody converses.
const TRUST: f64 = 0.85;

/// Adds what the two tracks' speech says about every lag; `false` where there is too little of it.
pub(super) fn weigh(a: &Sound, b: &Sound, evidence: &mut Belief) -> bool {
    let portable = a.portable;
    let (a, b) = (blurred(&own_speech(a)), blurred(&own_speech(b)));
    let talk = |m: &[f32]| m.iter().sum::<f32>() as f64 * HOP_S;
    if talk(&a) < MIN_TALK_S || talk(&b) < MIN_TALK_S {
        return false;
    }
    let together = correlation(&a, &b, portable);
    let (sum_a, sum_b) = (sums(&a), sums(&b));
    let excess = |shift: i64| -> f64 {
        // Frame j of b lies over frame j + shift of a.
        let (lo, hi) = (shift.max(0), (shift + b.len() as i64).min(a.len() as i64));
        if hi <= lo {
            return 0.0;
        }
        let share = |sums: &[f64], s: i64, e: i64| sums[e as usize] - sums[s as usize];
        let expected = share(&sum_a, lo, hi) * share(&sum_b, lo - shift, hi - shift) / (hi - lo) as f64;
        let n = together.len() as i64;
        (f64::from(together[shift.rem_euclid(n) as usize]) - expected) * HOP_S
    };
    let (low, high) = evidence.range();
    let mut belief = Belief::flat(low, high);
    belief.add(|lag| {
        let at = lag / HOP_S;
        let (i, part) = (at.floor() as i64, at - at.floor());
        -NATS_PER_S * (excess(i) * (1.0 - part) + excess(i + 1) * part)
    });
    evidence.add_mixed(&belief, TRUST);
    true
}

/// Where the track's own party speaks, by [`HOP_S`].
fn own_speech(s: &Sound) -> Vec<bool> {
    let hops = (s.seconds() / HOP_S) as usize;
    (0..hops).map(|i| s.speaks(i as f64 * HOP_S)).collect()
}

/// The mask with soft edges.
fn blurred(p: &[bool]) -> Vec<f32> {
    let sigma = BLUR_S / HOP_S;
    let reach = (3.0 * sigma) as i64;
    let kernel: Vec<f32> = (-reach..=reach).map(|k| (-0.5 * (k as f64 / sigma).powi(2)).exp() as f32).collect();
    let sum: f32 = kernel.iter().sum();
    let mut out = vec![0.0f32; p.len()];
    for (i, _) in p.iter().enumerate().filter(|&(_, &x)| x) {
        for (k, &w) in kernel.iter().enumerate() {
            if let Some(o) = usize::try_from(i as i64 + k as i64 - reach).ok().and_then(|j| out.get_mut(j)) {
                *o += w / sum;
            }
        }
    }
    out
}

fn sums(x: &[f32]) -> Vec<f64> {
    let mut sum = 0.0;
    std::iter::once(0.0)
        .chain(x.iter().map(|&v| {
            sum += f64::from(v);
            sum
        }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blurred_mask_keeps_its_area() {
        let mut mask = vec![false; 400];
        mask[150..250].fill(true);
        let area: f32 = blurred(&mask).iter().sum();
        assert!((area - 100.0).abs() < 0.01);
    }
}
