//! Who is in a call: what it means that somebody joins or leaves.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::FactKind;

/// Where a party is: in a room all hear each other. A party may be in a room by several parts of a
/// document, such as recordings that overlap.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seat {
    pub room: usize,
    pub part: usize,
}

/// What a party's joining means, and for whom.
#[derive(Debug, PartialEq)]
pub(super) struct Joined {
    pub kind: FactKind,
    pub party: Option<usize>,
}

/// The parties that are there, by their places in the document.
#[derive(Debug, Default)]
pub(super) struct Presence {
    rooms: BTreeMap<usize, BTreeSet<usize>>,
    /// By which parts of the document a party is in which rooms.
    parties: BTreeMap<usize, BTreeMap<usize, BTreeSet<usize>>>,
    /// The two parties that the call last was between, the lower place first.
    pair: Option<(usize, usize)>,
}

impl Presence {
    /// A party joins. Before the second one came, nobody spoke to anybody: that is the answer; with
    /// a third it is a conference. A party that comes when another one has gone takes over from it:
    /// the one who stayed is transferred. The same two again are neither.
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
            // Two who talk beside the call, while somebody else is in it, consult each other.
            Some(before) if before == pair || self.parties.len() > 2 => None,
            Some(_) => {
                self.pair = Some(pair);
                joined(FactKind::Transfer, Some(other))
            }
        }
    }

    /// A party leaves a room, by whichever parts it was there. Returns `true` if it is in no other.
    pub(super) fn leave(&mut self, party: usize, room: usize) -> bool {
        let left = self.parties.get_mut(&party).is_some_and(|rooms| rooms.remove(&room).is_some());
        if left {
            self.left(party, room);
        }
        !self.parties.contains_key(&party)
    }

    /// A part of the document is over, by which a party was in a room.
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
        // The call is now between the first and the last.
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
