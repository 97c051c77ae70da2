//! The other party heard on a track: which lags do a track's own sound and the other track agree on?

use std::ops::Range;

use super::belief::Belief;
use super::sound::{FRAMES, Sound};
use super::vote::{Direction, LATEST_ECHO_S, TYPICAL_ECHO_S, Vote, agree};
use super::wave::{Correlator, FRAME, Peak, RATE, Spectrum, Whitening, level_in_time};

/// Frames of a stretch of talk that is looked for on the other track (8.19 s: clocks 150 ppm apart drift 1.2 ms).
pub(super) const STRETCH: usize = 819;
/// Samples of the transform near an expected lag: stretch and as much again in lags.
const NEAR_N: usize = 65_536;
/// Samples of the transforms over the whole range: stretch and three times as much in lags.
const WIDE_N: usize = 131_072;
/// Stretches tried for each direction near the expected lag, and at most over the whole range.
const NEAR_TRIES: usize = 4;
const WIDE_TRIES: usize = 48;
/// No stretch is looked for over the whole range once so many of its transforms are spent on a pair of tracks: three stretches
/// over two minutes of lags. With a third of that, two in a hundred calls with bleed far from where it is first looked for are not
/// found.
const MOST_TILES: usize = 14;
/// Spectra of hearers kept for later stretches: nine megabytes.
const MOST_KEPT: usize = 24;
/// Peaks kept of a stretch, and how far apart: within 100 ms they are one voice's pitch and room.
const PEAKS: usize = 6;
const APART: usize = RATE / 10;

/// All that was heard, and the belief it leaves.
pub(super) struct Heard {
    pub votes: Vec<Vote>,
    /// What the votes alone say.
    pub evidence: Belief,
    /// Whether stretches agree and nothing else is left to believe.
    pub decided: bool,
}

/// Looks for each track's sound on the other, first near the lags that `prior` holds likely, then everywhere.
///
/// Stops as soon as two stretches agree and nothing else is left to believe.
pub(super) fn search(a: &Sound, b: &Sound, prior: &Belief, likely: &[f64]) -> Heard {
    let mut search = Search::new(a, b, prior, likely);
    for round in 0..NEAR_TRIES {
        for place in 0..likely.len() {
            for direction in Direction::BOTH {
                if search.listen_near(direction, place, round) && search.decided() {
                    return search.finish();
                }
            }
        }
    }
    for round in 0..WIDE_TRIES {
        for direction in Direction::BOTH {
            if search.listen_wide(direction, round) && search.decided() {
                return search.finish();
            }
        }
    }
    search.finish()
}

struct Search<'s, 't> {
    a: &'s Sound<'t>,
    b: &'s Sound<'t>,
    prior: &'s Belief,
    likely: &'s [f64],
    /// Stretches of each direction's talker near each likely lag, and anywhere.
    near: Vec<[Vec<usize>; 2]>,
    anywhere: [Vec<usize>; 2],
    correlator: Correlator,
    /// Transforms over the whole range.
    tiles: usize,
    /// Spectra of each direction's hearer for them, by where they begin: every [`WIDE_SPAN`] samples, for all stretches.
    grid: Vec<(Direction, i64, Spectrum)>,
    /// Stretches looked for over the whole range.
    done: Vec<(Direction, usize)>,
    votes: Vec<Vote>,
}

/// Lags that one transform covers, in samples.
const NEAR_SPAN: usize = NEAR_N - STRETCH * FRAME;
const WIDE_SPAN: usize = WIDE_N - STRETCH * FRAME;

impl<'s, 't> Search<'s, 't> {
    fn new(a: &'s Sound<'t>, b: &'s Sound<'t>, prior: &'s Belief, likely: &'s [f64]) -> Self {
        let busy = |talker: &Sound, hearer: &Sound, delay: f64| {
            // The hearer's time is the talker's plus the delay: where both were recorded.
            let at = |s: f64| (s * FRAMES as f64).max(0.0) as usize;
            let both = at(-delay)..at((hearer.seconds() - delay).min(talker.seconds()));
            talker.busiest(both, STRETCH, FRAMES / 2, NEAR_TRIES)
        };
        let near =
            likely.iter().map(|&lag| [busy(a, b, Direction::AOnB.delay(lag)), busy(b, a, Direction::BOnA.delay(lag))]);
        let anywhere = |s: &Sound| s.busiest(0..usize::MAX, STRETCH, FRAMES / 2, WIDE_TRIES);
        Self {
            a,
            b,
            prior,
            likely,
            near: near.collect(),
            anywhere: [anywhere(a), anywhere(b)],
            correlator: Correlator::new(NEAR_N, a.portable),
            tiles: 0,
            grid: Vec::new(),
            done: Vec::new(),
            votes: Vec::new(),
        }
    }

