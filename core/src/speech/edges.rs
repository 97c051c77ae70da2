//! Locates the edges of speech with a resolution of 10 ms, from the detector, the level and the
//! noise together.
//!
//! A detector's probability follows the voice with a delay: Silero's falls about 100 ms after the
//! voice does. Each 10 ms hop near an edge therefore gets log odds of speech, the sum of three
//! terms:
//!
//! - the detector's log odds, shifted by its delay;
//! - the level above the track's noise, capped at 25 dB;
//! - the level below the loudest tenth of the speech next to the edge, because breath and room
//!   noise are far below it.
//!
//! The edge is placed where the sum of these odds over the surrounding hops is greatest. A single
//! loud or quiet hop therefore moves nothing.

use std::ops::Range;

use crate::config::{Edges, SpeechConfig};
use crate::level::{Hops, smallest};
use crate::units::{Millis, Span};
use crate::vad::Probabilities;

use super::spans::{pad, raw};

/// Hops over which a level is averaged. 30 ms hold a period of any voice.
const SMOOTH: usize = 3;
/// Hops outside a span in which its edges are searched: 150 ms.
const OUTSIDE: usize = 15;
/// Hops inside a span in which its beginning is searched: 150 ms.
const BEGIN_INSIDE: usize = 15;
/// Hops inside a span in which its end is searched: 300 ms. A probability that fell earlier than
/// that is not delayed.
const END_INSIDE: usize = 30;
/// Shortest span that is left: 60 ms, the shortest syllable.
const MIN_HOPS: usize = 6;
/// Hops of a span next to the edge from which the loudest tenth is taken: 2 s.
const BESIDE: usize = 200;
/// Share used for both levels: the noise is the 10th percentile outside speech, the speech level
/// the 90th percentile inside it.
const TENTH: f64 = 0.1;
/// Log odds per decibel, for both levels.
///
/// Logistic regression over the edges of 400 hand-marked telephone utterances and over those of
/// made calls gives 0.06 to 0.14. Weights fitted to either set gave an F1 of 0.949 to 0.958.
const PER_DB: f64 = 0.1;
/// Weight of the detector's log odds. Its frames overlap, so each carries less evidence than it
/// claims.
const PER_LOGIT: f64 = 0.7;
/// Decibels above the noise beyond which the evidence does not grow.
const MAX_OVER_NOISE: f64 = 25.0;
/// Limit of the detector's log odds (0.5 % and 99.5 %).
const MAX_LOGIT: f64 = 5.3;
/// Offset of the sum from the true log odds, at a beginning and at an end (from the same
/// regression).
const BEGIN_BIAS: f64 = 2.0;
const END_BIAS: f64 = 0.0;
/// Delay of the detector behind the sound, in milliseconds. At a beginning it rises with the first
/// frame that contains some speech; at an end it lags by two frames.
const BEGIN_LAG_MS: f64 = -16.0;
const END_LAG_MS: f64 = 64.0;
/// Level of digital silence in decibels. No sound in 16 bits is fainter.
const FLOOR_DB: f64 = -100.0;

/// Returns the spans of speech in the track's time, with the edges that `speech.edges` asks for.
///
/// `power` is the mean square of each 10 ms of the track ([`Hops::power`]). The spans are those of
/// [`spans`](super::spans) with each edge moved by at most 150 ms outward, 150 ms inward at a
/// beginning and 300 ms inward at an end; padding is added afterwards. They stay sorted, disjoint
/// and within `max_speech_ms`.
pub fn located(probabilities: &Probabilities, power: &[f32], duration: Millis, config: &SpeechConfig) -> Vec<Span> {
    let mut found = raw(probabilities, duration, config);
    if config.edges == Edges::Energy && !power.is_empty() {
        let evidence = Evidence::new(probabilities, power, &found);
        found = evidence.moved(&found, duration, room(config));
    }
    pad(&mut found, config.speech_pad_ms, duration);
    found
}

/// Longest span before padding, in milliseconds.
fn room(config: &SpeechConfig) -> f64 {
    config.max_speech_ms.map_or(f64::INFINITY, |max| (max.0 - 2.0 * config.speech_pad_ms.0).max(0.0))
}

/// The evidence for each hop of a track.
struct Evidence<'a> {
    probabilities: &'a Probabilities,
    /// Mean square of each hop. Levels are computed on demand, because a long track has no memory
    /// for more per hop.
    power: &'a [f32],
    /// Level of the noise in dB.
    noise: f64,
}

/// One of a span's two edges.
#[derive(Clone, Copy)]
enum Edge {
    Begin,
    End,
}

impl<'a> Evidence<'a> {
    fn new(probabilities: &'a Probabilities, power: &'a [f32], spans: &[Span]) -> Self {
        let quiet = || outside(power.len(), spans).flatten().map(|hop| mean(power, hop).to_bits());
        let at = share_of(outside(power.len(), spans).map(|hops| hops.len()).sum(), TENTH);
        let noise = at.and_then(|at| smallest(quiet, 4, at)).map_or(FLOOR_DB, |bits| decibels(f64::from_bits(bits)));
        Self { probabilities, power, noise }
    }

    /// Returns the level of a hop and its neighbors in dB.
    fn level(&self, hop: usize) -> f64 {
        decibels(mean(self.power, hop))
    }

