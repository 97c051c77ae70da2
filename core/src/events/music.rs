//! Detects hold music: sound that is not speech and whose partials last, over seconds.
//!
//! Frames are summed into slots of half a second, because music and speech differ over seconds:
//! notes hold their partials for a tenth of a second or more, and the level does not follow
//! syllables (about 4 Hz; Scheirer and Slaney 1997). The speech detector has the final say: where
//! it detects speech, there is no music.

use super::event::{EventKind, HeardSound, SoundDetail, dbov};
use super::spectrum::{FIRST_BIN, FRAME, Frame, RATE};

use crate::room::make_room;

/// Frames per slot (512 ms).
const SLOT: usize = 16;
/// Samples per slot.
const SLOT_SAMPLES: u64 = (SLOT * FRAME) as u64;
/// Duration of a slot in milliseconds.
pub const SLOT_MS: f64 = SLOT_SAMPLES as f64 * 1000.0 / RATE as f64;
/// Frames that a peak must last to count (128 ms). A voice's partials move on before that.
const LASTING: usize = 4;
/// Distance in frames of the two levels compared (128 ms): half a period of the 4 Hz syllable rate.
const SWING: usize = 4;
/// Bins from 312 to 3500 Hz.
const BINS: std::ops::Range<usize> = FIRST_BIN..113;
/// Smallest ratio of a peak to the mean of the nine bins around it (4.8 dB).
const PROMINENT: f32 = 3.0;
/// Slots on either side with which a slot is judged: 2.56 s in all.
const WINDOW: usize = 2;
/// Slots of a window that must be free of tones.
const FREE: usize = 3;
/// Fewest different notes or partials in a window. A signal tone too faint to be recognized has one
/// or two.
const NOTES: u32 = 4;
/// Mean speech probability of a window, and of the slot itself, above which there is no music.
const SPEECH: (f32, f32) = (0.1, 0.3);
/// Slots without music that do not end a span (5 s): a rest or a break. Speech in between ends it.
const JOIN: usize = 10;
/// Speech probability of a slot that ends a span.
const INTERRUPTED: f32 = 0.4;
/// Shortest span, clear (4.1 s) and faint (6.1 s), in slots.
const MIN: (usize, usize) = (8, 12);
/// Slots at the ends of a span this far below its mean are not part of it (12 dB).
const FADED: f32 = 1.0 / 16.0;
/// Largest swing, in dB, without a speech detector. A voice has 7 or more.
const CALM: f32 = 4.0;

/// Requirements of a window: lasting peaks per frame, lasting peaks per dB of swing, and newly
/// lasting peaks per frame.
struct Need {
    lasting: f32,
    lasting_per_db: f32,
    fresh: f32,
}

impl Need {
    /// Returns `true` if the sums over `n` slots meet the requirements.
    fn is_met(&self, sum: &MusicSlot, n: f32) -> bool {
        sum.lasting >= (self.lasting * n).max(self.lasting_per_db * sum.swing) && sum.fresh >= self.fresh * n
    }
}

/// Requirements for faint music. Measured on made calls with hold music and game music at -54 to
/// -16 dBov. Faint sound may be the other party's bleed, whose vowels are as steady as some music
/// and too faint for the speech detector.
const FAINT: Need = Need { lasting: 0.3, lasting_per_db: 0.11, fresh: 0.06 };
/// Requirements above `LOUD`, where nothing is bleed.
const CLEAR: Need = Need { lasting: 0.12, lasting_per_db: 0.03, fresh: 0.03 };
/// Mean square of a window that cannot be bleed: -42 dBov.
const LOUD: f32 = 6.3e-5;

/// The summary of one slot. Every value is a mean over its frames.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct MusicSlot {
    /// Peaks that last.
    lasting: f32,
    /// Peaks that began to last in this frame. Notes begin; hum does not.
    fresh: f32,
    /// Change of level over half a syllable, in dB.
    swing: f32,
    /// Mean square.
    power: f32,
    /// Where peaks lasted, one bit per two bins. The highest bit marks a pure tone.
    notes: u64,
}

impl MusicSlot {
    /// The bit of a pure tone. Bins end below it.
    const TONE: u64 = 1 << 63;

    fn is_tone(&self) -> bool {
        self.notes & Self::TONE != 0
    }
}
const _: () = assert!(BINS.end / 2 < 63);

