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
    /// hide one: they are not redacted, unless they are named in `spans`.
    ///
    /// It does not touch the recordings themselves, nor files that were written before; what a
    /// detector did not hear as a key is not redacted as one.
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
    /// `invalid_argument` for a span that is not within the call, and for tracks whose samples were
    /// not kept: nothing is changed then.
    pub fn redact(&mut self, what: &Redaction) -> Result<()> {
        if let Some(placed) = self.tracks.iter().find(|placed| placed.track.samples.is_empty()) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                Stage::Config,
                "redaction of a call whose samples were not kept",
            )
            .with_mismatch(
                format!("no samples of track {}", placed.index),
                "a call that was processed, not only analysed",
            ));
        }
        let mut spans = redact::widened(&what.spans, self.report.call.duration_ms)?;
        if what.keys {
            spans.extend(self.tracks.iter().flat_map(ProcessedTrack::key_spans));
        }
        let spans = redact::joined(spans);
        for placed in &mut self.tracks {
            let mut own: Vec<Span> = spans.iter().map(|&span| redact::on_track(span, &placed.placement)).collect();
            if what.keys {
                // In the track's own time too: there, no placement stands between a key and its
                // end.
                own.extend(placed.keys.drain(..).map(|key| Span { start: key.start - PAD, end: key.end + PAD }));
            }
            redact::cover(&mut placed.track, &redact::joined(own), what.cover);
        }
        let within = |span: Span| spans.iter().any(|redacted| redacted.overlap(&span).is_some());
        for event in self.report.tracks.iter_mut().flat_map(|track| &mut track.events) {
            if event.kind == EventKind::Dtmf && within(event.span) {
                event.detail = None;
            }
        }
        if what.keys {
            let left = self.tracks.iter_mut().flat_map(ProcessedTrack::take_doubts);
            self.report.warnings.extend(keys_unsure(left.filter(|&span| !within(span)).collect()));
        }
        let told = self.report.redacted.drain(..).chain(spans).collect();
        let call = Span { start: Default::default(), end: self.report.call.duration_ms };
        self.report.redacted = redact::joined(told).iter().filter_map(|span| span.overlap(&call)).collect();
        Ok(())
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

    /// The keys heard on this track, widened, in the call's time.
    fn key_spans(&self) -> impl Iterator<Item = Span> {
        let on_call = |key: &Span| self.placement.span_to_call(*key);
        self.keys.iter().map(on_call).map(|key| Span { start: key.start - PAD, end: key.end + PAD })
    }
}
