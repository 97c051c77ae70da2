//! Computes the memory that a Vorbis setup header makes a decoder allocate, before a decoder reads
//! it (Vorbis I specification, 3.2.1).
//!
//! A codebook of about twenty bytes may require 150 MB: its entries are counted in 24 bits, its
//! code lengths may be run-length encoded, and a decoding table needs a block of 256 places for
//! every prefix of 8, 16 and 24 bits.

/// Bytes per place of a decoding table.
const PLACE: u64 = 8;
/// Bytes per block that building a table needs besides its places.
const BLOCK: u64 = 160;
/// Bytes per code that building a table needs: its length, its value, the code, and the two kept
/// together.
const CODE: u64 = 24;
/// Bits that one block of a table decodes.
const BLOCK_BITS: u32 = 8;
/// Longest code in bits.
const MAX_CODE: usize = 32;

/// Reads the bits of a header, least significant first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: u64,
}

impl Bits<'_> {
    /// Reads a number of `bits` bits. Returns `None` beyond the end.
    fn take(&mut self, bits: u32) -> Option<u32> {
        let mut value = 0u64;
        let end = self.at + u64::from(bits);
        if end > 8 * self.bytes.len() as u64 {
            return None;
        }
        let (first, shift) = ((self.at / 8) as usize, self.at % 8);
        for (i, &byte) in self.bytes.get(first..)?.iter().take(5).enumerate() {
            value |= u64::from(byte) << (8 * i);
        }
        self.at = end;
        Some((value >> shift & ((1u64 << bits) - 1)) as u32)
    }

    fn skip(&mut self, bits: u64) -> Option<()> {
        self.at = self.at.checked_add(bits).filter(|&end| end <= 8 * self.bytes.len() as u64)?;
        Some(())
    }
}

/// Estimates the memory of a setup header's codebooks in bytes. A truncated header counts up to its
/// end, and its last codebook in full.
pub(crate) fn codebook_bytes(setup: &[u8]) -> u64 {
    let mut bits = Bits { bytes: setup.get(7..).unwrap_or_default(), at: 0 };
    let mut bytes = 0u64;
    let books = bits.take(8).map_or(0, |count| count + 1);
    for _ in 0..books {
        let mut book = Book::default();
        let whole = book.read(&mut bits);
        bytes = bytes.saturating_add(book.bytes());
        if whole.is_none() {
            break;
        }
    }
    bytes
}

/// The known fields of a codebook.
#[derive(Default)]
struct Book {
    dimensions: u64,
    entries: u64,
    /// Number of codes of each length, from 1 bit.
    lengths: Vec<u64>,
    /// Number of values in the vector table, 0 without vectors.
    values: u64,
}

impl Book {
    /// Reads a codebook. Returns `None` if the header ends within it or is invalid, as a decoder
    /// finds too.
    fn read(&mut self, bits: &mut Bits) -> Option<()> {
        if bits.take(24)? != 0x56_4342 {
            return None;
        }
        self.dimensions = bits.take(16)?.into();
        self.entries = bits.take(24)?.into();
        if bits.take(1)? == 1 {
            self.ordered(bits)?
        } else {
            self.listed(bits)?
        }
        let lookup = bits.take(4)?;
        if !(1..=2).contains(&lookup) {
            return (lookup == 0).then_some(());
        }
        bits.skip(64)?;
        let width = bits.take(4)? + 1;
        bits.skip(1)?;
        self.values = if lookup == 1 { root(self.entries, self.dimensions) } else { self.entries * self.dimensions };
        bits.skip(self.values.checked_mul(width.into())?)
    }

    /// Reads run-length encoded code lengths: the number of codes of each length, from a first
    /// length on.
    fn ordered(&mut self, bits: &mut Bits) -> Option<()> {
        let (mut done, mut length) = (0, bits.take(5)? as usize);
        while done < self.entries {
            let width = u64::BITS - (self.entries - done).leading_zeros();
            let run = u64::from(bits.take(width)?);
            self.add(length, run)?;
            (done, length) = (done + run, length + 1);
        }
        (done == self.entries).then_some(())
    }

    /// Reads a length for each entry, or for each used entry.
    fn listed(&mut self, bits: &mut Bits) -> Option<()> {
        let sparse = bits.take(1)? == 1;
        for _ in 0..self.entries {
            if !sparse || bits.take(1)? == 1 {
                let length = bits.take(5)? as usize;
                self.add(length, 1)?;
            }
        }
        Some(())
    }

    /// Adds codes of a length minus one. Returns `None` beyond the longest.
    fn add(&mut self, length: usize, codes: u64) -> Option<()> {
        self.lengths.resize(MAX_CODE, 0);
        *self.lengths.get_mut(length)? += codes;
        Some(())
    }

    fn bytes(&self) -> u64 {
        let vectors = if self.values > 0 { 4 * self.entries * self.dimensions } else { 0 };
        let codes: u64 = CODE * self.entries;
        vectors + codes + 2 * self.values + self.blocks() * (PLACE << BLOCK_BITS | BLOCK)
    }