    /// Listens for a stretch near a likely lag; `false` where there is none.
    fn listen_near(&mut self, direction: Direction, place: usize, round: usize) -> bool {
        let frame = self.near.get(place).and_then(|n| n[direction as usize].get(round)).copied();
        let (Some(frame), Some(&lag)) = (frame, self.likely.get(place)) else { return false };
        let frame = self.known_stretch(direction, frame);
        let centre = ((direction.delay(lag) + TYPICAL_ECHO_S) * RATE as f64) as i64;
        let tile = centre - NEAR_SPAN as i64 / 2;
        self.listen(direction, frame, NEAR_N, &[(tile, 0..NEAR_SPAN)]);
        true
    }

    /// Listens for a stretch over the whole range; `false` where there is none, or no more may be spent.
    fn listen_wide(&mut self, direction: Direction, round: usize) -> bool {
        let Some(&frame) = self.anywhere[direction as usize].get(round) else { return false };
        if self.tiles >= MOST_TILES {
            return false;
        }
        let frame = self.known_stretch(direction, frame);
        if self.done.contains(&(direction, frame)) {
            return true;
        }
        self.done.push((direction, frame));
        let (low, high) = self.prior.range();
        let ends = [direction.delay(low), direction.delay(high)];
        let at = |s: f64| (s * RATE as f64) as i64;
        let (from, to) = (at(ends[0].min(ends[1])), at(ends[0].max(ends[1]) + LATEST_ECHO_S));
        // Tiles begin where the grid of the hearer's track does, so that their spectra serve every stretch.
        let (start, span) = ((frame * FRAME) as i64, WIDE_SPAN as i64);
        let tiles = (start + from).div_euclid(span)..=(start + to).div_euclid(span);
        let within = |tile: i64| ((from - tile).clamp(0, span) as usize)..((to - tile).clamp(0, span) as usize);
        let tiles: Vec<Tile> = tiles.map(|k| k * span - start).map(|tile| (tile, within(tile))).collect();
        self.listen(direction, frame, WIDE_N, &tiles);
        true
    }

    /// The start of a stretch heard before that overlaps one that starts at `frame`, or `frame`: one sound, one vote.
    fn known_stretch(&self, direction: Direction, frame: usize) -> usize {
        let overlaps = |v: &&Vote| v.direction == direction && v.start.abs_diff(frame) < STRETCH;
        self.votes.iter().find(overlaps).map_or(frame, |v| v.start)
    }

    /// Correlates a stretch with the hearer by transforms of `n` samples at tiles of lags.
    fn listen(&mut self, direction: Direction, frame: usize, n: usize, tiles: &[Tile]) {
        let (talker, hearer) = direction.order(self.a, self.b);
        let start = (frame * FRAME) as i64;
        let len = (STRETCH * FRAME).min((talker.len() - start).max(0) as usize);
        if self.correlator.len() != n {
            self.correlator = Correlator::new(n, self.a.portable);
        }
        let voice = self.correlator.spectrum(talker.input.samples, start, len, Whitening::Talker, |x| {
            talker.keep_own_sound(start, x);
        });
        // Where half of the sound comes before and half after: beyond the hearer's ends less than half could be heard.
        let middle = talker.middle_of_sound(frame, len / FRAME) as i64 * FRAME as i64;
        let mut peaks: Vec<(f64, f32)> = Vec::new();
        let mut searched_s = 0.0;
        for (tile, within) in tiles {
            let Some(valid) = overlapping(*tile, within, middle, hearer.len()) else { continue };
            searched_s += valid.len() as f64 / RATE as f64;
            let found = self.compare(&voice, direction, start + tile, valid);
            peaks.extend(found.into_iter().map(|p| ((p.lag + *tile as f64) / RATE as f64, p.z)));
        }
        if let Some(i) = self.votes.iter().position(|v| v.direction == direction && v.start == frame) {
            let known = self.votes.remove(i);
            peaks.extend(known.peaks);
            // What was searched near is searched again with everything.
            searched_s = searched_s.max(known.searched_s);
        }
        peaks.sort_by(|x, y| y.1.total_cmp(&x.1).then(x.0.total_cmp(&y.0)));
        let mut kept: Vec<(f64, f32)> = Vec::new();
        for p in peaks {
            if kept.len() < PEAKS && kept.iter().all(|k| (k.0 - p.0).abs() >= APART as f64 / RATE as f64) {
                kept.push(p);
            }
        }
        self.votes.push(Vote { direction, start: frame, peaks: kept, searched_s });
    }

