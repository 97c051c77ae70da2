//! GSM full rate speech, ETSI EN 300 961 (GSM 06.10): a bit-exact decoder in the standard's 16-bit
//! arithmetic.
//!
//! Occurs as `.gsm` (33 bytes per frame of 160 samples) and in WAV with tag 0x31 (65 bytes per two
//! frames).

use super::blocks::BlockCodec;

/// Samples per frame.
const FRAME: usize = 160;
/// Samples per sub-segment.
const SUB: usize = 40;
/// Longest lag of the long-term predictor.
const MAX_LAG: usize = 120;

/// Table 5.5: gains of the long-term predictor.
const QLB: [i16; 4] = [3277, 11_469, 21_299, 32_767];
/// Table 5.6: normalized mantissas of the inverse quantizer.
const FAC: [i16; 8] = [18_431, 20_479, 22_527, 24_575, 26_623, 28_671, 30_719, 32_767];
/// Tables 5.1 and 5.2: B, MIC and 1/A for each log area ratio.
const LAR: [(i16, i16, i16); 8] = [
    (0, -32, 13_107),
    (0, -32, 13_107),
    (2048, -16, 13_107),
    (-2560, -16, 13_107),
    (94, -8, 19_223),
    (-1792, -8, 17_476),
    (-341, -4, 31_454),
    (-1144, -4, 29_708),
];
/// Bits of each log area ratio's code.
const LAR_BITS: [u32; 8] = [6, 6, 5, 5, 4, 4, 3, 3];

/// Interpolates an old and a new coefficient.
type Blend = fn(i16, i16) -> i16;

/// How frames are packed into bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// 33 bytes, most significant bit first, after a signature of four bits.
    Raw,
    /// 65 bytes for two frames, least significant bit first, as in WAV.
    Microsoft,
}

/// The decoder and its state.
pub(crate) struct Gsm {
    packing: Packing,
    /// Reconstructed residual: the past [`MAX_LAG`] samples, then the current sub-segment.
    residual: [i16; MAX_LAG + SUB],
    lag: usize,
    lar: [i16; 8],
    lattice: [i16; 9],
    emphasis: i16,
}

impl Gsm {
    pub(crate) fn new(packing: Packing) -> Self {
        Self { packing, residual: [0; MAX_LAG + SUB], lag: SUB, lar: [0; 8], lattice: [0; 9], emphasis: 0 }
    }

    fn frame(&mut self, bits: &mut BitReader<'_>, out: &mut Vec<f32>) {
        let lar_code: [i16; 8] = std::array::from_fn(|i| bits.take(LAR_BITS.get(i).copied().unwrap_or(0)));
        let mut excitation = [0i16; FRAME];
        for part in excitation.chunks_exact_mut(SUB) {
            self.sub_segment(bits, part);
        }
        let lar = decode_lar(&lar_code);
        self.synthesise(&lar, &mut excitation);
        self.lar = lar;
        out.extend(excitation.iter().map(|&x| f32::from(self.deemphasise(x)) / 32_768.0));
    }

    /// Decodes the residual of one sub-segment (5.3.1 and 5.3.2).
    fn sub_segment(&mut self, bits: &mut BitReader<'_>, out: &mut [i16]) {
        let (lag, gain, grid, max) = (bits.take(7), bits.take(2), bits.take(2), bits.take(6));
        if (SUB..=MAX_LAG).contains(&(lag as usize)) {
            self.lag = lag as usize;
        }
        let gain = QLB.get(gain as usize).copied().unwrap_or(0);
        let pulses = dequantise(max, bits);
        for k in 0..SUB {
            let past = self.residual.get(MAX_LAG + k - self.lag).copied().unwrap_or(0);
            let place = k.checked_sub(grid as usize).filter(|at| at.is_multiple_of(3)).map(|at| at / 3);
            let pulse = place.and_then(|i| pulses.get(i)).copied().unwrap_or(0);
            let sample = pulse.saturating_add(mult_r(gain, past));
            if let (Some(kept), Some(out)) = (self.residual.get_mut(MAX_LAG + k), out.get_mut(k)) {
                (*kept, *out) = (sample, sample);
            }
        }
        self.residual.copy_within(SUB.., 0);
    }

    /// Applies the short-term synthesis filter, with coefficients interpolated in four steps
    /// (5.3.4).
    fn synthesise(&mut self, lar: &[i16; 8], samples: &mut [i16; FRAME]) {
        let steps: [(usize, usize, Blend); 4] = [
            (0, 13, |old, new| (old >> 2).saturating_add(new >> 2).saturating_add(old >> 1)),
            (13, 27, |old, new| (old >> 1).saturating_add(new >> 1)),
            (27, 40, |old, new| (old >> 2).saturating_add(new >> 2).saturating_add(new >> 1)),
            (40, FRAME, |_, new| new),
        ];
        for (from, to, blend) in steps {
            let mut reflection = [0i16; 8];
            for (r, (&old, &new)) in reflection.iter_mut().zip(self.lar.iter().zip(lar)) {
                *r = reflection_of(blend(old, new));
            }
            for sample in samples.get_mut(from..to).unwrap_or_default() {
                *sample = self.lattice_step(&reflection, *sample);
            }
        }
    }