/// Detects music in coarse frames. Keeps 24 bytes per half second.
#[derive(Clone, Default)]
pub struct Music {
    /// Peaks that have lasted 1, 2, ... frames, as bits.
    ages: [u128; LASTING],
    levels: [f32; SWING],
    frames: usize,
    slot: MusicSlot,
    /// Lasting peaks of the current slot, one bit per bin.
    notes: u128,
    /// Slots before those that are kept.
    origin: usize,
    slots: Vec<MusicSlot>,
    /// End of the last tone, which may reach into a future slot.
    tone_end: u64,
}

/// Returns the bits and their neighbors. A note may lie between two bins.
fn widen(bits: u128) -> u128 {
    bits | bits << 1 | bits >> 1
}

/// Bins examined in parallel: those that count, padded to fill the registers.
const JUDGED: usize = (BINS.end - BINS.start).next_multiple_of(16);

/// Returns the prominent local maxima of a spectrum, one bit per bin. Branch-free, so that it
/// compiles to vector instructions.
fn peaks(power: &[f32; FRAME / 2 + 1]) -> u128 {
    // What is asked of a bin reaches four bins to either side.
    let near = power[BINS.start - 4..].first_chunk::<{ JUDGED + 8 }>();
    let near = near.unwrap_or(&[0.0; JUDGED + 8]);
    let mut three = [0.0f32; JUDGED + 6];
    for (i, three) in three.iter_mut().enumerate() {
        *three = near[i] + near[i + 1] + near[i + 2];
    }
    let mut found = [0u8; JUDGED];
    for (i, found) in found.iter_mut().enumerate() {
        let [below, here, above] = [near[i + 3], near[i + 4], near[i + 5]];
        let prominent = 9.0 * here > PROMINENT * (three[i] + three[i + 3] + three[i + 6]);
        let (rises, rises_on) = (here > below, above > here);
        *found = u8::from(rises & !rises_on & prominent);
    }
    let mut bits = 0u128;
    for (i, eight) in found.as_chunks::<8>().0.iter().enumerate() {
        // Eight bytes of 0 or 1 to eight bits: each byte is moved to the highest byte by its term.
        let byte = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits |= u128::from(byte) << (BINS.start + 8 * i);
    }
    bits & ((1 << BINS.end) - 1)
}

/// Returns one bit per two.
fn halve(bits: u128) -> u64 {
    let either = bits | bits >> 1;
    (0..64).fold(0, |half, k| half | (((either >> (2 * k)) as u64 & 1) << k))
}

/// Returns the mean of a value over slots.
fn mean(of: &[MusicSlot], value: fn(&MusicSlot) -> f32) -> f32 {
    of.iter().map(value).sum::<f32>() / of.len().max(1) as f32
}

impl Music {
    /// Takes the next coarse frame. Returns whether it completes a slot near which there may be
    /// music.
    pub fn push(&mut self, frame: &Frame) -> bool {
        let now = peaks(&frame.power);
        let lasted = self.ages[LASTING - 1];
        let mut age = now;
        for bits in &mut self.ages {
            (*bits, age) = (age, now & widen(*bits));
        }
        let db = 10.0 * (frame.total + 1e-10).log10();
        let then = std::mem::replace(&mut self.levels[self.frames % SWING], db);
        self.slot.lasting += self.ages[LASTING - 1].count_ones() as f32 / SLOT as f32;
        self.slot.fresh += (self.ages[LASTING - 1] & !widen(lasted)).count_ones() as f32 / SLOT as f32;
        self.notes |= self.ages[LASTING - 1];
        self.slot.swing += (db - then).abs() / SLOT as f32;
        self.slot.power += frame.total / SLOT as f32;
        self.frames += 1;
        let complete = self.frames.is_multiple_of(SLOT);
        if complete {
            let mut slot = std::mem::take(&mut self.slot);
            slot.notes = halve(std::mem::take(&mut self.notes));
            if ((self.origin + self.slots.len()) as u64 * SLOT_SAMPLES) < self.tone_end {
                slot.notes |= MusicSlot::TONE;
            }
            self.slots.push(slot);
        }
        complete && self.may_sound()
    }

    /// Returns `true` if the last slots meet the requirements, not considering speech and notes.
    fn may_sound(&self) -> bool {
        let first = self.slots.len().saturating_sub(2 * WINDOW + 1);
        let free = self.slots[first..].iter().filter(|slot| !slot.is_tone());
        let (mut sum, mut n) = (MusicSlot::default(), 0.0);
        for slot in free {
            sum.lasting += slot.lasting;
            sum.fresh += slot.fresh;
            sum.swing += slot.swing;
            n += 1.0;
        }
        CLEAR.is_met(&sum, n)
    }

