//! Codecs whose bytes come in packets: Opus, and those of symphonia.

use ropus::{Channels, DecodeMode, Decoder as OpusDecoder};
use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::well_known::CODEC_ID_VORBIS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};
use symphonia::default::codecs::{AacDecoder, FlacDecoder, VorbisDecoder};

use super::guard::guarded;
use super::spec::Codec;
use crate::error::{Error, ErrorKind, Result, Stage};

/// The longest Opus packet: 120 ms at 48 kHz.
const OPUS_MAX: usize = 5760;

/// Such a codec: a packet in, samples out.
pub(crate) trait PacketCodec: Send {
    /// Replaces the samples in `out` by those of a packet; false where it cannot be decoded.
    fn decode(&mut self, packet: &[u8], out: &mut Vec<Vec<f32>>) -> bool;

    /// How many samples a packet holds, where its first bytes tell.
    fn duration(&self, _packet: &[u8]) -> Option<u64> {
        None
    }

    /// Forgets the past, after packets were lost.
    fn reset(&mut self);
}

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

/// Samples at 48 kHz in an Opus packet, by its first two bytes (RFC 6716, 3.1 and 3.2).
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

/// A codec of symphonia's.
pub(crate) struct Symphonia {
    decoder: Box<dyn AudioDecoder>,
    codec: Codec,
    params: AudioCodecParameters,
}

impl Symphonia {
    /// A decoder for the codec that the parameters name.
    ///
    /// # Errors
    /// `unsupported` or `malformed` where symphonia will not have the parameters.
    pub(crate) fn new(codec: Codec, params: AudioCodecParameters) -> Result<Self> {
        // Vorbis gives nothing for the first packet after a start only where gaps are to be trimmed; packets carry no trims.
        let options = AudioDecoderOptions::default().gapless(codec == Codec::Vorbis);
        let made = guarded(|| -> symphonia::core::errors::Result<Box<dyn AudioDecoder>> {
            Ok(match codec {
                Codec::Flac => Box::new(FlacDecoder::try_new(&params, &options)?),
                Codec::Vorbis => Box::new(VorbisDecoder::try_new(&params, &options)?),
                _ => Box::new(AacDecoder::try_new(&params, &options)?),
            })
        });
        match made {
            Ok(Ok(decoder)) => Ok(Self { decoder, codec, params }),
            Ok(Err(e)) => Err(refused(&e, &format!("the {codec} header"))),
            Err(_) => {
                Err(Error::new(ErrorKind::Malformed, Stage::Decode, format!("the {codec} header makes no sense")))
            }
        }
    }

    /// Vorbis, from its identification and setup headers.
    pub(crate) fn vorbis(identification: &[u8], setup: &[u8]) -> Result<Self> {
        let mut params = AudioCodecParameters::new();
        params.for_codec(CODEC_ID_VORBIS).with_extra_data([identification, setup].concat().into_boxed_slice());
        Self::new(Codec::Vorbis, params)
    }
}

/// An error of symphonia's as ours.
pub(crate) fn refused(error: &symphonia::core::errors::Error, what: &str) -> Error {
    use symphonia::core::errors::Error as Theirs;
    let kind = match error {
        Theirs::Unsupported(_) => ErrorKind::Unsupported,
        Theirs::LimitError(_) => ErrorKind::LimitExceeded,
        _ => ErrorKind::Malformed,
    };
    Error::new(kind, Stage::Decode, format!("{what}: {error}"))
}

impl PacketCodec for Symphonia {
    fn decode(&mut self, packet: &[u8], out: &mut Vec<Vec<f32>>) -> bool {
        out.iter_mut().for_each(Vec::clear);
        let packet = PacketRef::new(0, Timestamp::ZERO, Duration::ZERO, packet);
        let decoder = &mut self.decoder;
        match guarded(|| decoder.decode_ref(&packet).map(|buffer| copy(buffer, out))) {
            Ok(Ok(())) => true,
            Ok(Err(_)) => false,
            Err(_) => {
                if let Ok(fresh) = Self::new(self.codec, self.params.clone()) {
                    *self = fresh;
                }
                false
            }
        }
    }

    fn reset(&mut self) {
        self.decoder.reset();
    }
}

fn copy(buffer: GenericAudioBufferRef<'_>, out: &mut Vec<Vec<f32>>) {
    buffer.copy_to_vecs_planar::<f32>(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_opus_packets() {
        // 20 ms of SILK narrowband; two frames of 2.5 ms CELT; three of 10 ms hybrid; 48 frames of 60 ms are too long.
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
