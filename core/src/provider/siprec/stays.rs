//! Collects the periods in which a participant was present. A participant that left may come back.

use crate::call::Moment;

/// A period of presence, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Stay {
    pub since: Option<Moment>,
    pub until: Option<Moment>,
}

/// The periods of one participant, in order.
#[derive(Debug, Default)]
pub(super) struct Stays(Vec<Stay>);

impl Stays {
    /// Adds the next statement. It updates the last period, or begins another one if the
    /// participant had left and comes back. A start that was given stays. The last statement
    /// determines the end.
    pub(super) fn tell(&mut self, told: Stay) {
        let Some(last) = self.0.last_mut() else {
            self.0.push(told);
            return;
        };
        let is_another = told.since.is_some() && told.since != last.since;
        let over = told.until.zip(last.since).is_some_and(|(over, since)| over.unix_ms() <= since.unix_ms());
        if is_another && over {
            let last = std::mem::replace(last, told);
            self.0.push(last);
        } else if is_another && last.until.is_some() {
            self.0.push(told);
        } else {
            *last = Stay { since: last.since.or(told.since), until: told.until };
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Stay> {
        self.0.iter().copied()
    }

    /// Returns when the first period began, if that is known of all.
    pub(super) fn since(&self) -> Option<Moment> {
        let all = self.iter().map(|stay| stay.since).collect::<Option<Vec<_>>>()?;
        earliest(all.into_iter().map(Some))
    }

    /// Returns when the last period ended, or `None` while one continues.
    pub(super) fn until(&self) -> Option<Moment> {
        latest(self.iter().map(|stay| stay.until))
    }
}

/// Returns the earliest of the known moments.
pub(super) fn earliest(moments: impl Iterator<Item = Option<Moment>>) -> Option<Moment> {
    moments.flatten().min_by_key(|moment| moment.unix_ms())
}

/// Returns the latest moment, if all moments are known.
pub(super) fn latest(moments: impl Iterator<Item = Option<Moment>>) -> Option<Moment> {
    let all = moments.collect::<Option<Vec<_>>>()?;
    all.into_iter().max_by_key(|moment| moment.unix_ms())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stays(told: &[(Option<i32>, Option<i32>)]) -> Vec<(Option<i32>, Option<i32>)> {
        let at = |second: i32| Moment::from_unix_seconds(f64::from(second)).unwrap();
        let mut stays = Stays::default();
        told.iter().for_each(|&(since, until)| stays.tell(Stay { since: since.map(at), until: until.map(at) }));
        let second = |moment: Option<Moment>| moment.map(|moment| (moment.unix_ms() / 1000) as i32);
        stays.iter().map(|stay| (second(stay.since), second(stay.until))).collect()
    }

    #[test]
    fn the_first_period_is_the_earliest_in_any_order() {
        let at = |second: i32| Moment::from_unix_seconds(f64::from(second)).unwrap();
        let mut stays = Stays::default();
        for (since, until) in [(9, 12), (5, 6), (1, 2)] {
            stays.tell(Stay { since: Some(at(since)), until: Some(at(until)) });
        }
        assert_eq!((stays.since(), stays.until()), (Some(at(1)), Some(at(12))));
        assert_eq!(Stays::default().since(), None);
    }

    #[test]
    fn who_comes_back_stays_again() {
        let first = (Some(1), Some(5));
        for (told, expected) in [
            (vec![(Some(1), None), (None, Some(5))], vec![first]),
            (vec![(Some(1), None), (Some(1), Some(5)), (Some(9), None)], vec![first, (Some(9), None)]),
            (vec![first, (Some(4), None)], vec![first, (Some(4), None)]),
            (vec![(Some(9), None), first], vec![first, (Some(9), None)]),
            (vec![(Some(9), None), first, (None, Some(12))], vec![first, (Some(9), Some(12))]),
            (vec![(Some(1), None), (Some(3), None)], vec![(Some(1), None)]),
            (vec![first, (None, None)], vec![(Some(1), None)]),
            (vec![first, first], vec![first]),
            (vec![(None, None), (Some(3), None)], vec![(Some(3), None)]),
        ] {
            assert_eq!(stays(&told), expected, "{told:?}");
        }
    }
}
