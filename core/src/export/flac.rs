//! Encodes a mix as FLAC (RFC 9639): 16 bits, fixed predictors, Rice-coded residuals.
//!
//! It uses integers only, so the bytes are the same on every machine. The checksum of all samples
//! is left out, as the format allows, because it would have to be written before them.

use super::{AudioShape, Encode};
use crate::checksum::flac_crc16;
use crate::error::{Error, ErrorKind, Result, Stage};

/// Samples per channel in a frame.
const BLOCK: usize = 4096;
/// The format's limit on channels.
const MAX_CHANNELS: u16 = 8;
/// Highest order of a fixed predictor.
const MAX_ORDER: usize = 4;
/// A block is divided into up to 2⁶ partitions, each with its own Rice parameter. The value 15 is
/// reserved.
const MAX_PARTITION: usize = 6;
const PARAMETERS: usize = 15;
const BITS: u64 = 16;
/// Sample rates with a code in the frame header. Others are only in the stream header.
const RATES: [(u32, u8); 7] =
    [(8_000, 4), (16_000, 5), (22_050, 6), (24_000, 7), (32_000, 8), (44_100, 9), (48_000, 10)];

/// Encodes interleaved samples block by block.
pub(super) struct Flac {
    channels: u16,
    rate: u32,
    /// Samples of an incomplete block.
    waiting: Vec<i16>,
    frame: u32,
    residual: Vec<i32>,
}

impl Flac {
    /// # Errors
    /// `unsupported` for more than 8 channels.
    pub(super) fn new(shape: AudioShape) -> Result<Self> {
        let channels = shape.channels;
        if channels > MAX_CHANNELS {
            return Err(Error::new(ErrorKind::Unsupported, Stage::Export, "too many channels for FLAC")
                .with_mismatch(channels, format!("at most {MAX_CHANNELS}; use wav or a mono mix instead")));
        }
        Ok(Self { channels, rate: shape.rate.hz(), waiting: Vec::new(), frame: 0, residual: Vec::new() })
    }

    fn frame(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        let frames = samples.len() / usize::from(self.channels).max(1);
        let start = out.len();
        let mut bits = BitWriter::new(out);
        bits.put(0xFFF8, 16); // synchronisation; all blocks of one size
        let rate = RATES.iter().find(|r| r.0 == self.rate).map_or(0, |r| r.1);
        bits.put(if frames == BLOCK { 12 } else { 7 }, 4);
        bits.put(rate.into(), 4);
        bits.put(u64::from(self.channels - 1), 4);
        bits.put(4 << 1, 4); // 16 bits
        bits.put_number(self.frame);
        if frames != BLOCK {
            bits.put(frames.saturating_sub(1) as u64, 16);
        }
        let header = crc8(bits.out.get(start..).unwrap_or_default());
        bits.put(header.into(), 8);
        let mut channel = Vec::with_capacity(frames);
        for c in 0..usize::from(self.channels) {
            channel.clear();
            channel.extend(samples.iter().skip(c).step_by(self.channels.into()).map(|&x| i32::from(x)));
            subframe(&channel, &mut self.residual, &mut bits);
        }
        bits.align();
        let checksum = flac_crc16(out.get(start..).unwrap_or_default());
        out.extend(checksum.to_be_bytes());
        self.frame = self.frame.wrapping_add(1);
    }
}

impl Encode for Flac {
    fn header(&self, frames: u64, out: &mut Vec<u8>) {
        out.extend(b"fLaC");
        let mut bits = BitWriter::new(out);
        bits.put(0x80, 8); // the last block of metadata, and the stream's own
        bits.put(34, 24);
        bits.put(BLOCK as u64, 16);
        bits.put(BLOCK as u64, 16);
        bits.put(0, 24);
        bits.put(0, 24); // lengths of frames: not known yet
        bits.put(self.rate.into(), 20);
        bits.put(u64::from(self.channels - 1), 3);
        bits.put(BITS - 1, 5);
        bits.put(frames, 36);
        bits.put(0, 64);
        bits.put(0, 64); // no checksum
    }

    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        let whole = BLOCK * usize::from(self.channels);
        self.waiting.extend_from_slice(samples);
        let waiting = std::mem::take(&mut self.waiting);
        let (blocks, rest) = waiting.split_at(waiting.len() / whole * whole);
        blocks.chunks_exact(whole).for_each(|block| self.frame(block, out));
        self.waiting = rest.to_vec();
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let rest = std::mem::take(&mut self.waiting);
        if !rest.is_empty() {
            self.frame(&rest, out);
        }
    }
}

