//! Redacts spans of a processed call on every track, and thereby in every mix, picture and
//! measurement made later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::redact::{self, Cover, PAD};
use crate::timeline::{EventKind, Method};
use crate::units::{Millis, Span, joined, sum, total};

use super::kept::KEPT;
use super::{Processed, ProcessedTrack};

/// Most spans listed in a warning.
const NAMED: usize = 8;
/// The warning that keys may have stayed.
const KEYS_UNSURE: &str = "keys_unsure";
/// The warning that uncertain placements widened what was taken out.
const WIDENED: &str = "redaction_widened";
/// What makes placements more certain.
const NARROWS: &str = "Known offsets, `aligned` and exact start times narrow that";
/// What may be done where keys may have stayed, in every language.
const WAYS_ON: &str = "a redaction with `unsure` (--redact-unsure), which takes these stretches out too, or \
                       `keep_unsure` (`keepUnsure`, --keep-unsure), which keeps them";

/// The same where a key was told without a time in the call.
const TIMES: &str = "start times of the recordings, by which such keys have a place, or `keep_unsure` (`keepUnsure`, \
                     --keep-unsure)";

/// What to redact in a call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Redaction {
    /// Spans of the call's time.
    pub spans: Vec<Span>,
    /// Every key press that was detected or told beside the audio, on all tracks.
    pub keys: bool,
    /// With `keys`, also the spans in which noise or speech may hide a key press.
    pub unsure: bool,
    /// What replaces the redacted audio.
    pub cover: Cover,
}

/// What was taken out of a call.
#[derive(Debug, Clone, Default)]
pub(super) struct TakenOut {
    /// Stretches of the call's time, in order and apart.
    spans: Vec<Span>,
    /// What was asked for: the same before it was widened.
    asked: Vec<Span>,
    /// The placements that widened the stretches most.
    widened_by: Vec<UnsurePlacement>,
    /// Whether keys were asked for.
    keys: bool,
    /// Where keys may have stayed.
    unsure: Vec<Span>,
    /// How many keys were told that have no place in the call.
    without_place: usize,
}

/// A placement that leaves open where a track lies.
#[derive(Debug, Clone, Copy, PartialEq)]
struct UnsurePlacement {
    track: usize,
    method: Method,
    uncertainty: Millis,
    /// What the start times of its segments leave open besides.
    joined: Millis,
}

impl UnsurePlacement {
    /// How far the track, or a segment of it, may lie off its place.
    fn reach(&self) -> Millis {
        self.uncertainty + self.joined
    }
}

impl Processed {
    /// Redacts spans of the call on every track, each widened on either side by 250 ms and by the
    /// uncertainty of the placements, so that no half of a number remains. The call keeps its
    /// length.
    ///
    /// A mix, peaks and labels made afterwards contain nothing of them. The report lists the
    /// widened spans in `redacted`, and omits the digits of keys in them. If placements widen them
    /// by more than the 250 ms, a warning `redaction_widened` says how much was taken out, and what
    /// would narrow it.
    ///
    /// If keys are redacted, a warning `keys_unsure` lists spans in which noise or speech may hide
    /// a key press. They are not redacted, unless `unsure` is set or `spans` contains them. It also
    /// says how many facts are keys without a place in the call, because no recording says when it
    /// began. A key that was neither detected nor reported as a fact is not redacted.
    ///
    /// Recordings and files written before are not changed. To write the recordings redacted, see
    /// [`WriteOptions::redacted_tracks`](crate::WriteOptions::redacted_tracks).
    ///
    /// ```
    /// use callweave::process::Redaction;
    /// use callweave::{Config, Input, RunOptions, process, units::{Rate, Span}};
    ///
    /// let call = vec![Input::samples("call", vec![1000i16; 40_000], Rate::NARROWBAND)];
    /// let mut call = process(call, &Config::default(), &RunOptions::default())?;
    /// call.redact(&Redaction { spans: vec![Span::new(2_000.0, 3_000.0)], ..Redaction::default() })?;
    /// assert_eq!(call.tracks[0].track.samples[20_000], 0);
    /// # Ok::<(), callweave::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for neither spans nor keys, for a span
    /// outside the call, for `unsure` without `keys`, and for a call whose samples were not kept.
    /// Nothing is changed then.
    pub fn redact(&mut self, what: &Redaction) -> Result<()> {
        self.check_redaction(what)?;
        let spans = redact::widened(&what.spans, self.report.call.duration_ms)?;
        let (keys, unsure) = (self.key_spans(what), self.unsure_placements());
        let slack = slack(&unsure);
        let wide = |span: Span| Span { start: span.start - slack, end: span.end + slack };
        let spans = joined(spans.into_iter().chain(keys.iter().copied().map(padded)).map(wide).collect());
        for placed in &mut self.tracks {
            placed.redact(&spans, what);
        }
        self.forget_digits(&spans);
        let before = || TakenOut { spans: self.report.redacted.clone(), ..TakenOut::default() };
        let mut taken = self.taken.take().unwrap_or_else(before);
        taken.spans = joined(taken.spans.into_iter().chain(spans).collect());
        taken.asked = joined(taken.asked.into_iter().chain(what.spans.iter().copied()).chain(keys).collect());
        taken.keys |= what.keys;
        if slack > self::slack(&taken.widened_by) {
            taken.widened_by = unsure;
        }
        self.taken = Some(self.tell(taken));
        Ok(())
    }

