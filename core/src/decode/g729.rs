//! ITU-T G.729 at 8 kbit/s by `oxideav-g729`: frames of 10 bytes and 10 ms. Silence descriptors are
//! not supported, because only a packet determines their length.

use oxideav_g729::fx::decoder::FrameDecoderFx;
use oxideav_g729::fx::postfilter::PostfilterFx;
use oxideav_g729::parameters::unpack_bit_array;

use super::blocks::BlockCodec;
use super::guard::guarded;

/// Bytes and samples per frame, and samples per half frame.
const BYTES: usize = 10;
const SAMPLES: usize = 80;
const HALF: usize = SAMPLES / 2;

/// The decoder of one channel.
pub(crate) struct G729 {
    frames: FrameDecoderFx,
    postfilter: PostfilterFx,
}

impl G729 {
    pub(crate) fn new() -> Self {
        Self { frames: FrameDecoderFx::new(), postfilter: PostfilterFx::new() }
    }

    fn frame(&mut self, bytes: &[u8]) -> [i16; SAMPLES] {
        let bits = std::array::from_fn(|i| bytes.get(i / 8).is_some_and(|byte| byte >> (7 - i % 8) & 1 == 1));
        let decoded = self.frames.decode_frame(&unpack_bit_array(&bits));
        let lag = decoded.sub.first().map_or(1, |half| usize::try_from(half.t_int).unwrap_or(1).max(1));
        let mut samples = [0; SAMPLES];
        let mut periodic = false;
        for (i, (half, out)) in decoded.sub.iter().zip(samples.as_chunks_mut::<HALF>().0).enumerate() {
            let speech: [i16; HALF] = std::array::from_fn(|n| decoded.speech.get(i * HALF + n).copied().unwrap_or(0));
            let (filtered, decision) = self.postfilter.process_subframe(&speech, &half.a_q12, lag);
            periodic |= decision.gain_q15 > 0;
            *out = filtered;
        }
        self.frames.erasure_periodic = periodic;
        samples
    }
}

impl BlockCodec for G729 {
    fn block_bytes(&self) -> usize {
        BYTES
    }

    fn block_samples(&self) -> usize {
        SAMPLES
    }

    fn decode(&mut self, bytes: &[u8], planes: &mut [Vec<f32>]) {
        let [plane, ..] = planes else { return };
        let samples = guarded(|| self.frame(bytes)).unwrap_or_else(|_| {
            *self = Self::new();
            [0; SAMPLES]
        });
        plane.extend(samples.iter().map(|&x| f32::from(x) / 32_768.0));
    }
}
