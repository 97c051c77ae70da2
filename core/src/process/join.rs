//! Step 4: joins consecutive recordings of one party into one track.
//!
//! Segments are ordered by their start times, with silence between them. Where the end of one and
//! the beginning of the next hold the same audio, they are joined there. Recordings that overlap in
//! time with different audio are not segments; they stay separate tracks.

use crate::align;
use crate::call::{Moment, Role};
use crate::events::TrackEvent;
use crate::track::{CompactPcm, Narrowband, SampleSink};
use crate::units::{Millis, Rate, Span};

use super::analyze::TrackAnalysis;
use super::partition::{ReadTrack, TrackSegment};

/// How far two start times may be off, beyond their resolutions, in milliseconds.
const SLACK_MS: f64 = 500.0;
/// Longest silence between two segments, in milliseconds. A later recording is not a segment.
const MAX_SILENCE_MS: f64 = 3_600_000.0;
/// Length of the crossfade at the end of the first of two overlapping segments.
const FADE: Millis = Millis(5.0);

/// Samples copied at once.
const SCRATCH: usize = 4096;

/// Recordings on one clock.
struct Chain {
    start: Moment,
    members: Vec<ChainMember>,
}

/// A recorder, and when it starts relative to the chain's first.
#[derive(Clone, Copy)]
struct ChainMember {
    recorder: usize,
    start: Millis,
    /// How far the start may be off, in nine of ten cases.
    uncertainty: Millis,
}

/// The identity of a party. Two recordings with the same key hold the same party.
type PartyKey<'a> = (Role, Option<&'a str>);

/// Joins the segments of each party. The joined track takes the first segment's position and does
/// not exceed `limit`.
pub(super) fn join(mut tracks: Vec<ReadTrack>, limit: Millis) -> Vec<ReadTrack> {
    for chain in chains(&tracks, limit) {
        let Some(&ChainMember { recorder: first, .. }) = chain.members.first() else { continue };
        for track in &mut tracks {
            if let Some(member) = chain.members.iter().find(|member| member.recorder == track.recorder) {
                (track.recorder, track.lead, track.lead_uncertainty) = (first, member.start, member.uncertainty);
            }
        }
    }
    let mut joined: Vec<ReadTrack> = Vec::new();
    for track in tracks {
        let same = |other: &&mut ReadTrack| {
            other.recorder == track.recorder && other.lead != track.lead && same_party(other, &track)
        };
        match joined.iter_mut().find(same) {
            Some(other) => other.join(track),
            None => joined.push(track),
        }
    }
    joined
}

/// Returns the groups of consecutive recordings, ordered by start time.
fn chains(tracks: &[ReadTrack], limit: Millis) -> Vec<Chain> {
    let mut recorders: Vec<(Moment, usize)> = Vec::new();
    for track in tracks {
        if let Some(start) = track.leg.started_at
            && !recorders.iter().any(|r| r.1 == track.recorder)
        {
            recorders.push((start, track.recorder));
        }
    }
    recorders.sort_by_key(|(start, recorder)| (start.unix_ms(), *recorder));
    let mut chains: Vec<Chain> = Vec::new();
    for (start, recorder) in recorders {
        let after = |chain: &Chain| chain.follow(tracks, recorder, start, limit);
        match chains.iter_mut().find_map(|chain| after(chain).map(|member| (chain, member))) {
            Some((chain, member)) => chain.members.push(member),
            None => {
                let first = ChainMember { recorder, start: Millis(0.0), uncertainty: Millis(0.0) };
                chains.push(Chain { start, members: vec![first] });
            }
        }
    }
    chains
}

