//! Detects ringback, busy and congestion: bursts of a supervisory tone in a cadence.
//!
//! The cadence decides what a tone means. The frequencies only distinguish countries. Every table
//! entry is scored while bursts arrive, so a train of any length needs no memory of its bursts.

use super::bursts::{Burst, SpectralLine, SpectralLines};
use super::event::{EventKind, HeardSound, SoundDetail, dbov, ending_after};
use super::short::ShortList;
use super::tones::{self, ANYWHERE, ENTRIES, SUPERVISORY_HZ, TONES, Tone};

use crate::room::make_room;

/// Largest relative error of a length: 15 %, or 40 ms if that is more (E.180 lets exchanges vary by
/// 10 %).
const FIT: f32 = 0.15;
const FIT_SECONDS: f32 = 0.04;
/// Largest error of a country's frequency: 12 Hz. Lines of 128 ms windows are accurate to 1 Hz;
/// networks are not.
const FIT_HZ: f32 = 12.0;
/// Penalty for other frequencies, as a relative error of the times. Countries' cadences differ less
/// than exchanges vary.
const OTHER_HZ: f32 = 0.25;
/// Bursts closer than this are one burst damaged by a lost packet.
const JOIN_SECONDS: f32 = 0.08;
/// Silence that ends a train: two of the longest periods, so that one burst may be drowned out.
const OVER_SECONDS: f32 = 12.0;
/// Smallest share of a train's bursts that must fit: for a country's tone, and for a cadence at any
/// frequency.
const MAX: (f32, f32) = (0.6, 0.8);
/// Smallest share of a burst's power in its lines.
const PURE: f32 = 0.75;
/// A ring that begins within this many samples (100 ms) of the track's start may have begun
/// earlier.
const CUT: u64 = 800;
/// Confidence of a single ring.
const LONE: f32 = 0.4;
/// Consecutive misfits that end a train with a known cadence.
const TURN: usize = 2;

/// One burst of a train and the pause after it, in seconds. The last one has no pause.
#[derive(Debug, Clone, Copy, Default)]
struct Beat {
    start: u64,
    end: u64,
    on: f32,
    off: Option<f32>,
}

/// How well a table entry explains a train.
#[derive(Debug, Clone, Copy, Default)]
struct Score {
    fits: u32,
    misfits: u32,
    in_row: usize,
    /// The phases of the cadence seen so far, as bits.
    phases: u32,
    error: f32,
}

impl Score {
    fn add(&mut self, tone: &Tone, beat: &Beat) {
        let best =
            tone.cadence.chunks_exact(2).enumerate().filter_map(|(i, phase)| Some((i, misfit(phase, beat, tone)?)));
        match best.min_by(|a, b| a.1.total_cmp(&b.1)) {
            Some((i, error)) => {
                self.fits += 1;
                self.in_row = 0;
                self.phases |= 1 << i;
                self.error += error;
            }
            None => {
                self.misfits += 1;
                self.in_row += 1;
            }
        }
    }
}

/// Returns the relative error of a beat against one phase (on, off) of a cadence, or `None` if it
/// does not fit.
fn misfit(phase: &[f32], beat: &Beat, tone: &Tone) -> Option<f32> {
    let &[on, off] = phase else { return None };
    let close = |want: f32, got: f32| (want - got).abs() <= (FIT * want).max(FIT_SECONDS);
    if !close(on, beat.on) {
        return None;
    }
    let error = (beat.on / on - 1.0).abs();
    let Some(got) = beat.off else { return Some(error) };
    if close(off, got) {
        return Some(error + (got / off - 1.0).abs());
    }
    // One burst drowned in speech: a whole period more. It fits, but says less.
    let period: f32 = tone.cadence.iter().sum();
    close(off + period, got).then_some(error + FIT)
}

/// The current train.
#[derive(Clone, Copy)]
struct Train {
    lines: SpectralLines,
    start: u64,
    last: Beat,
    last_fit_end: u64,
    /// One score per table entry.
    scores: [Score; ENTRIES],
    beats: u32,
    power: f64,
    /// Whether the first burst held its level and frequency, as far as two beating lines allow.
    steady: bool,
    /// The beats since the leading entry last fitted.
    astray: ShortList<Beat, { TURN + 1 }>,
}

/// Detects trains among bursts.
#[derive(Clone)]
pub struct Cadence {
    tones: Vec<Tone>,
    train: Option<Train>,
    events: Vec<HeardSound>,
}

