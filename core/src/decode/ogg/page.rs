//! Ogg pages and their packets.
//!
//! Pages are verified by checksum. A page with a wrong checksum is still parsed if it is the
//! expected one and followed by the next: the damage lies within some of its packets and the others
//! are intact.

use crate::decode::source::Source;
use crate::decode::spec::DecodeNotes;
use crate::error::{Result, Warning};

/// The longest page: a header of 27 bytes, 255 lengths, 255 segments of 255 bytes.
const MAX_PAGE: usize = 27 + 255 + 255 * 255;
/// The longest packet that is assembled from pages. Vorbis setup headers are the longest real
/// packets.
const MAX_PACKET: usize = 1 << 20;

/// One page.
pub(super) struct Page {
    pub(super) continued: bool,
    pub(super) first: bool,
    pub(super) last: bool,
    /// Whether its packets may be damaged.
    pub(super) damaged: bool,
    /// End position of the last packet that ends in this page. `None` if no packet ends here, or if
    /// it is not plausible.
    pub(super) granule: Option<u64>,
    pub(super) serial: u32,
    pub(super) sequence: u32,
    lengths: Vec<u8>,
    pub(super) bytes: Vec<u8>,
}

/// State of a page.
#[derive(Clone, Copy, PartialEq)]
enum PageState {
    Whole,
    /// Its checksum does not match.
    Damaged,
    /// The input ends within it.
    CutOff,
}

/// Reads the page at the source's position, or searches for the next one. `None` at the end. `due`
/// is the serial and sequence number of the expected page, which is accepted even if it is damaged
/// or truncated.
pub(super) fn read_page(source: &mut Source, due: Option<(u32, u32)>, notes: &mut DecodeNotes) -> Result<Option<Page>> {
    let start = source.position();
    let mut skipped = 0u64;
    loop {
        let at = source.position();
        let window = source.peek(MAX_PAGE)?;
        let at_end = window.len() < MAX_PAGE;
        if let Some((page, length, state)) = parse_page(window, due, at_end) {
            source.consume(length);
            if skipped > 0 {
                notes.add(Warning::new("resync", format!("{skipped} bytes are no ogg page")).at_byte(start));
            }
            match state {
                PageState::Whole => {}
                PageState::Damaged => {
                    notes.add(Warning::new("checksum_wrong", "a damaged page, decoded as it is").at_byte(at))
                }
                PageState::CutOff => notes.add(Warning::new("truncated", "the last page is cut off").at_byte(at)),
            }
            return Ok(Some(page));
        }
        if window.is_empty() {
            if skipped > 0 {
                let cut = format!("{skipped} bytes at the end are no whole page");
                notes.add(Warning::new("truncated", cut).at_byte(start));
            }
            return Ok(None);
        }
        let search = window.get(1..).unwrap_or_default();
        let next = search.windows(4).position(|w| w == b"OggS").map(|at| at + 1);
        let step = next.unwrap_or(if at_end { window.len() } else { window.len() - 3 });
        // A false page start costs a checksum over the whole window.
        let looked = step + if window.starts_with(b"OggS\0") { window.len() } else { 0 };
        skipped += step as u64;
        source.consume(step);
        source.searched(looked)?;
    }
}

/// Parses the page at the start of some bytes. Returns it with its available length and its state.
fn parse_page(window: &[u8], due: Option<(u32, u32)>, at_end: bool) -> Option<(Page, usize, PageState)> {
    let head = window.get(..27).filter(|h| h.starts_with(b"OggS\0"))?;
    let number = |at: usize| head.get(at..at + 4).and_then(|b| b.first_chunk()).map(|b| u32::from_le_bytes(*b));
    let lengths = window.get(27..27 + usize::from(*head.get(26)?))?;
    let body = 27 + lengths.len();
    let length = body + lengths.iter().map(|&l| usize::from(l)).sum::<usize>();
    let (serial, sequence, flags) = (number(14)?, number(18)?, *head.get(5)?);
    let state = match window.get(..length) {
        Some(page) if crc(page) == number(22)? => PageState::Whole,
        _ if due != Some((serial, sequence)) || flags > 7 => return None,
        Some(_)
            if window.get(length..).is_some_and(|next| next.starts_with(b"OggS\0") || (at_end && next.is_empty())) =>
        {
            PageState::Damaged
        }
        None if at_end => PageState::CutOff,
        _ => return None,
    };
    let granule = u64::from(number(6)?) | u64::from(number(10)?) << 32;
    let bytes = window.get(body..length.min(window.len()))?;
    let whole = state == PageState::Whole;
    let page = Page {
        continued: flags & 1 != 0,
        first: whole && flags & 2 != 0,
        last: whole && flags & 4 != 0,
        damaged: !whole,
        granule: Some(granule).filter(|&g| whole && g != u64::MAX && g < 1 << 62),
        serial,
        sequence,
        lengths: lengths.get(..whole_segments(lengths, bytes.len()))?.to_vec(),
        bytes: bytes.to_vec(),
    };
    Some((page, length.min(window.len()), state))
}

/// Returns the number of segments that lie completely within this many bytes.
fn whole_segments(lengths: &[u8], bytes: usize) -> usize {
    let mut end = 0;
    lengths
        .iter()
        .take_while(|&&length| {
            end += usize::from(length);
            end <= bytes
        })
        .count()
}

