//! Step 5, first half: places the tracks on the call's timeline, one placement per recorder.

use std::collections::BTreeSet;

use crate::align;
use crate::config::{AlignOptions, Config};
use crate::error::{Result, Warning};
use crate::run::RunOptions;
use crate::timeline::{Method, Placement};
use crate::units::Millis;

use super::analyze::{NO_SAMPLES, TrackAnalysis};
use super::partition::ReadTrack;

/// The placements of the tracks, in their order.
pub(super) struct Placements {
    pub placements: Vec<Placement>,
    /// Pairs of tracks that hold the same audio.
    pub repeated: Vec<(usize, usize)>,
    pub warnings: Vec<Warning>,
}

/// A detector's probability from which somebody speaks.
const SPEAKS: f32 = 0.5;

/// Places each recorder by the first of its tracks.
///
/// # Errors
/// `cancelled`.
pub(super) fn place(tracks: &[ReadTrack], config: &Config, run: &RunOptions) -> Result<Placements> {
    let first = recorders(tracks);
    // One recorder has nothing to be placed against, and its samples may or may not have been kept.
    let alone = first.len() == 1;
    let inputs: Vec<align::TrackInput> = first.iter().map(|track| align_input(track, alone)).collect();
    let options = AlignOptions { portable: config.portable || config.align.portable, ..config.align };
    let alignment = align::align_until(&inputs, &options, &run.cancel)?;
    let placement = |track: &ReadTrack| {
        let at = first.iter().position(|earlier| earlier.recorder == track.recorder);
        let found = at.and_then(|at| Some((first.get(at)?, alignment.placements.get(at)?)));
        found.map_or_else(Placement::reference, |(recorder, placement)| {
            placement.clone().shifted(Millis(track.lead.0 - recorder.lead.0))
        })
    };
    let index = |at: usize| first.get(at).map(|track| track.index);
    let alike = alignment.repeated.iter().filter_map(|&(a, b)| Some((index(a)?, index(b)?)));
    let repeated: Vec<(usize, usize)> = alike
        .chain(delivered_again(tracks))
        .chain(equal_channels(tracks))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let placed = alignment.warnings.iter().filter_map(|(at, warning)| {
        Some(Warning { message: format!("track {}: {}", index(*at)?, warning.message), ..warning.clone() })
    });
    let unused = unused_prior(tracks, &first, config).into_iter().chain(unused_offset(&first, config));
    let warnings = placed.chain(repeated.iter().map(repeated_warning)).chain(unused).collect();
    let mut placements: Vec<Placement> = tracks.iter().map(placement).collect();
    placements.iter_mut().for_each(|placement| calibrate(placement, &config.confidence_map));
    Ok(Placements { placements, repeated, warnings })
}

/// Returns the pairs of tracks whose files are the same byte for byte, where somebody speaks in
/// them: recordings of silence, or of one tone, may be alike and yet be two.
fn delivered_again(tracks: &[ReadTrack]) -> Vec<(usize, usize)> {
    let speaks =
        |track: &&ReadTrack| track.segments.is_empty() && track.analysis.speech.values.iter().any(|&p| p >= SPEAKS);
    let mut seen: Vec<&ReadTrack> = Vec::new();
    let mut pairs = Vec::new();
    for track in tracks.iter().filter(speaks) {
        let same = |earlier: &&&ReadTrack| {
            let (a, b) = (&earlier.analysis, &track.analysis);
            a.source.sha256.is_some() && a.source.sha256 == b.source.sha256 && a.channel == b.channel
        };
        match seen.iter().find(same) {
            Some(earlier) => pairs.push((earlier.index, track.index)),
            None => seen.push(track),
        }
    }
    pairs
}

/// Samples that are compared at once: a second.
const AT_ONCE: usize = 8_000;
/// Largest share of energy by which channels of one sound differ: 40 dB below it, the error of
/// tracks in 8 bits ([`CompactPcm`](crate::track)) and a little more. Chosen, not measured.
const DIFFERS: f32 = 1e-4;

/// Returns the pairs of channels of one recording that hold the same sound, where somebody speaks
/// in them.
fn equal_channels(tracks: &[ReadTrack]) -> Vec<(usize, usize)> {
    let speaks = |track: &&ReadTrack| track.analysis.speech.values.iter().any(|&p| p >= SPEAKS);
    let mut seen: Vec<&ReadTrack> = Vec::new();
    let mut pairs = Vec::new();
    for track in tracks.iter().filter(speaks) {
        let of_it = |earlier: &&&ReadTrack| earlier.recorder == track.recorder && earlier.lead == track.lead;
        match seen.iter().filter(of_it).find(|earlier| sound_alike(&earlier.analysis, &track.analysis)) {
            Some(earlier) => pairs.push((earlier.index, track.index)),
            None => seen.push(track),
        }
    }
    pairs
}