impl Cadence {
    /// Creates a detector for the tones of `countries` (ISO 3166, lowercase), or of all countries
    /// if the list is empty.
    pub fn new(countries: &[String]) -> Self {
        let chosen = TONES.iter().filter(|t| countries.is_empty() || countries.iter().any(|c| c == t.country));
        let anywhere = ANYWHERE.iter().filter(|_| countries.is_empty());
        Self { tones: chosen.chain(anywhere).copied().collect(), train: None, events: Vec::new() }
    }

    /// Takes the next burst.
    pub fn push(&mut self, burst: &Burst) {
        if !is_supervisory(burst) {
            return;
        }
        if let Some(train) = &mut self.train {
            let gap = seconds(burst.start.saturating_sub(train.last.end));
            if train.is_of(burst) && gap < OVER_SECONDS {
                if gap < JOIN_SECONDS {
                    train.last.end = burst.end;
                    train.last.on = seconds(burst.end - train.last.start);
                    return;
                }
                train.last.off = Some(gap);
                train.score(&self.tones);
                train.begin(burst.start, burst.end, burst.level);
                self.turn(burst);
                return;
            }
        }
        self.close();
        self.train = Some(Train::new(burst));
    }

    /// Splits the train where its cadence has changed.
    fn turn(&mut self, burst: &Burst) {
        let Some(train) = self.train else { return };
        let Some(best) = train.best(&self.tones) else { return };
        if train.scores[best].in_row < TURN {
            return;
        }
        let (mut astray, last) = (&*train.astray, train.last);
        let (mut end, mut start) = (train.last_fit_end, last.start);
        // The last burst of the old cadence has a pause of neither.
        if let Some(first) = astray.first().copied() {
            let tone = &self.tones[best];
            if tone.cadence.chunks_exact(2).any(|phase| misfit(phase, &Beat { off: None, ..first }, tone).is_some()) {
                end = first.end;
                astray = &astray[1..];
            }
            start = astray.first().map_or(last.start, |first| first.start);
        }
        self.events.extend(train.event(&self.tones, best, end));
        let mut next = Train { start, ..Train::new(burst) };
        for &beat in astray {
            next.last = beat;
            next.power += f64::from(burst.level);
            next.beats += 1;
            next.score(&self.tones);
        }
        next.last = last;
        self.train = Some(next);
    }

    /// Ends the current train.
    fn close(&mut self) {
        let ended = self.train.take().and_then(|train| train.ended(&self.tones));
        self.events.extend(ended);
    }

    /// Adds the trains that ended after a time, and the current one as if it ended now.
    pub fn since(&self, from_ms: f64, sounds: &mut Vec<HeardSound>) {
        sounds.extend_from_slice(ending_after(&self.events, from_ms));
        sounds.extend(self.train.and_then(|train| train.ended(&self.tones)));
    }

    /// Reserves memory for this many sounds.
    pub fn make_room(&mut self, sounds: usize) {
        make_room(&mut self.events, sounds);
    }
}

/// Returns `true` if a burst is a pure tone at supervisory frequencies. No table has a burst
/// shorter than the long window.
fn is_supervisory(burst: &Burst) -> bool {
    let inside = |l: &SpectralLine| l.hz >= SUPERVISORY_HZ.0 && l.hz <= SUPERVISORY_HZ.1;
    matches!(burst.lines.len(), 1 | 2) && burst.purity >= PURE && burst.lines.iter().all(inside)
}

fn seconds(samples: u64) -> f32 {
    samples as f32 / super::spectrum::RATE as f32
}

impl Train {
    fn new(burst: &Burst) -> Self {
        let last = Beat { start: burst.start, end: burst.end, on: burst.seconds(), off: None };
        Self {
            lines: burst.lines,
            start: burst.start,
            last,
            last_fit_end: burst.end,
            scores: [Score::default(); ENTRIES],
            beats: 1,
            power: f64::from(burst.level),
            steady: burst.is_pure() && (burst.lines.len() == 2 || burst.wobble_db < 1.0 && burst.wobble_hz < 4.0),
            astray: ShortList::default(),
        }
    }

    fn is_of(&self, burst: &Burst) -> bool {
        let same = |a: &SpectralLine, b: &SpectralLine| (a.hz - b.hz).abs() < 10.0;
        self.lines.len() == burst.lines.len() && self.lines.iter().zip(&*burst.lines).all(|(a, b)| same(a, b))
    }

    fn begin(&mut self, start: u64, end: u64, level: f32) {
        self.last = Beat { start, end, on: seconds(end - start), off: None };
        self.beats += 1;
        self.power += f64::from(level);
    }

    /// Scores the last beat against every tone of the table.
    fn score(&mut self, tones: &[Tone]) {
        for (score, tone) in self.scores.iter_mut().zip(tones) {
            score.add(tone, &self.last);
        }
        let led = self.best(tones).is_some_and(|best| self.scores[best].in_row == 0);
        if led {
            self.last_fit_end = self.last.end;
            self.astray.clear();
        } else if self.astray.len() <= TURN {
            self.astray.push(self.last);
        }
    }

