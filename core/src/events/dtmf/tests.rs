use super::super::EventDetector;
use super::super::testing::{keys, listen, melody, noisy, silence, sines, train, voice};
use super::*;

fn key(row: f32, column: f32, ms: f32) -> Vec<f32> {
    sines(&[(row, 0.1), (column, 0.1)], ms)
}

#[test]
fn every_key_is_heard_once() {
    let mut x = Vec::new();
    for row in ROWS {
        for column in COLUMNS {
            x.extend(key(row, column, 70.0));
            x.extend(silence(80.0));
        }
    }
    assert_eq!(keys(&listen(&x)), "123A456B789C*0#D");
}

#[test]
fn frequencies_off_by_1_5_percent_are_keys_and_by_3_5_are_not() {
    for (r, row) in ROWS.into_iter().enumerate() {
        for (c, column) in COLUMNS.into_iter().enumerate() {
            for (by, heard) in [(0.985, true), (1.015, true), (0.965, false), (1.035, false)] {
                let want = if heard { KEYS[r][c].to_string() } else { String::new() };
                assert_eq!(keys(&listen(&key(row * by, column, 80.0))), want, "{row} by {by}");
                assert_eq!(keys(&listen(&key(row, column * by, 80.0))), want, "{column} by {by}");
            }
        }
    }
}

#[test]
fn a_key_alone_is_accepted_at_any_twist_that_networks_make() {
    let twisted = |db: f32| keys(&listen(&sines(&[(770.0, 0.1), (1336.0, 0.1 * 10f32.powf(db / 20.0))], 80.0)));
    assert_eq!(twisted(4.0), "5");
    assert_eq!(twisted(-8.0), "5");
    assert_eq!(twisted(5.5), "5");
    assert_eq!(twisted(8.0), "5");
    assert_eq!(twisted(-12.0), "5");
    assert_eq!(twisted(11.0), "");
    assert_eq!(twisted(-15.0), "");
}

#[test]
fn forty_milliseconds_are_a_key_wherever_they_begin_and_twenty_are_not() {
    for shift in 0..32 {
        let mut x = silence(shift as f32);
        x.extend(key(852.0, 1477.0, 40.0));
        assert_eq!(keys(&listen(&x)), "9", "after {shift} ms");
        let mut x = silence(shift as f32);
        x.extend(key(852.0, 1477.0, 20.0));
        assert_eq!(keys(&listen(&x)), "", "after {shift} ms");
    }
}

#[test]
fn a_pause_of_50_ms_parts_two_presses_and_a_gap_of_15_does_not() {
    assert_eq!(keys(&listen(&train(&key(697.0, 1209.0, 60.0), 50.0, 4))), "1111");
    assert_eq!(keys(&listen(&train(&key(697.0, 1209.0, 60.0), 15.0, 2))), "1");
}

#[test]
fn its_time_and_level_are_right() {
    let events = listen(&key(941.0, 1336.0, 100.0));
    let [event] = events.as_slice() else { unreachable!("{events:?}") };
    assert!((event.start_ms - 500.0).abs() <= 10.0 && (event.end_ms - 600.0).abs() <= 10.0, "{event:?}");
    assert!((event.level_dbov + 20.0).abs() < 1.0, "{event:?}");
}

#[test]
fn a_pair_with_harmonics_is_a_voice() {
    let rich = [(770.0, 0.1), (1336.0, 0.1), (1540.0, 0.05), (2310.0, 0.05), (2672.0, 0.05)];
    assert_eq!(keys(&listen(&sines(&rich, 100.0))), "");
}

#[test]
fn steady_vowels_whose_partials_lie_on_a_key_are_none() {
    // Amplitudes of two vowels of a real call: 3rd and 5th, 5th and 8th harmonic near 697 +
    // 1209 and 770 + 1209 Hz.
    let high = [(236.0, 0.03), (473.0, 0.1), (709.0, 0.2), (1182.0, 0.25), (1418.0, 0.04)];
    let low = [(306.0, 0.05), (459.0, 0.08), (612.0, 0.15), (765.0, 0.4), (918.0, 0.08), (1224.0, 0.22)];
    assert_eq!(keys(&listen(&sines(&high, 60.0))), "");
    assert_eq!(keys(&listen(&sines(&low, 100.0))), "");
}

