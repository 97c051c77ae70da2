//! Detects sounds other than speech: keys, network tones, fax, beeps and hold music. Each is a
//! [`TrackEvent`] in track time.
//!
//! [`detect()`] finds them on a single track. [`EventDetector`] works at 8 kHz and owns the block
//! analysis that all detectors share: one spectrum per 32 ms, from which music is judged, and
//! spectra per 8 ms for the other detectors, computed only near a key or a steady tone. Digital
//! zero and clipping are detected at the recording's own rate. Events that bled from another track
//! are dropped.

mod band;
mod beep;
mod bursts;
mod cadence;
mod clipping;
mod dedupe;
mod detect;
mod dtmf;
mod event;
mod extent;
mod fax;
mod music;
mod short;
mod sit;
mod spectrum;
mod tones;
mod zero;

pub(crate) use band::{Band, BandMeter};
pub(crate) use clipping::Clipping;
pub(crate) use dedupe::dedupe;
pub use detect::detect;
pub(crate) use detect::joined;
pub(crate) use event::HeardSound;
pub use event::TrackEvent;
pub(crate) use zero::Zero;

use bursts::{Burst, Bursts, Notice};
use event::EventKind;
use spectrum::{Analyser, FRAME, Frame, HOP, LONG};

use crate::units::{Millis, Span};

/// Samples that a closer look may need before the current coarse frame: it begins up to five frames
/// earlier, with a long window.
const BEHIND: usize = LONG + (Notice::FRAMES as usize + 1) * FRAME;
/// Samples kept before the oldest are discarded, so that this happens rarely.
const KEPT: usize = 2 * BEHIND;
/// Silence appended at the end of a track, which ends all open sounds.
const FLUSH: usize = 4 * FRAME;
/// A key at least this far inside music is part of it.
const WITHIN_MS: f64 = 500.0;
/// A beep at most this far from music is part of it.
const NEAR_MUSIC_MS: f64 = 1000.0;

/// Sounds of each kind for which memory is reserved at once. A call has few.
pub(crate) const SOUNDS_AHEAD: usize = 32;

/// Detects the sounds other than speech on one track at 8 kHz.
#[derive(Clone)]
pub struct EventDetector {
    analyser: Analyser,
    recent: Recent,
    /// First sample of the next coarse frame.
    next: u64,
    total: u64,
    coarse: [Frame; 2],
    fine: [Frame; 2],
    listeners: Listeners,
}

/// The last samples.
#[derive(Clone)]
struct Recent {
    samples: Vec<f32>,
    /// Index of the first of them in the track.
    origin: u64,
}

/// The detectors that share the frames.
#[derive(Clone)]
struct Listeners {
    notice: Notice,
    /// Whether the last coarse frame called for a closer look.
    close: bool,
    /// First fine frame not yet examined.
    looked: u64,
    bursts: Bursts,
    known: Kinds,
}

/// A buffer for reading detected sounds. It allocates nothing once it has grown to the size needed.
#[derive(Clone, Default)]
pub(crate) struct SoundLook {
    /// The sounds, sorted by start.
    pub sounds: Vec<HeardSound>,
    stretches: Vec<HeardSound>,
    music: music::Music,
}

impl SoundLook {
    /// Creates a buffer for this much time.
    pub(crate) fn new(time: Millis) -> Self {
        let mut music = music::Music::default();
        music.make_room((time.0 / music::SLOT_MS) as usize + 2);
        Self { sounds: Vec::with_capacity(SOUNDS_AHEAD), stretches: Vec::with_capacity(SOUNDS_AHEAD), music }
    }
}

/// Detected sounds by kind.
#[derive(Clone)]
struct Kinds {
    dtmf: dtmf::Dtmf,
    cadence: cadence::Cadence,
    fax: fax::Fax,
    sit: sit::Sit,
    beep: beep::Beep,
    music: music::Music,
    /// Number of detections so far.
    changes: u64,
}

