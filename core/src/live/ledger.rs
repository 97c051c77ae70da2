//! Tracks sounds as they become known: what was reported about each, and what has changed since.

use crate::events::{HeardSound, SOUNDS_AHEAD};
use crate::timeline::EventKind;

use super::LiveEventKind;
use super::event::{Certainty, Teller, Told};

/// How far back sounds are examined again: longer than any stays open or uncertain.
pub(super) const WINDOW_MS: f64 = 40_000.0;
/// Silence that ends a train of ringing or busy tones, as in the detector.
const TRAIN_MS: f64 = 12_000.0;
/// Time that ends music: ten slots of 512 ms without it, and two more that decide about the last.
const MUSIC_MS: f64 = 6_144.0;
/// Distance from the end within which zeros continue: two frames.
const ZEROS_MS: f64 = 64.0;
/// Runs of clipped samples closer than this are one event.
const CLIPPING_MS: f64 = 300.0;
/// Time for which a beep may turn out to be a network signal, and a key a note of music.
const UNSURE_MS: f64 = 6_500.0;
/// A key with at least this confidence is not part of a melody.
const SURE_KEY: f32 = 0.92;
/// Largest confidence of a single ring, and of a single fax call (one half).
const LONE_RING: f32 = 0.4;
const LONE_FAX: f32 = 0.5;
/// Bursts that begin this close to each other are the same.
const SAME_MS: f64 = 60.0;

/// A reported sound.
#[derive(Debug)]
struct ToldSound {
    told: Told,
    heard: HeardSound,
    certainty: Certainty,
}

/// What was reported about one track's sounds.
#[derive(Debug)]
pub(super) struct SoundLedger {
    sounds: Vec<ToldSound>,
    /// Which of them are still detected.
    seen: Vec<bool>,
}

impl Default for SoundLedger {
    fn default() -> Self {
        Self { sounds: Vec::with_capacity(SOUNDS_AHEAD), seen: Vec::with_capacity(SOUNDS_AHEAD) }
    }
}

impl SoundLedger {
    /// Compares the sounds detected since `from` with what was reported, and reports the
    /// differences.
    pub fn update(&mut self, heard: &[HeardSound], from: f64, now: f64, digits: bool, teller: &mut Teller) {
        let Self { sounds, seen } = self;
        seen.clear();
        seen.resize(sounds.len(), false);
        for &event in heard {
            let known = sounds.iter().zip(&*seen).position(|(sound, &seen)| !seen && sound.is(&event));
            match known.and_then(|at| Some((at, sounds.get_mut(at)?))) {
                Some((at, sound)) => {
                    seen[at] = true;
                    sound.hear(event, now, teller);
                }
                None => sounds.push(ToldSound::begin(event, now, digits, teller)),
            }
        }
        let mut seen = seen.drain(..);
        sounds.retain(|sound| {
            let there = seen.next().unwrap_or(true);
            if !there && sound.certainty == Certainty::Provisional && sound.heard.end_ms > from {
                teller.tell(&sound.told, Certainty::Withdrawn, now);
                return false;
            }
            sound.heard.end_ms > from
        });
    }

    /// Returns `true` if a sound continues or is uncertain.
    pub fn is_unsettled(&self) -> bool {
        self.sounds.iter().any(ToldSound::is_unsettled)
    }

    /// Ends the track. Detected sounds become final.
    pub fn finish(&mut self, now: f64, teller: &mut Teller) {
        for sound in self.sounds.drain(..).filter(|sound| sound.is_unsettled()) {
            let told = Told { end: Some(sound.heard.end_ms), ..sound.told };
            teller.tell(&told, Certainty::Confirmed, now);
        }
    }

    /// Returns the last sound of some kinds, with its certainty.
    pub fn last(&self, kinds: &[EventKind]) -> Option<(&HeardSound, Certainty)> {
        let sound = self.sounds.iter().rev().find(|sound| kinds.contains(&sound.heard.kind))?;
        Some((&sound.heard, sound.certainty))
    }
}

impl ToldSound {
    fn begin(heard: HeardSound, now: f64, digits: bool, teller: &mut Teller) -> Self {
        let mut told = teller.unsaid(LiveEventKind::Sound(heard.kind), heard.start_ms);
        told.end = (!is_open(&heard, now)).then_some(heard.end_ms);
        told.detail = heard.detail.text().filter(|_| digits || heard.kind != EventKind::Dtmf);
        told.confidence = f64::from(heard.confidence);
        let certainty = certainty(&heard, now);
        teller.tell(&told, certainty, now);
        Self { told, heard, certainty }
    }

    /// Returns `true` if this is the same sound.
    fn is(&self, event: &HeardSound) -> bool {
        let (near, over) = (
            (self.heard.start_ms - event.start_ms).abs() < SAME_MS,
            self.heard.overlap_ms(event.start_ms, event.end_ms) > 0.0,
        );
        self.heard.kind == event.kind && (near || over)
    }

    fn is_unsettled(&self) -> bool {
        self.told.end.is_none() || self.certainty == Certainty::Provisional
    }

    /// Reports what changed about the sound.
    fn hear(&mut self, event: HeardSound, now: f64, teller: &mut Teller) {
        let (open, sure) = (is_open(&event, now), certainty(&event, now));
        let ended = self.told.end.is_none() && !open;
        let confirmed = self.certainty == Certainty::Provisional && sure == Certainty::Confirmed;
        if ended {
            self.told.end = Some(event.end_ms);
        }
        if confirmed {
            self.certainty = sure;
            self.told.start = self.told.start.min(event.start_ms);
            self.told.confidence = f64::from(event.confidence);
        }
        // A train and music are heard again from where the window begins.
        let start_ms = self.heard.start_ms.min(event.start_ms);
        self.heard = HeardSound { start_ms, ..event };
        if ended || confirmed {
            teller.tell(&self.told, self.certainty, now);
        }
    }
}

/// Returns `true` if a sound may continue.
fn is_open(event: &HeardSound, now: f64) -> bool {
    use EventKind::{Busy, Clipping, Congestion, DigitalZero, Music, Ringback};
    let stays = match event.kind {
        Ringback | Busy | Congestion => TRAIN_MS,
        Music => MUSIC_MS,
        DigitalZero => ZEROS_MS,
        Clipping => CLIPPING_MS,
        _ => return false,
    };
    now - event.end_ms < stays
}

/// Returns the certainty of a sound that ended some time ago.
fn certainty(event: &HeardSound, now: f64) -> Certainty {
    let unsure = match event.kind {
        EventKind::Dtmf => event.confidence < SURE_KEY && now - event.end_ms < UNSURE_MS,
        EventKind::Beep => now - event.end_ms < UNSURE_MS,
        EventKind::Ringback => event.confidence <= LONE_RING && now - event.end_ms < TRAIN_MS,
        EventKind::Fax => event.confidence <= LONE_FAX,
        _ => false,
    };
    if unsure { Certainty::Provisional } else { Certainty::Confirmed }
}
