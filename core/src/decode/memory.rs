//! Presents samples in memory as bytes, so that they are read like any other recording.

use std::io::{Cursor, Read, Result as IoResult};

use super::pcm::{Endian, Layout, PcmStream};
use super::spec::{Codec, Container, Delay, Spec};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::samples::Samples;
use crate::units::Rate;

/// Frames serialized at once.
const FRAMES: usize = 1 << 14;

/// The channels of a recording in memory.
#[derive(Debug)]
pub(crate) struct MemoryChannels {
    pub(crate) channels: Vec<Samples<'static>>,
    pub(crate) rate: Rate,
}

/// Format of the bytes of [`SampleBytes`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemoryLayout {
    layout: Layout,
    rate: Rate,
    frames: u64,
}

impl MemoryChannels {
    /// Returns the bytes of all samples.
    pub(crate) fn bytes(&self) -> u64 {
        let frames = self.channels.first().map_or(0, Samples::len);
        (frames * self.channels.len() * self.layout(0).width()) as u64
    }

    /// Returns the interleaved bytes and their format.
    ///
    /// # Errors
    /// `no_audio` without a sample. `invalid_argument` for channels of different lengths or more of
    /// them than can be numbered.
    pub(crate) fn open(self) -> Result<(SampleBytes, MemoryLayout)> {
        let refuse = |kind, what: &str, found: usize, expected: String| {
            Err(Error::new(kind, Stage::Input, what).with_mismatch(found, expected))
        };
        let Some(count) = u16::try_from(self.channels.len()).ok().filter(|&count| count > 0) else {
            let expected = format!("1 to {}", u16::MAX);
            return refuse(ErrorKind::InvalidArgument, "channels in memory", self.channels.len(), expected);
        };
        let frames = self.channels.first().map_or(0, Samples::len);
        if frames == 0 {
            return refuse(ErrorKind::NoAudio, "samples in memory", 0, "one or more".into());
        }
        if let Some(other) = self.channels.iter().find(|channel| channel.len() != frames) {
            let expected = format!("{frames}, as many as on the first channel");
            return refuse(ErrorKind::InvalidArgument, "samples of a channel in memory", other.len(), expected);
        }
        let layout = MemoryLayout { layout: self.layout(count), rate: self.rate, frames: frames as u64 };
        Ok((SampleBytes { channels: self.channels, layout: layout.layout, frame: 0, ready: Cursor::default() }, layout))
    }

    /// Returns a 16-bit layout if every channel is 16-bit, else f32, which holds both.
    fn layout(&self, channels: u16) -> Layout {
        let whole = self.channels.iter().all(|channel| matches!(channel, Samples::I16(_)));
        Layout { codec: if whole { Codec::PcmS16 } else { Codec::PcmF32 }, endian: Endian::Little, channels }
    }
}

impl MemoryLayout {
    /// Creates the stream of the samples.
    pub(crate) fn open_stream(self) -> (PcmStream, Spec) {
        let MemoryLayout { layout, rate, frames } = self;
        let spec = Spec {
            container: Container::Samples,
            codec: layout.codec,
            rate,
            channels: layout.channels,
            delay: Delay::default(),
            declared: Some(frames),
        };
        (PcmStream::new(layout, None), spec)
    }
}

/// Samples as interleaved little-endian bytes.
pub(crate) struct SampleBytes {
    channels: Vec<Samples<'static>>,
    layout: Layout,
    /// Next frame to be serialized.
    frame: usize,
    ready: Cursor<Vec<u8>>,
}

impl SampleBytes {
    fn lay_out(&mut self) {
        let frames = self.channels.first().map_or(0, Samples::len);
        let (from, to) = (self.frame, frames.min(self.frame + FRAMES));
        let mut bytes = std::mem::take(&mut self.ready).into_inner();
        bytes.clear();
        bytes.resize((to - from) * self.layout.frame_bytes(), 0);
        for (index, channel) in self.channels.iter().enumerate() {
            self.layout.put_channel(channel, from..to, index, &mut bytes);
        }
        self.frame = to;
        self.ready = Cursor::new(bytes);
    }
}