    /// Returns the number of blocks in the decoding table: one, and one for every prefix of 8, 16
    /// and 24 bits that continues. The codes of a complete tree below a prefix sum to one, each
    /// with 2^-(bits after the prefix).
    fn blocks(&self) -> u64 {
        let below = |depth: usize| -> u64 {
            let longer = self.lengths.iter().enumerate().skip(depth);
            let sum: f64 = longer.map(|(length, &codes)| codes as f64 / 2f64.powi((length + 1 - depth) as i32)).sum();
            sum.ceil() as u64
        };
        1 + below(8) + below(16) + below(24)
    }
}

/// Returns the largest number whose power `dimensions` is at most `entries`.
fn root(entries: u64, dimensions: u64) -> u64 {
    let fits = |value: u64| {
        let power = (0..dimensions.min(64)).try_fold(1u64, |power, _| power.checked_mul(value));
        value <= 1 || power.is_some_and(|power| power <= entries)
    };
    (1..=entries).take_while(|&value| fits(value)).last().unwrap_or(0)
}

/// Returns the identification and the setup header in the private data of a Matroska track: the
/// first and the third of three packets with Xiph lacing, or concatenated.
pub(crate) fn headers_in(private: &[u8]) -> (&[u8], &[u8]) {
    /// Bytes of an identification header.
    const IDENTIFICATION: usize = 30;
    let laced = || {
        let mut rest = private.strip_prefix(&[2])?;
        let mut lengths = [0; 2];
        for length in &mut lengths {
            let run = rest.iter().take_while(|&&b| b == 255).count();
            *length = 255 * run + usize::from(*rest.get(run)?);
            rest = rest.get(run + 1..)?;
        }
        Some((rest.get(..lengths[0])?, rest.get(lengths[0] + lengths[1]..)?))
    };
    laced().or_else(|| private.split_at_checked(IDENTIFICATION)).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Writes bits, least significant first.
    #[derive(Default)]
    pub(crate) struct Writer {
        pub(crate) bytes: Vec<u8>,
        at: u32,
    }

    impl Writer {
        pub(crate) fn put(&mut self, value: u64, bits: u32) {
            for bit in 0..bits {
                if self.at == 0 {
                    self.bytes.push(0);
                }
                *self.bytes.last_mut().unwrap() |= ((value >> bit & 1) as u8) << self.at;
                self.at = (self.at + 1) % 8;
            }
        }
    }

    /// Builds a setup header of codebooks with 2^17 codes each, all of 17 bits, and vectors of 32
    /// values.
    pub(crate) fn hostile_setup(books: u64) -> Vec<u8> {
        let mut header = Writer { bytes: b"\x05vorbis".to_vec(), at: 0 };
        header.put(books - 1, 8);
        for _ in 0..books {
            header.put(0x56_4342, 24);
            header.put(32, 16);
            header.put(1 << 17, 24);
            header.put(1, 1);
            header.put(16, 5);
            header.put(1 << 17, 18);
            header.put(1, 4);
            header.put(0, 64);
            header.put(0, 4);
            header.put(0, 1);
            header.put(0, 1);
        }
        header.bytes
    }

    #[test]
    fn twenty_bytes_may_ask_for_more_than_a_hundred_million() {
        let one = hostile_setup(1);
        assert!(one.len() < 40, "{}", one.len());
        let bytes = codebook_bytes(&one);
        assert!((140_000_000..200_000_000).contains(&bytes), "{bytes}");
        assert!(codebook_bytes(&hostile_setup(16)) >= 16 * bytes / 2);
    }

    #[test]
    fn a_header_that_ends_early_counts_as_far_as_it_goes() {
        let whole = hostile_setup(2);
        for end in 0..whole.len() {
            assert!(codebook_bytes(&whole[..end]) <= codebook_bytes(&whole));
        }
        assert_eq!(codebook_bytes(&[]), 0);
        assert_eq!(codebook_bytes(&[0xFF; 4000]), Book::default().bytes());
    }

    #[test]
    fn roots_are_whole_numbers() {
        for (entries, dimensions, value) in [(81, 4, 3), (80, 4, 2), (1, 8, 1), (0, 3, 0), (1 << 17, 32, 1), (9, 1, 9)]
        {
            assert_eq!(root(entries, dimensions), value, "{entries} {dimensions}");
        }
    }

    #[test]
    fn both_headers_are_found_in_private_data() {
        let laced = [&[2, 3, 255, 1][..], &[1; 3], &[2; 256], b"setup"].concat();
        assert_eq!(headers_in(&laced), (&[1; 3][..], &b"setup"[..]));
        assert_eq!(headers_in(&[&[1; 30][..], b"setup"].concat()), (&[1; 30][..], &b"setup"[..]));
        for short in [&[][..], &[2], &[2, 255], &[1; 29]] {
            assert_eq!(headers_in(short), (&[][..], &[][..]));
        }
    }
}