    /// Returns the entry that explains the train best, if any does.
    fn best(&self, tones: &[Tone]) -> Option<usize> {
        let enough = |(score, tone): &(&Score, &Tone)| {
            // A cadence at any frequency takes more: notes of music may lie like that.
            let (more, most) = if tone.hz.is_empty() { (1, MAX.1) } else { (0, MAX.0) };
            let need = if tone.kind == EventKind::Ringback { 2 } else { 3 } + more;
            let phases = (1u32 << (tone.cadence.len() / 2)) - 1;
            let all = (score.fits + score.misfits) as f32;
            score.fits >= need && score.phases == phases && score.fits as f32 >= most * all
        };
        let pairs = self.scores.iter().zip(tones).enumerate().filter(|(_, pair)| enough(pair));
        pairs.min_by(|a, b| self.rank(a.1).total_cmp(&self.rank(b.1))).map(|(i, _)| i)
    }

    /// Returns the mean error in time plus a penalty for other frequencies; smaller is better.
    fn rank(&self, (score, tone): (&Score, &Tone)) -> f32 {
        let missed = score.misfits as f32 / (score.fits + score.misfits).max(1) as f32;
        score.error / score.fits.max(1) as f32 + missed + OTHER_HZ * (1.0 - self.frequency_fit(tone))
    }

    /// Returns 1 if the tone has exactly the entry's frequencies, falling to 0 at `FIT_HZ` off or
    /// with another number of lines.
    fn frequency_fit(&self, tone: &Tone) -> f32 {
        if self.lines.len() != tone.hz.len() {
            return 0.0;
        }
        let off = self.lines.iter().zip(tone.hz).map(|(line, hz)| (line.hz - hz).abs()).fold(0.0, f32::max);
        (1.0 - off / FIT_HZ).max(0.0)
    }

    /// Returns the entry of a single complete ring with a country's own frequency and length,
    /// answered before the next.
    fn lone_ring(&self, tones: &[Tone]) -> Option<usize> {
        let fits = |t: &Tone| {
            let [on, _] = t.cadence else { return false };
            t.kind == EventKind::Ringback && self.frequency_fit(t) > 0.5 && (self.last.on / on - 1.0).abs() < 0.03
        };
        let whole = self.beats == 1 && self.steady && self.start >= CUT;
        tones.iter().position(fits).filter(|_| whole)
    }

    /// Returns the train's event if it ends now.
    fn ended(mut self, tones: &[Tone]) -> Option<HeardSound> {
        self.score(tones);
        match self.best(tones) {
            Some(best) => self.event(tones, best, self.last.end),
            None => {
                let ring = self.event(tones, self.lone_ring(tones)?, self.last.end)?;
                Some(HeardSound { confidence: LONE, ..ring })
            }
        }
    }