impl Layout {
    /// Writes a part of one channel to its positions among interleaved bytes.
    fn put_channel(self, channel: &Samples, part: std::ops::Range<usize>, index: usize, bytes: &mut [u8]) {
        fn put<const N: usize>(bytes: &mut [u8], step: usize, at: usize, samples: impl Iterator<Item = [u8; N]>) {
            let places = bytes.as_chunks_mut::<N>().0.iter_mut().skip(at).step_by(step);
            places.zip(samples).for_each(|(place, sample)| *place = sample);
        }
        let step = usize::from(self.channels);
        match channel {
            Samples::I16(samples) if self.codec == Codec::PcmS16 => {
                put(bytes, step, index, samples.get(part).unwrap_or_default().iter().map(|x| x.to_le_bytes()));
            }
            _ => {
                let mut floats = Vec::with_capacity(part.len());
                channel.append_to(part.start, part.end, &mut floats);
                put(bytes, step, index, floats.iter().map(|x| x.to_le_bytes()));
            }
        }
    }
}

impl Read for SampleBytes {
    fn read(&mut self, out: &mut [u8]) -> IoResult<usize> {
        if self.ready.position() >= self.ready.get_ref().len() as u64 {
            self.lay_out();
        }
        self.ready.read(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DecodeOptions;
    use crate::decode::{Decoder, Input, decode};
    use crate::track::to_f32;

    fn whole() -> Vec<i16> {
        (0..60_000_i32).map(|i| (i * 37 % 20_000 - 10_000) as i16).collect()
    }

    fn refusal(channels: Vec<Samples<'static>>) -> Error {
        decode(Input::channels("call", channels, Rate::NARROWBAND), &DecodeOptions::default()).unwrap_err()
    }

    #[test]
    fn samples_of_either_type_come_out_as_they_went_in() {
        let samples = whole();
        let (left, right) = samples.split_at(30_000);
        let floats = |part: &[i16]| Samples::from(part.iter().map(|&x| to_f32(x)).collect::<Vec<f32>>());
        for channels in [
            vec![Samples::from(left.to_vec()), Samples::from(right.to_vec())],
            vec![floats(left), floats(right)],
            vec![floats(left), Samples::from(right.to_vec())],
        ] {
            let input = Input::channels("call", channels, Rate::WIDEBAND);
            let tracks = decode(input, &DecodeOptions::default()).unwrap();
            assert_eq!((&tracks[0].samples[..], &tracks[1].samples[..]), (left, right));
            assert_eq!(tracks[0].rate, Rate::WIDEBAND);
        }
    }

    #[test]
    fn the_source_of_samples_is_called_so_and_has_no_hash() {
        let mut decoder =
            Decoder::open(Input::samples("mic", vec![0.5f32; 800], Rate::NARROWBAND), &DecodeOptions::default())
                .unwrap();
        while decoder.next_block().unwrap().is_some() {}
        let source = decoder.finish().unwrap();
        assert_eq!((source.container, source.codec), (Container::Samples, Codec::PcmF32));
        assert_eq!((source.bytes, source.sha256, source.duration_ms.0), (3200, None, 100.0));
    }

    #[test]
    fn bytes_that_look_like_a_file_are_samples_all_the_same() {
        let magic = [*b"PK", *b"\x03\x04", *b"RI", *b"FF"].map(i16::from_le_bytes).repeat(100);
        let tracks = decode(Input::samples("zip", &magic, Rate::NARROWBAND), &DecodeOptions::default()).unwrap();
        assert_eq!(tracks[0].samples, magic);
    }

    #[test]
    fn channels_that_hold_nothing_or_differ_are_refused_in_their_own_words() {
        assert_eq!(refusal(vec![]).kind(), ErrorKind::InvalidArgument);
        let empty = refusal(vec![Samples::from(Vec::<f32>::new())]);
        assert!(empty.to_string().contains("call: samples in memory: found 0"), "{empty}");
        let differ = refusal(vec![Samples::from(vec![0.0f32; 3]), Samples::from(vec![0i16; 2])]);
        assert_eq!((differ.kind(), differ.found()), (ErrorKind::InvalidArgument, Some("2")));
    }

    #[test]
    fn the_limits_of_any_recording_hold_for_samples() {
        let options = DecodeOptions { max_bytes: 100, ..DecodeOptions::default() };
        let error = decode(Input::samples("mic", vec![0i16; 51], Rate::NARROWBAND), &options).unwrap_err();
        assert_eq!((error.kind(), error.input()), (ErrorKind::LimitExceeded, Some("mic")));
    }
}
