//! Detects DTMF keys (ITU-T Q.23 and Q.24).

use super::event::{EventKind, HeardSound, SoundDetail, dbov, ending_after};
use super::extent::{Extent, Spread};
use super::spectrum::{self, BIN_HZ, Frame, HOP, RATE};
use crate::room::make_room;
use crate::units::Span;

/// Frequencies of the rows, in Hz (Q.23).
const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
/// Frequencies of the columns, in Hz (Q.23).
const COLUMNS: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const KEYS: [[&str; 4]; 4] = [["1", "2", "3", "A"], ["4", "5", "6", "B"], ["7", "8", "9", "C"], ["*", "0", "#", "D"]];
/// Bins searched for the row (625-1031 Hz) and the column (1125-1719 Hz).
const ROW_BINS: (usize, usize) = (20, 33);
const COLUMN_BINS: (usize, usize) = (36, 55);
/// Evidence that a key's frames must show. The smaller the share of power in its tones, the more of
/// the rest is required.
struct Proof {
    /// Mean share of the power.
    share: f32,
    /// Mean distance from the key's frequencies. 2.2 % lies between the 1.5 % to accept and the 3.5
    /// % to reject (Q.24).
    off: f32,
    /// Standard deviation of that distance.
    unsteady: f32,
    /// Number of frames.
    frames: u32,
    /// Mean power of the strongest other sound over that of the weaker tone.
    rival: f32,
}

/// Requirements for five conditions: a key alone, which may be as far off as Q.24 allows; a key in
/// noise; a key while its owner speaks; a key half drowned out by its owner; and a key in noise as
/// loud as half of it, which differs from a voice in that nothing stands out of it.
///
/// Generators are accurate to a few tenths of a percent; voices are not. Measured on made calls:
/// keys alone have shares of 0.98 and more; keys pressed while speaking have 0.75 and more (98 in
/// 100), and are off by 0.2 % and unsteady by 0.6 %. Partials of voices and music that resemble
/// keys reach 0.9, but are then off by 1 % or more. Five bins of white noise 5 dB below a key hold
/// at most 0.04 of it.
const PROOFS: [Proof; 5] = [
    Proof { share: 0.95, off: 0.022, unsteady: 0.012, frames: 4, rival: f32::INFINITY },
    Proof { share: 0.85, off: 0.01, unsteady: 0.009, frames: 5, rival: f32::INFINITY },
    Proof { share: 0.75, off: 0.006, unsteady: 0.0075, frames: 6, rival: f32::INFINITY },
    Proof { share: 0.62, off: 0.004, unsteady: 0.006, frames: 8, rival: f32::INFINITY },
    Proof { share: 0.5, off: 0.009, unsteady: 0.012, frames: 4, rival: 0.3 },
];
/// Evidence of a possible key that is not certain, because noise or speech hides it. On 50 minutes
/// of real speech and music there are seven such spans.
const DOUBT: Proof = Proof { share: 0.0, off: 0.012, unsteady: 0.012, frames: 3, rival: 1.0 };
/// Largest distance from a key's frequencies in a single frame, which noise shifts.
const OFF_FREQUENCY_FRAME: f32 = 0.035;
/// Range of twist: the column at most 4 dB above the row, the row at most 8 dB above the column
/// (Q.24, as most countries set it), plus 1 dB for noise.
const TWIST_DB: (f32, f32) = (-9.0, 5.0);
/// Range of twist for a key that is alone. Networks and phones exceed Q.24, and a pair of exact
/// tones with nearly all of the power, or with nothing standing out beside it, is not a voice.
const TWIST_ALONE_DB: (f32, f32) = (-13.0, 9.0);
/// Share of a frame's power from which a key is alone.
const SHARE_ALONE: f32 = 0.95;
/// Power of the strongest other sound, relative to the weaker tone, up to which a key is alone
/// except for noise.
const RIVAL_ALONE: f32 = 0.5;
/// Smallest share of a frame's power in the two tones.
const SHARE_FRAME: f32 = 0.35;
/// The same share in a coarse frame that calls for a closer look.
const SHARE_COARSE: f32 = 0.42;
/// Largest power at twice a tone's frequency relative to the tone: -10 dB. Voices have harmonics;
/// keys have none.
const HARMONIC: f32 = 0.1;
/// Largest power of noise at a harmonic, relative to its mean there.
const NOISE_PEAK: f32 = 2.0;
/// Shortest key: 40 ms (Q.24) minus a hop. A key of 20 ms measures at most 24.
const MIN: u64 = 28 * RATE as u64 / 1000;
/// Frames without the tones that end a key: the fewest that lie entirely within a pause of 50 ms
/// (Q.24).
const PAUSE: u64 = 4;
/// Frames within which a key drowned out by speech may reappear (96 ms), if its tones never
/// stopped.
const DROWNED: u64 = 12;
/// The same key this soon after, with this difference in level, is an echo of one press.
const ECHO_MS: f64 = 100.0;
const ECHO_DB: f32 = 12.0;
/// Lowest mean square of both tones in the two peaks (-52 dBov).
const FAINT: f32 = 6.3e-6;

