//! Conversation metrics, from the parties' speech on the call's timeline.
//!
//! | metric | definition |
//! |---|---|
//! | talk | time in which a party speaks, bleed excluded |
//! | talk share | its share of the sum of all parties' talk |
//! | speech | time in which anyone speaks |
//! | non-talk | spans of at least `nonTalkMs` in which no one speaks |
//! | overlap | time in which two or more speak |
//! | interruption | B's turn begins at least `interruptionAfterMs` after A's and overlaps it by at least `interruptionOverlapMs`; A stops within `interruptionYieldMs`, and B continues |
//! | backchannel | B's turn of at most `backchannelMs` within A's, and A continues |
//! | response time | from the end of a turn to the beginning of the next one, if that is another party's and begins later |

mod silence;

pub(crate) use silence::{SilenceInput, silences};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::MetricsConfig;
use crate::speech::Turn;
use crate::units::{Millis, Span, sum, total};

/// The metrics of one party.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PartyMetrics {
    /// The track's index in the call.
    pub track: usize,
    /// The party's voice, on a mixed track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<usize>,
    /// Time in which the party speaks.
    pub talk_ms: Millis,
    /// The party's share of all talk, from 0 to 1. `None` if no one speaks, or if a track could not
    /// be read.
    pub talk_share: Option<f64>,
    /// Number of the party's turns.
    pub turns: usize,
    /// The party's longest turn.
    pub longest_monologue_ms: Millis,
    /// When the party first speaks. `None` if it never does.
    pub first_speech_ms: Option<Millis>,
}

/// An interruption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Interruption {
    /// The track of the party that interrupted.
    pub by: usize,
    /// From the beginning of the interruption until the interrupted party stops.
    #[serde(flatten)]
    pub span: Span,
}

/// Response times. The values are `None` if there was no response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResponseTimes {
    /// Number of responses.
    pub count: usize,
    /// Mean response time.
    pub mean: Option<Millis>,
    /// Median response time.
    pub median: Option<Millis>,
    /// 95th percentile of the response time (nearest rank).
    pub p95: Option<Millis>,
}

/// The conversation metrics of a call.
///
/// Metrics that compare parties are `None` if a placement is too uncertain, or if one channel holds
/// several parties and cannot provide them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Metrics {
    /// Metrics by party.
    pub by_track: Vec<PartyMetrics>,
    /// Time in which anyone speaks.
    pub speech_ms: Option<Millis>,
    /// Time in long spans without speech.
    pub non_talk_ms: Option<Millis>,
    /// Long spans without speech.
    pub non_talk: Option<Vec<Span>>,
    /// Time in which two or more speak.
    pub overlap_ms: Option<Millis>,
    /// All interruptions.
    pub interruptions: Option<Vec<Interruption>>,
    /// Number of backchannels.
    pub backchannels: Option<usize>,
    /// Response times.
    pub response_ms: Option<ResponseTimes>,
    /// Why metrics are missing: `alignment`, `voices`, or `tracks` if a track could not be read.
    /// `None` if none is missing.
    pub unavailable: Option<String>,
}

/// One party, as input of the metrics.
#[derive(Debug, Clone)]
pub struct Party {
    /// The track's index in the call.
    pub track: usize,
    /// The party's voice, on a mixed track whose voices were separated.
    pub voice: Option<usize>,
    /// The party's speech on the call's timeline, sorted.
    pub speech: Vec<Span>,
}

/// What can be compared between the parties of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Comparison {
    /// Everything: each party has its own track, and all placements are certain.
    #[default]
    Full,
    /// Turns: some parties share a track and are separated by their voices, but simultaneous speech
    /// is not detected.
    Turns,
    /// Nothing: parties share a track and are not separated, or may do so.
    Mixed,
    /// Nothing: a placement is too uncertain.
    Unplaced,
    /// Nothing: a track could not be read.
    Incomplete,
}

impl Comparison {
    /// Returns `true` if the word can be seen to pass from one party to another.
    pub(crate) fn counts_exchanges(self) -> bool {
        !matches!(self, Self::Mixed | Self::Incomplete)
    }
}