    /// Checks that the call can be redacted.
    fn check_redaction(&self, what: &Redaction) -> Result<()> {
        let refused = |what: &str| Error::new(ErrorKind::InvalidArgument, Stage::Config, what);
        if what.unsure && !what.keys {
            return Err(refused("redaction").with_mismatch("unsure keys alone", "keys, and with them unsure ones"));
        }
        if what.spans.is_empty() && !what.keys {
            return Err(refused("redaction").with_mismatch("neither spans nor keys", "spans of the call, or its keys"));
        }
        if let Some(track) = self.without_samples() {
            return Err(refused("redaction of a call whose samples were not kept")
                .with_mismatch(format!("no samples of track {track}"), KEPT));
        }
        Ok(())
    }

    /// The keys that are taken out, in the call's time: of a recording that is there twice, too, of
    /// which one track is kept.
    fn key_spans(&self, what: &Redaction) -> Vec<Span> {
        let heard = self.tracks.iter().flat_map(|placed| placed.key_spans(what.unsure));
        let events = self.report.tracks.iter().flat_map(|track| &track.events);
        let reported = events.filter(|event| event.kind == EventKind::Dtmf).map(|event| event.span);
        heard.chain(reported).chain(self.told_keys.iter().copied()).filter(|_| what.keys).collect()
    }

    /// The two least certain placements, each recorder's once: what is heard on one track may lie
    /// elsewhere on another by as much as both leave open, and the places of segments on their
    /// tracks with them. A track of zeros holds nothing, wherever it lies.
    fn unsure_placements(&self) -> Vec<UnsurePlacement> {
        let heard = self.tracks.iter().filter(|placed| placed.track.samples.iter().any(|&sample| sample != 0));
        let mut recorders: BTreeMap<usize, UnsurePlacement> = BTreeMap::new();
        for ProcessedTrack { index, recorder, placement, lead_uncertainty, .. } in heard {
            let (method, uncertainty) = (placement.method, placement.uncertainty);
            let unsure = UnsurePlacement { track: *index, method, uncertainty, joined: *lead_uncertainty };
            let known = recorders.entry(*recorder).or_insert(unsure);
            if unsure.reach() > known.reach() {
                *known = unsure;
            }
        }
        let mut unsure: Vec<UnsurePlacement> = recorders.into_values().collect();
        // Segments of one recorder alone lie where the call has them, unless clocks tell of keys.
        if let ([alone], true) = (unsure.as_mut_slice(), self.told_keys.is_empty()) {
            alone.joined = Millis(0.0);
        }
        unsure.sort_by(|a, b| b.reach().0.total_cmp(&a.reach().0).then(a.track.cmp(&b.track)));
        unsure.truncate(2);
        unsure
    }

    /// Leaves out of the report which keys were pressed in redacted spans. A key that was told
    /// beside the audio has a moment, and no length.
    fn forget_digits(&mut self, spans: &[Span]) {
        let taken = |key: Span| spans.iter().any(|span| key.start <= span.end && key.end >= span.start);
        for event in self.report.tracks.iter_mut().flat_map(|track| &mut track.events) {
            if event.kind == EventKind::Dtmf && taken(event.span) {
                event.detail = None;
            }
        }
    }

    /// Has the report say what was taken out, and where keys may have stayed.
    fn tell(&mut self, taken: TakenOut) -> TakenOut {
        let call = Span { start: Millis(0.0), end: self.report.call.duration_ms };
        self.report.redacted = taken.spans.iter().filter_map(|span| span.overlap(&call)).collect();
        let covered = |doubt: &Span| taken.spans.iter().any(|span| span.start <= doubt.start && doubt.end <= span.end);
        let doubts = self.tracks.iter().flat_map(ProcessedTrack::doubts).filter(|_| taken.keys);
        let unsure: Vec<Span> = doubts.filter(|doubt| !covered(doubt)).collect();
        self.report.warnings.retain(|warning| ![KEYS_UNSURE, WIDENED].contains(&&*warning.code));
        self.report.warnings.extend(widened(&taken, &self.report.redacted, call.duration()));
        let without_place = if taken.keys { self.keys_without_place } else { 0 };
        self.report.warnings.extend(keys_unsure(unsure.clone(), without_place));
        TakenOut { unsure, without_place, ..taken }
    }

