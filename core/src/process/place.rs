//! Fifth step, first half: where the tracks lie on the call's timeline, each like its recorder.

use crate::align;
use crate::config::{AlignOptions, Config};
use crate::error::{Result, Warning};
use crate::run::RunOptions;
use crate::timeline::Placement;
use crate::units::Millis;

use super::analyze::NO_SAMPLES;
use super::partition::ReadTrack;

/// Where the live tracks lie, in their order.
pub(super) struct Placements {
    pub placements: Vec<Placement>,
    /// Pairs of the call's tracks that hold the same audio.
    pub repeated: Vec<(usize, usize)>,
    pub warnings: Vec<Warning>,
}

/// Places the recorders, each by the first of its tracks.
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
    let repeated: Vec<(usize, usize)> =
        alignment.repeated.iter().filter_map(|&(a, b)| Some((index(a)?, index(b)?))).collect();
    let placed = alignment.warnings.iter().filter_map(|(at, warning)| {
        Some(Warning { message: format!("track {}: {}", index(*at)?, warning.message), ..warning.clone() })
    });
    let warnings = placed.chain(repeated.iter().map(repeated_warning)).collect();
    Ok(Placements { placements: tracks.iter().map(placement).collect(), repeated, warnings })
}

/// The first track of each recorder, by when it began.
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

fn align_input(track: &ReadTrack, alone: bool) -> align::TrackInput<'_> {
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
    let message = format!("track {second} holds the same recording as track {first}: it is mixed once");
    Warning::new("repeated_track", message)
}
