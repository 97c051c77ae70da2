//! Reads the bits of a frame, most significant first.

/// Bits that a word has at least, wherever it begins.
pub(super) const WORD_BITS: u32 = 57;

/// Reads bits in order. Bits beyond the end are zeros.
pub(super) struct FrameBits<'a> {
    bytes: &'a [u8],
    /// Position of the next bit.
    pub at: usize,
}

impl<'a> FrameBits<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Returns at least the next [`WORD_BITS`], left-aligned in a word.
    #[inline(always)]
    pub(super) fn word(&self) -> u64 {
        self.word_at(self.at)
    }

    /// Returns at least [`WORD_BITS`] from a bit position on, left-aligned in a word.
    #[inline(always)]
    pub(super) fn word_at(&self, at: usize) -> u64 {
        let rest = self.bytes.get(at / 8..).unwrap_or_default();
        let word = rest.first_chunk::<8>().map_or_else(|| last_word(rest), |eight| u64::from_be_bytes(*eight));
        word << (at % 8)
    }

    /// Reads a number of at most 32 bits.
    #[inline(always)]
    pub(super) fn read(&mut self, count: u32) -> u32 {
        let number = self.word().checked_shr(64 - count).unwrap_or(0);
        self.at += count as usize;
        number as u32
    }

    pub(super) fn flag(&mut self) -> bool {
        self.read(1) == 1
    }
}

/// Returns fewer than eight bytes, padded with zeros.
#[cold]
fn last_word(bytes: &[u8]) -> u64 {
    (0..8).fold(0, |word, i| word << 8 | u64::from(bytes.get(i).copied().unwrap_or(0)))
}
