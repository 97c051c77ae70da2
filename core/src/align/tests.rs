//! MadePair tracks: bursts of coloured noise in turns, each party faintly on the other's track.

mod echo_prior;
mod given;
mod offset_prior;

use super::*;
use crate::timeline::Method;

const HZ: f64 = 8_000.0;

/// A fixed sequence of numbers in [0, 1).
pub(crate) struct TestRandom(pub u64);

impl TestRandom {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }
}

/// Two parties who talk in turns for `seconds`: each one's sound on the call's timeline.
pub(crate) fn talk(seconds: f64, parties: usize, dice: &mut TestRandom) -> Vec<Vec<f32>> {
    let n = (seconds * HZ) as usize;
    let mut voices = vec![vec![0.0f32; n]; parties];
    let (mut t, mut who) = (0.5, 0);
    while t < seconds - 1.0 {
        let long = 1.0 + 2.5 * dice.roll();
        let (from, to) = ((t * HZ) as usize, (((t + long) * HZ) as usize).min(n));
        // Noise through a resonance that moves, in syllables of a fifth of a second.
        let (mut y1, mut y2) = (0.0f64, 0.0f64);
        for (i, s) in voices[who][from..to].iter_mut().enumerate() {
            let at = i as f64 / HZ;
            let hz = 500.0 + 300.0 * (at * 3.0 + t).sin();
            let y = dice.roll() - 0.5 + 1.8 * (std::f64::consts::TAU * hz / HZ).cos() * y1 - 0.81 * y2;
            (y2, y1) = (y1, y);
            *s = (0.05 * y * (0.6 + 0.4 * (at * 30.0).sin())) as f32;
        }
        t += long + 0.2 + 0.8 * dice.roll();
        who = (who + 1) % parties;
    }
    voices
}

/// How a recorder hears a party: everybody else at `bleed` after `echo_s`, line noise, from
/// `from_s` on.
pub(crate) struct TestRecorder {
    pub from_s: f64,
    pub bleed: f32,
    pub echo_s: f64,
    pub ppm: f64,
    /// Seconds of its own track, seconds lost there.
    pub lost: Vec<(f64, f64)>,
}

pub(crate) const GOOD: TestRecorder =
    TestRecorder { from_s: 0.0, bleed: 0.03, echo_s: 0.02, ppm: 0.0, lost: Vec::new() };

pub(crate) fn record(voices: &[Vec<f32>], own: usize, r: &TestRecorder, dice: &mut TestRandom) -> Vec<i16> {
    let echo = (r.echo_s * HZ) as usize;
    let at = |x: &[f32], i: usize| x.get(i).copied().unwrap_or(0.0);
    let heard = |i: usize| -> f32 {
        let others: f32 = (0..voices.len())
            .filter(|&k| k != own)
            .map(|k| i.checked_sub(echo).map_or(0.0, |j| at(&voices[k], j)))
            .sum();
        at(&voices[own], i) + r.bleed * others
    };
    let mut out = Vec::new();
    let mut skip = 0.0;
    let mut lost = r.lost.iter().peekable();
    loop {
        let track_s = out.len() as f64 / HZ;
        if let Some(l) = lost.next_if(|l| l.0 <= track_s) {
            skip += l.1;
        }
        let call = r.from_s * HZ + (out.len() as f64 + skip * HZ) / (1.0 + r.ppm * 1e-6);
        let (i, part) = (call as usize, (call - call.floor()) as f32);
        if i + 1 >= voices[own].len() {
            return out;
        }
        let x = heard(i) * (1.0 - part) + heard(i + 1) * part;
        out.push(((f64::from(x) + (dice.roll() - 0.5) * 1e-3) * 32_768.0) as i16);
    }
}

/// Speech where the voice sounds, as a detector would find it.
fn probabilities(track: &[i16]) -> Vec<f32> {
    track.chunks(256).map(|c| if c.iter().any(|s| s.unsigned_abs() > 1_000) { 0.9 } else { 0.1 }).collect()
}

struct MadePair(Vec<i16>, Vec<f32>);

fn made(track: Vec<i16>) -> MadePair {
    let p = probabilities(&track);
    MadePair(track, p)
}

/// A track about which nothing is told.
fn untold<'a>(samples: &'a &[i16], probabilities: &'a [f32]) -> TrackInput<'a> {
    let (hop, role) = (Millis(32.0), Role::Unknown);
    TrackInput { samples, energies: None, probabilities, hop, started_at: None, offset: None, role }
}

