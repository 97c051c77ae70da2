//! Decodes one frame at a time: layer III by the decoder in this crate, the other layers by
//! symphonia's.

use symphonia::core::audio::{Audio, GenericAudioBufferRef};
use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};
use symphonia::default::codecs::MpaDecoder;

use super::layer3::Layer3;
use super::sampling::Sampling;
use crate::decode::guard::guarded;
use crate::error::{Error, ErrorKind, Result, Stage};

/// Samples of one frame, with one plane per channel. `None` if it could not be decoded.
pub(super) type Decoded = Option<Vec<Vec<f32>>>;

/// A decoder of one layer.
pub(super) enum FrameDecoder {
    Third(Box<Layer3>),
    Other(Box<MpaDecoder>),
}

impl FrameDecoder {
    pub(super) fn new(layer: u8) -> Result<Self> {
        let mut params = AudioCodecParameters::new();
        params.for_codec(match layer {
            1 => CODEC_ID_MP1,
            2 => CODEC_ID_MP2,
            _ => return Ok(Self::Third(Box::new(Layer3::new()))),
        });
        made_for(params).map(Box::new).map(Self::Other)
    }

    /// Resets all state of earlier frames, and sets which samples layer III makes from here on.
    pub(super) fn reset(&mut self, sampling: Sampling) {
        match self {
            Self::Third(decoder) => decoder.reset(sampling),
            Self::Other(decoder) => decoder.reset(),
        }
    }

    /// Clears the bit reservoir and keeps the filters' state.
    pub(super) fn forget_bytes(&mut self) {
        if let Self::Third(decoder) = self {
            decoder.forget_bytes();
        }
    }

    /// Decodes a frame of which `samples` samples are made. Returns `false` on failure.
    pub(super) fn decode(&mut self, frame: &[u8], samples: usize) -> bool {
        match self {
            Self::Third(decoder) => decoder.decode(frame).is_some_and(|made| made == samples),
            Self::Other(decoder) => decode_other(decoder, frame, samples),
        }
    }

    /// Returns the samples of a channel of the last frame.
    pub(super) fn plane(&self, channel: usize) -> &[f32] {
        match self {
            Self::Third(decoder) => decoder.plane(channel),
            Self::Other(decoder) => match decoder.last_decoded() {
                GenericAudioBufferRef::F32(buffer) => buffer.plane(channel).unwrap_or_default(),
                _ => &[],
            },
        }
    }

    /// Decodes a frame of `channels` channels and returns its samples.
    pub(super) fn decoded(&mut self, frame: &[u8], samples: usize, channels: usize) -> Decoded {
        let decoded = self.decode(frame, samples);
        decoded.then(|| (0..channels).map(|channel| self.plane(channel).to_vec()).collect())
    }
}

/// Decodes a frame of layer I or II. A decoder that panics is replaced by a new one.
fn decode_other(decoder: &mut MpaDecoder, frame: &[u8], samples: usize) -> bool {
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

fn made_for(params: AudioCodecParameters) -> Result<MpaDecoder> {
    MpaDecoder::try_new(&params, &AudioDecoderOptions::default().gapless(false))
        .map_err(|e| Error::new(ErrorKind::Internal, Stage::Decode, format!("no decoder of MPEG audio: {e}")))
}
