//! What was measured of a recorder decides where nothing is heard, and nowhere else.

use super::*;
use crate::config::OffsetPrior;

/// The customer's recorder starts 850 ms after the agent's, give or take 60 ms.
fn measured(calls: u32) -> AlignOptions {
    let prior = OffsetPrior::new(Role::Customer, Role::Agent, Millis(850.0), Millis(60.0), calls);
    AlignOptions::default().with_offset_prior(Some(prior))
}

/// Places an agent's and a customer's track.
fn place_parties(tracks: &[MadePair], offset: Option<f64>, options: &AlignOptions) -> Alignment {
    try_parties(tracks, offset, options).unwrap()
}

fn try_parties(tracks: &[MadePair], offset: Option<f64>, options: &AlignOptions) -> Result<Alignment> {
    let samples: Vec<&[i16]> = tracks.iter().map(|t| t.0.as_slice()).collect();
    let given = |i: usize| offset.and_then(|offset| KnownOffset::new(Millis(offset * i as f64), Millis(100.0)));
    let input = |(i, role): (usize, Role)| TrackInput { offset: given(i), role, ..untold(&samples[i], &tracks[i].1) };
    let inputs: Vec<TrackInput> = [Role::Agent, Role::Customer].into_iter().enumerate().map(input).collect();
    align(&inputs, options)
}

fn silent() -> [MadePair; 2] {
    [made(vec![0; 80_000]), made(vec![0; 64_000])]
}

#[test]
fn it_decides_where_nothing_is_heard() {
    let open = place_parties(&silent(), None, &AlignOptions::default());
    assert_eq!((open.placements[1].method, &*open.warnings[0].1.code), (Method::None, "alignment_unknown"));
    let found = place_parties(&silent(), None, &measured(40));
    let p = &found.placements[1];
    assert!((p.offset().0 - 850.0).abs() < 30.0 && p.method == Method::Prior, "{p:?}");
    assert!(p.confidence > 0.8 && p.uncertainty.0 < 250.0 && found.warnings.is_empty(), "{p:?}");
    // The other way round, the agent's track is the later one.
    let [agent, customer] = silent();
    let mirrored = OffsetPrior::new(Role::Agent, Role::Customer, Millis(850.0), Millis(60.0), 40);
    let found = place_parties(&[agent, customer], None, &AlignOptions::default().with_offset_prior(Some(mirrored)));
    assert!((found.placements[0].offset().0 - 850.0).abs() < 30.0 && found.placements[1].offset().0 == 0.0);
}

#[test]
fn a_few_calls_say_less_than_many() {
    let sure = |calls| place_parties(&silent(), None, &measured(calls)).placements[1].confidence;
    assert!(sure(2) < sure(10) && sure(10) < sure(100), "{} {} {}", sure(2), sure(10), sure(100));
    assert!(sure(2) < 0.8, "of three calls one may be another: {}", sure(2));
}

#[test]
fn it_overrules_neither_bleed_nor_a_given_offset() {
    let none = AlignOptions::default();
    let bleed = two(90.0, &GOOD, &TestRecorder { from_s: 2.0, ..GOOD });
    let found = place_parties(&bleed, None, &measured(1_000));
    assert_eq!(found, place_parties(&bleed, None, &none), "nothing changes where bleed is heard");
    assert!((found.placements[1].offset().0 - 2_000.0).abs() < 30.0, "{:?}", found.placements[1]);
    for tracks in [bleed, silent().into()] {
        let given = place_parties(&tracks, Some(3_000.0), &measured(1_000));
        assert_eq!(given, place_parties(&tracks, Some(3_000.0), &none), "nor where the caller says it");
    }
}

#[test]
fn what_is_out_of_its_range_is_refused_by_name() {
    let cases = [
        (1e15, 60.0, 2, "meanMs"),
        (-1e300, 60.0, 2, "meanMs"),
        (f64::NAN, f64::NAN, 2, "meanMs"),
        (850.0, f64::INFINITY, 2, "spreadMs"),
        (850.0, 60.0, 0, "calls"),
    ];
    for (mean, spread, calls, field) in cases {
        let prior = OffsetPrior::new(Role::Customer, Role::Agent, Millis(mean), Millis(spread), calls);
        let told = try_parties(&silent(), None, &AlignOptions::default().with_offset_prior(Some(prior)));
        let told = told.unwrap_err().to_string();
        assert!(told.contains(&format!("align.offsetPrior.{field}")), "{told}");
    }
}

#[test]
fn turn_taking_is_weighed_with_it() {
    let silent = TestRecorder { bleed: 0.0, ..GOOD };
    let late = |from_s| two(180.0, &silent, &TestRecorder { from_s, bleed: 0.0, ..GOOD });
    let found = place_parties(&late(0.85), None, &measured(40));
    let p = &found.placements[1];
    assert!((p.offset().0 - 850.0).abs() < 100.0 && p.confidence > 0.9, "{p:?}");
    assert_eq!(p.method, Method::Prior);
    // A recorder that was late this once, by more than its habit: the talk may say so, or leave
    // doubt.
    let p = &place_parties(&late(6.0), None, &measured(40)).placements[1];
    assert!((p.offset().0 - 6_000.0).abs() < 900.0 || p.confidence < 0.9, "{p:?}");
}

#[test]
fn other_parties_and_no_prior_are_as_before() {
    let other = OffsetPrior::new(Role::Transfer, Role::Agent, Millis(850.0), Millis(60.0), 40);
    let options = AlignOptions::default().with_offset_prior(Some(other));
    assert_eq!(
        place_parties(&silent(), None, &options),
        place_parties(&silent(), None, &AlignOptions::default()),
        "it says nothing of these two"
    );
}
