//! What is done to a known call, so that it has to be found again: each disturbance is one that
//! real recorders and networks make.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::call::{Moment, Role};
use crate::config::Format;
use crate::decode::Input;
use crate::error::Result;
use crate::export::encode_audio;
use crate::resample::resample;
use crate::timeline::{Knot, Method, Placement};
use crate::track::{PcmCollector, SampleSink, to_f32};
use crate::units::{Millis, Rate};

use super::dice::Dice;
use super::known::KnownCall;

/// What is done to a call of two channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Disturbance {
    /// Each channel in a file of its own, nothing else.
    Split,
    /// Both recorders begin late, before their party speaks, and stop early, after it has spoken.
    Shifted,
    /// As `shifted`, with start times in whole seconds.
    StartTimes,
    /// Seconds are missing from one beginning and from one end, whatever was said in them.
    Cut,
    /// As `shifted`, and one recorder left out silence that was not sent.
    SilenceShrunk,
    /// As `shifted`, and one recorder lost packets.
    PacketsDropped,
    /// As `shifted`, at 8 kHz in mu-law.
    Transcoded,
    /// Both channels in one.
    Summed,
}

impl Disturbance {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Split,
        Self::Shifted,
        Self::StartTimes,
        Self::Cut,
        Self::SilenceShrunk,
        Self::PacketsDropped,
        Self::Transcoded,
        Self::Summed,
    ];

    /// Its name in results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Shifted => "shifted",
            Self::StartTimes => "start_times",
            Self::Cut => "cut",
            Self::SilenceShrunk => "silence_shrunk",
            Self::PacketsDropped => "packets_dropped",
            Self::Transcoded => "transcoded",
            Self::Summed => "summed",
        }
    }
}

/// Recorders begin so many seconds late at most, and not before a sixth of the call is over ...
const LATE_S: f64 = 6.0;
const LATE_SHARE: f64 = 6.0;
/// ... and this long before their party speaks.
const BEFORE_SPEECH_MS: f64 = 100.0;
/// Recorders of three calls in five stop early, by a second or so, and this long after their
/// party's last word: parties hang up one after the other.
const STOPS: f64 = 0.6;
const STOPS_MEAN_S: f64 = 1.2;
const AFTER_SPEECH_MS: f64 = 200.0;
/// What a cut takes at most from a beginning and from an end, in seconds, and of the call.
const CUT_S: (f64, f64) = (12.0, 3.0);
const CUT_SHARE: f64 = 0.25;
/// Losses of packets: how many, and how long each is.
const LOSSES: usize = 3;
const LOSS_MS: (f64, f64) = (20.0, 200.0);
/// Silence that was not sent: how often a pause shrinks, by which part, and from where on it is
/// one.
const SHRINKS: f64 = 0.7;
const SHRINKS_BY: (f64, f64) = (0.2, 0.9);
const PAUSE_MARGIN_MS: f64 = 300.0;
const PAUSE_MS: f64 = 200.0;
/// A moment in the past that start times are counted from, in Unix seconds.
const BEGAN_S: f64 = 1_700_000_000.0;

/// A disturbed call.
#[derive(Debug)]
pub(super) struct Trial {
    pub inputs: Vec<Input>,
    /// Where each file's samples truly lie; empty where the channels are one.
    pub truth: Vec<TrueTrack>,
}

/// What is known of a file that was made of a channel.
#[derive(Debug)]
pub(super) struct TrueTrack {
    /// Where its samples lie on the known call.
    pub placement: Placement,
    /// How long it is.
    pub length: Millis,
    /// The second in which it began, as a phone system would note it.
    pub second: f64,
}

/// What of one channel is left.
struct Rest {
    /// Times of the call that the file does not hold, in order.
    gone: Vec<Range<f64>>,
}

