//! 4-bit ADPCM in WAV: IMA (tag 0x11) and Microsoft (tag 0x02), with the rounding of ffmpeg's
//! encoders and decoders.

use super::blocks::BlockCodec;

/// IMA's step sizes.
const STEPS: [i32; 89] = [
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97, 107,
    118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796, 876, 963,
    1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894,
    6484, 7132, 7845, 8630, 9493, 10_442, 11_487, 12_635, 13_899, 15_289, 16_818, 18_500, 20_350, 22_385, 24_623,
    27_086, 29_794, 32_767,
];
/// Changes of IMA's step index by code.
const MOVES: [i32; 8] = [-1, -1, -1, -1, 2, 4, 6, 8];
/// Microsoft's predictor coefficients, in 256ths.
const COEFFICIENTS: [(i32, i32); 7] = [(256, 0), (512, -256), (0, 0), (192, 64), (240, 0), (460, -208), (392, -232)];
/// Scaling of Microsoft's step by code, in 256ths.
const SCALES: [i32; 16] = [230, 230, 230, 230, 307, 409, 512, 614, 768, 614, 512, 409, 307, 230, 230, 230];

fn clip(x: i32) -> i32 {
    x.clamp(-32_768, 32_767)
}

fn i16_at(bytes: &[u8], at: usize) -> i32 {
    bytes.get(at..).and_then(|b| b.first_chunk::<2>()).map_or(0, |b| i32::from(i16::from_le_bytes(*b)))
}

fn push(plane: &mut Vec<f32>, sample: i32) {
    plane.push(sample as f32 / 32_768.0);
}

/// IMA ADPCM.
pub(crate) struct Ima {
    block: usize,
    channels: usize,
}

impl Ima {
    /// Creates a decoder for blocks of this many bytes. `None` if the header does not fit.
    pub(crate) fn new(block: u16, channels: u16) -> Option<Self> {
        let (block, channels) = (usize::from(block), usize::from(channels));
        (channels > 0 && block > 4 * channels).then_some(Self { block, channels })
    }
}

impl BlockCodec for Ima {
    fn block_bytes(&self) -> usize {
        self.block
    }

    fn block_samples(&self) -> usize {
        1 + (self.block - 4 * self.channels) / (4 * self.channels) * 8
    }

    fn takes_partial(&self) -> bool {
        true
    }

    fn decode(&mut self, bytes: &[u8], planes: &mut [Vec<f32>]) {
        let (head, body) = bytes.split_at(bytes.len().min(4 * self.channels));
        // Channels alternate by groups of eight codes in four bytes.
        let groups = body.len() / (4 * self.channels);
        for (channel, plane) in planes.iter_mut().enumerate() {
            let mut sample = i16_at(head, 4 * channel);
            let mut index = i32::from(head.get(4 * channel + 2).copied().unwrap_or(0)).clamp(0, 88);
            if head.len() < 4 * self.channels {
                return;
            }
            push(plane, sample);
            for group in 0..groups {
                let at = (group * self.channels + channel) * 4;
                for &byte in body.get(at..at + 4).unwrap_or_default() {
                    for code in [byte & 15, byte >> 4] {
                        let step = STEPS.get(index as usize).copied().unwrap_or(7);
                        let size = i32::from(code & 7);
                        let difference = ((2 * size + 1) * step) >> 3;
                        sample = clip(if code & 8 != 0 { sample - difference } else { sample + difference });
                        index = (index + MOVES.get(size as usize).copied().unwrap_or(0)).clamp(0, 88);
                        push(plane, sample);
                    }
                }
            }
        }
    }
}

/// Microsoft ADPCM.
pub(crate) struct Microsoft {
    block: usize,
    channels: usize,
}

/// Predictor of one channel.
#[derive(Clone, Copy, Default)]
struct Predictor {
    coefficients: (i32, i32),
    step: i32,
    last: (i32, i32),
}

impl Predictor {
    fn next(&mut self, code: u8) -> i32 {
        let ((c1, c2), (s1, s2)) = (self.coefficients, self.last);
        let signed = i32::from(code) - if code & 8 != 0 { 16 } else { 0 };
        // The step grows at most threefold per sample within a block. Saturation only guards
        // against invalid data.
        let sample = clip(((s1 * c1 + s2 * c2) / 256).saturating_add(signed.saturating_mul(self.step)));
        let scale = SCALES.get(usize::from(code)).copied().unwrap_or(230);
        self.step = (self.step.saturating_mul(scale) >> 8).max(16);
        self.last = (sample, s1);
        sample
    }
}

impl Microsoft {
    /// Creates a decoder for blocks of this many bytes. `None` if the header does not fit.
    pub(crate) fn new(block: u16, channels: u16) -> Option<Self> {
        let (block, channels) = (usize::from(block), usize::from(channels));
        ((1..=2).contains(&channels) && block >= 7 * channels).then_some(Self { block, channels })
    }
}

impl BlockCodec for Microsoft {
    fn block_bytes(&self) -> usize {
        self.block
    }

    fn block_samples(&self) -> usize {
        2 + (self.block - 7 * self.channels) * 2 / self.channels
    }

    fn takes_partial(&self) -> bool {
        true
    }

    fn decode(&mut self, bytes: &[u8], planes: &mut [Vec<f32>]) {
        let n = self.channels;
        if bytes.len() < 7 * n || planes.len() != n {
            return;
        }
        let mut predictors = [Predictor::default(); 2];
        for (i, (predictor, plane)) in predictors.iter_mut().zip(planes.iter_mut()).enumerate() {
            let which = usize::from(bytes.get(i).copied().unwrap_or(0)).min(COEFFICIENTS.len() - 1);
            predictor.coefficients = COEFFICIENTS.get(which).copied().unwrap_or_default();
            predictor.step = i16_at(bytes, n + 2 * i);
            predictor.last = (i16_at(bytes, 3 * n + 2 * i), i16_at(bytes, 5 * n + 2 * i));
            push(plane, predictor.last.1);
            push(plane, predictor.last.0);
        }
        for &byte in bytes.get(7 * n..).unwrap_or_default() {
            for (i, code) in [byte >> 4, byte & 15].into_iter().enumerate() {
                let channel = i % n;
                if let (Some(predictor), Some(plane)) = (predictors.get_mut(channel), planes.get_mut(channel)) {
                    push(plane, predictor.next(code));
                }
            }
        }
    }
}