/// Computes the metrics of a call. The `party` of a turn is an index into `parties`.
///
/// ```
/// use callweave::config::MetricsConfig;
/// use callweave::metrics::{Comparison, Party, metrics};
/// use callweave::speech::turns;
/// use callweave::units::{Millis, Span};
///
/// let speech = [vec![Span::new(0.0, 3_000.0)], vec![Span::new(3_500.0, 4_500.0)]];
/// let party = |track: usize| Party { track, voice: None, speech: speech[track].clone() };
/// let turns = turns(&speech, Millis(1500.0));
/// let figures =
///     metrics(&[party(0), party(1)], &turns, Millis(5_000.0), Comparison::Full, &MetricsConfig::default());
/// assert_eq!(figures.by_track[0].talk_share, Some(0.75));
/// assert_eq!(figures.response_ms.and_then(|times| times.median), Some(Millis(500.0)));
/// ```
pub fn metrics(
    parties: &[Party],
    turns: &[Turn],
    duration: Millis,
    comparison: Comparison,
    config: &MetricsConfig,
) -> Metrics {
    let all_talk: f64 = sum(parties.iter().map(|p| total(&p.speech).0));
    let all_talk = Some(all_talk).filter(|&talk| talk > 0.0 && comparison != Comparison::Incomplete);
    let by_track = parties.iter().enumerate().map(|(i, party)| by_party(i, party, turns, all_talk)).collect();
    let nothing = match comparison {
        Comparison::Unplaced => Some("alignment"),
        Comparison::Incomplete => Some("tracks"),
        _ => None,
    };
    if let Some(why) = nothing {
        return Metrics {
            by_track,
            speech_ms: None,
            non_talk_ms: None,
            non_talk: None,
            overlap_ms: None,
            interruptions: None,
            backchannels: None,
            response_ms: None,
            unavailable: Some(why.into()),
        };
    }
    let full = comparison == Comparison::Full;
    let anybody = at_least(1, parties);
    let non_talk = gaps(&anybody, duration, config.non_talk_ms);
    Metrics {
        by_track,
        speech_ms: Some(total(&anybody)),
        non_talk_ms: Some(total(&non_talk)),
        non_talk: Some(non_talk),
        overlap_ms: full.then(|| total(&at_least(2, parties))),
        interruptions: full.then(|| interruptions(parties, turns, config)),
        backchannels: full.then(|| backchannels(turns, config)),
        response_ms: (comparison != Comparison::Mixed).then(|| response_times(turns, &[])),
        unavailable: (!full).then(|| "voices".into()),
    }
}

fn by_party(i: usize, party: &Party, turns: &[Turn], all_talk: Option<f64>) -> PartyMetrics {
    let own = || turns.iter().filter(|t| t.party == i);
    let talk = total(&party.speech);
    PartyMetrics {
        track: party.track,
        voice: party.voice,
        talk_ms: talk,
        talk_share: all_talk.map(|all| share(talk.0 / all)),
        turns: own().count(),
        longest_monologue_ms: own().map(|t| t.span.duration()).fold(Millis(0.0), Millis::max),
        first_speech_ms: party.speech.first().map(|s| s.start),
    }
}