/// Disturbs a call.
///
/// # Errors
/// Those of resampling and encoding.
pub(super) fn disturb(call: &KnownCall, kind: Disturbance, dice: &mut Dice) -> Result<Trial> {
    if kind == Disturbance::Summed {
        return Ok(summed(call));
    }
    let mut rests = [0, 1].map(|channel| Rest { gone: ends(call, channel, kind, dice) });
    let one = dice.below(2);
    match kind {
        Disturbance::Cut => rests = cut(call, one, dice),
        Disturbance::SilenceShrunk => rests[one].gone.extend(pauses(call, one, dice)),
        Disturbance::PacketsDropped => rests[one].gone.extend(losses(call, dice)),
        _ => {}
    }
    let phase = dice.unit();
    let mut trial = Trial { inputs: Vec::new(), truth: Vec::new() };
    for (channel, rest) in rests.into_iter().enumerate() {
        let (samples, truth) = rest.tidied(call.length().0).take(&call.channels[channel], call.rate, phase);
        trial.inputs.push(file(samples, channel, &truth, kind, call)?);
        trial.truth.push(truth);
    }
    Ok(trial)
}

/// The call as one recording of both parties.
fn summed(call: &KnownCall) -> Trial {
    let [left, right] = &call.channels;
    let sum: Vec<i16> = left.iter().zip(right).map(|(a, b)| a.saturating_add(*b)).collect();
    let input = Input::samples("sum", sum, call.rate).role(Role::Mixed);
    Trial { inputs: vec![input], truth: Vec::new() }
}

/// A channel's file as a phone system would hand it over.
fn file(samples: Vec<i16>, channel: usize, truth: &TrueTrack, kind: Disturbance, call: &KnownCall) -> Result<Input> {
    let name = channel.to_string();
    let input = match kind {
        Disturbance::Transcoded => Input::bytes(format!("{name}.wav"), mu_law(&samples, call.rate)?),
        _ => Input::samples(name, samples, call.rate),
    };
    let input = input.role(call.roles[channel]);
    let moment = Moment::from_unix_seconds(BEGAN_S + truth.second).filter(|_| kind == Disturbance::StartTimes);
    Ok(match moment {
        Some(moment) => input.started_at(moment),
        None => input,
    })
}

/// A wav file of 8 kHz in mu-law.
fn mu_law(samples: &[i16], rate: Rate) -> Result<Vec<u8>> {
    let samples: Vec<f32> = samples.iter().map(|&x| to_f32(x)).collect();
    let mut narrow = PcmCollector::default();
    narrow.push(&resample(&samples, rate, Rate::NARROWBAND)?);
    encode_audio(&[narrow.finish().0], Rate::NARROWBAND, Format::WavUlaw)
}

/// What a recorder leaves out that begins late and stops early.
fn ends(call: &KnownCall, channel: usize, kind: Disturbance, dice: &mut Dice) -> Vec<Range<f64>> {
    let length = call.length().0;
    let heard = call.heard(channel);
    let first = heard.map_or(length, |heard| heard.start.0) - BEFORE_SPEECH_MS;
    let last = heard.map_or(0.0, |heard| heard.end.0) + AFTER_SPEECH_MS;
    let late = dice.between(0.0, first.min(LATE_S * 1000.0).min(length / LATE_SHARE));
    let early = if dice.happens(STOPS) { dice.exponential(STOPS_MEAN_S) * 1000.0 } else { 0.0 };
    if kind == Disturbance::Split {
        return Vec::new();
    }
    vec![0.0..late, last.max(length - early)..length]
}

/// Seconds off one beginning, and off one end.
fn cut(call: &KnownCall, one: usize, dice: &mut Dice) -> [Rest; 2] {
    let (length, most) = (call.length().0, call.length().0 * CUT_SHARE);
    let head = dice.between(0.0, most.min(CUT_S.0 * 1000.0));
    let tail = dice.between(0.0, most.min(CUT_S.1 * 1000.0));
    let other = dice.below(2);
    [0, 1].map(|channel| {
        let head = (channel == one).then_some(0.0..head);
        let tail = (channel == other).then_some(length - tail..length);
        Rest { gone: head.into_iter().chain(tail).collect() }
    })
}

