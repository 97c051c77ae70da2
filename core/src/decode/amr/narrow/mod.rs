//! AMR narrowband: 3GPP TS 26.090 to 26.093, in the integer arithmetic of TS 26.073.
//!
//! 20 ms of speech at 8 kHz are 160 samples in four subframes. Each is an excitation from an
//! adaptive and a fixed codebook, filtered with ten coefficients. A lost frame is derived from
//! those before it. Silence is comfort noise generated from a silence descriptor.

mod background;
mod comfort;
mod excitation;
mod frame;
mod gain_tables;
mod gains;
mod lsf;
mod lsf_pair_tables;
mod lsf_tables;
pub(super) mod maths;
mod order_tables;
mod post;
mod pulses;
mod speech;
mod tables;

pub(super) use frame::{FrameKind, NarrowFrame, SIZES};

use self::comfort::{NarrowComfort, SharedState, SilentFrame};
use self::gains::PastEnergies;
use self::lsf::{FLAT, NarrowSpectrum, SpectrumMean, pairs_of};
use self::post::{NarrowHighPass, NarrowPost};
use self::speech::NarrowSpeech;
use super::dtx::DtxPhase;

/// Filter order.
const ORDER: usize = 10;
/// Samples per frame, and per subframe.
pub(super) const FRAME: usize = 160;
const SUB_FRAME: usize = 40;

/// A bit rate, in units of 10 bit/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum NarrowMode {
    #[default]
    Rate475,
    Rate515,
    Rate590,
    Rate670,
    Rate740,
    Rate795,
    Rate1020,
    Rate1220,
}

impl NarrowMode {
    const ALL: [Self; 8] = [
        Self::Rate475,
        Self::Rate515,
        Self::Rate590,
        Self::Rate670,
        Self::Rate740,
        Self::Rate795,
        Self::Rate1020,
        Self::Rate1220,
    ];

    /// Returns whether it is one of the rates that treat background noise specially.
    fn is_lowest(self) -> bool {
        self <= Self::Rate590
    }
}

/// State that is kept during silence.
#[derive(Debug, Clone)]
struct LastingState {
    pairs: NarrowSpectrum,
    mean: SpectrumMean,
    energies: PastEnergies,
    /// Loudness of the excitation in the last subframes.
    loudness: [i16; 9],
    /// State of the synthesis filter.
    memory: NarrowSpectrum,
}

impl Default for LastingState {
    fn default() -> Self {
        let energies = PastEnergies::default();
        Self { pairs: FLAT, mean: SpectrumMean::default(), energies, loudness: [0; 9], memory: [0; ORDER] }
    }
}

/// The decoder and its state.
#[derive(Debug, Clone, Default)]
pub(super) struct NarrowDecoder {
    lasting: LastingState,
    speech: NarrowSpeech,
    comfort: NarrowComfort,
    post: NarrowPost,
    high_pass: NarrowHighPass,
    mode: NarrowMode,
}

impl NarrowDecoder {
    /// Decodes a frame to samples.
    pub(super) fn decode(&mut self, frame: &NarrowFrame) -> [i16; FRAME] {
        let mode = frame.mode.unwrap_or(self.mode);
        let mut samples = [0; FRAME];
        let phase = self.comfort.dtx.receive(frame.kind);
        let filters = if phase == DtxPhase::Speech {
            let filters = self.speech.decode(mode, frame, self.comfort.dtx.phase, &mut self.lasting, &mut samples);
            self.comfort.remember(&self.speech.frequencies.last, &samples);
            filters
        } else {
            self.speech = NarrowSpeech::default();
            let held = SharedState {
                frequencies: &mut self.speech.frequencies,
                energies: &mut self.lasting.energies,
                memory: &mut self.lasting.memory,
            };
            let silence = SilentFrame { mode, parameters: &frame.parameters };
            let filter = self.comfort.make(phase, &silence, held, &mut samples);
            self.speech.after_silence();
            self.lasting.pairs = pairs_of(&self.speech.frequencies.last);
            [filter; 4]
        };
        self.lasting.mean.update(&self.speech.frequencies.last);
        self.comfort.dtx.phase = phase;
        self.mode = mode;
        self.post.filter(mode, &filters, &mut samples);
        self.high_pass.filter(&mut samples);
        // The codec's output has 13 bits.
        samples.map(|x| x & !7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_frames_decode() {
        let mut noise = 7u32;
        let mut decoder = NarrowDecoder::default();
        for _ in 0..4000 {
            let mut next = || {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            };
            let head = next();
            let bytes: [u8; 31] = std::array::from_fn(|_| next());
            if let Some(frame) = NarrowFrame::parse(head >> 4, head & 4 != 0, &bytes) {
                let samples = decoder.decode(&frame);
                assert!(samples.iter().all(|x| x & 7 == 0));
            }
        }
    }
}
