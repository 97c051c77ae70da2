//! Detects whether and by whom a call is answered, while it rings and shortly after, for callers
//! that must act before the call ends. Watches one track, that of the called party.

use crate::config::OutcomeConfig;
use crate::outcome;
use crate::timeline::EventKind;

use super::LiveEventKind;
use super::event::{Certainty, Teller, Told};
use super::ledger::SoundLedger;

/// Probability that an answer is right if the measured values are far from their limits, as in the
/// outcome's rules.
const USUAL: f64 = 0.95;
/// Ratio of a greeting's length to the limit beyond which it is certainly a machine's: three times
/// the distance at which the outcome's confidence still doubts.
const SURELY: f64 = 1.72;

/// The answers, in the order in which they may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnswerState {
    Ringing,
    Busy,
    Fax,
    Answered,
    Person,
    Machine,
    Beep,
}

impl AnswerState {
    const fn name(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Busy => "busy",
            Self::Fax => "fax",
            Self::Answered => "answered",
            Self::Person => "person",
            Self::Machine => "machine",
            Self::Beep => "beep",
        }
    }
}

/// The first talk of the called party.
#[derive(Debug, Clone, Copy)]
struct FirstTalk {
    start: f64,
    end: f64,
    speaks: bool,
    /// Whether it was longer than a person's, and is watched for its end.
    over: bool,
}

/// Watches one track for its answer.
#[derive(Debug)]
pub(super) struct AnswerWatch {
    max_greeting: f64,
    pause: f64,
    told: Vec<(AnswerState, Told, Certainty)>,
    talk: Option<FirstTalk>,
}

impl AnswerWatch {
    pub fn new(config: &OutcomeConfig) -> Self {
        let (max_greeting, pause) = (config.machine_greeting_ms.0, config.greeting_pause_ms.0);
        Self { max_greeting, pause, told: Vec::new(), talk: None }
    }

    /// Records that the party has been speaking since a time.
    pub fn spoke(&mut self, at: f64, now: f64, teller: &mut Teller) {
        match &mut self.talk {
            Some(talk) if talk.over => {}
            Some(talk) => talk.speaks = true,
            None => {
                self.talk = Some(FirstTalk { start: at, end: at, speaks: true, over: false });
                self.tell(AnswerState::Answered, at, USUAL, Certainty::Confirmed, now, teller);
            }
        }
    }

    /// Records that the party stopped speaking.
    pub fn paused(&mut self, at: f64) {
        if let Some(talk) = &mut self.talk {
            (talk.speaks, talk.end) = (false, at);
        }
    }

    /// Decides from what is known at a time.
    pub fn judge(&mut self, sounds: &SoundLedger, now: f64, teller: &mut Teller) {
        self.sounds(sounds, now, teller);
        let Some(talk) = self.talk.filter(|talk| !talk.over) else { return };
        let end = if talk.speaks { now } else { talk.end };
        let long = end - talk.start;
        let confidence = USUAL * outcome::beyond(long, self.max_greeting);
        let over = !talk.speaks && now - talk.end >= self.pause;
        if long > self.max_greeting {
            let sure = over || long > SURELY * self.max_greeting;
            let certainty = if sure { Certainty::Confirmed } else { Certainty::Provisional };
            self.tell(AnswerState::Machine, talk.start, confidence, certainty, now, teller);
        } else if over {
            // Speech that has ended was shorter than it seemed while it might go on.
            self.withdraw(AnswerState::Machine, now, teller);
            self.tell(AnswerState::Person, talk.start, confidence, Certainty::Confirmed, now, teller);
        }
        if let Some(talk) = &mut self.talk {
            talk.over = over;
        }
    }

    /// Decides from tones.
    fn sounds(&mut self, sounds: &SoundLedger, now: f64, teller: &mut Teller) {
        use EventKind::{Beep, Busy, Congestion, Fax, Ringback, Sit};
        let kinds: [(AnswerState, &[EventKind]); 4] = [
            (AnswerState::Ringing, &[Ringback]),
            (AnswerState::Busy, &[Busy, Congestion, Sit]),
            (AnswerState::Fax, &[Fax]),
            (AnswerState::Beep, &[Beep]),
        ];
        for (answer, kinds) in kinds {
            match sounds.last(kinds) {
                // A beep before anybody has spoken is the recorder's own or the network's.
                Some((sound, certainty)) if answer != AnswerState::Beep || self.talk.is_some() => {
                    let confidence = f64::from(sound.confidence);
                    self.tell(answer, sound.start_ms, confidence, certainty, now, teller);
                }
                Some(_) => {}
                None => self.withdraw(answer, now, teller),
            }
        }
    }

    /// Reports an answer once, and again when it becomes certain.
    fn tell(
        &mut self,
        answer: AnswerState,
        start: f64,
        confidence: f64,
        sure: Certainty,
        now: f64,
        teller: &mut Teller,
    ) {
        if let Some((_, told, certainty)) = self.told.iter_mut().find(|told| told.0 == answer) {
            if *certainty == Certainty::Provisional && sure == Certainty::Confirmed {
                (told.confidence, *certainty) = (confidence, sure);
                teller.tell(told, sure, now);
            }
            return;
        }
        let detail = Some(answer.name().to_owned());
        let told = Told { detail, confidence, ..teller.unsaid(LiveEventKind::Answer, start) };
        teller.tell(&told, sure, now);
        self.told.push((answer, told, sure));
    }

    fn withdraw(&mut self, answer: AnswerState, now: f64, teller: &mut Teller) {
        let is_it = |told: &(AnswerState, Told, Certainty)| told.0 == answer && told.2 == Certainty::Provisional;
        if let Some(at) = self.told.iter().position(is_it) {
            let (_, told, _) = self.told.remove(at);
            teller.tell(&told, Certainty::Withdrawn, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_talk_that_was_shorter_than_it_seemed_is_a_person_and_no_machine() {
        let (mut watch, mut teller) = (AnswerWatch::new(&OutcomeConfig::default()), Teller::new(0, 1));
        let sounds = SoundLedger::default();
        watch.spoke(1_000.0, 1_150.0, &mut teller);
        watch.judge(&sounds, 4_100.0, &mut teller);
        watch.paused(3_950.0);
        watch.judge(&sounds, 5_000.0, &mut teller);
        let told: Vec<_> = teller.drain().map(|event| (event.detail.unwrap_or_default(), event.certainty)).collect();
        let expected = [
            ("answered", Certainty::Confirmed),
            ("machine", Certainty::Provisional),
            ("machine", Certainty::Withdrawn),
            ("person", Certainty::Confirmed),
        ];
        assert_eq!(told, expected.map(|(name, certainty)| (name.to_owned(), certainty)));
    }
}
