//! A call that goes on, with its tracks.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::call::{Call, KnownOffset, Leg, Role};
use crate::config::{Config, DetectorKind, setters};
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::process::{CallInput, LiveSource, Processed, RecordingSource, process_kept, report_so_far};
use crate::report::Report;
use crate::run::RunOptions;
use crate::units::{Millis, Rate};

use super::event::Teller;
use super::floor::Floor;
use super::keep::Keep;
use super::track::LiveTrack;
use super::{LiveEvent, LivePacket, LiveSamples, PacketCounts, SampleEncoding};

/// The payload type of comfort noise (RFC 3389).
const COMFORT_NOISE: u8 = 13;

/// How a call is heard while it goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LiveOptions {
    /// What becomes of the samples.
    pub keep: Keep,
    /// How long a missing packet, or a track that stays behind the others, is waited for.
    pub window_ms: Millis,
    /// A track without a signal for so long since its beginning is told as dead.
    pub dead_after_ms: Millis,
    /// The track of the party that was called, which is watched for its answer.
    pub called: Option<usize>,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self { keep: Keep::Nothing, window_ms: Millis(1000.0), dead_after_ms: Millis(5000.0), called: None }
    }
}

setters! { LiveOptions:
    with_keep(keep: Keep),
    into with_window_ms(window_ms: Millis),
    into with_dead_after_ms(dead_after_ms: Millis),
    with_called(called: Option<usize>),
}

/// One track of a call that goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveTrackOptions {
    /// Samples per second.
    pub rate: Rate,
    /// What reports and errors call it; `None`: `track 0` and so on.
    pub name: Option<String>,
    /// Whose it is.
    pub leg: Leg,
}

impl LiveTrackOptions {
    /// A track of samples of a rate, of an unknown party.
    pub fn new(rate: Rate) -> Self {
        Self { rate, name: None, leg: Leg::default() }
    }

    /// Says who is heard.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.leg.role = role;
        self
    }

    /// Says which party it is: a number, an address or a name.
    #[must_use]
    pub fn party(mut self, party: impl Into<String>) -> Self {
        self.leg.party = Some(party.into());
        self
    }
}

/// Hears a call while its samples come: events as they become certain, a report at any time.
///
/// Every track has a line of samples of its own, which begins with the call unless
/// [`begin`](Self::begin) says otherwise. Where the samples were cut changes nothing.
///
/// ```
/// use callweave::live::{LiveCall, LiveOptions, LiveTrackOptions};
/// use callweave::{Config, Role, RunOptions, units::Rate};
///
/// let track = |role| LiveTrackOptions::new(Rate::NARROWBAND).role(role);
/// let tracks = vec![track(Role::Customer), track(Role::Agent)];
/// let mut call = LiveCall::new(tracks, &Config::default(), &LiveOptions::default())?;
/// for frame in [[0i16; 160]; 500] {
///     call.push(0, frame.as_slice())?;
///     call.push(1, frame.as_slice())?;
///     while let Some(event) = call.next_event() {
///         println!("{} at {} {:?}", event.kind.name(), event.start, event.certainty);
///     }
/// }
/// let report = call.finish(&RunOptions::default())?.report;
/// assert_eq!(report.call.duration_ms.0, 10_000.0);
/// # Ok::<(), callweave::Error>(())
/// ```
pub struct LiveCall {
    config: Config,
    window: Millis,
    call: Call,
    tracks: Vec<LiveTrack>,
    /// The encoding of each track's packets.
    encodings: Vec<Option<SampleEncoding>>,
    /// The payload type of each track's first packet of RTP.
    kinds: Vec<Option<u8>>,
    floor: Floor,
    teller: Teller,
    events: VecDeque<LiveEvent>,
    finished: bool,
}

impl fmt::Debug for LiveCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveCall")
            .field("tracks", &self.tracks.len())
            .field("events", &self.events.len())
            .field("finished", &self.finished)
            .finish_non_exhaustive()
    }
}

