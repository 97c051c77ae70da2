//! Evidence from turn taking: people answer when the other has finished, and mostly do not talk at
//! once.
//!
//! One party begins to talk at a rate that depends on the other: rarely while the other talks,
//! often about a response time after the other stopped, and at the usual rate when the other has
//! long been silent. For every lag, the beginnings of each track's talk are compared with the other
//! track's talk, as a point process with that rate. The response time of this call is an unknown
//! that is summed over. The model only assumes that both parties answer alike: a wrong lag makes
//! one party's answers slower and the other's faster.

use super::belief::Belief;
use super::sound::Sound;
use crate::threads;

/// Seconds between two frames of talk.
const HOP_S: f64 = 0.05;
/// Pauses within talk shorter than this are filled, and talk shorter than this is dropped, in
/// frames: 0.3 and 0.15 s.
const PAUSE: usize = 6;
const SHORTEST: usize = 3;
/// Response times tried, in seconds. Measured from voice to voice with telephone detectors, they
/// lie between a quarter of a second and two (Heldner and Edlund 2010; ITU-T P.59 has pauses of
/// half a second between turns).
const PACES_S: [f64; 5] = [0.35, 0.55, 0.8, 1.2, 1.7];
/// Spread of the logarithm of response times on one call.
const SPREAD: f64 = 0.5;
/// How much likelier talk begins one response time after the other stopped than at any other time.
const ANSWERS: f64 = 6.0;
/// Relative rate of beginnings while the other talks, and the seconds of silence after which the
/// rate is the usual one.
const INTERRUPTS: f64 = 0.15;
const SETTLES_S: f64 = 1.0;
/// Divisor of the combined evidence, because beginnings of talk are not independent.
const DEPENDENT: f64 = 1.4;
/// One party may answer slower than the other throughout. Half of the difference, as a standard
/// deviation in frames (0.15 s), is an error that no number of turns reduces.
const UNEQUAL: f64 = 3.0;
/// Probability that turn taking is informative. Otherwise the tracks show one voice twice, or
/// nobody converses.
pub(super) const TRUST: f64 = 0.85;

/// Lags whose sums are computed side by side.
const LANES: usize = 16;

/// Adds what the two tracks' talk says, if [`TRUST`] holds, to a belief about the lag. Returns `None`
/// if one of them has none.
pub(super) fn belief(a: &Sound, b: &Sound, mut belief: Belief) -> Option<Belief> {
    let is_cancelled = || a.is_cancelled();
    let (talk_a, talk_b) = (Talk::new(a), Talk::new(b));
    if talk_a.spans.is_empty() || talk_b.spans.is_empty() {
        return None;
    }
    let (low, high) = belief.range();
    let first = (low / HOP_S).floor() as i64 - 1;
    let lags = ((high / HOP_S).ceil() as i64 + 2 - first).max(1) as usize;
    let nats = threads::map(PACES_S.to_vec(), |pace| nats(&talk_a, &talk_b, pace, first, lags, is_cancelled));
    let total = over_paces(&nats, lags);
    belief.add(|lag| {
        let at = lag / HOP_S - first as f64;
        let (i, part) = (at.floor().max(0.0) as usize, at - at.floor());
        let nat = |i: usize| total.get(i).copied().unwrap_or(0.0);
        nat(i) * (1.0 - part) + nat(i + 1) * part
    });
    Some(belief)
}

/// Returns the log-likelihood of each lag, summed over response times and widened for unequal
/// parties.
fn over_paces(nats: &[Vec<f64>], lags: usize) -> Vec<f64> {
    let top = nats.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum = |i: usize| nats.iter().filter_map(|n| n.get(i)).map(|n| ((n - top) / DEPENDENT).exp()).sum::<f64>();
    let alike: Vec<f64> = (0..lags).map(sum).collect();
    let reach = (3.0 * UNEQUAL) as usize;
    let weights: Vec<f64> =
        (0..=2 * reach).map(|k| (-0.5 * ((k as f64 - reach as f64) / UNEQUAL).powi(2)).exp()).collect();
    let around = |i: usize| {
        let near = weights.iter().enumerate().filter_map(|(k, w)| Some(w * alike.get((i + k).checked_sub(reach)?)?));
        near.sum::<f64>().max(f64::MIN_POSITIVE).ln()
    };
    (0..lags).map(around).collect()
}