/// Packets that were lost, somewhere within the call.
fn losses(call: &KnownCall, dice: &mut Dice) -> Vec<Range<f64>> {
    let length = call.length().0;
    let loss = |dice: &mut Dice| {
        let at = dice.between(0.1, 0.9) * length;
        at..at + dice.between(LOSS_MS.0, LOSS_MS.1)
    };
    (0..=dice.below(LOSSES)).map(|_| loss(dice)).collect()
}

/// The parts of a party's pauses that were not sent.
fn pauses(call: &KnownCall, channel: usize, dice: &mut Dice) -> Vec<Range<f64>> {
    let ends = call.speech(channel).iter().map(|span| span.end.0 + PAUSE_MARGIN_MS);
    let starts = call.speech(channel).iter().skip(1).map(|span| span.start.0 - PAUSE_MARGIN_MS);
    let shrunk = |(from, to): (f64, f64)| {
        let gone = (to - from) * dice.between(SHRINKS_BY.0, SHRINKS_BY.1);
        (dice.happens(SHRINKS) && gone >= PAUSE_MS).then_some(from..from + gone)
    };
    ends.zip(starts).filter_map(shrunk).collect()
}

impl Rest {
    /// The same in order, without overlaps, within the call.
    fn tidied(mut self, length: f64) -> Self {
        self.gone.sort_by(|a, b| a.start.total_cmp(&b.start));
        let mut tidy: Vec<Range<f64>> = Vec::new();
        for gone in self.gone {
            let gone = gone.start.clamp(0.0, length)..gone.end.clamp(0.0, length);
            match tidy.last_mut() {
                Some(last) if gone.start <= last.end => last.end = last.end.max(gone.end),
                _ => tidy.push(gone),
            }
        }
        tidy.retain(|gone| gone.end > gone.start);
        Self { gone: tidy }
    }

    /// The samples that are left, and where they lie.
    fn take(&self, channel: &[i16], rate: Rate, phase: f64) -> (Vec<i16>, TrueTrack) {
        let at = |ms: f64| usize::try_from(rate.sample_at(Millis(ms))).unwrap_or(usize::MAX).min(channel.len());
        let (mut samples, mut knots, mut from) = (Vec::new(), Vec::new(), 0);
        for gone in self
            .gone
            .iter()
            .map(|gone| at(gone.start)..at(gone.end))
            .chain(std::iter::once(channel.len()..channel.len()))
        {
            if let Some(left) = channel.get(from..gone.start).filter(|left| !left.is_empty()) {
                let knot = |sample: usize, call: usize| Knot {
                    track: rate.millis(sample as u64),
                    call: rate.millis(call as u64),
                };
                knots.push(knot(samples.len(), from));
                samples.extend_from_slice(left);
                knots.push(knot(samples.len(), gone.start));
            }
            from = gone.end;
        }
        let placement = Placement::through(knots, Method::Given, 1.0, Millis(0.0));
        let second = (placement.offset().seconds() + phase).floor();
        let length = rate.millis(samples.len() as u64);
        (samples, TrueTrack { placement, length, second })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_lies_where_it_was() {
        let channel: Vec<i16> = (0..8_000).map(|i| i as i16).collect();
        let gone = vec![900.0..2_000.0, 300.0..350.0, 0.0..100.0, 320.0..400.0];
        let (samples, truth) = Rest { gone }.tidied(1_000.0).take(&channel, Rate::NARROWBAND, 0.95);
        assert_eq!((samples.len(), truth.length), (5_600, Millis(700.0)));
        for (i, &sample) in samples.iter().enumerate() {
            let call = truth.placement.to_call(Rate::NARROWBAND.millis(i as u64));
            assert_eq!(Rate::NARROWBAND.sample_at(call), sample as u64, "sample {i}");
        }
        assert_eq!(truth.second, 1.0, "it began at 0.1 s, and the clock's second is over at 0.05 s");
    }
}
