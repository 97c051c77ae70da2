//! Samples of other languages' arrays as a wav, which is made as it is read.

use std::io::{Cursor, Read, Result as IoResult};

use crate::error::{Error, ErrorKind, Result, Stage};
use crate::units::Rate;

/// How many frames are laid out at a time.
const FRAMES: usize = 1 << 14;
/// Bytes of a wav's head.
const HEAD: u32 = 44;

/// A type of samples that a wav holds.
pub trait WaveSample: Copy + Send + 'static {
    /// The format's number in a wav: 1 for whole numbers, 3 for floats.
    const FORMAT: u16;
    /// Bytes of a sample.
    const WIDTH: u16;
    /// Adds the sample's bytes.
    fn put(self, room: &mut Vec<u8>);
}

impl WaveSample for i16 {
    const FORMAT: u16 = 1;
    const WIDTH: u16 = 2;

    fn put(self, room: &mut Vec<u8>) {
        room.extend(self.to_le_bytes());
    }
}

impl WaveSample for f32 {
    const FORMAT: u16 = 3;
    const WIDTH: u16 = 4;

    fn put(self, room: &mut Vec<u8>) {
        room.extend(self.to_le_bytes());
    }
}

/// A wav of samples.
#[derive(Debug)]
pub struct Wave<T> {
    channels: u16,
    /// One channel after the other.
    samples: Vec<T>,
    /// The next frame that is laid out.
    frame: usize,
    room: Cursor<Vec<u8>>,
}

impl<T: WaveSample> Wave<T> {
    /// A wav of so many channels, one after the other in `samples`.
    ///
    /// # Errors
    /// `invalid_argument` for a rate or a number of channels that makes no sense; `no_audio` where
    /// there is no sample.
    pub fn new(channels: usize, rate_hz: u32, samples: Vec<T>) -> Result<Self> {
        let rate = Rate::new(rate_hz)?;
        let refuse = |kind, what: &str, found: usize, expected: &str| {
            Err(Error::new(kind, Stage::Input, what).with_mismatch(found, expected))
        };
        let Some(count) = u16::try_from(channels).ok().filter(|&count| count > 0) else {
            return refuse(ErrorKind::InvalidArgument, "channels of an array", channels, "1 to 65535");
        };
        if samples.is_empty() {
            return refuse(ErrorKind::NoAudio, "samples of an array", 0, "one or more");
        }
        if !samples.len().is_multiple_of(channels) {
            return refuse(ErrorKind::InvalidArgument, "samples of an array", samples.len(), "as many on each channel");
        }
        let room = Cursor::new(head::<T>(count, rate, samples.len()));
        Ok(Self { channels: count, samples, frame: 0, room })
    }
}

impl<T: WaveSample> Read for Wave<T> {
    fn read(&mut self, out: &mut [u8]) -> IoResult<usize> {
        let read = self.room.read(out)?;
        if read > 0 || out.is_empty() {
            return Ok(read);
        }
        let channels = usize::from(self.channels);
        let frames = self.samples.len() / channels;
        let next = frames.min(self.frame + FRAMES);
        let mut room = Vec::with_capacity((next - self.frame) * channels * usize::from(T::WIDTH));
        for frame in self.frame..next {
            self.samples.iter().skip(frame).step_by(frames).for_each(|&sample| sample.put(&mut room));
        }
        self.frame = next;
        self.room = Cursor::new(room);
        self.room.read(out)
    }
}

/// The head of a wav; sizes past 4 GiB are left open, which is read as "to the end".
fn head<T: WaveSample>(channels: u16, rate: Rate, samples: usize) -> Vec<u8> {
    let bytes = samples.saturating_mul(usize::from(T::WIDTH));
    let size = u32::try_from(bytes).ok().filter(|size| *size < u32::MAX - HEAD);
    let block = channels.saturating_mul(T::WIDTH);
    let mut out = Vec::with_capacity(HEAD as usize);
    out.extend(b"RIFF");
    out.extend(size.map_or(u32::MAX, |size| size + HEAD - 8).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0");
    out.extend(T::FORMAT.to_le_bytes());
    out.extend(channels.to_le_bytes());
    out.extend(rate.hz().to_le_bytes());
    out.extend(rate.hz().saturating_mul(u32::from(block)).to_le_bytes());
    out.extend(block.to_le_bytes());
    out.extend((8 * T::WIDTH).to_le_bytes());
    out.extend(b"data");
    out.extend(size.unwrap_or(u32::MAX).to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DecodeOptions;
    use crate::decode::{Input, decode};

    #[test]
    fn samples_come_out_as_they_went_in() {
        let samples: Vec<i16> = (0..60_000_i32).map(|i| (i * 37 % 20_000 - 10_000) as i16).collect();
        let floats: Vec<f32> = samples.iter().map(|&x| f32::from(x) / 32_768.0).collect();
        let read = |input: Input| decode(input, &DecodeOptions::default()).unwrap();
        let whole = read(Input::reader("whole", Wave::new(2, 8000, samples.clone()).unwrap()));
        let float = read(Input::reader("float", Wave::new(2, 8000, floats).unwrap()));
        for (at, track) in whole.iter().enumerate() {
            assert_eq!((track.rate.hz(), &track.samples[..]), (8000, &samples[at * 30_000..][..30_000]));
            assert_eq!(track.samples, float[at].samples);
        }
    }

    #[test]
    fn arrays_that_hold_nothing_are_refused_in_their_own_words() {
        let said = |channels, rate, samples: Vec<f32>| Wave::new(channels, rate, samples).unwrap_err();
        assert_eq!(said(1, 8000, vec![]).kind(), ErrorKind::NoAudio);
        assert!(said(1, 8000, vec![]).to_string().contains("samples of an array: found 0"));
        assert!(said(1, 0, vec![0.0]).to_string().contains("0 Hz"));
        assert!(said(0, 8000, vec![0.0]).to_string().contains("channels of an array"));
        assert!(said(2, 8000, vec![0.0; 3]).to_string().contains("as many on each channel"));
    }
}