impl Chain {
    /// Returns when a recorder starts on this chain's clock, if it continues the same party's
    /// recording.
    fn follow(&self, tracks: &[ReadTrack], recorder: usize, start: Moment, limit: Millis) -> Option<ChainMember> {
        let of = |recorder: usize| tracks.iter().filter(move |track| track.recorder == recorder);
        let earlier = |track: &ReadTrack| {
            let members = self.members.iter().rev();
            members.flat_map(|&m| of(m.recorder).map(move |l| (l, m))).find(|(l, _)| same_party(l, track))
        };
        let pairs: Vec<(&TrackAnalysis, ChainMember, &TrackAnalysis)> = of(recorder)
            .filter_map(|track| {
                let (before, member) = earlier(track)?;
                Some((&before.analysis, member, &track.analysis))
            })
            .collect();
        if pairs.is_empty() || pairs.iter().any(|(before, _, next)| before.rate != next.rate) {
            return None;
        }
        let end = pairs.iter().map(|(before, at, _)| at.start.0 + before.duration.0).fold(0.0, f64::max);
        let length = pairs.iter().map(|(_, _, next)| next.duration.0).fold(0.0, f64::max);
        let expected = (start.unix_ms() - self.start.unix_ms()) as f64;
        let within = start.resolution().0 + self.start.resolution().0 + SLACK_MS;
        // By the same audio on both, a start is as exact as that of the earlier one.
        let agreed = || {
            pairs.iter().find_map(|(before, at, next)| {
                let near = Millis(expected - at.start.0);
                let lag = align::overlap(before.narrowband(), next.narrowband(), near, Millis(within))?;
                Some((at.start.0 + lag.0, at.uncertainty))
            })
        };
        // By start times, it is as exact as these are, and as far off as it is from them.
        let inexact = start.resolution().0.hypot(self.start.resolution().0);
        let timed = |at: f64| (at, Millis(inexact + (at - expected).abs()));
        // Without the same audio on both, the second begins when the first has ended.
        let (at, uncertainty) = match () {
            () if expected - within >= end => Some(timed(expected)),
            () => {
                agreed().or_else(|| (expected + within >= end).then(|| timed((expected.max(end) * 8.0).ceil() / 8.0)))
            }
        }?;
        let fits = at + length > end && at - end <= MAX_SILENCE_MS && at + length <= limit.0;
        fits.then_some(ChainMember { recorder, start: Millis(at), uncertainty })
    }
}

/// Returns `true` if two recordings hold the same party, according to their document.
fn same_party(a: &ReadTrack, b: &ReadTrack) -> bool {
    party(a).is_some_and(|a| party(b) == Some(a))
}

/// Returns the party of a track. A mix of all parties counts as one.
fn party(track: &ReadTrack) -> Option<PartyKey<'_>> {
    let party = track.leg.party.as_deref();
    (party.is_some() || track.role == Role::Mixed).then_some((track.role, party))
}

impl ReadTrack {
    /// Appends a segment of the same party with another start time.
    fn join(&mut self, mut other: Self) {
        if other.lead < self.lead {
            let index = self.index;
            std::mem::swap(self, &mut other);
            self.index = index;
        }
        let at = Millis(other.lead.0 - self.lead.0);
        self.lead_uncertainty = self.lead_uncertainty.max(other.lead_uncertainty);
        let (analysis, next) = (&mut self.analysis, other.analysis);
        if self.segments.is_empty() {
            self.segments.push(TrackSegment {
                source: analysis.source.clone(),
                start: Millis(0.0),
                end: analysis.duration,
            });
        }
        let end = Millis(at.0 + next.duration.0);
        self.segments.push(TrackSegment { source: next.source.clone(), start: at, end });
        analysis.append(next, at);
    }
}

impl TrackAnalysis {
    /// Appends a later recording of the same line from time `at`. Where both hold audio, the
    /// earlier one is kept.
    fn append(&mut self, next: Self, at: Millis) {
        extend(&mut self.samples, &next.samples, self.rate, at);
        if let (Some(line), Some(next)) = (&mut self.narrowband, &next.narrowband) {
            extend_compact(line, next, at);
        }
        self.level.append(&next.level, at);
        let frame = if self.speech.hop.0 > 0.0 { (at.0 / self.speech.hop.0).round() as usize } else { 0 };
        let values = &mut self.speech.values;
        let seen = values.len().saturating_sub(frame);
        values.resize(values.len().max(frame), 0.0);
        values.extend(next.speech.values.iter().skip(seen));
        for event in next.events {
            add_event(&mut self.events, event, at, self.duration);
        }
        let later = next.key_doubts.into_iter().map(|span| Span { start: span.start + at, end: span.end + at });
        self.key_doubts.extend(later);
        self.band.loud += next.band.loud;
        self.band.wide += next.band.wide;
        self.events.sort_by(|a, b| a.start_ms.total_cmp(&b.start_ms).then(a.kind.cmp(&b.kind)));
        self.duration = self.duration.max(Millis(at.0 + next.duration.0));
    }
}

/// Appends samples that begin at a time, with silence before them, or a crossfade where they
/// overlap.
fn extend(line: &mut Vec<i16>, next: &[i16], rate: Rate, at: Millis) {
    if next.is_empty() {
        return;
    }
    let at = rate.sample_at(at) as usize;
    let common = line.len().saturating_sub(at).min(next.len());
    let fade = common.min(rate.sample_at(FADE) as usize);
    let start = line.len().max(at);
    line.resize(start, 0);
    let from = start - fade;
    for (k, sample) in line.iter_mut().skip(from).enumerate().take(fade) {
        let other = next.get(from + k - at).copied().unwrap_or_default();
        let share = (k + 1) as f32 / (fade + 1) as f32;
        *sample = (f32::from(*sample) * (1.0 - share) + f32::from(other) * share).round() as i16;
    }
    line.extend(next.iter().skip(common));
}

