//! Detects problems with a call's recordings. Each finding has a code, the measured value and the
//! limit.
//!
//! | code | reported if |
//! |---|---|
//! | `dead_track` | at most 1 in 200 hops (10 ms) of a track has a signal (above `outcome.deadDbov`) |
//! | `one_way_audio` | a track is dead while another party talks |
//! | `clipped` | at least `clippedShare` of a track's samples are at full scale |
//! | `dc_offset` | the mean of a track's samples is off 0 by at least 0.003 of full scale |
//! | `narrow_band` | less than `wideShare` of a wideband file's loud frames have sound above the telephone's 4 kHz |
//! | `header_mismatch` | a header contradicts the audio |
//! | `damaged` | parts of a recording could not be decoded, or are missing at its end |
//! | `pause_zeros` | digital zero for at least `pauseMs` between sounds: the recorder was paused |
//! | `pause_splice` | at least `pauseMs` of the call are missing from the recording |
//! | `dropouts` | short gaps take up at least `dropoutShare` of a track |
//! | `dual_mono` | two tracks are the same recording |

use serde::{Deserialize, Serialize};

use crate::config::IntegrityConfig;
use crate::timeline::{Event, EventKind, Placement};
use crate::units::{Millis, Span, sum};

/// The kind of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Flaw {
    /// A track without a signal.
    DeadTrack,
    /// One party talks while the other's track is dead.
    OneWayAudio,
    /// Samples at full scale.
    Clipped,
    /// Samples whose mean is not 0.
    DcOffset,
    /// Telephone bandwidth in a wideband file.
    NarrowBand,
    /// A header that contradicts the audio.
    HeaderMismatch,
    /// Audio that could not be decoded.
    Damaged,
    /// A recorder's pause, recorded as zeros.
    PauseZeros,
    /// A recorder's pause, cut out of the recording.
    PauseSplice,
    /// Many short gaps.
    Dropouts,
    /// The same recording delivered twice.
    DualMono,
}

impl Flaw {
    /// Returns `true` if the recording says so little about the parties that none should be tagged
    /// as spam because of it.
    pub fn forbids_judgement(self) -> bool {
        !matches!(self, Self::Clipped | Self::DcOffset | Self::NarrowBand | Self::Dropouts)
    }
}

/// A problem with a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// The kind of problem.
    pub code: Flaw,
    /// The track that has it.
    pub track: usize,
    /// The measured value.
    pub measured: f64,
    /// The limit it was compared with.
    pub limit: f64,
    /// The unit of both: `share`, `ms` or `count`.
    pub unit: String,
    /// Description for people.
    pub message: String,
}

/// One track, as input of the findings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inspected<'a> {
    /// The track's index in the call.
    pub track: usize,
    /// Share of its hops with a signal.
    pub alive: f64,
    /// Whether its party speaks.
    pub speaks: bool,
    /// The track's duration.
    pub duration: Millis,
    /// Number of samples.
    pub samples: u64,
    /// Samples at full scale.
    pub clipped: u64,
    /// Mean of its samples, of full scale.
    pub dc_offset: f64,
    /// Its events, in its own time.
    pub events: &'a [Event],
    /// Numbers of loud frames, and of those with power above the telephone band. `None` if the
    /// file's rate has no room for any.
    pub band: Option<(u32, u32)>,
    /// Codes of the decoder's warnings.
    pub warnings: Vec<&'a str>,
    /// The track's placement.
    pub placement: Option<&'a Placement>,
    /// The track that it repeats.
    pub repeats: Option<usize>,
}

/// Decoder warnings about a header that contradicts the audio.
const HEADER: [&str; 3] = ["header_field_wrong", "header_size_wrong", "rate_changed"];
/// Decoder warnings about lost audio.
const DAMAGE: [&str; 5] = ["truncated", "damaged", "packet_failed", "packets_lost", "resync"];
/// Fewest loud frames (4 s of speech) from which the bandwidth is judged.
const MIN_FRAMES: u32 = 32;
/// Zeros that begin or end this close to a track's end are not a pause.
const AT_END: Millis = Millis(1000.0);

/// Least DC offset that is reported: −50 dBov hide the noise of a quiet line. The largest of 538
/// channels of speech and calls was 0.0011.
const DC_OFFSET: f64 = 0.003;

/// Largest share of hops with a signal on a dead track. A click at the start or the end is no
/// signal.
const STRAY_HOPS: f64 = 0.005;

/// Returns `true` if a track with this share of hops with a signal is dead.
pub(crate) fn is_dead(alive: f64) -> bool {
    alive <= STRAY_HOPS
}

/// Returns the problems of a call's tracks.
pub(crate) fn findings(tracks: &[Inspected], config: &IntegrityConfig) -> Vec<Finding> {
    tracks.iter().flat_map(|track| inspect(track, tracks, config)).collect()
}

