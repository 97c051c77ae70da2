//! Finds channels of one recording that run apart.
//!
//! One machine writes all channels of a recording, so they stay together. But some machines write
//! the packets of each party as they come: a channel whose clock is off then runs away, and a
//! channel that lost packets is early from there on. Bleed shows both, by what moves it:
//!
//! | what happens | delay of the first channel's sound on the second | and of the second's on the first |
//! |---|---|---|
//! | a clock is off | grows or shrinks evenly | as evenly the other way |
//! | audio is lost | steps | steps as far the other way |
//! | the echo's path changes | steps | stays |
//!
//! So steps count only if both directions show them, and an even change counts alone. The
//! beginnings stay together.

use super::drift::{self, Course, MIN_STEP_S, Point};
use super::follow;
use super::link::FollowedLink;
use super::map::{self, Hung};
use super::prior::ONE_RECORDER;
use super::sound::Sound;
use super::vote::Direction;
use super::{AlignOptions, TrackInput};
use crate::run::Cancel;
use crate::timeline::{HeardEcho, Method, Placement};
use crate::units::Millis;

/// Fewest echoes in a third of the call, and stretches heard in a direction, that say anything.
const MIN_ECHOES: usize = 4;
/// Largest part of a change in one direction by which it may differ from an even one, or from that
/// of the other direction.
const UNEVEN: f64 = 0.25;
/// Spread of the stretches around an even change in one direction, in seconds. Those of a path that
/// changes spread farther.
const EVEN_S: f64 = 0.003;

/// Returns the placements of the channels of one recording, if bleed shows that any of them runs
/// away from the first. `echoes` are those that the gate is certain of, by time. They cost nothing,
/// and only where they move is anything else looked at.
pub(crate) fn channels(
    tracks: &[TrackInput],
    echoes: &[HeardEcho],
    options: &AlignOptions,
    cancel: &Cancel,
) -> Option<Vec<Placement>> {
    let moving: Vec<(usize, Early)> =
        (1..tracks.len()).filter_map(|channel| Some((channel, moving(channel, echoes)?))).collect();
    if moving.is_empty() {
        return None;
    }
    let sounds: Vec<Sound> = tracks.iter().map(|track| Sound::new(track, options.portable, cancel)).collect();
    let mut hung: Vec<Option<Hung>> = sounds.iter().map(|_| Some(Hung { lag_s: 0.0, link: None })).collect();
    for (channel, early) in moving {
        if let Some(link) = runs_away(sounds.first()?, sounds.get(channel)?, early) {
            hung[channel] = Some(Hung { lag_s: 0.0, link: Some((0, link)) });
        }
    }
    let any = hung.iter().flatten().any(|hung| hung.link.is_some());
    (any && !cancel.is_cancelled()).then(|| placements(&hung, &sounds))
}

fn placements(hung: &[Option<Hung>], sounds: &[Sound]) -> Vec<Placement> {
    let seconds: Vec<f64> = sounds.iter().map(Sound::seconds).collect();
    let order: Vec<usize> = (0..sounds.len()).collect();
    let maps = map::maps(hung, &order, &seconds);
    let placed = maps.iter().flatten().zip(hung.iter().flatten()).zip(&seconds).map(|((map, hung), &seconds)| {
        let knots = map.knots(seconds, 0.0);
        match &hung.link {
            Some((_, link)) => {
                Placement::through(knots, Method::Bleed, ONE_RECORDER, Millis(2000.0 * link.course.spread_s))
            }
            None => Placement::through(knots, Method::Reference, 1.0, Millis(0.0)),
        }
    });
    placed.collect()
}

/// The delay of each direction at the beginning, in seconds, where it is heard.
type Early = [Option<f64>; 2];

/// Returns the delays at the beginning, if echoes between the first channel and another may move as
/// those of a channel that runs away do.
fn moving(channel: usize, echoes: &[HeardEcho]) -> Option<Early> {
    let heard = Direction::BOTH.map(|direction| {
        let (talker, hearer) = if direction == Direction::AOnB { (0, channel) } else { (channel, 0) };
        let own = echoes.iter().filter(|echo| echo.talker == talker && echo.hearer == hearer);
        thirds(&own.map(|echo| (echo.at.seconds(), echo.delay.seconds())).collect::<Vec<_>>())
    });
    let moved = |thirds: [f64; 3]| thirds[2] - thirds[0];
    let may_move = match heard {
        [Some(one), Some(other)] => {
            let (one, other) = (moved(one), moved(other));
            one.abs() >= MIN_STEP_S && (one + other).abs() <= UNEVEN * one.abs()
        }
        [Some(alone), None] | [None, Some(alone)] => {
            let bend = alone[1] - (alone[0] + alone[2]) / 2.0;
            moved(alone).abs() >= MIN_STEP_S && bend.abs() <= UNEVEN * moved(alone).abs()
        }
        [None, None] => false,
    };
    may_move.then(|| heard.map(|thirds| thirds.map(|thirds| thirds[0])))
}