/// Returns the log-likelihood of the beginnings on both tracks at lags of whole frames from `first`
/// on, until cancelled.
fn nats(a: &Talk, b: &Talk, pace_s: f64, first: i64, lags: usize, is_cancelled: impl Fn() -> bool) -> Vec<f64> {
    let (rate_a, rate_b) = (Rates::new(a, pace_s), Rates::new(b, pace_s));
    let mut nats = Vec::with_capacity(lags.next_multiple_of(LANES));
    while nats.len() < lags && !is_cancelled() {
        // Frame j of b lies over frame j + lag of a.
        let lag = first + nats.len() as i64;
        let of_a = a.begins(&rate_b, 1 - lag - LANES as i64);
        let of_b = b.begins(&rate_a, lag);
        nats.extend(of_a.iter().rev().zip(of_b).map(|(a, b)| a + b));
    }
    nats.truncate(lags);
    nats
}

/// When one party talks, in frames.
struct Talk {
    spans: Vec<(usize, usize)>,
    frames: usize,
}

impl Talk {
    fn new(sound: &Sound) -> Self {
        let frames = (sound.seconds() / HOP_S) as usize;
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for frame in (0..frames).filter(|&frame| sound.speaks(frame as f64 * HOP_S)) {
            match spans.last_mut() {
                Some(last) if frame - last.1 < PAUSE => last.1 = frame + 1,
                _ => spans.push((frame, frame + 1)),
            }
        }
        spans.retain(|span| span.1 - span.0 >= SHORTEST);
        Self { spans, frames }
    }

    /// Returns the log-likelihoods of the beginnings of talk under the other track's rates, with
    /// its frames `shift` later, one more later, and so on.
    fn begins(&self, other: &Rates, shift: i64) -> [f64; LANES] {
        // What had begun before the recording did is no beginning.
        let begins = self.spans.iter().map(|span| span.0).filter(|&frame| frame > 2);
        let (mut nats, mut count) = ([0.0; LANES], 0.0);
        for frame in begins {
            let logs = other.logs_at(frame as i64 + shift);
            nats.iter_mut().zip(logs).for_each(|(nats, log)| *nats += log);
            count += 1.0;
        }
        let (mut excess, mut silent, mut from) = ([0.0; LANES], 0, 0);
        for &(start, end) in self.spans.iter().chain([&(self.frames, self.frames)]) {
            let both =
                other.excess_before(start as i64 + shift).into_iter().zip(other.excess_before(from as i64 + shift));
            excess.iter_mut().zip(both).for_each(|(excess, (until, from))| *excess += until - from);
            silent += start - from;
            from = end;
        }
        std::array::from_fn(|i| nats[i] - count * (excess[i] / silent.max(1) as f64).ln_1p())
    }
}

/// The rate at which a party begins to talk at each frame of the other's track, relative to 1.
struct Rates {
    log: Vec<f64>,
    /// Running sums of the rates minus 1.
    excess: Vec<f64>,
}

impl Rates {
    fn new(talk: &Talk, pace_s: f64) -> Self {
        let mut rates = vec![1.0; talk.frames];
        for (i, &(start, end)) in talk.spans.iter().enumerate() {
            let next = talk.spans.get(i + 1).map_or(talk.frames, |n| n.0);
            rates[start..end].fill(INTERRUPTS);
            for (k, rate) in rates[end..next].iter_mut().enumerate() {
                *rate = after(pace_s, (k as f64 + 0.5) * HOP_S);
            }
        }
        let mut sum = 0.0;
        let sums = rates.iter().map(|rate| {
            sum += rate - 1.0;
            sum
        });
        let excess = std::iter::once(0.0).chain(sums).collect();
        Self { log: rates.iter().map(|rate: &f64| rate.ln()).collect(), excess }
    }