impl EventDetector {
    /// Creates a detector for the tones of `countries` (ISO 3166, lowercase), or of all countries
    /// if the list is empty. With `portable`, the result is the same on every kind of CPU.
    pub fn new(countries: &[String], portable: bool) -> Self {
        Self {
            analyser: Analyser::new(FRAME, portable),
            recent: Recent { samples: Vec::with_capacity(2 * KEPT), origin: 0 },
            next: 0,
            total: 0,
            coarse: Default::default(),
            fine: Default::default(),
            listeners: Listeners {
                notice: Notice::default(),
                close: false,
                looked: 0,
                bursts: Bursts::new(portable),
                known: Kinds {
                    dtmf: dtmf::Dtmf::default(),
                    cadence: cadence::Cadence::new(countries),
                    fax: fax::Fax::default(),
                    sit: sit::Sit::default(),
                    beep: beep::Beep::default(),
                    music: music::Music::default(),
                    changes: 0,
                },
            },
        }
    }

    /// Takes the next samples, at 8 kHz in [−1, 1], in blocks of any length.
    pub fn push(&mut self, block: &[f32]) {
        self.total += block.len() as u64;
        self.feed(block);
    }

    /// Ends the track and returns its events, sorted by start.
    ///
    /// `probabilities` are the speech detector's, one per 256 samples. Pass none if the detector
    /// takes music for speech.
    pub fn finish(self, probabilities: &[f32]) -> Vec<TrackEvent> {
        self.finish_with_doubts(probabilities).0
    }

    /// Like [`finish`](Self::finish), and also returns the spans that may contain keys hidden by
    /// noise or speech. These are not events, because ordinary speech has such spans too.
    pub fn finish_with_doubts(mut self, probabilities: &[f32]) -> (Vec<TrackEvent>, Vec<Span>) {
        self.feed(&[0.0; FLUSH]);
        self.listeners.finish(self.total, probabilities)
    }

    /// Returns a counter that changes with each detection: a key, a burst of tone, or half a second
    /// that may be music.
    pub(crate) fn changes(&self) -> u64 {
        self.listeners.known.changes
    }

    /// Reads the sounds that ended since a time, as if the track ended here. Open sounds are left
    /// out, and a sound that began earlier may be cut at that time.
    pub(crate) fn since(&self, from: Millis, probabilities: &[f32], look: &mut SoundLook) {
        self.listeners.known.since(from, self.total, probabilities, look);
    }

    /// Reserves memory for the sounds of this much time, so that half of it needs no allocation.
    pub(crate) fn make_room(&mut self, time: Millis) {
        let Kinds { dtmf, cadence, fax, sit, beep, music, .. } = &mut self.listeners.known;
        dtmf.make_room(SOUNDS_AHEAD);
        cadence.make_room(SOUNDS_AHEAD);
        fax.make_room(SOUNDS_AHEAD);
        sit.make_room(SOUNDS_AHEAD);
        beep.make_room(SOUNDS_AHEAD);
        music.make_room((time.0 / music::SLOT_MS) as usize);
    }

    fn feed(&mut self, block: &[f32]) {
        for part in block.chunks(KEPT) {
            self.recent.samples.extend_from_slice(part);
            while self.recent.end() >= self.next + 2 * FRAME as u64 {
                let [one, two] = [self.next, self.next + FRAME as u64].map(|at| self.recent.frame(at));
                self.analyser.frames([one, two], &mut self.coarse);
                for frame in 0..2 {
                    self.coarse_frame(frame);
                }
            }
            self.recent.forget(self.next);
        }
    }

