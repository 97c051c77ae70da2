//! Blocks of decoded samples, and how their channels become tracks.

use std::ops::Range;

use crate::call::Leg;
use crate::config::{DecodeOptions, Stereo};
use crate::error::{Error, ErrorKind, Result, Stage, Warning};
use crate::samples::WILD;

/// Most samples per channel in a block.
pub(crate) const FRAMES: usize = 4096;

/// Returns a warning with the number of samples that were not finite.
pub(crate) fn not_finite_warning(count: u64) -> Option<Warning> {
    (count > 0).then(|| Warning::new(NOT_FINITE, format!("{count} samples are not finite: replaced by silence")))
}

/// Returns a warning with the number of samples that were out of range.
pub(crate) fn wild_warning(count: u64) -> Option<Warning> {
    let message = || format!("{count} samples are beyond 1000 times full scale: clipped");
    (count > 0).then(|| Warning::new(OUT_OF_RANGE, message()))
}

/// Warning code for samples that were not finite, and for samples out of range.
pub(crate) const NOT_FINITE: &str = "not_finite";
pub(crate) const OUT_OF_RANGE: &str = "samples_out_of_range";

/// A block being filled: one reusable buffer per channel, all of the same length.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) planes: Vec<Vec<f32>>,
    /// The samples in double precision, if f32 cannot represent them.
    pub(crate) wide: Vec<Vec<f64>>,
    /// Which of the two buffers holds the samples.
    pub(crate) is_wide: bool,
}

impl Block {
    /// Empties the block and sets its number of channels.
    pub(crate) fn clear(&mut self, channels: usize) {
        self.planes.resize_with(channels, Vec::new);
        self.planes.iter_mut().for_each(Vec::clear);
        self.is_wide = false;
    }

    /// Like `clear`, for samples in double precision.
    pub(crate) fn clear_wide(&mut self, channels: usize) {
        self.wide.resize_with(channels, Vec::new);
        self.wide.iter_mut().for_each(Vec::clear);
        self.is_wide = true;
    }

    /// Keeps a range of the samples.
    pub(crate) fn keep(&mut self, part: Range<usize>) {
        fn cut<T>(planes: &mut [Vec<T>], part: &Range<usize>) {
            for plane in planes {
                plane.truncate(part.end);
                plane.drain(..part.start.min(plane.len()));
            }
        }
        if part != (0..self.frames()) {
            if self.is_wide { cut(&mut self.wide, &part) } else { cut(&mut self.planes, &part) }
        }
    }

    /// Returns the samples as f32.
    pub(crate) fn narrow(&mut self) -> &[Vec<f32>] {
        if self.is_wide {
            refill(&mut self.planes, &self.wide, |x| x as f32);
        }
        &self.planes
    }

    /// Returns the samples as f64.
    pub(crate) fn widen(&mut self) -> &[Vec<f64>] {
        if !self.is_wide {
            refill(&mut self.wide, &self.planes, f64::from);
        }
        &self.wide
    }

    /// Clips samples that are out of range, and returns their number.
    pub(crate) fn tame(&mut self) -> u64 {
        if self.is_wide {
            self.wide.iter_mut().map(|plane| tame(plane, f64::from(WILD), |x| x.clamp(-1e3, 1e3))).sum()
        } else {
            self.planes.iter_mut().map(|plane| tame(plane, WILD, |x| x.clamp(-WILD, WILD))).sum()
        }
    }

    /// Returns the number of samples per channel.
    pub(crate) fn frames(&self) -> usize {
        if self.is_wide { self.wide.first().map_or(0, Vec::len) } else { self.planes.first().map_or(0, Vec::len) }
    }
}

/// Clips the samples of a plane to ±`most`, and returns their number.
fn tame<T: Copy + PartialOrd + std::ops::Neg<Output = T>>(plane: &mut [T], most: T, clip: impl Fn(T) -> T) -> u64 {
    let wild = |x: &T| (*x > most) | (*x < -most);
    // Counting takes longer than looking whether there is anything to count.
    if !plane.iter().fold(false, |any, x| any | wild(x)) {
        return 0;
    }
    let count = plane.iter().filter(|x| wild(x)).count() as u64;
    plane.iter_mut().for_each(|x| *x = clip(*x));
    count
}

fn refill<A: Copy, B>(to: &mut Vec<Vec<B>>, from: &[Vec<A>], convert: impl Fn(A) -> B) {
    to.resize_with(from.len(), Vec::new);
    for (to, from) in to.iter_mut().zip(from) {
        to.clear();
        to.extend(from.iter().map(|&x| convert(x)));
    }
}