fn place_with(tracks: &[MadePair], starts: &[Option<f64>], options: &AlignOptions) -> Alignment {
    let samples: Vec<&[i16]> = tracks.iter().map(|t| t.0.as_slice()).collect();
    let started_at =
        |i: usize| starts.get(i).copied().flatten().map(|seconds| StartTime { seconds, resolution_s: 1.0 });
    let input = |i: usize| TrackInput { started_at: started_at(i), ..untold(&samples[i], &tracks[i].1) };
    align(&(0..tracks.len()).map(input).collect::<Vec<_>>(), options).unwrap()
}

fn place(tracks: &[MadePair]) -> Alignment {
    place_with(tracks, &[], &AlignOptions::default())
}

/// Two recorders of a call of `seconds`.
fn two(seconds: f64, a: &TestRecorder, b: &TestRecorder) -> Vec<MadePair> {
    let mut dice = TestRandom(7);
    let voices = talk(seconds, 2, &mut dice);
    vec![made(record(&voices, 0, a, &mut dice)), made(record(&voices, 1, b, &mut dice))]
}

#[test]
fn bleed_both_ways_places_within_the_echo_and_takes_it_off() {
    let found = place(&two(60.0, &GOOD, &TestRecorder { from_s: 3.217, echo_s: 0.04, ..GOOD }));
    let p = &found.placements[1];
    // Echoes of 20 and 40 ms: half their difference stays.
    assert!((p.offset().0 - 3217.0).abs() < 12.0, "{:?}", p.offset());
    assert_eq!((p.method, found.placements[0].method), (Method::Bleed, Method::Reference));
    assert!(p.confidence > 0.9 && p.uncertainty.0 < 100.0);
    assert!(found.warnings.is_empty() && found.repeated.is_empty());
}

#[test]
fn bleed_one_way_says_that_the_path_is_assumed() {
    let found = place(&two(60.0, &TestRecorder { from_s: 1.5, bleed: 0.0, ..GOOD }, &GOOD));
    assert!((found.placements[0].offset().0 - 1500.0).abs() < 20.0);
    assert_eq!(found.placements[1].offset().0, 0.0, "the earliest first sample is call time 0");
    assert_eq!(found.warnings[0].1.code, "path_delay_assumed");
}

#[test]
fn drift_is_found_within_five_ppm_and_losses_within_two_seconds() {
    let b = TestRecorder { from_s: 2.0, ppm: -120.0, lost: vec![(100.0, 0.06), (420.0, 0.15)], ..GOOD };
    let found = place(&two(600.0, &TestRecorder { lost: vec![(250.0, 0.1)], ..GOOD }, &b));
    assert!((found.placements[1].drift().0 + 120.0).abs() < 5.0, "{:?}", found.placements[1].drift());
    let losses = |i: usize| -> Vec<(f64, f64)> {
        let pairs = found.placements[i].knots().windows(2);
        pairs.filter(|k| k[0].track == k[1].track).map(|k| (k[0].track.seconds(), k[1].call.0 - k[0].call.0)).collect()
    };
    for (track, want) in [(0, vec![(250.0, 100.0)]), (1, vec![(100.0, 60.0), (420.0, 150.0)])] {
        let got = losses(track);
        assert_eq!(got.len(), want.len(), "{got:?}");
        for (g, w) in got.iter().zip(&want) {
            assert!((g.0 - w.0).abs() < 2.0 && (g.1 - w.1).abs() < 5.0, "{g:?} for {w:?}");
        }
    }
    // Every moment meets its own through all of that: the end of the call on both tracks.
    let ends = [0, 1].map(|i| {
        let p = &found.placements[i];
        p.knots().last().unwrap().call.0
    });
    assert!((ends[0] - ends[1]).abs() < 25.0, "{ends:?}");
}

#[test]
fn seconds_lost_are_found_again() {
    let b = TestRecorder { lost: vec![(60.0, 3.2)], ..GOOD };
    let found = place(&two(180.0, &GOOD, &b));
    let knots = found.placements[1].knots();
    let step = knots.windows(2).find(|k| k[0].track == k[1].track).unwrap();
    assert!(
        (step[0].track.seconds() - 60.0).abs() < 2.0 && (step[1].call.0 - step[0].call.0 - 3200.0).abs() < 5.0,
        "{step:?}"
    );
}

#[test]
fn without_bleed_turns_place_roughly_and_are_honest() {
    let silent = TestRecorder { bleed: 0.0, ..GOOD };
    let found = place(&two(180.0, &silent, &TestRecorder { from_s: 6.0, bleed: 0.0, ..GOOD }));
    let p = &found.placements[1];
    assert_eq!(p.method, Method::Turns);
    let off = (p.offset().0 - 6000.0).abs();
    assert!(off < 900.0 && (off < 250.0 || p.confidence < 0.8), "{:?} {}", p.offset(), p.confidence);
    assert!(p.confidence < 0.98 && p.uncertainty.0 > 100.0, "turns are never as sure as bleed");
}