    fn coarse_frame(&mut self, which: usize) {
        let to = &mut self.listeners;
        let frame = &self.coarse[which];
        to.known.changes += u64::from(to.known.music.push(frame));
        if let Some(from) = to.look_from(frame, self.next) {
            // The fine frames between, by twos, and the coarse frame itself.
            let mut at = from;
            while at < self.next {
                let after = at + HOP as u64;
                self.analyser.frames([self.recent.frame(at), self.recent.frame(after)], &mut self.fine);
                to.fine_frame(at, &self.fine[0], self.recent.until(at));
                if after < self.next {
                    to.fine_frame(after, &self.fine[1], self.recent.until(after));
                }
                at = after + HOP as u64;
            }
            to.fine_frame(self.next, frame, self.recent.until(self.next));
            to.looked = self.next + HOP as u64;
            to.close |= to.bursts.is_tone() || to.known.dtmf.is_held();
        }
        self.next += FRAME as u64;
    }
}

impl Recent {
    fn end(&self) -> u64 {
        self.origin + self.samples.len() as u64
    }

    /// Returns the frame whose first sample is `at`, which must be among the kept samples.
    fn frame(&self, at: u64) -> &[f32] {
        let first = at.saturating_sub(self.origin) as usize;
        self.samples.get(first..first + FRAME).unwrap_or_default()
    }

    /// Returns all kept samples up to the end of the frame whose first sample is `at`.
    fn until(&self, at: u64) -> &[f32] {
        let end = at.saturating_sub(self.origin) as usize + FRAME;
        self.samples.get(..end).unwrap_or_default()
    }

    /// Discards samples further than `BEHIND` before `next`, from time to time.
    fn forget(&mut self, next: u64) {
        let past = next.saturating_sub(self.origin) as usize;
        if past > KEPT {
            self.samples.drain(..past - BEHIND);
            self.origin += (past - BEHIND) as u64;
        }
    }
}

impl Listeners {
    /// Returns where the closer look that this coarse frame calls for begins: within the last frame
    /// for a key, a few frames earlier for a tone.
    fn look_from(&mut self, frame: &Frame, at: u64) -> Option<u64> {
        let back = if self.notice.push(frame) {
            Some(u64::from(Notice::FRAMES) + 1)
        } else {
            dtmf::is_candidate(frame).then_some(1)
        };
        let goes_on = std::mem::replace(&mut self.close, back.is_some());
        let from = match back {
            Some(frames) => at.saturating_sub(frames * FRAME as u64).max(self.looked),
            None if goes_on => self.looked,
            None => return None,
        };
        if from > self.looked {
            self.end_look();
        }
        Some(from)
    }

    fn fine_frame(&mut self, at: u64, frame: &Frame, recent: &[f32]) {
        self.known.changes += u64::from(self.known.dtmf.push(at, frame));
        if let Some(burst) = self.bursts.push(at, frame, recent) {
            self.known.burst(&burst);
        }
    }

    /// Ends the closer look, because the next frames do not follow directly.
    fn end_look(&mut self) {
        self.known.changes += u64::from(self.known.dtmf.close());
        if let Some(burst) = self.bursts.close() {
            self.known.burst(&burst);
        }
    }

    fn finish(mut self, total: u64, probabilities: &[f32]) -> (Vec<TrackEvent>, Vec<Span>) {
        self.end_look();
        self.known.finish(total, probabilities)
    }
}

impl Kinds {
    fn burst(&mut self, burst: &Burst) {
        self.changes += 1;
        if burst.is_pure() && burst.is_steady() {
            self.music.tone(burst.start, burst.end);
        }
        self.cadence.push(burst);
        self.fax.push(burst);
        self.sit.push(burst);
        self.beep.push(burst);
    }

