//! From what the pass left of each track to the report: placement, speech, turns, figures, outcome, tag.

use crate::align;
use crate::call::{Call, Moment, Role};
use crate::config::{AlignOptions, Config, Pii};
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::integrity::{self, Finding, Inspected};
use crate::level::{Hops, Level};
use crate::metrics::{self, Metrics, Party};
use crate::mix;
use crate::outcome::{self, Facts};
use crate::report::{
    Alignment, Bleed, CallReport, LevelReport, Named, Piece, Report, SCHEMA_VERSION, TrackError, TrackReport,
    TurnReport, rounded,
};
use crate::sounds::{self, Sound};
use crate::speech::{self, BleedSpan, GateInput, Gated, Turn};
use crate::timeline::{Event, EventKind, Placement};
use crate::track::Track;
use crate::units::{Decibels, Millis, Rate, Span};
use crate::voice::{self, Probabilities};

use super::hear::Heard;
use super::lanes::Lane;
use super::quiet::{self, Line};
use super::{PlacedTrack, Processed, VERSION};

/// Share of a dead track's hops that may lie above its limit: a click at the start or the end is no signal.
const STRAY_HOPS: f64 = 0.005;

/// A track on the call's timeline.
struct OnCall {
    placement: Placement,
    /// Own speech, in the call's time.
    speech: Vec<Span>,
    /// Other parties, heard faintly, in the call's time.
    bleed: Vec<Bleed>,
    /// Own speech by the detector's probabilities alone, in the call's time.
    voiced: Vec<Span>,
    /// What else sounds on this track, in the call's time.
    events: Vec<Event>,
    noise: Option<Decibels>,
    gain: Decibels,
    dead: bool,
}

/// The tracks of a call, and what there is of each that could be read.
struct Scene {
    lanes: Vec<Lane>,
    placed: Vec<Option<OnCall>>,
    /// Pairs of tracks with the same audio: the second is heard, but neither counted nor mixed again.
    repeated: Vec<(usize, usize)>,
    /// What placing them had to say.
    warnings: Vec<Warning>,
    turns: Vec<Turn>,
    duration: Millis,
    /// How uncertain the least certain placement is.
    uncertainty: Millis,
    /// Whether all placements are certain enough to compare parties in time.
    comparable: bool,
}

/// Places the tracks, measures the conversation, and writes the report.
pub(super) fn assemble(lanes: Vec<Lane>, call: Call, warnings: Vec<Warning>, config: &Config) -> Result<Processed> {
    if lanes.iter().all(|lane| lane.heard.is_err()) {
        let first = lanes.into_iter().find_map(|lane| lane.heard.err());
        return Err(first.unwrap_or_else(|| Error::new(ErrorKind::NoAudio, Stage::Decode, "no track")));
    }
    let scene = Scene::new(lanes, config);
    let mut warnings = warnings;
    warnings.extend(scene.warnings.iter().cloned());
    let integrity = scene.findings(config);
    let damaged = integrity.iter().any(|finding| finding.code.forbids_judgement());
    let facts = Facts { damaged, ..scene.facts() };
    let decision = outcome::outcome(&facts, &config.outcome);
    let tag = outcome::tag(&decision, &facts, &config.outcome);
    let (name, version) = voice::identity(config.detector);
    let report = Report {
        schema_version: SCHEMA_VERSION,
        library: Named { name: "callweave".into(), version: VERSION.into() },
        config: config.changes(),
        config_hash: config.hash(),
        detector: Named { name: name.into(), version: version.into() },
        call: CallReport {
            id: call.id.filter(|_| config.pii == Pii::Keep),
            provider: call.provider,
            direction: call.direction,
            started_at: call.started_at.or_else(|| scene.started_at()),
            duration_ms: scene.duration,
        },
        turns: scene.turns.iter().map(|t| TurnReport { track: t.party, span: t.span }).collect(),
        metrics: scene.metrics(config),
        tracks: scene.track_reports(config),
        integrity,
        redacted: Vec::new(),
        outcome: decision,
        tag,
        warnings,
        outputs: Vec::new(),
    };
    Ok(Processed { report, tracks: scene.into_tracks() })
}