#[test]
fn a_key_under_a_voice_is_heard() {
    let mut heard = 0;
    for k in 0..20 {
        let mut x = voice(3000.0, 110.0 + 7.0 * k as f32);
        x.iter_mut().for_each(|v| *v *= 0.5);
        let at = 9000 + 311 * k;
        for (v, tone) in x[at..].iter_mut().zip(key(941.0, 1477.0, 120.0)) {
            *v += tone;
        }
        heard += usize::from(keys(&listen(&x)) == "#");
    }
    assert!(heard >= 19, "{heard} of 20");
}

#[test]
fn a_key_in_noise_is_heard() {
    for seed in 0..20 {
        let x = noisy(key(852.0, 1209.0, 80.0), -30.0, seed);
        assert_eq!(keys(&listen(&x)), "7", "seed {seed}");
    }
}

/// White noise of a key's power, so many decibels below it, over the whole line.
fn below(x: Vec<f32>, db: f32, seed: u32) -> Vec<f32> {
    noisy(x, -20.0 - db, seed)
}

/// Two tones of 0.1² together, the column so many decibels above the row.
fn twisted(row: f32, column: f32, db: f32, ms: f32) -> Vec<f32> {
    let ratio = 10f32.powf(db / 20.0);
    let amplitude = 0.1 * (2.0 / (1.0 + ratio * ratio)).sqrt();
    sines(&[(row, amplitude), (column, amplitude * ratio)], ms)
}

#[test]
fn keys_5_db_above_noise_are_heard_at_every_twist_of_q_24() {
    for twist in [0.0, 4.0, 5.5, -4.0, -8.0] {
        let (mut heard, mut wrong) = (0, 0);
        for seed in 0..10 {
            for (row, column, key) in [(697.0, 1209.0, "1"), (941.0, 1477.0, "#"), (852.0, 1336.0, "8")] {
                let mut x = silence(200.0);
                x.extend(twisted(row, column, twist, 70.0));
                x.extend(silence(200.0));
                let said = keys(&listen(&below(x, 5.0, seed)));
                heard += usize::from(said == key);
                wrong += usize::from(said != key && !said.is_empty());
            }
        }
        assert!(heard >= 29 && wrong == 0, "{heard} of 30 at a twist of {twist} dB, {wrong} wrong");
    }
}

#[test]
fn keys_that_noise_hides_are_in_doubt_and_what_is_heard_is_not() {
    let doubts = |x: &[f32]| {
        let mut all = silence(500.0);
        all.extend_from_slice(x);
        let mut events = EventDetector::new(&[], false);
        events.push(&noisy(all, -55.0, 7));
        events.finish_with_doubts(&[]).1
    };
    let hidden: usize = (0..10)
        .map(|seed| {
            let mut x = silence(200.0);
            x.extend(twisted(770.0, 1336.0, 8.0, 70.0));
            x.extend(silence(200.0));
            let x = below(x, 2.0, seed);
            usize::from(keys(&listen(&x)).is_empty() && !doubts(&x).is_empty())
        })
        .sum();
    assert!(hidden >= 5, "{hidden} of 10");
    assert_eq!(doubts(&key(697.0, 1209.0, 70.0)), []);
    let speech: usize =
        [95.0, 120.0, 155.0, 190.0, 230.0].map(|pitch| doubts(&voice(20000.0, pitch)).len()).iter().sum();
    assert!(speech <= 2, "{speech} in 100 s");
}

#[test]
fn voices_and_music_press_no_key() {
    for pitch in [95.0, 120.0, 155.0, 190.0, 230.0] {
        assert_eq!(keys(&listen(&voice(20000.0, pitch))), "", "{pitch} Hz");
    }
    assert_eq!(keys(&listen(&melody(30000.0))), "");
}
