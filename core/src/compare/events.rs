//! How the events of a track differ.

use std::iter::zip;

use crate::timeline::Event;
use crate::units::Span;

use super::spans::{ROUNDING_MS, apart};

/// Events that begin this many events away are not looked at for the one that an event became:
/// those that touch it are one or two, unless a report is no report.
const NEAR: usize = 32;

/// An event with its span in its track's own time.
pub(super) type OwnEvent<'a> = (&'a Event, Span);

/// How many events were added, removed and changed.
pub(super) struct EventChanges {
    pub added: u64,
    pub removed: u64,
    pub changed: u64,
}

impl EventChanges {
    /// Each event belongs to the nearest of its kind that touches it and is not taken.
    pub(super) fn new(mut old: Vec<OwnEvent>, mut new: Vec<OwnEvent>) -> Self {
        let order = |a: &OwnEvent, b: &OwnEvent| {
            a.0.kind.cmp(&b.0.kind).then(a.1.start.0.total_cmp(&b.1.start.0)).then(a.1.end.0.total_cmp(&b.1.end.0))
        };
        old.sort_by(order);
        new.sort_by(order);
        let (mut taken, mut removed, mut changed) = (vec![false; new.len()], 0, 0);
        for (event, span) in old {
            let before = |(other, at): &OwnEvent| (other.kind, at.start.0) < (event.kind, span.start.0);
            let first = new.partition_point(before).saturating_sub(NEAR);
            let touches = |(other, at): &OwnEvent| {
                #[cfg(test)]
                STEPS.set(STEPS.get() + 1);
                other.kind == event.kind && at.start <= span.end && span.start <= at.end
            };
            let near = zip(&new, &mut taken).skip(first).take(2 * NEAR);
            let free = near.filter(|(other, taken)| !**taken && touches(other));
            match free.min_by(|a, b| apart(span, a.0.1).total_cmp(&apart(span, b.0.1))) {
                None => removed += 1,
                Some(((other, at), taken)) => {
                    *taken = true;
                    changed += u64::from(apart(span, *at) > ROUNDING_MS || other.detail != event.detail);
                }
            }
        }
        Self { added: taken.iter().filter(|&&taken| !taken).count() as u64, removed, changed }
    }
}

#[cfg(test)]
thread_local! {
    /// How many events were looked at.
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::EventKind;

    #[test]
    fn each_of_many_events_is_held_against_a_few() {
        let event = Event { kind: EventKind::Dtmf, span: Span::new(0.0, 1.0), detail: None, confidence: 1.0 };
        let of = |by: f64| -> Vec<OwnEvent> {
            (0..200_000).map(|i| (&event, Span::new(f64::from(i) * 100.0 + by, f64::from(i) * 100.0 + 60.0))).collect()
        };
        let found = EventChanges::new(of(0.0), of(5.0));
        assert_eq!((found.added, found.removed, found.changed), (0, 0, 200_000));
        let found = EventChanges::new(of(0.0), of(5.0).split_off(100_000));
        assert_eq!((found.added, found.removed, found.changed), (0, 100_000, 100_000));
        assert!(STEPS.get() <= 2 * 200_000 * 2 * NEAR, "{} steps", STEPS.get());
    }
}
