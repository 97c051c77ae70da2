//! Determines who joined and left the sessions of a call.

use std::collections::{BTreeMap, BTreeSet};

use super::stays::Stay;
use crate::call::{FactKind, Moment};
use crate::provider::presence::{Presence, Seat};

/// A period in which a participant was in a session.
pub(super) struct SessionMember {
    pub participant: usize,
    pub session: usize,
    pub stay: Stay,
    /// When the session ended, if the metadata states this and not the participant's own end.
    pub stopped: Option<Moment>,
}

/// The joining or leaving of a participant.
struct MemberMove {
    ms: i64,
    participant: usize,
    session: usize,
    joins: bool,
    /// The stated time. `None` if the time is derived.
    at: Option<Moment>,
}

/// Returns the events that follow from the periods, with the participants that they concern.
pub(super) fn events(members: &[SessionMember]) -> Vec<(Moment, FactKind, Option<usize>)> {
    let mut moves: Vec<MemberMove> = members.iter().flat_map(SessionMember::moves).collect();
    // At the same time, participants leave before others join.
    let joined: BTreeSet<_> =
        moves.iter().filter(|one| one.joins).map(|one| (one.participant, one.session, one.ms)).collect();
    let at_once = |one: &MemberMove| joined.contains(&(one.participant, one.session, one.ms));
    moves.sort_by_cached_key(|one| (one.ms, if one.joins { 1 } else { 2 * u8::from(at_once(one)) }));
    let joins = moves.iter().enumerate().filter(|(_, one)| one.joins);
    let last_joins: BTreeMap<usize, usize> = joins.map(|(at, one)| (one.participant, at)).collect();
    let first = moves.iter().filter(|one| one.joins).find_map(|one| one.at).map(Moment::unix_ms);
    let (mut present, mut gone) = (Presence::default(), BTreeSet::new());
    let event = |(at, one): (usize, &MemberMove)| {
        if one.joins {
            let joined = present.join(one.participant, Seat { room: one.session, part: 0 })?;
            // A participant who is present from the first moment may not have answered yet.
            let tells = joined.kind != FactKind::Answer || Some(one.ms) != first;
            return Some((one.at.filter(|_| tells)?, joined.kind, joined.party));
        }
        let left = present.leave(one.participant, one.session);
        let again = last_joins.get(&one.participant).is_some_and(|last| *last > at);
        let moment = one.at.filter(|_| left && !again && gone.insert(one.participant))?;
        Some((moment, FactKind::Hangup, Some(one.participant)))
    };
    moves.iter().enumerate().filter_map(event).collect()
}

impl SessionMember {
    fn moves(&self) -> impl Iterator<Item = MemberMove> {
        let &Self { participant, session, stay: Stay { since, until }, stopped } = self;
        let one = |at: Option<Moment>, otherwise, joins| {
            let ms = at.map_or(otherwise, Moment::unix_ms);
            MemberMove { ms, participant, session, joins, at }
        };
        let join = one(since, i64::MIN, true);
        let leave = until.or(stopped).map(|at| MemberMove { at: until, ..one(Some(at), i64::MAX, false) });
        std::iter::once(join).chain(leave)
    }
}
