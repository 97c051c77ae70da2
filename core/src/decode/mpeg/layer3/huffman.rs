//! Decodes the lines of a granule: ISO/IEC 11172-3 2.4.1.7 and table B.7.

use std::sync::LazyLock;

use super::bits::{FrameBits, WORD_BITS};
use super::huffman_tables::{PAIRS, PairCodes};
use super::side::{GranuleInfo, LINES};

/// Code length up to which one lookup finds a pair.
const SHORT: u32 = 9;
/// Longest code of a pair, with both signs.
const LONGEST_PAIR: u32 = 19 + 2;
/// Longest code of a quadruple, with all signs.
const LONGEST_QUAD: u32 = 6 + 4;
/// Largest value: 15 plus 13 linbits.
const LARGEST: usize = 15 + (1 << 13) - 1;

/// Index in [`PAIRS`] and number of linbits of each of the standard's tables. Table 0 has no codes;
/// 4 and 14 are not used.
const TABLES: [Option<(usize, u32)>; 32] = {
    let mut tables = [None; 32];
    let (mut table, mut pairs) = (1, 0);
    let extra = [1, 2, 3, 4, 6, 8, 10, 13, 4, 5, 6, 7, 8, 9, 11, 13];
    while table < 32 {
        if table != 4 && table != 14 {
            let which = if table < 16 { pairs } else { 13 + (table - 16) / 8 };
            tables[table] = Some((which, if table < 16 { 0 } else { extra[table - 16] }));
            pairs += 1;
        }
        table += 1;
    }
    tables
};

/// Lengths and codes of quadruples by value (v, w, x, y) in the first table. Codes of the second
/// table are the value's complement in four bits.
const QUAD_LENGTHS: [u8; 16] = [1, 4, 4, 5, 4, 6, 5, 6, 4, 5, 5, 6, 5, 6, 6, 6];
const QUAD_CODES: [u16; 16] = [1, 5, 4, 5, 6, 5, 4, 4, 7, 3, 6, 0, 7, 2, 3, 1];

static CODES: LazyLock<HuffmanTables> = LazyLock::new(HuffmanTables::new);

/// Lookup tables.
struct HuffmanTables {
    pairs: Vec<PairLookup>,
    /// Value, code length, and length with signs, by the next six bits.
    quads: [[(u8, u8, u8); 64]; 2],
    /// n^(4/3).
    powers: Vec<f32>,
}

/// Looks up pairs of values by the next bits.
struct PairLookup {
    /// The pair (4 bits each), above it the code length, and above that the length with signs, so
    /// that the next code need not wait for the signs. 0 for longer codes.
    short: [u16; 1 << SHORT],
    /// Longer codes, left-aligned in a word and sorted, with pair and length.
    long: Vec<(u32, u8, u8)>,
}

impl HuffmanTables {
    fn new() -> Self {
        let mut quads = [[(0, 0, 0); 64]; 2];
        for value in 0..16u8 {
            let (length, code) = (QUAD_LENGTHS[usize::from(value)], QUAD_CODES[usize::from(value)]);
            let signs = value.count_ones() as u8;
            spread(&mut quads[0], length, usize::from(code), 6, (value, length, length + signs));
            spread(&mut quads[1], 4, usize::from(15 - value), 6, (value, 4, 4 + signs));
        }
        Self {
            pairs: PAIRS.iter().map(PairLookup::new).collect(),
            quads,
            powers: (0..=LARGEST)
                .scan(1.0, |root, n| {
                    *root = cube_root(n.max(1) as f64, *root);
                    Some((n as f64 * *root) as f32)
                })
                .collect(),
        }
    }
}

/// Fills in an entry at every index that begins with a code.
fn spread<T: Copy>(table: &mut [T], length: u8, code: usize, bits: u32, entry: T) {
    let free = bits - u32::from(length);
    table.iter_mut().skip(code << free).take(1 << free).for_each(|to| *to = entry);
}

/// Computes the cube root of a whole number, by Newton's method from the previous root. The result
/// is the same on every machine.
fn cube_root(x: f64, near: f64) -> f64 {
    (0..5).fold(near, |root, _| root - (root - x / (root * root)) / 3.0)
}

impl PairLookup {
    fn new(codes: &PairCodes) -> Self {
        let (mut short, mut long) = ([0; 1 << SHORT], Vec::new());
        for (i, (&length, &code)) in codes.lengths.iter().zip(codes.codes).enumerate() {
            let pair = (((i / codes.side) << 4) | (i % codes.side)) as u8;
            if u32::from(length) <= SHORT {
                let whole = u16::from(length) + signs(pair) as u16;
                let entry = u16::from(pair) | (u16::from(length) << 8) | (whole << 12);
                spread(&mut short, length, usize::from(code), SHORT, entry);
            } else {
                long.push((u32::from(code) << (32 - u32::from(length)), pair, length));
            }
        }
        long.sort_unstable();
        Self { short, long }
    }

    /// Returns the pair at the start of some bits, its code length, and the length with signs.
    #[inline(always)]
    fn find(&self, bits: u32) -> (u8, u32, u32) {
        let entry = self.short[(bits >> (32 - SHORT)) as usize];
        if entry == 0 {
            return self.find_long(bits);
        }
        (entry as u8, u32::from((entry >> 8) & 15), u32::from(entry >> 12))
    }

