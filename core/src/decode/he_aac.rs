//! HE-AAC, versions 1 and 2, by `oxideav-aac` (feature `he-aac`): an AAC-LC core at half the rate,
//! from which the upper half of the spectrum and, in version 2, the second channel are
//! reconstructed.

use oxideav_aac::decode::StreamDecoder;

use super::aac;
use super::guard::guarded;
use super::packet::PacketCodec;
use crate::error::{Error, ErrorKind, Result, Stage};

/// Object type of the core: AAC-LC (ISO/IEC 14496-3, table 1.17).
const LOW_COMPLEXITY: u8 = 2;
/// Samples of a packet's core, half of its output.
const CORE: usize = 1024;

/// Decodes packets of 2048 samples each.
pub(crate) struct HeAac {
    decoder: StreamDecoder,
    /// Rate index of the core, its rate, and its channel configuration.
    index: u8,
    hz: u32,
    layout: u8,
}

impl HeAac {
    /// Creates a decoder for an `AudioSpecificConfig`. Returns also the output's samples per second
    /// and channels, as the first packets show.
    ///
    /// # Errors
    /// `unsupported` for a core other than AAC-LC of one or two channels, `malformed` if none of
    /// the packets can be decoded.
    pub(crate) fn new<'a>(config: &[u8], first: impl Iterator<Item = &'a [u8]>) -> Result<(Self, u32, u16)> {
        let core = aac::core(config).filter(|core| matches!(core.layout, 1 | 2));
        let Some(core) = core else {
            let error = Error::new(ErrorKind::Unsupported, Stage::Decode, "HE-AAC of such a layout");
            return Err(error.with_mismatch("more than two channels, or a rate of its own", "one or two channels"));
        };
        let mut made = Self { decoder: StreamDecoder::new(), index: core.index, hz: core.hz, layout: core.layout };
        let mut planes = Vec::new();
        let channels = first.filter(|packet| made.decode(packet, &mut planes)).count();
        let channels = if channels > 0 { planes.len() } else { 0 };
        made.reset();
        match u16::try_from(channels) {
            Ok(channels @ 1..=2) => Ok((made, 2 * core.hz, channels)),
            _ => Err(Error::new(ErrorKind::Malformed, Stage::Decode, "HE-AAC of which no packet can be decoded")),
        }
    }
}

impl PacketCodec for HeAac {
    fn decode(&mut self, packet: &[u8], out: &mut Vec<Vec<f32>>) -> bool {
        let (decoder, index, hz, layout) = (&mut self.decoder, self.index, self.hz, self.layout);
        let work = || decoder.decode_raw_data_block(LOW_COMPLEXITY, index, hz, layout, 1, packet);
        let frame = match guarded(work) {
            Ok(Ok(frame)) => frame,
            Ok(Err(_)) => return false,
            Err(_) => {
                self.reset();
                return false;
            }
        };
        let (channels, length) = (frame.channels.min(2), frame.pcm.len() / frame.channels.max(1));
        // Packets before the first SBR data contain only the core.
        let repeat = match length {
            CORE => 2,
            length if length == 2 * CORE => 1,
            _ => return false,
        };
        out.resize(channels, Vec::new());
        for (channel, plane) in out.iter_mut().enumerate() {
            plane.clear();
            let own = frame.pcm.iter().skip(channel).step_by(frame.channels);
            plane.extend(own.flat_map(|&x| std::iter::repeat_n(f32::from(x) / 32_768.0, repeat)));
        }
        channels > 0
    }

    fn reset(&mut self) {
        self.decoder = StreamDecoder::new();
    }
}