fn sound_alike(a: &TrackAnalysis, b: &TrackAnalysis) -> bool {
    let (a, b) = (a.narrowband(), b.narrowband());
    let (mut one, mut other) = (vec![0.0; AT_ONCE], vec![0.0; AT_ONCE]);
    let (mut energy, mut difference) = (0.0, 0.0);
    for from in (0..a.len()).step_by(AT_ONCE) {
        a.read(from, &mut one);
        b.read(from, &mut other);
        energy += one.iter().map(|x| x * x).sum::<f32>();
        difference += one.iter().zip(&other).map(|(x, y)| (x - y) * (x - y)).sum::<f32>();
        // What differs for a second is another sound, which takes no longer to see.
        if difference > DIFFERS * energy.max(f32::MIN_POSITIVE) && from >= AT_ONCE {
            return false;
        }
    }
    !a.is_empty() && a.len() == b.len() && difference <= DIFFERS * energy
}

/// Replaces a placement's confidence by its calibrated value, if a calibration is given.
fn calibrate(placement: &mut Placement, map: &[(f64, f64)]) {
    let inferred = !matches!(placement.method, Method::Reference | Method::Given);
    let (Some(first), Some(last)) = (map.first(), map.last()) else { return };
    if inferred {
        let said = placement.confidence.clamp(first.0, last.0);
        let above = map.iter().find(|pair| pair.0 >= said).unwrap_or(last);
        let below = map.iter().rev().find(|pair| pair.0 <= said).unwrap_or(first);
        let part = if above.0 > below.0 { (said - below.0) / (above.0 - below.0) } else { 0.0 };
        placement.confidence = below.1 + part * (above.1 - below.1);
    }
}

/// The warning that the configuration's offset prior is of parties that this call does not place
/// against each other.
fn unused_prior(tracks: &[ReadTrack], first: &[&ReadTrack], config: &Config) -> Option<Warning> {
    let prior = config.align.offset_prior.filter(|_| first.len() > 1)?;
    let missing = [prior.of, prior.after].into_iter().find(|&role| first.iter().all(|track| track.role != role))?;
    let why = if tracks.iter().any(|track| track.role == missing) {
        format!("the recording with the {missing} is placed by another party's channel")
    } else {
        format!("no recording is known to be of the {missing}")
    };
    Some(Warning::new("offset_prior_unused", format!("{} after {}, and {why}", prior.of, prior.after)))
}

/// The warning that an offset is given for one recording alone: an offset is between two.
fn unused_offset(first: &[&ReadTrack], config: &Config) -> Option<Warning> {
    let given: Vec<usize> = first.iter().filter(|t| t.leg.offset.is_some()).map(|track| track.index).collect();
    let &[alone] = given.as_slice() else { return None };
    let why = match first.len() {
        1 => "there is no other recording",
        _ if config.align.aligned => return None,
        _ => "no other recording has one",
    };
    Some(Warning::new("offset_unused", format!("track {alone}: its offset is not used, because {why}")))
}

/// Returns the first track of each recorder, by start time.
fn recorders(tracks: &[ReadTrack]) -> Vec<&ReadTrack> {
    let mut by_lead: Vec<&ReadTrack> = tracks.iter().collect();
    by_lead.sort_by(|a, b| a.lead.0.total_cmp(&b.lead.0));
    let mut first: Vec<&ReadTrack> = Vec::new();
    for track in by_lead {
        if !first.iter().any(|earlier| earlier.recorder == track.recorder) {
            first.push(track);
        }
    }
    first
}

pub(super) fn align_input(track: &ReadTrack, alone: bool) -> align::TrackInput<'_> {
    let analysis = &track.analysis;
    align::TrackInput {
        samples: if alone { NO_SAMPLES } else { analysis.placed_by() },
        energies: Some(analysis.level.hops.power()),
        probabilities: &analysis.speech.values,
        hop: analysis.speech.hop,
        started_at: track.leg.started_at.map(|moment| align::StartTime {
            seconds: moment.unix_ms() as f64 / 1000.0,
            resolution_s: moment.resolution().seconds(),
        }),
        offset: track.leg.offset,
        role: track.role,
    }
}

