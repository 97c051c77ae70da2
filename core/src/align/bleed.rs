//! Searches for the other party's voice on a track: the lags at which one track's own sound also
//! occurs on the other.

use std::ops::Range;

use super::belief::Belief;
use super::path;
use super::sound::{FRAMES, Sound};
use super::vote::{Direction, NEAR_ECHO_S, STRETCH, Vote, agree};
use super::wave::{Correlator, FRAME, Peak, RATE, Spectrum, Whitening, level_in_time, prepare};
use crate::threads;

/// Samples of the transform near an expected lag: a stretch plus the same number of lags.
const NEAR_N: usize = 65_536;
/// Samples of the transforms over the whole range: a stretch plus three times as many lags.
const WIDE_N: usize = 131_072;
/// Stretches tried per direction near the expected lag, and the maximum over the whole range.
const NEAR_TRIES: usize = 4;
const WIDE_TRIES: usize = 48;
/// Most transforms over the whole range per pair of tracks; enough for three stretches over two
/// minutes of lags. With a third of this, two in a hundred calls whose bleed is far from the first
/// search range are missed.
const MAX_TILES: usize = 14;
/// Spectra of each hearer kept for later stretches: as many as one stretch needs over two minutes
/// of lags, four megabytes for both.
const MAX_KEPT: usize = 5;
/// Peaks kept per stretch, and their minimum distance. Within 100 ms they are the pitch and the
/// room of one voice.
const PEAKS: usize = 6;
const APART: usize = RATE / 10;

/// Share of a stretch's own sound that must be fainter on the other track. Otherwise the bleed goes
/// the other way.
const FAINTER: f64 = 0.25;
/// Stretches tried in the other direction once one is settled.
const OTHER_WAY: usize = 2;

/// All votes, and the belief about each direction's delay.
pub(super) struct Heard {
    pub votes: Vec<Vote>,
    pub delays: [Belief; 2],
    /// Whether several stretches agree on a direction's delay and no alternative is left.
    pub settled: [bool; 2],
}

/// Searches each track for the other's sound, first near the lags that `prior` considers likely,
/// then everywhere.
///
/// Stops as soon as two stretches of a direction agree and no alternative is left for its delay,
/// and then searches for the other direction nearby.
pub(super) fn search(a: &Sound, b: &Sound, prior: &Belief, likely: &[f64]) -> Heard {
    let mut search = Search::new(a, b, prior, likely);
    search.anywhere();
    search.other_way();
    search.finish()
}

struct Search<'s, 't> {
    a: &'s Sound<'t>,
    b: &'s Sound<'t>,
    prior: &'s Belief,
    likely: &'s [f64],
    /// Stretches of each direction's talker near each likely lag, and anywhere.
    near: [Vec<Vec<usize>>; 2],
    everywhere: [Vec<usize>; 2],
    grids: [SpectrumGrid; 2],
    /// The second one is only used for parallel work.
    correlators: [Option<Correlator>; 2],
    /// Transforms over the whole range so far.
    tiles: usize,
    /// Stretches already searched over the whole range.
    done: Vec<(Direction, usize)>,
    votes: Vec<Vote>,
}

/// Spectra of a direction's hearer over the whole range, by where they begin: one per [`WIDE_SPAN`]
/// samples, shared by all stretches.
#[derive(Default)]
struct SpectrumGrid(Vec<(i64, Spectrum)>);

/// A stretch to search for, with transforms of `n` samples at tiles of lags. There are no tiles if
/// it was searched before.
struct BleedQuery {
    direction: Direction,
    frame: usize,
    n: usize,
    tiles: Vec<Tile>,
}

/// The result of a query.
#[derive(Default)]
struct BleedPeak {
    /// Lags in seconds with their heights.
    peaks: Vec<(f64, f32)>,
    searched_s: f64,
    transforms: usize,
}

/// Lags covered by one transform, in samples.
const NEAR_SPAN: usize = NEAR_N - STRETCH * FRAME;
const WIDE_SPAN: usize = WIDE_N - STRETCH * FRAME;