impl Scene {
    fn new(lanes: Vec<Lane>, config: &Config) -> Self {
        let places = place(&lanes, config);
        let mut own = gate(&lanes, &places.placements, config).into_iter().zip(own_sounds(&lanes, &places.placements));
        let on_call = |(lane, placement): (&Lane, Option<Placement>)| -> Option<OnCall> {
            let (gated, sounds) = own.next()?;
            Some(OnCall::new(lane.heard.as_ref().ok()?, placement?, gated, &sounds, config))
        };
        let mut placed: Vec<Option<OnCall>> = lanes.iter().zip(places.placements).map(on_call).collect();
        let repeats = |i: usize| places.repeated.iter().any(|pair| pair.1 == i);
        let speech = |(i, p): (usize, &Option<OnCall>)| match p {
            Some(p) if !repeats(i) => p.speech.clone(),
            _ => Vec::new(),
        };
        let spoken: Vec<Vec<Span>> = placed.iter().enumerate().map(speech).collect();
        let ends = lanes.iter().zip(&placed).filter_map(|(lane, placed)| {
            Some(placed.as_ref()?.placement.to_call(lane.heard.as_ref().ok()?.duration).0)
        });
        let uncertainty = placed.iter().flatten().map(|p| p.placement.uncertainty).fold(Millis(0.0), Millis::max);
        let duration = Millis(ends.fold(0.0, f64::max));
        let comparable = uncertainty <= config.metrics.max_uncertainty_ms;
        if comparable {
            add_silences(&lanes, &mut placed, duration, config);
        }
        Self {
            turns: speech::turns(&spoken, config.speech.turn_pause_ms),
            duration,
            uncertainty,
            comparable,
            repeated: places.repeated,
            warnings: places.warnings,
            lanes,
            placed,
        }
    }

    /// The track that a track repeats.
    fn original(&self, track: usize) -> Option<usize> {
        self.repeated.iter().find(|pair| pair.1 == track).map(|pair| pair.0)
    }

    /// The tracks that could be read and repeat no other, with what is known of them on the call.
    fn live(&self) -> impl Iterator<Item = (&Lane, &Heard, &OnCall)> {
        self.lanes
            .iter()
            .zip(&self.placed)
            .filter(|(lane, _)| self.original(lane.index).is_none())
            .filter_map(|(lane, placed)| Some((lane, lane.heard.as_ref().ok()?, placed.as_ref()?)))
    }

    /// The earliest start that a provider named.
    fn started_at(&self) -> Option<Moment> {
        self.lanes.iter().filter_map(|lane| lane.leg.started_at).min_by_key(|m| m.unix_ms())
    }

    fn facts(&self) -> Facts {
        let tracks = self.live().map(|(lane, heard, on)| outcome::Heard {
            role: lane.role,
            speech: on.speech.clone(),
            voiced: on.voiced.clone(),
            bleed: on.bleed.iter().map(|b| b.span).collect(),
            events: on.events.clone(),
            dead: on.dead,
            duration: heard.duration,
            end: on.placement.to_call(heard.duration),
        });
        let exchanges = self.turns.windows(2).filter(|w| w[0].party != w[1].party).count() as u32;
        Facts {
            tracks: tracks.collect(),
            exchanges,
            uncertainty: self.uncertainty,
            comparable: self.comparable,
            damaged: false,
        }
    }

    /// What is wrong with the recordings.
    fn findings(&self, config: &Config) -> Vec<Finding> {
        let nowhere = Placement::reference();
        let readable: Vec<(&Lane, &Heard, &Option<OnCall>)> =
            self.lanes.iter().zip(&self.placed).filter_map(|(l, on)| Some((l, l.heard.as_ref().ok()?, on))).collect();
        let events: Vec<Vec<Event>> =
            readable.iter().map(|(_, h, _)| h.sounds.iter().map(|sound| event(sound, &nowhere)).collect()).collect();
        let inspected = readable.iter().zip(&events).map(|((lane, heard, on), events)| Inspected {
            track: lane.index,
            dead: on.as_ref().is_some_and(|on| on.dead),
            speaks: on.as_ref().is_some_and(|on| !on.speech.is_empty()),
            duration: heard.duration,
            samples: heard.rate.sample_at(heard.duration),
            clipped: heard.level.clipped,
            events,
            band: (heard.rate.hz() > Rate::NARROWBAND.hz()).then_some((heard.band.loud, heard.band.wide)),
            warnings: heard.source.warnings.iter().map(|w| &*w.code).collect(),
            placement: on.as_ref().map(|on| &on.placement),
            repeats: self.original(lane.index),
        });
        integrity::findings(&inspected.collect::<Vec<_>>(), config.outcome.dead_dbov.0, &config.integrity)
    }

