//! Which calls, and which tracks of a call, belong together in two sets of reports.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::{Report, TrackReport};

/// Reports by their names.
type Reports = BTreeMap<String, Report>;

/// Pairs of the names of one call in both sets: of calls that share an id which no other call of
/// their set has; of the others, those of one name, unless their ids say that they are two calls.
pub(super) fn calls<'a>(old: &'a Reports, new: &'a Reports) -> Vec<(&'a str, &'a str)> {
    let (was, is) = (ids(old), ids(new));
    let by_id = was.iter().filter_map(|(id, name)| Some(((*name)?, (*is.get(id)?)?)));
    let mut pairs: Vec<(&str, &str)> = by_id.collect();
    let taken: BTreeSet<&str> = pairs.iter().map(|pair| pair.1).collect();
    let known: BTreeSet<&str> = pairs.iter().map(|pair| pair.0).collect();
    let by_name = old.iter().filter_map(|(name, report)| {
        let (other, new) = new.get_key_value(name)?;
        let two = report.call.id.is_some() && new.call.id.is_some() && report.call.id != new.call.id;
        let free = !known.contains(name.as_str()) && !taken.contains(other.as_str());
        (free && !two).then_some((name.as_str(), other.as_str()))
    });
    pairs.extend(by_name);
    pairs.sort_unstable();
    pairs
}

/// The calls' ids, each with the name of its report; `None` where several reports have it.
fn ids(reports: &Reports) -> BTreeMap<&str, Option<&str>> {
    let mut ids = BTreeMap::new();
    for (name, report) in reports {
        if let Some(id) = &report.call.id {
            ids.entry(id.as_str()).and_modify(|known| *known = None).or_insert(Some(name.as_str()));
        }
    }
    ids
}

/// Pairs of tracks of one call: those of the same recording and channel; those of the same
/// recording in their order, where a report does not say which channel a track is; then what is
/// left in both, by its place, unless the recordings say that they are two.
pub(super) fn paired<'a>(old: &'a [TrackReport], new: &'a [TrackReport]) -> Vec<(&'a TrackReport, &'a TrackReport)> {
    let one_recording = |a: &TrackReport, b: &TrackReport| recording(a).is_some() && recording(a) == recording(b);
    let channels = |a: &TrackReport, b: &TrackReport| a.channel.zip(b.channel);
    let one_channel = |a: &TrackReport, b: &TrackReport| channels(a, b).is_some_and(|(a, b)| a == b);
    let unsaid = |a: &TrackReport, b: &TrackReport| channels(a, b).is_none();
    let one_place =
        |a: &TrackReport, b: &TrackReport| a.index == b.index && (recording(a).is_none() || recording(b).is_none());
    let (mut alone, mut left): (Vec<&TrackReport>, Vec<&TrackReport>) = (old.iter().collect(), new.iter().collect());
    let mut pairs = Vec::new();
    let mut pair = |same: &dyn Fn(&TrackReport, &TrackReport) -> bool| {
        alone.retain(|track| match left.iter().position(|other| same(track, other)) {
            Some(place) => {
                pairs.push((*track, left.remove(place)));
                false
            }
            None => true,
        });
    };
    pair(&|a, b| one_recording(a, b) && one_channel(a, b));
    pair(&|a, b| one_recording(a, b) && unsaid(a, b));
    pair(&one_place);
    pairs.sort_by_key(|(_, new)| new.index);
    pairs
}

/// What a track was recorded in: the hash of its bytes, else its name; `None` where neither is
/// told.
fn recording(track: &TrackReport) -> Option<&str> {
    let source = track.source.as_ref()?;
    source.sha256.as_deref().or(source.path.as_deref())
}