/// Computes the checksum of a page, with zeros for the checksum's own four bytes.
fn crc(page: &[u8]) -> u32 {
    static TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let mut r = (i as u32) << 24;
            let mut bit = 0;
            while bit < 8 {
                r = if r & 0x8000_0000 != 0 { r << 1 ^ 0x04C1_1DB7 } else { r << 1 };
                bit += 1;
            }
            table[i] = r;
            i += 1;
        }
        table
    };
    page.iter().enumerate().fold(0, |crc: u32, (i, &byte)| {
        let byte = if (22..26).contains(&i) { 0 } else { byte };
        let index = (crc >> 24) as u8 ^ byte;
        crc << 8 ^ TABLE.get(usize::from(index)).copied().unwrap_or(0)
    })
}

/// Assembles the packets of one logical stream.
#[derive(Default)]
pub(super) struct Packets {
    pub(super) serial: u32,
    next_sequence: u32,
    /// Beginning of a packet that continues in the next page.
    partial: Vec<u8>,
    /// Whether the partial packet's beginning is missing.
    broken: bool,
}

impl Packets {
    /// Creates the packets of the stream that a page begins.
    pub(super) fn from(page: &Page) -> Self {
        Self { serial: page.serial, next_sequence: page.sequence, ..Self::default() }
    }

    /// Returns the serial and sequence number of the expected page.
    pub(super) fn due(&self) -> (u32, u32) {
        (self.serial, self.next_sequence)
    }

    /// Returns the complete packets of a page, and whether pages before it are missing.
    pub(super) fn of(&mut self, page: &Page) -> (Vec<Vec<u8>>, bool) {
        let lost = page.sequence != self.next_sequence;
        self.next_sequence = page.sequence.wrapping_add(1);
        if lost || !page.continued {
            self.broken = page.continued && (lost || self.partial.is_empty());
            self.partial.clear();
        }
        let (mut packets, mut at) = (Vec::new(), 0);
        for &length in &page.lengths {
            let segment = page.bytes.get(at..at + usize::from(length)).unwrap_or_default();
            at += usize::from(length);
            if self.partial.len() + segment.len() <= MAX_PACKET {
                self.partial.extend_from_slice(segment);
            } else {
                self.broken = true;
            }
            if length < 255 {
                let packet = std::mem::take(&mut self.partial);
                if !std::mem::take(&mut self.broken) {
                    packets.push(packet);
                }
            }
        }
        (packets, lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(sequence: u32, body: &[u8]) -> Vec<u8> {
        let mut page = b"OggS\0\0".to_vec();
        page.extend([0; 8]);
        page.extend(7u32.to_le_bytes());
        page.extend(sequence.to_le_bytes());
        page.extend([0; 4]);
        page.extend([2, 1, body.len() as u8 - 1]);
        page.extend(body);
        let crc = crc(&page);
        page[22..26].copy_from_slice(&crc.to_le_bytes());
        page
    }

    type Pages = (Vec<Vec<u8>>, bool);

    /// Returns the packets of each page, whether pages are missing before it, and the codes of the
    /// warnings.
    fn read(bytes: Vec<u8>) -> (Vec<Pages>, Vec<String>) {
        let mut source = Source::new(Box::new(std::io::Cursor::new(bytes)), None, 1 << 20, false).unwrap();
        let mut notes = DecodeNotes::default();
        let mut packets = Packets { serial: 7, ..Packets::default() };
        let mut found = Vec::new();
        while let Some(page) = read_page(&mut source, Some(packets.due()), &mut notes).unwrap() {
            found.push(packets.of(&page));
        }
        (found, notes.finish().into_iter().map(|w| w.code.into_owned()).collect())
    }

    #[test]
    fn a_page_whose_place_is_lost_is_passed_over() {
        for damaged in [30, 31, 35, 48] {
            let mut bytes = [page(0, b"one"), page(1, b"two"), page(2, b"three")].concat();
            bytes[damaged] ^= 1;
            // Damage to the magic, segment lengths or sequence number loses the second page. Pages
            // are 32 bytes each.
            if damaged == 35 || damaged == 48 {
                bytes[32 + 18] ^= 4;
            }
            let (found, codes) = read(bytes);
            assert_eq!(found.last().unwrap().0, [b"t".to_vec(), b"hree".to_vec()], "byte {damaged}");
            assert!(!codes.is_empty());
        }
    }

    #[test]
    fn a_page_with_a_damaged_packet_keeps_the_others() {
        let mut bytes = [page(0, b"one"), page(1, b"two"), page(2, b"three")].concat();
        bytes[32 + 31] ^= 1;
        let (found, codes) = read(bytes);
        assert_eq!(found[1], (vec![b"t".to_vec(), b"wn".to_vec()], false));
        assert_eq!((found.len(), codes), (3, vec!["checksum_wrong".to_owned()]));
    }

    #[test]
    fn a_page_that_is_cut_off_gives_its_whole_packets() {
        let mut bytes = [page(0, b"one"), page(1, b"two")].concat();
        bytes.pop();
        let (found, codes) = read(bytes);
        assert_eq!(found[1], (vec![b"t".to_vec()], false));
        assert_eq!(codes, ["truncated"]);
    }
}