/// Appends samples at 8 kHz in the same way.
fn extend_compact(line: &mut CompactPcm, next: &CompactPcm, at: Millis) {
    let at = Rate::NARROWBAND.sample_at(at) as usize;
    let common = line.len().saturating_sub(at).min(next.len());
    let fade = common.min(Rate::NARROWBAND.sample_at(FADE) as usize);
    let from = line.len().max(at) - fade;
    let (mut faded, mut other) = (vec![0.0; fade], vec![0.0; fade]);
    line.read(from, &mut faded);
    next.read(from.saturating_sub(at), &mut other);
    for (k, (sample, other)) in faded.iter_mut().zip(other).enumerate() {
        let share = (k + 1) as f32 / (fade + 1) as f32;
        *sample = *sample * (1.0 - share) + other * share;
    }
    line.truncate(from);
    let mut scratch = vec![0.0; SCRATCH];
    while line.len() < from {
        line.push(&scratch[..SCRATCH.min(from - line.len())]);
    }
    line.push(&faded);
    let mut at = common;
    while at < next.len() {
        let block = &mut scratch[..SCRATCH.min(next.len() - at)];
        next.read(at, block);
        line.push(block);
        at += block.len();
    }
}

/// Adds an event of a later segment. Where both segments hold it, only the part after the first
/// one's end is added.
fn add_event(events: &mut Vec<TrackEvent>, mut event: TrackEvent, at: Millis, end: Millis) {
    event.start_ms += at.0;
    event.end_ms += at.0;
    if event.end_ms <= end.0 {
        return;
    }
    if event.start_ms < end.0
        && let Some(same) = events.iter_mut().find(|s| s.kind == event.kind && s.end_ms > event.start_ms)
    {
        same.end_ms = event.end_ms;
        return;
    }
    events.push(event);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Leg;
    use crate::config::Config;
    use crate::decode::Input;
    use crate::process::{CallInput, Processed, RecordingSource, process};
    use crate::provider::{Part, Recording};
    use crate::run::RunOptions;
    use crate::timeline::Method;
    use crate::track::{to_f32, to_i16};

    /// Noise of a fixed sequence, not the same for two seeds.
    fn noise(n: usize, seed: u32) -> Vec<i16> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 18) as i16 - 8_192
        };
        (0..n).map(|_| next()).collect()
    }

    fn wav(channels: &[&[i16]]) -> Vec<u8> {
        let (count, frames) = (channels.len() as u32, channels[0].len());
        let mut bytes = [b"RIFF".as_slice(), &(36 + 2 * count * frames as u32).to_le_bytes(), b"WAVEfmt "].concat();
        bytes.extend(16u32.to_le_bytes());
        bytes.extend([1u16, count as u16].map(u16::to_le_bytes).concat());
        bytes.extend([8_000, 16_000 * count].map(u32::to_le_bytes).concat());
        bytes.extend([2 * count as u16, 16].map(u16::to_le_bytes).concat());
        bytes.extend([b"data".as_slice(), &(2 * count * frames as u32).to_le_bytes()].concat());
        (0..frames).for_each(|i| channels.iter().for_each(|c| bytes.extend(c[i].to_le_bytes())));
        bytes
    }

    fn leg(role: Role, party: &str, second: f64) -> Leg {
        let started_at = Moment::from_unix_seconds(1_600_000_000.0 + second);
        Leg { role, party: Some(party.into()), started_at, ..Leg::default() }
    }

    fn processed(recordings: Vec<RecordingSource>) -> Processed {
        let call = CallInput { recordings, ..CallInput::default() };
        process(call, &Config::default(), &RunOptions::default()).unwrap()
    }

    fn caller(second: f64, samples: &[i16]) -> RecordingSource {
        let input = Input::bytes(format!("{second}.wav"), wav(&[samples])).leg(leg(Role::Customer, "+1", second));
        RecordingSource::Input { input, described: None }
    }

    #[test]
    fn a_gap_is_kept_as_silence_and_pieces_may_come_in_any_order() {
        let (a, b) = (noise(24_000, 1), noise(16_000, 2));
        let call = processed(vec![caller(10.0, &b), caller(0.0, &a)]);
        assert_eq!(call.tracks.len(), 1);
        assert_eq!(call.tracks[0].track.samples, [a, vec![0; 56_000], b].concat());
        let track = &call.report.tracks[0];
        let spans: Vec<(f64, f64)> = track.pieces.iter().map(|p| (p.span.start.0, p.span.end.0)).collect();
        assert_eq!(spans, [(0.0, 3_000.0), (10_000.0, 12_000.0)]);
        assert_eq!(track.source, Some(track.pieces[0].source.clone()));
        assert_eq!(track.pieces[1].source.path.as_deref(), Some("10.wav"));
        assert_eq!(call.report.call.duration_ms, Millis(12_000.0));
    }

    #[test]
    fn a_line_at_8_khz_is_joined_as_its_samples_are() {
        let compact = |samples: &[i16]| {
            let mut compact = CompactPcm::default();
            compact.push(&samples.iter().map(|&x| to_f32(x)).collect::<Vec<_>>());
            compact
        };
        // Too faint to lose anything.
        let faint = |n, seed| noise(n, seed).into_iter().map(|x| x / 80).collect::<Vec<i16>>();
        let (a, b) = (faint(24_000, 1), faint(16_000, 2));
        for at_ms in [0.0, 1_000.0, 2_998.0, 3_000.0, 3_777.0, 9_000.125] {
            let (mut line, mut narrow) = (a.clone(), compact(&a));
            extend(&mut line, &b, Rate::NARROWBAND, Millis(at_ms));
            extend_compact(&mut narrow, &compact(&b), Millis(at_ms));
            let mut read = vec![9.0; narrow.len()];
            narrow.read(0, &mut read);
            let off = read.iter().zip(&line).filter(|(x, y)| to_i16(**x).abs_diff(**y) > 1).count();
            assert_eq!((read.len(), off), (line.len(), 0), "{at_ms} ms");
        }
    }

    #[test]
    fn what_two_pieces_both_hold_is_joined_to_the_sample() {
        let line = noise(100_000, 3);
        // By their times the second begins a second later than it does.
        let call = processed(vec![caller(0.0, &line[..60_000]), caller(6.0, &line[40_011..])]);
        assert_eq!(call.tracks.len(), 1);
        assert_eq!(call.tracks[0].track.samples, line);
        assert_eq!(call.report.tracks[0].pieces[1].span.start, Millis(5001.375));
    }

    #[test]
    fn without_the_same_audio_the_second_begins_where_the_first_ends() {
        let (a, b) = (noise(24_000, 4), noise(16_000, 5));
        let call = processed(vec![caller(0.0, &a), caller(2.0, &b)]);
        assert_eq!(call.tracks[0].track.samples, [a, b].concat());
    }

    #[test]
    fn two_recordings_at_once_and_two_parties_stay_apart() {
        let (a, b) = (noise(80_000, 6), noise(80_000, 7));
        assert_eq!(processed(vec![caller(0.0, &a), caller(2.0, &b)]).tracks.len(), 2);
        let other = Input::bytes("b.wav", wav(&[&b])).leg(leg(Role::Agent, "+2", 20.0));
        assert_eq!(
            processed(vec![caller(0.0, &a), RecordingSource::Input { input: other, described: None }]).tracks.len(),
            2
        );
    }

    #[test]
    fn an_agent_of_one_piece_alone_lies_with_it() {
        let stereo = |second: f64, agent: &str, samples: [&[i16]; 2]| {
            let part = |channel: u16, role, party: &str| Part {
                leg: Leg { channel: Some(channel), ..leg(role, party, second) },
                name_ends: None,
            };
            let role = if agent == "8010" { Role::Agent } else { Role::Transfer };
            let described =
                Recording { parts: vec![part(0, Role::Customer, "+1"), part(1, role, agent)], ..Recording::default() };
            let whole = Leg { role: Role::Mixed, party: None, ..leg(Role::Mixed, "", second) };
            let input = Input::bytes(agent, wav(&samples)).leg(whole);
            RecordingSource::Input { input, described: Some(Box::new(described)) }
        };
        let quiet = vec![0; 24_000];
        let (a, b) = (noise(24_000, 8), noise(24_000, 9));
        let call = processed(vec![stereo(0.0, "8010", [&a, &quiet]), stereo(7.0, "8020", [&b, &a])]);
        let roles: Vec<Role> = call.report.tracks.iter().map(|t| t.role).collect();
        assert_eq!(roles, [Role::Customer, Role::Agent, Role::Transfer]);
        let offsets: Vec<f64> = call.tracks.iter().map(|t| t.placement.offset().0).collect();
        assert_eq!(offsets, [0.0, 0.0, 7_000.0]);
        assert!(call.tracks.iter().all(|t| t.placement.method == Method::Reference));
    }
}
