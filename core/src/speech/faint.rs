//! What is taken for speech but is nobody of the call: breath, a room of talkers far away, a line's
//! noise, echo of echo.
//!
//! Such sound is hardly above its leg's own noise, because it is part of that noise, and far below
//! the speech of the call. Each leg has a floor: what is called speech below it is dropped. A soft
//! party on a quiet line is above it; one on a noisy line is known by its behavior, for it speaks
//! when the others do not.

use crate::level::{Hops, Level};
use crate::timeline::Placement;
use crate::units::{Decibels, Millis, Span, total};

/// Speech is at least this far above its leg's noise. A detector needs some 14 dB to hear most of
/// what a party says; rooms, breath and line noise that it took for speech on made calls lie 0 to 5
/// dB above it, faint far echo on real ones 7 dB.
const OVER_NOISE: Decibels = Decibels(10.0);
/// What lies less than this below the loudest party may be a party on a noisy line. Gains and
/// voices of two parties differ by up to 18 dB on nearly all calls.
const BELOW_CALL: Decibels = Decibels(18.0);
/// Another party's echo is over so long after it, in milliseconds: the longest round trip of a
/// network.
const ECHO_MS: f64 = 1000.0;
/// Share of a party's faint speech that lies outside of the others' and of their echo.
const APART: f64 = 0.9;
/// How likely chance may put all of it there.
const CHANCE: f64 = 0.05;

/// One leg of a call, as far as its floor needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LegInput<'a> {
    /// What is taken for its own speech, in the track's time, in order and apart.
    pub speech: &'a [Span],
    /// Its level.
    pub level: &'a Level,
    /// Where it lies.
    pub placement: &'a Placement,
}

/// The mean level below which a leg's speech is nobody's; `None` where every level may be a party.
///
/// A call of one leg has no floor: nothing tells a soft voice on it from a faint one. `comparable`:
/// whether the placements allow comparing the legs in time.
pub(crate) fn floors(legs: &[LegInput], comparable: bool) -> Vec<Option<Decibels>> {
    let loudest = legs.iter().map(loudness).fold(f64::NEG_INFINITY, f64::max);
    let floor = |leg: &LegInput| {
        let noise = leg.level.hops.noise(leg.speech)?.0;
        Some((noise + OVER_NOISE.0).min(loudest - BELOW_CALL.0))
    };
    let found: Vec<Option<f64>> = legs.iter().map(floor).collect();
    let kept = |i: usize| {
        let floor = (*found.get(i)?).filter(|_| legs.len() > 1)?;
        let stands = comparable && takes_turns(legs, &found, i, floor);
        (!stands).then_some(Decibels(floor))
    };
    (0..legs.len()).map(kept).collect()
}

/// How loud a leg is in dB: its speech, or whatever else it carries while it is active; a tone or a
/// song is no less than a party.
fn loudness(leg: &LegInput) -> f64 {
    let active = leg.level.active;
    let whole = if active.activity > 0.0 { active.level.0 } else { f64::NEG_INFINITY };
    mean_level(&leg.level.hops, leg.speech).max(whole)
}

/// Whether a span of a leg's speech reaches its floor.
pub(crate) fn reaches(hops: &Hops, span: Span, floor: Option<Decibels>) -> bool {
    floor.is_none_or(|floor| mean_level(hops, &[span]) >= floor.0)
}

/// The mean level of spans in dB.
fn mean_level(hops: &Hops, spans: &[Span]) -> f64 {
    let hop = |time: Millis| ((time.0 / Hops::MS).round().max(0.0) as usize).min(hops.len());
    let (mut sum, mut count) = (0.0, 0usize);
    for span in spans {
        let within = hops.power().get(hop(span.start)..hop(span.end)).unwrap_or_default();
        sum += within.iter().map(|&power| f64::from(power)).sum::<f64>();
        count += within.len();
    }
    Decibels::from_power(sum / count.max(1) as f64).0
}

/// Whether a leg's faint speech avoids the others' speech so often that it is no chance.
fn takes_turns(legs: &[LegInput], floors: &[Option<f64>], leg: usize, floor: f64) -> bool {
    let Some(own) = legs.get(leg) else { return false };
    let faint: Vec<Span> = own.speech.iter().copied().filter(|&s| mean_level(&own.level.hops, &[s]) < floor).collect();
    let others = legs.iter().zip(floors).enumerate().filter(|(other, _)| *other != leg);
    let taken =
        merged(others.flat_map(|(_, (other, floor))| heard(other, floor.unwrap_or(f64::NEG_INFINITY))).collect());
    let call: f64 = own.level.hops.len() as f64 * Hops::MS;
    let free = (1.0 - total(&taken).0 / call.max(1.0)).clamp(0.0, 1.0);
    let spans: Vec<Span> = faint.iter().map(|&span| own.placement.span_to_call(span)).collect();
    let within = |span: &Span| taken.iter().filter_map(|t| t.overlap(span)).map(|o| o.duration().0).sum::<f64>();
    let apart = total(&spans).0 - spans.iter().map(within).sum::<f64>();
    apart >= APART * total(&spans).0 && free.powi(spans.len() as i32) <= CHANCE
}

