//! Finds the last frame of a FLAC file in which other bytes follow it, such as a tag. Symphonia
//! takes a frame's end from the next frame, or from the end of the file.

use crate::checksum::flac_crc16_with;

/// Bytes by which the end of a packet is known, its checksum among them.
const TAIL: usize = 64;
/// Most frames that are tried. A checksum of 16 bits fits by chance once in 64 kB.
const MOST: usize = 32;

/// Returns where the frame after a packet begins; if there was no packet, where the first frame of
/// the file does.
pub(super) fn start(bytes: &[u8], packet: &[u8]) -> Option<usize> {
    if packet.is_empty() {
        return after_metadata(bytes);
    }
    let tail = packet.get(packet.len().saturating_sub(TAIL)..)?;
    bytes.windows(tail.len()).rposition(|window| window == tail).map(|at| at + tail.len())
}

/// Returns the end of the metadata (RFC 9639, 8.1).
fn after_metadata(bytes: &[u8]) -> Option<usize> {
    let mut at = bytes.starts_with(b"fLaC").then_some(4)?;
    loop {
        let &[kind, a, b, c] = bytes.get(at..)?.first_chunk()?;
        at += 4 + u32::from_be_bytes([0, a, b, c]) as usize;
        if kind & 0x80 != 0 {
            return Some(at);
        }
    }
}

/// Returns what may be a frame at the beginning of the bytes: up to every place where its checksum
/// fits, shortest first.
pub(super) fn frames(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_frame = matches!(bytes, [0xFF, 0xF8 | 0xF9, ..]);
    let mut crc = 0;
    let ends = bytes.iter().enumerate().filter_map(move |(at, &byte)| {
        crc = flac_crc16_with(crc, byte);
        (crc == 0).then_some(at + 1)
    });
    ends.filter_map(|end| bytes.get(..end)).take(if is_frame { MOST } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::flac_crc16;

    #[test]
    fn a_frame_ends_where_its_checksum_fits() {
        let mut bytes = b"\xFF\xF8 a frame".to_vec();
        bytes.extend(flac_crc16(&bytes).to_be_bytes());
        let end = bytes.len();
        bytes.extend(b"TAG and more");
        assert_eq!(frames(&bytes).map(<[u8]>::len).collect::<Vec<_>>(), [end]);
        assert_eq!(frames(&bytes[1..]).count(), 0);
        assert_eq!(frames(b"").count(), 0);
    }

    #[test]
    fn the_first_frame_is_behind_the_metadata() {
        let file = [&b"fLaC\x00\x00\x00\x02ab\x81\x00\x00\x01c"[..], b"\xFF\xF8"].concat();
        assert_eq!(start(&file, b""), Some(file.len() - 2));
        assert_eq!(start(&file[..12], b""), None);
        assert_eq!(start(b"\xFF", b""), None);
        assert_eq!((start(b"one two", b"one"), start(b"one two", b"three")), (Some(3), None));
    }
}
