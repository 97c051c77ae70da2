//! One frame through symphonia's decoder.

use symphonia::core::audio::{Audio, GenericAudioBufferRef};
use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};
use symphonia::default::codecs::MpaDecoder;

use crate::decode::guard::guarded;
use crate::error::{Error, ErrorKind, Result, Stage};

/// Samples of one frame, a plane for each channel; `None` where it could not be decoded.
pub(super) type Decoded = Option<Vec<Vec<f32>>>;

/// Decodes one frame; what came of it is the decoder's last. A decoder that breaks is replaced by a
/// new one.
pub(super) fn decode_one(decoder: &mut MpaDecoder, frame: &[u8], samples: usize) -> bool {
    let packet = PacketRef::new(0, Timestamp::ZERO, Duration::from(samples as u64), frame);
    let decoded = guarded(|| match decoder.decode_ref(&packet) {
        Ok(GenericAudioBufferRef::F32(buffer)) => buffer.frames() == samples,
        _ => false,
    });
    if decoded.is_err()
        && let Ok(fresh) = made_for(decoder.codec_params().clone())
    {
        *decoder = fresh;
    }
    decoded.unwrap_or(false)
}

/// The same, for its samples.
pub(super) fn decode_frame(decoder: &mut MpaDecoder, frame: &[u8], samples: usize) -> Decoded {
    let decoded = decode_one(decoder, frame, samples);
    match decoder.last_decoded() {
        GenericAudioBufferRef::F32(buffer) if decoded => {
            Some((0..buffer.num_planes()).map(|i| buffer.plane(i).unwrap_or_default().to_vec()).collect())
        }
        _ => None,
    }
}

/// A decoder of a layer.
pub(super) fn new_decoder(layer: u8) -> Result<MpaDecoder> {
    let mut params = AudioCodecParameters::new();
    params.for_codec(match layer {
        1 => CODEC_ID_MP1,
        2 => CODEC_ID_MP2,
        _ => CODEC_ID_MP3,
    });
    made_for(params)
}

fn made_for(params: AudioCodecParameters) -> Result<MpaDecoder> {
    MpaDecoder::try_new(&params, &AudioDecoderOptions::default().gapless(false))
        .map_err(|e| Error::new(ErrorKind::Internal, Stage::Decode, format!("no decoder of MPEG audio: {e}")))
}