    /// Where a stretch agrees with the hearer's sound from sample `at` on.
    fn compare(&mut self, voice: &Spectrum, direction: Direction, at: i64, valid: Range<usize>) -> Vec<Peak> {
        let (_, hearer) = direction.order(self.a, self.b);
        let n = self.correlator.len();
        let mut made = None;
        let known = self.grid.iter().position(|g| n == WIDE_N && g.0 == direction && g.1 == at);
        if known.is_none() {
            let level = |x: &mut [f32]| level_in_time(x, hearer.floor);
            made = Some(self.correlator.spectrum(hearer.input.samples, at, n, Whitening::Hearer, level));
        }
        if let Some(other) = known.and_then(|i| self.grid.get(i)).map(|g| &g.2).or(made.as_ref()) {
            self.correlator.correlate(voice, other, valid);
        }
        if n == WIDE_N {
            self.tiles += 1;
            if self.grid.len() < MOST_KEPT {
                self.grid.extend(made.map(|spectrum| (direction, at, spectrum)));
            }
        }
        self.correlator.peaks(PEAKS, APART)
    }

    fn evidence(&self) -> Belief {
        let (low, high) = self.prior.range();
        let mut evidence = Belief::flat(low, high);
        self.votes.iter().for_each(|v| v.add_to(&mut evidence));
        evidence
    }

    fn decided(&self) -> bool {
        if self.votes.iter().filter(|v| v.speaks()).count() < 2 {
            return false;
        }
        let mut belief = self.evidence();
        belief.add_moved(self.prior, 0.0);
        let guess = belief.guess();
        guess.mass > 0.999 && agree(&self.votes, guess.lag_s)
    }

    fn finish(self) -> Heard {
        let (evidence, decided) = (self.evidence(), self.decided());
        Heard { votes: self.votes, evidence, decided }
    }
}

/// A tile of lags: the first, in samples, and those after it that count.
type Tile = (i64, Range<usize>);

/// Lags of `within` after `from` at which a moment `middle` of the talker lies on a track of `track` samples.
fn overlapping(from: i64, within: &Range<usize>, middle: i64, track: i64) -> Option<Range<usize>> {
    let (first, last) = (within.start as i64, within.end as i64);
    let low = (-middle - from).clamp(first, last);
    let high = (track - middle - from).clamp(first, last);
    (high - low > RATE as i64 / 4).then_some(low as usize..high as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_count_within_the_range_and_where_the_tracks_overlap() {
        let second = RATE as i64;
        let all = 0..8 * RATE;
        assert_eq!(overlapping(0, &all, 0, 60 * second), Some(all.clone()));
        assert_eq!(overlapping(0, &(RATE..3 * RATE), 0, 60 * second), Some(RATE..3 * RATE));
        // The middle of the sound lies 2 s into the stretch: it meets the track from 2 s before its start on.
        assert_eq!(overlapping(-4 * second, &all, 2 * second, 60 * second), Some(2 * RATE..8 * RATE));
        assert_eq!(overlapping(56 * second, &all, 2 * second, 60 * second), Some(0..2 * RATE));
        assert_eq!(overlapping(59 * second, &all, 2 * second, 60 * second), None);
    }
}
