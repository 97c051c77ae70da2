//! Headers of MPEG audio frames: ISO/IEC 11172-3 2.4.1.3, ISO/IEC 13818-3, and the unofficial
//! version 2.5.

/// Length of a frame header in bytes.
pub(crate) const LEN: usize = 4;

/// Bit rates in kbit/s of MPEG-1 layers I, II and III, by index. Index 0 is free format, 15 is
/// forbidden.
const KBITS_V1: [[u32; 16]; 3] = [
    [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 0],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0],
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0],
];
/// Bit rates in kbit/s of MPEG-2 and 2.5: layer I, then layers II and III.
const KBITS_V2: [[u32; 16]; 2] = [
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, 0],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0],
];

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// 1 to 3.
    pub(crate) layer: u8,
    /// Whether it is MPEG-1; otherwise MPEG-2 or 2.5.
    pub(crate) version1: bool,
    /// Samples per second.
    pub(crate) hz: u32,
    /// 1 or 2.
    pub(crate) channels: u16,
    /// Length of the frame in bytes, including its header. 0 in free format, whose header does not
    /// give it.
    pub(crate) bytes: usize,
    /// Whether a checksum follows the header.
    pub(crate) has_crc: bool,
}

impl FrameHeader {
    /// Parses the header in the first four bytes, if they are one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let &[a, b, c, d] = bytes.first_chunk::<LEN>()?;
        let (version, layer) = ((b >> 3) & 3, (b >> 1) & 3);
        let (bit_rate, rate) = (usize::from(c >> 4), (c >> 2) & 3);
        let is_header = a == 0xFF && b >= 0xE0 && version != 1 && layer != 0 && bit_rate != 15 && rate != 3;
        if !is_header || d & 3 == 2 {
            return None;
        }
        let version1 = version == 3;
        let base = [44_100, 48_000, 32_000].get(usize::from(rate)).copied()?;
        let hz = base >> [2, 0, 1, 0].get(usize::from(version)).copied()?;
        // The header codes layers in reverse.
        let layer = 4 - layer;
        let table = if version1 { KBITS_V1.get(usize::from(layer) - 1)? } else { &KBITS_V2[usize::from(layer > 1)] };
        let kbits = table.get(bit_rate).copied()?;
        let bytes = match kbits {
            0 => 0,
            kbits => frame_bytes(layer, version1, kbits, hz) + usize::from(c & 2 != 0) * if layer == 1 { 4 } else { 1 },
        };
        let channels = if d >> 6 == 3 { 1 } else { 2 };
        Some(Self { layer, version1, hz, channels, bytes, has_crc: b & 1 == 0 })
    }

    /// Returns the samples of each channel in the frame.
    pub(crate) fn samples(self) -> usize {
        match (self.layer, self.version1) {
            (1, _) => 384,
            (3, false) => 576,
            _ => 1152,
        }
    }

    /// Returns the length of a layer III frame's side information in bytes.
    pub(crate) fn side_info(self) -> usize {
        match (self.version1, self.channels) {
            (true, 1) => 17,
            (true, _) => 32,
            (false, 1) => 9,
            (false, _) => 17,
        }
    }

    /// Returns whether a frame belongs to the same stream: same layer, version, rate and number of
    /// channels.
    pub(crate) fn continues(self, other: Self) -> bool {
        (self.layer, self.version1, self.hz, self.channels) == (other.layer, other.version1, other.hz, other.channels)
    }
}

/// Returns the bytes of a frame without padding. Layer I counts in slots of four bytes.
fn frame_bytes(layer: u8, version1: bool, kbits: u32, hz: u32) -> usize {
    let bytes = match (layer, version1) {
        (1, _) => 12_000 * kbits / hz * 4,
        (3, false) => 72_000 * kbits / hz,
        _ => 144_000 * kbits / hz,
    };
    bytes as usize
}

/// Returns the first of `count` consecutive frames of one stream at the start of some bytes. Fewer
/// are enough if the bytes end exactly with a frame, with a truncated frame, or with a tag that may
/// follow the last frame.
pub(crate) fn run_of_frames(bytes: &[u8], count: usize, at_end: bool) -> Option<FrameHeader> {
    let first = FrameHeader::parse(bytes).filter(|h| h.bytes > 0)?;
    let mut at = first.bytes;
    for _ in 1..count {
        match bytes.get(at..) {
            Some(rest) if rest.len() >= LEN => {
                if at_end && is_tail(rest) {
                    return Some(first);
                }
                let next = FrameHeader::parse(rest).filter(|h| h.bytes > 0 && h.continues(first))?;
                at += next.bytes;
            }
            _ => return at_end.then_some(first),
        }
    }
    Some(first)
}

/// Returns whether a tag begins here that occurs at the end of files.
pub(crate) fn is_tail(bytes: &[u8]) -> bool {
    bytes.starts_with(b"TAG") || bytes.starts_with(b"APETAGEX") || bytes.starts_with(b"LYRICS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_telephone_streams() {
        let h = FrameHeader::parse(&[0xFF, 0xF3, 0x88, 0xC4]).unwrap();
        assert_eq!((h.hz, h.channels, h.bytes, h.samples(), h.side_info()), (16_000, 1, 288, 576, 9));
        let h = FrameHeader::parse(&[0xFF, 0xE3, 0x28, 0xC4]).unwrap();
        assert_eq!((h.hz, h.channels, h.bytes, h.has_crc), (8_000, 1, 144, false));
        let h = FrameHeader::parse(&[0xFF, 0xFB, 0x92, 0x00]).unwrap();
        assert_eq!((h.hz, h.channels, h.bytes, h.samples()), (44_100, 2, 418, 1152));
    }

    #[test]
    fn headers_of_layers_i_and_ii() {
        let h = FrameHeader::parse(&[0xFF, 0xFD, 0x92, 0x00]).unwrap();
        assert_eq!((h.layer, h.hz, h.channels, h.bytes, h.samples()), (2, 44_100, 2, 523, 1152), "160 kbit/s, padded");
        let h = FrameHeader::parse(&[0xFF, 0xFF, 0x44, 0xC0]).unwrap();
        assert_eq!((h.layer, h.hz, h.channels, h.bytes, h.samples()), (1, 48_000, 1, 128, 384), "128 kbit/s");
    }

    #[test]
    fn what_is_no_header() {
        for wrong in [
            [0xFF, 0xEB, 0x28, 0xC4], // version 1 is reserved
            [0xFF, 0xF1, 0x50, 0x80], // AAC in ADTS
            [0xFF, 0xFB, 0xF2, 0x00], // bit rate 15
            [0xFF, 0xFB, 0x9E, 0x00], // rate 3
            [0xFF, 0xFB, 0x92, 0x02], // emphasis 2
        ] {
            assert_eq!(FrameHeader::parse(&wrong), None, "{wrong:x?}");
        }
        assert_eq!(FrameHeader::parse(&[0xFF, 0xFB, 0x02, 0x00]).unwrap().bytes, 0, "free format tells no length");
    }
}