/// Rounds a share to four decimals.
fn share(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Returns the spans in which at least `n` parties speak, sorted and disjoint.
pub(crate) fn at_least(n: i32, parties: &[Party]) -> Vec<Span> {
    let mut edges: Vec<(f64, i32)> =
        parties.iter().flat_map(|p| &p.speech).flat_map(|s| [(s.start.0, 1), (s.end.0, -1)]).collect();
    // An end comes before a beginning at the same moment: touching is not overlapping.
    edges.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut found: Vec<Span> = Vec::new();
    let (mut speaking, mut since) = (0, 0.0);
    for (time, change) in edges {
        let before = speaking;
        speaking += change;
        if before < n && speaking >= n {
            since = time;
        } else if before >= n && speaking < n && time > since {
            match found.last_mut() {
                Some(last) if last.end.0 == since => last.end = Millis(time),
                _ => found.push(Span::new(since, time)),
            }
        }
    }
    found
}

/// Returns the gaps of at least `least` between spans, which must be sorted and disjoint.
pub(crate) fn gaps(spans: &[Span], duration: Millis, least: Millis) -> Vec<Span> {
    let starts = spans.iter().map(|s| s.start).chain([duration]);
    let ends = [Millis(0.0)].into_iter().chain(spans.iter().map(|s| s.end));
    let between = ends.zip(starts).map(|(end, start)| Span { start: end, end: start });
    between.filter(|gap| gap.duration().0 > 0.0 && gap.duration() >= least).collect()
}

fn interruptions(parties: &[Party], turns: &[Turn], config: &MetricsConfig) -> Vec<Interruption> {
    let mut found = Vec::new();
    for b in turns {
        let interrupted = turns.iter().filter(|a| a.party != b.party).find_map(|a| {
            let shared = a.span.overlap(&b.span)?;
            let late_enough = b.span.start.0 >= a.span.start.0 + config.interruption_after_ms.0;
            let yields = a.span.end.0 <= b.span.start.0 + config.interruption_yield_ms.0 && b.span.end > a.span.end;
            (late_enough && yields && shared.duration() >= config.interruption_overlap_ms).then_some(shared)
        });
        if let (Some(span), Some(party)) = (interrupted, parties.get(b.party)) {
            found.push(Interruption { by: party.track, span });
        }
    }
    found
}

fn backchannels(turns: &[Turn], config: &MetricsConfig) -> usize {
    let within =
        |b: &&Turn| turns.iter().any(|a| a.party != b.party && a.span.start < b.span.start && a.span.end > b.span.end);
    turns.iter().filter(|b| b.span.duration() <= config.backchannel_ms).filter(within).count()
}

/// How long another party must go on between two turns of one to have taken the word back.
const TAKES_BACK: Millis = Millis(1000.0);

/// Returns how often the word passes from one party to another.
///
/// It passes twice between two turns of one party if another's turn goes on for a second between
/// them: the party said something while the other talked, the other went on, and the party spoke
/// again.
pub(crate) fn exchanges(turns: &[Turn]) -> u32 {
    // When each party last stops, of the turns so far.
    let mut ends: BTreeMap<usize, Millis> = BTreeMap::new();
    let mut passes = 0;
    for (turn, next) in turns.iter().zip(&turns[1.min(turns.len())..]) {
        let end = ends.entry(turn.party).or_insert(turn.span.end);
        *end = end.max(turn.span.end);
        let goes_on = |(&party, &end): (&usize, &Millis)| {
            party != turn.party && end.min(next.span.start) - turn.span.end >= TAKES_BACK
        };
        if turn.party != next.party {
            passes += 1;
        } else if ends.iter().any(goes_on) {
            passes += 2;
        }
    }
    passes
}

/// Response times, but for those across a break, in which nobody answers anybody.
pub(crate) fn response_times(turns: &[Turn], breaks: &[Span]) -> ResponseTimes {
    let across = |from: Millis, to: Millis| breaks.iter().any(|span| span.start <= to && span.end >= from);
    let mut times: Vec<f64> = turns
        .windows(2)
        .filter(|w| w[0].party != w[1].party && w[1].span.start >= w[0].span.end)
        .filter(|w| !across(w[0].span.end, w[1].span.start))
        .map(|w| w[1].span.start.0 - w[0].span.end.0)
        .collect();
    times.sort_by(f64::total_cmp);
    let count = times.len();
    let middle = |i: usize| times.get(i).copied().unwrap_or_default();
    let some = |value: f64| (count > 0).then_some(Millis(value));
    ResponseTimes {
        count,
        mean: some(times.iter().sum::<f64>() / count.max(1) as f64),
        median: some((middle(count.saturating_sub(1) / 2) + middle(count / 2)) / 2.0),
        p95: some(middle((count * 95).div_ceil(100).saturating_sub(1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech;

    /// Parties from pictures of 100 ms a character: anything but a space is speech.
    fn drawn(pictures: &[&str]) -> Vec<Party> {
        pictures
            .iter()
            .enumerate()
            .map(|(track, picture)| Party { track, voice: None, speech: spans(picture) })
            .collect()
    }

    fn spans(picture: &str) -> Vec<Span> {
        let mut found: Vec<Span> = Vec::new();
        for (i, _) in picture.chars().enumerate().filter(|(_, c)| *c != ' ') {
            let (start, end) = (i as f64 * 100.0, (i + 1) as f64 * 100.0);
            match found.last_mut() {
                Some(last) if last.end.0 == start => last.end = Millis(end),
                _ => found.push(Span::new(start, end)),
            }
        }
        found
    }

    fn measured(pictures: &[&str]) -> Metrics {
        let parties = drawn(pictures);
        let speech: Vec<Vec<Span>> = parties.iter().map(|p| p.speech.clone()).collect();
        let turns = speech::turns(&speech, Millis(1500.0));
        let duration = Millis(pictures.iter().map(|p| p.len()).max().unwrap_or(0) as f64 * 100.0);
        metrics(&parties, &turns, duration, Comparison::Full, &MetricsConfig::default())
    }

    #[test]
    fn talk_silence_and_overlap_add_up() {
        let m = measured(&[
            "aaaaaaaaaa                                        ", //
            "        bbbbbbbbbbbb                              ",
        ]);
        assert_eq!(m.by_track[0].talk_ms, Millis(1000.0));
        assert_eq!(m.by_track[1].talk_ms, Millis(1200.0));
        assert_eq!(m.by_track[1].talk_share, Some(0.5455));
        assert_eq!(m.speech_ms, Some(Millis(2000.0)));
        assert_eq!(m.overlap_ms, Some(Millis(200.0)));
        assert_eq!(m.non_talk, Some(vec![Span::new(2000.0, 5000.0)]));
        assert_eq!(m.by_track[1].first_speech_ms, Some(Millis(800.0)));
    }

    #[test]
    fn non_talk_begins_at_its_limit() {
        assert_eq!(measured(&["a                             a"]).non_talk_ms, Some(Millis(0.0)), "2.9 s");
        assert_eq!(measured(&["a                              a"]).non_talk_ms, Some(Millis(3000.0)), "3 s");
    }

    #[test]
    fn an_interruption_makes_the_other_stop() {
        let m = measured(&[
            "aaaaaaaaaaaaaaaa                    ", // stops 600 ms after b began
            "          bbbbbbbbbbbbbbbb          ",
        ]);
        assert_eq!(m.interruptions.unwrap(), [Interruption { by: 1, span: Span::new(1000.0, 1600.0) }]);
        let short = measured(&[
            "aaaaaaaaaaaaaa                      ", // only 400 ms are shared
            "          bbbbbbbbbbbbbbbb          ",
        ]);
        assert_eq!(short.interruptions.unwrap(), []);
        let unheeded = measured(&[
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa       ", // goes on for 2.1 s
            "          bbbbbbbbbbbbbbbbbbbbbbbbbbb ",
        ]);
        assert_eq!(unheeded.interruptions.unwrap(), []);
    }

    #[test]
    fn a_backchannel_is_short_and_the_other_goes_on() {
        let m = measured(&[
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", //
            "          bbbbbbbbbb         ",
        ]);
        assert_eq!((m.backchannels, m.interruptions), (Some(1), Some(vec![])));
        let longer = measured(&[
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", //
            "          bbbbbbbbbbb        ",
        ]);
        assert_eq!(longer.backchannels, Some(0));
    }

    #[test]
    fn the_word_passes_where_parties_speak_in_turn_or_the_other_goes_on_between() {
        let passes = |pictures: &[&str]| {
            let speech: Vec<Vec<Span>> = pictures.iter().map(|picture| spans(picture)).collect();
            exchanges(&speech::turns(&speech, Millis(1500.0)))
        };
        assert_eq!(passes(&["aaaa          aaaa             ", "        bbbb            bbbb   "]), 3);
        // b says a word while a talks, and answers when a has gone on for 1.3 s and stopped.
        assert_eq!(passes(&["aaaaaaaaaaaaaaaaaaaaaaaaa        ", "          bb                bbbb "]), 3);
        assert_eq!(passes(&["aaaaaaaaaaaaaaaaaaaa              ", "          bb                bbbb  "]), 1, "0.8 s");
        assert_eq!(passes(&["aaaaaaaaaaaaaaaaaaaaaaa          ", "          bb                     "]), 1);
        assert_eq!(passes(&["aaaa                    aaaa     ", "                                 "]), 0);
    }

    #[test]
    fn response_times_are_from_turn_to_turn() {
        let m = measured(&[
            "aaaa          aaaa             ", // b answers after 400 ms, a after 200 ms
            "        bbbb            bbbb   ",
        ]);
        let r = m.response_ms.unwrap();
        assert_eq!((r.count, r.mean, r.median), (3, Some(Millis(400.0)), Some(Millis(400.0))));
        assert_eq!(r.p95, Some(Millis(600.0)));
        assert_eq!(measured(&["aaaa"]).response_ms.unwrap().mean, None);
    }

    #[test]
    fn an_uncertain_placement_leaves_only_what_one_track_tells() {
        let parties = drawn(&["aaaa", "bb"]);
        let m = metrics(&parties, &[], Millis(400.0), Comparison::Unplaced, &MetricsConfig::default());
        assert_eq!(m.by_track[0].talk_ms, Millis(400.0));
        assert_eq!((m.overlap_ms, m.interruptions, m.unavailable), (None, None, Some("alignment".into())));
    }

    #[test]
    fn a_call_of_which_a_track_is_missing_has_no_figures_of_all() {
        let parties = drawn(&["aaaa"]);
        let m = metrics(&parties, &[], Millis(400.0), Comparison::Incomplete, &MetricsConfig::default());
        assert_eq!((m.by_track[0].talk_ms, m.by_track[0].talk_share), (Millis(400.0), None));
        assert_eq!((m.overlap_ms, m.speech_ms, m.backchannels), (None, None, None));
        assert_eq!(m.unavailable.as_deref(), Some("tracks"));
    }

    #[test]
    fn one_channel_gives_null_for_what_it_cannot_say() {
        let parties = drawn(&["aaaa", "      bb"]);
        let turns = speech::turns(&[parties[0].speech.clone(), parties[1].speech.clone()], Millis(1500.0));
        let of = |comparison| metrics(&parties, &turns, Millis(800.0), comparison, &MetricsConfig::default());
        for m in [of(Comparison::Turns), of(Comparison::Mixed)] {
            assert_eq!((m.overlap_ms, m.interruptions, m.backchannels), (None, None, None));
            assert_eq!((m.speech_ms, m.non_talk_ms), (Some(Millis(600.0)), Some(Millis(0.0))));
            assert_eq!(m.unavailable.as_deref(), Some("voices"));
        }
        assert_eq!(of(Comparison::Turns).response_ms.unwrap().count, 1);
        assert_eq!(of(Comparison::Mixed).response_ms, None);
    }
}
