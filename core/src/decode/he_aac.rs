//! HE-AAC, versions 1 and 2, by `oxideav-aac` (feature `he-aac`): an AAC-LC core at half the rate,
//! from which the upper half of the spectrum and, in version 2, the second channel are
//! reconstructed.

use oxideav_aac::decode::StreamDecoder;

use super::aac;
use super::guard::guarded;
use super::packet::PacketCodec;
use crate::error::{Error, ErrorKind, Result, Stage};

/// The object type of the core: low complexity (ISO/IEC 14496-3, table 1.17).
const LOW_COMPLEXITY: u8 = 2;
/// Samples of a packet's core, half of what comes out.
const CORE: usize = 1024;

/// Decodes packets, each of 2048 samples.
pub(crate) struct HeAac {
    decoder: StreamDecoder,
    /// Index of the core's rate, that rate, and the core's layout of channels.
    index: u8,
    hz: u32,
    layout: u8,
}

impl HeAac {
    /// A decoder for an `AudioSpecificConfig`; samples per second and channels that come out, as the
    /// first packets show.
    ///
    /// # Errors
    /// `unsupported` for another core than low complexity of one or two channels, `malformed` where
    /// not one packet can be decoded.
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
        // Packets before the first with an upper half hold the core alone.
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
