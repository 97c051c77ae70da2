//! Encodes a mix as WAV: 16-bit PCM, or 8-bit mu-law.
//!
//! hound is not used, because it has no mu-law, and it writes lengths into the header at the end,
//! which requires seeking. Here the length is known in advance, and the bytes are written and
//! hashed once, in order.

use super::{AudioShape, Encode};
use crate::error::{Error, ErrorKind, Result, Stage};

/// Most bytes of samples in a plain WAV file, whose sizes have 32 bits.
const MAX_BYTES: u64 = u32::MAX as u64 - 64;

/// Encodes samples for a WAV file.
pub(super) struct Wav {
    channels: u16,
    rate: u32,
    ulaw: bool,
    /// Whether a padding byte is needed at the end to make the length even.
    odd: bool,
}

impl Wav {
    /// # Errors
    /// `limit_exceeded` beyond 4 GB.
    pub(super) fn new(shape: AudioShape, ulaw: bool) -> Result<Self> {
        let wav = Self { channels: shape.channels, rate: shape.rate.hz(), ulaw, odd: false };
        let bytes = shape.frames.saturating_mul(wav.frame_bytes().into());
        if bytes > MAX_BYTES {
            return Err(Error::new(ErrorKind::LimitExceeded, Stage::Export, "too long for a WAV file")
                .with_mismatch(format!("{bytes} bytes"), format!("at most {MAX_BYTES}")));
        }
        Ok(Self { odd: bytes % 2 == 1, ..wav })
    }

    fn frame_bytes(&self) -> u16 {
        self.channels.saturating_mul(if self.ulaw { 1 } else { 2 })
    }
}

impl Encode for Wav {
    fn header(&self, frames: u64, out: &mut Vec<u8>) {
        let frame = self.frame_bytes();
        let data = frames.saturating_mul(frame.into()).min(MAX_BYTES) as u32;
        // Mu-law, as all but PCM, has an empty extension of its format, and says how many samples
        // there are.
        let (tag, bits, extension, fact) = if self.ulaw { (7u16, 8u16, 2, 12) } else { (1, 16, 0, 0) };
        out.extend(b"RIFF");
        out.extend((data + u32::from(self.odd) + 36 + extension + fact).to_le_bytes());
        out.extend(b"WAVEfmt ");
        out.extend((16 + extension).to_le_bytes());
        out.extend(tag.to_le_bytes());
        out.extend(self.channels.to_le_bytes());
        out.extend(self.rate.to_le_bytes());
        out.extend(self.rate.saturating_mul(frame.into()).to_le_bytes());
        out.extend(frame.to_le_bytes());
        out.extend(bits.to_le_bytes());
        if self.ulaw {
            out.extend([0, 0]);
            out.extend(b"fact\x04\0\0\0");
            out.extend((frames.min(u32::MAX.into()) as u32).to_le_bytes());
        }
        out.extend(b"data");
        out.extend(data.to_le_bytes());
    }

    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        if self.ulaw {
            return out.extend(samples.iter().map(|&x| ulaw(x)));
        }
        let from = out.len();
        out.resize(from + 2 * samples.len(), 0);
        for (bytes, x) in out[from..].as_chunks_mut::<2>().0.iter_mut().zip(samples) {
            *bytes = x.to_le_bytes();
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend(self.odd.then_some(0));
    }
}

/// Returns the mu-law code of a sample, by the decision values of ITU-T G.711.
fn ulaw(sample: i16) -> u8 {
    const BIAS: u16 = 0x84;
    const LARGEST: u16 = 32_635;
    let magnitude = sample.unsigned_abs().min(LARGEST) + BIAS;
    // The highest bit of the biased magnitude is one of eight; the four below it are kept.
    let exponent = 8 - magnitude.leading_zeros().min(8);
    let mantissa = (magnitude >> (exponent + 3)) & 15;
    let sign = if sample < 0 { 0 } else { 0x80 };
    let code = ((exponent as u8) << 4) | mantissa as u8;
    (!code & 0x7F) | sign
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Input, decode};

    #[test]
    fn every_value_keeps_its_code_and_every_sample_comes_within_half_a_step() {
        let values: Vec<i32> = (0..=255u8).map(value).collect();
        for (code, &value) in (0..=255u8).zip(&values) {
            let zero = value == 0; // it has two codes
            assert!(ulaw(value as i16) == code || zero, "{code:#x}");
        }
        for sample in -32_635..=32_635i16 {
            let x = i32::from(sample);
            let step = 1 << (27 - (x.abs() + 132).leading_zeros());
            assert!((values[usize::from(ulaw(sample))] - x).abs() <= step / 2, "{sample}");
        }
        assert_eq!((ulaw(i16::MAX), ulaw(i16::MIN)), (0x80, 0x00));
    }

    /// The value of a code, by this library's own decoder.
    fn value(code: u8) -> i32 {
        let wav = Wav { channels: 1, rate: 8_000, ulaw: true, odd: true };
        let mut bytes = Vec::new();
        wav.header(1, &mut bytes);
        bytes.extend([code, 0]);
        i32::from(decode(Input::bytes("a.wav", bytes), &Default::default()).unwrap()[0].samples[0])
    }
}