    /// Returns the spans with their edges moved. A span that would become longer than `room` keeps
    /// its edges.
    fn moved(&self, spans: &[Span], duration: Millis, room: f64) -> Vec<Span> {
        let mut moved: Vec<Span> = Vec::with_capacity(spans.len());
        for (k, &span) in spans.iter().enumerate() {
            let found = self.edges(span, moved.last().copied(), spans.get(k + 1).copied(), duration);
            moved.push(if found.duration().0 <= room { found } else { span });
        }
        moved
    }

    /// Moves the edges of one span, without crossing its neighbors. Where two spans meet within
    /// speech, the cut stays.
    fn edges(&self, span: Span, before: Option<Span>, after: Option<Span>, duration: Millis) -> Span {
        let (first, last) = (hop(span.start.0), hop(span.end.0).min(self.power.len()));
        if last < first + 2 * MIN_HOPS {
            return span;
        }
        let mut found = span;
        if before.is_none_or(|before| before.end < span.start) {
            let free = before.map_or(0, |before| (before.end.0 / Hops::MS).ceil() as usize);
            let (from, to) = (first.saturating_sub(OUTSIDE).max(free), (first + BEGIN_INSIDE).min(last - MIN_HOPS));
            let top = self.top(first, last.min(first + BESIDE));
            found.start = Millis(self.best(Edge::Begin, from, to, top) as f64 * Hops::MS);
        }
        if after.is_none_or(|after| after.start > span.end) {
            let free = after.map_or(self.power.len(), |after| (after.start.0 / Hops::MS) as usize);
            let (from, to) =
                (last.saturating_sub(END_INSIDE).max(hop(found.start.0) + MIN_HOPS), (last + OUTSIDE).min(free));
            let top = self.top(first.max(last.saturating_sub(BESIDE)), last);
            let limit = after.map_or(duration, |after| after.start.min(duration));
            found.end = Millis(self.best(Edge::End, from, to, top) as f64 * Hops::MS).min(limit);
        }
        if found.start < found.end { found } else { span }
    }

    /// Returns the level above which the loudest tenth of some hops lies.
    fn top(&self, from: usize, to: usize) -> f64 {
        let mut means: Vec<f64> = (from..to.min(self.power.len())).map(|hop| mean(self.power, hop)).collect();
        let Some(at) = share_of(means.len(), 1.0 - TENTH) else { return FLOOR_DB };
        decibels(*means.select_nth_unstable_by(at, f64::total_cmp).1)
    }

    /// Returns the hop at which speech begins or ends, between `from` and `to`. Before a beginning
    /// and after an end the odds are against speech.
    fn best(&self, edge: Edge, from: usize, to: usize, top: f64) -> usize {
        let (mut sum, mut best, mut at) = (0.0, 0.0, from);
        for hop in from..to {
            sum += match edge {
                Edge::Begin => -self.odds(edge, hop, top),
                Edge::End => self.odds(edge, hop, top),
            };
            if sum > best {
                (best, at) = (sum, hop + 1);
            }
        }
        at
    }

    /// Returns the log odds that a hop near an edge is speech.
    fn odds(&self, edge: Edge, hop: usize, top: f64) -> f64 {
        let level = self.level(hop);
        let (lag, bias) = match edge {
            Edge::Begin => (BEGIN_LAG_MS, BEGIN_BIAS),
            Edge::End => (END_LAG_MS, END_BIAS),
        };
        let middle = (hop as f64 + 0.5) * Hops::MS;
        let over_noise = (level - self.noise).min(MAX_OVER_NOISE);
        PER_DB * (level - top + over_noise) + PER_LOGIT * self.logit(middle + lag) + bias
    }

    /// Returns the detector's log odds at a time, interpolated between frames.
    fn logit(&self, ms: f64) -> f64 {
        let of = |frame: f64| {
            let last = self.probabilities.values.len().saturating_sub(1);
            let p = self.probabilities.values.get((frame.max(0.0) as usize).min(last)).map_or(0.0, |&p| f64::from(p));
            (p / (1.0 - p)).ln().clamp(-MAX_LOGIT, MAX_LOGIT)
        };
        let frame = ms / self.probabilities.hop.0 - 0.5;
        let (before, part) = (frame.floor(), frame - frame.floor());
        of(before) * (1.0 - part) + of(before + 1.0) * part
    }
}

/// Returns the hop that begins nearest to a time.
fn hop(ms: f64) -> usize {
    (ms / Hops::MS).round().max(0.0) as usize
}

/// Returns the mean square of a hop and its neighbors, as far as they exist.
fn mean(power: &[f32], hop: usize) -> f64 {
    let about = power.get(hop.saturating_sub(SMOOTH / 2)..(hop + SMOOTH / 2 + 1).min(power.len())).unwrap_or_default();
    about.iter().map(|&p| f64::from(p)).sum::<f64>() / about.len().max(1) as f64
}

/// Converts a mean square to a level in dB.
fn decibels(mean: f64) -> f64 {
    (10.0 * mean.log10()).max(FLOOR_DB)
}

/// Returns the hops, of `hops` in all, that lie in no span.
fn outside(hops: usize, spans: &[Span]) -> impl Iterator<Item = Range<usize>> {
    let edges = spans.iter().map(|s| (hop(s.start.0), hop(s.end.0))).chain([(hops, 0)]);
    edges.scan(0, move |from, (begin, end)| Some(std::mem::replace(from, end)..begin.min(hops)))
}

/// Returns the index, in ascending order, of the value below which a share of `values` lies.
fn share_of(values: usize, share: f64) -> Option<usize> {
    Some((share * values.checked_sub(1)? as f64) as usize)
}

#[cfg(test)]
mod tests;