    fn lattice_step(&mut self, reflection: &[i16; 8], input: i16) -> i16 {
        let v = &mut self.lattice;
        let mut s = input;
        for i in (0..8).rev() {
            s = s.saturating_sub(mult_r(reflection[i], v[i]));
            v[i + 1] = v[i].saturating_add(mult_r(reflection[i], s));
        }
        v[0] = s;
        s
    }

    /// De-emphasizes and doubles a sample, and clears its three lowest bits (5.3.5).
    fn deemphasise(&mut self, sample: i16) -> i16 {
        self.emphasis = sample.saturating_add(mult_r(self.emphasis, 28_180));
        self.emphasis.saturating_add(self.emphasis) & !7
    }
}

/// Decodes log area ratios from their codes (5.2.8 and 5.3.3).
fn decode_lar(codes: &[i16; 8]) -> [i16; 8] {
    let mut lar = [0; 8];
    for ((lar, &code), &(b, mic, inverse_a)) in lar.iter_mut().zip(codes).zip(&LAR) {
        let shifted = (code + mic) << 10;
        let scaled = mult_r(inverse_a, shifted.saturating_sub(b << 1));
        *lar = scaled.saturating_add(scaled);
    }
    lar
}

/// Converts an interpolated log area ratio to a reflection coefficient (5.3.3).
fn reflection_of(lar: i16) -> i16 {
    let size = lar.saturating_abs();
    let r = match size {
        0..11_059 => size << 1,
        11_059..20_070 => size + 11_059,
        _ => (size >> 2).saturating_add(26_112),
    };
    if lar < 0 { -r } else { r }
}

/// Decodes the thirteen pulses of a sub-segment (5.3.1).
fn dequantise(max: i16, bits: &mut BitReader<'_>) -> [i16; 13] {
    let mut exponent = if max > 15 { (max >> 3) - 1 } else { 0 };
    let mut mantissa = max - (exponent << 3);
    if mantissa == 0 {
        (exponent, mantissa) = (-4, 7);
    } else {
        while mantissa <= 7 {
            mantissa = mantissa << 1 | 1;
            exponent -= 1;
        }
        mantissa -= 8;
    }
    let factor = FAC.get(mantissa as usize).copied().unwrap_or(0);
    let shift = (6 - exponent) as u32;
    let half = if shift == 0 { 0 } else { 1i16 << (shift - 1) };
    std::array::from_fn(|_| {
        let code = ((bits.take(3) << 1) - 7) << 12;
        mult_r(factor, code).saturating_add(half) >> shift
    })
}

/// Multiplies fractions with rounding, as the standard defines.
fn mult_r(a: i16, b: i16) -> i16 {
    if a == i16::MIN && b == i16::MIN {
        return i16::MAX;
    }
    ((i32::from(a) * i32::from(b) + 16_384) >> 15) as i16
}

/// Reads the fields of a frame in order.
struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
    packing: Packing,
}

impl BitReader<'_> {
    fn take(&mut self, count: u32) -> i16 {
        let mut value = 0;
        for i in 0..count {
            let byte = self.bytes.get(self.at / 8).copied().unwrap_or(0);
            let bit = |place: usize| i16::from(byte >> place & 1);
            match self.packing {
                Packing::Raw => value = value << 1 | bit(7 - self.at % 8),
                Packing::Microsoft => value |= bit(self.at % 8) << i,
            }
            self.at += 1;
        }
        value
    }
}

impl BlockCodec for Gsm {
    fn block_bytes(&self) -> usize {
        if self.packing == Packing::Raw { 33 } else { 65 }
    }

    fn block_samples(&self) -> usize {
        if self.packing == Packing::Raw { FRAME } else { 2 * FRAME }
    }

    fn decode(&mut self, bytes: &[u8], planes: &mut [Vec<f32>]) {
        let [out, ..] = planes else { return };
        let raw = self.packing == Packing::Raw;
        let mut bits = BitReader { bytes, at: if raw { 4 } else { 0 }, packing: self.packing };
        for _ in 0..if raw { 1 } else { 2 } {
            self.frame(&mut bits, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_decodes_whatever_its_bits() {
        let mut noise = 7u32;
        let mut gsm = Gsm::new(Packing::Raw);
        let mut out = vec![Vec::new()];
        for _ in 0..2000 {
            let bytes: Vec<u8> = (0..33)
                .map(|_| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (noise >> 24) as u8
                })
                .collect();
            gsm.decode(&bytes, &mut out);
        }
        assert_eq!(out[0].len(), 2000 * FRAME);
        assert!(out[0].iter().all(|x| (-1.0..1.0).contains(x)));
    }

    #[test]
    fn rounded_multiplication_saturates_at_its_one_corner() {
        assert_eq!(mult_r(i16::MIN, i16::MIN), i16::MAX);
        assert_eq!((mult_r(16_384, 3), mult_r(-16_384, 3)), (2, -1));
    }
}