#[test]
fn start_times_alone_are_worth_what_whole_seconds_are() {
    let silent = TestRecorder { bleed: 0.0, ..GOOD };
    let tracks = two(20.0, &silent, &TestRecorder { from_s: 3.0, bleed: 0.0, ..GOOD });
    let only = AlignOptions { turns: false, bleed: false, ..AlignOptions::default() };
    let found = place_with(&tracks, &[Some(1000.0), Some(1003.0)], &only);
    let p = &found.placements[1];
    assert_eq!(p.method, Method::Timestamps);
    assert!((p.offset().0 - 3000.0).abs() < 100.0);
    assert!((0.4..0.7).contains(&p.confidence), "{}", p.confidence);
}

#[test]
fn bleed_overrules_a_wrong_start_time_and_says_so() {
    let tracks = two(90.0, &GOOD, &TestRecorder { from_s: 2.0, ..GOOD });
    let found = place_with(&tracks, &[Some(1000.0), Some(1015.0)], &AlignOptions::default());
    assert!((found.placements[1].offset().0 - 2000.0).abs() < 20.0);
    assert!(found.warnings.iter().any(|w| w.1.code == "start_time_wrong" && w.0 == 1));
}

#[test]
fn a_start_time_that_the_placement_contradicts_is_told_whatever_placed_it() {
    let silent = TestRecorder { bleed: 0.0, ..GOOD };
    let tracks = two(20.0, &silent, &silent);
    let found = place_with(&tracks, &[Some(1000.0), Some(1040.0)], &AlignOptions::default());
    let p = &found.placements[1];
    assert!(p.offset().0 < 2_000.0 && p.method != Method::Timestamps, "{p:?}");
    assert!(found.warnings.iter().any(|w| w.1.code == "start_time_wrong" && w.0 == 1), "{:?}", found.warnings);
}

#[test]
fn nothing_to_go_by_is_said() {
    let tracks = [made(vec![0; 80_000]), made(vec![0; 64_000])];
    let found = place(&tracks);
    assert_eq!(found.placements[1].method, Method::None);
    assert!(found.placements[1].confidence < 0.6 && found.placements[1].uncertainty.0 > 250.0);
    assert_eq!(found.warnings[0].1.code, "alignment_unknown");
}

#[test]
fn one_recording_delivered_twice_is_reported_and_placed_to_the_sample() {
    let mut dice = TestRandom(3);
    let voices = talk(40.0, 2, &mut dice);
    let mix: Vec<f32> = voices[0].iter().zip(&voices[1]).map(|(a, b)| a + b).collect();
    let track = record(&[mix], 0, &GOOD, &mut dice);
    let later = track[4_001..].to_vec();
    let found = place(&[made(track), made(later)]);
    assert_eq!(found.repeated, [(0, 1)]);
    assert!((found.placements[1].offset().0 - 4_001.0 / 8.0).abs() < 0.2, "{:?}", found.placements[1].offset());
}

#[test]
fn two_parties_are_not_one_recording() {
    assert!(place(&two(40.0, &GOOD, &GOOD)).repeated.is_empty());
}

#[test]
fn a_dead_track_spoils_no_other() {
    let mut dice = TestRandom(11);
    let voices = talk(120.0, 3, &mut dice);
    let starts = [0.0, 2.4, 4.1];
    let mut tracks: Vec<MadePair> =
        (0..3).map(|i| made(record(&voices, i, &TestRecorder { from_s: starts[i], ..GOOD }, &mut dice))).collect();
    tracks.insert(1, made(vec![0; 800_000]));
    let found = place(&tracks);
    let at = |i: usize| found.placements[i].offset().0 - found.placements[0].offset().0;
    assert!((at(2) - 2400.0).abs() < 25.0 && (at(3) - 4100.0).abs() < 25.0, "{} {}", at(2), at(3));
    assert!((at(3) - at(2) - 1700.0).abs() < 25.0);
    assert!(found.placements[1].confidence < 0.5);
}

