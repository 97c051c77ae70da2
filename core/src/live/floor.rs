//! Events that depend on all tracks: turns, overlap and silence. They are evaluated in the order of
//! the call's time, whichever track's samples arrive first.

use crate::config::Config;
use crate::timeline::EventKind;

use super::LiveEventKind;
use super::event::{Certainty, Teller, Told};

/// A change on one track, on the call's timeline in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FloorChange {
    /// When it became known.
    pub known: f64,
    pub track: usize,
    pub what: PartyState,
}

/// The kind of change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum PartyState {
    /// The party speaks since this time.
    Spoke(f64),
    /// The party stopped speaking at this time.
    Paused(f64),
    /// The track is louder than its noise.
    Loud,
    /// The track is at its noise level since this time.
    Quiet(f64),
    /// The track has ended.
    Ended,
}

/// The state of one party.
#[derive(Debug, Default)]
struct FloorParty {
    speaks_since: Option<f64>,
    turn: Option<Told>,
    /// End of its last speech.
    paused: f64,
    /// Start of its silence, or `None` while it is loud. A track that has not begun is silent.
    quiet: Option<f64>,
    ended: bool,
}

/// Determines whose turn it is.
#[derive(Debug)]
pub(super) struct Floor {
    turn_pause: f64,
    non_talk: f64,
    parties: Vec<FloorParty>,
    /// Changes waiting until every track has arrived at their time.
    waiting: Vec<FloorChange>,
    overlap: Option<Told>,
    silence: Option<Told>,
}

impl Floor {
    pub fn new(tracks: usize, config: &Config) -> Self {
        let party = || FloorParty { quiet: Some(0.0), ..FloorParty::default() };
        Self {
            turn_pause: config.speech.turn_pause_ms.0,
            non_talk: config.metrics.non_talk_ms.0,
            parties: std::iter::repeat_with(party).take(tracks).collect(),
            waiting: Vec::with_capacity(64),
            overlap: None,
            silence: None,
        }
    }

    /// Takes a change on a track.
    pub fn push(&mut self, change: FloorChange) {
        let at = self.waiting.partition_point(|w| (w.known, w.track) <= (change.known, change.track));
        self.waiting.insert(at, change);
    }

    /// Evaluates all changes up to a time that every track has reached.
    pub fn advance(&mut self, until: f64, teller: &mut Teller) {
        let due = self.waiting.partition_point(|change| change.known <= until);
        for at in 0..due {
            let Some(&change) = self.waiting.get(at) else { break };
            self.pass(change.known, teller);
            self.take(change, teller);
        }
        self.waiting.drain(..due);
        self.pass(until, teller);
    }

    /// Ends the call and everything that is open.
    pub fn finish(&mut self, end: f64, teller: &mut Teller) {
        self.advance(end, teller);
        for party in &mut self.parties {
            if let Some(turn) = party.turn.take() {
                let at = if party.speaks_since.is_some() { end } else { party.paused };
                teller.tell(&Told { end: Some(at), ..turn }, Certainty::Confirmed, end);
            }
        }
        for told in [self.overlap.take(), self.silence.take()].into_iter().flatten() {
            teller.tell(&Told { end: Some(end), ..told }, Certainty::Confirmed, end);
        }
    }

    /// Reports what follows from time alone: turns that are over, and silence.
    fn pass(&mut self, now: f64, teller: &mut Teller) {
        for party in self.parties.iter_mut().filter(|party| party.speaks_since.is_none()) {
            let over = party.paused + self.turn_pause;
            if over < now {
                end_turn(party, over, teller);
            }
        }
        let Some(since) = self.quiet_since() else { return };
        if self.silence.is_none() && now - since >= self.non_talk {
            let kind = LiveEventKind::Sound(EventKind::Silence);
            self.silence = Some(teller.begin(kind, since, Certainty::Provisional, since + self.non_talk));
        }
    }

    /// Returns when all tracks became silent, or `None` if one is not, or none is left.
    fn quiet_since(&self) -> Option<f64> {
        let left = self.parties.iter().filter(|party| !party.ended);
        left.map(|party| party.quiet).reduce(|a, b| Some(a?.max(b?))).flatten()
    }

    fn take(&mut self, change: FloorChange, teller: &mut Teller) {
        let FloorChange { known, track, what } = change;
        match what {
            PartyState::Spoke(at) => self.spoke(track, at, known, teller),
            PartyState::Paused(at) => self.paused(track, at, known, teller),
            PartyState::Loud => {
                if let Some(party) = self.parties.get_mut(track) {
                    party.quiet = None;
                }
                if let Some(silence) = self.silence.take() {
                    teller.tell(&Told { end: Some(known), ..silence }, Certainty::Confirmed, known);
                }
            }
            PartyState::Quiet(since) => {
                if let Some(party) = self.parties.get_mut(track) {
                    party.quiet = Some(since);
                }
            }
            PartyState::Ended => {
                if let Some(party) = self.parties.get_mut(track) {
                    party.ended = true;
                }
            }
        }
    }

    fn spoke(&mut self, track: usize, at: f64, known: f64, teller: &mut Teller) {
        // Who began to speak in another's pause has taken the floor.
        for (other, party) in self.parties.iter_mut().enumerate() {
            if other != track && party.speaks_since.is_none() && at >= party.paused {
                end_turn(party, known, teller);
            }
        }
        let others = self.parties.iter().enumerate().filter(|(other, _)| *other != track);
        let meets = others.filter_map(|(_, party)| party.speaks_since).reduce(f64::min);
        if let (None, Some(since)) = (&self.overlap, meets) {
            self.overlap = Some(teller.begin(LiveEventKind::Overlap, at.max(since), Certainty::Confirmed, known));
        }
        let pause = self.turn_pause;
        let Some(party) = self.parties.get_mut(track) else { return };
        if party.turn.is_some() && at - party.paused > pause {
            end_turn(party, known, teller);
        }
        if party.turn.is_none() {
            let turn = Told { track: Some(track), ..teller.unsaid(LiveEventKind::Turn, at) };
            teller.tell(&turn, Certainty::Confirmed, known);
            party.turn = Some(turn);
        }
        party.speaks_since = Some(at);
    }

    fn paused(&mut self, track: usize, at: f64, known: f64, teller: &mut Teller) {
        let Some(party) = self.parties.get_mut(track) else { return };
        (party.speaks_since, party.paused) = (None, at);
        let speaking = self.parties.iter().filter(|party| party.speaks_since.is_some()).count();
        if speaking < 2
            && let Some(overlap) = self.overlap.take()
        {
            let end = at.max(overlap.start);
            teller.tell(&Told { end: Some(end), ..overlap }, Certainty::Confirmed, known);
        }
    }
}

fn end_turn(party: &mut FloorParty, known: f64, teller: &mut Teller) {
    if let Some(turn) = party.turn.take() {
        teller.tell(&Told { end: Some(party.paused), ..turn }, Certainty::Confirmed, known);
    }
}