/// The evidence of one frame for a key.
#[derive(Debug, Clone, Copy)]
struct Press {
    row: usize,
    column: usize,
    off_row: f32,
    off_column: f32,
    twist_db: f32,
    share: f32,
    level: f32,
    rival: f32,
}

fn nearest(hz: f32, of: &[f32; 4]) -> (usize, f32) {
    let mut best = (0, f32::INFINITY);
    for (i, f) in of.iter().enumerate() {
        let off = hz / f - 1.0;
        if off.abs() < best.1.abs() {
            best = (i, off);
        }
    }
    best
}

/// Returns the strongest peaks of both groups: bins and powers.
fn pair(frame: &Frame) -> (usize, f32, usize, f32) {
    let row = spectrum::strongest(&frame.power, ROW_BINS.0, ROW_BINS.1);
    let column = spectrum::strongest(&frame.power, COLUMN_BINS.0, COLUMN_BINS.1);
    (row, spectrum::around(&frame.power, row), column, spectrum::around(&frame.power, column))
}

/// Returns `true` if a frame is worth a closer look because it contains most of a key.
pub fn is_candidate(frame: &Frame) -> bool {
    frame.total >= FAINT && press(frame).is_some_and(|p| p.share >= SHARE_COARSE)
}

fn press(frame: &Frame) -> Option<Press> {
    let (row_bin, row, column_bin, column) = pair(frame);
    let level = row + column;
    if level < FAINT || level < SHARE_FRAME * frame.total {
        return None;
    }
    let twist_db = 10.0 * (column / row).log10();
    let rival = strongest_other(frame, row_bin, column_bin) / row.min(column);
    let alone = level >= SHARE_ALONE * frame.total || rival <= RIVAL_ALONE;
    let allowed = if alone { TWIST_ALONE_DB } else { TWIST_DB };
    if twist_db < allowed.0 || twist_db > allowed.1 {
        return None;
    }
    let (r, off_row) = nearest(spectrum::interpolate(&frame.power, row_bin) * BIN_HZ, &ROWS);
    let (c, off_column) = nearest(spectrum::interpolate(&frame.power, column_bin) * BIN_HZ, &COLUMNS);
    if off_row.abs() > OFF_FREQUENCY_FRAME || off_column.abs() > OFF_FREQUENCY_FRAME {
        return None;
    }
    // The row's second harmonic may lie on the column; its third and the column's second never do.
    // What noise has there is no harmonic.
    let noise = NOISE_PEAK * (frame.total - level).max(0.0) * PEAK_BINS / BAND_BINS;
    let at = |hz: f32| spectrum::around(&frame.power, (hz / BIN_HZ).round() as usize) - noise;
    if at(3.0 * ROWS[r]) > HARMONIC * row || at(2.0 * COLUMNS[c]) > HARMONIC * column {
        return None;
    }
    let second = (2.0 * ROWS[r] / BIN_HZ).round() as usize;
    if second.abs_diff(column_bin) > 2 * spectrum::REACH
        && spectrum::around(&frame.power, second) - noise > HARMONIC * row
    {
        return None;
    }
    Some(Press { row: r, column: c, off_row, off_column, twist_db, share: level / frame.total, level, rival })
}

/// Bins of a peak, and of the band by which frames are judged.
const PEAK_BINS: f32 = (2 * spectrum::REACH + 1) as f32;
const BAND_BINS: f32 = (spectrum::LAST_BIN - spectrum::FIRST_BIN) as f32;

/// Returns the power of the strongest sound other than both peaks.
fn strongest_other(frame: &Frame, row: usize, column: usize) -> f32 {
    let apart = |bin: usize| bin.abs_diff(row).min(bin.abs_diff(column)) > 2 * spectrum::REACH;
    let bins = (spectrum::FIRST_BIN..=spectrum::LAST_BIN).filter(|&bin| apart(bin));
    bins.map(|bin| spectrum::around(&frame.power, bin)).fold(0.0, f32::max)
}

/// A key being pressed.
#[derive(Clone)]
struct HeldKey {
    row: usize,
    column: usize,
    extent: Extent,
    off_row: Spread,
    off_column: Spread,
    twist_db: Spread,
    share: Spread,
    rival: Spread,
    /// Frames since the key was last recognized, and since its tones were last present at all.
    missed: u64,
    quiet: u64,
    frames: u32,
}

/// Detects keys in fine frames.
#[derive(Clone, Default)]
pub struct Dtmf {
    held: Option<HeldKey>,
    events: Vec<HeardSound>,
    doubts: Vec<Span>,
}