/// When a leg may be heard on another, its echo included, in the call's time.
fn heard<'a>(leg: &'a LegInput, floor: f64) -> impl Iterator<Item = Span> + 'a {
    let own = leg.speech.iter().filter(move |&&span| mean_level(&leg.level.hops, &[span]) >= floor);
    own.map(|&span| {
        let call = leg.placement.span_to_call(span);
        Span::new(call.start.0, call.end.0 + ECHO_MS)
    })
}

/// Spans in order, those that meet as one.
fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by(|a, b| a.start.0.total_cmp(&b.start.0));
    let mut found: Vec<Span> = Vec::new();
    for span in spans {
        match found.last_mut() {
            Some(last) if last.end >= span.start => last.end = last.end.max(span.end),
            _ => found.push(span),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::LevelMeter;
    use crate::track::SampleSink;
    use crate::units::Rate;

    /// A minute of noise at a level with louder noise in spans, all in dBov; spans in seconds.
    fn leg(noise: f64, speech: &[(f64, f64, f64)]) -> (Vec<Span>, Level) {
        let mut state = 1u32;
        let sample = |i: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let t = i as f64 / 8_000.0;
            let level = speech.iter().find(|s| t >= s.0 && t < s.1).map_or(noise, |s| s.2);
            let white = f64::from(state >> 8) / 8_388_608.0 - 1.0;
            (white * 3f64.sqrt() * 10f64.powf(level / 20.0)) as f32
        };
        let mut meter = LevelMeter::new(Rate::NARROWBAND);
        meter.push(&(0..480_000).map(sample).collect::<Vec<f32>>());
        (speech.iter().map(|s| Span::new(s.0 * 1000.0, s.1 * 1000.0)).collect(), meter.finish())
    }

    /// Which spans of the second leg stay.
    fn kept(agent: &(Vec<Span>, Level), other: &(Vec<Span>, Level), comparable: bool) -> Vec<bool> {
        let placement = Placement::reference();
        let legs = [agent, other].map(|leg| LegInput { speech: &leg.0, level: &leg.1, placement: &placement });
        let floors = floors(&legs, comparable);
        assert!(
            agent.0.iter().all(|&s| floors[0].is_none_or(|f| mean_level(&agent.1.hops, &[s]) >= f.0)),
            "the agent stays"
        );
        other.0.iter().map(|&s| floors[1].is_none_or(|f| mean_level(&other.1.hops, &[s]) >= f.0)).collect()
    }

    const TALK: &[(f64, f64, f64)] =
        &[(1.0, 9.0, -20.0), (14.0, 22.0, -20.0), (28.0, 38.0, -20.0), (44.0, 54.0, -20.0)];

    #[test]
    fn a_silent_line_is_no_party() {
        // A real voicemail: 7 dB above its noise, 35 dB below the other party.
        let silent = leg(-62.0, &[(2.0, 4.0, -55.0), (15.0, 16.0, -55.0), (30.0, 31.5, -55.0)]);
        assert_eq!(kept(&leg(-70.0, TALK), &silent, true), [false; 3]);
        assert_eq!(kept(&leg(-70.0, TALK), &silent, false), [false; 3]);
    }

    #[test]
    fn a_room_far_away_does_not_take_a_loud_party_with_it() {
        let both = leg(-50.0, &[(10.0, 13.0, -25.0), (23.0, 26.0, -45.0), (39.0, 43.0, -26.0)]);
        assert_eq!(kept(&leg(-70.0, TALK), &both, true), [true, false, true]);
    }

    #[test]
    fn a_soft_party_on_a_quiet_line_stays_heard() {
        let soft = leg(-68.0, &[(10.0, 13.0, -50.0), (23.0, 26.0, -50.0), (39.0, 43.0, -50.0)]);
        for comparable in [true, false] {
            assert_eq!(kept(&leg(-70.0, TALK), &soft, comparable), [true; 3], "30 dB below the agent");
        }
    }

    #[test]
    fn a_soft_party_on_a_noisy_line_is_known_by_its_turns() {
        let soft = leg(-57.0, &[(10.2, 13.0, -50.0), (23.2, 27.0, -50.0), (39.2, 43.0, -50.0), (55.2, 58.0, -50.0)]);
        assert_eq!(kept(&leg(-70.0, TALK), &soft, true), [true; 4]);
        let anywhere = leg(-57.0, &[(5.0, 7.0, -50.0), (12.0, 15.0, -50.0), (34.0, 36.0, -50.0), (50.0, 53.0, -50.0)]);
        assert_eq!(kept(&leg(-70.0, TALK), &anywhere, true), [false; 4]);
    }

    #[test]
    fn two_parties_on_noisy_lines_both_stay() {
        let noisy = leg(-42.0, &[(10.0, 13.0, -34.0), (23.0, 26.0, -34.0)]);
        assert_eq!(kept(&leg(-42.0, TALK), &noisy, false), [true; 2], "14 dB below the other is no far talker");
    }

    #[test]
    fn one_leg_alone_and_silence_have_no_floor() {
        let alone = leg(-50.0, &[(1.0, 5.0, -20.0), (8.0, 9.0, -44.0)]);
        let placement = Placement::reference();
        let input = LegInput { speech: &alone.0, level: &alone.1, placement: &placement };
        assert_eq!(floors(&[input], true), [None]);
        let silence = LevelMeter::new(Rate::NARROWBAND).finish();
        let nothing = LegInput { speech: &[], level: &silence, placement: &placement };
        assert_eq!(floors(&[nothing, nothing], true), [None, None]);
        assert_eq!(floors(&[], true), []);
    }
}
