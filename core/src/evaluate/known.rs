//! A call whose truth is known: two channels that one machine recorded together.

use std::path::Path;

use crate::call::Role;
use crate::config::Config;
use crate::decode::{Input, decode};
use crate::error::Result;
use crate::process::analyze;
use crate::report::Report;
use crate::run::RunOptions;
use crate::samples::Samples;
use crate::units::{Millis, Rate, Span};

/// Shorter calls are not disturbed: what is cut from them would leave nothing.
const MIN_LENGTH: Millis = Millis(4000.0);
/// Channels whose samples differ by no more than this, of 32768, are one signal twice: a step of
/// rounding.
const SAME: i32 = 2;

/// A two-channel recording, and what is heard in it as it is.
#[derive(Debug)]
pub(super) struct KnownCall {
    /// The channels, of one length.
    pub channels: [Vec<i16>; 2],
    /// Samples per second.
    pub rate: Rate,
    /// Who is on which channel.
    pub roles: [Role; 2],
    /// The report of the recording as it is.
    pub report: Report,
}

/// Why a recording is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Unused {
    NotTwoChannels,
    SameChannels,
    TooShort,
    Unreadable,
}

impl Unused {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::NotTwoChannels => "not_two_channels",
            Self::SameChannels => "same_channels",
            Self::TooShort => "too_short",
            Self::Unreadable => "unreadable",
        }
    }
}

impl KnownCall {
    /// Reads a recording, and hears it as it is.
    ///
    /// # Errors
    /// `cancelled`, and defects.
    pub(super) fn open(
        path: &Path,
        roles: [Role; 2],
        config: &Config,
        run: &RunOptions,
    ) -> Result<Result<Self, Unused>> {
        run.check(crate::error::Stage::Input)?;
        let Ok(tracks) = decode(Input::path(path), &config.decode) else { return Ok(Err(Unused::Unreadable)) };
        let Ok([left, right]) = <[_; 2]>::try_from(tracks) else { return Ok(Err(Unused::NotTwoChannels)) };
        let rate = left.rate;
        if let Some(unused) = unused(&left.samples, &right.samples, rate) {
            return Ok(Err(unused));
        }
        let channels = [left.samples, right.samples];
        let samples = channels.iter().map(|channel| Samples::from(channel.as_slice()));
        let call = crate::process::CallInput::from(vec![Input::channels("call", samples, rate)]);
        let report = analyze(call.with_roles(roles.to_vec()), config, run)?;
        Ok(Ok(Self { channels, rate, roles, report }))
    }

    /// How long it is.
    pub(super) fn length(&self) -> Millis {
        self.rate.millis(self.channels[0].len() as u64)
    }

    /// Where a channel's party speaks.
    pub(super) fn speech(&self, channel: usize) -> &[Span] {
        self.report.tracks.get(channel).map_or(&[], |track| &track.speech)
    }

    /// From a channel's first speech or event to its last.
    pub(super) fn heard(&self, channel: usize) -> Option<Span> {
        let track = self.report.tracks.get(channel)?;
        let spans = || track.speech.iter().copied().chain(track.events.iter().map(|event| event.span));
        let start = spans().map(|span| span.start).reduce(Millis::min)?;
        Some(Span { start, end: spans().map(|span| span.end).reduce(Millis::max)? })
    }
}

/// Why two channels are not used, if they are not.
fn unused(left: &[i16], right: &[i16], rate: Rate) -> Option<Unused> {
    let alike = |(&a, &b): (&i16, &i16)| (i32::from(a) - i32::from(b)).abs() <= SAME;
    if left.len() != right.len() {
        return Some(Unused::NotTwoChannels);
    }
    if rate.millis(left.len() as u64) < MIN_LENGTH {
        return Some(Unused::TooShort);
    }
    left.iter().zip(right).all(alike).then_some(Unused::SameChannels)
}