impl<'s, 't> Search<'s, 't> {
    fn new(a: &'s Sound<'t>, b: &'s Sound<'t>, prior: &'s Belief, likely: &'s [f64]) -> Self {
        let stretches = |direction: Direction| {
            let (talker, hearer) = direction.order(a, b);
            let near = likely.iter().map(|&lag| busy(talker, hearer, direction.delay(lag)));
            (near.collect(), talker.busiest(0..usize::MAX, STRETCH, FRAMES / 2, WIDE_TRIES))
        };
        let [first, second] = Direction::BOTH;
        let ((near_a, all_a), (near_b, all_b)) = threads::join(|| stretches(first), || stretches(second));
        Self {
            a,
            b,
            prior,
            likely,
            near: [near_a, near_b],
            everywhere: [all_a, all_b],
            grids: Default::default(),
            correlators: [None, None],
            tiles: 0,
            done: Vec::new(),
            votes: Vec::new(),
        }
    }

    /// Searches near the likely lags, then everywhere, until a direction is settled.
    fn anywhere(&mut self) {
        let places = self.likely.len();
        let mut near = (0..NEAR_TRIES).flat_map(|round| (0..places).map(move |place| (place, round)));
        let found = near.any(|(place, round)| self.both_ways(|search, direction| search.near(direction, place, round)));
        if !found {
            (0..WIDE_TRIES).any(|round| self.both_ways(|search, direction| search.wide(direction, round)));
        }
    }

    /// Searches for the direction that is not settled near the lag implied by the other.
    fn other_way(&mut self) {
        let settled = Direction::BOTH.map(|direction| self.settled(direction));
        let (known, other) = match settled {
            [true, false] => (Direction::AOnB, Direction::BOnA),
            [false, true] => (Direction::BOnA, Direction::AOnB),
            _ => return,
        };
        let lag = known.lag(self.delays(known).guess().lag_s, NEAR_ECHO_S);
        let (talker, hearer) = other.order(self.a, self.b);
        for frame in busy(talker, hearer, other.delay(lag)).into_iter().take(OTHER_WAY) {
            let quest = self.near_at(other, lag, frame);
            let grid = &mut self.grids[other as usize];
            let found = grid.listen(self.a, self.b, &quest, &mut self.correlators[0]);
            self.take(&quest, found);
        }
    }

    /// Searches for one stretch of each direction, and returns whether no doubt is left.
    ///
    /// With more than one thread both run in parallel, and the second is discarded if the first was
    /// enough.
    fn both_ways(&mut self, quest: impl Fn(&Self, Direction) -> Option<BleedQuery>) -> bool {
        if self.a.is_cancelled() {
            return true;
        }
        let [first, second] = Direction::BOTH;
        if threads::count() > 1
            && let (Some(one), Some(other)) = (quest(self, first), quest(self, second))
        {
            prepare(one.n, self.a.portable);
            let (a, b) = (self.a, self.b);
            let ([x, y], [with, and_with]) = (&mut self.grids, &mut self.correlators);
            let (found, more) = threads::join(|| x.listen(a, b, &one, with), || y.listen(a, b, &other, and_with));
            self.take(&one, found);
            // Neither direction knows of the other, but for how much may be spent.
            let too_much = other.n == WIDE_N && self.tiles >= MAX_TILES;
            return self.decided() || (!too_much && self.took(&other, more));
        }
        Direction::BOTH.into_iter().any(|direction| {
            let Some(quest) = quest(self, direction) else { return false };
            let grid = &mut self.grids[direction as usize];
            let found = grid.listen(self.a, self.b, &quest, &mut self.correlators[0]);
            self.took(&quest, found)
        })
    }

    /// Returns a stretch to search for near a likely lag, if there is one.
    fn near(&self, direction: Direction, place: usize, round: usize) -> Option<BleedQuery> {
        let frame = *self.near[direction as usize].get(place)?.get(round)?;
        Some(self.near_at(direction, *self.likely.get(place)?, frame))
    }

    /// Returns a query for a stretch near a lag.
    fn near_at(&self, direction: Direction, lag_s: f64, frame: usize) -> BleedQuery {
        let frame = self.known_stretch(direction, frame);
        let centre = ((direction.delay(lag_s) + NEAR_ECHO_S) * RATE as f64) as i64;
        let tile = centre - NEAR_SPAN as i64 / 2;
        BleedQuery { direction, frame, n: NEAR_N, tiles: vec![(tile, 0..NEAR_SPAN)] }
    }