/// Writes one channel of a block in the shortest known way.
fn subframe(samples: &[i32], residual: &mut Vec<i32>, bits: &mut BitWriter) {
    if let Some(&first) = samples.first()
        && samples.iter().all(|&x| x == first)
    {
        bits.put(0, 8);
        return bits.put_signed(first);
    }
    let order = best_order(samples);
    predict(samples, order, residual);
    let (plan, cost) = SubframePlan::of(residual, samples.len(), order);
    if cost + order as u64 * BITS >= samples.len() as u64 * BITS {
        bits.put(1 << 1, 8);
        return samples.iter().for_each(|&x| bits.put_signed(x));
    }
    bits.put((8 | order as u64) << 1, 8);
    samples.iter().take(order).for_each(|&x| bits.put_signed(x));
    bits.put(0, 2);
    bits.put(plan.partition as u64, 4);
    let mut rest = residual.as_slice();
    for (k, &parameter) in plan.parameters.iter().enumerate() {
        let count = (samples.len() >> plan.partition) - if k == 0 { order } else { 0 };
        let (part, after) = rest.split_at(count.min(rest.len()));
        bits.put(parameter as u64, 4);
        part.iter().for_each(|&x| bits.put_rice(folded(x), parameter));
        rest = after;
    }
}

/// Returns the order whose residual has the smallest sum.
fn best_order(samples: &[i32]) -> usize {
    let mut last = [0i64; MAX_ORDER];
    let mut sums = [0u64; MAX_ORDER + 1];
    for (i, &x) in samples.iter().enumerate() {
        let mut difference = i64::from(x);
        for (order, sum) in sums.iter_mut().enumerate() {
            if i >= MAX_ORDER {
                *sum += difference.unsigned_abs();
            }
            if let Some(before) = last.get_mut(order) {
                let next = difference - *before;
                *before = difference;
                difference = next;
            }
        }
    }
    if samples.len() <= MAX_ORDER {
        return 0;
    }
    sums.iter().enumerate().min_by_key(|(_, sum)| **sum).map_or(0, |(order, _)| order)
}

/// Computes the residual of all samples but the first `order`, each predicted from those before it.
fn predict(samples: &[i32], order: usize, residual: &mut Vec<i32>) {
    residual.clear();
    residual.extend_from_slice(samples);
    for _ in 0..order {
        // Differences of differences; the first of each round has nothing before it and is dropped.
        for i in (1..residual.len()).rev() {
            residual[i] -= residual[i - 1];
        }
        residual.remove(0);
    }
}

/// The partitions of a residual and their Rice parameters.
struct SubframePlan {
    partition: usize,
    parameters: Vec<usize>,
}

impl SubframePlan {
    /// Returns the shortest plan and its length in bits. `frames` includes the samples missing at
    /// the residual's beginning.
    fn of(residual: &[i32], frames: usize, order: usize) -> (Self, u64) {
        let finest =
            (0..=MAX_PARTITION).rev().find(|&p| frames.is_multiple_of(1 << p) && frames >> p > order).unwrap_or(0);
        // For each part and parameter the bits that its numbers take.
        let mut costs: Vec<[u64; PARAMETERS]> = vec![[0; PARAMETERS]; 1 << finest];
        let size = frames >> finest;
        for (i, &x) in residual.iter().enumerate() {
            let number = folded(x);
            if let Some(cost) = costs.get_mut((i + order) / size.max(1)) {
                for (parameter, bits) in cost.iter_mut().enumerate() {
                    *bits += u64::from(number >> parameter) + 1 + parameter as u64;
                }
            }
        }
        let mut best = (Self { partition: 0, parameters: vec![0] }, u64::MAX);
        for partition in (0..=finest).rev() {
            let chosen =
                costs.iter().map(|c| c.iter().enumerate().min_by_key(|p| *p.1).map_or((0, 0), |(p, b)| (p, *b)));
            let (parameters, bits): (Vec<usize>, Vec<u64>) = chosen.unzip();
            let cost = 8 + bits.iter().map(|b| b + 4).sum::<u64>();
            if cost < best.1 {
                best = (Self { partition, parameters }, cost);
            }
            let joined = |pair: &[[u64; PARAMETERS]]| {
                let mut sum = [0; PARAMETERS];
                pair.iter().for_each(|c| sum.iter_mut().zip(c).for_each(|(s, x)| *s += x));
                sum
            };
            costs = costs.chunks(2).map(joined).collect();
        }
        best
    }
}

