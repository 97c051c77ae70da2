//! Taking stretches out of a processed call: out of every track, so out of every mix, picture and
//! number made of them later.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::redact::{self, Cover, PAD};
use crate::timeline::EventKind;
use crate::units::Span;

use super::{Processed, ProcessedTrack};

/// How many stretches a warning names.
const NAMED: usize = 8;

/// What is taken out of a call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Redaction {
    /// Stretches of the call's time.
    pub spans: Vec<Span>,
    /// Every key press that was detected, on all tracks.
    pub keys: bool,
    /// With `keys`: the stretches in which noise or a voice may hide one, too.
    pub unsure: bool,
    /// What is heard in their place.
    pub cover: Cover,
}

impl Processed {
    /// Silences or beeps stretches of the call on every track, each widened by 250 ms on either
    /// side; the call keeps its length. A mix, peaks and labels that are made afterwards hold
    /// nothing of it, and the report names the stretches in `redacted` and forgets the digits of
    /// keys in them.
    ///
    /// Where keys are taken out, a warning `keys_unsure` names stretches in which noise or a voice may
    /// hide one: they are not redacted, unless `unsure` asks for it or `spans` hold them.
    ///
    /// It does not touch the recordings themselves, nor files that were written before; what a
    /// detector did not hear as a key is not redacted as one. To write the recordings anew:
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
    /// `invalid_argument` for a span that is not within the call, for `unsure` without `keys`, and
    /// for tracks whose samples were not kept: nothing is changed then.
    pub fn redact(&mut self, what: &Redaction) -> Result<()> {
        self.check_redaction(what)?;
        let mut spans = redact::widened(&what.spans, self.report.call.duration_ms)?;
        if what.keys {
            spans.extend(self.tracks.iter().flat_map(|placed| placed.key_spans(what.unsure)));
        }
        let spans = redact::joined(spans);
        for placed in &mut self.tracks {
            placed.redact(&spans, what);
        }
        self.forget_digits(&spans);
        self.say_unsure(&spans, what.keys);
        let told = self.report.redacted.drain(..).chain(spans).collect();
        let call = Span { start: Default::default(), end: self.report.call.duration_ms };
        self.report.redacted = redact::joined(told).iter().filter_map(|span| span.overlap(&call)).collect();
        Ok(())
    }

    /// Refuses what cannot be redacted.
    fn check_redaction(&self, what: &Redaction) -> Result<()> {
        let refused = |what: &str| Error::new(ErrorKind::InvalidArgument, Stage::Config, what);
        if what.unsure && !what.keys {
            return Err(refused("redaction").with_mismatch("unsure keys alone", "keys, and with them unsure ones"));
        }
        if let Some(placed) = self.tracks.iter().find(|placed| placed.track.samples.is_empty()) {
            return Err(refused("redaction of a call whose samples were not kept").with_mismatch(
                format!("no samples of track {}", placed.index),
                "a call that was processed, not only analysed",
            ));
        }
        Ok(())
    }

    /// Leaves out of the report which keys were pressed in redacted spans.
    fn forget_digits(&mut self, spans: &[Span]) {
        for event in self.report.tracks.iter_mut().flat_map(|track| &mut track.events) {
            if event.kind == EventKind::Dtmf && spans.iter().any(|span| span.overlap(&event.span).is_some()) {
                event.detail = None;
            }
        }
    }

    /// Notes, and says in the report, where keys may have stayed.
    fn say_unsure(&mut self, spans: &[Span], keys: bool) {
        let covered = |doubt: &Span| spans.iter().any(|span| span.start <= doubt.start && doubt.end <= span.end);
        let unsure = self.unsure.get_or_insert_default();
        unsure.retain(|doubt| !covered(doubt));
        if keys {
            let doubts = self.tracks.iter_mut().flat_map(ProcessedTrack::take_doubts);
            let left: Vec<Span> = doubts.filter(|doubt| !covered(doubt)).collect();
            unsure.extend_from_slice(&left);
            self.report.warnings.extend(keys_unsure(left));
        }
    }

    /// Refuses to write tracks that were not redacted, or of which keys may have stayed.
    pub(super) fn check_redacted(&self, keep_unsure: bool) -> Result<()> {
        let Some(unsure) = &self.unsure else {
            let error = Error::new(ErrorKind::InvalidArgument, Stage::Config, "redacted tracks");
            return Err(error.with_mismatch("a call of which nothing was redacted", "a redaction first"));
        };
        match keys_unsure(unsure.clone()) {
            Some(warning) if !keep_unsure => {
                let error = Error::new(ErrorKind::Unsure, Stage::Export, "redacted tracks are not written");
                Err(error.with_mismatch(warning.message, "these stretches redacted, or kept on purpose"))
            }
            _ => Ok(()),
        }
    }
}

/// The warning that keys may have stayed.
fn keys_unsure(spans: Vec<Span>) -> Option<Warning> {
    let spans = redact::joined(spans);
    let named: Vec<String> = spans.iter().take(NAMED).map(|span| span.start.to_string()).collect();
    let more = spans.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!("may be keys under noise or a voice, not redacted: at {}{more}", named.join(", "));
    (!spans.is_empty()).then(|| Warning::new("keys_unsure", message))
}

impl ProcessedTrack {
    /// Where there may have been more keys, in the call's time.
    fn take_doubts(&mut self) -> impl Iterator<Item = Span> {
        let on_call = |key: Span| self.placement.span_to_call(key);
        self.key_doubts.drain(..).map(on_call)
    }

    /// The keys on this track, and where asked for those there may be, widened, in the call's time.
    fn key_spans(&self, unsure: bool) -> impl Iterator<Item = Span> {
        self.own_keys(unsure).map(|key| padded(self.placement.span_to_call(key)))
    }

    /// The same in the track's own time, as they are.
    fn own_keys(&self, unsure: bool) -> impl Iterator<Item = Span> {
        let doubts = if unsure { self.key_doubts.as_slice() } else { &[] };
        self.keys.iter().chain(doubts).copied()
    }

    /// Replaces the samples of spans of the call, and of the track's keys.
    fn redact(&mut self, spans: &[Span], what: &Redaction) {
        let mut own: Vec<Span> = spans.iter().map(|&span| redact::on_track(span, &self.placement)).collect();
        if what.keys {
            // In the track's own time too: there, no placement stands between a key and its end.
            own.extend(self.own_keys(what.unsure).map(padded));
            self.keys.clear();
        }
        redact::cover(&mut self.track, &redact::joined(own), what.cover);
    }
}

fn padded(span: Span) -> Span {
    Span { start: span.start - PAD, end: span.end + PAD }
}