    /// Returns a stretch to search for over the whole range, or `None` if there is none or the
    /// limit is reached.
    fn wide(&self, direction: Direction, round: usize) -> Option<BleedQuery> {
        let frame = *self.everywhere[direction as usize].get(round)?;
        if self.tiles >= MAX_TILES {
            return None;
        }
        let frame = self.known_stretch(direction, frame);
        if self.done.contains(&(direction, frame)) {
            return Some(BleedQuery { direction, frame, n: WIDE_N, tiles: Vec::new() });
        }
        let (low, high) = path::delays(direction, self.prior.range());
        let at = |s: f64| (s * RATE as f64) as i64;
        let (from, to) = (at(low), at(high));
        // Tiles begin where the grid of the hearer's track does, so that their spectra serve every
        // stretch.
        let (start, span) = ((frame * FRAME) as i64, WIDE_SPAN as i64);
        let tiles = (start + from).div_euclid(span)..=(start + to).div_euclid(span);
        let within = |tile: i64| ((from - tile).clamp(0, span) as usize)..((to - tile).clamp(0, span) as usize);
        let tiles = tiles.map(|k| k * span - start).map(|tile| (tile, within(tile))).collect();
        Some(BleedQuery { direction, frame, n: WIDE_N, tiles })
    }

    /// Returns the start of an earlier stretch that overlaps one at `frame`, or `frame`. Each sound
    /// has one vote.
    fn known_stretch(&self, direction: Direction, frame: usize) -> usize {
        let overlaps = |v: &&Vote| v.direction == direction && v.start.abs_diff(frame) < STRETCH;
        self.votes.iter().find(overlaps).map_or(frame, |v| v.start)
    }

    /// Records the result of a query, and returns whether no doubt is left.
    fn took(&mut self, quest: &BleedQuery, found: BleedPeak) -> bool {
        self.take(quest, found);
        self.decided()
    }

    fn take(&mut self, quest: &BleedQuery, found: BleedPeak) {
        if quest.tiles.is_empty() {
            return;
        }
        let BleedQuery { direction, frame, n, .. } = *quest;
        if n == WIDE_N {
            self.done.push((direction, frame));
        }
        self.tiles += found.transforms;
        let (mut peaks, mut searched_s) = (found.peaks, found.searched_s);
        if let Some(i) = self.votes.iter().position(|v| v.direction == direction && v.start == frame) {
            let known = self.votes.remove(i);
            peaks.extend(known.peaks);
            // What was searched near is searched again with everything.
            searched_s = searched_s.max(known.searched_s);
        }
        let (talker, hearer) = direction.order(self.a, self.b);
        peaks.retain(|p| fainter(talker, hearer, frame, p.0));
        peaks.sort_by(|x, y| y.1.total_cmp(&x.1).then(x.0.total_cmp(&y.0)));
        let mut kept: Vec<(f64, f32)> = Vec::new();
        for p in peaks {
            if kept.len() < PEAKS && kept.iter().all(|k| (k.0 - p.0).abs() >= APART as f64 / RATE as f64) {
                kept.push(p);
            }
        }
        self.votes.push(Vote { direction, start: frame, peaks: kept, searched_s });
    }

    /// Returns the belief about a direction's delay.
    fn delays(&self, direction: Direction) -> Belief {
        let (low, high) = path::delays(direction, self.prior.range());
        let mut delays = Belief::flat(low, high);
        self.votes.iter().filter(|v| v.direction == direction).for_each(|v| v.add_to(&mut delays));
        delays
    }

    fn settled(&self, direction: Direction) -> bool {
        let speak = self.votes.iter().filter(|v| v.direction == direction && v.speaks()).count();
        if speak < 2 {
            return false;
        }
        let guess = self.delays(direction).guess();
        guess.mass > 0.999 && agree(&self.votes, direction, guess.lag_s)
    }

    fn decided(&self) -> bool {
        Direction::BOTH.into_iter().any(|direction| self.settled(direction))
    }

    fn finish(self) -> Heard {
        let settled = Direction::BOTH.map(|direction| self.settled(direction));
        let delays = Direction::BOTH.map(|direction| self.delays(direction));
        Heard { votes: self.votes, delays, settled }
    }
}

