//! Scale factors: ISO/IEC 11172-3 2.4.2.7 and 13818-3 2.4.3.2.

use super::bands::{FIRST_MIXED, ScaleBands};
use super::bits::FrameBits;
use super::side::{GranuleInfo, LINES, WindowKind};

/// Scale factors of one channel: by band, or by band and window.
pub(super) type ScaleFactors = [u8; 39];

/// Illegal intensity position, in any version.
pub(super) const NO_PLACE: u8 = u8::MAX;

/// Bits of the lower and of the upper MPEG-1 scale factors, by `scalefac_compress`.
const LOWER_BITS: [u32; 16] = [0, 0, 0, 0, 3, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4];
const UPPER_BITS: [u32; 16] = [0, 1, 2, 3, 0, 1, 2, 3, 1, 2, 3, 1, 2, 3, 2, 3];
/// Number of scale factors in each of the four groups of MPEG-1 long blocks.
const GROUPS: [usize; 4] = [6, 5, 5, 5];
/// Number of MPEG-2 scale factors with each of the four bit lengths: for long, short and mixed
/// blocks, by the range of `scalefac_compress`. The first three ranges apply to the second channel
/// in intensity stereo.
const COUNTS: [[[usize; 4]; 3]; 6] = [
    [[7, 7, 7, 0], [12, 12, 12, 0], [6, 15, 12, 0]],
    [[6, 6, 6, 3], [12, 9, 9, 6], [6, 12, 9, 6]],
    [[8, 8, 5, 0], [15, 12, 9, 0], [6, 18, 9, 0]],
    [[6, 5, 5, 5], [9, 9, 9, 9], [6, 9, 9, 9]],
    [[6, 5, 7, 3], [9, 9, 12, 6], [6, 9, 12, 6]],
    [[11, 10, 0, 0], [18, 18, 0, 0], [15, 18, 0, 0]],
];
/// Added to the scale factors of high bands by `preflag` (table B.6).
const LIFT: [u8; 22] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 2, 0];
/// 2^(n/4).
const QUARTERS: [f32; 4] = [1.0, 1.189_207_1, std::f32::consts::SQRT_2, 1.681_792_8];

/// Source of the scale factors of a granule and channel.
pub(super) struct FactorSource {
    pub version1: bool,
    /// Whether they are intensity positions.
    pub places: bool,
    /// Groups that are shared with the first granule (`scfsi`).
    pub shared: [bool; 4],
    /// Scale factors of the first granule, if it has any.
    pub first: Option<ScaleFactors>,
}

impl FactorSource {
    /// Reads scale factors and intensity positions. `None` if shared scale factors are not
    /// available.
    pub(super) fn read(&self, bits: &mut FrameBits, info: &mut GranuleInfo) -> Option<(ScaleFactors, ScaleFactors)> {
        if !self.version1 {
            return Some(read_second_version(bits, info, self.places));
        }
        let shared = !info.window.is_short() && self.shared.contains(&true);
        let before = if shared { Some((self.first?, self.shared)) } else { None };
        let factors = read_first_version(bits, info, before.as_ref().map(|(first, shared)| (first, shared)));
        Some((factors, factors))
    }
}

/// Reads MPEG-1 scale factors. `before`: the first granule's, for the groups that are shared.
fn read_first_version(
    bits: &mut FrameBits,
    info: &GranuleInfo,
    before: Option<(&ScaleFactors, &[bool; 4])>,
) -> ScaleFactors {
    let mut factors = [0; 39];
    let code = info.scale_code as usize % 16;
    let (lower, upper) = (LOWER_BITS[code], UPPER_BITS[code]);
    if info.window.is_short() {
        let first = if info.window == WindowKind::Mixed { 17 } else { 18 };
        read_some(bits, &mut factors[..first], lower);
        read_some(bits, &mut factors[first..first + 18], upper);
        return factors;
    }
    let mut from = 0;
    for (group, &count) in GROUPS.iter().enumerate() {
        let here = from..from + count;
        match before {
            Some((before, shared)) if shared[group] => factors[here.clone()].copy_from_slice(&before[here]),
            _ => read_some(bits, &mut factors[here], if group < 2 { lower } else { upper }),
        }
        from += count;
    }
    factors
}