    fn metrics(&self, config: &Config) -> Metrics {
        let speech = |track| self.live().find(|l| l.0.index == track).map(|l| l.2.speech.clone()).unwrap_or_default();
        let parties: Vec<Party> = (0..self.lanes.len()).map(|track| Party { track, speech: speech(track) }).collect();
        let mut figures = metrics::metrics(&parties, &self.turns, self.duration, self.comparable, &config.metrics);
        // A track that could not be read has no figures, and in a mixed one nobody can be told apart: the same recording
        // delivered for two parties is one.
        let mixed = |track: usize| self.lanes[track].role == Role::Mixed || !self.repeated.is_empty();
        let by_party = |track: usize| self.placed[track].is_some() && !mixed(track);
        figures.by_track.retain(|party| by_party(party.track));
        figures
    }

    fn track_reports(&self, config: &Config) -> Vec<TrackReport> {
        let keep = config.pii == Pii::Keep;
        let report = |(lane, placed): (&Lane, &Option<OnCall>)| {
            let mut source = lane.heard.as_ref().ok().map(|h| h.source.clone());
            if let Some(source) = &mut source {
                source.path = source.path.take().filter(|_| keep);
            }
            let heard = lane.heard.as_ref().ok();
            TrackReport {
                index: lane.index,
                role: lane.role,
                party: lane.leg.party.clone().filter(|_| keep),
                error: lane.heard.as_ref().err().map(TrackError::from),
                source,
                pieces: placed.as_ref().map(|p| pieces(lane, p, keep)).unwrap_or_default(),
                alignment: placed.as_ref().map(|p| Alignment::from(&p.placement)),
                level: heard.zip(placed.as_ref()).map(|(heard, placed)| level_report(&heard.level, placed)),
                speech: placed.as_ref().map(|p| p.speech.clone()).unwrap_or_default(),
                bleed: placed.as_ref().map(|p| p.bleed.clone()).unwrap_or_default(),
                events: placed.as_ref().map(|p| reported(&p.events, config)).unwrap_or_default(),
            }
        };
        self.lanes.iter().zip(&self.placed).map(report).collect()
    }

    fn into_tracks(self) -> Vec<PlacedTrack> {
        let seconds = self.duration.seconds().ceil() as usize;
        let repeats: Vec<usize> = self.repeated.iter().map(|pair| pair.1).collect();
        let keep = |(lane, placed): (Lane, Option<OnCall>)| {
            if repeats.contains(&lane.index) {
                return None;
            }
            let (heard, placed) = (lane.heard.ok()?, placed?);
            let keys = heard.sounds.iter().filter(|sound| sound.kind == EventKind::Dtmf);
            Some(PlacedTrack {
                index: lane.index,
                keys: keys.map(|key| Span::new(key.start_ms, key.end_ms)).collect(),
                levels: levels(&heard.level.hops, &placed.placement, seconds),
                track: Track { samples: heard.samples, rate: heard.rate, role: lane.role },
                placement: placed.placement,
                gain: placed.gain,
            })
        };
        self.lanes.into_iter().zip(self.placed).filter_map(keep).collect()
    }
}

/// The mean level of each second of the call on a track.
fn levels(hops: &Hops, placement: &Placement, seconds: usize) -> Vec<Option<Decibels>> {
    let hop =
        |second: usize| (placement.to_track(Millis(second as f64 * 1000.0)).0 / Hops::MS).round().max(0.0) as usize;
    let level = |second: usize| {
        let heard = hops.power().get(hop(second)..hop(second + 1).min(hops.len()))?;
        let sum: f64 = heard.iter().map(|&p| f64::from(p)).sum();
        (!heard.is_empty()).then(|| Decibels::from_power(sum / heard.len() as f64))
    };
    (0..seconds).map(level).collect()
}

impl OnCall {
    fn new(heard: &Heard, placement: Placement, gated: Gated, sounds: &[Sound], config: &Config) -> Self {
        let Gated { own, bleed } = gated;
        let noise = heard.level.hops.noise(&own);
        let voiced = voiced(&heard.voice, &bleed, config.speech.threshold).into_iter();
        let bled = |b: &BleedSpan| Bleed { span: placement.span_to_call(b.span), from_track: b.from };
        Self {
            speech: own.iter().map(|&span| placement.span_to_call(span)).collect(),
            bleed: bleed.iter().map(bled).collect(),
            voiced: voiced.map(|span| placement.span_to_call(span)).collect(),
            gain: mix::gain(&heard.level, &own, noise, config.mix.level),
            dead: is_dead(&heard.level, config.outcome.dead_dbov),
            events: sounds.iter().map(|sound| event(sound, &placement)).collect(),
            noise,
            placement,
        }
    }
}