    /// Returns the logarithms of the rates from a frame on, which are 0 beyond the track.
    fn logs_at(&self, frame: i64) -> [f64; LANES] {
        let at = |i: usize| usize::try_from(frame + i as i64).ok().and_then(|i| self.log.get(i)).copied();
        within(&self.log, frame).unwrap_or_else(|| std::array::from_fn(|i| at(i).unwrap_or(0.0)))
    }

    /// Returns the running sums before a frame, and before those after it.
    fn excess_before(&self, frame: i64) -> [f64; LANES] {
        let last = self.excess.len() - 1;
        let at = |i: usize| self.excess[((frame + i as i64).max(0) as usize).min(last)];
        within(&self.excess, frame).unwrap_or_else(|| std::array::from_fn(at))
    }
}

/// Returns values from an index on, unless some lie beyond an end.
fn within(values: &[f64], from: i64) -> Option<[f64; LANES]> {
    values.get(usize::try_from(from).ok()?..)?.first_chunk().copied()
}

/// Returns the rate this many seconds after the other stopped.
fn after(pace_s: f64, seconds: f64) -> f64 {
    let x = (seconds / pace_s).ln() / SPREAD;
    INTERRUPTS + (1.0 - INTERRUPTS) * (1.0 - (-seconds / SETTLES_S).exp()) + ANSWERS * (-0.5 * x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two parties that talk in turn, each a response time after the other; frames of call time.
    fn conversation(gap: usize) -> (Talk, Talk) {
        let (mut sides, mut at) = ([Vec::new(), Vec::new()], 40);
        for turn in 0..24 {
            let length = 30 + (turn * 37) % 50;
            sides[turn % 2].push((at, at + length));
            at += length + gap + (turn * 13) % 7;
        }
        let [a, b] = sides;
        (Talk { spans: a, frames: at }, Talk { spans: b, frames: at })
    }

    fn best(a: &Talk, b: &Talk) -> i64 {
        let nats: Vec<Vec<f64>> = PACES_S.iter().map(|&pace| nats(a, b, pace, -400, 801, || false)).collect();
        let total = over_paces(&nats, 801);
        let top = (0..801).max_by(|&i, &j| total[i].total_cmp(&total[j])).unwrap();
        top as i64 - 400
    }

    #[test]
    fn a_cancel_ends_the_search_at_its_lags() {
        let (a, b) = conversation(12);
        let asked = std::cell::Cell::new(0);
        let after_ten = || asked.replace(asked.get() + 1) >= 10;
        assert_eq!(nats(&a, &b, PACES_S[0], -400, 801, after_ten).len(), 10 * LANES);
        assert_eq!(nats(&a, &b, PACES_S[0], -400, 801, || false).len(), 801);
    }

    #[test]
    fn the_lag_is_where_both_answer_alike_at_any_pace() {
        for gap in [5, 10, 16, 24, 34] {
            let (a, b) = conversation(gap);
            assert!(best(&a, &b).abs() <= 2, "gap {gap}: {}", best(&a, &b));
        }
    }

    #[test]
    fn a_track_cut_at_its_beginning_is_found_later() {
        let (a, b) = conversation(14);
        let cut = 60;
        let later = |span: &(usize, usize)| Some((span.0.checked_sub(cut)?, span.1 - cut));
        let b = Talk { spans: b.spans.iter().filter_map(later).collect(), frames: b.frames - cut };
        assert!((best(&a, &b) - cut as i64).abs() <= 2);
    }

    #[test]
    fn rates_are_low_in_talk_high_at_the_pace_and_level_long_after() {
        let talk = Talk { spans: vec![(100, 200)], frames: 1_000 };
        let rates = Rates::new(&talk, 0.8);
        let log_at = |frame| rates.logs_at(frame)[0];
        assert!(log_at(150) < -1.5 && log_at(216) > 1.5 && log_at(900).abs() < 0.1);
        assert_eq!((log_at(-5), log_at(5_000)), (0.0, 0.0));
        assert_eq!(rates.logs_at(-5)[5..], rates.logs_at(0)[..LANES - 5], "across the beginning");
        assert_eq!(rates.excess_before(-5)[5..], rates.excess_before(0)[..LANES - 5]);
    }
}
