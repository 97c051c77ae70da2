//! Where the tracks of a call lie: each like its recorder.

use crate::align;
use crate::config::{AlignOptions, Config};
use crate::error::Warning;
use crate::timeline::Placement;
use crate::units::Millis;

use super::hear::{NOTHING, TrackAnalysis};
use super::lanes::CallTrack;

/// Where the tracks lie: each like its recorder. `None` for a track that could not be read.
pub(super) struct Places {
    pub placements: Vec<Option<Placement>>,
    /// Pairs of tracks that hold the same audio.
    pub repeated: Vec<(usize, usize)>,
    pub warnings: Vec<Warning>,
}

/// Places the recorders, each by the first of its tracks that could be read.
pub(super) fn place(lanes: &[CallTrack], config: &Config) -> Places {
    let mut first: Vec<(&CallTrack, &TrackAnalysis)> = Vec::new();
    let mut by_lead: Vec<&CallTrack> = lanes.iter().collect();
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
    let inputs = first.iter().map(|(lane, heard)| align::TrackInput {
        samples: if alone { NOTHING } else { heard.narrow() },
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
    let of = |lane: &CallTrack| {
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
