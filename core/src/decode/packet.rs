//! Packet codecs, and symphonia's decoders for them.

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::well_known::CODEC_ID_VORBIS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};
use symphonia::default::codecs::{AacDecoder, AlacDecoder, FlacDecoder, VorbisDecoder};

use super::guard::guarded;
use super::spec::Codec;
use super::vorbis;
use crate::config::DecodeOptions;
use crate::error::{Error, ErrorKind, Result, Stage};

/// A codec that turns a packet into samples.
pub(crate) trait PacketCodec: Send {
    /// Replaces the samples in `out` by those of a packet. Returns `false` if it cannot be decoded.
    fn decode(&mut self, packet: &[u8], out: &mut Vec<Vec<f32>>) -> bool;

    /// Returns the number of samples in a packet, if its first bytes show it.
    fn duration(&self, _packet: &[u8]) -> Option<u64> {
        None
    }

    /// Resets the state, after packets were lost.
    fn reset(&mut self);
}

/// Creates an Opus decoder of one or two channels, at 48 kHz.
///
/// # Errors
/// `unsupported` without the feature `opus`.
#[cfg(feature = "opus")]
pub(crate) fn opus(channels: u16) -> Result<Box<dyn PacketCodec>> {
    Ok(Box::new(super::opus::Opus::new(channels)?))
}

#[cfg(not(feature = "opus"))]
pub(crate) fn opus(_channels: u16) -> Result<Box<dyn PacketCodec>> {
    Err(Error::compiled_out(Stage::Decode, "Opus", "opus"))
}

/// A codec implemented by symphonia.
pub(crate) struct Symphonia {
    decoder: Box<dyn AudioDecoder>,
    codec: Codec,
    params: AudioCodecParameters,
}

impl Symphonia {
    /// Creates a decoder for the codec of the parameters.
    ///
    /// # Errors
    /// `unsupported` or `malformed` if symphonia rejects the parameters.
    pub(crate) fn new(codec: Codec, params: AudioCodecParameters) -> Result<Self> {
        // symphonia's Vorbis decoder drops the first packet's output only in gapless mode. Packets
        // carry no trims here.
        let options = AudioDecoderOptions::default().gapless(codec == Codec::Vorbis);
        let made = guarded(|| -> symphonia::core::errors::Result<Box<dyn AudioDecoder>> {
            Ok(match codec {
                Codec::Alac => Box::new(AlacDecoder::try_new(&params, &options)?),
                Codec::Flac => Box::new(FlacDecoder::try_new(&params, &options)?),
                Codec::Vorbis => Box::new(VorbisDecoder::try_new(&params, &options)?),
                _ => Box::new(AacDecoder::try_new(&params, &options)?),
            })
        });
        match made {
            Ok(Ok(decoder)) => Ok(Self { decoder, codec, params }),
            Ok(Err(e)) => Err(refused(&e, &format!("the {codec} header"))),
            Err(_) => Err(Error::new(ErrorKind::Malformed, Stage::Decode, format!("the {codec} header is invalid"))),
        }
    }

    /// Creates a Vorbis decoder from its identification and setup headers.
    ///
    /// # Errors
    /// `limit_exceeded` for a header that needs more memory than the options allow.
    pub(crate) fn vorbis(identification: &[u8], setup: &[u8], options: &DecodeOptions) -> Result<Self> {
        let (wanted, most) = (vorbis::codebook_bytes(setup), options.max_decoder_bytes);
        if wanted > most {
            return Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "too much memory for a Vorbis header")
                .with_mismatch(
                    format!("{wanted} bytes of memory"),
                    format!("at most {most} (decode.maxDecoderBytes)"),
                ));
        }
        let channels = identification.get(11).copied().unwrap_or(0);
        if u16::from(channels) > options.max_channels {
            return Err(Error::new(ErrorKind::LimitExceeded, Stage::Decode, "too many channels")
                .with_mismatch(channels, format!("at most {} (decode.maxChannels)", options.max_channels)));
        }
        let mut params = AudioCodecParameters::new();
        params.for_codec(CODEC_ID_VORBIS).with_extra_data([identification, setup].concat().into_boxed_slice());
        Self::new(Codec::Vorbis, params)
    }
}

/// Converts an error of symphonia.
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
