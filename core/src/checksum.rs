//! The checksum of FLAC frames (RFC 9639, 9.3), for the encoder and for the end of a damaged file:
//! x¹⁶ + x¹⁵ + x² + 1, most significant bit first, from 0.

static TABLE: [u16; 256] = {
    let mut table = [0u16; 256];
    let mut i = 0;
    while i < 256 {
        let (mut crc, mut bit) = ((i as u16) << 8, 0);
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x8005 } else { crc << 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};

/// Returns the checksum of some bytes.
pub(crate) fn flac_crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| flac_crc16_with(crc, byte))
}

/// Returns the checksum of some bytes and one more, from theirs. It is 0 behind a frame and its own
/// checksum.
pub(crate) fn flac_crc16_with(crc: u16, byte: u8) -> u16 {
    (crc << 8) ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)]
}