/// Adds the stretches in which both sides are quiet to the first track that could be read.
fn add_silences(lanes: &[Lane], placed: &mut [Option<OnCall>], call: Millis, config: &Config) {
    let lines = lanes.iter().zip(placed.iter()).filter_map(|(lane, on)| {
        let (heard, on) = (lane.heard.as_ref().ok()?, on.as_ref()?);
        Some(Line { hops: &heard.level.hops, placement: &on.placement, noise: on.noise, duration: heard.duration })
    });
    let silent = quiet::silences(&lines.collect::<Vec<_>>(), call, config.metrics.non_talk_ms);
    let Some(first) = placed.iter_mut().flatten().next() else { return };
    let event = |span| Event { kind: EventKind::Silence, span, detail: None, confidence: 1.0 };
    first.events.extend(silent.into_iter().map(event));
    first.events.sort_by(|a, b| a.span.start.0.total_cmp(&b.span.start.0).then(a.kind.cmp(&b.kind)));
}

/// Where the tracks lie: each like its recorder. `None` for a track that could not be read.
struct Places {
    placements: Vec<Option<Placement>>,
    /// Pairs of tracks that hold the same audio.
    repeated: Vec<(usize, usize)>,
    warnings: Vec<Warning>,
}

/// Places the recorders, each by the first of its tracks that could be read.
fn place(lanes: &[Lane], config: &Config) -> Places {
    let mut first: Vec<(&Lane, &Heard)> = Vec::new();
    let mut by_lead: Vec<&Lane> = lanes.iter().collect();
    by_lead.sort_by(|a, b| a.lead.0.total_cmp(&b.lead.0));
    for lane in by_lead {
        if let Ok(heard) = &lane.heard
            && !first.iter().any(|(earlier, _)| earlier.recorder == lane.recorder)
        {
            first.push((lane, heard));
        }
    }
    // One recorder has nothing to be placed against, and its samples may or may not have been kept.
    let alone = first.len() == 1;
    let samples: Vec<&[i16]> = first.iter().map(|(_, heard)| if alone { &[] } else { heard.narrow() }).collect();
    let inputs = first.iter().zip(&samples).map(|((lane, heard), samples)| align::TrackInput {
        samples,
        energies: Some(heard.level.hops.power()),
        probabilities: &heard.voice.values,
        hop: heard.voice.hop,
        started_at: lane.leg.started_at.map(|moment| align::StartTime {
            seconds: moment.unix_ms() as f64 / 1000.0,
            resolution_s: moment.resolution().seconds(),
        }),
        role: lane.role,
    });
    let options = AlignOptions { portable: config.portable || config.align.portable, ..config.align };
    let alignment = align::align(&inputs.collect::<Vec<_>>(), &options);
    let of = |lane: &Lane| {
        lane.heard.as_ref().ok()?;
        let at = first.iter().position(|(earlier, _)| earlier.recorder == lane.recorder)?;
        let later = Millis(lane.lead.0 - first.get(at)?.0.lead.0);
        Some(alignment.placements.get(at)?.clone().shifted(later))
    };
    let index = |at: usize| first.get(at).map(|(lane, _)| lane.index);
    let told = alignment.warnings.iter().map(|(at, warning)| {
        let track = index(*at).unwrap_or_default();
        Warning { message: format!("track {track}: {}", warning.message), ..warning.clone() }
    });
    let repeated: Vec<(usize, usize)> =
        alignment.repeated.iter().filter_map(|&(a, b)| Some((index(a)?, index(b)?))).collect();
    let repeats = repeated.iter().map(|(a, b)| {
        Warning::new("repeated_track", format!("track {b} holds the same recording as track {a}: it is mixed once"))
    });
    let warnings = told.chain(repeats).collect();
    Places { placements: lanes.iter().map(of).collect(), repeated, warnings }
}

/// How far apart the same sound may lie on two tracks: an echo comes up to 200 ms late, and frames add their width.
const SAME_SOUND_MS: f64 = 300.0;

