//! From what the pass left of each track to the report: placement, speech, turns, figures, outcome, tag.

use crate::call::{Call, Moment, Role};
use crate::config::{Config, Pii};
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::integrity::{self, Finding, Inspected};
use crate::level::{Hops, Level};
use crate::metrics::{self, Metrics, Party};
use crate::outcome::{self, Facts};
use crate::report::{
    AlignmentReport, CallReport, LevelReport, Named, Report, SCHEMA_VERSION, SegmentReport, TrackError, TrackReport,
    TurnReport, rounded,
};
use crate::speech::{self, Turn};
use crate::timeline::{Event, EventKind, Placement};
use crate::track::Track;
use crate::units::{Decibels, Millis, Rate, Span};
use crate::vad;

use super::hear::TrackAnalysis;
use super::lanes::CallTrack;
use super::on_call::{PlacedAnalysis, event, gate, own_sounds};
use super::places::place;
use super::quiet::{self, SilenceInput};
use super::{PlacedTrack, Processed, VERSION};

/// The tracks of a call, and what there is of each that could be read.
struct CallAnalysis {
    lanes: Vec<CallTrack>,
    placed: Vec<Option<PlacedAnalysis>>,
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
pub(super) fn assemble(
    lanes: Vec<CallTrack>,
    call: Call,
    warnings: Vec<Warning>,
    config: &Config,
) -> Result<Processed> {
    if lanes.iter().all(|lane| lane.heard.is_err()) {
        let first = lanes.into_iter().find_map(|lane| lane.heard.err());
        return Err(first.unwrap_or_else(|| Error::new(ErrorKind::NoAudio, Stage::Decode, "no track")));
    }
    let scene = CallAnalysis::new(lanes, config);
    let mut warnings = warnings;
    warnings.extend(scene.warnings.iter().cloned());
    let integrity = scene.findings(config);
    let damaged = integrity.iter().any(|finding| finding.code.forbids_judgement());
    let facts = Facts { damaged, ..scene.facts() };
    let decision = outcome::outcome(&facts, &config.outcome);
    let tag = outcome::tag(&decision, &facts, &config.outcome);
    let (name, version) = vad::identity(config.detector);
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

impl CallAnalysis {
    fn new(lanes: Vec<CallTrack>, config: &Config) -> Self {
        let places = place(&lanes, config);
        let mut own = gate(&lanes, &places.placements, config).into_iter().zip(own_sounds(&lanes, &places.placements));
        let on_call = |(lane, placement): (&CallTrack, Option<Placement>)| -> Option<PlacedAnalysis> {
            let (gated, sounds) = own.next()?;
            Some(PlacedAnalysis::new(lane.heard.as_ref().ok()?, placement?, gated, &sounds, config))
        };
        let mut placed: Vec<Option<PlacedAnalysis>> = lanes.iter().zip(places.placements).map(on_call).collect();
        let repeats = |i: usize| places.repeated.iter().any(|pair| pair.1 == i);
        let speech = |(i, p): (usize, &Option<PlacedAnalysis>)| match p {
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
    fn live(&self) -> impl Iterator<Item = (&CallTrack, &TrackAnalysis, &PlacedAnalysis)> {
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
        let tracks = self.live().map(|(lane, heard, on)| outcome::TrackFacts {
            role: lane.role,
            speech: on.speech.clone(),
            voiced: on.voiced.clone(),
            bleed: on.bleed.iter().map(|b| b.span).collect(),
            events: on.events.clone(),
            dead: integrity::is_dead(on.alive),
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
        let readable: Vec<(&CallTrack, &TrackAnalysis, &Option<PlacedAnalysis>)> =
            self.lanes.iter().zip(&self.placed).filter_map(|(l, on)| Some((l, l.heard.as_ref().ok()?, on))).collect();
        let events: Vec<Vec<Event>> =
            readable.iter().map(|(_, h, _)| h.sounds.iter().map(|sound| event(sound, &nowhere)).collect()).collect();
        let inspected = readable.iter().zip(&events).map(|((lane, heard, on), events)| Inspected {
            track: lane.index,
            alive: on.as_ref().map_or(1.0, |on| on.alive),
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
        integrity::findings(&inspected.collect::<Vec<_>>(), &config.integrity)
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
        let report = |(lane, placed): (&CallTrack, &Option<PlacedAnalysis>)| {
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
                alignment: placed.as_ref().map(|p| AlignmentReport::from(&p.placement)),
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
        let keep = |(lane, placed): (CallTrack, Option<PlacedAnalysis>)| {
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

/// Adds the stretches in which both sides are quiet to the first track that could be read.
fn add_silences(lanes: &[CallTrack], placed: &mut [Option<PlacedAnalysis>], call: Millis, config: &Config) {
    let lines = lanes.iter().zip(placed.iter()).filter_map(|(lane, on)| {
        let (heard, on) = (lane.heard.as_ref().ok()?, on.as_ref()?);
        Some(SilenceInput {
            hops: &heard.level.hops,
            placement: &on.placement,
            noise: on.noise,
            duration: heard.duration,
        })
    });
    let silent = quiet::silences(&lines.collect::<Vec<_>>(), call, config.metrics.non_talk_ms);
    let Some(first) = placed.iter_mut().flatten().next() else { return };
    let event = |span| Event { kind: EventKind::Silence, span, detail: None, confidence: 1.0 };
    first.events.extend(silent.into_iter().map(event));
    first.events.sort_by(|a, b| a.span.start.0.total_cmp(&b.span.start.0).then(a.kind.cmp(&b.kind)));
}

/// The recordings that a track is made of, on the call's timeline.
fn pieces(lane: &CallTrack, placed: &PlacedAnalysis, keep: bool) -> Vec<SegmentReport> {
    let piece = |piece: &super::pieces::TrackSegment| {
        let mut source = piece.source.clone();
        source.path = source.path.filter(|_| keep);
        SegmentReport { source, span: placed.placement.span_to_call(Span { start: piece.start, end: piece.end }) }
    };
    lane.pieces.iter().map(piece).collect()
}

/// Events as they are reported: which key was pressed only where that was asked for.
fn reported(events: &[Event], config: &Config) -> Vec<Event> {
    let told = |event: &Event| {
        let detail = event.detail.clone().filter(|_| event.kind != EventKind::Dtmf || config.dtmf_digits);
        Event { detail, ..event.clone() }
    };
    events.iter().map(told).collect()
}

fn level_report(level: &Level, placed: &PlacedAnalysis) -> LevelReport {
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