    /// Rejects tracks that were not redacted, or on which key presses may remain.
    pub(super) fn check_redacted(&self, keep_unsure: bool) -> Result<()> {
        let Some(taken) = &self.taken else {
            let error = Error::new(ErrorKind::InvalidArgument, Stage::Config, "redacted tracks");
            return Err(error.with_mismatch("a call of which nothing was redacted", "a redaction first"));
        };
        match keys_unsure(taken.unsure.clone(), taken.without_place) {
            Some(warning) if !keep_unsure => {
                let error = Error::new(ErrorKind::Unsure, Stage::Export, "redacted tracks are not written");
                Err(error.with_mismatch(warning.message, if taken.without_place > 0 { TIMES } else { WAYS_ON }))
            }
            _ => Ok(()),
        }
    }
}

/// How far placements leave open where something lies on another track.
fn slack(unsure: &[UnsurePlacement]) -> Millis {
    Millis(sum(unsure.iter().map(|placement| placement.reach().0)))
}

/// Returns the warning that placements widened what was taken out, by more than any span is.
fn widened(taken: &TakenOut, redacted: &[Span], call: Millis) -> Option<Warning> {
    let slack = slack(&taken.widened_by);
    let share = 100.0 * total(redacted).0 / call.0.max(1.0);
    let by = |UnsurePlacement { track, method, uncertainty, joined }: &UnsurePlacement| {
        let pieces = format!(" and start times of its pieces that leave {} ms open", joined.0.round());
        let (method, uncertainty) = (method.name(), uncertainty.0.round());
        let pieces = if joined.0 > 0.0 { pieces } else { String::new() };
        format!("track {track} is placed by {method} with an uncertaintyMs of {uncertainty}{pieces}")
    };
    let unsure: Vec<String> = taken.widened_by.iter().filter(|by| by.reach().0 > 0.0).map(by).collect();
    let message = format!(
        "asked for {:.0} ms, taken out {:.0} ms ({share:.1} % of the call): each stretch is wider by {:.0} ms on \
         either side, because {}. {NARROWS}",
        total(&taken.asked).0,
        total(redacted).0,
        (slack + PAD).0,
        unsure.join(" and "),
    );
    (slack > PAD && !taken.asked.is_empty()).then(|| Warning::new(WIDENED, message))
}

/// Returns the warning that key presses may remain: in spans, and those without a place.
fn keys_unsure(spans: Vec<Span>, without_place: usize) -> Option<Warning> {
    let spans = joined(spans);
    let named: Vec<String> = spans.iter().take(NAMED).map(|span| span.start.to_string()).collect();
    let more = spans.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let doubted = format!("may be keys under noise or a voice, not redacted: at {}{more}", named.join(", "));
    let told = format!("keys that were told without a place in the call, not redacted: {without_place}");
    let said = [(!spans.is_empty()).then_some(doubted), (without_place > 0).then_some(told)];
    let said: Vec<String> = said.into_iter().flatten().collect();
    (!said.is_empty()).then(|| Warning::new(KEYS_UNSURE, said.join("; ")))
}

impl ProcessedTrack {
    /// Where there may be more keys, in the call's time.
    fn doubts(&self) -> impl Iterator<Item = Span> {
        self.key_doubts.iter().map(|&key| self.placement.span_to_call(key))
    }

    /// Returns the spans of this track's key presses, optionally with possible ones, in the call's
    /// time.
    fn key_spans(&self, unsure: bool) -> impl Iterator<Item = Span> {
        self.own_keys(unsure).map(|key| self.placement.span_to_call(key))
    }

    /// Returns the spans of key presses in the track's own time.
    fn own_keys(&self, unsure: bool) -> impl Iterator<Item = Span> {
        let doubts = if unsure { self.key_doubts.as_slice() } else { &[] };
        self.keys.iter().chain(doubts).copied()
    }

    /// Replaces the samples of spans of the call, and of the track's key presses.
    fn redact(&mut self, spans: &[Span], what: &Redaction) {
        let mut own: Vec<Span> = spans.iter().map(|&span| redact::on_track(span, &self.placement)).collect();
        if what.keys {
            // In the track's own time too: there, no placement stands between a key and its end.
            own.extend(self.own_keys(what.unsure).map(padded));
            self.keys.clear();
        }
        if what.unsure {
            self.key_doubts.clear();
        }
        for span in spans {
            let (from, to) =
                (span.start.seconds().max(0.0).floor() as usize, span.end.seconds().max(0.0).ceil() as usize);
            let to = to.min(self.levels.len());
            self.levels.get_mut(from..to).unwrap_or_default().fill(None);
        }
        redact::cover(&mut self.track, &joined(own), what.cover);
    }
}

fn padded(span: Span) -> Span {
    Span { start: span.start - PAD, end: span.end + PAD }
}