impl LiveCall {
    /// A call of some tracks.
    ///
    /// # Errors
    /// `invalid_argument` for options or a configuration that make no sense, `limit_exceeded` for
    /// more tracks than `decode.maxTracks`, `unsupported` for a detector other than Silero or a rate
    /// that cannot be brought to 8 kHz, `io` where a file to keep samples in cannot be made.
    pub fn new(tracks: Vec<LiveTrackOptions>, config: &Config, options: &LiveOptions) -> Result<Self> {
        config.validate()?;
        check(tracks.len(), config, options)?;
        let count = tracks.len();
        let live = tracks.into_iter().enumerate().map(|(place, track)| {
            let name = track.name.unwrap_or_else(|| format!("track {place}"));
            let offset = track.leg.offset.unwrap_or_default();
            let leg = Leg { offset: Some(offset), ..track.leg };
            let source = LiveSource { name, leg, whole: true, warnings: Vec::new() };
            let mut live = LiveTrack::new([place, count], track.rate, source, options, config)?;
            live.teller.offset = offset.offset.0;
            Ok(live)
        });
        Ok(Self {
            tracks: live.collect::<Result<_>>()?,
            encodings: vec![None; count],
            kinds: vec![None; count],
            floor: Floor::new(count, config),
            teller: Teller::new(count, count),
            config: config.clone(),
            window: options.window_ms,
            call: Call::default(),
            events: VecDeque::with_capacity(64),
            finished: false,
        })
    }

    /// Says what is known of the call besides its audio.
    #[must_use]
    pub fn with_call(mut self, call: Call) -> Self {
        self.call = call;
        self
    }

    /// Says when a track begins on the call's timeline, before its first sample.
    ///
    /// # Errors
    /// `invalid_argument` after its first sample, and for a time that makes no sense.
    pub fn begin(&mut self, track: usize, at: Millis) -> Result<()> {
        let wrong = |found: String, expected: &str| {
            Error::new(ErrorKind::InvalidArgument, Stage::Input, "the beginning of a track")
                .with_mismatch(found, expected)
        };
        let live = self.open(track)?;
        if live.has_begun() {
            return Err(wrong("a track that has begun".into(), "one without samples"));
        }
        let offset = KnownOffset::new(at, Millis(0.0)).filter(|_| at.0 >= 0.0);
        live.source.leg.offset = Some(offset.ok_or_else(|| wrong(at.to_string(), "0 ms to a day"))?);
        live.teller.offset = at.0;
        Ok(())
    }

