//! Placing the tracks of a call on one timeline, and saying how sure that is.
//!
//! A cascade of methods, the surest first; each recorder's placement comes from the first that speaks. Channels of one
//! recording share its clock and its place.

mod timestamps;

use crate::call::Moment;
use crate::timeline::{Method, Placement};
use crate::units::Millis;

/// One recorder as the methods see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recorder {
    /// When it began, as its provider says.
    pub started_at: Option<Moment>,
    /// How long it recorded.
    pub duration: Millis,
}

/// Where nothing speaks, tracks start together. Chance alone puts two recorders that join a call within six seconds of
/// each other this near: 250 ms of 6 s on either side.
const NOTHING_CONFIDENCE: f64 = 0.08;
/// Half the interval that holds nine in ten of such starts.
const NOTHING_UNCERTAINTY: Millis = Millis(5000.0);

/// The placement of every recorder; the earliest first sample is call time 0.
pub fn place(recorders: &[Recorder]) -> Vec<Placement> {
    let together = || Placement::at(Millis(0.0), Method::None, NOTHING_CONFIDENCE, NOTHING_UNCERTAINTY);
    let mut placements = match recorders {
        [_] => vec![Placement::reference()],
        _ => timestamps::place(recorders).unwrap_or_else(|| recorders.iter().map(|_| together()).collect()),
    };
    if let Some(first) = placements.first_mut() {
        *first = Placement::at(first.offset(), Method::Reference, 1.0, Millis(0.0));
    }
    let earliest = placements.iter().map(|p| p.offset().0).fold(f64::INFINITY, f64::min);
    if earliest.is_finite() {
        placements = placements.into_iter().map(|p| p.shifted(Millis(-earliest))).collect();
    }
    placements
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorder(seconds: Option<f64>) -> Recorder {
        Recorder { started_at: seconds.and_then(Moment::from_unix_seconds), duration: Millis(60_000.0) }
    }

    #[test]
    fn the_earliest_track_begins_the_call() {
        let placed = place(&[recorder(Some(1005.0)), recorder(Some(1002.0)), recorder(Some(1009.0))]);
        let offsets: Vec<f64> = placed.iter().map(|p| p.offset().0).collect();
        assert_eq!(offsets, [3000.0, 0.0, 7000.0]);
        assert_eq!((placed[0].method, placed[0].confidence), (Method::Reference, 1.0));
        assert_eq!(placed[1].method, Method::Timestamps);
    }

    #[test]
    fn where_nothing_speaks_tracks_start_together_and_it_says_so() {
        let placed = place(&[recorder(Some(1005.0)), recorder(None)]);
        assert_eq!(placed[1].method, Method::None);
        assert!(placed[1].confidence < 0.2 && placed[1].uncertainty.0 > 250.0);
        assert_eq!(placed[1].offset(), Millis(0.0));
    }

    #[test]
    fn one_track_is_its_own_reference() {
        assert_eq!(place(&[recorder(None)]), [Placement::reference()]);
        assert!(place(&[]).is_empty());
    }
}