    /// Copies the slots from a sample on into `other`.
    pub fn since(&self, from: u64, other: &mut Self) {
        let first = ((from / SLOT_SAMPLES) as usize).clamp(self.origin, self.origin + self.slots.len());
        let mut slots = std::mem::take(&mut other.slots);
        slots.clear();
        slots.extend_from_slice(&self.slots[first - self.origin..]);
        *other = Self { origin: first, slots, ..*self };
    }

    /// Reserves memory for this many slots.
    pub fn make_room(&mut self, slots: usize) {
        make_room(&mut self.slots, slots);
    }

    /// Marks samples that contain a pure tone. They say nothing about music.
    pub fn tone(&mut self, start: u64, end: u64) {
        let (first, last) = (start / SLOT_SAMPLES, end / SLOT_SAMPLES);
        let (from, to) = ((first as usize).max(self.origin), (last as usize + 1).max(self.origin));
        for slot in self.slots.iter_mut().skip(from - self.origin).take(to - from) {
            slot.notes |= MusicSlot::TONE;
        }
        self.tone_end = self.tone_end.max(end);
    }

    /// Adds the spans of music, given the speech probabilities of the coarse frames (none if no
    /// detector distinguishes music from speech).
    pub fn stretches(&self, probabilities: &[f32], sounds: &mut Vec<HeardSound>) {
        let mut open: Option<(usize, usize)> = None;
        for i in (0..self.slots.len()).filter(|&i| self.is_music(i, probabilities)) {
            let goes_on =
                |end: usize| i - end <= JOIN + 1 && (end..i).all(|slot| self.speech(slot, probabilities) < INTERRUPTED);
            match &mut open {
                Some((_, end)) if goes_on(*end) => *end = i,
                _ => sounds.extend(open.replace((i, i)).and_then(|before| self.stretch(before))),
            }
        }
        sounds.extend(open.and_then(|last| self.stretch(last)));
    }

    /// Returns the mean speech probability of a slot.
    fn speech(&self, slot: usize, probabilities: &[f32]) -> f32 {
        let of = probabilities.get((self.origin + slot) * SLOT..).unwrap_or_default();
        let of = &of[..of.len().min(SLOT)];
        of.iter().sum::<f32>() / of.len().max(1) as f32
    }

    /// Returns a span as an event, if it is long enough.
    fn stretch(&self, (start, end): (usize, usize)) -> Option<HeardSound> {
        let (start, end) = self.trim(start, end);
        let clear = mean(&self.slots[start..=end], |slot| slot.power) > LOUD;
        let least = if clear { MIN.0 } else { MIN.1 };
        (end - start + 1 >= least).then(|| self.event(start, end))
    }

    fn is_music(&self, i: usize, probabilities: &[f32]) -> bool {
        let (low, high) = (i.saturating_sub(WINDOW), (i + WINDOW + 1).min(self.slots.len()));
        let (mut sum, mut probability, mut n) = (MusicSlot::default(), 0.0, 0.0);
        for (at, slot) in self.slots.iter().enumerate().take(high).skip(low).filter(|(_, slot)| !slot.is_tone()) {
            sum.lasting += slot.lasting;
            sum.fresh += slot.fresh;
            sum.swing += slot.swing;
            sum.power += slot.power;
            sum.notes |= slot.notes;
            probability += self.speech(at, probabilities);
            n += 1.0;
        }
        let spoken = self.speech(i, probabilities) >= SPEECH.1 || probability >= SPEECH.0 * n;
        if self.slots[i].is_tone() || n < FREE as f32 || spoken {
            return false;
        }
        // Neighbouring bits are one note.
        if (sum.notes & !(sum.notes << 1)).count_ones() < NOTES {
            return false;
        }
        let need = if sum.power > LOUD * n { CLEAR } else { FAINT };
        let calm = !probabilities.is_empty() || sum.swing < CALM * n;
        calm && need.is_met(&sum, n)
    }

    /// Trims faded slots off the ends.
    fn trim(&self, mut start: usize, mut end: usize) -> (usize, usize) {
        let edge = FADED * mean(&self.slots[start..=end], |slot| slot.power);
        while start < end && self.slots[start].power < edge {
            start += 1;
        }
        while start < end && self.slots[end].power < edge {
            end -= 1;
        }
        (start, end)
    }

