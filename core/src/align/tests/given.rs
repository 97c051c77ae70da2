//! What the caller says of a track is taken or refused, never changed.

use super::*;

/// What the caller says of each track, in milliseconds.
fn place_given(tracks: &[MadePair], offsets: &[Option<(f64, f64)>], options: &AlignOptions) -> Alignment {
    let samples: Vec<&[i16]> = tracks.iter().map(|t| t.0.as_slice()).collect();
    let told = |i: usize| offsets.get(i).copied().flatten();
    let offset =
        |i: usize| told(i).and_then(|(offset, uncertainty)| KnownOffset::new(Millis(offset), Millis(uncertainty)));
    let input = |i: usize| TrackInput { offset: offset(i), ..untold(&samples[i], &tracks[i].1) };
    align(&(0..tracks.len()).map(input).collect::<Vec<_>>(), options).unwrap()
}

#[test]
fn what_the_caller_says_is_taken_and_contradictions_are_told() {
    let tracks = two(90.0, &GOOD, &TestRecorder { from_s: 3.0, ..GOOD });
    let found = place_given(&tracks, &[Some((0.0, 0.0)), Some((1_234.0, 0.0))], &AlignOptions::default());
    let p = &found.placements[1];
    assert_eq!((p.offset().0, p.method, p.uncertainty.0), (1_234.0, Method::Given, 0.0));
    assert_eq!(found.warnings, [(1, found.warnings[0].1.clone())]);
    assert_eq!(found.warnings[0].1.code, "offset_contradicted");
    let aligned = AlignOptions { aligned: true, ..AlignOptions::default() };
    let p = &place_given(&tracks, &[], &aligned).placements[1];
    assert_eq!((p.offset().0, p.method), (0.0, Method::Given));
}

#[test]
fn an_offset_with_uncertainty_is_refined_within_it() {
    let tracks = two(90.0, &GOOD, &TestRecorder { from_s: 3.0, ..GOOD });
    let found = place_given(&tracks, &[Some((0.0, 0.0)), Some((2_800.0, 400.0))], &AlignOptions::default());
    let p = &found.placements[1];
    assert!((p.offset().0 - 3_000.0).abs() < 30.0 && p.method == Method::Given, "{p:?}");
    assert!(found.warnings.iter().all(|w| w.1.code != "offset_contradicted"));
    let found = place_given(&tracks, &[Some((0.0, 0.0)), Some((2_000.0, 400.0))], &AlignOptions::default());
    assert!((1_600.0..=2_400.0).contains(&found.placements[1].offset().0), "not overruled");
}

#[test]
fn what_cannot_be_used_is_refused() {
    let samples: &[i16] = &[0; 8_000];
    let refused = |hop: f64, started_at: Option<(f64, f64)>, options: AlignOptions| {
        let started_at = started_at.map(|(seconds, resolution_s)| StartTime { seconds, resolution_s });
        let input = || TrackInput { hop: Millis(hop), started_at, ..untold(&samples, &[]) };
        align(&[input(), input()], &options).unwrap_err().to_string()
    };
    let usual = AlignOptions::default();
    for hop in [0.0, -32.0, f64::NAN, f64::INFINITY] {
        assert!(refused(hop, None, usual).contains("tracks[0].hop"), "{hop}");
    }
    assert!(refused(32.0, Some((f64::NAN, 1.0)), usual).contains("tracks[0].started_at.seconds: found NaN"));
    assert!(refused(32.0, Some((0.0, -1.0)), usual).contains("tracks[0].started_at.resolution_s: found -1"));
    for search in [f64::NAN, 0.0, 999.0, 3_600_001.0] {
        let told = refused(32.0, None, AlignOptions { search: Millis(search), ..usual });
        assert!(told.contains("align.searchMs") && told.contains("1 s to 1 h"), "{told}");
    }
    let echo_prior = Some(crate::config::EchoPrior::new(f64::NAN));
    assert!(refused(32.0, None, AlignOptions { echo_prior, ..usual }).contains("align.echoPrior.nearShare"));
}