#[test]
fn a_leg_that_takes_over_is_placed_by_the_caller_alone() {
    let mut dice = TestRandom(5);
    let first = talk(60.0, 2, &mut dice);
    let second = talk(60.0, 2, &mut dice);
    let join = |a: &[f32], b: &[f32]| [a, b].concat();
    let quiet = vec![0.0; first[0].len()];
    let caller = join(&first[0], &second[0]);
    let (agent, transfer) = (join(&first[1], &quiet), join(&quiet, &second[1]));
    let voices = [caller, agent, transfer];
    let mut agent = record(&voices, 1, &GOOD, &mut dice);
    agent.truncate(60 * 8_000);
    let tracks = [
        made(record(&voices, 0, &GOOD, &mut dice)),
        made(agent),
        made(record(&voices, 2, &TestRecorder { from_s: 61.0, ..GOOD }, &mut dice)),
    ];
    let found = place(&tracks);
    assert!(found.placements[1].offset().0.abs() < 25.0 && (found.placements[2].offset().0 - 61_000.0).abs() < 25.0);
}

#[test]
fn a_recording_of_another_call_moves_none_and_is_not_sure() {
    let mut dice = TestRandom(23);
    let voices = talk(120.0, 4, &mut dice);
    let starts = [0.0, 1.3, 2.6, 3.9];
    let mut tracks: Vec<MadePair> =
        (0..4).map(|i| made(record(&voices, i, &TestRecorder { from_s: starts[i], ..GOOD }, &mut dice))).collect();
    let alone: Vec<f64> = place(&tracks).placements.iter().map(|p| p.offset().0).collect();
    let others = talk(120.0, 2, &mut dice);
    tracks.push(made(record(&others, 0, &TestRecorder { from_s: 9.3, ..GOOD }, &mut dice)));
    let found = place(&tracks);
    let base = found.placements[0].offset().0 - alone[0];
    for i in 0..4 {
        // Every pair of tracks lies as it was recorded, so offsets close around every loop.
        for j in 0..i {
            let apart = found.placements[i].offset().0 - found.placements[j].offset().0;
            assert!((apart - 1000.0 * (starts[i] - starts[j])).abs() < 25.0, "{j} to {i}: {apart}");
        }
        assert!((found.placements[i].offset().0 - base - alone[i]).abs() < 10.0, "{i} has moved");
    }
    assert!(found.placements[4].confidence < 0.8, "{:?}", found.placements[4]);
}

#[test]
fn a_conference_of_sixteen_is_placed() {
    let mut dice = TestRandom(17);
    let voices = talk(120.0, 16, &mut dice);
    let start = |i: usize| (i % 5) as f64 * 0.7;
    let tracks: Vec<MadePair> =
        (0..16).map(|i| made(record(&voices, i, &TestRecorder { from_s: start(i), ..GOOD }, &mut dice))).collect();
    let found = place(&tracks);
    let base = found.placements[0].offset().0 - start(0) * 1000.0;
    for (i, p) in found.placements.iter().enumerate() {
        assert!((p.offset().0 - base - start(i) * 1000.0).abs() < 40.0, "{i}: {:?} {:?}", p.offset(), p.method);
    }
}

#[test]
fn any_tracks_give_as_many_placements() {
    for lengths in [vec![], vec![0], vec![0, 0], vec![1, 9_000], vec![3, 0, 8_000], vec![80_000, 1]] {
        let tracks: Vec<MadePair> =
            lengths.iter().map(|&n| MadePair(vec![i16::MAX; n], vec![f32::NAN; n / 7])).collect();
        let starts = [Some(1e300), Some(0.0), Some(-1e300)];
        let found = place_with(&tracks, &starts, &AlignOptions::default());
        assert_eq!(found.placements.len(), lengths.len());
        assert!(found.placements.iter().all(|p| p.offset().0 >= 0.0 && p.offset().0.is_finite()));
    }
}

#[test]
fn the_same_tracks_give_the_same_bits() {
    let tracks = two(60.0, &GOOD, &TestRecorder { from_s: 1.0, ppm: 80.0, ..GOOD });
    assert_eq!(place(&tracks), place(&tracks));
}

#[test]
fn a_lag_far_from_where_recorders_mostly_start_and_stop_is_found() {
    let mut tracks = two(150.0, &GOOD, &TestRecorder { from_s: 47.0, ..GOOD });
    // The first stops half a minute early: common starts and ends are both 30 s and more off.
    let cut = tracks[0].0.len() - 30 * HZ as usize;
    tracks[0] = made(tracks[0].0[..cut].to_vec());
    let p = &place(&tracks).placements[1];
    assert!((p.offset().0 - 47_000.0).abs() < 12.0 && p.confidence > 0.9, "{:?} {}", p.offset(), p.confidence);
}