/// Maps a signed number to an unsigned one: 0, −1, 1, −2, …
fn folded(x: i32) -> u32 {
    ((x << 1) ^ (x >> 31)) as u32
}

/// Writes bits, highest first.
struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    held: u64,
    count: u32,
}

impl<'a> BitWriter<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, held: 0, count: 0 }
    }

    /// Writes the lowest bits of a number.
    fn put(&mut self, number: u64, bits: u32) {
        if bits > 32 {
            self.put(number >> 32, bits - 32);
            return self.put(number & 0xFFFF_FFFF, 32);
        }
        self.held = (self.held << bits) | (number & ((1 << bits) - 1));
        self.count += bits;
        while self.count >= 8 {
            self.count -= 8;
            self.out.push((self.held >> self.count) as u8);
        }
    }

    fn put_signed(&mut self, sample: i32) {
        self.put(u64::from(sample as u16), BITS as u32);
    }

    fn put_rice(&mut self, number: u32, parameter: usize) {
        let mut zeros = number >> parameter;
        while zeros > 31 {
            self.put(0, 32);
            zeros -= 32;
        }
        self.put(1, zeros + 1);
        self.put(number.into(), parameter as u32);
    }

    /// Writes a frame's number in UTF-8's encoding.
    fn put_number(&mut self, number: u32) {
        if number < 0x80 {
            return self.put(number.into(), 8);
        }
        let more = (1..6).find(|&more| u64::from(number) < 1 << (5 * more + 6)).unwrap_or(5);
        let lead = (0xFF00u32 >> (more + 1)) & 0xFF;
        self.put(u64::from(lead | (number >> (6 * more))), 8);
        (0..more).rev().for_each(|k| self.put(u64::from(0x80 | (number >> (6 * k)) & 0x3F), 8));
    }

    fn align(&mut self) {
        if self.count > 0 {
            self.put(0, 8 - self.count);
        }
    }
}

/// x⁸ + x² + x + 1.
fn crc8(bytes: &[u8]) -> u8 {
    let step = |crc: u8, _| if crc & 0x80 != 0 { (crc << 1) ^ 0x07 } else { crc << 1 };
    bytes.iter().fold(0, |crc, &byte| (0..8).fold(crc ^ byte, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_of_the_catalogue() {
        // CRC-8/SMBUS and CRC-16/UMTS of the nine digits.
        assert_eq!((crc8(b"123456789"), flac_crc16(b"123456789")), (0xF4, 0xFEE8));
    }

    #[test]
    fn numbers_are_spelt_as_utf_8_spells_characters() {
        for number in [0u32, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x1_0000, 0x10_FFFF] {
            let mut out = Vec::new();
            BitWriter::new(&mut out).put_number(number);
            let character = char::from_u32(number).unwrap_or('\u{FFFF}');
            assert_eq!(out, character.to_string().into_bytes(), "{number:x}");
        }
        let mut out = Vec::new();
        BitWriter::new(&mut out).put_number(0x7FFF_FFFF);
        assert_eq!(out, [0xFD, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF]);
    }

    #[test]
    fn a_predictor_of_any_order_leaves_nothing_of_its_polynomial() {
        let cubic: Vec<i32> = (0..50).map(|i| i * i * i / 8 * 8 - 3 * i * i + 7).collect();
        let mut residual = Vec::new();
        predict(&(0..50).map(|i| 3 * i + 1).collect::<Vec<_>>(), 2, &mut residual);
        assert_eq!(residual, vec![0; 48]);
        predict(&cubic, 0, &mut residual);
        assert_eq!(residual, cubic);
    }
}