/// Reads MPEG-2 scale factors and intensity positions, of which the largest value is illegal.
/// `intensity`: they belong to the second channel in intensity stereo.
fn read_second_version(bits: &mut FrameBits, info: &mut GranuleInfo, intensity: bool) -> (ScaleFactors, ScaleFactors) {
    let (lengths, range) = if intensity { place_bits(info.scale_code >> 1) } else { factor_bits(info.scale_code) };
    info.lifted = !intensity && range == 5;
    let kind = match info.window {
        WindowKind::Mixed => 2,
        WindowKind::Short => 1,
        _ => 0,
    };
    let (mut factors, mut places) = ([0; 39], [NO_PLACE; 39]);
    let mut from = 0;
    for (length, count) in lengths.into_iter().zip(COUNTS[range][kind]) {
        let here = from..from + count;
        read_some(bits, &mut factors[here.clone()], length);
        let largest = ((1u32 << length) - 1) as u8;
        for (place, &factor) in places[here.clone()].iter_mut().zip(&factors[here]) {
            *place = if factor == largest { NO_PLACE } else { factor };
        }
        from += count;
    }
    (factors, places)
}

fn read_some(bits: &mut FrameBits, factors: &mut [u8], length: u32) {
    if length > 0 {
        factors.iter_mut().for_each(|factor| *factor = bits.read(length) as u8);
    }
}

/// Returns the bit lengths of scale factors, and the range of `scalefac_compress`.
fn factor_bits(code: u32) -> ([u32; 4], usize) {
    match code {
        0..400 => ([(code >> 4) / 5, (code >> 4) % 5, (code & 15) >> 2, code & 3], 3),
        400..500 => ([((code - 400) >> 2) / 5, ((code - 400) >> 2) % 5, code & 3, 0], 4),
        _ => ([(code - 500) / 3, (code - 500) % 3, 0, 0], 5),
    }
}

/// Returns the bit lengths of intensity positions, and the range of their code.
fn place_bits(code: u32) -> ([u32; 4], usize) {
    match code {
        0..180 => ([code / 36, code % 36 / 6, code % 6, 0], 0),
        180..244 => ([(code - 180) >> 4, ((code - 180) & 15) >> 2, (code - 180) & 3, 0], 1),
        _ => ([(code - 244) / 3, (code - 244) % 3, 0, 0], 2),
    }
}

/// Requantizes the lines before `end` by global gain, subblock gain and scale factors.
pub(super) fn scale(
    lines: &mut [f32; LINES],
    end: usize,
    info: &GranuleInfo,
    factors: &ScaleFactors,
    bands: &ScaleBands,
) {
    let longs = match info.window {
        WindowKind::Short => 0,
        WindowKind::Mixed => bands.mixed,
        _ => 22,
    };
    let shift = if info.coarse { 2 } else { 1 };
    for (band, (edges, &factor)) in bands.long.windows(2).zip(factors).take(longs).enumerate() {
        let lifted = factor + if info.lifted { LIFT[band] } else { 0 };
        grow(lines, edges[0]..edges[1].min(end), info.gain - 210 - (i32::from(lifted) << shift));
    }
    if info.window.is_short() {
        let first = if info.window == WindowKind::Mixed { FIRST_MIXED } else { 0 };
        let windows = bands.short.windows(2).skip(first).flat_map(|edges| (0..3).map(move |window| (edges, window)));
        for ((edges, window), &factor) in windows.zip(&factors[longs..]) {
            let width = edges[1] - edges[0];
            let start = 3 * edges[0] + window * width;
            let gain = info.gain - 210 - 8 * info.window_gains[window];
            grow(lines, start..(start + width).min(end), gain - (i32::from(factor) << shift));
        }
    }
}

/// Multiplies lines by 2^(`quarters`/4).
fn grow(lines: &mut [f32; LINES], range: std::ops::Range<usize>, quarters: i32) {
    let factor = power_of_2(quarters);
    lines.get_mut(range).unwrap_or_default().iter_mut().for_each(|line| *line *= factor);
}

/// Returns 2^(`quarters`/4).
pub(super) fn power_of_2(quarters: i32) -> f32 {
    let exponent = (quarters >> 2).clamp(-126, 127);
    f32::from_bits(((exponent + 127) as u32) << 23) * QUARTERS[(quarters & 3) as usize]
}