/// Returns the median delay of each third of the time over which echoes are heard.
fn thirds(echoes: &[(f64, f64)]) -> Option<[f64; 3]> {
    let (first, last) = (echoes.first()?.0, echoes.last()?.0);
    let third = |k: usize| {
        let edge = |k: usize| first + (last - first) * k as f64 / 3.0;
        let within = echoes.iter().filter(|echo| echo.0 >= edge(k) && echo.0 <= edge(k + 1));
        let delays: Vec<f64> = within.map(|echo| echo.1).collect();
        (delays.len() >= MIN_ECHOES).then(|| drift::median(delays)).flatten()
    };
    Some([third(0)?, third(1)?, third(2)?])
}

/// Returns how another channel runs away from the first, if both directions agree on it, or the one
/// that is heard changes evenly.
fn runs_away(first: &Sound, other: &Sound, early: Early) -> Option<FollowedLink> {
    let delays = follow::delays(first, other, early);
    let courses = [0, 1].map(|k| (delays[k].len() >= MIN_ECHOES).then(|| drift::course(&delays[k])).flatten());
    let moved = match (&courses[0], &courses[1]) {
        (Some(one), Some(two)) => {
            let [one, two] = [(one, &delays[0]), (two, &delays[1])].map(|(course, points)| movement(course, points));
            ((one + two).abs() <= (UNEVEN * one.abs()).max(MIN_STEP_S / 2.0)).then_some((one - two) / 2.0)
        }
        (Some(alone), None) => even(alone, &delays[0]),
        (None, Some(alone)) => even(alone, &delays[1]),
        (None, None) => None,
    };
    moved.filter(|by_s| by_s.abs() >= MIN_STEP_S)?;
    let mut link = follow::follow(first, other, 0.0, early, &[])?;
    link.course.begin_together();
    Some(link)
}

/// Returns how far a direction's delay moves from its first to its last point.
fn movement(course: &Course, points: &[Point]) -> f64 {
    let span_s = points.last().zip(points.first()).map_or(0.0, |(last, first)| last.at_s - first.at_s);
    course.slope * span_s + course.steps.iter().map(drift::Step::by_s).sum::<f64>()
}

/// Returns the same of a direction that is heard alone, if it moves evenly.
fn even(course: &Course, points: &[Point]) -> Option<f64> {
    let even = course.steps.is_empty() && course.spread_s <= EVEN_S && points.len() >= 2 * MIN_ECHOES;
    even.then(|| movement(course, points))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Echoes each second of five minutes, the delay at a moment given by `delay`.
    fn echoes(talker: usize, hearer: usize, delay: impl Fn(f64) -> f64) -> Vec<HeardEcho> {
        let echo = |k: usize| HeardEcho {
            hearer,
            talker,
            at: Millis(1000.0 * k as f64),
            delay: Millis(1000.0 * delay(k as f64)),
        };
        (0..300).map(echo).collect()
    }

    #[test]
    fn only_echoes_that_move_as_a_channel_does_are_looked_at() {
        let on = |delay: fn(f64) -> f64| echoes(0, 1, delay);
        let both = |one: fn(f64) -> f64, two: fn(f64) -> f64| [on(one), echoes(1, 0, two)].concat();
        let drifts = |t: f64| 0.03 + 100e-6 * t;
        let steps = |t: f64| if t < 80.0 { 0.3 } else { 0.36 };
        assert!(moving(1, &on(|_| 0.03)).is_none());
        assert!(moving(1, &on(drifts)).is_some());
        assert!(moving(2, &on(drifts)).is_none(), "another channel's");
        assert!(moving(1, &on(steps)).is_none(), "one way, an echo's path may have changed");
        assert!(moving(1, &both(drifts, |t| 0.03 - 100e-6 * t)).is_some());
        assert!(moving(1, &both(drifts, |_| 0.03)).is_none(), "the other direction stays");
        assert!(moving(1, &both(steps, |_| 0.03)).is_none());
        assert!(moving(1, &both(steps, |t| if t < 80.0 { 0.1 } else { 0.04 })).is_some(), "60 ms are lost");
        assert!(moving(1, &on(drifts)[..9]).is_none(), "too few");
    }

    #[test]
    fn one_direction_counts_where_it_moves_evenly() {
        let points = |delay: &dyn Fn(f64) -> f64| -> Vec<Point> {
            (0..30).map(|k| 10.0 * f64::from(k)).map(|at_s| Point { at_s, lag_s: delay(at_s), clear: true }).collect()
        };
        let moved = |points: &[Point]| even(&drift::course(points).unwrap(), points);
        let by_s = moved(&points(&|t| 0.03 + 120e-6 * t)).unwrap();
        assert!((by_s - 120e-6 * 290.0).abs() < 2e-3, "{by_s}");
        assert!(moved(&points(&|t| if t < 150.0 { 0.3 } else { 0.36 })).is_none());
    }
}