fn inspect(track: &Inspected, all: &[Inspected], config: &IntegrityConfig) -> Vec<Finding> {
    let mut found = TrackFindings { track, found: Vec::new() };
    found.signal(all, config);
    found.file();
    found.gaps(config);
    if let Some(other) = track.repeats {
        found.tell(Flaw::DualMono, 1.0, 1.0, "count", &format!("is the same recording as track {other}"));
    }
    found.found
}

/// The problems of one track.
struct TrackFindings<'a> {
    track: &'a Inspected<'a>,
    found: Vec<Finding>,
}

impl TrackFindings<'_> {
    fn tell(&mut self, code: Flaw, measured: f64, limit: f64, unit: &str, message: &str) {
        let round = |x: f64| (x * 1e4).round() / 1e4;
        let track = self.track.track;
        let message = format!("track {track}: {message}");
        let (measured, limit, unit) = (round(measured), round(limit), unit.into());
        self.found.push(Finding { code, track, measured, limit, unit, message });
    }

    /// Checks for dead tracks, clipping, a DC offset, and speech narrower than the rate.
    fn signal(&mut self, all: &[Inspected], config: &IntegrityConfig) {
        let track = self.track;
        if is_dead(track.alive) {
            self.tell(Flaw::DeadTrack, track.alive, STRAY_HOPS, "share", "carries no signal");
            let talkers = all.iter().filter(|other| other.track != track.track && other.speaks).count();
            if talkers > 0 {
                let message = "carries no signal while the other party talks";
                self.tell(Flaw::OneWayAudio, talkers as f64, 1.0, "count", message);
            }
        }
        let clipped = share(track.clipped as f64, track.samples as f64);
        if track.clipped > 0 && clipped >= config.clipped_share {
            self.tell(Flaw::Clipped, clipped, config.clipped_share, "share", "samples at full scale");
        }
        if track.dc_offset.abs() >= DC_OFFSET {
            let message = "samples with a DC offset, which levels, noise, activity and gain count";
            self.tell(Flaw::DcOffset, track.dc_offset.abs(), DC_OFFSET, "share", message);
        }
        if let Some((loud, wide)) = track.band
            && loud >= MIN_FRAMES
            && share(wide.into(), loud.into()) < config.wide_share
        {
            let message = "has no sound above the telephone band, although its sample rate allows it";
            self.tell(Flaw::NarrowBand, share(wide.into(), loud.into()), config.wide_share, "share", message);
        }
    }

    /// Checks the decoder's warnings.
    fn file(&mut self) {
        let warned = |codes: &[&str]| self.track.warnings.iter().filter(|code| codes.contains(code)).count() as f64;
        let (header, damage) = (warned(&HEADER), warned(&DAMAGE));
        if header > 0.0 {
            self.tell(Flaw::HeaderMismatch, header, 1.0, "count", "the header does not match the audio");
        }
        if damage > 0.0 {
            self.tell(Flaw::Damaged, damage, 1.0, "count", "parts are missing or could not be decoded");
        }
    }

    /// Checks for pauses of the recorder, lost audio and dropouts.
    fn gaps(&mut self, config: &IntegrityConfig) {
        let track = self.track;
        let limit = config.pause_ms;
        if let Some(pause) = longest_zero(track).filter(|pause| *pause >= limit) {
            let message = "digital silence between sounds: the recorder was paused";
            self.tell(Flaw::PauseZeros, pause.0, limit.0, "ms", message);
        }
        if let Some(loss) = longest_loss(track.placement).filter(|loss| *loss >= limit) {
            self.tell(Flaw::PauseSplice, loss.0, limit.0, "ms", "a part of the call is missing from the recording");
        }
        let holes: f64 = sum(of_kind(track, EventKind::Dropout).map(|s| s.duration().0));
        let part = share(holes, track.duration.0);
        if holes > 0.0 && part >= config.dropout_share {
            self.tell(Flaw::Dropouts, part, config.dropout_share, "share", "dropouts: short gaps in the sound");
        }
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn of_kind<'a>(track: &'a Inspected, kind: EventKind) -> impl Iterator<Item = Span> + 'a {
    track.events.iter().filter(move |e| e.kind == kind).map(|e| e.span)
}

/// Returns the longest run of zeros between sounds.
fn longest_zero(track: &Inspected) -> Option<Millis> {
    let inside = |span: &Span| span.start >= AT_END && span.end + AT_END <= track.duration;
    of_kind(track, EventKind::DigitalZero).filter(inside).map(|s| s.duration()).reduce(Millis::max)
}

