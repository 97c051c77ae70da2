//! What is known of a trunk's echo decides what bleed in one direction leaves open.

use super::*;
use crate::config::EchoPrior;

#[test]
fn an_echo_that_is_known_to_be_late_is_taken_off() {
    let far = TestRecorder { from_s: 2.4, echo_s: 0.55, ..GOOD };
    let tracks = two(40.0, &TestRecorder { bleed: 0.0, ..GOOD }, &far);
    let with = |prior| {
        let options = AlignOptions { turns: false, ..AlignOptions::default() }.with_echo_prior(prior);
        let p = place_with(&tracks, &[], &options).placements;
        (p[1].offset().0 - p[0].offset().0 - 2_400.0, p[1].confidence)
    };
    let (known, sure) = with(Some(EchoPrior::new(0.05).with_far(Millis(550.0), Millis(30.0))));
    let (usual, unsure) = with(None);
    assert!(known.abs() < 50.0 && sure > 0.9, "{known} {sure}");
    assert!(unsure < sure, "{usual} {unsure}");
    let (near, _) = with(Some(EchoPrior::new(1.0)));
    assert!((near.abs() - 520.0).abs() < 60.0, "read as near, it is half a second off: {near}");
}
