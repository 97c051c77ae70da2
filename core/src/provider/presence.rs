//! Tracks which parties are in a call, and interprets joining and leaving.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::FactKind;

/// The place of a party: in a room, all parties hear each other. Several parts of a document, such
/// as overlapping recordings, may place a party in the same room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seat {
    pub room: usize,
    pub part: usize,
}

/// The fact that a party's joining implies, and the party that it concerns.
#[derive(Debug, PartialEq)]
pub(super) struct Joined {
    pub kind: FactKind,
    pub party: Option<usize>,
}

/// The parties that are present, by their index in the document.
#[derive(Debug, Default)]
pub(super) struct Presence {
    rooms: BTreeMap<usize, BTreeSet<usize>>,
    /// For each party, the rooms that it is in, and the parts of the document that place it there.
    parties: BTreeMap<usize, BTreeMap<usize, BTreeSet<usize>>>,
    /// The two parties of the last conversation, the lower index first.
    pair: Option<(usize, usize)>,
}

impl Presence {
    /// Records that a party joins, and returns the fact that this implies:
    ///
    /// - The second party's joining is the answer. Before it, no conversation was possible.
    /// - A third party's joining is a conference.
    /// - A party that joins after another one has left takes over from it: the remaining party is
    ///   transferred.
    /// - The same two parties again imply nothing.
    pub(super) fn join(&mut self, party: usize, seat: Seat) -> Option<Joined> {
        let parts = self.parties.entry(party).or_default().entry(seat.room).or_default();
        let new = parts.is_empty();
        parts.insert(seat.part);
        let room = self.rooms.entry(seat.room).or_default();
        room.insert(party);
        if !new {
            return None;
        }
        let joined = |kind, party| Some(Joined { kind, party });
        if room.len() > 2 {
            return joined(FactKind::Conference, Some(party));
        }
        let other = *room.iter().find(|other| **other != party)?;
        let pair = (party.min(other), party.max(other));
        match self.pair {
            None => {
                self.pair = Some(pair);
                joined(FactKind::Answer, None)
            }
            // Two parties in another room, while a third party is in the call, are in a
            // consultation.
            Some(before) if before == pair || self.parties.len() > 2 => None,
            Some(_) => {
                self.pair = Some(pair);
                joined(FactKind::Transfer, Some(other))
            }
        }
    }

    /// Records that a party leaves a room, whichever parts placed it there. Returns `true` if the
    /// party is in no other room.
    pub(super) fn leave(&mut self, party: usize, room: usize) -> bool {
        let left = self.parties.get_mut(&party).is_some_and(|rooms| rooms.remove(&room).is_some());
        if left {
            self.left(party, room);
        }
        !self.parties.contains_key(&party)
    }

    /// Records the end of a part of the document that placed a party in a room.
    pub(super) fn close(&mut self, party: usize, seat: Seat) {
        let parts = self.parties.get_mut(&party).and_then(|rooms| rooms.get_mut(&seat.room));
        if parts.is_some_and(|parts| parts.remove(&seat.part) && parts.is_empty()) {
            self.leave(party, seat.room);
        }
    }

    fn left(&mut self, party: usize, room: usize) {
        if self.parties.get(&party).is_some_and(BTreeMap::is_empty) {
            self.parties.remove(&party);
        }
        let Some(others) = self.rooms.get_mut(&room) else { return };
        others.remove(&party);
        let mut stay = others.iter().copied();
        if let (Some(a), Some(b), None) = (stay.next(), stay.next(), stay.next()) {
            self.pair = Some((a, b));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Seat = Seat { room: 0, part: 0 };
    const CONSULTATION: Seat = Seat { room: 1, part: 1 };

    fn kind(joined: Option<Joined>) -> Option<(FactKind, Option<usize>)> {
        joined.map(|joined| (joined.kind, joined.party))
    }

    #[test]
    fn who_takes_over_makes_a_transfer_and_who_comes_back_does_not() {
        let mut call = Presence::default();
        assert_eq!(kind(call.join(0, CALL)), None);
        assert_eq!(kind(call.join(1, CALL)), Some((FactKind::Answer, None)));
        assert_eq!((kind(call.join(1, CALL)), call.leave(1, 0), kind(call.join(1, CALL))), (None, true, None));
        assert_eq!((call.leave(1, 0), kind(call.join(2, CALL))), (true, Some((FactKind::Transfer, Some(0)))));
        assert_eq!(kind(call.join(1, CALL)), Some((FactKind::Conference, Some(1))));
        // The call is now between the first party and the last one.
        assert_eq!((call.leave(2, 0), call.leave(1, 0), kind(call.join(1, CALL))), (true, true, None));
    }

    #[test]
    fn a_consultation_is_beside_the_call() {
        let mut call = Presence::default();
        let _ = (call.join(0, CALL), call.join(1, CALL), call.join(1, CONSULTATION));
        assert_eq!(kind(call.join(2, CONSULTATION)), None);
        assert!(!call.leave(1, 0), "it is in the consultation still");
        assert!(call.leave(1, 1) && !call.leave(0, 1));
        assert_eq!(kind(call.join(2, CALL)), Some((FactKind::Transfer, Some(0))));
    }

    #[test]
    fn a_party_stays_until_the_last_part_is_over() {
        let (mut call, second) = (Presence::default(), Seat { room: 0, part: 7 });
        let _ = (call.join(0, CALL), call.join(1, CALL), call.join(1, second));
        call.close(1, CALL);
        assert_eq!(kind(call.join(2, CALL)), Some((FactKind::Conference, Some(2))));
        let _ = (call.leave(2, 0), call.close(1, second));
        assert_eq!(kind(call.join(2, CALL)), Some((FactKind::Transfer, Some(0))));
    }
}