    /// Reads the sounds that ended after a time, on a track with `total` samples so far.
    fn since(&self, from: Millis, total: u64, probabilities: &[f32], look: &mut SoundLook) {
        let sample = (from.0 * 8.0).max(0.0) as u64;
        let SoundLook { sounds, stretches, music } = look;
        sounds.clear();
        stretches.clear();
        sounds.extend_from_slice(self.dtmf.since(from.0));
        self.music.since(sample, music);
        for key in &*sounds {
            music.tone((key.start_ms * 8.0) as u64, (key.end_ms * 8.0) as u64);
        }
        music.stretches(probabilities, stretches);
        self.cadence.since(from.0, sounds);
        sounds.retain(|e| !is_note(e, stretches));
        self.fax.since(sample, total, sounds);
        sounds.extend_from_slice(self.sit.since(from.0));
        self.beep.since(sample, total, probabilities, sounds);
        let near =
            |b: &HeardSound, m: &HeardSound| m.overlap_ms(b.start_ms - NEAR_MUSIC_MS, b.end_ms + NEAR_MUSIC_MS) > 0.0;
        sounds.retain(|b| b.kind != EventKind::Beep || !stretches.iter().any(|m| near(b, m)));
        sounds.extend_from_slice(stretches);
        sounds.sort_by(|a, b| a.start_ms.total_cmp(&b.start_ms));
    }

    fn finish(self, total: u64, probabilities: &[f32]) -> (Vec<TrackEvent>, Vec<Span>) {
        let mut look = SoundLook::default();
        self.since(Millis(0.0), total, probabilities, &mut look);
        (look.sounds.into_iter().map(TrackEvent::from).collect(), self.dtmf.into_doubts())
    }
}

/// Returns `true` if a key or train is part of the music around it. A key that is nearly alone in
/// its frames is not.
fn is_note(event: &HeardSound, music: &[HeardSound]) -> bool {
    if event.kind != EventKind::Dtmf {
        let least = 0.3 * (event.end_ms - event.start_ms);
        return music.iter().any(|m| m.overlap_ms(event.start_ms, event.end_ms) > least);
    }
    let (start, end) = (event.start_ms - WITHIN_MS, event.end_ms + WITHIN_MS);
    event.confidence < 0.92 && music.iter().any(|m| m.overlap_ms(start, end) > 0.9 * (end - start))
}

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests {
    use super::testing::{melody, noisy, silence, sines, train};
    use super::*;

    fn mixture() -> Vec<f32> {
        let mut x = train(&sines(&[(420.0, 0.1)], 1000.0), 5000.0, 3);
        x.extend(silence(900.0));
        x.extend(train(&sines(&[(770.0, 0.1), (1477.0, 0.1)], 90.0), 120.0, 5));
        x.extend(silence(3000.0));
        x.extend(sines(&[(1000.0, 0.1)], 450.0));
        x.extend(silence(3000.0));
        x.extend(melody(9000.0));
        noisy(x, -50.0, 5)
    }

    fn feed(x: &[f32], chunk: usize) -> Vec<TrackEvent> {
        let mut sounds = EventDetector::new(&[], false);
        x.chunks(chunk).for_each(|block| sounds.push(block));
        sounds.finish(&[])
    }

    #[test]
    fn all_is_heard_in_order() {
        use EventKind::{Beep, Dtmf, Music, Ringback};
        let kinds: Vec<EventKind> = feed(&mixture(), 160).iter().map(|e| e.kind).collect();
        assert_eq!(kinds, [Ringback, Dtmf, Dtmf, Dtmf, Dtmf, Dtmf, Beep, Music]);
    }

    #[test]
    fn chunks_do_not_matter() {
        let x = mixture();
        let whole = feed(&x, x.len());
        for chunk in [1, 63, 256, 1152, 30_000] {
            assert_eq!(feed(&x, chunk), whole, "blocks of {chunk}");
        }
    }

    #[test]
    fn any_samples_are_survived() {
        for n in [0, 1, 255, 256, 257, 513, 5000] {
            feed(&vec![0.5; n], 100);
        }
        for bad in [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN_POSITIVE] {
            let mut x = mixture();
            x.iter_mut().skip(3000).step_by(701).for_each(|v| *v = bad);
            feed(&x, 1000);
        }
    }

    #[test]
    fn memory_does_not_grow_with_the_call() {
        let mut sounds = EventDetector::new(&[], false);
        let block = noisy(silence(1000.0), -40.0, 1);
        for _ in 0..200 {
            sounds.push(&block);
        }
        assert!(sounds.recent.samples.capacity() <= 4 * KEPT);
    }
}
