//! Smooths the fit of each frame to each voice: voices change rarely, and mostly in pauses.

/// Cost of a change of voice (natural logarithm) within speech, in a short pause, and in a longer
/// one.
const CHANGE: f32 = 9.0;
const IN_PAUSE: f32 = 3.0;
const ACROSS: f32 = 1.2;
/// Frames without speech (of 10 ms) from which a pause is a longer one.
const LONGER: usize = 12;

/// Returns the probability of each voice at each frame.
///
/// `fits` holds a number per frame and voice for `count` voices, `at` the positions of the frames,
/// and `pauses` which of them lie in a pause.
pub(super) fn posteriors(fits: &[f32], count: usize, at: &[usize], pauses: &[bool]) -> Vec<f32> {
    let costs: Vec<f32> = (0..at.len()).map(|n| cost(n, at, pauses)).collect();
    let mut found = vec![0.0; fits.len()];
    let mut state = vec![0.0; count];
    for (n, fits) in fits.chunks_exact(count).enumerate() {
        if n > 0 {
            state = passed(&state, costs[n]);
        }
        state.iter_mut().zip(fits).for_each(|(s, fit)| *s += fit);
        found[n * count..][..count].copy_from_slice(&state);
    }
    let mut ahead = vec![0.0; count];
    for n in (0..at.len()).rev() {
        let here = &mut found[n * count..][..count];
        here.iter_mut().zip(&ahead).for_each(|(f, a)| *f += a);
        let most = here.iter().copied().fold(f32::MIN, f32::max);
        here.iter_mut().for_each(|f| *f = (*f - most).exp());
        let sum: f32 = here.iter().sum();
        here.iter_mut().for_each(|f| *f /= sum);
        ahead.iter_mut().zip(&fits[n * count..]).for_each(|(a, fit)| *a += fit);
        ahead = passed(&ahead, costs[n]);
    }
    found
}

/// Returns the cost of a change just before a frame.
fn cost(n: usize, at: &[usize], pauses: &[bool]) -> f32 {
    let gap = if n == 0 { 0 } else { at[n] - at[n - 1] };
    match gap {
        gap if gap > LONGER => ACROSS,
        _ if pauses[n] => IN_PAUSE,
        _ => CHANGE,
    }
}

/// Returns the log weights of the voices after a step in which each may have changed to another,
/// normalized to a maximum of 0.
fn passed(state: &[f32], cost: f32) -> Vec<f32> {
    let most = state.iter().copied().fold(f32::MIN, f32::max);
    let weights: Vec<f32> = state.iter().map(|s| (s - most).exp()).collect();
    let (all, part) = (weights.iter().sum::<f32>(), (-cost).exp());
    weights.iter().map(|w| (w + part * (all - w)).ln()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voices(fits: &[f32], at: &[usize], pauses: &[bool]) -> String {
        let posteriors = posteriors(fits, 2, at, pauses);
        posteriors.chunks(2).map(|p| if p[0] > p[1] { 'a' } else { 'b' }).collect()
    }

    #[test]
    fn a_change_falls_into_the_pause() {
        let at: Vec<usize> = (0..100).collect();
        let pauses: Vec<bool> = (0..100).map(|n| (44..50).contains(&n)).collect();
        let fits: Vec<f32> = (0..100).flat_map(|n| if n < 52 { [0.5, 0.0] } else { [0.0, 0.5] }).collect();
        let found = voices(&fits, &at, &pauses);
        let change = found.find('b').unwrap();
        assert!((44..=50).contains(&change), "{found}");
        assert_eq!(found.matches("ab").count() + found.matches("ba").count(), 1);
    }

    #[test]
    fn a_few_odd_frames_change_nothing_and_a_short_answer_between_pauses_does() {
        let fits = |n: usize| if (40..55).contains(&n) { [0.0, 0.5] } else { [0.5, 0.0] };
        let fits: Vec<f32> = (0..100).flat_map(fits).collect();
        let at: Vec<usize> = (0..100).collect();
        assert_eq!(voices(&fits, &at, &[false; 100]), "a".repeat(100));
        let at: Vec<usize> = (0..100)
            .map(|n| {
                n + if n >= 55 {
                    60
                } else if n >= 40 {
                    30
                } else {
                    0
                }
            })
            .collect();
        assert_eq!(
            voices(&fits, &at, &[false; 100]),
            format!("{}{}{}", "a".repeat(40), "b".repeat(15), "a".repeat(45))
        );
    }

    #[test]
    fn probabilities_add_up() {
        let found = posteriors(&[0.1, 0.2, 0.3, 3.0, -2.0, 0.0], 3, &[5, 100], &[false, true]);
        assert!(found.chunks(3).all(|p| (p.iter().sum::<f32>() - 1.0).abs() < 1e-5));
        assert!(posteriors(&[], 2, &[], &[]).is_empty());
    }
}