/// Samples nominally in [−1, 1): one slice per channel, all of the same length.
#[derive(Debug, Clone, Copy)]
pub struct Planar<'a, T = f32> {
    planes: &'a [Vec<T>],
}

impl<'a, T> Planar<'a, T> {
    pub(crate) fn new(planes: &'a [Vec<T>]) -> Self {
        Self { planes }
    }

    /// Returns the number of channels.
    pub fn channels(&self) -> usize {
        self.planes.len()
    }

    /// Returns the number of samples per channel.
    pub fn frames(&self) -> usize {
        self.planes.first().map_or(0, Vec::len)
    }

    /// Returns the samples of a channel, from 0. Empty if there is no such channel.
    pub fn channel(&self, index: usize) -> &'a [T] {
        self.planes.get(index).map_or(&[], Vec::as_slice)
    }
}

/// The channels that become one track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelSelection {
    /// One channel of the recording, from 0.
    Channel(u16),
    /// The average of all channels.
    Mean,
}

impl ChannelSelection {
    /// Returns the tracks of a recording with this many channels: the channel selected by its leg,
    /// every channel, or their average.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if the leg selects a channel that
    /// does not exist.
    pub fn of(channels: u16, leg: &Leg, options: &DecodeOptions) -> Result<Vec<Self>> {
        match leg.channel {
            Some(channel) if channel < channels => Ok(vec![Self::Channel(channel)]),
            Some(channel) => Err(Error::new(ErrorKind::InvalidArgument, Stage::Decode, "no such channel")
                .with_mismatch(format!("channel {channel}"), format!("0 to {}", channels.saturating_sub(1)))),
            None if channels > 1 && options.stereo == Stereo::Downmix => Ok(vec![Self::Mean]),
            None => Ok((0..channels).map(Self::Channel).collect()),
        }
    }

    /// Returns the channel, or `None` for the average.
    pub fn channel(self) -> Option<u16> {
        match self {
            Self::Channel(index) => Some(index),
            Self::Mean => None,
        }
    }

    /// Returns the track's samples of a block. `room` is used if they must be computed.
    pub fn samples<'a>(self, block: Planar<'a>, room: &'a mut Vec<f32>) -> &'a [f32] {
        if let Self::Channel(index) = self {
            return block.channel(usize::from(index));
        }
        let share = 1.0 / block.channels().max(1) as f32;
        room.clear();
        room.resize(block.frames(), 0.0);
        for index in 0..block.channels() {
            room.iter_mut().zip(block.channel(index)).for_each(|(sum, x)| *sum += x * share);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_become_tracks_as_the_leg_and_the_options_say() {
        let split = DecodeOptions::default();
        let down = DecodeOptions { stereo: Stereo::Downmix, ..split.clone() };
        let (any, second) = (Leg::default(), Leg { channel: Some(1), ..Leg::default() });
        assert_eq!(
            ChannelSelection::of(2, &any, &split).unwrap(),
            [ChannelSelection::Channel(0), ChannelSelection::Channel(1)]
        );
        assert_eq!(ChannelSelection::of(2, &any, &down).unwrap(), [ChannelSelection::Mean]);
        assert_eq!(ChannelSelection::of(2, &second, &down).unwrap(), [ChannelSelection::Channel(1)]);
        assert_eq!(ChannelSelection::of(1, &any, &down).unwrap(), [ChannelSelection::Channel(0)]);
        assert_eq!(ChannelSelection::of(1, &second, &split).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }

    #[test]
    fn what_is_no_audio_is_clipped_and_counted() {
        let mut block = Block { planes: vec![vec![0.5, 3e38, -1000.0], vec![-1e20, 1.0, 1000.5]], ..Block::default() };
        assert_eq!(block.tame(), 3);
        assert_eq!(block.planes, [[0.5, 1e3, -1e3], [-1e3, 1.0, 1e3]]);
        block.widen();
        block.is_wide = true;
        block.wide[0][0] = -1e300;
        assert_eq!((block.tame(), block.wide[0][0], block.tame()), (1, -1e3, 0));
    }

    #[test]
    fn the_mean_of_two_channels() {
        let planes = vec![vec![0.5, -1.0], vec![0.25, 1.0]];
        let mut room = vec![9.0; 7];
        assert_eq!(ChannelSelection::Mean.samples(Planar::new(&planes), &mut room), [0.375, 0.0]);
        assert_eq!(ChannelSelection::Channel(1).samples(Planar::new(&planes), &mut room), [0.25, 1.0]);
    }
}
