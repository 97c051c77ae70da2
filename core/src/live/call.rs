//! A live call with its tracks.

use std::collections::VecDeque;
use std::fmt;

use crate::call::{Call, KnownOffset, Leg, Role};
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::process::{CallInput, LiveSource, Processed, RecordingSource, process_kept, report_so_far};
use crate::report::Report;
use crate::run::RunOptions;
use crate::units::{Millis, Rate};

use super::event::Teller;
use super::floor::{Floor, FloorChange};
use super::limit::TrackLimit;
use super::track::LiveTrack;
pub use options::{LiveOptions, LiveTrackOptions};

use super::{LiveEvent, LivePacket, LiveSamples, PacketCounts, SampleEncoding};

/// The payload type of comfort noise (RFC 3389).
const COMFORT_NOISE: u8 = 13;

/// Analyzes a call while its samples arrive: events as they become certain, and a report at any
/// time.
///
/// Every track has its own sequence of samples. It starts with the call unless
/// [`begin`](Self::begin) says otherwise. The result does not depend on how samples are divided
/// into pushes.
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
    /// The payload type of each track's first RTP packet.
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
    /// Creates a call with its tracks.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidArgument`] for invalid options or an invalid configuration.
    /// - [`ErrorKind::LimitExceeded`] for more tracks than `decode.maxTracks`.
    /// - [`ErrorKind::Unsupported`] for a detector other than Silero, or a rate that cannot be
    ///   converted to 8 kHz.
    /// - [`Io`](crate::ErrorKind::Io) if a file for the samples cannot be created.
    pub fn new(tracks: Vec<LiveTrackOptions>, config: &Config, options: &LiveOptions) -> Result<Self> {
        config.validate()?;
        options.check(tracks.len(), config)?;
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

    /// Sets what is known about the call besides its audio.
    #[must_use]
    pub fn with_call(mut self, call: Call) -> Self {
        self.call = call;
        self
    }

    /// Sets the start of a track on the call's timeline, before its first sample.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] after the track's first sample, and for a time out of range.
    pub fn begin(&mut self, track: usize, at: Millis) -> Result<()> {
        let wrong = |found: String, expected: &str| {
            Error::new(ErrorKind::InvalidArgument, Stage::Input, "the track's start cannot be set")
                .with_mismatch(found, expected)
        };
        let live = self.open(track)?;
        if live.has_begun() {
            return Err(wrong("a track that has samples".into(), "a track without samples"));
        }
        let offset = KnownOffset::new(at, Millis(0.0)).filter(|_| at.0 >= 0.0);
        live.source.leg.offset = Some(offset.ok_or_else(|| wrong(at.to_string(), "0 ms to one day"))?);
        live.teller.offset = at.0;
        Ok(())
    }

    /// Takes the next samples of a track.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidArgument`] for a track that does not exist, has ended or is fed by
    ///   packets, and for an encoding that changes in the middle of a sample or on a track whose
    ///   samples are kept.
    /// - [`Io`](crate::ErrorKind::Io) if samples cannot be kept.
    /// - [`LimitExceeded`](crate::ErrorKind::LimitExceeded) for samples beyond
    ///   `decode.maxDurationMs`, `decode.maxTotalDurationMs` or `decode.maxSamples`. None of them
    ///   is taken, and the call can still be finished.
    pub fn push<'a>(&mut self, track: usize, samples: impl Into<LiveSamples<'a>>) -> Result<()> {
        let samples = samples.into();
        if self.encodings.get(track).is_some_and(Option::is_some) {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "the track is fed by packets")
                .with_mismatch("samples", "packets"));
        }
        self.open(track)?;
        self.feed(track, |live, limit, floor| live.push(samples, limit, floor))
    }

    /// Takes the next samples of a track together with their sample rate.
    ///
    /// # Errors
    /// Those of [`push`](Self::push), and [`ErrorKind::InvalidArgument`] for a rate other than the
    /// track's.
    pub fn push_at<'a>(&mut self, track: usize, rate: Rate, samples: impl Into<LiveSamples<'a>>) -> Result<()> {
        let expected = self.open(track)?.rate;
        if rate != expected {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "the sample rate changed on a track")
                .with_mismatch(rate, expected));
        }
        self.push(track, samples)
    }

    /// Takes a packet of a track. Late packets are put in their place; missing ones become silence.
    /// Beyond a limit, silence is taken up to the limit, and the packet's samples are not.
    ///
    /// # Errors
    /// Those of [`push`](Self::push), and [`ErrorKind::InvalidArgument`] for packets after samples,
    /// or in another encoding than before.
    pub fn packet(&mut self, track: usize, encoding: SampleEncoding, packet: LivePacket<'_>) -> Result<()> {
        let wrong = |found: String, expected: String| {
            Error::new(ErrorKind::InvalidArgument, Stage::Input, "the packets do not match the track")
                .with_mismatch(found, expected)
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
        let window = self.window;
        self.feed(track, |live, limit, floor| live.packet(packet, encoding, window, limit, floor))
    }

    /// Takes an RTP packet (RFC 3550) whose payload is samples in the given encoding. Packets with
    /// a payload type other than the first, such as keys and comfort noise, contribute only their
    /// sequence number.
    ///
    /// # Errors
    /// - Those of [`packet`](Self::packet).
    /// - [`ErrorKind::Malformed`] if `datagram` is not an RTP packet.
    /// - [`ErrorKind::InvalidArgument`] for a payload type that contradicts the encoding.
    pub fn rtp(&mut self, track: usize, encoding: SampleEncoding, datagram: &[u8]) -> Result<()> {
        let (packet, kind) = LivePacket::from_rtp(datagram)?;
        let said = match kind {
            0 => Some(SampleEncoding::MuLaw),
            8 => Some(SampleEncoding::ALaw),
            _ => None,
        };
        if let Some(said) = said.filter(|&said| said != encoding) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                Stage::Input,
                "the packet's payload type does not match the encoding",
            )
            .with_mismatch(format!("{kind} ({said:?})"), format!("{encoding:?}")));
        }
        let Some(known) = self.kinds.get_mut(track) else { return self.packet(track, encoding, packet) };
        let sound = kind != COMFORT_NOISE && *known.get_or_insert(kind) == kind;
        let payload = if sound { packet.payload } else { &[] };
        self.packet(track, encoding, LivePacket { payload, ..packet })
    }

    /// Ends a track before the others, which no longer wait for it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a track that does not exist or has ended, or if a sample
    /// is incomplete.
    pub fn end(&mut self, track: usize) -> Result<()> {
        self.open(track)?;
        self.close(track)
    }

    /// Returns the next event, if there is one.
    pub fn next_event(&mut self) -> Option<LiveEvent> {
        self.events.pop_front()
    }

    /// Returns statistics of a track's packets, or `None` if it has taken none.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a track that does not exist.
    pub fn packets(&self, track: usize) -> Result<Option<PacketCounts>> {
        let live = self.tracks.get(track).ok_or_else(|| no_track(track, self.tracks.len()))?;
        Ok(live.packets.as_ref().map(|order| order.counts))
    }

    /// Returns how much of the call has been analyzed.
    pub fn heard(&self) -> Millis {
        Millis(self.tracks.iter().map(LiveTrack::reached).fold(0.0, f64::max))
    }

    /// Returns the report of the call so far. It lacks what requires all samples: bleed, and the
    /// voices of mixed tracks.
    ///
    /// # Errors
    /// [`ErrorKind::NoAudio`] if nothing has been analyzed.
    pub fn snapshot(&self) -> Result<Report> {
        Ok(self.so_far(&RunOptions::default())?.report)
    }

    /// Ends the call and returns its report.
    ///
    /// If samples were kept, the report is that of [`process`](crate::process()) for them, with its
    /// tracks. Otherwise it is that of [`snapshot`](Self::snapshot) after the last sample. The last
    /// events can still be taken.
    ///
    /// If it fails, for example because it is cancelled, nothing is lost, and it may be called
    /// again. Kept samples are dropped once there is a report.
    ///
    /// # Errors
    /// - [`ErrorKind::InvalidArgument`] if the call is already finished, or a sample is incomplete.
    /// - [`ErrorKind::NoAudio`] if nothing was analyzed.
    /// - [`Io`](crate::ErrorKind::Io) if kept samples cannot be read.
    /// - [`Cancelled`](crate::ErrorKind::Cancelled) after the caller cancels.
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
            let said = "samples were not kept: bleed, repeated tracks and voices were not detected";
            Warning::new("samples_not_kept", said)
        });
        report_so_far(self.call.clone(), tracks, missing.into_iter().collect(), &self.config, run)
    }

    /// Returns a track that accepts samples.
    fn open(&mut self, track: usize) -> Result<&mut LiveTrack> {
        self.check_open()?;
        let count = self.tracks.len();
        let live = self.tracks.get_mut(track).ok_or_else(|| no_track(track, count))?;
        if live.ended {
            return Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "the track has ended")
                .with_mismatch(format!("track {track}"), "a track that has not ended"));
        }
        Ok(live)
    }

    /// Returns how long a track may become beside the others.
    fn limit(&self, track: usize) -> Option<TrackLimit> {
        let rate = self.tracks.get(track)?.rate;
        let others = self.tracks.iter().enumerate().filter(|&(place, _)| place != track);
        Some(TrackLimit::of(rate, others.map(|(_, live)| (live.rate, live.samples())), &self.config))
    }

    fn check_open(&self) -> Result<()> {
        if !self.finished {
            return Ok(());
        }
        Err(Error::new(ErrorKind::InvalidArgument, Stage::Input, "the call is finished")
            .with_mismatch("more samples or events", "none"))
    }

    fn close(&mut self, track: usize) -> Result<()> {
        let encoding = self.encodings.get(track).copied().flatten();
        self.feed(track, |live, limit, floor| live.end(encoding, limit, floor))
    }

    /// Lets a track take what it is given, and tells what follows from it.
    fn feed(
        &mut self,
        track: usize,
        give: impl FnOnce(&mut LiveTrack, &TrackLimit, &mut dyn FnMut(FloorChange)) -> Result<()>,
    ) -> Result<()> {
        let limit = self.limit(track);
        let Self { tracks, floor, .. } = self;
        let Some((live, limit)) = tracks.get_mut(track).zip(limit) else { return Ok(()) };
        let taken = give(live, &limit, &mut |change| floor.push(change));
        self.tell(track);
        taken
    }

    /// Passes on a track's events, and evaluates the call as far as all tracks have arrived.
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

/// Creates the error for a track that does not exist.
fn no_track(track: usize, count: usize) -> Error {
    Error::new(ErrorKind::InvalidArgument, Stage::Input, "no such track")
        .with_mismatch(format!("track {track}"), format!("0 to {}", count.saturating_sub(1)))
}

mod options;

#[cfg(test)]
mod tests;