impl Dtmf {
    /// Takes the fine frame whose first sample is `at`, and returns whether a key was detected.
    ///
    /// Frames follow each other by `HOP`, or `close` was called between them.
    pub fn push(&mut self, at: u64, frame: &Frame) -> bool {
        let (press, mut known) = (press(frame), false);
        if let Some(held) = &mut self.held {
            held.frames += 1;
            match press {
                Some(p) if (p.row, p.column) == (held.row, held.column) && p.level >= held.least() => {
                    for _ in 0..std::mem::take(&mut held.missed) {
                        held.extent.push(p.level);
                    }
                    held.quiet = 0;
                    held.add(&p);
                    return false;
                }
                _ => held.missed += 1,
            }
            held.quiet = if held.sounds(frame) { 0 } else { held.quiet + 1 };
            let changed = press.is_some_and(|p| (p.row, p.column) != (held.row, held.column)) && held.missed >= 2;
            let gone = held.quiet >= PAUSE || held.missed > DROWNED;
            if !gone && !changed {
                return false;
            }
            known = self.close();
        }
        if let Some(p) = press {
            let mut held = HeldKey::new(at, p.row, p.column);
            held.add(&p);
            self.held = Some(held);
        }
        known
    }

    /// Returns `true` if a key is being pressed.
    pub fn is_held(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.share.count() >= 4)
    }

    /// Ends the current key, because no frame follows directly. Returns whether it was one.
    pub fn close(&mut self) -> bool {
        let Some(held) = self.held.take() else { return false };
        if held.is_doubtful() {
            self.doubts.push(held.span());
        }
        let Some(event) = held.event() else { return false };
        // Codecs and rooms repeat a key faintly, just before or after.
        if let Some(last) = self.events.last_mut()
            && last.detail == event.detail
            && event.start_ms - last.end_ms < ECHO_MS
            && (event.level_dbov - last.level_dbov).abs() > ECHO_DB
        {
            if event.level_dbov > last.level_dbov {
                *last = event;
            }
            return true;
        }
        self.events.push(event);
        true
    }

    /// Returns the keys that ended after a time.
    pub fn since(&self, from_ms: f64) -> &[HeardSound] {
        ending_after(&self.events, from_ms)
    }

    /// Returns the spans that may contain undetected keys.
    pub fn into_doubts(self) -> Vec<Span> {
        self.doubts
    }

    /// Reserves memory for this many sounds.
    pub fn make_room(&mut self, sounds: usize) {
        make_room(&mut self.events, sounds);
        make_room(&mut self.doubts, sounds);
    }
}

impl HeldKey {
    fn new(at: u64, row: usize, column: usize) -> Self {
        Self {
            row,
            column,
            extent: Extent::new(at),
            off_row: Spread::default(),
            off_column: Spread::default(),
            twist_db: Spread::default(),
            share: Spread::default(),
            rival: Spread::default(),
            missed: 0,
            quiet: 0,
            frames: 1,
        }
    }

    fn add(&mut self, p: &Press) {
        self.extent.push(p.level);
        self.off_row.push(p.off_row, p.level);
        self.off_column.push(p.off_column, p.level);
        self.twist_db.push(p.twist_db, p.level);
        self.share.push(p.share, p.level);
        self.rival.push(p.rival, p.level);
    }

    /// Returns the level below which the key is not pressed: 12 dB below its loudest.
    fn least(&self) -> f32 {
        self.extent.max() / 16.0
    }

    /// Returns `true` if both tones are still present, whatever else sounds.
    fn sounds(&self, frame: &Frame) -> bool {
        let there =
            |hz: f32| spectrum::around(&frame.power, (hz / BIN_HZ).round() as usize) * 16.0 >= self.extent.max();
        there(ROWS[self.row]) && there(COLUMNS[self.column])
    }

    fn span(&self) -> Span {
        Span::new(self.extent.start() as f64 / 8.0, self.extent.end() as f64 / 8.0)
    }

    fn event(self) -> Option<HeardSound> {
        if !self.is_key() {
            return None;
        }
        let Span { start, end } = self.span();
        Some(HeardSound {
            kind: EventKind::Dtmf,
            start_ms: start.0,
            end_ms: end.0,
            detail: SoundDetail::Name(KEYS[self.row][self.column]),
            confidence: self.share.mean().min(0.99),
            level_dbov: dbov(self.extent.mean()),
        })
    }

    /// Returns `true` if the candidate is a key.
    ///
    /// The purer the pair of tones, the less exact it must be. A key pressed while its owner speaks
    /// is as exact as any other; a voice or an instrument with two such partials is not.
    fn is_key(&self) -> bool {
        // Recognised half the time at least.
        let filled = u64::from(self.share.count()) * 2 * HOP as u64 >= self.extent.length();
        filled && self.extent.length() >= MIN && PROOFS.iter().any(|proof| self.meets(proof))
    }

    fn meets(&self, proof: &Proof) -> bool {
        let off = self.off_row.mean().abs().max(self.off_column.mean().abs());
        let unsteady = self.off_row.deviation().max(self.off_column.deviation());
        let exact = off <= proof.off && unsteady <= proof.unsteady;
        let clear = self.share.mean() >= proof.share && self.rival.mean() <= proof.rival;
        exact && clear && self.share.count() >= proof.frames
    }

    /// Returns `true` if the candidate may be a key but is not certain.
    fn is_doubtful(&self) -> bool {
        !self.is_key() && self.extent.length() >= MIN && self.meets(&DOUBT)
    }
}

#[cfg(test)]
mod tests;
