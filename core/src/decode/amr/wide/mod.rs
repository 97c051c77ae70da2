//! AMR wideband: 3GPP TS 26.190 to 26.193 (ITU-T G.722.2), in the integer arithmetic of TS 26.173.
//!
//! 20 ms of speech are coded at 12.8 kHz, 256 samples in four subframes. The band above 6.4 kHz is
//! generated from noise. The result is 320 samples at 16 kHz.

mod comfort;
mod excitation;
mod frame;
mod gains;
mod isf;
mod isf_stage_tables;
mod isf_tables;
mod lag;
mod maths;
mod order_tables;
mod pulses;
mod speech;
mod synthesis;
mod tables;

pub(super) use self::frame::{SIZES, WideFrame};

use self::comfort::WideComfort;
use self::frame::WideBits;
use self::isf::{filter_of, pairs_of};
use self::speech::{WideLasting, WideSpeech};
use self::synthesis::{OUT, WideSubFrame};
use super::dtx::DtxPhase;

/// Filter order.
const ORDER: usize = 16;
/// Samples per subframe at 12.8 kHz, and per frame at 16 kHz.
const SUB_FRAME: usize = 64;
pub(super) const FRAME: usize = 4 * OUT;

/// A bit rate, in units of 10 bit/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum WideMode {
    #[default]
    Rate660,
    Rate885,
    Rate1265,
    Rate1425,
    Rate1585,
    Rate1825,
    Rate1985,
    Rate2305,
    Rate2385,
}

impl WideMode {
    const ALL: [Self; 9] = [
        Self::Rate660,
        Self::Rate885,
        Self::Rate1265,
        Self::Rate1425,
        Self::Rate1585,
        Self::Rate1825,
        Self::Rate1985,
        Self::Rate2305,
        Self::Rate2385,
    ];
}

/// The decoder and its state.
#[derive(Debug, Clone, Default)]
pub(super) struct WideDecoder {
    lasting: WideLasting,
    speech: WideSpeech,
    comfort: WideComfort,
    mode: WideMode,
}

impl WideDecoder {
    /// Decodes a frame to samples.
    pub(super) fn decode(&mut self, frame: &WideFrame) -> [i16; FRAME] {
        self.mode = frame.mode.unwrap_or(self.mode);
        let phase = self.comfort.dtx.receive(frame.kind);
        self.lasting.arrive(frame.kind, self.comfort.dtx.phase);
        let mut samples = [0; FRAME];
        if phase == DtxPhase::Speech {
            let mut bits = WideBits::new(&frame.bits);
            let (frequencies, excitation) = self.speech.decode(self.mode, &mut bits, &mut self.lasting, &mut samples);
            self.comfort.remember(&frequencies, &excitation);
        } else {
            self.silence(phase, &frame.bits, &mut samples);
        }
        self.lasting.arrival.lost_before = self.lasting.arrival.lost;
        self.comfort.dtx.phase = phase;
        // The codec's output has 14 bits.
        samples.map(|x| x & !3)
    }

    fn silence(&mut self, phase: DtxPhase, bits: &[bool], samples: &mut [i16; FRAME]) {
        let (frequencies, excitation) = self.comfort.make(phase, bits);
        let filter = filter_of(&pairs_of(&frequencies), true);
        let parts = excitation.as_chunks::<SUB_FRAME>().0.iter().zip(samples.as_chunks_mut::<OUT>().0);
        for (&excitation, out) in parts {
            let high = self.mode == WideMode::Rate2385 && !self.lasting.arrival.lost;
            let sub_frame = WideSubFrame {
                filter: &filter,
                excitation,
                scale: 0,
                mode: self.mode,
                frequencies: None,
                gain: high.then_some(1),
                unvoiced: self.lasting.arrival.unvoiced > 0,
            };
            self.lasting.synthesis.make(sub_frame, out);
        }
        self.speech = WideSpeech::default();
        self.lasting.lags.forget();
        self.lasting.frequencies.residual = [0; ORDER];
        self.lasting.frequencies.last = frequencies;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_frames_decode() {
        let mut noise = 7u32;
        let mut decoder = WideDecoder::default();
        for _ in 0..3000 {
            let mut next = || {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            };
            let head = next();
            let bytes: [u8; 60] = std::array::from_fn(|_| next());
            let samples = decoder.decode(&WideFrame::parse(head >> 4, head & 4 != 0, &bytes));
            assert!(samples.iter().all(|x| x & 3 == 0));
        }
    }
}
