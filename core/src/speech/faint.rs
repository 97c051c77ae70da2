//! A level floor that rejects sound which is not a party's speech: breath, distant talkers in the
//! room, line noise, echo of an echo.
//!
//! Such sound is part of its track's noise, so it is hardly louder than that noise and far below
//! the speech of the call. Each track gets a floor, and detected speech below it is dropped. A
//! quiet party on a quiet line is above the floor. A party on a noisy line is recognized by its
//! behavior: it speaks when the others do not.

use crate::level::{Hops, Level};
use crate::timeline::Placement;
use crate::units::{Decibels, Millis, Span, joined, total};

/// Speech is at least this far above its track's noise.
///
/// A detector needs about 14 dB to detect most of a party's speech. Rooms, breath and line noise
/// taken for speech lie 0 to 5 dB above the noise on made calls; faint far-end echo lies 7 dB above
/// it on real ones.
const OVER_NOISE: Decibels = Decibels(10.0);
/// Sound less than this below the loudest party may be a party on a noisy line. Gains and voices of
/// two parties differ by up to 18 dB on nearly all calls.
const BELOW_CALL: Decibels = Decibels(18.0);
/// A voice of a mixed track is a party's if it is at least this far above the track's noise, which
/// rooms and breath do not reach, or less than [`VOICE_BELOW`] below the loudest voice.
const VOICE_OVER_NOISE: Decibels = Decibels(5.0);
/// See [`VOICE_OVER_NOISE`].
const VOICE_BELOW: Decibels = Decibels(12.0);
/// Longest delay of another party's echo in milliseconds, as the longest round trip of a network.
const ECHO_MS: f64 = 1000.0;
/// Share of a party's faint speech that lies outside the others' speech and its echo.
const APART: f64 = 0.9;
/// Largest probability that all of it lies there by chance.
const CHANCE: f64 = 0.05;

/// One track of a call, as input to its floor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LegInput<'a> {
    /// Spans taken for the party's own speech, in the track's time, sorted and disjoint.
    pub speech: &'a [Span],
    /// The track's level.
    pub level: &'a Level,
    /// The track's placement.
    pub placement: &'a Placement,
}

/// Returns for each track the mean level below which its speech is no party's, or `None` if speech
/// at any level may be a party's.
///
/// A call with one track has no floor, because nothing distinguishes a quiet voice on it from a
/// faint one. `comparable` says whether the placements allow comparing the tracks in time.
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

/// Returns for each voice of a mixed track whether it is no party's: it is hardly louder than the
/// track's noise, and far below the loudest voice. How it takes turns tells nothing, because faint
/// sound is heard on a mixed track only while nobody speaks. `sounds` (tones, music) are no noise.
pub(crate) fn faint_voices(level: &Level, voices: &[Vec<Span>], sounds: &[Span]) -> Vec<bool> {
    let heard = joined(voices.iter().flatten().chain(sounds).copied().collect());
    let levels: Vec<f64> = voices.iter().map(|spans| mean_level(&level.hops, spans)).collect();
    let loudest = levels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let Some(noise) = level.hops.noise(&heard) else { return vec![false; voices.len()] };
    let close = (noise.0 + OVER_NOISE.0).min(loudest - BELOW_CALL.0);
    let closer = (noise.0 + VOICE_OVER_NOISE.0).min(loudest - VOICE_BELOW.0);
    levels.iter().map(|&level| level < close.max(closer)).collect()
}

/// Returns the loudness of a track in dB: that of its speech, or of anything else active on it. A
/// tone or a song counts as much as a party.
fn loudness(leg: &LegInput) -> f64 {
    let active = leg.level.active;
    let whole = if active.activity > 0.0 { active.level.0 } else { f64::NEG_INFINITY };
    mean_level(&leg.level.hops, leg.speech).max(whole)
}

/// Returns `true` if a span of speech reaches its track's floor.
pub(crate) fn reaches(hops: &Hops, span: Span, floor: Option<Decibels>) -> bool {
    floor.is_none_or(|floor| mean_level(hops, &[span]) >= floor.0)
}

/// Returns the mean level of spans in dB.
pub(super) fn mean_level(hops: &Hops, spans: &[Span]) -> f64 {
    let hop = |time: Millis| ((time.0 / Hops::MS).round().max(0.0) as usize).min(hops.len());
    let (mut sum, mut count) = (0.0, 0usize);
    for span in spans {
        let within = hops.power().get(hop(span.start)..hop(span.end)).unwrap_or_default();
        sum += within.iter().map(|&power| f64::from(power)).sum::<f64>();
        count += within.len();
    }
    Decibels::from_power(sum / count.max(1) as f64).0
}

/// Returns `true` if a track's faint speech avoids the others' speech more often than chance would.
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

/// Returns the spans, in the call's time, in which a track may be audible on another, including its
/// echo.
fn heard<'a>(leg: &'a LegInput, floor: f64) -> impl Iterator<Item = Span> + 'a {
    let own = leg.speech.iter().filter(move |&&span| mean_level(&leg.level.hops, &[span]) >= floor);
    own.map(|&span| {
        let call = leg.placement.span_to_call(span);
        Span::new(call.start.0, call.end.0 + ECHO_MS)
    })
}

/// Sorts spans and merges those that meet.
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
    fn a_voice_of_a_room_is_no_party_and_a_soft_one_is() {
        let voices = |soft: f64| {
            let (spans, level) = leg(-50.0, &[(2.0, 6.0, -30.0), (10.0, 13.0, soft), (20.0, 26.0, -30.0)]);
            faint_voices(&level, &[vec![spans[0], spans[2]], vec![spans[1]]], &[])
        };
        for (soft, faint) in [(-47.0, true), (-44.0, false), (-40.0, false), (-29.0, false)] {
            assert_eq!(voices(soft), [false, faint], "{soft} dBov over noise of -50 dBov");
        }
        let (spans, level) = leg(-50.0, &[(2.0, 6.0, -48.0), (10.0, 13.0, -47.0)]);
        assert_eq!(faint_voices(&level, &[vec![spans[0]], vec![spans[1]]], &[]), [false; 2], "two alike");
        let (_, silence) = leg(f64::NEG_INFINITY, &[]);
        assert_eq!(faint_voices(&silence, &[Vec::new(), Vec::new()], &[]), [false; 2]);
        assert!(faint_voices(&silence, &[], &[]).is_empty());
    }

    #[test]
    fn music_is_no_noise_that_hides_a_party() {
        let (spans, level) = leg(-50.0, &[(1.0, 55.0, -30.0), (55.0, 57.0, -20.0), (57.0, 59.0, -33.0)]);
        let voices = [vec![spans[1]], vec![spans[2]]];
        assert_eq!(faint_voices(&level, &voices, &spans[..1]), [false; 2]);
        assert_eq!(faint_voices(&level, &voices, &[]), [false, true], "or else it would");
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