fn repeated_warning((first, second): &(usize, usize)) -> Warning {
    let message = format!("track {second} is the same recording as track {first}; it is mixed once");
    Warning::new("repeated_track", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{KnownOffset, Role};
    use crate::config::OffsetPrior;
    use crate::decode::Input;
    use crate::process::{CallInput, analyze};
    use crate::samples::Samples;
    use crate::units::Rate;

    /// What is said of a prior of the customer after the agent.
    fn told(call: CallInput) -> Vec<String> {
        let prior = OffsetPrior::new(Role::Customer, Role::Agent, Millis(850.0), Millis(60.0), 40);
        let config = Config { align: AlignOptions::default().with_offset_prior(Some(prior)), ..Config::default() };
        let report = analyze(call, &config, &RunOptions::default()).unwrap();
        let warnings = report.warnings.into_iter().filter(|warning| warning.code == "offset_prior_unused");
        warnings.map(|warning| warning.message).collect()
    }

    fn mono(name: &str, role: Role) -> Input {
        Input::samples(name, vec![0i16; 16_000], Rate::NARROWBAND).role(role)
    }

    /// The pairs of tracks that the warnings name as one recording, the later one first.
    fn repeated(names: &[&str]) -> Vec<Vec<usize>> {
        let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
        let inputs: Vec<Input> = names.iter().map(|name| Input::path(fixtures.join(name))).collect();
        let report = analyze(CallInput::from(inputs), &Config::default(), &RunOptions::default()).unwrap();
        let told = report.warnings.into_iter().filter(|warning| warning.code == "repeated_track");
        told.map(|warning| {
            warning.message.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
        })
        .collect()
    }

    #[test]
    fn a_file_that_is_given_twice_is_one_recording_of_any_party_and_length() {
        assert_eq!(repeated(&["short/customer.wav", "short/agent.wav", "short/customer.wav"]), [[2, 0]]);
        assert_eq!(repeated(&["keypad-hold/customer.mp3", "keypad-hold/customer.mp3"]), [[1, 0]]);
        assert_eq!(repeated(&["stereo/call.wav", "stereo/call.wav"]), [[2, 0], [3, 1]]);
        assert!(repeated(&["short/customer.wav", "short/agent.wav"]).is_empty());
    }

    #[test]
    fn an_offset_of_one_recording_alone_is_told() {
        let told = |offsets: &[Option<f64>], aligned: bool| {
            let input = |(at, offset): (usize, &Option<f64>)| {
                let input = mono(&at.to_string(), Role::Unknown);
                offset
                    .iter()
                    .fold(input, |input, &offset| input.offset(KnownOffset::new(Millis(offset), Millis(0.0)).unwrap()))
            };
            let inputs: Vec<Input> = offsets.iter().enumerate().map(input).collect();
            let mut config = Config::default();
            config.align.aligned = aligned;
            let report = analyze(CallInput::from(inputs), &config, &RunOptions::default()).unwrap();
            let warnings = report.warnings.into_iter().filter(|warning| warning.code == "offset_unused");
            warnings.map(|warning| warning.message).collect::<Vec<_>>()
        };
        assert_eq!(
            told(&[None, Some(700.0)], false),
            ["track 1: its offset is not used, because no other recording has one"]
        );
        assert_eq!(told(&[Some(5.0)], false), ["track 0: its offset is not used, because there is no other recording"]);
        assert!(told(&[Some(0.0), Some(700.0)], false).is_empty() && told(&[None, Some(700.0)], true).is_empty());
    }

    #[test]
    fn a_prior_that_cannot_be_used_says_why() {
        let (agent, customer, other) = (Role::Agent, Role::Customer, Role::Unknown);
        assert!(told(vec![mono("a", agent)].into()).is_empty(), "nothing is to be placed");
        assert!(told(vec![mono("a", agent), mono("b", customer)].into()).is_empty());
        let unknown = told(vec![mono("a", agent), mono("b", other)].into());
        assert_eq!(unknown, ["customer after agent, and no recording is known to be of the customer"]);
        let samples = vec![0i16; 16_000];
        let both = [&samples, &samples].map(|channel| Samples::from(channel.as_slice()));
        let stereo = Input::channels("both", both, Rate::NARROWBAND);
        let call = CallInput::from(vec![stereo, mono("c", Role::Transfer)]);
        let behind = told(call.with_roles(vec![agent, customer, Role::Transfer]));
        assert_eq!(
            behind,
            ["customer after agent, and the recording with the customer is placed by another party's channel"]
        );
    }
}
