//! Opus (RFC 6716), with the crate ropus.

use ropus::{Channels, DecodeMode, Decoder as OpusDecoder};

use super::guard::guarded;
use super::packet::PacketCodec;
use crate::error::{Error, ErrorKind, Result, Stage};

/// Longest Opus packet in samples: 120 ms at 48 kHz.
const OPUS_MAX: usize = 5760;

/// Opus, one or two channels, at 48 kHz.
pub(crate) struct Opus {
    decoder: OpusDecoder,
    channels: usize,
    room: Vec<f32>,
}

impl Opus {
    pub(crate) fn new(channels: u16) -> Result<Self> {
        let layout = if channels == 1 { Channels::Mono } else { Channels::Stereo };
        let channels = usize::from(channels);
        let decoder = OpusDecoder::new(48_000, layout)
            .map_err(|e| Error::new(ErrorKind::Unsupported, Stage::Decode, format!("no Opus decoder: {e}")))?;
        Ok(Self { decoder, channels, room: vec![0.0; OPUS_MAX * channels] })
    }
}

/// Returns the samples at 48 kHz in an Opus packet, by its first two bytes (RFC 6716, 3.1 and 3.2).
pub(crate) fn opus_samples(packet: &[u8]) -> Option<u64> {
    let toc = *packet.first()?;
    let frame = match toc >> 3 {
        config @ 0..12 => [480, 960, 1920, 2880].get(usize::from(config & 3)).copied()?,
        config @ 12..16 => [480, 960].get(usize::from(config & 1)).copied()?,
        config => [120, 240, 480, 960].get(usize::from(config & 3)).copied()?,
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1)? & 63),
    };
    Some(frame * frames).filter(|&samples| samples > 0 && samples <= OPUS_MAX as u64)
}

impl PacketCodec for Opus {
    fn decode(&mut self, packet: &[u8], out: &mut Vec<Vec<f32>>) -> bool {
        out.resize_with(self.channels, Vec::new);
        out.iter_mut().for_each(Vec::clear);
        if opus_samples(packet).is_none() {
            return false;
        }
        let (decoder, room) = (&mut self.decoder, &mut self.room);
        match guarded(|| decoder.decode_float(packet, room, DecodeMode::Normal)) {
            Ok(Ok(samples)) => {
                for (channel, plane) in out.iter_mut().enumerate() {
                    plane.extend(room.iter().skip(channel).step_by(self.channels).take(samples));
                }
                true
            }
            Ok(Err(_)) => false,
            Err(_) => {
                if let Ok(fresh) = Self::new(self.channels as u16) {
                    *self = fresh;
                }
                false
            }
        }
    }

    fn duration(&self, packet: &[u8]) -> Option<u64> {
        opus_samples(packet)
    }

    fn reset(&mut self) {
        if let Ok(fresh) = Self::new(self.channels as u16) {
            *self = fresh;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_opus_packets() {
        // 20 ms of SILK narrowband; two frames of 2.5 ms CELT; three of 10 ms hybrid; 48 frames of
        // 60 ms are too long.
        for (packet, samples) in [
            (&[0b0000_1000][..], Some(960)),
            (&[0b1000_0001], Some(240)),
            (&[0b0110_0011, 3], Some(1440)),
            (&[0b0001_1011, 48], None),
            (&[], None),
        ] {
            assert_eq!(opus_samples(packet), samples, "{packet:x?}");
        }
    }
}
