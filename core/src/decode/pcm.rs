//! Converts uncompressed samples and G.711 to planar blocks.

use super::block::{Block, FRAMES, not_finite_warning};
use super::g711::{ALAW, ULAW};
use super::source::Source;
use super::spec::{Codec, DecodeNotes};
use super::stream::Stream;
use crate::error::{Result, Warning};

/// Byte order of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

/// Layout of uncompressed samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) codec: Codec,
    pub(crate) endian: Endian,
    pub(crate) channels: u16,
}

impl Layout {
    /// Returns the bytes of one sample.
    pub(crate) fn width(self) -> usize {
        match self.codec {
            Codec::PcmS16 => 2,
            Codec::PcmS24 => 3,
            Codec::PcmS32 | Codec::PcmF32 => 4,
            Codec::PcmF64 => 8,
            _ => 1,
        }
    }

    /// Returns the bytes of one sample of every channel.
    pub(crate) fn frame_bytes(self) -> usize {
        self.width() * usize::from(self.channels).max(1)
    }

    /// Returns whether samples need more than the 24 bits of f32.
    fn is_wide(self) -> bool {
        matches!(self.codec, Codec::PcmS32 | Codec::PcmF64)
    }

    /// Appends whole frames to a block.
    fn append(self, bytes: &[u8], block: &mut Block) {
        let (to, wide) = (&mut block.planes, &mut block.wide);
        let big = self.endian == Endian::Big;
        match self.codec {
            Codec::PcmS16 if big => spread(bytes, to, |b| f32::from(i16::from_be_bytes(b)) / 32_768.0),
            Codec::PcmS16 => spread(bytes, to, |b| f32::from(i16::from_le_bytes(b)) / 32_768.0),
            Codec::PcmS24 if big => spread(bytes, to, |[a, b, c]| s24(c, b, a)),
            Codec::PcmS24 => spread(bytes, to, |[a, b, c]| s24(a, b, c)),
            Codec::PcmS32 if big => spread(bytes, wide, |b| f64::from(i32::from_be_bytes(b)) / 2_147_483_648.0),
            Codec::PcmS32 => spread(bytes, wide, |b| f64::from(i32::from_le_bytes(b)) / 2_147_483_648.0),
            Codec::PcmF32 if big => spread(bytes, to, f32::from_be_bytes),
            Codec::PcmF32 => spread(bytes, to, f32::from_le_bytes),
            Codec::PcmF64 if big => spread(bytes, wide, f64::from_be_bytes),
            Codec::PcmF64 => spread(bytes, wide, f64::from_le_bytes),
            Codec::PcmS8 => spread(bytes, to, |b| f32::from(i8::from_le_bytes(b)) / 128.0),
            Codec::Ulaw => spread(bytes, to, |[b]| f32::from(ULAW[usize::from(b)]) / 32_768.0),
            Codec::Alaw => spread(bytes, to, |[b]| f32::from(ALAW[usize::from(b)]) / 32_768.0),
            _ => spread(bytes, to, |[b]| (f32::from(b) - 128.0) / 128.0),
        }
    }
}

fn s24(low: u8, middle: u8, high: u8) -> f32 {
    (i32::from_le_bytes([0, low, middle, high]) >> 8) as f32 / 8_388_608.0
}

/// Deinterleaves samples of `N` bytes to their channels.
fn spread<const N: usize, T>(bytes: &[u8], planes: &mut [Vec<T>], sample: impl Fn([u8; N]) -> T) {
    let (samples, _) = bytes.as_chunks::<N>();
    let channels = planes.len();
    if let [plane] = planes {
        plane.extend(samples.iter().map(|&b| sample(b)));
        return;
    }
    for (channel, plane) in planes.iter_mut().enumerate() {
        plane.extend(samples.iter().skip(channel).step_by(channels).map(|&b| sample(b)));
    }
}

/// Decodes the samples of a source, up to its bound, in one layout.
pub(crate) struct PcmStream {
    layout: Layout,
    /// Bytes that the header promises. `None`: unknown.
    promised: Option<u64>,
    given: u64,
    not_finite: u64,
}

impl PcmStream {
    pub(crate) fn new(layout: Layout, promised: Option<u64>) -> Self {
        Self { layout, promised, given: 0, not_finite: 0 }
    }

    fn end(&mut self, source: &mut Source, rest: usize, notes: &mut DecodeNotes) {
        let at = source.position();
        source.consume(rest);
        let found = self.given + rest as u64;
        match self.promised {
            Some(promised) if found < promised => notes.add(
                Warning::new("truncated", format!("{promised} bytes of samples promised, {found} found")).at_byte(at),
            ),
            _ if rest > 0 => {
                notes
                    .add(Warning::new("truncated", format!("{rest} bytes at the end are no whole sample")).at_byte(at));
            }
            _ => {}
        }
        if let Some(warning) = not_finite_warning(std::mem::take(&mut self.not_finite)) {
            notes.add(warning);
        }
    }
}

