//! Everything that sounds but is not speech: keys, the network's tones, fax, beeps and hold music,
//! each an [`TrackEvent`] in track time.
//!
//! [`detect`] finds them in a track by itself. [`EventDetector`] listens at 8 kHz and owns the one
//! block analysis: a spectrum for every 32 ms, which music is judged by, and, only where one of
//! these holds a key or a steady tone, spectra every 8 ms for the rest. Digital zero and clipping
//! are looked for at the recording's own rate. What bled from another track is dropped.

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

/// Samples that a closer look may need behind the coarse frame under way: it begins up to five
/// frames back, with a long window.
const BEHIND: usize = LONG + (Notice::FRAMES as usize + 1) * FRAME;
/// Samples kept before the oldest are thrown away, so that this is rarely done.
const KEPT: usize = 2 * BEHIND;
/// Frames of silence after the end, in which everything under way ends.
const FLUSH: usize = 4 * FRAME;
/// A key this far within music is part of it.
const WITHIN_MS: f64 = 500.0;
/// A beep this near to music is part of it.
const NEAR_MUSIC_MS: f64 = 1000.0;

/// Sounds of each kind that room is made for at once: a call has few.
pub(crate) const SOUNDS_AHEAD: usize = 32;

/// Listens to one track at 8 kHz.
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
    /// Number of the first of them in the track.
    origin: u64,
}

/// Those who listen to the frames.
#[derive(Clone)]
struct Listeners {
    notice: Notice,
    /// The last coarse frame called for a closer look.
    close: bool,
    /// First fine frame not yet looked at.
    looked: u64,
    bursts: Bursts,
    known: Kinds,
}

/// Room for a look at what is known, which takes no memory once it has seen as much.
#[derive(Clone, Default)]
pub(crate) struct SoundLook {
    /// What was heard, by start.
    pub sounds: Vec<HeardSound>,
    stretches: Vec<HeardSound>,
    music: music::Music,
}

impl SoundLook {
    /// Room for a look at so much time.
    pub(crate) fn new(time: Millis) -> Self {
        let mut music = music::Music::default();
        music.make_room((time.0 / music::SLOT_MS) as usize + 2);
        Self { sounds: Vec::with_capacity(SOUNDS_AHEAD), stretches: Vec::with_capacity(SOUNDS_AHEAD), music }
    }
}

/// What is known of each kind of sound.
#[derive(Clone)]
struct Kinds {
    dtmf: dtmf::Dtmf,
    cadence: cadence::Cadence,
    fax: fax::Fax,
    sit: sit::Sit,
    beep: beep::Beep,
    music: music::Music,
    /// How often something has become known.
    changes: u64,
}

impl EventDetector {
    /// A listener that knows the tones of `countries` (ISO 3166, lower case); of any country if
    /// there are none. `portable`: with the same answer on every kind of CPU.
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

    /// Takes the next samples, at 8 kHz and within ±1; blocks of any length.
    pub fn push(&mut self, block: &[f32]) {
        self.total += block.len() as u64;
        self.feed(block);
    }

    /// Ends the track and gives what was heard, by start. `probabilities` are the speech
    /// detector's, one for every 256 samples; none where the detector takes music for speech.
    pub fn finish(self, probabilities: &[f32]) -> Vec<TrackEvent> {
        self.finish_with_doubts(probabilities).0
    }

    /// The same, and where there may have been keys that noise or a voice hides: no events, since
    /// speech has such stretches too.
    pub fn finish_with_doubts(mut self, probabilities: &[f32]) -> (Vec<TrackEvent>, Vec<Span>) {
        self.feed(&[0.0; FLUSH]);
        self.listeners.finish(self.total, probabilities)
    }

    /// How often something has become known: a key, a burst of tone, half a second about which
    /// there may be music.
    pub(crate) fn changes(&self) -> u64 {
        self.listeners.known.changes
    }

    /// Looks at what was heard since a time, as if the track ended here; sounds under way are left
    /// out. What goes on since earlier may be cut there.
    pub(crate) fn since(&self, from: Millis, probabilities: &[f32], look: &mut SoundLook) {
        self.listeners.known.since(from, self.total, probabilities, look);
    }

    /// Makes room for what becomes known in so much time, so that half of it takes no memory.
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

    /// The frame whose first sample is `at`; it has come, and is not forgotten.
    fn frame(&self, at: u64) -> &[f32] {
        let first = at.saturating_sub(self.origin) as usize;
        self.samples.get(first..first + FRAME).unwrap_or_default()
    }

    /// All that is kept up to the end of the frame whose first sample is `at`.
    fn until(&self, at: u64) -> &[f32] {
        let end = at.saturating_sub(self.origin) as usize + FRAME;
        self.samples.get(..end).unwrap_or_default()
    }

    /// Throws away what lies further than `BEHIND` before `next`, now and then.
    fn forget(&mut self, next: u64) {
        let past = next.saturating_sub(self.origin) as usize;
        if past > KEPT {
            self.samples.drain(..past - BEHIND);
            self.origin += (past - BEHIND) as u64;
        }
    }
}

impl Listeners {
    /// Where a closer look begins that this coarse frame calls for: a key began within the last
    /// frame, a tone a few frames ago.
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

    /// The frames that follow are not the next ones.
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

    /// Looks at what ended after a time, of a track of `total` samples so far.
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

/// Whether a key or train is but notes of the music around it; a key nearly alone in its frames is
/// none.
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