#[test]
fn a_survey_finds_what_following_does_and_gives_up_where_nothing_is_heard() {
    let tracks = two(120.0, &GOOD, &TestRecorder { from_s: 3.2, ..GOOD });
    let samples: Vec<&[i16]> = tracks.iter().map(|t| t.0.as_slice()).collect();
    let inputs = [0, 1].map(|i| untold(&samples[i], &tracks[i].1));
    let [a, b] = inputs.each_ref().map(|i| Sound::new(i, true, &Cancel::default()));
    let near = vote::Direction::BOnA;
    let (longest, compared) = follow::survey(&a, &b, near, 3.22, &[]);
    let link = follow::follow(&a, &b, 3.2, [None, Some(3.22)], &[]).unwrap();
    assert!(longest >= 4 && link.course.longest >= longest, "{longest} {}", link.course.longest);
    assert!((link.course.anchor.lag_s - 3.2).abs() < 0.005, "{:?}", link.course.anchor);
    assert!((10..=40).contains(&compared), "{compared} stretches");
    let (longest, compared) = follow::survey(&a, &b, near, 20.0, &[]);
    assert!(longest == 0 && compared <= 10, "{longest} after {compared} stretches");
}

#[test]
fn equal_lengths_began_together_unless_bleed_says_otherwise() {
    let silent = TestRecorder { bleed: 0.0, ..GOOD };
    let found = place(&two(30.0, &silent, &silent));
    let p = &found.placements[1];
    assert_eq!((p.method, p.offset().0), (Method::Lengths, 0.0));
    assert!(p.confidence > 0.9 && p.uncertainty.0 < 100.0, "{} {:?}", p.confidence, p.uncertainty);
    // As long as each other, but one began five seconds later, and both are heard.
    let mut tracks = two(90.0, &GOOD, &TestRecorder { from_s: 5.0, ..GOOD });
    let n = tracks[1].0.len();
    tracks[0] = made(tracks[0].0[..n].to_vec());
    let p = &place(&tracks).placements[1];
    assert!((p.offset().0 - 5_000.0).abs() < 30.0, "{:?} {:?}", p.offset(), p.method);
    assert_eq!(p.method, Method::Bleed);
}

#[test]
fn equal_exact_times_began_together() {
    let silent = TestRecorder { bleed: 0.0, ..GOOD };
    let mut tracks = two(30.0, &silent, &silent);
    tracks[1].0.truncate(28 * 8_000);
    let samples: Vec<&[i16]> = tracks.iter().map(|t| t.0.as_slice()).collect();
    let started_at = Some(StartTime { seconds: 1_000.25, resolution_s: 0.001 });
    let inputs = [0, 1].map(|i| TrackInput { started_at, ..untold(&samples[i], &tracks[i].1) });
    let found = align(&inputs, &AlignOptions::default()).unwrap();
    let p = &found.placements[1];
    assert_eq!((p.method, p.offset().0), (Method::Timestamps, 0.0));
    assert!(p.confidence > 0.9);
}

#[test]
fn a_far_echo_one_way_does_not_move_recorders_that_began_together() {
    // Half a second late on b, as over a mobile network; a hears nothing.
    let far = TestRecorder { echo_s: 0.5, ..GOOD };
    let found = place(&two(60.0, &TestRecorder { bleed: 0.0, ..GOOD }, &far));
    let p = &found.placements[1];
    assert!(p.offset().0.abs() < 1.0 && found.placements[0].offset().0 == 0.0, "{:?}", p.offset());
    assert_eq!(p.method, Method::Lengths);
}

#[test]
fn a_far_echo_one_way_is_not_taken_for_the_offset() {
    let far = TestRecorder { from_s: 2.4, echo_s: 0.55, ..GOOD };
    let found = place(&two(150.0, &TestRecorder { bleed: 0.0, ..GOOD }, &far));
    let p = &found.placements[1];
    let off = (p.offset().0 - found.placements[0].offset().0 - 2_400.0).abs();
    // Read as near, it would be half a second off and sure.
    assert!(off < 250.0 || p.confidence < 0.8, "{off} {}", p.confidence);
    assert!(p.uncertainty.0 > 50.0, "{:?}", p.uncertainty);
}

#[test]
fn a_search_without_end_finds_the_same_on_any_number_of_threads() {
    // Nothing is heard, so every transform is spent. Threads hear both directions side by side, and
    // drop the second once too much is spent.
    let silent = TestRecorder { bleed: 0.0, ..GOOD };
    let tracks = two(100.0, &silent, &TestRecorder { from_s: 2.0, bleed: 0.0, ..GOOD });
    let found = |threads| {
        let place = || place_with(&tracks, &[None, None], &AlignOptions::default());
        threads::apart(Some(threads), place).unwrap()
    };
    let alone = found(1);
    assert!(alone.placements[1].method != Method::Bleed);
    assert_eq!(alone, found(2));
    assert_eq!(alone, found(3));
}
