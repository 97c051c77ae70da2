//! ITU-T G.723.1 at 6.3 and 5.3 kbit/s by `oxideav-g7231`: frames of 30 ms whose first two bits
//! determine their length. In recorders' stereo files, frames of the two channels alternate.

use oxideav_g7231::qdec::QSynthesis;

use super::assemble::Assembler;
use super::block::Block;
use super::guard::guarded;
use super::source::Source;
use super::spec::DecodeNotes;
use super::stream::Stream;
use crate::error::{Result, Warning};

/// Samples per frame.
const SAMPLES: usize = 240;
/// Bytes per frame by its two lowest bits: 6.3 kbit/s, 5.3 kbit/s, silence descriptor, not sent.
const BYTES: [usize; 4] = [24, 20, 4, 1];

/// Decodes the G.723.1 frames of a source, up to its bound.
pub(crate) struct G7231Stream {
    decoders: Vec<QSynthesis>,
    assembler: Assembler,
    scratch: Vec<Vec<f32>>,
}

impl G7231Stream {
    pub(crate) fn new(channels: u16) -> Self {
        let channels = usize::from(channels);
        Self {
            decoders: (0..channels).map(|_| QSynthesis::new()).collect(),
            assembler: Assembler::new(channels, 0),
            scratch: vec![Vec::new(); channels],
        }
    }
}

/// Decodes a frame to samples. Silence and invalid frames are derived from the frames before.
fn decode(decoder: &mut QSynthesis, frame: &[u8]) -> [i16; SAMPLES] {
    let decoded = guarded(|| match frame.len() {
        24 => decoder.decode_mpmlq(frame).unwrap_or_else(|_| decoder.decode_erased()),
        20 => decoder.decode_acelp(frame).unwrap_or_else(|_| decoder.decode_erased()),
        _ => decoder.decode_erased(),
    });
    decoded.unwrap_or_else(|_| {
        *decoder = QSynthesis::new();
        [0; SAMPLES]
    })
}

impl Stream for G7231Stream {
    fn next(&mut self, source: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool> {
        block.clear(self.decoders.len());
        if self.assembler.is_due() {
            self.assembler.give(block);
            return Ok(true);
        }
        for (decoder, plane) in self.decoders.iter_mut().zip(&mut self.scratch) {
            let at = source.position();
            let bytes = source.peek(24)?;
            let Some(&first) = bytes.first() else { return Ok(false) };
            let length = BYTES[usize::from(first & 3)];
            let Some(frame) = bytes.get(..length) else {
                let left = bytes.len();
                notes.add(Warning::new("truncated", format!("the last frame has only {left} bytes")).at_byte(at));
                source.consume(left);
                return Ok(false);
            };
            plane.clear();
            plane.extend(decode(decoder, frame).iter().map(|&x| f32::from(x) / 32_768.0));
            source.consume(length);
        }
        self.assembler.add(&self.scratch, None);
        Ok(true)
    }
}
