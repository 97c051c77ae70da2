//! Decodes packets that a container in memory lists: MP4 and Core Audio.

use super::assemble::Assembler;
use super::block::Block;
use super::packet::PacketCodec;
use super::source::Source;
use super::spec::DecodeNotes;
use super::stream::Stream;
use super::track::{TrackPart, TrackParts};
use crate::error::{Result, Warning};
use crate::units::Rate;

/// Longest silence for one packet that cannot be decoded, in samples. A longer duration is damage
/// too.
const LONGEST: u64 = 1 << 16;

/// Decodes the listed packets of one track.
pub(crate) struct ListedStream<U> {
    pub(crate) bytes: Vec<u8>,
    pub(crate) parts: U,
    pub(crate) codec: Box<dyn PacketCodec>,
    pub(crate) channels: usize,
    pub(crate) rate: Rate,
    /// Ticks per second of the container's clock.
    pub(crate) clock: u32,
    pub(crate) assembler: Assembler,
    /// End of the recording's own samples, if the container gives it.
    pub(crate) end: Option<u64>,
    pub(crate) scratch: Vec<Vec<f32>>,
    /// Bytes that packets may still have, at most the container's length however often a list names
    /// them.
    pub(crate) left: u64,
    pub(crate) failed: u64,
    /// Gain factor from the header.
    pub(crate) gain: f32,
    /// Whether missing packets at the end have been reported.
    pub(crate) cut_off: bool,
}

impl<U: TrackParts> ListedStream<U> {
    fn decode(&mut self, part: TrackPart, notes: &mut DecodeNotes) {
        let packet = part.of(&self.bytes);
        if (packet.len() as u64) < part.length {
            if !std::mem::replace(&mut self.cut_off, true) {
                let message = format!("a packet of {} bytes, {} found", part.length, packet.len());
                notes.add(Warning::new("truncated", message));
            }
            return;
        }
        if packet.is_empty() {
            return;
        }
        if self.codec.decode(packet, &mut self.scratch) {
            if self.gain != 1.0 {
                self.scratch.iter_mut().flatten().for_each(|x| *x *= self.gain);
            }
            return self.assembler.add(&self.scratch, self.end);
        }
        let lost = self.codec.duration(packet).unwrap_or_else(|| {
            (u128::from(part.ticks) * u128::from(self.rate.hz()) / u128::from(self.clock.max(1))) as u64
        });
        if self.failed == 0 {
            let ms = self.rate.millis(self.assembler.at());
            let message = format!("packets cannot be decoded, the first at {ms}: silence");
            notes.add(Warning::new("packet_failed", message).at_byte(part.at));
        }
        self.failed += 1;
        self.assembler.add_silence(lost.min(LONGEST));
    }
}

impl<U: TrackParts> Stream for ListedStream<U> {
    fn next(&mut self, _: &mut Source, block: &mut Block, notes: &mut DecodeNotes) -> Result<bool> {
        block.clear(self.channels);
        if self.assembler.is_due() {
            self.assembler.give(block);
            return Ok(true);
        }
        let Some(part) = self.parts.next(&self.bytes) else { return Ok(false) };
        let Some(left) = self.left.checked_sub(part.of(&self.bytes).len() as u64) else {
            notes.add(Warning::new("damaged", "cannot be read further: packets that share their bytes"));
            return Ok(false);
        };
        self.left = left;
        self.decode(part, notes);
        Ok(true)
    }
}