/// Every track's sounds without those of other tracks that bled here.
fn own_sounds(lanes: &[Lane], placements: &[Option<Placement>]) -> Vec<Vec<Sound>> {
    let mut all: Vec<Vec<Sound>> =
        lanes.iter().map(|lane| lane.heard.as_ref().map(|h| h.sounds.clone()).unwrap_or_default()).collect();
    let certain = |p: &Placement| p.uncertainty.0 <= SAME_SOUND_MS;
    if placements.iter().flatten().all(certain) {
        let to_call = |track: usize, ms: f64| match placements.get(track) {
            Some(Some(placement)) => placement.to_call(Millis(ms)).0,
            _ => ms,
        };
        sounds::dedupe(&mut all, SAME_SOUND_MS, to_call);
    }
    all
}

/// The recordings that a track is made of, on the call's timeline.
fn pieces(lane: &Lane, placed: &OnCall, keep: bool) -> Vec<Piece> {
    let piece = |piece: &super::pieces::Piece| {
        let mut source = piece.source.clone();
        source.path = source.path.filter(|_| keep);
        Piece { source, span: placed.placement.span_to_call(Span { start: piece.start, end: piece.end }) }
    };
    lane.pieces.iter().map(piece).collect()
}

/// A sound on the call's timeline.
fn event(sound: &Sound, placement: &Placement) -> Event {
    Event {
        kind: sound.kind,
        span: placement.span_to_call(Span::new(sound.start_ms, sound.end_ms)),
        detail: sound.detail.clone(),
        confidence: rounded(f64::from(sound.confidence)),
    }
}

/// Events as they are reported: which key was pressed only where that was asked for.
fn reported(events: &[Event], config: &Config) -> Vec<Event> {
    let told = |event: &Event| {
        let detail = event.detail.clone().filter(|_| event.kind != EventKind::Dtmf || config.dtmf_digits);
        Event { detail, ..event.clone() }
    };
    events.iter().map(told).collect()
}

/// Own speech and bleed of every track, in its own time; nothing for one that could not be read.
fn gate(lanes: &[Lane], placements: &[Option<Placement>], config: &Config) -> Vec<Gated> {
    let spans: Vec<Vec<Span>> =
        lanes.iter().map(|lane| lane.heard.as_ref().map_or_else(|_| Vec::new(), |h| spans(h, config))).collect();
    let nowhere = Placement::reference();
    let silence: &[i16] = &[];
    let samples: Vec<&[i16]> =
        lanes.iter().map(|lane| lane.heard.as_ref().map_or(silence, |heard| heard.narrow())).collect();
    let inputs = spans.iter().zip(&samples).zip(placements).map(|((spans, samples), placement)| GateInput {
        spans,
        samples,
        placement: placement.as_ref().unwrap_or(&nowhere),
    });
    speech::gate(&inputs.collect::<Vec<_>>(), config)
}

fn spans(heard: &Heard, config: &Config) -> Vec<Span> {
    speech::spans(&heard.voice, heard.duration, &config.speech)
}

/// Where the detector is above its threshold, and not in bleed, in the track's time.
fn voiced(voice: &Probabilities, bleed: &[BleedSpan], threshold: f32) -> Vec<Span> {
    let hop = voice.hop.0;
    let mut rest = bleed;
    let mut runs: Vec<Span> = Vec::new();
    for (i, _) in voice.values.iter().enumerate().filter(|(_, p)| **p >= threshold) {
        let frame = Span::new(i as f64 * hop, (i + 1) as f64 * hop);
        let middle = (i as f64 + 0.5) * hop;
        let over = rest.iter().take_while(|b| b.span.end.0 <= middle).count();
        rest = rest.get(over..).unwrap_or_default();
        if rest.first().is_some_and(|b| b.span.start.0 <= middle) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if frame.start.0 - run.end.0 < hop / 2.0 => run.end = frame.end,
            _ => runs.push(frame),
        }
    }
    runs
}

/// Whether a track carries no signal: nothing but stray hops above the limit.
fn is_dead(level: &Level, limit: Decibels) -> bool {
    let power = 10f64.powf(limit.0 / 10.0) as f32;
    let above = level.hops.power().iter().filter(|&&p| p > power).count();
    (above as f64) <= STRAY_HOPS * level.hops.len() as f64
}

fn level_report(level: &Level, placed: &OnCall) -> LevelReport {
    LevelReport {
        active_dbov: (level.active.activity > 0.0).then_some(level.active.level),
        activity_factor: rounded(level.active.activity),
        true_peak_dbtp: level.true_peak,
        loudness_lufs: level.loudness,
        noise_dbov: placed.noise,
        clipped_samples: level.clipped,
        gain_db: placed.gain,
    }
}