    fn find_long(&self, bits: u32) -> (u8, u32, u32) {
        let after = self.long.partition_point(|code| code.0 <= bits);
        let found = self.long.get(after.saturating_sub(1));
        found.map_or((0, 1, 1), |&(_, pair, length)| (pair, u32::from(length), u32::from(length) + signs(pair)))
    }
}

/// Returns the number of sign bits of a pair.
fn signs(pair: u8) -> u32 {
    u32::from(pair >> 4 > 0) + u32::from(pair & 15 > 0)
}

/// Reads the lines of a granule, whose codes end at bit `end`, as signed powers of 4/3. Returns the
/// number of lines before the all-zero rest. Codes may reach beyond the end, because some encoders
/// write them so.
pub(super) fn read_lines(bits: &mut FrameBits, info: &GranuleInfo, end: usize, lines: &mut [f32; LINES]) -> usize {
    let mut at = 0;
    if bits.at < end {
        let [first, second] = info.regions;
        for (table, until) in info.tables.into_iter().zip([first, second, LINES]) {
            at = read_pairs(bits, table, end, lines, at, until.min(info.paired));
        }
        at = read_quads(bits, info, end, lines, at);
    }
    lines.get_mut(at..).unwrap_or_default().fill(0.0);
    at
}

/// Reads pairs with one table up to a line.
fn read_pairs(
    bits: &mut FrameBits,
    table: usize,
    end: usize,
    lines: &mut [f32; LINES],
    at: usize,
    until: usize,
) -> usize {
    let codes = &*CODES;
    let Some((which, extra)) = TABLES.get(table).copied().flatten() else {
        lines.get_mut(at..until).unwrap_or_default().fill(0.0);
        return at.max(until);
    };
    let (Some(lookup), Some(lines)) = (codes.pairs.get(which), lines.get_mut(at..until)) else { return at };
    // Local variables stay in registers. Each code waits for the one before, so bits are taken from
    // memory only where too few are left.
    let (mut place, mut read) = (bits.at, 0);
    let (mut word, mut left) = (bits.word_at(place), WORD_BITS);
    for [x, y] in lines.as_chunks_mut().0 {
        if place >= end {
            break;
        }
        if left < LONGEST_PAIR + 2 * extra {
            (word, left) = (bits.word_at(place), WORD_BITS);
        }
        let (pair, length, mut used) = lookup.find((word >> 32) as u32);
        let mut rest = word << length;
        *x = value(usize::from(pair >> 4), extra, &mut rest, &codes.powers, &mut used);
        *y = value(usize::from(pair & 15), extra, &mut rest, &codes.powers, &mut used);
        word <<= used;
        left -= used;
        place += used as usize;
        read += 2;
    }
    bits.at = place;
    at + read
}

/// Decodes a value with its linbits and its sign from the bits after its code. Adds the linbits to
/// the bits that were used.
#[inline(always)]
fn value(mut size: usize, extra: u32, rest: &mut u64, powers: &[f32], used: &mut u32) -> f32 {
    if size == 15 && extra > 0 {
        size += (*rest >> (64 - extra)) as usize;
        *rest <<= extra;
        *used += extra;
    }
    // Zero has no sign. Zeros are unpredictable, so there is no branch.
    let signed = u32::from(size > 0);
    let sign = (*rest >> 63) as u32 & signed;
    *rest <<= signed;
    f32::from_bits(powers.get(size).map_or(0, |power| power.to_bits()) | sign << 31)
}

/// Reads quadruples of −1, 0 and 1 after the pairs.
fn read_quads(bits: &mut FrameBits, info: &GranuleInfo, end: usize, lines: &mut [f32; LINES], mut at: usize) -> usize {
    let codes = &CODES.quads[info.quads % 2];
    let (mut word, mut left) = (bits.word(), WORD_BITS);
    while bits.at < end
        && let Some(four) = lines.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<4>())
    {
        if left < LONGEST_QUAD {
            (word, left) = (bits.word(), WORD_BITS);
        }
        let (value, length, whole) = codes[(word >> 58) as usize];
        let mut rest = word << length;
        for (i, line) in four.iter_mut().enumerate() {
            let sounds = value >> (3 - i) & 1;
            let sign = (rest >> 63) as u32 & u32::from(sounds);
            rest <<= sounds;
            *line = f32::from_bits(f32::from(sounds).to_bits() | sign << 31);
        }
        word <<= whole;
        left -= u32::from(whole);
        bits.at += usize::from(whole);
        at += 4;
    }
    // A quadruple that reaches beyond the end is the encoder's stuffing.
    if bits.at > end && at > info.paired { at - 4 } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word read from memory is refilled only when fewer bits than these are left.
    #[test]
    fn no_code_is_longer_than_a_word_holds() {
        let lengths =
            PAIRS.iter().flat_map(|codes| {
                codes.lengths.iter().enumerate().map(|(i, &length)| {
                    u32::from(length) + u32::from(i / codes.side > 0) + u32::from(i % codes.side > 0)
                })
            });
        assert_eq!(lengths.max(), Some(LONGEST_PAIR));
        let quads = (0..16u8).map(|value| u32::from(QUAD_LENGTHS[usize::from(value)].max(4)) + value.count_ones());
        assert_eq!(quads.max(), Some(LONGEST_QUAD));
        let extra = TABLES.iter().flatten().map(|&(_, extra)| extra).max().unwrap_or(0);
        assert!(LONGEST_PAIR + 2 * extra <= WORD_BITS);
    }
}
