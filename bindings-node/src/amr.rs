//! AMR out of RTP: packets are gathered into a recording.

use callweave::decode;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

use crate::error::raise;

/// The packets of one stream.
#[napi]
pub struct NativeAmrPackets {
    packets: decode::AmrPackets,
}

#[napi]
impl NativeAmrPackets {
    /// For AMR-NB or AMR-WB, by what SDP says of the payload.
    #[napi(constructor)]
    pub fn new(wideband: bool, octet_aligned: bool, crc: bool) -> Self {
        let packets = decode::AmrPackets::new(wideband, octet_aligned);
        Self { packets: if crc { packets.with_crc() } else { packets } }
    }

    /// Adds a packet.
    #[napi]
    pub fn push(&mut self, timestamp: u32, payload: Uint8Array) -> napi::Result<()> {
        self.packets.push(timestamp, &payload).map_err(raise)
    }

    /// The recording so far.
    #[napi]
    pub fn finish(&self) -> Uint8Array {
        Uint8Array::new(self.packets.clone().finish())
    }
}