    /// Takes the next samples of a track.
    ///
    /// # Errors
    /// `invalid_argument` for a track that does not exist or has ended, samples of a track of
    /// packets, and an encoding that changes within a sample or within a track that is kept; `io`
    /// where samples cannot be kept.
    pub fn push<'a>(&mut self, track: usize, samples: impl Into<LiveSamples<'a>>) -> Result<()> {
        let samples = samples.into();
        if self.encodings.get(track).is_some_and(Option::is_some) {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "samples of a track")
                .with_mismatch("samples after packets", "packets"));
        }
        self.open(track)?;
        let Self { tracks, floor, .. } = self;
        let taken = tracks.get_mut(track).map_or(Ok(()), |live| live.push(samples, &mut |change| floor.push(change)));
        self.tell(track);
        taken
    }

    /// The same for samples that come with their rate.
    ///
    /// # Errors
    /// As [`push`](Self::push), and `invalid_argument` for another rate than the track's.
    pub fn push_at<'a>(&mut self, track: usize, rate: Rate, samples: impl Into<LiveSamples<'a>>) -> Result<()> {
        let expected = self.open(track)?.rate;
        if rate != expected {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "the rate changed within a track")
                .with_mismatch(rate, expected));
        }
        self.push(track, samples)
    }

    /// Takes a packet of a track: late ones come in their place, those that never come are silence.
    ///
    /// # Errors
    /// As [`push`](Self::push); `invalid_argument` for packets after samples and for another
    /// encoding than before.
    pub fn packet(&mut self, track: usize, encoding: SampleEncoding, packet: LivePacket<'_>) -> Result<()> {
        let wrong = |found: String, expected: String| {
            Error::new(ErrorKind::InvalidArgument, Stage::Input, "packets of a track").with_mismatch(found, expected)
        };
        let begun = self.open(track)?.has_begun();
        match self.encodings.get_mut(track) {
            Some(None) if begun => return Err(wrong("packets after samples".into(), "samples".into())),
            Some(known) => {
                let first = *known.get_or_insert(encoding);
                if first != encoding {
                    return Err(wrong(format!("{encoding:?}"), format!("{first:?}")));
                }
            }
            None => {}
        }
        let Self { tracks, floor, window, .. } = self;
        let mut note = |change| floor.push(change);
        let taken = tracks.get_mut(track).map_or(Ok(()), |live| live.packet(packet, encoding, *window, &mut note));
        self.tell(track);
        taken
    }

    /// Takes a packet of RTP (RFC 3550) whose payload is samples in an encoding. Payload types other
    /// than the first, such as keys and comfort noise, only take their number.
    ///
    /// # Errors
    /// As [`packet`](Self::packet); `malformed` where it is no packet of RTP; `invalid_argument` for
    /// a payload type that says another encoding.
    pub fn rtp(&mut self, track: usize, encoding: SampleEncoding, datagram: &[u8]) -> Result<()> {
        let (packet, kind) = LivePacket::from_rtp(datagram)?;
        let said = match kind {
            0 => Some(SampleEncoding::MuLaw),
            8 => Some(SampleEncoding::ALaw),
            _ => None,
        };
        if let Some(said) = said.filter(|&said| said != encoding) {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "the payload type of a packet")
                .with_mismatch(format!("{kind} ({said:?})"), format!("{encoding:?}")));
        }
        let Some(known) = self.kinds.get_mut(track) else { return self.packet(track, encoding, packet) };
        let sound = kind != COMFORT_NOISE && *known.get_or_insert(kind) == kind;
        let payload = if sound { packet.payload } else { &[] };
        self.packet(track, encoding, LivePacket { payload, ..packet })
    }

    /// Ends a track before the others; nothing waits for it any more.
    ///
    /// # Errors
    /// `invalid_argument` for a track that does not exist or has ended, or where a sample is
    /// incomplete.
    pub fn end(&mut self, track: usize) -> Result<()> {
        self.open(track)?;
        self.close(track)
    }

    /// The next event that was not taken yet.
    pub fn next_event(&mut self) -> Option<LiveEvent> {
        self.events.pop_front()
    }

    /// How the packets of a track came; `None` where it has taken none.
    ///
    /// # Errors
    /// `invalid_argument` for a track that does not exist.
    pub fn packets(&self, track: usize) -> Result<Option<PacketCounts>> {
        let live = self.tracks.get(track).ok_or_else(|| no_track(track, self.tracks.len()))?;
        Ok(live.packets.as_ref().map(|order| order.counts))
    }

    /// How much was heard of the call.
    pub fn heard(&self) -> Millis {
        Millis(self.tracks.iter().map(LiveTrack::reached).fold(0.0, f64::max))
    }

    /// The report of what was heard so far, without what only samples say: bleed, and the voices of
    /// a track that holds several parties.
    ///
    /// # Errors
    /// `no_audio` where nothing was heard yet.
    pub fn snapshot(&self) -> Result<Report> {
        Ok(self.so_far(&RunOptions::default())?.report)
    }

    /// Ends the call, and gives its report: where samples were kept the one that
    /// [`process`](crate::process()) gives for them, with its tracks, else that of
    /// [`snapshot`](Self::snapshot) to the last sample. Events of the end can still be taken.
    ///
    /// Where it fails, because it is cancelled for instance, nothing is lost: it may be called again.
    /// Kept samples are dropped once there is a report.
    ///
    /// # Errors
    /// `invalid_argument` where the call was finished before, or a sample is incomplete; `no_audio`
    /// where nothing was heard; `io` where kept samples cannot be read; `cancelled`.
    pub fn finish(&mut self, run: &RunOptions) -> Result<Processed> {
        self.check_open()?;
        for track in 0..self.tracks.len() {
            if self.tracks.get(track).is_some_and(|live| !live.ended) {
                self.close(track)?;
            }
        }
        let end = self.heard().0;
        self.floor.finish(end, &mut self.teller);
        self.events.extend(self.teller.drain());
        let kept = self.tracks.iter().all(|live| live.kept.is_some());
        let processed = if kept { self.process(run) } else { self.so_far(run) }?;
        self.finished = true;
        self.tracks.iter_mut().for_each(|live| live.kept = None);
        Ok(processed)
    }

    fn process(&mut self, run: &RunOptions) -> Result<Processed> {
        let mut recordings = Vec::with_capacity(self.tracks.len());
        for live in &mut self.tracks {
            let Some(kept) = &mut live.kept else { continue };
            let input = kept.input(&live.source.name, live.rate)?.leg(live.source.leg.clone());
            recordings.push(RecordingSource::Input { input, described: None });
        }
        let warnings: Vec<Vec<Warning>> = self.tracks.iter().map(LiveTrack::warnings).collect();
        let call = CallInput { call: self.call.clone(), recordings, ..CallInput::default() };
        process_kept(call, &warnings, &self.config, run)
    }

    fn so_far(&self, run: &RunOptions) -> Result<Processed> {
        let tracks = self.tracks.iter().map(|live| (live.described(), &live.analyzer)).collect();
        let needs = self.tracks.len() > 1 || self.tracks.iter().any(|live| live.source.leg.role == Role::Mixed);
        let missing = needs.then(|| {
            let said = "samples were not kept: bleed, repeated tracks and voices were not looked for";
            Warning::new("samples_not_kept", said)
        });
        report_so_far(self.call.clone(), tracks, missing.into_iter().collect(), &self.config, run)
    }

    /// A track that takes samples.
    fn open(&mut self, track: usize) -> Result<&mut LiveTrack> {
        self.check_open()?;
        let count = self.tracks.len();
        let live = self.tracks.get_mut(track).ok_or_else(|| no_track(track, count))?;
        if live.ended {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "a track")
                .with_mismatch(format!("track {track}, which has ended"), "one that goes on"));
        }
        Ok(live)
    }

    fn check_open(&self) -> Result<()> {
        if !self.finished {
            return Ok(());
        }
        Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "a call that is finished")
            .with_mismatch("more of it", "nothing"))
    }

    fn close(&mut self, track: usize) -> Result<()> {
        let Self { tracks, floor, encodings, .. } = self;
        let encoding = encodings.get(track).copied().flatten();
        let ended = tracks.get_mut(track).map_or(Ok(()), |live| live.end(encoding, &mut |change| floor.push(change)));
        self.tell(track);
        ended
    }

    /// Hands on what a track told, and judges the call as far as all tracks were heard.
    fn tell(&mut self, track: usize) {
        let before = self.events.len();
        if let Some(live) = self.tracks.get_mut(track) {
            self.events.extend(live.teller.drain());
        }
        let going = || self.tracks.iter().filter(|live| !live.ended).map(LiveTrack::reached);
        let (first, last) = (going().fold(f64::INFINITY, f64::min), self.heard().0);
        // A track that stays too far behind is not waited for.
        let until = first.min(last).max(last - self.window.0);
        self.floor.advance(until, &mut self.teller);
        self.events.extend(self.teller.drain());
        // What is told takes memory in any case; room for what is measured is made with it.
        if self.events.len() > before {
            self.tracks.iter_mut().for_each(|live| live.analyzer.make_room());
        }
    }
}