impl Stream for PcmStream {
    fn next(&mut self, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool> {
        let channels = usize::from(self.layout.channels);
        if self.layout.is_wide() {
            block.clear_wide(channels)
        } else {
            block.clear(channels)
        }
        let frame = self.layout.frame_bytes();
        // The first block is shorter by the header's length, so that later blocks end where reads
        // of the input do, with no bytes left over.
        let most = if self.given == 0 { FRAMES - (source.position() as usize / frame) % FRAMES } else { FRAMES };
        let bytes = source.peek(most * frame)?;
        let whole = bytes.len().min(most * frame) / frame * frame;
        if whole == 0 {
            let rest = bytes.len();
            self.end(source, rest, notes);
            return Ok(false);
        }
        self.layout.append(bytes.get(..whole).unwrap_or_default(), block);
        source.consume(whole);
        self.given += whole as u64;
        if matches!(self.layout.codec, Codec::PcmF32 | Codec::PcmF64) {
            self.not_finite += silence_what_is_no_number(block);
        }
        Ok(true)
    }
}

/// Replaces NaN and infinity by silence and counts them.
fn silence_what_is_no_number(block: &mut Block) -> u64 {
    let mut count = 0;
    if block.is_wide {
        // Values beyond the range of f32 too: they would become infinite.
        for x in block.wide.iter_mut().flatten().filter(|x| x.is_nan() || x.abs() > f64::from(f32::MAX)) {
            *x = 0.0;
            count += 1;
        }
    } else {
        for x in block.planes.iter_mut().flatten().filter(|x| !x.is_finite()) {
            *x = 0.0;
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(codec: Codec, endian: Endian, channels: u16, bytes: &[u8]) -> (Vec<Vec<f32>>, Vec<Warning>) {
        let mut source = Source::new(Box::new(std::io::Cursor::new(bytes.to_vec())), None, 1 << 20, false).unwrap();
        let (mut block, mut notes) = (Block::default(), DecodeNotes::default());
        let mut stream = PcmStream::new(Layout { codec, endian, channels }, None);
        let mut all = vec![vec![]; usize::from(channels)];
        while stream.next(&mut source, &mut block, &mut notes).unwrap() {
            block.narrow();
            all.iter_mut().zip(&block.planes).for_each(|(all, plane)| all.extend_from_slice(plane));
        }
        (all, notes.finish())
    }

    #[test]
    fn every_width_reaches_both_ends_of_the_scale() {
        let low = -1.0f32;
        for (codec, bytes, expected) in [
            (Codec::PcmU8, vec![0, 128, 255], vec![low, 0.0, 127.0 / 128.0]),
            (Codec::PcmS16, vec![0, 0x80, 0xFF, 0x7F], vec![low, 32_767.0 / 32_768.0]),
            (Codec::PcmS24, vec![0, 0, 0x80, 0xFF, 0xFF, 0x7F], vec![low, 8_388_607.0 / 8_388_608.0]),
            (Codec::PcmS32, vec![0, 0, 0, 0x80, 0, 0, 0, 0x40], vec![low, 0.5]),
            (Codec::PcmF32, (-0.25f32).to_le_bytes().to_vec(), vec![-0.25]),
            (Codec::PcmF64, 0.75f64.to_le_bytes().to_vec(), vec![0.75]),
        ] {
            assert_eq!(decode(codec, Endian::Little, 1, &bytes).0[0], expected, "{codec}");
            let width = Layout { codec, endian: Endian::Big, channels: 1 }.width();
            let swapped: Vec<u8> = bytes.chunks(width).flat_map(|s| s.iter().rev().copied()).collect();
            assert_eq!(decode(codec, Endian::Big, 1, &swapped).0[0], expected, "{codec} big-endian");
        }
    }

    #[test]
    fn channels_are_dealt_and_a_partial_frame_is_told() {
        let (planes, warnings) = decode(Codec::PcmU8, Endian::Little, 2, &[0, 128, 128, 0, 77]);
        assert_eq!(planes, [[-1.0, 0.0], [0.0, -1.0]]);
        assert_eq!((warnings.len(), warnings[0].code.as_ref(), warnings[0].at_byte), (1, "truncated", Some(4)));
    }

    #[test]
    fn what_is_no_number_becomes_silence() {
        let bytes: Vec<u8> = [f32::NAN, f32::INFINITY, 0.5].iter().flat_map(|x| x.to_le_bytes()).collect();
        let (planes, warnings) = decode(Codec::PcmF32, Endian::Little, 1, &bytes);
        assert_eq!(planes[0], [0.0, 0.0, 0.5]);
        assert_eq!(warnings[0].code, "not_finite");
        let bytes: Vec<u8> = [f64::NAN, 1e300, -0.5].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(decode(Codec::PcmF64, Endian::Little, 1, &bytes).0[0], [0.0, 0.0, -0.5]);
    }
}
