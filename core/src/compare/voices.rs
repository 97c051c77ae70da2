//! How the voices of a track differ.

use crate::report::TrackReport;
use crate::units::{Millis, Span, sum};

use super::spans::{ROUNDING_MS, within};

/// Returns the roles of a track's voices in their order.
pub(super) fn named(track: &TrackReport) -> String {
    match track.voices.as_deref() {
        None => "none".to_owned(),
        Some([]) => "nobody".to_owned(),
        Some(voices) => voices.iter().map(|told| told.role.name()).collect::<Vec<_>>().join(", "),
    }
}

/// Returns how much of the speech that both lists of voices have is with a voice of another number,
/// in time that grows with their lengths.
pub(super) fn changed(was: &[Vec<Span>], is: &[Vec<Span>]) -> Millis {
    let (all_was, all_is) = (was.concat(), is.concat());
    let same = sum(was.iter().zip(is).map(|(was, is)| within(was, is).0));
    let changed = within(&all_was, &all_is).0 - same;
    // Each end of a span may be rounded.
    let rounding = ROUNDING_MS * (all_was.len() + all_is.len()) as f64;
    Millis(if changed > rounding { changed } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_that_goes_to_another_voice_is_counted_once() {
        let voice = |spans: &[(f64, f64)]| spans.iter().map(|&(a, b)| Span::new(a, b)).collect::<Vec<Span>>();
        let was = [voice(&[(0.0, 1_000.0), (2_000.0, 3_000.0)]), voice(&[(1_000.0, 2_000.0)])];
        assert_eq!(changed(&was, &was), Millis(0.0));
        let swapped = [was[1].clone(), was[0].clone()];
        assert_eq!(changed(&was, &swapped), Millis(3_000.0));
        let one = [voice(&[(0.0, 3_000.0)])];
        assert_eq!((changed(&was, &one), changed(&one, &was)), (Millis(1_000.0), Millis(1_000.0)));
        let later = [was[0].clone(), voice(&[(1_000.0, 1_900.0), (5_000.0, 6_000.0)])];
        assert_eq!(changed(&was, &later), Millis(0.0), "added and removed speech is of no other voice");
        assert_eq!((changed(&was, &[]), changed(&[], &was)), (Millis(0.0), Millis(0.0)));
    }
}