/// The refusal of a track that does not exist.
fn no_track(track: usize, count: usize) -> Error {
    Error::new(ErrorKind::InvalidArgument, Stage::Input, "a track")
        .with_mismatch(format!("track {track}"), format!("0 to {}", count.saturating_sub(1)))
}

/// Refuses what makes no sense together.
fn check(tracks: usize, config: &Config, options: &LiveOptions) -> Result<()> {
    let refuse = |what: &str, found: String, expected: String| {
        Err(Error::new(ErrorKind::InvalidArgument, Stage::Config, what).with_mismatch(found, expected))
    };
    if tracks == 0 {
        return refuse("tracks of a call", "none".into(), "one or more".into());
    }
    if tracks > config.decode.max_tracks {
        return Err(Error::new(ErrorKind::LimitExceeded, Stage::Input, "more tracks than the limit")
            .with_mismatch(tracks, format!("at most {} (decode.maxTracks)", config.decode.max_tracks)));
    }
    if config.detector != DetectorKind::Silero {
        return Err(Error::new(ErrorKind::Unsupported, Stage::Config, "the detector of a live call")
            .with_mismatch("webrtc", "silero"));
    }
    for (name, time) in [("windowMs", options.window_ms), ("deadAfterMs", options.dead_after_ms)] {
        if !(time.0.is_finite() && time.0 >= 0.0) {
            return refuse(name, time.to_string(), "0 ms or more".into());
        }
    }
    match options.called.filter(|&called| called >= tracks) {
        Some(called) => refuse("called", called.to_string(), format!("a track, 0 to {}", tracks - 1)),
        None => Ok(()),
    }
}

/// A folder for kept samples, as an option.
impl From<PathBuf> for Keep {
    fn from(folder: PathBuf) -> Self {
        Self::Spool(folder)
    }
}

#[cfg(test)]
mod tests;