    fn event(&self, tones: &[Tone], best: usize, end: u64) -> Option<HeardSound> {
        let (tone, score) = (tones.get(best)?, self.scores.get(best)?);
        // Countries share tones: name all that fit as well.
        let alike = |t: &&Tone| t.kind == tone.kind && t.cadence == tone.cadence && self.frequency_fit(t) > 0.0;
        let countries = tones.iter().filter(alike).fold(0, |all, t| all | tones::country(t.country));
        let fit = score.fits as f32 / (score.fits + score.misfits).max(1) as f32;
        Some(HeardSound {
            kind: tone.kind,
            start_ms: self.start as f64 / 8.0,
            end_ms: end as f64 / 8.0,
            detail: SoundDetail::Countries(countries),
            confidence: fit * if countries == 0 { 0.7 } else { 0.98 },
            level_dbov: dbov((self.power / f64::from(self.beats)) as f32),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{listen, silence, sines, train};
    use super::*;

    /// A train of `tone`, every time stretched by `by`.
    fn play(tone: &Tone, periods: usize, by: f32) -> Vec<f32> {
        let parts: Vec<(f32, f32)> = tone.hz.iter().map(|hz| (*hz, 0.1)).collect();
        let mut x = Vec::new();
        for _ in 0..periods {
            for phase in tone.cadence.chunks_exact(2) {
                x.extend(sines(&parts, 1000.0 * phase[0] * by));
                x.extend(silence(1000.0 * phase[1] * by));
            }
        }
        x
    }

    #[test]
    fn every_tone_of_the_table_is_one_event_of_its_kind_and_country() {
        for tone in TONES {
            for by in [1.0, 0.93, 1.07] {
                let events = listen(&play(tone, 4, by));
                assert_eq!(events.len(), 1, "{tone:?} by {by}: {events:?}");
                assert_eq!(events[0].kind, tone.kind, "{tone:?} by {by}");
                let named = events[0].detail.clone().unwrap_or_default();
                if by == 1.0 {
                    assert!(named.split(',').any(|c| c == tone.country), "{tone:?}: {named}");
                    let on = tone.cadence[tone.cadence.len() - 2];
                    let period: f32 = tone.cadence.iter().sum();
                    let last = 500.0 + 1000.0 * (4.0 * period - tone.cadence[tone.cadence.len() - 1]);
                    assert!((events[0].start_ms - 500.0).abs() < 12.0, "{tone:?}: {events:?}");
                    assert!((events[0].end_ms - f64::from(last)).abs() < 16.0, "{tone:?} {on}: {events:?}");
                }
            }
        }
    }

    #[test]
    fn other_frequencies_with_a_known_cadence_are_known_by_it() {
        for tone in ANYWHERE {
            let events = listen(&play(&Tone { hz: &[360.0], ..*tone }, 4, 1.0));
            assert_eq!(events.len(), 1, "{tone:?}: {events:?}");
            assert_eq!((events[0].kind, events[0].detail.as_deref()), (tone.kind, None));
        }
    }

    #[test]
    fn only_the_chosen_countries_are_known() {
        let thai = play(&TONES[0], 3, 1.0);
        for (countries, heard) in [(vec!["th".to_string()], 1), (vec!["us".to_string()], 0)] {
            let mut sounds = super::super::EventDetector::new(&countries, false);
            sounds.push(&thai);
            let trains = sounds.finish(&[]).into_iter().filter(|e| e.kind == EventKind::Ringback).count();
            assert_eq!(trains, heard, "{countries:?}");
        }
    }

    #[test]
    fn a_cadence_far_from_all_is_nothing() {
        for (on, off) in [(100.0, 100.0), (3000.0, 1000.0), (500.0, 2000.0)] {
            let events = listen(&train(&sines(&[(425.0, 0.1)], on), off, 8));
            assert!(
                events.iter().all(|e| !matches!(e.kind, EventKind::Ringback | EventKind::Busy)),
                "{on} {off}: {events:?}"
            );
        }
        assert!(listen(&sines(&[(425.0, 0.1)], 20000.0)).is_empty(), "a dial tone");
    }

    #[test]
    fn the_recorder_may_come_late_and_a_ring_may_be_drowned() {
        let ring = sines(&[(440.0, 0.1), (480.0, 0.1)], 2000.0);
        let mut x = sines(&[(440.0, 0.1), (480.0, 0.1)], 700.0);
        x.extend(silence(4000.0));
        x.extend(train(&ring, 4000.0, 2));
        x.extend(silence(10000.0));
        x.extend(train(&ring, 4000.0, 2));
        let events = listen(&x);
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0].kind, EventKind::Ringback);
    }

    #[test]
    fn ringing_that_ends_in_busy_is_two_trains() {
        let mut x = train(&sines(&[(425.0, 0.1)], 1000.0), 4000.0, 4);
        x.extend(silence(1500.0));
        x.extend(train(&sines(&[(425.0, 0.1)], 480.0), 480.0, 8));
        let events = listen(&x);
        let kinds: Vec<EventKind> = events.iter().map(|e| e.kind).collect();
        assert_eq!(kinds, [EventKind::Ringback, EventKind::Busy], "{events:?}");
        assert!((events[0].end_ms - 16500.0).abs() < 12.0, "{events:?}");
        assert!((events[1].start_ms - 18000.0).abs() < 12.0, "{events:?}");
    }

    #[test]
    fn one_ring_is_a_ring() {
        let events = listen(&sines(&[(440.0, 0.1), (480.0, 0.1)], 2000.0));
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!((events[0].kind, events[0].confidence), (EventKind::Ringback, LONE));
    }

    #[test]
    fn a_train_of_hours_needs_no_memory_of_its_bursts() {
        let (mut cadence, mut lines) = (Cadence::new(&[]), SpectralLines::default());
        lines.push(SpectralLine { hz: 420.0, power: 0.01 });
        for k in 0..10_000u64 {
            cadence.push(&Burst {
                start: k * 48_000,
                end: k * 48_000 + 8_000,
                hz: 420.0,
                wobble_hz: 0.1,
                wobble_db: 0.1,
                level: 0.01,
                purity: 1.0,
                lines,
            });
        }
        assert!(cadence.train.as_ref().is_some_and(|t| t.astray.is_empty() && t.beats == 10_000));
        let mut sounds = Vec::new();
        cadence.since(0.0, &mut sounds);
        assert_eq!(sounds.len(), 1);
    }
}