/// Returns the starts of stretches in which the talker sounds most, while both tracks were recorded
/// at a given delay.
fn busy(talker: &Sound, hearer: &Sound, delay: f64) -> Vec<usize> {
    // The hearer's time is the talker's plus the delay.
    let at = |s: f64| (s * FRAMES as f64).max(0.0) as usize;
    let both = at(-delay)..at((hearer.seconds() - delay).min(talker.seconds()));
    talker.busiest(both, STRETCH, FRAMES / 2, NEAR_TRIES)
}

/// Returns `true` if a stretch's own sound is fainter where it would be heard. What is louder there
/// originates there.
fn fainter(talker: &Sound, hearer: &Sound, frame: usize, delay_s: f64) -> bool {
    let shift = (delay_s * FRAMES as f64).round() as i64;
    let (mut both, mut fainter) = (0.0, 0.0);
    for i in frame..(frame + STRETCH).min(talker.energy.len()) {
        let there = usize::try_from(i as i64 + shift).ok().and_then(|j| hearer.energy.get(j));
        if let (true, Some(there)) = (talker.active[i], there) {
            both += 1.0;
            fainter += f64::from(u8::from(*there < 2.0 * talker.energy[i]));
        }
    }
    fainter > FAINTER * both
}

impl SpectrumGrid {
    /// Correlates a stretch with the hearer.
    fn listen(&mut self, a: &Sound, b: &Sound, quest: &BleedQuery, with: &mut Option<Correlator>) -> BleedPeak {
        let mut found = BleedPeak::default();
        if quest.tiles.is_empty() {
            return found;
        }
        let (talker, hearer) = quest.direction.order(a, b);
        let start = (quest.frame * FRAME) as i64;
        let len = (STRETCH * FRAME).min((talker.len() - start).max(0) as usize);
        if with.as_ref().is_some_and(|c| c.len() != quest.n) {
            *with = None;
        }
        let correlator = with.get_or_insert_with(|| Correlator::new(quest.n, a.portable));
        let voice = correlator.spectrum(talker.input.samples, start, len, Whitening::Talker, |x| {
            talker.keep_own_sound(start, x);
        });
        // Where half of the sound comes before and half after: beyond the hearer's ends less than
        // half could be heard.
        let middle = talker.middle_of_sound(quest.frame, len / FRAME) as i64 * FRAME as i64;
        for (tile, within) in quest.tiles.iter().take_while(|_| !a.is_cancelled()) {
            let Some(valid) = overlapping(*tile, within, middle, hearer.len()) else { continue };
            found.searched_s += valid.len() as f64 / RATE as f64;
            let peaks = self.compare(correlator, &voice, hearer, start + tile, valid);
            found.peaks.extend(peaks.into_iter().map(|p| ((p.lag + *tile as f64) / RATE as f64, p.z)));
            found.transforms += usize::from(quest.n == WIDE_N);
        }
        found
    }

    /// Compares a stretch with the hearer's sound from sample `at` on.
    fn compare(
        &mut self,
        correlator: &mut Correlator,
        voice: &Spectrum,
        hearer: &Sound,
        at: i64,
        valid: Range<usize>,
    ) -> Vec<Peak> {
        let n = correlator.len();
        let known = self.0.iter().position(|g| n == WIDE_N && g.0 == at);
        let made = known.is_none().then(|| {
            let level = |x: &mut [f32]| level_in_time(x, hearer.floor);
            correlator.spectrum(hearer.input.samples, at, n, Whitening::Hearer, level)
        });
        if let Some(other) = known.and_then(|i| self.0.get(i)).map(|g| &g.1).or(made.as_ref()) {
            correlator.correlate(voice, other, valid);
        }
        if n == WIDE_N && self.0.len() < MAX_KEPT {
            self.0.extend(made.map(|spectrum| (at, spectrum)));
        }
        correlator.peaks(PEAKS, APART)
    }
}

/// A tile of lags: the first, in samples, and the range after it that counts.
type Tile = (i64, Range<usize>);

/// Returns the lags of `within`, relative to `from`, at which the talker's moment `middle` lies on
/// a track of `track` samples.
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
        // The middle of the sound lies 2 s into the stretch: it meets the track from 2 s before its
        // start on.
        assert_eq!(overlapping(-4 * second, &all, 2 * second, 60 * second), Some(2 * RATE..8 * RATE));
        assert_eq!(overlapping(56 * second, &all, 2 * second, 60 * second), Some(0..2 * RATE));
        assert_eq!(overlapping(59 * second, &all, 2 * second, 60 * second), None);
    }
}