    fn event(&self, start: usize, end: usize) -> HeardSound {
        let of = &self.slots[start..=end];
        let ms = |slot: usize| (self.origin + slot) as f64 * SLOT_SAMPLES as f64 * 1000.0 / RATE as f64;
        HeardSound {
            kind: EventKind::Music,
            start_ms: ms(start),
            end_ms: ms(end + 1),
            detail: SoundDetail::Nothing,
            confidence: (0.6 + 0.2 * mean(of, |slot| slot.lasting)).min(0.95),
            level_dbov: dbov(mean(of, |slot| slot.power)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{kinds, listen, listen_with, melody, noisy, silence, sines, train, voice};
    use super::*;

    fn frames(ms: f32) -> usize {
        ((ms + 1000.0) / 32.0) as usize
    }

    #[test]
    fn peaks_are_those_of_their_definition() {
        let mut state = 1u32;
        let mut found = 0;
        for round in 0..2_000 {
            let power: [f32; FRAME / 2 + 1] = std::array::from_fn(|i| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if round % 7 == 0 && i % 50 == 9 { f32::NAN } else { ((state >> 16) as f32 / 65_536.0).powi(8) }
            });
            let three = |i: usize| power[i - 1] + power[i] + power[i + 1];
            let is_peak = |i: usize| {
                let (rises, rises_on) = (power[i] > power[i - 1], power[i + 1] > power[i]);
                rises && !rises_on && 9.0 * power[i] > PROMINENT * (three(i - 3) + three(i) + three(i + 3))
            };
            let plain = BINS.filter(|&i| is_peak(i)).fold(0u128, |bits, i| bits | 1 << i);
            assert_eq!(peaks(&power), plain, "round {round}");
            found += plain.count_ones();
        }
        assert!(found > 10_000);
    }

    #[test]
    fn a_melody_is_one_stretch() {
        let mut x = silence(5000.0);
        x.extend(melody(20000.0));
        x.extend(silence(5000.0));
        let events = listen_with(&x, &vec![0.01; frames(30000.0)]);
        assert_eq!(kinds(&events), [EventKind::Music], "{events:?}");
        assert!(
            (events[0].start_ms - 5500.0).abs() < 600.0 && (events[0].end_ms - 25500.0).abs() < 600.0,
            "{events:?}"
        );
        assert_eq!(kinds(&listen(&x)), [EventKind::Music], "without a speech detector");
    }

    #[test]
    fn a_rest_does_not_part_it_but_speech_does() {
        let mut x = melody(8000.0);
        x.extend(silence(2000.0));
        x.extend(melody(8000.0));
        let quiet = vec![0.01; frames(18000.0)];
        assert_eq!(kinds(&listen_with(&x, &quiet)), [EventKind::Music]);
        let mut spoken = quiet;
        spoken[270..320].fill(0.9);
        assert_eq!(kinds(&listen_with(&x, &spoken)), [EventKind::Music; 2]);
    }

    #[test]
    fn three_seconds_are_too_short() {
        assert!(listen_with(&melody(2500.0), &vec![0.0; frames(2500.0)]).is_empty());
    }

    #[test]
    fn where_the_detector_hears_speech_there_is_no_music() {
        assert_eq!(listen_with(&melody(20000.0), &vec![0.9; frames(20000.0)]), []);
    }

    #[test]
    fn voices_noise_hum_and_ringing_are_no_music() {
        for pitch in [95.0, 155.0, 230.0] {
            let x = voice(20000.0, pitch);
            assert_eq!(listen(&x), [], "{pitch} Hz");
        }
        assert!(listen(&noisy(silence(20000.0), -30.0, 3)).is_empty());
        let hum: Vec<(f32, f32)> = (1..12).map(|k| (50.0 * k as f32, 0.02 / k as f32)).collect();
        assert!(listen(&sines(&hum, 20000.0)).is_empty());
        let ringing = train(&sines(&[(440.0, 0.002), (480.0, 0.002)], 2000.0), 4000.0, 5);
        assert!(!kinds(&listen(&ringing)).contains(&EventKind::Music));
    }

    #[test]
    fn ten_hours_are_kept_in_a_few_megabytes() {
        assert!(10 * 3600 * RATE as u64 / SLOT_SAMPLES * size_of::<MusicSlot>() as u64 <= 3_000_000);
    }
}