/// Returns the largest part of the call that is lost at one moment of the track.
fn longest_loss(placement: Option<&Placement>) -> Option<Millis> {
    let jumps = placement?.knots().windows(2).filter(|k| k[0].track == k[1].track).map(|k| k[1].call - k[0].call);
    jumps.reduce(Millis::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::{Knot, Method};

    fn codes(tracks: &[Inspected]) -> Vec<(Flaw, usize)> {
        let config = IntegrityConfig::default();
        findings(tracks, &config).into_iter().map(|f| (f.code, f.track)).collect()
    }

    fn sound(track: usize) -> Inspected<'static> {
        Inspected {
            track,
            speaks: true,
            duration: Millis(60_000.0),
            alive: 1.0,
            samples: 960_000,
            ..Inspected::default()
        }
    }

    fn event(kind: EventKind, start_s: f64, end_s: f64) -> Event {
        Event { kind, span: Span::new(start_s * 1000.0, end_s * 1000.0), detail: None, confidence: 1.0 }
    }

    #[test]
    fn nothing_is_wrong_with_a_plain_recording() {
        assert_eq!(codes(&[sound(0), sound(1)]), []);
        assert_eq!(codes(&[]), []);
    }

    #[test]
    fn a_dead_track_is_one_way_audio_where_somebody_talks() {
        let dead = Inspected { alive: 0.005, speaks: false, ..sound(1) };
        assert_eq!(codes(&[sound(0), dead.clone()]), [(Flaw::DeadTrack, 1), (Flaw::OneWayAudio, 1)]);
        assert_eq!(codes(&[sound(0), Inspected { alive: 0.0051, ..dead.clone() }]), [], "1 in 200");
        let silent = Inspected { speaks: false, ..sound(0) };
        assert_eq!(codes(&[silent, dead]), [(Flaw::DeadTrack, 1)]);
    }

    #[test]
    fn shares_are_held_against_their_limits() {
        let offset = |dc_offset| codes(&[Inspected { dc_offset, ..sound(0) }]);
        assert_eq!((offset(0.0029), offset(-0.003)), (vec![], vec![(Flaw::DcOffset, 0)]));
        let clipped = |clipped| codes(&[Inspected { clipped, ..sound(0) }]);
        assert_eq!((clipped(95), clipped(96)), (vec![], vec![(Flaw::Clipped, 0)]), "1 in 10,000");
        let band = |loud, wide| codes(&[Inspected { band: Some((loud, wide)), ..sound(0) }]);
        assert_eq!((band(200, 1), band(200, 0)), (vec![], vec![(Flaw::NarrowBand, 0)]), "1 in 200");
        assert_eq!((band(31, 0), band(32, 0)), (vec![], vec![(Flaw::NarrowBand, 0)]), "too little was heard");
        let holes = |end_s| {
            let events = [event(EventKind::Dropout, 10.0, end_s)];
            codes(&[Inspected { events: &events, ..sound(0) }])
        };
        assert_eq!((holes(10.599), holes(10.6)), (vec![], vec![(Flaw::Dropouts, 0)]), "1 in 100");
    }

    #[test]
    fn a_pause_lies_between_sounds() {
        let zeros = |start, end| {
            let events = [event(EventKind::DigitalZero, start, end)];
            codes(&[Inspected { events: &events, ..sound(0) }])
        };
        assert_eq!(zeros(10.0, 13.0), [(Flaw::PauseZeros, 0)]);
        assert_eq!(zeros(10.0, 12.999), []);
        assert_eq!(zeros(0.5, 13.0), [], "the recorder began before the call");
        assert_eq!(zeros(10.0, 59.5), [], "and ended after it");
    }

    #[test]
    fn a_cut_is_seen_by_what_the_call_went_on_for() {
        let cut = |lost: f64| {
            let knot = |track, call| Knot { track: Millis(track), call: Millis(call) };
            let knots = vec![
                knot(0.0, 0.0),
                knot(20_000.0, 20_000.0),
                knot(20_000.0, 20_000.0 + lost),
                knot(60_000.0, 60_000.0 + lost),
            ];
            let placement = Placement::through(knots, Method::Bleed, 1.0, Millis(50.0));
            codes(&[Inspected { placement: Some(&placement), ..sound(0) }])
        };
        assert_eq!(cut(3_000.0), [(Flaw::PauseSplice, 0)]);
        assert_eq!(cut(2_999.0), []);
    }

    #[test]
    fn what_the_decoder_said_is_passed_on_in_one_word() {
        let warnings = vec!["header_size_wrong", "resync", "truncated", "delay_unknown"];
        let told = codes(&[Inspected { warnings, repeats: Some(1), ..sound(0) }]);
        assert_eq!(told, [(Flaw::HeaderMismatch, 0), (Flaw::Damaged, 0), (Flaw::DualMono, 0)]);
        assert!(told.iter().all(|(flaw, _)| flaw.forbids_judgement()) && !Flaw::Clipped.forbids_judgement());
    }
}
