//! Pulses of the fixed codebooks (TS 26.190, 5.8.3): positions and signs on tracks of 16 positions,
//! packed by halves.

use super::{SUB_FRAME, WideBits, WideMode};

/// Fixed codebook vector of a subframe.
pub(super) type WideInnovation = [i16; SUB_FRAME];

/// A pulse: ±1, Q9.
const PULSE: i16 = 512;
/// Bit of a position that marks a negative pulse.
const NEGATIVE: usize = 16;

/// Index bits and pulses of each of the four tracks. The upper parts of all indices are sent first.
struct PulseLayout {
    upper: [usize; 4],
    lower: [usize; 4],
    pulses: [usize; 4],
}

fn layout(mode: WideMode) -> Option<PulseLayout> {
    let of = |upper, lower, pulses| Some(PulseLayout { upper, lower, pulses });
    match mode {
        WideMode::Rate660 => None,
        WideMode::Rate885 => of([0; 4], [5; 4], [1; 4]),
        WideMode::Rate1265 => of([0; 4], [9; 4], [2; 4]),
        WideMode::Rate1425 => of([0; 4], [13, 13, 9, 9], [3, 3, 2, 2]),
        WideMode::Rate1585 => of([0; 4], [13; 4], [3; 4]),
        WideMode::Rate1825 => of([2; 4], [14; 4], [4; 4]),
        WideMode::Rate1985 => of([10, 10, 2, 2], [10, 10, 14, 14], [5, 5, 4, 4]),
        WideMode::Rate2305 | WideMode::Rate2385 => of([11; 4], [11; 4], [6; 4]),
    }
}

/// Decodes the innovation of a subframe.
pub(super) fn decode(mode: WideMode, bits: &mut WideBits<'_>) -> WideInnovation {
    let mut code = [0; SUB_FRAME];
    let Some(PulseLayout { upper, lower, pulses }) = layout(mode) else {
        let index = bits.take(12);
        let sign = |bit: usize| if index >> bit & 1 == 0 { PULSE } else { -PULSE };
        code[(index >> 6 & 31) * 2] = sign(11);
        code[(index & 31) * 2 + 1] = sign(5);
        return code;
    };
    let upper = upper.map(|count| bits.take(count));
    for track in 0..4 {
        let index = upper[track] << lower[track] | bits.take(lower[track]);
        let mut places = [0; 6];
        unpack(pulses[track], index, 4, 0, &mut places);
        for &place in &places[..pulses[track]] {
            let pulse = if place & NEGATIVE == 0 { PULSE } else { -PULSE };
            code[(place & (NEGATIVE - 1)) * 4 + track] += pulse;
        }
    }
    code
}

/// Unpacks the positions of `pulses` pulses from an index, on a track of 2^n positions from an
/// offset.
fn unpack(pulses: usize, index: usize, n: usize, offset: usize, places: &mut [usize]) {
    match pulses {
        1 => one(index, n, offset, places),
        2 => two(index, n, offset, places),
        3 => three(index, n, offset, places),
        4 => four(index, n, offset, places),
        5 => five(index, n, offset, places),
        _ => six(index, n, offset, places),
    }
}

fn mask(bits: usize) -> usize {
    (1 << bits) - 1
}

fn one(index: usize, n: usize, offset: usize, places: &mut [usize]) {
    places[0] = (index & mask(n)) + offset + (index >> n & 1) * NEGATIVE;
}

/// Two pulses. They share a sign unless the second is before the first.
fn two(index: usize, n: usize, offset: usize, places: &mut [usize]) {
    let (first, second) = ((index >> n & mask(n)) + offset, (index & mask(n)) + offset);
    let sign = (index >> (2 * n) & 1) * NEGATIVE;
    places[0] = first + sign;
    places[1] = second + if second < first { NEGATIVE - sign } else { sign };
}

/// Two pulses in one half of the track, selected by a bit, and one anywhere.
fn three(index: usize, n: usize, offset: usize, places: &mut [usize]) {
    let half = offset + (index >> (2 * n - 1) & 1) * (1 << (n - 1));
    two(index & mask(2 * n - 1), n - 1, half, places);
    one(index >> (2 * n) & mask(n + 1), n, offset, &mut places[2..]);
}

fn two_in_a_half_and_two(index: usize, n: usize, offset: usize, places: &mut [usize]) {
    let half = offset + (index >> (2 * n - 1) & 1) * (1 << (n - 1));
    two(index & mask(2 * n - 1), n - 1, half, places);
    two(index >> (2 * n) & mask(2 * n + 1), n, offset, &mut places[2..]);
}

/// Four pulses. Two bits give the number in the first half.
fn four(index: usize, n: usize, offset: usize, places: &mut [usize]) {
    let half = n - 1;
    let second = offset + (1 << half);
    match index >> (4 * n - 2) & 3 {
        0 => {
            let of = if index >> (4 * half + 1) & 1 == 1 { second } else { offset };
            two_in_a_half_and_two(index, half, of, places);
        }
        1 => {
            one(index >> (3 * half + 1), half, offset, places);
            three(index, half, second, &mut places[1..]);
        }
        2 => {
            two(index >> (2 * half + 1), half, offset, places);
            two(index, half, second, &mut places[2..]);
        }
        _ => {
            three(index >> (half + 1), half, offset, places);
            one(index, half, second, &mut places[3..]);
        }
    }
}

/// Three pulses in one half, and two anywhere.
fn five(index: usize, n: usize, offset: usize, places: &mut [usize]) {
    let half = offset + (index >> (5 * n - 1) & 1) * (1 << (n - 1));
    three(index >> (2 * n + 1), n - 1, half, places);
    two(index, n, offset, &mut places[3..]);
}

/// Six pulses. Two bits give their numbers in the halves, and one the half with more.
fn six(index: usize, n: usize, offset: usize, places: &mut [usize]) {
    let half = n - 1;
    let second = offset + (1 << half);
    let (more, fewer) = if index >> (6 * n - 5) & 1 == 0 { (offset, second) } else { (second, offset) };
    match index >> (6 * n - 4) & 3 {
        0 => {
            five(index >> n, half, more, places);
            one(index, half, more, &mut places[5..]);
        }
        1 => {
            five(index >> n, half, more, places);
            one(index, half, fewer, &mut places[5..]);
        }
        2 => {
            four(index >> (2 * half + 1), half, more, places);
            two(index, half, fewer, &mut places[4..]);
        }
        _ => {
            three(index >> (3 * half + 1), half, offset, places);
            three(index, half, second, &mut places[3..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_gives_pulses_that_add_up_to_no_more_than_their_number() {
        let mut noise = 1u32;
        for mode in WideMode::ALL {
            let most = layout(mode).map_or(2, |layout| layout.pulses.iter().sum());
            for _ in 0..500 {
                let bits: Vec<bool> = (0..100)
                    .map(|_| {
                        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        noise >> 31 == 1
                    })
                    .collect();
                let code = decode(mode, &mut WideBits::new(&bits));
                let sum: usize = code.iter().map(|x| usize::from(x.unsigned_abs()) / 512).sum();
                assert!(sum <= most && sum % 2 == most % 2, "{mode:?}: {sum} of {most}");
            }
        }
    }
}
